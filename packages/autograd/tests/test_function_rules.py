"""Custom Functions in the new style, written in place, under transforms, and differentiated once or twice."""

from __future__ import annotations

import gc
from typing import Any, ClassVar

import numpy as np
import pytest

from lamella.autograd import Function, grad, hessian, jacfwd, jacrev, jvp, once_differentiable, vjp, vmap
from lamella.autograd.function import FunctionCtx
from lamella.tensor import enable_grad, float64, no_grad, stack, tensor
from lamella.testing import assert_close, gradcheck, gradgradcheck

X = np.array([0.5, -1.0, 2.0])
ROWS = np.stack([X, X + 0.5])


def leaf(a=X):
    return tensor(np.asarray(a), dtype=float64, requires_grad=True)


def plain(a=X):
    return tensor(np.asarray(a), dtype=float64)


class Power(Function):
    """x ** n, in the new style, with all rules."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x, n=3):
        return x**n

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.n = inputs
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * ctx.n * x ** (ctx.n - 1), None

    @staticmethod
    def jvp(ctx, t, _):
        (x,) = ctx.saved_tensors
        return t * ctx.n * x ** (ctx.n - 1)


class Split(Function):
    """(x * y, x + y) with a static vmap and jvp."""

    seen: ClassVar[list[Any]] = []

    @staticmethod
    def forward(x, y):
        return x * y, x + y

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gp, gs):
        x, y = ctx.saved_tensors
        return gp * y + gs, gp * x + gs

    @staticmethod
    def vmap(info, in_dims, x, y):
        Split.seen.append((info.batch_size, info.randomness, in_dims))
        x, y = (t if d is not None else t.unsqueeze(0) for t, d in zip((x, y), in_dims, strict=True))
        p, s = Split.apply(x, y)
        return (p.transpose(0, 1), s), (1, 0)

    @staticmethod
    def jvp(ctx, tx, ty):
        x, y = ctx.saved_tensors
        parts = [t for t in (None if tx is None else tx * y, None if ty is None else x * ty) if t is not None]
        sums = [t for t in (tx, ty) if t is not None]
        return sum(parts[1:], parts[0]), sum(sums[1:], sums[0])


def test_new_style_and_keywords():
    gradcheck(lambda x: Power.apply(x, 3), [leaf()], check_forward_ad=True, check_batched_grad=True)
    gradgradcheck(lambda x: Power.apply(x, 3), [leaf()], check_fwd_over_rev=True)
    assert_close(Power.apply(plain()), X**3)
    assert_close(Power.apply(plain(), n=2), X**2)
    x = leaf()
    Power.apply(x=x, n=2).sum().backward()
    assert_close(x.grad, 2 * X)
    with pytest.raises(TypeError, match="unexpected keyword"):
        Power.apply(plain(), m=2)

    class Old(Function):
        @staticmethod
        def forward(ctx, x):
            return x

    with pytest.raises(TypeError, match="keyword arguments only if the Function has a setup_context"):
        Old.apply(x=plain())


def test_several_outputs_in_every_mode():
    both = [leaf(), leaf(X + 3)]
    gradcheck(Split.apply, both, check_forward_ad=True, check_batched_grad=True)
    gradgradcheck(Split.apply, both)


@pytest.mark.parametrize("in_dims", [(0, 0), (0, None), (None, 0), (1, 0)])
def test_static_vmap(in_dims):
    Split.seen.clear()
    x = ROWS.T if in_dims[0] == 1 else ROWS if in_dims[0] == 0 else X
    y = ROWS + 1 if in_dims[1] == 0 else X + 1
    p, s = vmap(Split.apply, in_dims=in_dims)(plain(x), plain(y))
    a, b = (x.T if in_dims[0] == 1 else x), y
    assert_close(p, a * b)
    assert_close(s, np.broadcast_to(a + b, (2, 3)))
    assert Split.seen == [(2, "error", tuple(None if d is None else 0 for d in in_dims))]


@pytest.mark.parametrize(
    "apply", [lambda x: Power.apply(x, 3), lambda x: Split.apply(x, x * x)[0]], ids=["made", "static"]
)
def test_all_transforms_agree_with_ops(apply):
    want = lambda x: x**3  # noqa: E731
    for f in (want, apply):
        x, t = plain(), plain(X + 1)
        assert_close(jacrev(f)(x), np.diag(3 * X**2))
        assert_close(jacfwd(f)(x), np.diag(3 * X**2))
        assert_close(jvp(f, (x,), (t,))[1], 3 * X**2 * (X + 1))
        assert_close(vjp(f, x)[1](t)[0], 3 * X**2 * (X + 1))
        assert_close(vmap(f)(plain(ROWS)), ROWS**3)
        assert_close(vmap(grad(lambda x, f=f: f(x).sum()))(plain(ROWS)), 3 * ROWS**2)
        assert_close(grad(lambda x, f=f: vmap(f)(x).sum())(plain(ROWS)), 3 * ROWS**2)
        assert_close(vmap(vmap(f))(plain(np.stack([ROWS, ROWS * 2]))), np.stack([ROWS, ROWS * 2]) ** 3)
        assert_close(jvp(vmap(f), (plain(ROWS),), (plain(ROWS),))[1], 3 * ROWS**3)
        assert_close(vmap(lambda x, f=f: jvp(f, (x,), (x,))[1])(plain(ROWS)), 3 * ROWS**3)
        assert_close(hessian(lambda x, f=f: f(x).sum())(x), np.diag(6 * X))
        assert_close(jvp(grad(lambda x, f=f: f(x).sum()), (x,), (t,))[1], 6 * X * (X + 1))


def test_a_closed_over_tensor_stays_connected_through_vmap():
    w = leaf()
    out = vmap(lambda r: Split.apply(r, w)[0])(plain(ROWS))
    out.sum().backward()
    assert_close(w.grad, ROWS.sum(0))


def test_backward_by_its_other_name():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def vjp(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    gradgradcheck(Square.apply, [leaf()])

    class Both(Square):
        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(RuntimeError, match="both a static backward and a static vjp"):
        Both.apply(leaf())


# -- in place


class Doubled(Function):
    """Doubles its argument in place."""

    @staticmethod
    def forward(ctx, x):
        x.mul_(2.0)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 2


def test_an_argument_written_in_place_is_the_result():
    x = leaf()
    y = x * 1.0
    assert Doubled.apply(y) is y
    assert y.grad_fn.name() == "DoubledBackward"
    assert_close(y.detach(), 2 * X)
    (y * y).sum().backward()
    assert_close(x.grad, 8 * X)
    p = plain()
    assert Doubled.apply(p) is p
    assert not p.requires_grad


def test_a_view_written_in_place_writes_its_base():
    x = leaf()
    base = x * 1.0
    part = base[1:]
    assert Doubled.apply(part) is part
    assert_close(base.detach(), X * [1, 2, 2])
    (base * base).sum().backward(retain_graph=True)
    assert_close(x.grad, 2 * X * [1, 4, 4])
    x.grad = None
    (part * part).sum().backward()
    assert_close(x.grad, 2 * X * [0, 4, 4])


def test_a_write_in_place_is_noticed_by_who_saved_the_value():
    x = leaf()
    y = x * 1.0
    z = y * y
    Doubled.apply(y)
    with pytest.raises(RuntimeError, match="modified in place"):
        z.sum().backward()


def test_a_leaf_is_not_written():
    with pytest.raises(RuntimeError, match="Doubled writes in place into a leaf"):
        Doubled.apply(leaf())


def written_and_saved(ctx, x):
    x.exp_() if hasattr(x, "exp_") else x.copy_(x.exp())
    ctx.mark_dirty(x)
    ctx.save_for_backward(x)
    return x


def test_what_was_written_can_be_saved_as_the_output():
    class Exp(Function):
        forward = staticmethod(written_and_saved)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = leaf()
    (g,) = grad(Exp.apply(x * 1.0).sum(), x, create_graph=True)
    assert_close(g.detach(), np.exp(X))
    assert_close(grad(g.sum(), x)[0], np.exp(X))


# -- once


class Once(Function):
    """x ** 2 by numpy."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return tensor(x.numpy() ** 2) if not x.requires_grad else tensor(x.detach().numpy() ** 2)

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return tensor(2 * x.detach().numpy() * g.numpy())


