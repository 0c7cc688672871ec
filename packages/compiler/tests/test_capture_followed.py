"""Going backward from some of the results of a compiled call is what it is uncompiled: the ways of the others are not
gone, so that their infinities and NaN stay where they are, and gradients that nothing followed leads to are None.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.autograd as la
import lamella.tensor as lt
from lamella import nn, optim
from lamella.compiler import compile as capture
from lamella.nn import functional

BACKENDS = ("interpreter", "c")


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


class Both(la.Function):
    """Two results; what comes for one of them alone is multiplied by an infinity that the other's zeros meet too."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        ctx.save_for_backward(w)
        return x * 2.0, x * 3.0

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        (w,) = ctx.saved_tensors
        return g * 2.0 + h / w.detach(), None


class Optional(la.Function):
    """Two results; backward gets None for the one that is not followed."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        ctx.save_for_backward(x, w)
        ctx.set_materialize_grads(False)
        return x * w, x / w

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        x, w = ctx.saved_tensors
        gx = gw = None
        if g is not None:
            gx, gw = g * w, g * x
        if h is not None:
            gx = h / w if gx is None else gx + h / w
            gw = -h * x / (w * w) if gw is None else gw - h * x / (w * w)
        return gx, gw


class Constant(la.Function):
    """Its gradient does not depend on what comes."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2.0

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return lt.full(tuple(g.shape), 7.0, dtype=g.dtype)


def hooked(x: Any, w: Any) -> Any:
    y = x * w
    y.register_hook(lambda g: lt.full(tuple(g.shape), 5.0, dtype=g.dtype))
    return (y * 2.0).sum(), (x / w).sum(), (y.exp() + x.sqrt()).sum()


def scanned(x: Any, w: Any) -> Any:
    def step(carry: Any, row: Any) -> Any:
        new = carry * w[0] + row
        return new, (new.sum(), (row * row).sum())

    last, (sums, squares) = la.scan(step, x[0], x)
    return last.sum(), sums * 2.0, squares


def carried(x: Any, w: Any) -> Any:
    def step(carry: Any, row: Any) -> Any:
        a, b = carry
        return (a + row * row, b / w[1]), (row.sqrt(), b * row)

    (a, b), (roots, products) = la.scan(step, (x[0], x[1]), x)
    return a, b, roots, products.sum()


def bounded(x: Any, w: Any) -> Any:
    a, b = la.while_loop(lambda a, b: a.sum() < 100.0, lambda a, b: (a * 2.0 + x, b / w), (x, w * x), max_steps=8)
    return a.sum(), b.sum()


def either(x: Any, w: Any) -> Any:
    return la.cond(x.sum() > -1e9, lambda x, w: (x * 2.0, x / w), lambda x, w: (x, w), (x, w))


def branches(x: Any, w: Any) -> Any:
    y = x * 2.0
    if (w * w).sum() > 1e9:
        return y.sum(), (x / w).sum(), w.sum()
    z = x.sqrt() * y
    if (x * x).sum() > -1.0:
        return y.sum(), z.sum(), (w / x).sum()
    return z, y, w


def views(x: Any, w: Any) -> Any:
    y = x * 2.0
    z = x.sqrt()
    return y[0], y.T[1:], z, z[0] * w[0], y[0]


def written(x: Any, w: Any) -> Any:
    y = x * 1.0
    y[0].mul_(w[0])
    z = y / w
    y += x
    return y.sum(), z.sum()


def checkpointed(x: Any, w: Any) -> Any:
    y, z = la.checkpoint(lambda x, w: (x * 2.0, (x / w).sqrt()), x, w)
    return y.sum(), z, y * z


def detached(x: Any, w: Any) -> Any:
    return (x * 2.0).sum(), x.sqrt().detach(), (x / w).sum(), w.sqrt()


LSTM = nn.LSTM(4, 4, num_layers=1).to(lt.float64)


