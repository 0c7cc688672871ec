"""What capture refuses: a CaptureError that names the line or the thing, and everything as it was before the call."""

from __future__ import annotations

import functools
import inspect
import random
import re
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.autograd as la
import lamella.tensor as lt
from lamella import nn, optim
from lamella.compiler import CaptureError, disable
from lamella.compiler import compile as capture
from lamella.nn import functional
from lamella.tensor.extend import HOT, default_generator, tls
from lamella.testing.storage import quantize_blocks


class World:
    """Everything that a refused or failing call must leave alone."""

    def __init__(self) -> None:
        lt.manual_seed(3)
        self.net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5)).to(lt.float64)
        self.opt = optim.SGD(self.net.parameters(), lr=0.1, momentum=0.9)
        self.buffer = lt.zeros(3, dtype=lt.float64)
        self.n = 0
        self.items: list[Any] = [1]
        self.table = {"a": 1, "b": 2}
        self.names = {"a"}
        self.kept: Any = None
        self.x = lt.from_numpy(np.arange(12.0).reshape(4, 3))

    def step(self) -> lt.Tensor:
        """Changes parameters, gradients, numbers, buffers and the generator."""
        self.opt.zero_grad()
        loss = self.net(self.x).sum()
        loss.backward()
        self.opt.step()
        self.opt.param_groups[0]["lr"] = self.opt.param_groups[0]["lr"] * 0.5
        self.buffer.add_(1.0)
        return loss

    def everything(self) -> Any:
        tensors = [*self.net.state_dict().values(), self.buffer]
        return (
            [t.numpy().tobytes() for t in tensors],
            [t._cell.version if t._cell is not None else 0 for t in tensors],
            [(id(p._edge), p._flags, p.grad) for p in self.net.parameters()],
            dict(self.opt.param_groups[0]).get("lr"),
            default_generator.get_state(),
            (self.n, list(self.items), dict(self.table), set(self.names), self.kept),
            (tls.trace, tls.grad, tls.levels, HOT[0]),
            sorted(vars(self)),
        )


ARRAY = np.ones(3)
RNG = np.random.default_rng(0)


def programs(w: World) -> dict[str, tuple[Callable[[], Any], str]]:
    """Programs by name, with a part of the message."""
    kept: list[Any] = []

    def loops() -> Any:
        loss = w.step()
        while loss.abs() > 1e-9:
            loss = loss * 0.5
        return loss

    def caught() -> Any:
        loss = w.step()
        try:
            return loss.tolist()
        except RuntimeError:
            return loss

    def as_list() -> Any:
        return w.step().tolist()

    def as_numpy() -> Any:
        return w.step().detach().numpy()

    def array_written() -> Any:
        ARRAY[0] = 5.0
        return w.step()

    def array_written_after() -> Any:
        array = np.zeros(3)
        t = lt.from_numpy(array)
        array[1] = 1.0
        return w.step() + t

    def numpy_drawn() -> Any:
        return w.step() + lt.tensor(np.random.rand(3))  # noqa: NPY002 - the generator of the module

    def numpy_generator() -> Any:
        return w.step() + lt.tensor(RNG.standard_normal(3))

    def python_drawn() -> Any:
        return w.step() * random.random()

    def unreachable() -> Any:
        return w.step() + hidden()

    def escapes_to_list() -> Any:
        kept.append(w.step() * 2)

    def custom_object() -> Any:
        w.kept = types.SimpleNamespace(loss=1.0)
        return w.step()

    def parameter_replaced() -> Any:
        w.net[0].bias = nn.Parameter(lt.zeros(3, dtype=lt.float64))
        return w.step()

    def module_replaced() -> Any:
        w.net[0] = w.net[0]
        del w.net[2]
        return w.step()

    def reordered() -> Any:
        w.table["a"] = w.table.pop("a") + 1
        w.table["c"] = w.table.pop("b")
        w.table["b"] = 3
        return w.step()

    def kept_twice() -> Any:
        w.kept = w.items[0], [w.step()]
        w.table["a"] = w.kept[1]

    def kept_and_returned() -> Any:
        w.kept = {"loss": w.step()}
        return w.kept

    def older_list_in_a_new_one() -> Any:
        w.kept = [w.items, w.step().item()]

    def appended() -> Any:
        w.items.append(2)
        return w.step()

    def added_to_a_set() -> Any:
        w.names.add("b")
        return w.step()

    def grad_written_to_older() -> Any:
        w.buffer.add_(w.step())

    def frozen_parameter() -> Any:
        w.net[0].weight.requires_grad_(False)
        return w.step()

    def seeded() -> Any:
        lt.manual_seed(0)
        return w.step()

    def grad_mode_left_changed() -> Any:
        loss = w.step()
        lt.no_grad().__enter__()
        return loss

    def disabled_inside() -> Any:
        w.step()
        return a_disabled_function()

    def iterator() -> Any:
        return w.step() + next(numbers)

    numbers = iter([1.0, 2.0])

    def large_array() -> Any:
        return w.step() + float(BIG[0])

    def made_object() -> Any:
        return types.SimpleNamespace(loss=w.step())

    def older_grad() -> Any:
        loss = w.step()
        w.net[0].weight.grad = other
        return loss

    other = lt.zeros(3, 3, dtype=lt.float64)

    return {
        "loops": (loops, "more than 8 times in one call.*while_loop"),
        "caught": (caught, r"tolist\(\)"),
        "as_list": (as_list, r"tolist\(\)"),
        "as_numpy": (as_numpy, r"numpy\(\)"),
        "array_written": (array_written, "ARRAY was written"),
        "array_written_after": (array_written_after, "changed a numpy array of shape"),
        "numpy_drawn": (numpy_drawn, "the state of numpy.random"),
        "numpy_generator": (numpy_generator, "the state of RNG"),
        "python_drawn": (python_drawn, r"calls random\(\) of a Random"),
        "unreachable": (unreachable, "cannot fetch again"),
        "escapes_to_list": (escapes_to_list, "kept by something outside"),
        "custom_object": (custom_object, r"w\.kept went from None to a SimpleNamespace"),
        "parameter_replaced": (parameter_replaced, "a parameter or module cannot be made inside"),
        "module_replaced": (module_replaced, "went from a Dropout to nothing"),
        "reordered": (reordered, r"the order of w\.table was changed"),
        "kept_twice": (kept_twice, "keeps one list made by itself in two places"),
        "kept_and_returned": (kept_and_returned, "keeps one dict made by itself in two places"),
        "older_list_in_a_new_one": (older_list_in_a_new_one, r"w\.kept went from None to a list"),
        "appended": (appended, r"w\.items was changed"),
        "added_to_a_set": (added_to_a_set, r"w\.names"),
        "grad_written_to_older": (grad_written_to_older, "requires grad into an older tensor"),
        "frozen_parameter": (frozen_parameter, "requires_grad"),
        "seeded": (seeded, "random generator"),
        "disabled_inside": (disabled_inside, "a_disabled_function is disabled"),
        "iterator": (iterator, "numbers is an iterator"),
        "large_array": (large_array, "BIG is a numpy array"),
        "made_object": (made_object, "SimpleNamespace made by itself"),
        "older_grad": (older_grad, r"older tensor to \.grad"),
        "grad_mode_left_changed": (grad_mode_left_changed, "grad mode"),
    }


