"""Hooks of every kind: what they see, in which order, what they replace, and that they are gone when removed."""

import copy
import pickle

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn
from lamella.nn.modules import module as everywhere


class Affine(nn.Module):
    """x * 2 + shift."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(lt.ones(2))

    def forward(self, x, gain=1.0):
        return x * 2 * gain + self.shift


def followed(*values):
    return lt.tensor(values, requires_grad=True)


REGISTER = {
    "forward pre": lambda m, log, tag, **k: m.register_forward_pre_hook(lambda *a: log.append(tag), **k),
    "forward": lambda m, log, tag, **k: m.register_forward_hook(lambda *a: log.append(tag), **k),
    "backward pre": lambda m, log, tag, **k: m.register_full_backward_pre_hook(lambda *a: log.append(tag), **k),
    "backward": lambda m, log, tag, **k: m.register_full_backward_hook(lambda *a: log.append(tag), **k),
}


@pytest.mark.parametrize("kind", REGISTER)
def test_order_and_removal(kind):
    m, log = Affine(), list[str]()

    def run():
        log.clear()
        m(followed(1.0, 2.0)).sum().backward()
        return list(log)

    first = REGISTER[kind](m, log, "first")
    second = REGISTER[kind](m, log, "second")
    front = REGISTER[kind](m, log, "front", prepend=True)
    assert run() == ["front", "first", "second"]
    first.remove()
    first.remove()
    assert run() == ["front", "second"]
    with REGISTER[kind](m, log, "for a while"):
        assert run() == ["front", "second", "for a while"]
    second.remove()
    front.remove()
    assert run() == []
    twin = copy.deepcopy(m)
    REGISTER[kind](twin, log, "twin")
    assert run() == []


def test_all_kinds_around_one_step():
    outer, log = nn.Sequential(Affine(), Affine()), list[str]()
    for name, m in [("outer", outer), ("0", outer[0]), ("1", outer[1])]:
        for kind, register in REGISTER.items():
            register(m, log, f"{name} {kind}")
    outer(followed(1.0, 2.0)).sum().backward()
    assert log == [
        "outer forward pre", "0 forward pre", "0 forward", "1 forward pre", "1 forward", "outer forward",
        "outer backward pre", "1 backward pre", "1 backward", "0 backward pre", "0 backward", "outer backward",
    ]  # fmt: skip


def test_a_forward_hook_that_is_always_called():
    class Failing(nn.Module):
        def forward(self, x):
            raise ZeroDivisionError("in forward")

    m, log = Failing(), []
    m.register_forward_hook(lambda m, args, out: log.append("plain"))
    handle = m.register_forward_hook(lambda m, args, out: log.append(out), always_call=True)
    with pytest.raises(ZeroDivisionError):
        m(1)
    assert log == [None]
    handle.remove()
    m.register_forward_hook(lambda m, args, out: [][1], always_call=True)
    with (
        pytest.warns(RuntimeWarning, match="a forward hook with always_call=True raised IndexError"),
        pytest.raises(ZeroDivisionError, match="in forward"),
    ):
        m(1)


def test_backward_hooks_see_and_replace_gradients():
    m, seen = Affine(), []
    m.register_full_backward_pre_hook(lambda m, go: seen.append(go) or (go[0] * 3,))
    m.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)) or (gi[0] * 5,))
    x = followed(1.0, 2.0)
    m(x, gain=2.0).sum().backward()
    assert [g.tolist() for g in seen[0]] == [[1, 1]]
    (gi,), (go,) = seen[1]
    assert (gi.tolist(), go.tolist()) == ([12, 12], [3, 3])
    assert x.grad.tolist() == [60, 60]
    assert m.shift.grad.tolist() == [3, 3]


def test_backward_hooks_of_several_arguments_and_results():
    class Mixed(nn.Module):
        def forward(self, a, n, b):
            return a * n, b * a, n

    m, seen = Mixed(), []
    m.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    a, b = followed(2.0), lt.tensor([3.0])
    y, _, n = m(a, 4, b)
    assert n == 4
    y.backward()
    (ga, gn, gb), (gy, gz, gn2) = seen[0]
    assert (ga.tolist(), gn, gb) == ([4], None, None)
    assert (gy.tolist(), gn2) == ([1], None)
    assert gz is None or gz.tolist() == [0]


@pytest.mark.parametrize(
    ("kind", "value", "error", "text"),
    [
        ("register_full_backward_hook", lambda g: (g[0], g[0]), RuntimeError, "None or 1 values for grad_input, got 2"),
        ("register_full_backward_pre_hook", lambda g: (), RuntimeError, "None or 1 values for grad_output, got 0"),
        ("register_full_backward_hook", lambda g: (3,), TypeError, "tensors or None, got int"),
    ],
)
def test_what_a_backward_hook_may_not_return(kind, value, error, text):
    m = Affine()
    getattr(m, kind)(lambda m, *grads: value(grads[0]))
    with pytest.raises(error, match=text):
        m(followed(1.0, 2.0)).sum().backward()


def test_backward_hooks_without_an_input_that_requires_grad():
    m, seen = Affine(), []
    m.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    m(lt.ones(2)).sum().backward()
    assert seen == [((None,), [1, 1])]
    with lt.no_grad():
        m(lt.ones(2))
    assert len(seen) == 1


def test_hooks_of_every_module():
    log = []
    handles = [
        everywhere.register_module_forward_pre_hook(lambda m, args: log.append(f"pre {type(m).__name__}")),
        everywhere.register_module_forward_hook(lambda m, args, out: log.append("post")),
        everywhere.register_module_full_backward_pre_hook(lambda m, go: log.append("grad_output")),
        everywhere.register_module_full_backward_hook(lambda m, gi, go: log.append("grad_input")),
    ]
    m = Affine()
    m.register_forward_hook(lambda m, args, out: log.append("own"))
    try:
        m(followed(1.0, 2.0)).sum().backward()
        assert log == ["pre Affine", "post", "own", "grad_output", "grad_input"]
    finally:
        for handle in handles:
            handle.remove()
    log.clear()
    m(followed(1.0, 2.0)).sum().backward()
    assert log == ["own"]


def note(module, args, out):
    module.noted = True


def test_hooks_go_along_with_copies_and_pickles():
    m = nn.Identity()
    handle = m.register_forward_hook(note)
    for twin in (copy.copy(m), copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        twin(1)
        assert twin.noted
    handle.remove()
    assert not m._forward_hooks
    m(1)
    assert not hasattr(m, "noted")


# -- hooks of the state


def test_hooks_of_taking_a_state():
    m, log = nn.Sequential(nn.Linear(1, 1)), []
    handles = [
        m.register_state_dict_pre_hook(lambda mod, prefix, keep: log.append(("outer", prefix, keep))),
        m[0].register_state_dict_pre_hook(lambda mod, prefix, keep: log.append(("inner", prefix, keep))),
        m[0].register_state_dict_post_hook(lambda mod, state, prefix, meta: state.update({prefix + "more": 1})),
        m.register_state_dict_post_hook(lambda mod, state, prefix, meta: log.append(list(state))),
    ]
    m.state_dict(prefix="p.", keep_vars=True)
    assert log == [("outer", "p.", True), ("inner", "p.0.", True), ["p.0.weight", "p.0.bias", "p.0.more"]]
    for handle in handles:
        handle.remove()
    log.clear()
    assert list(m.state_dict()) == ["0.weight", "0.bias"]
    assert not log
    m.register_state_dict_post_hook(lambda mod, state, prefix, meta: state)
    with pytest.raises(RuntimeError, match="must return None"):
        m.state_dict()


def test_hooks_of_loading_a_state():
    m, log = nn.Linear(1, 1), []

    def rename(mod, state, prefix, meta, strict, missing, unexpected, errors):
        log.append((mod is m, prefix, sorted(state)))
        state["weight"] = state.pop("w")

    def forgive(mod, keys):
        log.append((list(keys.missing_keys), list(keys.unexpected_keys)))
        keys.missing_keys.clear()

    given = {"w": lt.full((1, 1), 4.0)}
    with m.register_load_state_dict_pre_hook(rename), m.register_load_state_dict_post_hook(forgive):
        assert m.load_state_dict(given).missing_keys == []
    assert log == [(True, "", ["w"]), (["bias"], [])]
    assert m.weight.item() == 4
    assert list(given) == ["w"]
    with pytest.raises(RuntimeError, match="missing from the state: weight, bias"):
        m.load_state_dict(given)
    m.register_load_state_dict_post_hook(lambda mod, keys: keys)
    with pytest.raises(RuntimeError, match="must return None"):
        m.load_state_dict(m.state_dict())


def test_a_load_hook_may_add_an_error():
    m = nn.Linear(1, 1)
    before = m.weight.item()
    m.register_load_state_dict_pre_hook(lambda *a: a[-1].append("too old"))
    with pytest.raises(RuntimeError, match="does not fit Linear: too old"):
        m.load_state_dict({"weight": lt.ones(1, 1) * np.pi, "bias": lt.ones(1)})
    assert m.weight.item() == before