def recurrent(x: Any, w: Any) -> Any:
    out, (h, c) = LSTM(x.unsqueeze(1) * w[0])
    return out, h, c, (x / w).sum()


# (x, w) -> results; zeros in x and w make the ways of some of them infinite or NaN
PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "apart": lambda x, w: ((x * 2.0).sum(), x.sqrt(), (w / x).sum()),
    "shared": lambda x, w: (lambda y: ((y * w).sum(), y.sqrt(), y.sum() * 2.0))(x * 3.0),
    "shared and mixed": lambda x, w: (lambda y, z: ((y + z).sum(), (y * z).sum(), z))(x * 2.0, (x * x).sqrt()),
    "one per input": lambda x, w: (x.exp().sum(), w.exp().sum()),
    "statistics": lambda x, w: (*lt.std_mean(x * w, dim=0), (x / w).sum()),
    "layer norm": lambda x, w: (functional.layer_norm(x, (4,)), functional.layer_norm(x * w, (4,)).sqrt()),
    "products": lambda x, w: ((x @ w.T).sum(), (x.sqrt() @ w.T), (x @ w.T) / w.sum()),
    "selection": lambda x, w: (*lt.max(x * w, dim=0), x.sqrt().sum()),
    "joined": lambda x, w: (lambda y: (y[:3].sum(), y[3:].sqrt()))(lt.cat([x * 2.0, x / w])),
    "the input": lambda x, w: (x, (x * 2.0).sum(), (x / w).sum()),
    "detached": detached,
    "views": views,
    "written": written,
    "checkpoint": checkpointed,
    "function": lambda x, w: (*Both.apply(x * w, w), x.sqrt()),
    "function without zeros": lambda x, w: (*Optional.apply(x * 2.0, w), x.sqrt()),
    "constant gradient": lambda x, w: ((x * 2.0).sum(), Constant.apply(x), (Constant.apply(x * w) / w).sum()),
    "hook": hooked,
    "scan": scanned,
    "scan of carries": carried,
    "while": bounded,
    "cond": either,
    "forks": branches,
    "recurrent": recurrent,
}
# histories that are not made of ops have no second derivative
TWICE = [
    name
    for name in PROGRAMS
    if name not in ("function", "function without zeros", "constant gradient", "hook", "checkpoint")
]


def operands(requires: tuple[bool, bool] = (True, True)) -> list[Any]:
    """3 x 4 values with zeros, where roots and quotients have infinite slopes."""
    x, w = f64(3, 4).abs(), f64(3, 4, seed=1).abs()
    x[1, 2] = 0.0
    w[1, 2] = 0.0
    w[2, 0] = 0.0
    return [t.requires_grad_(follows) for t, follows in zip((x, w), requires, strict=True)]


def loss(outs: Any, followed: tuple[int, ...]) -> Any:
    return sum([(outs[i] * (0.5 + i)).sum() for i in followed])


def sets(fn: Any, requires: tuple[bool, bool] = (True, True), most: int = 2) -> list[tuple[int, ...]]:
    """The sets of results to be followed: of up to `most`, and all of them."""
    at = [i for i, t in enumerate(fn(*operands(requires))) if t.requires_grad]
    found = [s for n in range(1, most + 1) for s in itertools.combinations(at, n)]
    return found if tuple(at) in found else [*found, tuple(at)]


def same(label: Any, got: Any, want: Any) -> None:
    assert (got is None) == (want is None), (label, got, want)
    if want is not None:
        np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=1e-10, atol=1e-12, err_msg=label)