def test_once_differentiable():
    x = leaf()
    Once.apply(x).sum().backward()
    assert_close(x.grad, 2 * X)
    (g,) = grad(Once.apply(x).sum(), x, create_graph=True)
    assert_close(g.detach(), 2 * X)
    with pytest.raises(RuntimeError, match="once_differentiable cannot be differentiated again"):
        grad(g.sum(), x)
    with pytest.raises(RuntimeError, match="once_differentiable cannot be differentiated again"):
        grad((g * 2).sum(), x)


# -- the context


def test_missing_cotangents_as_none():
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            seen.append((a is None, b is None))
            return b * 3 if a is None else a * 2

    x = leaf()
    Two.apply(x)[1].sum().backward()
    assert seen == [(False, False)] or seen == [(True, False)]
    assert seen == [(True, False)]
    assert_close(x.grad, np.full(3, 3.0))


def test_values_that_are_no_tensors_pass_through():
    class Mixed(Function):
        @staticmethod
        def forward(ctx, xs, x, name):
            assert ctx.needs_input_grad == (False, True, False)
            return x * xs[0], name, None

        @staticmethod
        def backward(ctx, g, a, b):
            assert a is None
            assert b is None
            return None, g * 2, None

    x = leaf()
    y, name, none = Mixed.apply([2.0, leaf()], x, "n")
    assert name == "n"
    assert none is None
    y.sum().backward()
    assert_close(x.grad, np.full(3, 2.0))


def test_an_integer_output_that_is_saved():
    class Picked(Function):
        @staticmethod
        def forward(ctx, x):
            at = x.argmax()
            ctx.save_for_backward(x, at)
            return x * x, at

        @staticmethod
        def backward(ctx, g, _):
            x, at = ctx.saved_tensors
            assert not at.requires_grad
            return g * 2 * x

    gradgradcheck(lambda x: Picked.apply(x)[0], [leaf()])


