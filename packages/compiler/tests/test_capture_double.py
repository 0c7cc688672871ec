"""Second derivatives through a compiled call from outside are those of the uncompiled function, to any order; where
they would not be, they are refused.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from own_histories import HISTORIES, STATE, Keeps

import lamella.autograd as la
import lamella.tensor as lt
from lamella import nn
from lamella.compiler import compile as capture
from lamella.nn import functional

BACKENDS = ("interpreter", "c")


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


lt.manual_seed(0)
NET = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(lt.float64)
NORM = nn.BatchNorm1d(3).to(lt.float64)
WEIGHT = f64(3, 3, seed=9)


def branches(x: Any, w: Any) -> Any:
    y = x @ w
    return (y * y).sum() if y.sum() > 0 else y.exp().sum() * y.mean().item()


def written(x: Any, w: Any) -> Any:
    y = x @ w
    y[0].mul_(2.0)
    y += x
    return (y**3).sum()


def cut(x: Any, w: Any) -> Any:
    y = x @ w
    with lt.no_grad():
        scale = y.abs().mean()
    return (y * y.detach() * scale * x).sum()


def looped(x: Any, w: Any) -> Any:
    def step(carry: Any, row: Any) -> Any:
        new = (carry @ w + row).tanh()
        return new, new.sum()

    last, sums = la.scan(step, x[0], x)
    return (last * sums.sum()).sum()


def either(x: Any, w: Any) -> Any:
    return la.cond(x.sum() > 0, lambda x, w: (x @ w) ** 2, lambda x, w: (x @ w).sin(), (x, w)).sum()


def gradient_inside(x: Any, w: Any) -> Any:
    (g,) = la.grad(((x @ w).tanh() ** 2).sum(), [x], create_graph=True)
    return (g**2).sum()


# (x, w) -> a result or several
PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "products": lambda x, w: ((x @ w) ** 3).sum(),
    "elementwise": lambda x, w: ((x * 2.0).exp() / (1.0 + w.sum() ** 2)).sqrt().sum(),
    "two results": lambda x, w: ((x @ w).sin(), (x * x).sum(0)),
    "one result without grad": lambda x, w: ((x @ w).tanh(), x > 0),
    "views": lambda x, w: (x.T[1:].reshape(-1) * w.flatten()[:4]).cumsum(0),
    "the input and a view of a result": lambda x, w: (lambda y: (y[0] ** 2, x))((x @ w).exp()),
    "module": lambda x, w: NET(x @ w),
    "softmax": lambda x, w: functional.softmax(x @ w, -1) ** 2,
    "layer norm": lambda x, w: functional.layer_norm(x @ w, (3,)) ** 2,
    "batch norm": lambda x, w: (NORM(x @ w) ** 2).sum(),
    "gelu": lambda x, w: functional.gelu(x @ w),
    "cross entropy": lambda x, w: functional.cross_entropy(x @ w, lt.tensor([0, 2])),
    "attention": lambda x, w: functional.scaled_dot_product_attention(*[t[None, None] for t in (x, x, x @ w)]),
    "indices": lambda x, w: (x @ w)[:, [0, 2]] ** 2,
    "where": lambda x, w: lt.where(x > 0, x**2, (x @ w) ** 3).sum(),
    "sorted": lambda x, w: ((x @ w).sort(-1)[0] ** 2 * lt.arange(3.0, dtype=lt.float64)).sum(),
    "checkpoint": lambda x, w: la.checkpoint(lambda x, w: (x @ w).exp() * x, x, w),
    "branches": branches,
    "written": written,
    "cut": cut,
    "looped": looped,
    "either": either,
    "gradient inside": gradient_inside,
}  # fmt: skip


def results(out: Any) -> list[lt.Tensor]:
    return [o for o in (out if isinstance(out, tuple) else (out,)) if isinstance(o, lt.Tensor) and o.requires_grad]


def derivatives(f: Callable[[Any, Any], Any], order: int, rows: int = 2, leaf: bool = False) -> list[Any]:
    """Gradients of sums of squares of gradients, and so on: each order depends on all derivatives before it. What is
    before and behind the function is not linear: cotangents of all orders meet in its nodes.
    """
    x, w = f64(rows, 3).requires_grad_(), f64(3, 3, seed=1).requires_grad_()
    z = x if leaf else x * 1.5
    value = sum([((o + z.sum()) ** 2 * (n + 1.0)).sum() for n, o in enumerate(results(f(z, w)))], (z**3).sum())
    found = []
    for n in range(order):
        grads = la.grad(value, [x, w], create_graph=n + 1 < order, allow_unused=True, materialize_grads=True)
        found += [g.detach().numpy() for g in grads]
        value = sum([(g**2).sum() for g in grads], value)
    return found


def same(got: list[Any], want: list[Any], exactly: bool) -> None:
    for a, b in zip(got, want, strict=True):
        if exactly:
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


LOOPS = ("looped", "either")  # uncompiled they are Python's own, and round in another order


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_derivatives_of_derivatives(name: str, backend: str) -> None:
    program = PROGRAMS[name]
    want = derivatives(program, 3)
    compiled = capture(program, backend=backend, fullgraph=True)
    for _ in range(2):
        same(derivatives(compiled, 3), want, backend == "interpreter" and name not in LOOPS)


@pytest.mark.parametrize("name", ["products", "layer norm", "two results", "written", "looped"])
def test_finite_differences_agree(name: str) -> None:
    compiled = capture(PROGRAMS[name], backend="c")
    inputs = (f64(2, 3).requires_grad_(), f64(3, 3, seed=1).requires_grad_())
    assert la.gradcheck(compiled, inputs)
    assert la.gradgradcheck(compiled, inputs)


def test_other_sizes_and_numbers() -> None:
    """The forward of the call at hand is what is computed once more: its sizes, its seed, its learning rate."""
    scale = {"n": 0}

    def program(x: lt.Tensor) -> Any:
        scale["n"] += 1
        return (functional.dropout(x, 0.5) ** 3).sum() * scale["n"] * x.shape[0]

    outcomes = []
    for f in (program, capture(program, backend="c", fullgraph=True)):
        lt.manual_seed(7)
        scale["n"] = 0
        found = []
        for n in (4, 5, 6, 4):
            x = f64(n, 2, seed=n).requires_grad_()
            (g,) = la.grad(f(x), [x], create_graph=True)
            (g2,) = la.grad((g**2).sum(), [x])
            found += [g.detach().numpy(), g2.numpy()]
        outcomes.append(found)
    for a, b in zip(*outcomes, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_penalty_on_gradients_trains(backend: str) -> None:
    histories = []
    for compiled in (False, True):
        lt.manual_seed(3)
        net = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 1)).to(lt.float64)
        if compiled:
            net.compile(backend=backend, fullgraph=True)
        history = []
        for n in range(4):
            x = f64(6, 3, seed=n).requires_grad_()
            (g,) = la.grad(net(x).sum(), [x], create_graph=True)
            loss = ((g.norm(dim=1) - 1.0) ** 2).mean()
            net.zero_grad()
            loss.backward()
            with lt.no_grad():
                for p in net.parameters():
                    if p.grad is not None:  # the last bias has none
                        p.sub_(p.grad * 0.1)
            history.append(loss.item())
        histories.append(history)
    np.testing.assert_allclose(*histories, rtol=1e-9)
    assert histories[0][0] != histories[0][-1]


def test_two_gradients_of_one_call_meet_in_it() -> None:
    """Each was recorded by a backward of its own, and a hook that is not linear sees their sum."""

    def program(x: Any) -> Any:
        y = x * x
        y.register_hook(lambda g: g.clamp(-1.0, 1.0))
        return (y**3).sum()

    found = []
    for f in (program, capture(program, backend="interpreter", fullgraph=True)):
        x = (f64(5) * 0.5).requires_grad_()
        y = f(x)
        (a,) = la.grad(y, [x], create_graph=True)
        (b,) = la.grad(y * 2.0, [x], create_graph=True)
        y.backward(retain_graph=True)  # unrecorded, through what the recorded ones have made
        found.append([t.detach().numpy() for t in (a, b, x.grad, *la.grad((a * b).sum() + y, [x]))])
    same(*found, True)


def test_batched_cotangents() -> None:
    def program(x: Any, w: Any) -> Any:
        return (x @ w).tanh()

    x, w = f64(2, 3).requires_grad_(), f64(3, 3, seed=1).requires_grad_()
    eye = lt.eye(6, dtype=lt.float64).reshape(6, 2, 3)
    want, got = [la.grad(f(x, w), [x], eye, is_grads_batched=True) for f in (program, capture(program, backend="c"))]
    np.testing.assert_allclose(got[0].numpy(), want[0].numpy(), rtol=1e-12)


def outcome(f: Callable[[Any, Any], Any], order: int, **sizes: int) -> list[Any]:
    """The derivatives, from where the state and the generator begin; or the error."""
    STATE.fill_(1.0)
    lt.manual_seed(3)
    try:
        return derivatives(f, order, **sizes)
    except RuntimeError as error:
        return [type(error).__name__, str(error)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", HISTORIES)
def test_histories_that_are_not_made_of_ops(name: str, backend: str) -> None:
    """What autograd does uncompiled, it does here: to the last bit, and with the same errors."""
    program = HISTORIES[name]
    compiled = capture(program, backend=backend, fullgraph=True)
    for order in (2, 3):
        want = outcome(program, order)
        for _ in range(2):
            same(outcome(compiled, order), want, backend == "interpreter" or isinstance(want[0], str))
    assert isinstance(want[0], str) == (name == "once differentiable")


@pytest.mark.parametrize("name", HISTORIES)
def test_histories_of_other_sizes(name: str) -> None:
    """Inputs, sizes and what hooks read are those of the call at hand."""
    program = HISTORIES[name]
    compiled = capture(program, backend="interpreter", fullgraph=True, dynamic=True)
    for n in (2, 4, 5, 4):
        same(outcome(compiled, 2, rows=n, leaf=True), outcome(program, 2, rows=n, leaf=True), True)
    assert compiled.compiles <= 2  # "forked" goes both ways


@pytest.mark.parametrize("name", ["a Function", "Functions in backward", "setup_context"])
def test_finite_differences_agree_with_functions(name: str) -> None:
    """Where the backward is the derivative, and all that it saves has a history."""
    compiled = capture(HISTORIES[name], backend="c", fullgraph=True)
    inputs = (f64(2, 3).requires_grad_(), f64(3, 3, seed=1).requires_grad_())
    assert la.gradcheck(compiled, inputs)
    assert la.gradgradcheck(compiled, inputs)


def test_a_module_that_a_hook_holds_is_let_go() -> None:
    def program(module: Any, x: Any) -> Any:
        y = module(x)
        y.register_hook(lambda g: g * module.weight.sum())
        return (y * y).sum()

    compiled = capture(program, backend="interpreter", fullgraph=True)
    found = []
    for f in (program, compiled):
        lt.manual_seed(0)
        module, x = nn.Linear(3, 3).to(lt.float64), f64(2, 3).requires_grad_()
        (g,) = la.grad(f(module, x), [x], create_graph=True)
        found.append(la.grad((g**2).sum(), [x])[0].numpy())
    np.testing.assert_array_equal(*found)
    reference = weakref.ref(module)
    del module, g
    gc.collect()
    assert reference() is None


def overwritten_input(x: Any) -> Any:
    y = (STATE.exp() * x * x).sum()
    STATE.mul_(0.5)
    return y


def hook_with_a_counter(x: Any) -> Any:
    n = 0

    def hook(g: Any) -> Any:
        nonlocal n
        n += 1
        return g * n

    y = x * x
    y.register_hook(hook)
    return (y * y).sum()


def hook_over_a_circle(x: Any) -> Any:
    factors: list[Any] = [2.0]
    factors.append(factors)
    y = x * x
    y.register_hook(lambda g: g * factors[0])
    return (y * y).sum()


def hooks_that_share_around_a_checkpoint(x: Any) -> Any:
    factors = [2.0]

    def inside(x: Any) -> Any:
        y = x * x
        y.register_hook(lambda g: g * factors[0])
        return y.exp()

    z = la.checkpoint(inside, x)
    z.register_hook(lambda g: g * factors[0])
    return z.sum()


def checkpoint_in_a_context(x: Any) -> Any:
    return la.checkpoint(lambda x: (x * x).exp(), x, context_fn=lambda: (nullcontext(), nullcontext())).sum()


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "an input overwritten that was read before": (overwritten_input, "writes an input that its results depend on"),
    "a hook that assigns": (hook_with_a_counter, "assigns to a variable of the function around it"),
    "a list that holds itself": (hook_over_a_circle, "keeps a list that holds itself"),
    "a list inside a checkpoint and outside": (hooks_that_share_around_a_checkpoint, "shares a list between"),
    "a checkpoint with contexts": (checkpoint_in_a_context, "a checkpoint with a context_fn"),
    "an object of the call in a context": (lambda x: Keeps.apply(x).sum(), "the context of Keeps keeps a object"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_another_function_is_refused(name: str) -> None:
    program, words = REFUSED[name]
    compiled = capture(program, backend="interpreter", fullgraph=True)
    x = f64(3).requires_grad_()
    y = compiled(x)
    with pytest.raises(RuntimeError, match=f"cannot be differentiated again: .*{words}"):
        la.grad(y.sum(), [x], create_graph=True)


def test_a_write_in_between_is_noticed() -> None:
    compiled = capture(lambda x, a: (x.exp() * a).sum(), backend="interpreter")
    x, a = f64(3).requires_grad_(), f64(3, seed=2)
    y = compiled(x, a)
    a.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified in place"):
        la.grad(y, [x], create_graph=True)
    # what no op has saved may be written
    compiled = capture(lambda x, a: (x.exp() + a * 2.0).sum(), backend="interpreter")
    y = compiled(x, a)
    a.mul_(2.0)
    (g,) = la.grad(y, [x], create_graph=True)
    (g2,) = la.grad(g.sum(), [x])
    np.testing.assert_array_equal(g2.numpy(), x.exp().detach().numpy())