def check_grads(
    name: str, compiled: Any, followed: tuple[int, ...], requires: tuple[bool, bool] = (True, True)
) -> None:
    ours, theirs = operands(requires), operands(requires)
    with np.errstate(all="ignore"):
        loss(PROGRAMS[name](*theirs), followed).backward()
        loss(compiled(*ours), followed).backward()
    for label, a, b in zip("xw", ours, theirs, strict=True):
        same(f"{name} {followed} {label}", a.grad, b.grad)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_some_results_followed(name: str, backend: str) -> None:
    compiled = capture(PROGRAMS[name], backend=backend, fullgraph=True)
    for followed in sets(PROGRAMS[name], most=2 if backend == "interpreter" else 1):
        check_grads(name, compiled, followed)


@pytest.mark.parametrize("requires", [(True, False), (False, True)])
@pytest.mark.parametrize("name", PROGRAMS)
def test_inputs_that_do_not_require_grad(name: str, requires: tuple[bool, bool]) -> None:
    compiled = capture(PROGRAMS[name], backend="interpreter", fullgraph=True)
    compiled(*operands())  # a program for inputs that do is none for these
    for followed in filter(None, sets(PROGRAMS[name], requires, most=1)):
        check_grads(name, compiled, followed, requires)


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_of_some_inputs(name: str) -> None:
    fn = PROGRAMS[name]
    compiled = capture(fn, backend="interpreter", fullgraph=True)
    for followed, wanted in itertools.product(sets(fn, most=1), (0, 1)):
        found = []
        for f in (compiled, fn):
            xs = operands()
            with np.errstate(all="ignore"):
                found += la.grad(loss(f(*xs), followed), [xs[wanted]], allow_unused=True)
        same(f"{name} {followed} {wanted}", *found)


@pytest.mark.parametrize("name", TWICE)
def test_second_derivatives_of_some_results(name: str) -> None:
    fn = PROGRAMS[name]
    compiled = capture(fn, backend="interpreter", fullgraph=True)
    for followed in sets(fn, most=1):
        found = []
        for f in (compiled, fn):
            xs = operands()
            with np.errstate(all="ignore"):
                first = la.grad(loss(f(*xs), followed), xs, create_graph=True, allow_unused=True)
                left = [g for g in first if g is not None and g.requires_grad]
                second = la.grad(sum([(g * g).sum() for g in left]), xs, allow_unused=True) if left else (None, None)
            found.append((first, [lt.zeros_like(x) if g is None else g for g, x in zip(second, xs, strict=True)]))
        for ours, theirs in zip(*found, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                same(f"{name} {followed}", a, b)


def test_second_derivative_beside_a_history_that_is_not_made_of_ops() -> None:
    found = []
    for f in (PROGRAMS["function"], capture(PROGRAMS["function"], fullgraph=True)):
        x, w = operands()
        x.data[1, 2] = 1.0
        (g,) = la.grad(f(x, w)[2].sum(), [x], create_graph=True)
        found += la.grad(g.sum(), [x])
    same("root", *found)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_set_is_planned_once(backend: str) -> None:
    compiled = capture(lambda x, w: ((x * w).sum(), (x @ w.T).sum()), backend=backend, fullgraph=True)

    def backward(*at: int) -> Any:
        xs = operands()
        outs = compiled(*xs)
        loss(outs, at).backward()
        return compiled.programs[0].backward

    ways = backward(0).ways
    assert ways.sets == ((1, 3),)
    assert "matmul" not in [n.op.name for n in ways.last().graph.nodes]
    assert backward(0).ways.sets == ((1, 3),)
    assert backward(1).ways.sets == ((1, 3), (2, 3))
    assert backward(0, 1).ways.sets == ((1, 3), (2, 3), (3, 3))
    assert len(compiled.programs) == 1
    la.grad(compiled(*(xs := operands()))[0], [xs[1]])
    assert ways.sets[-1] == (1, 2)
    assert ways.last().gives == (1,)


def test_one_result_is_planned_with_its_program() -> None:
    compiled = capture(lambda x, w: (x * w).sum(), fullgraph=True)
    compiled(*operands())
    assert compiled.programs[0].backward.ways.sets == ((1, 3),)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_after_the_other_over_a_kept_graph(backend: str) -> None:
    found = []
    for f in (PROGRAMS["shared"], capture(PROGRAMS["shared"], backend=backend, fullgraph=True)):
        xs = operands()
        outs = f(*xs)
        with np.errstate(all="ignore"):
            for i in (0, 2, 0):
                outs[i].sum().backward(retain_graph=True)
        found.append([x.grad for x in xs])
    for a, b in zip(*found, strict=True):
        same("kept", a, b)


def test_only_what_the_way_reads_must_not_be_written() -> None:
    def two(x: Any, w: Any) -> Any:
        return (x * 2.0).sum(), (x * w).sum()

    for f in (two, capture(two, backend="interpreter", fullgraph=True)):
        x, w = operands()
        outs = f(x, w)
        with lt.no_grad():
            w.add_(1.0)
        outs[0].backward(retain_graph=True)
        np.testing.assert_array_equal(x.grad.numpy(), 2.0)
        (g,) = la.grad(outs[1], [w], retain_graph=True)  # reads x alone
        np.testing.assert_array_equal(g.numpy(), x.detach().numpy())
        with pytest.raises(RuntimeError, match="written|modified|version"):
            outs[1].backward()


@pytest.mark.parametrize("dynamic", [True, False])
def test_sizes(dynamic: bool) -> None:
    def fn(x: Any) -> Any:
        y, z = Both.apply(x, x * 1.0)
        return y.sum(), z.sqrt(), lt.cat([y, z]).sum()

    compiled = capture(fn, dynamic=dynamic, fullgraph=True)
    for n in (3, 5, 3):
        for i in range(3):
            found = []
            for f in (compiled, fn):
                x = lt.arange(n, dtype=lt.float64).requires_grad_()
                with np.errstate(all="ignore"):
                    f(x)[i].sum().backward()
                found.append(x.grad)
            same(f"{n} {i}", *found)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["apart", "scan of carries", "cond", "checkpoint"])