def broken(**members):
    return type("Broken", (Function,), {k: staticmethod(v) if callable(v) else v for k, v in members.items()})


def keep(ctx, inputs, output):
    pass


@pytest.mark.parametrize(
    ("function", "call", "error", "message"),
    [
        (
            broken(forward=lambda x: x * 2, setup_context=keep),
            lambda f: vmap(f.apply)(plain()),
            RuntimeError,
            "no rule for vmap",
        ),
        (
            broken(forward=lambda x: x * 2, setup_context=keep, generate_vmap_rule=True, vmap=lambda i, d, x: (x, 0)),
            lambda f: vmap(f.apply)(plain()),
            RuntimeError,
            "one of them",
        ),
        (
            broken(forward=lambda x: x * 2, setup_context=keep, vmap=lambda i, d, x: x),
            lambda f: vmap(f.apply)(plain()),
            TypeError,
            r"vmap must return \(output, out_dims\)",
        ),
        (
            broken(forward=lambda x: x * 2, setup_context=keep, vmap=lambda i, d, x: (x[:1], 0)),
            lambda f: vmap(f.apply)(plain()),
            ValueError,
            "no batch of 3",
        ),
        (
            broken(forward=lambda x: x * 2, setup_context=keep, vmap=lambda i, d, x: ((x, x), (0,))),
            lambda f: vmap(f.apply)(plain()),
            ValueError,
            "2 outputs and 1 out_dims",
        ),
        (
            broken(forward=lambda ctx, x: x * 2, vmap=lambda i, d, x: (x * 2, 0), backward=lambda ctx, g: g * 2),
            lambda f: vmap(grad(lambda x: f.apply(x).sum()))(plain(ROWS)),
            RuntimeError,
            "must be left by a static setup_context",
        ),
        (
            broken(forward=lambda ctx, x: x * 2, backward=lambda ctx, g: g * 2),
            lambda f: jvp(f.apply, (plain(),), (plain(),)),
            RuntimeError,
            "no rule for jvp",
        ),
        (
            broken(forward=lambda ctx, x: x * 2, jvp=lambda ctx, t: (t, t)),
            lambda f: jvp(f.apply, (plain(),), (plain(),)),
            RuntimeError,
            "2 tangents for 1 outputs",
        ),
        (
            broken(forward=lambda ctx, x: x * 2, jvp=lambda ctx, t: t[:2]),
            lambda f: jvp(f.apply, (plain(),), (plain(),)),
            ValueError,
            "tangents like the outputs",
        ),
        (
            broken(forward=lambda ctx, x: ctx.mark_dirty(x) or x * 2),
            lambda f: f.apply(leaf() * 1.0),
            RuntimeError,
            "marked dirty must be returned",
        ),
        (
            broken(forward=lambda ctx, x: ctx.mark_dirty(x * 1.0) or x * 2),
            lambda f: f.apply(leaf() * 1.0),
            RuntimeError,
            "mark_dirty takes inputs",
        ),
        (
            broken(forward=lambda ctx, x: ctx.mark_dirty(3)),
            lambda f: f.apply(leaf()),
            TypeError,
            "mark_dirty takes tensors",
        ),
        (
            broken(forward=lambda ctx, x: ctx.save_for_forward(3)),
            lambda f: f.apply(leaf()),
            TypeError,
            "save_for_forward takes tensors",
        ),
    ],
)  # fmt: skip
def test_wrong_functions_are_refused(function, call, error, message):
    with pytest.raises(error, match=message):
        call(function)


def test_gradients_of_an_old_style_function_that_is_batched_as_it_stands():
    class Old(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(ctx, x, n):
            assert isinstance(ctx, FunctionCtx)
            y = x.exp() * n
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0], None

    f = lambda x: Old.apply(x, 2.0).sum()  # noqa: E731
    assert_close(vmap(grad(f))(plain(ROWS)), 2 * np.exp(ROWS))
    assert_close(vmap(grad(lambda x: grad(f)(x).sum()))(plain(ROWS)), 2 * np.exp(ROWS))
    x = leaf(ROWS)
    vmap(lambda r: Old.apply(r, 2.0))(x).sum().backward()
    assert_close(x.grad, 2 * np.exp(ROWS))


def test_steps_leave_nothing_behind():
    def step():
        x = leaf()
        y = x * 1.0
        (Doubled.apply(y) * Power.apply(x, 2)).sum().backward()
        Split.apply(x, x * 2.0)[0].sum().backward()
        jvp(lambda t: Power.apply(t, 2), (plain(),), (plain(),))
        vmap(grad(lambda t: Power.apply(t, 2).sum()))(plain(ROWS))
        (g,) = grad(Power.apply(x, 3).sum(), x, create_graph=True)
        g.sum().backward()
        with no_grad(), enable_grad():
            Once.apply(x)

    for _ in range(3):
        step()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            step()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_rows_one_by_one_equal_the_batch():
    f = lambda x: Power.apply(x, 3) * Split.apply(x, x)[1]  # noqa: E731
    assert_close(vmap(f)(plain(ROWS)), stack([f(plain(r)) for r in ROWS]))