BIG = np.zeros(100_000)


@functools.lru_cache
def hidden() -> lt.Tensor:
    """What it made at its first call is nowhere that capture could find it."""
    return lt.ones(3, dtype=lt.float64)


@disable
def a_disabled_function() -> None:
    raise AssertionError("never called")


NAMES = sorted(programs(World()))


hidden()


@pytest.mark.parametrize("name", NAMES)
def test_refused_and_undone(name: str) -> None:
    w = World()
    program, message = programs(w)[name]
    before = w.everything()
    modes = HOT[0]
    with pytest.raises((CaptureError, RuntimeError), match=message) as caught:
        capture(program, backend="interpreter", fullgraph=True)()
    assert HOT[0] == modes  # also where the program left a mode open
    assert w.everything() == before
    if "needs the values" in str(caught.value):
        lines, first = inspect.getsourcelines(program)
        place = re.search(r"test_capture_refused\.py:(\d+)", str(caught.value))
        assert place is not None
        assert first < int(place.group(1)) < first + len(lines)


@pytest.mark.parametrize("where", ["plain", "vmap", "grad", "no_grad", "checkpoint"])
def test_an_error_of_the_program_changes_nothing(where: str) -> None:
    w = World()

    def fail(x: Any) -> Any:
        w.n += 1
        w.items.append(1)
        if w.n:
            raise KeyError("halfway")
        return x

    def program() -> Any:
        w.step()
        if where == "vmap":
            return la.vmap(fail)(w.x)
        if where == "grad":
            return la.grad(fail)(w.x)
        if where == "no_grad":
            with lt.no_grad():
                return fail(w.x)
        if where == "checkpoint":
            return la.checkpoint(fail, w.x)
        return fail(w.x)

    before = w.everything()
    f = capture(program, backend="interpreter")
    for _ in range(2):
        with pytest.raises(KeyError, match="halfway"):
            f()
        assert w.everything() == before
    assert f.compiles == 0


def test_what_was_refused_runs_once_it_is_mended() -> None:
    w = World()
    switch = {"bad": True}

    def program() -> Any:
        if switch["bad"]:
            w.items.append(1)
        return w.step()

    f = capture(program, backend="interpreter", fullgraph=True)
    with pytest.raises(CaptureError, match="w.items was changed"):
        f()
    switch["bad"] = False
    got = f().item()
    assert got == World().step().item()


def test_open_transforms_run_the_original() -> None:
    calls = []

    @capture
    def f(x: Any) -> Any:
        return x * 2.0

    def g(x: Any) -> Any:
        calls.append(1)
        return f(x).sum()

    x = lt.ones(3, dtype=lt.float64)
    np.testing.assert_array_equal(la.grad(g)(x).numpy(), 2.0)
    np.testing.assert_array_equal(la.vmap(f)(lt.ones(2, 3)).numpy(), 2.0)
    value, tangent = la.jvp(f, (x,), (x,))
    np.testing.assert_array_equal(tangent.numpy(), value.numpy())
    assert f.compiles == 1 or f.compiles == 0


def test_a_tensor_whose_storage_is_no_array_is_named() -> None:
    w = quantize_blocks(lt.randn(4, 32))

    def program(x: Any) -> Any:
        return functional.linear(x, w)

    x = lt.randn(3, 32)
    with pytest.raises(CaptureError, match=r"'block_int8' storage cannot be an input .* use \.dense\(\)"):
        capture(program, backend="interpreter", fullgraph=True)(x)
    with pytest.warns(RuntimeWarning, match="block_int8"):
        got = capture(program, backend="interpreter")(x)
    np.testing.assert_array_equal(got.numpy(), program(x).numpy())
