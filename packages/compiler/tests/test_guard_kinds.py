"""One row a kind of guard: a change of state that must be noticed is noticed, the miss says what changed, and the
result is that of the function as it stands; putting the state back finds the first program again.
"""

from __future__ import annotations

import array
import collections
import contextvars
import dataclasses
import re
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn, optim
from lamella.compiler import compile as capture

ROWS: dict[str, tuple[Callable[[], Any], str]] = {}
Row = tuple[Callable[..., Any], Callable[[], tuple[Any, ...]], Callable[[], None], Callable[[], None] | None]


def row(miss: str) -> Callable[[Callable[[], Row]], Callable[[], Row]]:
    """A row builds (function, arguments of a call, change, how to put it back or None) and names the miss."""

    def keep(build: Callable[[], Row]) -> Callable[[], Row]:
        ROWS[build.__name__] = (build, miss)
        return build

    return keep


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def of_arguments(
    fn: Callable[..., Any], first: Callable[[], tuple[Any, ...]], second: Callable[[], tuple[Any, ...]]
) -> Row:
    """A row whose change is other arguments."""
    now = [first]
    return (
        fn, lambda: now[0](), lambda: now.__setitem__(0, second), lambda: now.__setitem__(0, first),
    )  # fmt: skip


def of_item(fn: Callable[..., Any], holder: Any, key: Any, value: Any) -> Row:
    """A row whose change is an item of a container."""
    old = holder[key]
    return fn, lambda: (f64(3),), lambda: holder.__setitem__(key, value), lambda: holder.__setitem__(key, old)


def of_attribute(fn: Callable[..., Any], holder: Any, name: str, value: Any, back: bool = True) -> Row:
    old = getattr(holder, name)
    undo = (lambda: setattr(holder, name, old)) if back else None
    return fn, lambda: (f64(3),), lambda: setattr(holder, name, value), undo


def of_calls(fn: Callable[..., Any], change: Callable[[], Any], back: Callable[[], Any]) -> Row:
    """A row whose change is a call."""

    def quiet(call: Callable[[], Any]) -> Callable[[], None]:
        return lambda: [call()].clear()

    return fn, lambda: (f64(3),), quiet(change), quiet(back)


# -- tensors


@row("x is not a lamella.float64")
def dtype() -> Row:
    return of_arguments(lambda x: x * 2, lambda: (f64(3),), lambda: (f64(3).float(),))


@row("x is not a lamella.float64")
def rank() -> Row:
    return of_arguments(lambda x: x.sum(-1), lambda: (f64(3, 3),), lambda: (f64(3, 3, 3),))


@row("x is not a lamella.float64")
def size() -> Row:
    return of_arguments(lambda x: x * x.shape[0], lambda: (f64(3),), lambda: (f64(4),))


@row("x is not a lamella.float64")
def stride_class() -> Row:
    return of_arguments(lambda x: x.contiguous(), lambda: (f64(3, 2),), lambda: (f64(2, 3).T,))


@row("x is not a lamella.float64")
def requires_grad() -> Row:
    return of_arguments(lambda x: x * 2, lambda: (f64(3),), lambda: (f64(3).requires_grad_(),))


@row("an input shares memory with another that is written")
def overlap() -> Row:
    def fn(x: Any, y: Any) -> Any:
        x.add_(1.0)
        return x + y

    def alike() -> tuple[Any, ...]:
        base = f64(6)
        return base[:4], base[2:]

    return of_arguments(fn, lambda: (f64(4), f64(4, seed=1)), alike)


@row("y is another tensor|y is not|another tensor")
def one_tensor_twice() -> Row:
    def same() -> tuple[Any, ...]:
        x = f64(3)
        return x, x

    return of_arguments(lambda x, y: x * y, same, lambda: (f64(3), f64(3, seed=1)))


@row("requires_grad")
def a_parameter_frozen() -> Row:
    net = nn.Linear(3, 2).to(lt.float64)
    weight = net.weight
    return of_calls(lambda x: net(x), lambda: weight.requires_grad_(False), lambda: weight.requires_grad_(True))


@row("another hook")
def a_hook_of_a_parameter() -> Row:
    net = nn.Linear(3, 2).to(lt.float64)
    handles: list[Any] = []

    def fn(x: Any) -> Any:
        net.weight.grad = None
        net(x).sum().backward()
        return net.weight.grad.clone()  # type: ignore[union-attr]

    return (
        fn, lambda: (f64(3),), lambda: handles.append(net.weight.register_hook(lambda g: g * 2.0)),
        lambda: handles.pop().remove(),
    )  # fmt: skip


@row("whether a .grad is None")
def whether_a_gradient_is_there() -> Row:
    w = f64(3).requires_grad_()

    def fn(x: Any) -> Any:
        return x * 2.0 if w.grad is None else x * w.grad

    return fn, lambda: (f64(3),), lambda: setattr(w, "grad", f64(3, seed=2)), lambda: setattr(w, "grad", None)


# -- scalars, containers, objects


