"""Modules compiled in place, and compiled modules as attributes' owners: what stays as it is, and what is noticed."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn, optim
from lamella.compiler import compile as capture
from lamella.compiler import explain


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def network() -> nn.Sequential:
    lt.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)).to(lt.float64)


def compiled_network() -> tuple[nn.Sequential, Any]:
    net = network()
    net.compile(backend="interpreter")
    return net, net._compiled


def same_call(net: nn.Module, other: nn.Module, x: lt.Tensor) -> None:
    """One call with its backward of a compiled module and of one that is not."""
    results = []
    for m in (net, other):
        lt.manual_seed(11)
        m.zero_grad()
        y = m(x)
        if y.requires_grad:
            y.pow(2).sum().backward()
        grads = [p.grad.numpy() for p in m.parameters() if p.grad is not None]
        results.append([y.detach().numpy(), *[b.numpy() for b in m.buffers()], *grads])
    for a, b in zip(*results, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(
            a, b, **({"rtol": 1e-12, "atol": 1e-13} if a.dtype == np.float64 else {"rtol": 1e-4, "atol": 1e-5})
        )


def test_it_stays_the_module_that_it_is() -> None:
    net, compiled = compiled_network()
    plain = network()
    assert list(net.state_dict()) == list(plain.state_dict())
    assert repr(net) == repr(plain)
    same_call(net, plain, f64(5, 3))
    same_call(net, plain, f64(5, 3, seed=1))
    assert compiled.compiles == 1
    assert "1 programs" in explain(net)
    net.load_state_dict({k: v.clone() for k, v in plain.state_dict().items()})
    plain.load_state_dict(net.state_dict())
    same_call(net, plain, f64(5, 3))
    assert compiled.compiles == 1


def seeded_layer() -> nn.Module:
    lt.manual_seed(4)
    return nn.Linear(3, 4, bias=False).to(lt.float64)


CHANGES: dict[str, tuple[Any, int]] = {
    "eval": (lambda m: m.eval(), 1),
    "eval_and_back": (lambda m: m.eval().train(), 0),
    "parameter_replaced": (lambda m: setattr(m[0], "weight", nn.Parameter(f64(4, 3, seed=5))), 1),
    "parameter_frozen": (lambda m: m[0].weight.requires_grad_(False), 1),
    "parameter_written": (lambda m: m[0].weight.detach().mul_(2.0), 0),
    "buffer_replaced": (lambda m: setattr(m[1], "running_mean", f64(4, seed=6)), 1),
    "layer_replaced": (lambda m: m.__setitem__(0, seeded_layer()), 1),
    "layer_added": (lambda m: m.append(nn.Tanh()), 1),
    "setting": (lambda m: setattr(m[2], "p", 0.25), 1),
    "equal_setting": (lambda m: setattr(m[2], "p", 0.5), 0),
    "hook": (lambda m: m[0].register_forward_hook(lambda m, a, out: out * 2.0), 1),
    "own_hook": (lambda m: m.register_forward_pre_hook(lambda m, a: (a[0] * 2.0,)), 1),
    "backward_hook": (lambda m: m[3].register_full_backward_hook(lambda m, gi, go: (gi[0] * 2.0,)), 1),
    "hook_of_a_parameter": (lambda m: m[0].weight.register_hook(lambda g: g * 2.0), 1),
    "converted": (lambda m: m.to(lt.float32), 1),
    "forward_of_the_instance": (lambda m: setattr(m[2], "forward", lambda x: x * 3.0), 1),
    "assigned_state": (lambda m: m.load_state_dict({k: v.clone() for k, v in m.state_dict().items()}, assign=True), 1),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_a_change_is_noticed(name: str) -> None:
    change, captures = CHANGES[name]
    net, compiled = compiled_network()
    plain = network()
    x = f64(5, 3)
    same_call(net, plain, x)
    for m in (net, plain):
        change(m)
    x = x.to(net[0].weight.dtype)
    same_call(net, plain, x)
    same_call(net, plain, x)
    assert compiled.compiles == 1 + captures, compiled.misses


def test_inside_others() -> None:
    net, compiled = compiled_network()
    outer = nn.Sequential(net, nn.Tanh())
    plain = nn.Sequential(network(), nn.Tanh())
    same_call(outer, plain, f64(5, 3))
    assert compiled.compiles == 1  # called by a module that is not compiled
    outer.compile(backend="interpreter")
    same_call(outer, plain, f64(5, 3))
    assert compiled.compiles == 1
    assert outer._compiled.compiles == 1
    assert list(outer.state_dict()) == list(plain.state_dict())


def test_a_step_around_it_is_one_program() -> None:
    net, compiled = compiled_network()
    opt = optim.SGD(net.parameters(), lr=0.1)
    x = f64(5, 3)

    @capture(backend="interpreter")  # type: ignore[untyped-decorator]
    def step() -> Any:
        opt.zero_grad()
        loss = net(x).pow(2).mean()
        loss.backward()
        opt.step()
        return loss

    for _ in range(3):
        step()
    assert step.compiles == 1
    assert compiled.compiles == 0


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), copy.copy])
def test_a_copy_is_not_compiled(how: Any) -> None:
    net, compiled = compiled_network()
    net(f64(5, 3))
    other = how(net)
    assert other._compiled is None
    other(f64(5, 3))
    assert compiled.compiles == 1


def test_options_are_those_of_compile() -> None:
    with pytest.raises(ValueError, match="unknown backend 'fpga'"):
        network().compile(backend="fpga")
    with pytest.raises(TypeError, match="colour"):
        network().compile(colour="red")


def test_arguments_are_named_as_in_forward() -> None:
    class Scaled(nn.Module):
        def forward(self, x: Any, factor: float) -> Any:
            return x * factor

    m = Scaled()
    m.compile(backend="interpreter")
    for factor in (2.0, 3.0):
        np.testing.assert_array_equal(m(f64(2), factor).numpy(), f64(2).numpy() * factor)
    assert m._compiled.misses == ("factor is not 2.0",)


def test_attributes_of_a_compiled_module_are_those_of_the_module() -> None:
    net = network()
    compiled = capture(net, backend="interpreter")
    assert list(compiled.state_dict()) == list(net.state_dict())
    assert [id(p) for p in compiled.parameters()] == [id(p) for p in net.parameters()]
    compiled.eval()
    assert not net.training
    compiled.note = "kept"
    assert net.note == "kept"
    del compiled.note
    assert not hasattr(net, "note")
    with pytest.raises(AttributeError, match="no attribute 'missing'"):
        _ = compiled.missing
    with pytest.raises(TypeError, match=r"inner of Outer is given a compiled module.*call its compile\(\)"):
        Outer().inner = compiled


class Outer(nn.Module):
    pass


def test_many_modules_are_one_check() -> None:
    net = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(50)])
    f = capture(net, backend="interpreter")
    x = lt.ones(2, 4)
    f(x)
    lines = f.programs[0].guard.source.splitlines()
    assert len(lines) < 130, len(lines)  # 100 of them fetch parameters; 151 modules are compared only when one changed
    assert f.programs[0].guard.checks > 151
    net[49][1].note = 1
    f(x)
    assert f.misses == ("Sequential.49.1 changed",)
    Outer().note = 2  # another module changes: all are compared, none differs
    f(x)
    assert f.compiles == 2


# -- what is left behind


@pytest.fixture
def without_collector() -> Any:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def step_with(net: Any, x: Any) -> Any:
    return net(x).sum()


def dropped(way: str) -> list[Any]:
    """Weak references to what one compiled call needed, when nothing of it is held any more."""
    net = network()
    x = f64(5, 3)
    if way == "in place":
        net.compile(backend="interpreter")
        kept: Any = net._compiled
        y = net(x)
    elif way == "module":
        kept = capture(net, backend="interpreter")
        y = kept(x)
    elif way == "closure":
        kept = capture(lambda x: net(x).sum(), backend="interpreter")
        y = kept(x)
    else:
        opt = optim.Adam(net.parameters())

        def step() -> Any:
            opt.zero_grad()
            loss = net(x).pow(2).sum()
            loss.backward()
            opt.step()
            return loss.detach()

        kept = capture(step, backend="interpreter")
        y = kept()
    program = kept.programs[0]
    return [weakref.ref(o) for o in (net, kept, x, y, net[0].weight, program)]


@pytest.mark.parametrize("way", ["in place", "module", "closure", "step"])
def test_what_is_dropped_is_gone(way: str, without_collector: None) -> None:
    assert [r() for r in dropped(way)] == [None] * 6


def test_a_program_dies_with_the_object_that_it_is_for(without_collector: None) -> None:
    f = capture(step_with, backend="interpreter")
    x = f64(5, 3)
    nets = [network() for _ in range(3)]
    for net in nets:
        f(net, x)
    assert len(f.programs) == 3
    gone = [weakref.ref(nets[0]), weakref.ref(nets[0][0].weight)]
    del net, nets[0]
    assert [r() for r in gone] == [None, None]
    assert len(f.programs) == 2
    f(nets[0], x)
    assert f.compiles == 3


class Trainer:
    def __init__(self) -> None:
        self.net = network()

    @capture(backend="interpreter")  # type: ignore[untyped-decorator]
    def step(self, x: Any) -> Any:
        return self.net(x).sum()


def test_a_compiled_method_keeps_no_instance(without_collector: None) -> None:
    trainer = Trainer()
    trainer.step(f64(5, 3))
    gone = weakref.ref(trainer.net)
    del trainer
    assert gone() is None
    assert Trainer.step.programs == ()


CAPTURES = int(os.environ.get("LAMELLA_CAPTURES", "300"))  # a thousand in the session `compiled`


@pytest.mark.filterwarnings("ignore:.*was captured 32 times:RuntimeWarning")
def test_captures_leave_memory_flat() -> None:
    f = capture(lambda x, n: (x * n).sum(), backend="interpreter")
    x = f64(3)
    sizes = []
    for n in range(CAPTURES):
        f(x, n)
        if n >= 150 and n % 50 == 0:
            gc.collect()
            sizes.append(len(gc.get_objects()))
    assert f.compiles == CAPTURES
    assert len(f.programs) <= 128
    assert max(sizes) - min(sizes) < 200, sizes
