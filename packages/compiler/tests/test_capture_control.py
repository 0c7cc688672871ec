"""Control flow inside a captured program: nodes that hold graphs, with the values of the eager program, its derivatives
and transforms of both, its random numbers, and an error for what a graph cannot hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lamella.tensor as lt
from lamella.autograd import Function, cond, grad, jvp, scan, value_and_grad, vmap, while_loop
from lamella.autograd import map as map_rows
from lamella.compiler import compile as capture
from lamella.graph import CaptureError
from lamella.tensor import Tensor
from lamella.testing import assert_close

F64 = lt.float64


def cell(w: Tensor) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    def step(carry: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        carry = lt.tanh(carry @ w + x)
        return carry, carry * 2

    return step


def loss(w: Tensor, x: Tensor, c: Tensor, reverse: bool = False) -> Tensor:
    last, ys = scan(cell(w), c, x, reverse=reverse)
    return (ys * ys).sum() + last.sum()


def penalty(w: Tensor, x: Tensor, c: Tensor) -> Tensor:
    gw, gx = grad(loss, (0, 1))(w, x, c)
    return (gw**2).sum() + (gx**3).sum()


def batched(w: Tensor, x: Tensor, c: Tensor) -> Tensor:
    """A loss over rows of two examples, whose gradient by w is a product over all of them."""
    return loss(w, lt.stack([x, x * x], 1), lt.stack([c, -c]))


def pair(c: Tensor) -> Tensor:
    return lt.stack([c, c + 1])


def branch(w: Tensor, r: Tensor) -> Tensor:
    return cond(r.sum() > 0, lambda a: (a @ w).sin(), lambda a: a * a, (r,))


def powers(w: Tensor, c: Tensor, limit: int | None = None) -> Tensor:
    return while_loop(lambda i, _: i < 5, lambda i, a: (i + 1, (a @ w).sin()), (0, c), max_steps=limit)[1]


def grown(r: Tensor, limit: int | None = None) -> Tensor:
    return while_loop(lambda a: a.sum() < 20, lambda a: (a * 1.5 + a.sin() + 1,), (r,), max_steps=limit)[0]


def nested(w: Tensor, x: Tensor, c: Tensor) -> Tensor:
    def outer(c: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return cond(
            x.sum() > 0, lambda c: scan(lambda d, y: (d * y + w.sum(), None), c, x)[0], lambda c: c @ w, (c,)
        ), c

    return scan(outer, c, x)[1].sum()


def noisy(w: Tensor, x: Tensor, c: Tensor, reverse: bool = False) -> Any:
    def step(c: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return c * lt.rand(3, dtype=F64), lt.dropout(x) * lt.rand(3, dtype=F64)

    return scan(step, c, x, reverse=reverse)


def frozen(w: Tensor, x: Tensor, c: Tensor) -> Tensor:
    """Steps with a part that has no gradient, by detach and by no_grad."""

    def step(c: Tensor, x: Tensor) -> tuple[Tensor, None]:
        with lt.no_grad():
            scale = (c * w.sum()).sigmoid()
        return lt.tanh(c @ w) * scale + x.detach() * c, None

    return scan(step, c, x)[0].sum()


Program = Callable[[Tensor, Tensor, Tensor], Any]
# name -> program, and the control flow ops of its graph
PROGRAMS: dict[str, tuple[Program, str]] = {
    "scan": (loss, "scan"),
    "scan in reverse": (lambda w, x, c: loss(w, x, c, True), "scan"),
    "map": (lambda w, x, c: map_rows(lambda r, k: (r @ w).sum() * k, x, 2.0), "scan"),
    "gradient of a scan": (grad(loss, (0, 1, 2)), "scan scan"),
    "gradient of a scan in reverse": (grad(lambda w, x, c: loss(w, x, c, True), (0, 1, 2)), "scan scan"),
    "second derivative": (grad(penalty, (0, 1, 2)), ""),
    "gradient over rows": (grad(batched, (0, 1, 2)), "scan scan"),
    "second derivative over rows": (
        grad(lambda w, x, c: (grad(batched)(w, x, c) ** 2).sum() + grad(batched, 1)(w, x, c).sum(), (0, 1, 2)),
        "",
    ),
    "jvp of a gradient over rows": (lambda w, x, c: jvp(lambda w: grad(batched)(w, x, c), (w,), (w * 2,)), ""),
    "vmap of a gradient over rows": (lambda w, x, c: vmap(lambda c: grad(batched)(w, x, c))(pair(c)), ""),
    "jvp of a scan": (lambda w, x, c: jvp(lambda w, x: loss(w, x, c), (w, x), (w * 2, x + 1)), "scan"),
    "jvp of a gradient": (lambda w, x, c: jvp(lambda w: grad(loss, 1)(w, x, c), (w,), (w * 2,)), "scan scan"),
    "vmap over the carry": (lambda w, x, c: vmap(lambda c: loss(w, x, c))(pair(c)), "scan"),
    "vmap over rows": (lambda w, x, c: vmap(lambda x: scan(cell(w), c, x))(pair(x)), "scan"),
    "vmap over what is captured": (lambda w, x, c: vmap(lambda w: scan(cell(w), c, x))(pair(w)), "scan"),
    "vmap of the gradient of a scan": (
        lambda w, x, c: vmap(lambda c: grad(loss, (0, 1, 2))(w, x, c))(pair(c)),
        "scan scan",
    ),
    "gradient of the vmap of a scan": (
        grad(lambda w, x, c: vmap(lambda c: loss(w, x, c))(pair(c)).sum(), (0, 1, 2)),
        "scan scan",
    ),
    "cond": (lambda w, x, c: (branch(w, c), branch(w, -c)), "cond cond"),
    "gradient of cond": (
        lambda w, x, c: [grad(lambda w, r: branch(w, r).sum(), (0, 1))(w, r) for r in (c, -c)],
        "cond cond cond cond",
    ),
    "second derivative of cond": (
        lambda w, x, c: [grad(lambda r: (grad(lambda r: branch(w, r).sum())(r) ** 2).sum())(r) for r in (c, -c)],
        "",
    ),
    "jvp of cond": (lambda w, x, c: jvp(lambda r: branch(w, r), (c,), (c + 1,)), "cond"),
    "vmap over a predicate": (lambda w, x, c: vmap(lambda r: branch(w, r))(x), ""),
    "vmap under one predicate": (
        lambda w, x, c: vmap(lambda r: cond(c.sum() > 0, lambda: r @ w, lambda: c))(x),
        "cond",
    ),
    "vmap of the gradient of cond": (lambda w, x, c: vmap(grad(lambda r: branch(w, r).sum()))(x), ""),
    "while": (lambda w, x, c: powers(w, c), "while_loop"),
    "while with a bound": (lambda w, x, c: powers(w, c, 3), "while_loop"),
    "gradient of while": (
        lambda w, x, c: grad(lambda w, c: powers(w, c, 8).sum(), (0, 1))(w, c),
        "scan scan",
    ),
    "jvp of while": (lambda w, x, c: jvp(lambda c: powers(w, c), (c,), (c + 1,)), "while_loop"),
    "vmap of while": (lambda w, x, c: vmap(grown)(x), "while_loop"),
    "vmap of the gradient of while": (lambda w, x, c: vmap(grad(lambda r: grown(r, 12).sum()))(x), "scan scan"),
    "scan in cond in scan": (value_and_grad(nested, (0, 1, 2)), "scan scan"),
    "scan in cond": (
        grad(lambda w, x, c: cond(c.sum() > -99, lambda: scan(cell(w), c, x)[0], lambda: c).sum()),
        "cond cond",
    ),
    "random numbers": (noisy, "scan"),
    "random numbers in reverse": (lambda w, x, c: noisy(w, x, c, True), "scan"),
    "gradient through random numbers": (grad(lambda w, x, c: noisy(w, x, c)[0].sum() + noisy(w, x, c)[1].sum(), 1), ""),
    "second derivative through random numbers": (
        grad(lambda w, x, c: (grad(lambda x: (noisy(w, x, c)[1] ** 2).sum())(x) ** 2).sum(), 1),
        "",
    ),
    "parts without a gradient": (grad(frozen, (0, 1, 2)), "scan scan"),
    "steps two by two": (lambda w, x, c: scan(cell(w), c, x, unroll=2), "scan"),
    "steps two by two in reverse": (lambda w, x, c: scan(cell(w), c, x, unroll=2, reverse=True), "scan"),
    "all steps at once": (lambda w, x, c: scan(cell(w), c, x, unroll=True), ""),
    "no step": (lambda w, x, c: scan(cell(w), c, x[:0]), ""),
    "no operand": (lambda w, x, c: (scan(lambda c, _: (c, lt.ones(2)), (), None, 3)[1], x + 1), "scan"),
    "gradient inside": (
        lambda w, x, c: scan(lambda c, x: (c - 0.1 * grad(lambda c: ((c @ w - x) ** 2).sum())(c), None), c, x)[0],
        "scan",
    ),
    "vmap inside": (lambda w, x, c: scan(lambda c, r: (vmap(lambda a: a * w.sum() + r.sum())(c), None), c, x), "scan"),
    "memory of its own inside": (
        lambda w, x, c: map_rows(lambda r: lt.zeros(3, dtype=F64).add_(r).mul_(lt.tensor([1.0, 2.0, 3.0])), x),
        "scan",
    ),
}
ON_C = ("scan", "gradient of a scan", "cond", "gradient of while", "vmap of while", "random numbers", "no step")


def flat(tree: Any) -> list[Tensor]:
    if isinstance(tree, Tensor):
        return [tree]
    return [leaf for part in tree if part is not None for leaf in flat(part)]


@pytest.mark.parametrize(
    ("name", "backend"), [*[(name, "interpreter") for name in PROGRAMS], *[(name, "c") for name in ON_C]]
)
def test_captured_as_called(name: str, backend: str) -> None:
    program, ops = PROGRAMS[name]
    with lt.fork_rng():
        lt.manual_seed(1)
        w, x, c = lt.randn(3, 3, dtype=F64), lt.randn(5, 3, dtype=F64), lt.randn(3, dtype=F64)
        captured = capture(program, backend=backend)
        for seed in range(2):
            lt.manual_seed(seed)
            wanted, end = program(w, x, c), lt.default_generator.position()
            lt.manual_seed(seed)
            for a, b in zip(flat(captured(w, x, c)), flat(wanted), strict=True):
                assert_close(a, b, factor=10)
            assert lt.default_generator.position() == end
            x = x + 0.5
    assert captured.compiles == 1
    if ops:
        nodes = captured.programs[0].graph.nodes
        assert " ".join(n.op.name for n in nodes if n.op.spec == "control") == ops


def test_the_gradient_of_a_weight_is_one_product() -> None:
    captured = capture(grad(batched), backend="interpreter")
    captured(lt.ones(3, 3), lt.ones(5, 3), lt.ones(3))
    nodes = captured.programs[0].graph.nodes
    back = [n for n in nodes if n.op.name == "scan"][1]
    assert back.params["carried"] == 1  # the cotangent of the carry: no sum
    (product,) = (n for n in nodes if n.op.name == "matmul")
    assert [str(a.type) for a in product.args] == ["f32[3, 10]", "f32[10, 3]"]


@pytest.mark.parametrize("backend", ["interpreter", "c"])
def test_one_capture_serves_every_length_and_batch(backend: str) -> None:
    def program(w: Tensor, x: Tensor, c: Tensor) -> Any:
        def of(w: Tensor, c: Tensor) -> Tensor:
            last, ys = scan(cell(w), c, x, x.shape[0])
            return (ys * ys).sum() + last.sum()

        return grad(of, (0, 1))(w, c)

    captured = capture(program, backend=backend, dynamic=True)
    lt.manual_seed(0)
    for length, batch in ((5, 2), (5, 4), (7, 3), (2, 2)):
        w, x = lt.randn(3, 3, dtype=F64), lt.randn(length, batch, 3, dtype=F64)
        c = lt.randn(batch, 3, dtype=F64)
        for a, b in zip(captured(w, x, c), program(w, x, c), strict=True):
            assert_close(a, b, factor=10)
    assert captured.compiles == 1


@pytest.mark.parametrize("inside", [True, False])
def test_backward_of_a_step(inside: bool) -> None:
    lt.manual_seed(0)
    w, x = lt.randn(3, 3, dtype=F64, requires_grad=True), lt.randn(5, 3, dtype=F64)

    def step() -> Tensor:
        out = loss(w, x, lt.zeros(3, dtype=F64))
        if inside:
            w.grad = None
            out.backward()
        return out

    wanted = step()
    if not inside:
        wanted.backward()
    gradient, w.grad = w.grad, None
    out = capture(step, backend="interpreter")()
    if not inside:
        out.backward()
    assert_close(out, wanted)
    assert_close(w.grad, gradient)


def test_nothing_is_kept_that_backward_does_not_read() -> None:
    captured = capture(grad(loss, (0, 1, 2)), backend="interpreter")
    captured(lt.ones(3, 3), lt.ones(5, 3), lt.ones(3))
    ahead, back = (n for n in captured.programs[0].graph.nodes if n.op.name == "scan")
    # the last carry, the ys, the results of tanh, and the carry before each step, for the gradient of w
    assert [str(v.type) for v in ahead.outputs] == ["f32[3]", "f32[5, 3]", "f32[5, 3]", "f32[5, 3]"]
    assert back.params["reverse"] is True


class Twice(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g * 2


X = lt.ones(2)
XS = lt.ones(3, 2)
W = lt.ones(2, requires_grad=True)


def over(step: Callable[[Tensor, Tensor], Any]) -> Callable[[], Any]:
    return lambda: scan(lambda c, x: (c, step(c, x)), X, XS)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a write outside": (
        over(lambda c, x: X.add_(x)),
        "scan writes in place into a tensor from outside it, at .*control",
    ),
    "a write to the carry": (over(lambda c, x: c.add_(x)), "scan writes in place into a tensor that it did not make"),
    "a Python branch": (
        over(lambda c, x: c if x.sum() > 0 else x),
        r"scan needs the values of a tensor \(bool\(\)\).*use cond",
    ),
    "a value": (over(lambda c, x: c * x.sum().item()), r"scan needs the values of a tensor \(item\(\)\)"),
    "a value from outside": (over(lambda c, x: c * X.sum().item()), r"scan needs the values of a tensor \(item\(\)\)"),
    "backward": (over(lambda c, x: (W * x).sum().backward()), r"scan goes backward.*use grad\(\) or vjp\(\) inside"),
    "a Function": (over(lambda c, x: Twice.apply(c)), "scan applies the custom Function Twice"),
    "unlike draws": (
        lambda: cond(X.sum() > 0, lambda: lt.rand(2), lambda: X),
        "the branches of a cond draw 2 and 0 random numbers",
    ),
    "draws of a loop": (
        lambda: while_loop(lambda x: x.sum() < 9, lambda x: (x + lt.rand(2),), (X,)),
        "a while_loop draws random numbers",
    ),
    "draws of each example": (
        lambda: vmap(lambda r: map_rows(lambda x: x + lt.rand(2), r), randomness="different")(lt.ones(4, 3, 2)),
        "map draws numbers that differ among the examples",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_graph_cannot_hold_is_refused(name: str) -> None:
    program, words = REFUSED[name]
    before = X.tolist()
    with pytest.raises(CaptureError, match=words):
        capture(program, backend="interpreter", fullgraph=True)()
    assert X.tolist() == before


def test_branches_are_compared() -> None:
    with pytest.raises(ValueError, match=r"the result of false_fn\['a'\] must be like .*, float32\[2\], got float64"):
        capture(lambda: cond(X.sum() > 0, lambda: {"a": X}, lambda: {"a": X.double()}))()
    with pytest.raises(ValueError, match="must have the structure of cond: the result of true_fn"):
        capture(lambda: cond(X.sum() > 0, lambda: X, lambda: (X,)))()


def test_a_loop_without_a_bound_has_no_way_back() -> None:
    out = capture(lambda: while_loop(lambda w: w.sum() < 9, lambda w: (w * 2,), (W,))[0], backend="interpreter")()
    with pytest.raises(RuntimeError, match="needs a bound on its steps"):
        out.sum().backward()
