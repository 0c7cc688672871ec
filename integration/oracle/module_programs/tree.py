"""The tree: names, flags, conversion, parts that change their kind."""

from __future__ import annotations

from typing import Any

__all__ = ["PROGRAMS"]


def apply_children(lib: Any, nn: Any) -> Any:
    n = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh())
    names = []
    n.apply(lambda m: names.append(type(m).__name__))
    return names


def train_flags(lib: Any, nn: Any) -> Any:
    n = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.ReLU()))
    n.eval()
    o = [m.training for m in n.modules()]
    n[0].train()
    o += [m.training for m in n.modules()]
    return o


def zero_grad(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1)
    m(lib.ones(1, 1)).sum().backward()
    m.zero_grad(set_to_none=False)
    o = [m.weight.grad]
    m.zero_grad()
    return o + [m.weight.grad]


def param_none(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1, bias=False)
    o = [m.bias, list(m.state_dict()), list(dict(m.named_parameters()))]
    m.bias = nn.Parameter(lib.ones(1))
    o.append(list(m.state_dict()))
    m.bias = None
    o.append(list(m.state_dict()))
    return o


def shared(lib: Any, nn: Any) -> Any:
    m = nn.Module()
    m.a = nn.Linear(1, 1)
    m.b = m.a
    o = [
        list(m.state_dict()),
        list(dict(m.named_parameters())),
        list(dict(m.named_parameters(remove_duplicate=False))),
        [n for n, _ in m.named_modules()],
    ]
    return o


def setattr_module_param(lib: Any, nn: Any) -> Any:
    m = nn.Module()
    m.a = nn.ReLU()
    m.a = nn.Parameter(lib.ones(1))
    return [list(m._modules), list(m._parameters)]


def buffer_to_tensor(lib: Any, nn: Any) -> Any:
    m = nn.Module()
    m.register_buffer("a", lib.ones(1))
    m.a = nn.Parameter(lib.ones(1))
    return [list(m._parameters), list(m._buffers)]


def get_submodule(lib: Any, nn: Any) -> Any:
    m = nn.Sequential(nn.Sequential(nn.ReLU()))
    return [type(m.get_submodule("0.0")).__name__, m.get_submodule("") is m]


def set_submodule(lib: Any, nn: Any) -> Any:
    m = nn.Sequential(nn.Sequential(nn.ReLU()))
    m.set_submodule("0.0", nn.Tanh())
    return type(m[0][0]).__name__


def to_kw(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1)
    m.to(dtype=lib.float64)
    o = [str(m.weight.dtype).split(".")[1]]
    m.half()
    o.append(str(m.bias.dtype).split(".")[1])
    m.bfloat16()
    m.float()
    o.append(str(m.bias.dtype).split(".")[1])
    return o


def to_buffers_ints(lib: Any, nn: Any) -> Any:
    m = nn.BatchNorm1d(2).double()
    return [str(b.dtype).split(".")[1] for b in m.buffers()]


def requires_grad_(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1)
    m.requires_grad_(False)
    return [p.requires_grad for p in m.parameters()]


def named_prefix(lib: Any, nn: Any) -> Any:
    m = nn.Sequential(nn.BatchNorm1d(1))
    return [
        [n for n, _ in m.named_parameters(prefix="x")],
        [n for n, _ in m.named_buffers(prefix="x")],
        [n for n, _ in m.named_modules(prefix="x")],
    ]


PROGRAMS = [
    apply_children,
    train_flags,
    zero_grad,
    param_none,
    shared,
    setattr_module_param,
    buffer_to_tensor,
    get_submodule,
    set_submodule,
    to_kw,
    to_buffers_ints,
    requires_grad_,
    named_prefix,
]
