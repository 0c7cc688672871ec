"""What a captured call returns, and how gradients flow through it: as uncompiled, whatever the shape of the result."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import lamella.autograd as la
import lamella.tensor as lt
from lamella import optim
from lamella.autograd.extend import GraphFreedError
from lamella.compiler import CaptureError
from lamella.compiler import compile as capture


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclasses.dataclass
class Out:
    loss: Any
    parts: list[Any]
    name: str = "out"


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenOut:
    loss: Any


def double(x: Any) -> Any:
    return x * 2.0


OLDER = ["an older list"]
RESULTS: dict[str, Callable[[Any], Any]] = {
    "nested": lambda x: {"a": [x + 1.0, (x * 2.0, None)], "b": {"c": 3, "d": "word"}},
    "list of one": lambda x: [x + 1.0],
    "tuple of one": lambda x: (x + 1.0,),
    "nothing": lambda x: None,
    "constants": lambda x: (1, 2.5, "a", True, lt.float32, double),
    "named tuple": lambda x: Pair(x + 1.0, 2),
    "dataclass": lambda x: Out(x.sum(), [x + 1.0, x * 2.0]),
    "frozen dataclass": lambda x: FrozenOut(x.sum()),
    "ordered dict": lambda x: collections.OrderedDict(b=x + 1.0, a=x),
    "default dict": lambda x: collections.defaultdict(list, a=x + 1.0),
    "the input": lambda x: x,
    "the input in a list": lambda x: [x, x + 1.0, x],
    "view of the input": lambda x: x[0],
    "views of views of the input": lambda x: (x.T, x.T[1:], x[0][1]),
    "detached input": lambda x: x.detach(),
    "view of a result": lambda x: (lambda y: (y, y[0], y.T))(x * 2.0),
    "views of something not returned": lambda x: (lambda y: (y[0:1], y[0:2]))(x.exp()),
    "the same twice": lambda x: (lambda y: (y, y, [y]))(x * 2.0),
    "equal but apart": lambda x: (x * 2.0, x * 2.0),
    "detached result": lambda x: (lambda y: (y, y.detach()))(x * 2.0),
    "expanded": lambda x: x.sum().expand(3, 4),
    "without grad": lambda x: (x > 0, x.argmax(), x.detach() * 2.0),
    "made under no_grad": lambda x: lt.no_grad()(double)(x),
    "a new leaf": lambda x: lt.ones(3, dtype=lt.float64, requires_grad=True),
    "zero-d": lambda x: x.sum(),
    "no input used": lambda x: lt.arange(3),
    "a constant tensor": lambda x: lt.tensor([1.0, 2.0]) + 1.0,
    "older list": lambda x: (OLDER, x),
}


def described(value: Any, x: lt.Tensor) -> Any:
    """A result as comparable Python: values, requires_grad, and which tensors are one object or share memory with x."""
    if isinstance(value, lt.Tensor):
        array = value.detach().numpy()
        return (
            "tensor",
            value is x,
            bool(value.requires_grad),
            bool(value.is_leaf),
            str(value.dtype),
            np.shares_memory(array, x.detach().numpy()),
            array.tolist(),
        )
    if isinstance(value, dict):
        return (type(value).__name__, [(k, described(v, x)) for k, v in value.items()])
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, [described(v, x) for v in value])
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return (type(value).__name__, [described(getattr(value, f.name), x) for f in dataclasses.fields(value)])
    return value


def tensors_in(value: Any) -> list[lt.Tensor]:
    if isinstance(value, lt.Tensor):
        return [value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, f.name) for f in dataclasses.fields(value)]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for v in value for t in tensors_in(v)] if isinstance(value, (list, tuple)) else []


def sharing(value: Any) -> list[tuple[bool, bool]]:
    """For each pair of tensors in a result: one object, shared memory."""
    ts = tensors_in(value)
    pairs = [(a, b) for i, a in enumerate(ts) for b in ts[i + 1 :]]
    return [(a is b, np.shares_memory(a.detach().numpy(), b.detach().numpy())) for a, b in pairs]


def gradient(value: Any, x: lt.Tensor) -> Any:
    x.grad = None
    total = lt.zeros((), dtype=lt.float64)
    for n, t in enumerate(tensors_in(value)):
        if t.requires_grad:
            total = total + (t.to(lt.float64) * (n + 1.0)).exp().sum()
    if total.requires_grad:
        total.backward()
    return None if x.grad is None else x.grad.numpy()


@pytest.mark.parametrize("backend", ["interpreter", "c"])
@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("name", RESULTS)
def test_results(name: str, grad: bool, backend: str) -> None:
    fn = RESULTS[name]
    compiled = capture(fn, backend=backend)
    for seed in range(2):
        x = f64(3, 4, seed=seed).requires_grad_(grad)
        expected = fn(x)
        got = compiled(x)
        assert repr(described(got, x)) == repr(described(expected, x)) or _close(
            described(got, x), described(expected, x)
        )
        assert sharing(got) == sharing(expected)
        a, b = gradient(got, x), gradient(expected, x)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-9)
    assert compiled.compiles == 1


def _close(a: Any, b: Any) -> bool:
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(_close(p, q) for p, q in zip(a, b, strict=True))
    return bool(np.isclose(a, b, rtol=1e-9)) if isinstance(a, float) else a == b or a is b


def test_numbers_are_returned() -> None:
    w = f64(3).requires_grad_()
    opt = optim.SGD([w], lr=0.5)
    f = capture(lambda: (opt.param_groups[0]["lr"] * 2, opt.param_groups[0]["lr"]), backend="interpreter")
    assert f() == (1.0, 0.5)
    opt.param_groups[0]["lr"] = 0.25
    assert f() == (0.5, 0.25)
    assert f.compiles == 1


def two(x: Any, w: Any) -> Any:
    h = (x @ w).tanh()
    return h.exp(), (h * x.sum()).sum()


@pytest.mark.parametrize("backend", ["interpreter", "c"])
@pytest.mark.parametrize("use", ["both", "first", "second"])
def test_gradients_into_arguments_and_parameters(backend: str, use: str) -> None:
    w = f64(4, 2, seed=1).requires_grad_()
    compiled = capture(lambda x: two(x, w), backend=backend)

    def grads(fn: Any, x: lt.Tensor) -> list[np.ndarray]:
        a, b = fn(x)
        loss = {"both": lambda: a.sum() * 2.0 + b, "first": lambda: (a * a).sum(), "second": lambda: b * 3.0}[use]()
        return [g.numpy() for g in la.grad(loss, [x, w])]

    for seed in range(2):
        x = f64(3, 4, seed=seed).requires_grad_()
        for a, b in zip(grads(compiled, x), grads(lambda x: two(x, w), x), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10)
    assert compiled.compiles == 1


def test_backward_twice_is_as_uncompiled() -> None:
    def fn(x: Any) -> Any:
        return (x * x).sum()

    for f in (fn, capture(fn, backend="interpreter")):
        x = f64(3).requires_grad_()
        y = f(x)
        y.backward(retain_graph=True)
        y.backward()
        np.testing.assert_allclose(x.grad.numpy(), 4 * x.detach().numpy())
        with pytest.raises(GraphFreedError, match="freed"):
            y.backward()


def test_second_derivative_inside() -> None:
    def fn(x: Any) -> Any:
        (g,) = la.grad((x * x * x).sum(), [x], create_graph=True)
        return g

    x = f64(3).requires_grad_()
    for f in (fn, capture(fn, backend="interpreter")):
        (g2,) = la.grad(f(x).sum(), [x])
        np.testing.assert_allclose(g2.numpy(), 6 * x.detach().numpy())


def test_hooks_on_results_and_on_leaves() -> None:
    def fn(x: Any) -> Any:
        return x * 2.0

    for f in (fn, capture(fn, backend="interpreter")):
        x = f64(3).requires_grad_()
        seen: list[Any] = []
        y = f(x)
        y.register_hook(lambda g, seen=seen: seen.append(g.numpy().copy()))
        x.register_hook(lambda g: g * 10.0)
        y.sum().backward()
        np.testing.assert_array_equal(seen[0], 1.0)
        np.testing.assert_array_equal(x.grad.numpy(), 20.0)


def test_a_hook_on_a_result_comes_before_one_that_is_added_outside() -> None:
    def fn(x: Any) -> Any:
        y = x * 2.0
        y.register_hook(lambda g: g * 2.0)
        return y

    def gradients(f: Any) -> list[Any]:
        x = f64(3).requires_grad_()
        y = f(x)
        y.retain_grad()
        y.register_hook(lambda g: g.clamp(-3.0, 3.0))
        (y * 2.0).sum().backward()
        return [x.grad.numpy(), y.grad.numpy()]

    with pytest.raises(CaptureError, match="registered a hook, before which"):
        capture(fn, backend="interpreter", fullgraph=True)(f64(3).requires_grad_())
    with pytest.warns(RuntimeWarning, match="returns a tensor on which it has registered a hook"):
        got = gradients(capture(fn, backend="interpreter"))
    np.testing.assert_array_equal(got, gradients(fn))


def test_hook_on_a_leaf_is_part_of_the_step() -> None:
    def run(wrap: Any) -> tuple[list[Any], Any]:
        w = f64(3).requires_grad_()

        def step() -> Any:
            w.grad = None
            (w * w).sum().backward()
            return w.grad.clone()

        f = wrap(step)
        out = [f().numpy()]
        handle = w.register_hook(lambda g: g * 10.0)
        out.append(f().numpy())
        handle.remove()
        out.append(f().numpy())
        return out, f

    expected, _ = run(lambda f: f)
    got, f = run(lambda f: capture(f, backend="interpreter"))
    np.testing.assert_array_equal(got, expected)
    assert f.compiles == 2


def test_an_input_that_is_itself_a_result_gets_its_gradient_once() -> None:
    w = f64(3).requires_grad_()

    def fn(x: Any) -> Any:
        return (x * w * w).sum()

    grads = []
    for f in (fn, capture(fn, backend="interpreter")):
        w.grad = None
        x = w * 3.0
        f(x).backward()
        grads.append(w.grad.numpy())
    np.testing.assert_allclose(grads[0], grads[1])


def test_a_twin_over_the_same_memory_keeps_its_own_history() -> None:
    def fn(a: Any, b: Any) -> Any:
        return (a * b).sum()

    for order in (0, 1):
        grads = []
        for f in (fn, capture(fn, backend="interpreter")):
            x = f64(3).requires_grad_()
            pair = (x.detach(), x) if order == 0 else (x, x.detach())
            f(*pair).backward()
            grads.append(x.grad.numpy())
        np.testing.assert_allclose(grads[0], grads[1])


@pytest.mark.parametrize("what", ["result", "argument", "view of argument"])
def test_a_write_between_call_and_backward_is_noticed(what: str) -> None:
    def fn(x: Any, b: Any) -> Any:
        return (x * b.T).exp() if what == "view of argument" else (x * b).exp()

    for f in (fn, capture(fn, backend="interpreter")):
        x = f64(3, 3).requires_grad_()
        b = f64(3, 3, seed=1)
        y = f(x, b)
        with lt.no_grad():
            (y.detach() if what == "result" else b).add_(1.0)
        with pytest.raises(RuntimeError, match="modified in place"):
            y.sum().backward()


def test_custom_function_inside() -> None:
    class Reverse(la.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return -g

    def fn(x: Any) -> Any:
        return Reverse.apply(x)

    grads = []
    for f in (fn, capture(fn, backend="interpreter")):
        x = f64(3).requires_grad_()
        (f(x) * 2.0).sum().backward()
        grads.append(x.grad.numpy())
    np.testing.assert_array_equal(grads[0], grads[1])


def test_method_of_a_class() -> None:
    class Model:
        def __init__(self, scale: float) -> None:
            self.scale = scale

        @capture
        def run(self, x: Any) -> Any:
            return x * self.scale

    a, b = Model(2.0), Model(3.0)
    x = f64(3)
    for m in (a, b, a):
        np.testing.assert_array_equal(m.run(x).numpy(), x.numpy() * m.scale)