@row("n is not 2")
def value() -> Row:
    return of_arguments(lambda x, n: x * n, lambda: (f64(3), 2), lambda: (f64(3), 3))


@row("n is not 2")
def type_of_a_scalar() -> Row:
    return of_arguments(lambda x, n: x.to(lt.int64) * n, lambda: (f64(3), 2), lambda: (f64(3), 2.0))


@row("items has another type or length")
def length() -> Row:
    return of_arguments(lambda x, items: x * len(items), lambda: (f64(3), [1]), lambda: (f64(3), [1, 1]))


@row("items has another type or length")
def type_of_a_container() -> Row:
    return of_arguments(lambda x, items: x * isinstance(items, list), lambda: (f64(3), [1]), lambda: (f64(3), (1,)))


@row(r"items\[0\] is not 1")
def element() -> Row:
    return of_arguments(lambda x, items: x * items[0], lambda: (f64(3), [1]), lambda: (f64(3), [4]))


@row("other keys in d")
def keys() -> Row:
    return of_arguments(lambda x, d: x * len(next(iter(d))), lambda: (f64(3), {"a": 1}), lambda: (f64(3), {"bb": 1}))


@row("the number of arguments")
def number_of_arguments() -> Row:
    return of_arguments(lambda *xs: sum(xs), lambda: (f64(3),), lambda: (f64(3), f64(3)))


@row("s holds something else")
def a_set() -> Row:
    return of_arguments(lambda x, s: x * len(s), lambda: (f64(3), {1}), lambda: (f64(3), {1, 2}))


@dataclasses.dataclass
class Settings:
    factor: float = 2.0


@row("factor is not 2.0")
def field_of_a_dataclass() -> Row:
    return of_arguments(lambda x, s: x * s.factor, lambda: (f64(3), Settings()), lambda: (f64(3), Settings(3.0)))


class Holder:
    table: Any = types.MappingProxyType({"a": 2.0})

    def __init__(self) -> None:
        self.factor = 2.0

    def scaled(self, x: Any) -> Any:
        return x * self.factor


@row("holder is another object")
def identity() -> Row:
    one, other = Holder(), Holder()
    holder = one

    def put(which: Holder) -> None:
        nonlocal holder
        holder = which

    return of_calls(lambda x: holder.scaled(x), lambda: put(other), lambda: put(one))


@row("factor is not 2.0")
def attribute() -> Row:
    holder = Holder()
    return of_attribute(lambda x: holder.scaled(x), holder, "factor", 3.0)


@row("table.*a.* is not 2.0|class Holder|another")
def attribute_of_a_class() -> Row:
    holder = Holder()
    return of_attribute(lambda x: x * holder.table["a"], Holder, "table", types.MappingProxyType({"a": 5.0}))


@row("another function|code")
def method_of_a_class() -> Row:
    class Own(Holder):
        def scaled(self, x: Any) -> Any:
            return x * 7.0

    own = Own()
    return of_attribute(lambda x: own.scaled(x), Own, "scaled", lambda self, x: x * 8.0)


GLOBAL = 2.0


@row("GLOBAL is not 2.0")
def a_global() -> Row:
    return of_item(lambda x: x * GLOBAL, globals(), "GLOBAL", 3.0)


@row("factor is not 2.0")
def a_cell() -> Row:
    factor = 2.0

    def put(value: float) -> None:
        nonlocal factor
        factor = value

    return lambda x: x * factor, lambda: (f64(3),), lambda: put(3.0), lambda: put(2.0)


def with_default(x: Any, factor: float = 2.0, *, shift: float = 1.0) -> Any:
    return x * factor + shift


@row("default 0 of with_default is not 2.0")
def a_default() -> Row:
    return of_attribute(with_default, with_default, "__defaults__", (3.0,))


@row("the default of shift of with_default is not 1.0")
def a_keyword_default() -> Row:
    return of_attribute(with_default, with_default, "__kwdefaults__", {"shift": 5.0})


def replaced(x: Any) -> Any:
    return x * 2.0


@row("the code of replaced")
def code() -> Row:
    return of_attribute(replaced, replaced, "__code__", (lambda x: x * 9.0).__code__)


# -- containers of the standard library and numpy


ARRAY = np.array([1.0, 2.0, 3.0])
BYTES = array.array("d", [2.0])
VARIABLE: contextvars.ContextVar[float] = contextvars.ContextVar("VARIABLE")
VARIABLE.set(2.0)
USER = collections.UserDict(a=2.0)
CHAIN = collections.ChainMap({"a": 2.0}, {"b": 1.0})


@row("ARRAY holds other values")
def a_numpy_constant() -> Row:
    return of_item(lambda x: x * lt.from_numpy(ARRAY), ARRAY, 0, 5.0)


@row("BYTES holds other values")
def an_array_of_the_standard_library() -> Row:
    return of_item(lambda x: x * BYTES[0], BYTES, 0, 5.0)


