"""Calls with hooks: order, what they see and replace, what removes them; around forward, backward and everywhere."""

from __future__ import annotations

import copy
from typing import Any

__all__ = ["PROGRAMS"]


def fwd_order(lib: Any, nn: Any) -> Any:
    m = nn.Linear(2, 2)
    log = []
    a = m.register_forward_pre_hook(lambda mod, args: log.append("a"))
    m.register_forward_pre_hook(lambda mod, args: log.append("b"), prepend=True)
    c = m.register_forward_hook(lambda mod, args, out: log.append("c"))
    m.register_forward_hook(lambda mod, args, out: log.append("d"), prepend=True)
    m(lib.ones(1, 2))
    a.remove()
    m(lib.ones(1, 2))
    c.remove()
    m(lib.ones(1, 2))
    return log


def pre_returns_single(lib: Any, nn: Any) -> Any:
    m = nn.Identity()
    m.register_forward_pre_hook(lambda mod, args: args[0] * 2)
    return m(lib.ones(2))


def pre_kwargs(lib: Any, nn: Any) -> Any:

    class M(nn.Module):  # type: ignore[misc]
        def forward(self, x, k=1):
            return x * k

    m = M()
    m.register_forward_pre_hook(lambda mod, a, k: (a, {**k, "k": 5}), with_kwargs=True)
    log = []
    m.register_forward_hook(lambda mod, a, k, o: log.append((len(a), k)), with_kwargs=True)
    return [m(lib.ones(2)), m(lib.ones(2), k=3), log]


def always(lib: Any, nn: Any) -> Any:

    class M(nn.Module):  # type: ignore[misc]
        def forward(self, x):
            raise ZeroDivisionError("x")

    m = M()
    log = []
    m.register_forward_hook(lambda mod, a, o: log.append(("1", o)))
    m.register_forward_hook(lambda mod, a, o: log.append(("2", o)), always_call=True)
    try:
        m(1)
    except ZeroDivisionError:
        log.append("err")
    return log


def bwd(lib: Any, nn: Any) -> Any:
    m = nn.Linear(2, 3)
    log = []
    with lib.no_grad():
        m.weight.fill_(1)
        m.bias.fill_(0)
    m.register_full_backward_hook(lambda mod, gi, go: log.append(("b", gi, go)))
    m.register_full_backward_pre_hook(lambda mod, go: log.append(("p", go)))
    x = lib.ones(1, 2)
    x.requires_grad_(True)
    m(x).sum().backward()
    return [log, x.grad]


def bwd_replace(lib: Any, nn: Any) -> Any:
    m = nn.Linear(2, 3)
    with lib.no_grad():
        m.weight.fill_(1)
        m.bias.fill_(0)
    m.register_full_backward_hook(lambda mod, gi, go: (gi[0] * 10,))
    m.register_full_backward_pre_hook(lambda mod, go: (go[0] * 3,))
    x = lib.ones(1, 2)
    x.requires_grad_(True)
    m(x).sum().backward()
    return [x.grad, m.weight.grad]


def bwd_order(lib: Any, nn: Any) -> Any:
    m = nn.Identity()
    log = []
    for n, p in (("a", False), ("b", False), ("c", True)):
        m.register_full_backward_hook(lambda mod, gi, go, n=n: log.append(n), prepend=p)
        m.register_full_backward_pre_hook(lambda mod, go, n=n: log.append("p" + n), prepend=p)
    x = lib.ones(1, 2)
    x.requires_grad_(True)
    m(x).sum().backward()
    return log


def bwd_no_input_grad(lib: Any, nn: Any) -> Any:
    m = nn.Linear(2, 3)
    log = []
    with lib.no_grad():
        m.weight.fill_(1)
        m.bias.fill_(0)
    m.register_full_backward_hook(lambda mod, gi, go: log.append((gi, go)))
    m(lib.ones(1, 2)).sum().backward()
    return log


def bwd_wrong_count(lib: Any, nn: Any) -> Any:
    m = nn.Linear(2, 3)
    m.register_full_backward_hook(lambda mod, gi, go: (gi[0], gi[0]))
    x = lib.ones(1, 2)
    x.requires_grad_(True)
    m(x).sum().backward()
    return x.grad


def bwd_inputs_mixed(lib: Any, nn: Any) -> Any:

    class M(nn.Module):  # type: ignore[misc]
        def forward(self, a, n, b):
            return (a * b * n, a + b)

    m = M()
    log = []
    m.register_full_backward_hook(lambda mod, gi, go: log.append((gi, go)))
    x = lib.ones(2)
    x.requires_grad_(True)
    y = lib.ones(2)
    y.requires_grad_(True)
    o = m(x, 3, y)
    o[0].sum().backward()
    return [log, x.grad, y.grad]


def bwd_dict_output(lib: Any, nn: Any) -> Any:

    class M(nn.Module):  # type: ignore[misc]
        def forward(self, a):
            return {"y": a * 2}

    m = M()
    log = []
    m.register_full_backward_hook(lambda mod, gi, go: log.append((gi, go)))
    x = lib.ones(2)
    x.requires_grad_(True)
    m(x)["y"].sum().backward()
    return [log, x.grad]


def bwd_removed(lib: Any, nn: Any) -> Any:
    m = nn.Identity()
    log = []
    h = m.register_full_backward_hook(lambda mod, gi, go: log.append(1))
    x = lib.ones(2)
    x.requires_grad_(True)
    h.remove()
    m(x).sum().backward()
    return log


def bwd_twice(lib: Any, nn: Any) -> Any:
    m = nn.Identity()
    log = []
    m.register_full_backward_hook(lambda mod, gi, go: log.append(gi))
    x = lib.ones(2)
    x.requires_grad_(True)
    y = m(m(x)).sum()
    y.backward()
    return log


def global_hooks(lib: Any, nn: Any) -> Any:
    everywhere = nn.modules.module
    log = []
    handles = [
        everywhere.register_module_forward_pre_hook(lambda m, a: log.append("pre" + type(m).__name__)),
        everywhere.register_module_forward_hook(lambda m, a, o: log.append("post" + type(m).__name__)),
    ]
    m = nn.Sequential(nn.ReLU())
    m.register_forward_hook(lambda m, a, o: log.append("own"))
    m(lib.ones(1))
    for handle in handles:
        handle.remove()
    m(lib.ones(1))
    return log


def dup_kwargs_hook_remove_twice(lib: Any, nn: Any) -> Any:
    m = nn.Identity()
    h = m.register_forward_hook(lambda *a: None)
    h.remove()
    h.remove()
    return len(m._forward_hooks)


def deepcopy_hooks(lib: Any, nn: Any) -> Any:
    m = nn.Identity()
    log = []
    m.register_forward_hook(lambda *a: log.append(1))
    n = copy.deepcopy(m)
    n(1)
    m(1)
    return log


PROGRAMS = [
    fwd_order,
    pre_returns_single,
    pre_kwargs,
    always,
    bwd,
    bwd_replace,
    bwd_order,
    bwd_no_input_grad,
    bwd_wrong_count,
    bwd_inputs_mixed,
    bwd_dict_output,
    bwd_removed,
    bwd_twice,
    global_hooks,
    dup_kwargs_hook_remove_twice,
    deepcopy_hooks,
]