def test_a_whole_step_follows_what_its_loss_follows(name: str, backend: str) -> None:
    def train(f: Any) -> list[Any]:
        x, w = operands()
        optimizer = optim.SGD([x, w], lr=0.1, weight_decay=0.5)

        def step() -> Any:
            optimizer.zero_grad()
            first, other, *_ = PROGRAMS[name](x, w)
            first.sum().backward()
            return first.detach(), other.detach()

        run = f(step)
        with np.errstate(all="ignore"):
            for _ in range(3):
                out = run()
        return [*out, x, w, x.grad, w.grad]

    with np.errstate(all="ignore"):
        for a, b in zip(train(capture(backend=backend, fullgraph=True)), train(lambda step: step), strict=True):
            same("step", a, b)


def test_gradients_add_up_over_calls() -> None:
    found = []
    for f in (PROGRAMS["one per input"], capture(PROGRAMS["one per input"], fullgraph=True)):
        x, w = operands()
        optimizer = optim.SGD([x, w], lr=0.1, weight_decay=0.5)
        for i in (0, 0):
            f(x, w)[i].backward()
        assert w.grad is None
        optimizer.step()  # leaves alone what has no gradient
        f(x, w)[1].backward()
        found.append([x, w, x.grad, w.grad])
    for a, b in zip(*found, strict=True):
        same("accumulated", a, b)


def test_results_not_followed_keep_a_budget() -> None:
    def fn(x: Any, w: Any) -> Any:
        h = lt.tanh(lt.tanh(x @ w) @ w)
        return h.sum(), (h * h).sqrt().sum()

    budget = 64 * 48 * 8 * 6
    for i in (0, 1):
        found = []
        for f in (fn, capture(fn, memory_budget=budget, fullgraph=True)):
            x, w = f64(64, 48), f64(48, 48, seed=1).requires_grad_()
            f(x, w)[i].backward()
            found.append(w.grad)
        same(i, *found)