@row("VARIABLE is not")
def a_context_variable() -> Row:
    return of_calls(lambda x: x * VARIABLE.get(), lambda: VARIABLE.set(3.0), lambda: VARIABLE.set(2.0))


@row(r"USER\['a'\] is not 2.0")
def a_user_dict() -> Row:
    return of_item(lambda x: x * USER["a"], USER, "a", 5.0)


@row(r"CHAIN\['b'\] is not 1.0")
def a_chain_of_dicts() -> Row:
    return of_item(lambda x: x * CHAIN["b"], CHAIN.maps[1], "b", 5.0)


@row(r"values\['a'\] is not 2.0")
def a_view_of_a_dict() -> Row:
    d = {"a": 2.0}
    values = d.values()
    return of_item(lambda x: x * sum(values), d, "a", 3.0)


# -- ours


@row("net changed|Linear changed|changed")
def module_epoch() -> Row:
    net = nn.Dropout(0.0)
    return of_attribute(lambda x: net(x) * (2.0 if net.training else 3.0), net, "training", False)


@row("changed")
def a_hook_of_a_module() -> Row:
    net = nn.Sequential(nn.Tanh())
    handles: list[Any] = []

    def put() -> None:
        handles.append(net[0].register_forward_hook(lambda m, a, out: out * 2.0))

    return of_calls(lambda x: net(x), put, lambda: handles.pop().remove())


@row("'momentum' of a param group has another type|another type")
def type_of_a_group_number() -> Row:
    opt = optim.SGD([f64(3).requires_grad_()], lr=1.0)
    return of_item(lambda x: x * opt.param_groups[0]["lr"], opt.param_groups[0], "lr", 2)


@row("nesterov.*is not False")
def switch_of_a_group() -> Row:
    opt = optim.SGD([f64(3).requires_grad_()], lr=1.0, momentum=0.5)
    group = opt.param_groups[0]
    return of_item(lambda x: x * (2.0 if opt.param_groups[0]["nesterov"] else 3.0), group, "nesterov", True)


@row("generator is another|is another object")
def a_generator() -> Row:
    first, second = lt.Generator(), lt.Generator()
    first.manual_seed(1)
    second.manual_seed(2)
    box = [first]
    return (
        lambda x: x + lt.rand(3, generator=box[0], dtype=lt.float64) * 0.0, lambda: (f64(3),),
        lambda: box.__setitem__(0, second), lambda: box.__setitem__(0, first),
    )  # fmt: skip


@pytest.mark.parametrize("name", list(ROWS))
def test_a_change_is_noticed(name: str) -> None:
    build, miss = ROWS[name]
    fn, args, change, back = build()
    compiled = capture(fn, backend="interpreter", fullgraph=name != "overlap", dynamic=False)

    def same() -> None:
        expected, got = fn(*args()), compiled(*args())
        assert got.dtype is expected.dtype
        assert got.requires_grad == expected.requires_grad
        np.testing.assert_allclose(got.detach().numpy(), expected.detach().numpy(), rtol=1e-13)

    with np.errstate(all="ignore"):
        same()
        same()
        assert compiled.compiles == 1
        try:
            change()
            if name == "overlap":
                with pytest.warns(RuntimeWarning, match="shares memory"):
                    same()
            else:
                same()
                assert compiled.compiles == 2
            assert any(re.search(miss, m) for m in compiled.misses), compiled.misses
        finally:
            if back is not None:
                back()
        if back is not None:
            before = compiled.compiles
            same()
            assert compiled.compiles == before


MODES: list[tuple[str, Callable[[], Any], str]] = [
    ("grad mode", lt.no_grad, "grad mode changed"),
    ("inference mode", lt.inference_mode, "grad mode changed"),
    ("autocast", lambda: lt.autocast("cpu", dtype=lt.bfloat16), "autocast changed"),
]


@pytest.mark.parametrize(("name", "mode", "miss"), MODES)
def test_a_mode_is_noticed(name: str, mode: Callable[[], Any], miss: str) -> None:
    w = lt.ones(3, 3, requires_grad=True)
    compiled = capture(lambda x: x @ w, backend="interpreter", fullgraph=True)
    x = lt.ones(2, 3)
    first = compiled(x)
    with mode():
        got, expected = compiled(x), x @ w
    assert (got.dtype, got.requires_grad) == (expected.dtype, expected.requires_grad)
    assert compiled.compiles == 2
    assert miss in compiled.misses[-1]
    assert compiled(x).requires_grad == first.requires_grad
    assert compiled.compiles == 2


def test_the_default_dtype_is_noticed() -> None:
    compiled = capture(lambda: lt.ones(2) * 2.0, backend="interpreter", fullgraph=True)
    assert compiled().dtype is lt.float32
    lt.set_default_dtype(lt.float64)
    try:
        assert compiled().dtype is lt.float64
    finally:
        lt.set_default_dtype(lt.float32)
    assert compiled().dtype is lt.float32
    assert compiled.compiles == 2
    assert "the default dtype changed" in compiled.misses
