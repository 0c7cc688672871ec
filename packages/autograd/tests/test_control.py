"""cond, while_loop, scan and map outside a capture: beside the unrolled program, their derivatives, and bad input."""

from __future__ import annotations

import weakref
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest

import lamella.tensor as lt
from lamella.autograd import cond, grad, gradcheck, gradgradcheck, jvp, scan, vjp, vmap, while_loop
from lamella.autograd import map as map_rows
from lamella.tensor import Tensor
from lamella.testing import assert_close

F64 = lt.float64
State = namedtuple("State", "h c")


def rows(*shape: int, seed: int = 0) -> Tensor:
    lt.manual_seed(seed)
    return lt.randn(*shape, dtype=F64)


def flat(tree: Any) -> list[Tensor]:
    return [tree] if isinstance(tree, Tensor) else [leaf for part in tree for leaf in flat(part)]


def same(ours: Any, theirs: Any) -> None:
    for a, b in zip(flat(ours), flat(theirs), strict=True):
        assert_close(a, b)


def cell(w: Tensor) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    def step(carry: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        carry = lt.tanh(carry @ w + x)
        return carry, carry * x

    return step


def unrolled(w: Tensor, c: Tensor, xs: Tensor, reverse: bool) -> tuple[Tensor, Tensor]:
    ys: dict[int, Tensor] = {}
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        c, ys[t] = cell(w)(c, xs[t])
    return c, lt.stack([ys[t] for t in range(len(xs))])


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_is_the_unrolled_program(reverse: bool) -> None:
    w, c, xs = rows(3, 3), rows(3, seed=1), rows(4, 3, seed=2)

    def ours(w: Tensor, c: Tensor, xs: Tensor) -> Tensor:
        last, ys = scan(cell(w), c, xs, reverse=reverse)
        return (ys * ys).sum() + last.sum()

    def theirs(w: Tensor, c: Tensor, xs: Tensor) -> Tensor:
        last, ys = unrolled(w, c, xs, reverse)
        return (ys * ys).sum() + last.sum()

    same(scan(cell(w), c, xs, reverse=reverse), unrolled(w, c, xs, reverse))
    same(grad(ours, (0, 1, 2))(w, c, xs), grad(theirs, (0, 1, 2))(w, c, xs))
    args = tuple(t.detach().requires_grad_() for t in (w, c, xs))
    assert gradcheck(ours, args)
    assert gradgradcheck(ours, args)


def test_scan_takes_trees_and_numbers() -> None:
    def step(state: State, x: dict[str, Tensor]) -> tuple[State, list[Any]]:
        return State(state.h + x["a"], state.c + 1), [state.h, (x["b"],), None]

    xs = {"a": lt.tensor([1.0, 2.0, 3.0]), "b": lt.arange(3)}
    last, ys = scan(step, State(0.0, 0), xs)
    assert isinstance(last, State)
    assert (last.h.item(), last.c.item()) == (6.0, 3)
    assert ys[0].tolist() == [0.0, 1.0, 3.0]
    assert ys[1][0].tolist() == [0, 1, 2]
    assert ys[2] is None


def test_scan_without_rows_counts() -> None:
    last, ys = scan(lambda c, _: (c * 2, c), lt.tensor(1.0), None, length=4)
    assert last.item() == 16
    assert ys.tolist() == [1, 2, 4, 8]


def test_gradients_of_rows_come_back_in_one_node() -> None:
    xs = rows(5, 3).requires_grad_()
    last, _ = scan(lambda c, x: (c * 2 + x, None), lt.zeros(3, dtype=F64), xs)
    last.sum().backward()
    assert xs.grad.tolist() == [[2.0 ** (4 - t)] * 3 for t in range(5)]
    names = set()
    todo = [last.grad_fn]
    while todo:
        node = todo.pop()
        names.add(node.name())
        todo += [n for n, _ in node.next_functions if n is not None]
    assert "SliceBackward0" not in names  # a view a row would take time that grows with the square of their number
    ends = grad(lambda xs: (scan(lambda c, x: (x, None), lt.zeros(3, dtype=F64), xs)[0] ** 2).sum())(xs.detach())
    same(ends[-1], 2 * xs[-1].detach())
    assert ends[:-1].abs().sum().item() == 0


def test_rows_inside_transforms() -> None:
    xs, cs = rows(4, 3), rows(2, 3, seed=1)

    def last(xs: Tensor, c: Tensor) -> Tensor:
        return scan(lambda c, x: ((c * x).sin(), None), c, xs)[0]

    mapped = grad(lambda xs: vmap(lambda c: last(xs, c))(cs).sum())(xs)
    same(mapped, grad(lambda xs: lt.stack([last(xs, c) for c in cs]).sum())(xs))
    each = vmap(grad(lambda xs, c: last(xs, c).sum()), in_dims=(None, 0))(xs, cs)
    same(each, lt.stack([grad(lambda xs, c=c: last(xs, c).sum())(xs) for c in cs]))
    assert gradgradcheck(lambda xs: vmap(lambda c: last(xs, c))(cs), (xs.clone().requires_grad_(),))
    turned = jvp(grad(lambda xs: last(xs, cs[0]).sum()), (xs,), (xs,))[1]
    same(turned, vjp(grad(lambda xs: last(xs, cs[0]).sum()), xs)[1](xs)[0])


def test_no_step_knows_what_a_step_would_give() -> None:
    w = rows(3, 3)
    last, ys = scan(cell(w), lt.ones(3, dtype=F64), lt.zeros(0, 3, dtype=F64))
    assert last.tolist() == [1, 1, 1]
    assert (ys.shape, ys.dtype) == ((0, 3), F64)
    before = lt.default_generator.position()
    drawn = map_rows(lambda x: lt.rand(2) + x, lt.zeros(0))
    assert drawn.shape == (0, 2)
    assert lt.default_generator.position() == before


def test_map_is_a_loop_over_rows() -> None:
    xs, w = rows(4, 3), rows(3, seed=1)
    same(map_rows(lambda x, w: {"p": x * w, "s": x.sum()}, xs, w)["p"], xs * w)
    same(map_rows(lambda p: p[0] + p[1], (xs, xs)), xs * 2)


@pytest.mark.parametrize("pred", [True, False, lt.tensor(True), lt.tensor(False)])
def test_cond_calls_one_function(pred: Any) -> None:
    called: list[str] = []

    def branch(name: str, k: float) -> Callable[[Tensor], Tensor]:
        def run(x: Tensor) -> Tensor:
            called.append(name)
            return x * k

        return run

    out = cond(pred, branch("yes", 2.0), branch("no", 3.0), (lt.ones(2),))
    assert called == (["yes"] if pred else ["no"])
    assert out.tolist() == ([2, 2] if pred else [3, 3])


def test_cond_differs_among_examples() -> None:
    xs, w = rows(5, 3), rows(3, seed=1)

    def f(x: Tensor) -> Tensor:
        return cond(x.sum() > 0, lambda: (x * w).sin(), lambda: x * x * w)

    loop = lt.stack([f(x) for x in xs])
    same(vmap(f)(xs), loop)
    same(vmap(grad(lambda x: f(x).sum()))(xs), lt.stack([grad(lambda x: f(x).sum())(x) for x in xs]))
    same(vmap(lambda x: cond(w.sum() > 0, lambda: x, lambda: -x))(xs), xs if w.sum() > 0 else -xs)


def doubled(i: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return i + 1, (x * 1.5).sin()


def test_while_loop_stops_at_its_test_and_its_bound() -> None:
    x = rows(3)
    assert while_loop(lambda i, _: i < 4, lambda i, x: (i + 1, x * 2), (0, x))[0].item() == 4
    assert while_loop(lambda i, _: i < 4, lambda i, x: (i + 1, x * 2), (0, x), max_steps=2)[0].item() == 2
    assert while_loop(lambda i, _: i < 4, lambda i, x: (i + 1, x * 2), (0, x), max_steps=0)[0].item() == 0


def test_while_loop_keeps_examples_that_are_done() -> None:
    xs, n = rows(4, 3), lt.tensor([0, 3, 1, 5])

    def f(n: Tensor, x: Tensor) -> Any:
        return while_loop(lambda i, _: i < n, doubled, (0, x))

    count, last = vmap(f)(n, xs)
    assert count.tolist() == n.tolist()
    same(last, lt.stack([f(n[k], xs[k])[1] for k in range(4)]))
    count, last = vmap(lambda x: while_loop(lambda i, _: i < 3, doubled, (0, x)))(xs)
    assert count.tolist() == [3] * 4


def test_derivatives_of_loops() -> None:
    x = rows(3).requires_grad_()

    def bounded(x: Tensor) -> Tensor:
        return while_loop(lambda i, x: (i < 3).logical_and(x.sum() < 1e3), doubled, (0, x), max_steps=5)[1]

    def free(x: Tensor) -> Tensor:
        return while_loop(lambda i, _: i < 3, doubled, (0, x))[1]

    assert gradcheck(bounded, (x,))
    assert gradgradcheck(bounded, (x,))
    plain = x.detach()
    same(jvp(free, (plain,), (plain + 1,)), jvp(bounded, (plain,), (plain + 1,)))
    with pytest.raises(RuntimeError, match=r"needs a bound on its steps: pass max_steps=\.\.\., or use scan"):
        free(x).sum().backward()
    with pytest.raises(RuntimeError, match="needs a bound on its steps"):
        grad(lambda x: free(x).sum())(plain)
    with pytest.raises(RuntimeError, match="needs a bound on its steps"):
        while_loop(lambda x: x.sum() > 1e9, lambda x: (x * 2,), (x,))[0].sum().backward()


def test_a_loop_without_a_bound_keeps_no_step() -> None:
    made: list[Any] = []

    def step(i: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        y = x.sin()
        made.append(weakref.ref(y._data))
        return i + 1, y * y

    x = rows(3).requires_grad_()
    out = while_loop(lambda i, _: i < 5, step, (0, x))[1]
    assert out.requires_grad
    assert [r() for r in made] == [None] * 5


def test_random_numbers_follow_one_another() -> None:
    lt.manual_seed(5)
    drawn = map_rows(lambda x: lt.rand(2) + x, lt.zeros(3))
    lt.manual_seed(5)
    assert drawn.tolist() == lt.rand(3, 2).tolist()


X = lt.ones(2)
XS = lt.ones(3, 2)
BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "f": (lambda: scan(1, X, XS), TypeError, "scan: f must be a function, got int"),
    "pair": (lambda: scan(lambda c, x: c, X, XS), TypeError, r"f must return \(carry, y\), got float32\[2\]"),
    "leaf": (lambda: scan(lambda c, x: (c, x), ["a"], XS), TypeError, r"scan: init\[0\] must be a tensor or a number"),
    "carry": (
        lambda: scan(lambda c, x: ({"h": c["h"].double()}, x), {"h": X}, XS),
        ValueError,
        r"the carry that f returns\['h'\] must be like scan: init\['h'\], float32\[2\], got float64\[2\]",
    ),
    "structure": (
        lambda: scan(lambda c, x: ((c[0],), x), (X, X), XS),
        ValueError,
        r"must have the structure of scan: init: \(\*, \*\), got \(\*,\); scan: init\[1\] has no counterpart",
    ),
    "y": (
        lambda: scan(lambda c, x: (c + 1, x if c.sum() > 0 else x[0]), lt.tensor(0), XS),
        ValueError,
        r"the y of a later step must be like scan: the y of the first step, float32\[\], got float32\[2\]",
    ),
    "rows": (
        lambda: scan(lambda c, x: (c, x), X, {"a": XS, "b": lt.ones(4)}),
        ValueError,
        r"scan: xs\['b'\] has 4 rows, xs\['a'\] says 3",
    ),
    "length": (lambda: scan(lambda c, x: (c, x), X, XS, 4), ValueError, "scan: xs has 3 rows, length says 4"),
    "no length": (lambda: scan(lambda c, x: (c, x), X), ValueError, "scan needs xs or length"),
    "bad length": (lambda: scan(lambda c, x: (c, x), X, None, -1), ValueError, "length must be None or an int"),
    "no dim": (lambda: map_rows(lambda x: x, X[0]), ValueError, r"map: xs has no dim 0 to go along, it is float32\[\]"),
    "no xs": (lambda: map_rows(lambda x: x, ()), ValueError, "map: xs needs at least one tensor"),
    "reverse": (lambda: scan(lambda c, x: (c, x), X, XS, reverse=1), TypeError, "scan: reverse must be a bool, got 1"),
    "unroll": (lambda: scan(lambda c, x: (c, x), X, XS, unroll=0), ValueError, "unroll must be True or an int from 1"),
    "pred": (lambda: cond(X, lambda: X, lambda: X), TypeError, r"cond: pred must be a bool .*, got float32\[2\]"),
    "pred type": (lambda: cond(1, lambda: X, lambda: X), TypeError, "cond: pred must be a bool .*, got int"),
    "branch": (lambda: cond(True, X, lambda: X), TypeError, "cond: true_fn must be a function, got Tensor"),
    "operands": (lambda: cond(True, abs, abs, X), TypeError, "operands must be a tuple or a list, got Tensor"),
    "branches": (
        lambda: vmap(lambda p: cond(p, lambda: {"a": X}, lambda: {"a": X.double()}))(lt.tensor([True, False])),
        ValueError,
        r"the result of false_fn\['a'\] must be like cond: the result of true_fn\['a'\], float32\[2\], got float64",
    ),
    "carried": (lambda: while_loop(lambda x: True, lambda x: x, X), TypeError, "carried_inputs must be a tuple"),
    "test": (
        lambda: while_loop(lambda x: x, lambda x: (x,), (X,)),
        TypeError,
        r"the result of cond_fn must be a bool or a bool tensor without dims, got float32\[2\]",
    ),
    "body": (
        lambda: while_loop(lambda x: x.sum() < 9, lambda x: x + 1, (X,)),
        ValueError,
        r"while_loop: the result of body_fn must have the structure of while_loop: carried_inputs: \(\*,\), got \*",
    ),
    "max_steps": (lambda: while_loop(abs, abs, (X,), max_steps=-1), ValueError, "max_steps must be None or an int"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name: str) -> None:
    call, kind, words = BAD[name]
    with pytest.raises(kind, match=words):
        call()
