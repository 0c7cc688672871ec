"""Custom Functions: what forward leaves, what backward gets, and every way to write one wrongly."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from lamella.autograd import Function, grad, jvp, vmap
from lamella.tensor import float64, no_grad, tensor
from lamella.testing import assert_close, gradcheck, gradgradcheck

X = np.array([0.5, -1.0, 2.0])


def leaf(a=X):
    return tensor(np.asarray(a), dtype=float64, requires_grad=True)


class Scaled(Function):
    """x * y ** n, with its own gradients."""

    @staticmethod
    def forward(ctx, x, y, n):
        ctx.n = n
        ctx.save_for_backward(x, y)
        return x * y**n

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        gx = g * y**ctx.n if ctx.needs_input_grad[0] else None
        gy = g * x * y ** (ctx.n - 1) * ctx.n if ctx.needs_input_grad[1] else None
        return gx, gy, None


class FromOutput(Function):
    """exp, whose gradient is its saved output."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


class Two(Function):
    """(sin, argmax, cos)."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin(), x.argmax(), x.cos()

    @staticmethod
    def backward(ctx, gs, gi, gc_):
        (x,) = ctx.saved_tensors
        assert gi.shape == ()
        return gs * x.cos() - gc_ * x.sin()


def test_gradients_and_second_gradients():
    gradcheck(lambda x, y: Scaled.apply(x, y, 3), [leaf(), leaf(X + 2)])
    gradgradcheck(lambda x, y: Scaled.apply(x, y, 3), [leaf(), leaf(X + 2)])
    gradcheck(FromOutput.apply, [leaf()])
    gradgradcheck(FromOutput.apply, [leaf()])
    gradgradcheck(lambda x: FromOutput.apply(FromOutput.apply(x)), [leaf()])


def test_only_what_needs_a_gradient():
    x, y = leaf(), tensor(X, dtype=float64)
    Scaled.apply(x, y, 2).sum().backward()
    assert_close(x.grad, X**2)
    out = Scaled.apply(y, x, 2)
    assert out.grad_fn.name() == "ScaledBackward"
    out.sum().backward()


def test_several_outputs():
    x = leaf()
    s, i, c = Two.apply(x)
    assert not i.requires_grad
    (s + c).sum().backward()
    assert_close(x.grad, np.cos(X) - np.sin(X))
    x = leaf()
    Two.apply(x)[2].sum().backward()  # the cotangent of the first is zeros
    assert_close(x.grad, -np.sin(X))
    gradgradcheck(lambda x: Two.apply(x)[0] * Two.apply(x)[2], [leaf()])


def test_outputs_marked_as_not_differentiable():
    class Marked(Function):
        @staticmethod
        def forward(ctx, x):
            y, z = x * 2, x * 3
            ctx.mark_non_differentiable(z)
            return y, z

        @staticmethod
        def backward(ctx, gy, gz):
            return gy * 2

    x = leaf()
    y, z = Marked.apply(x)
    assert y.requires_grad
    assert not z.requires_grad
    y.sum().backward()
    assert_close(x.grad, np.full(3, 2.0))


def test_under_no_grad_and_without_inputs_that_need_it():
    x = leaf()
    with no_grad():
        assert not Scaled.apply(x, x, 2).requires_grad
    assert not Scaled.apply(x.detach(), x.detach(), 2).requires_grad


def test_an_argument_returned_as_it_is():
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x, x

        @staticmethod
        def backward(ctx, a, b):
            return a * 2 + b * 3

    x = leaf()
    y, z = Same.apply(x)
    assert y is not x
    assert y is not z
    assert x.is_leaf
    (y + z * 10).sum().backward()
    assert_close(x.grad, np.full(3, 32.0))


def test_a_closed_over_tensor_returned_keeps_its_own_place():
    w = leaf()
    kept = w * 2

    class Gives(Function):
        @staticmethod
        def forward(ctx, x):
            return kept

        @staticmethod
        def backward(ctx, g):
            return g * 0

    Gives.apply(leaf()).sum().backward()
    assert kept.grad_fn.name() == "MulBackward0"


def test_inside_transforms():
    g = grad(lambda x: Scaled.apply(x, x, 2).sum())(tensor(X, dtype=float64))
    assert_close(g, 3 * X**2)
    h = grad(lambda x: grad(lambda y: Scaled.apply(y, y, 2).sum())(x).sum())(tensor(X, dtype=float64))
    assert_close(h, 6 * X)
    for call in (lambda: vmap(FromOutput.apply)(leaf()), lambda: jvp(FromOutput.apply, (leaf(),), (leaf(),))):
        with pytest.raises(RuntimeError, match="FromOutput is a custom Function and has no rule for (vmap|jvp)"):
            call()


def broken(forward=None, backward=None):
    class Broken(Function):
        pass

    if forward:
        Broken.forward = staticmethod(forward)
    if backward:
        Broken.backward = staticmethod(backward)
    return Broken


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (broken(), NotImplementedError, "static forward"),
        (broken(lambda ctx, x: x * 2), NotImplementedError, "static backward"),
        (broken(lambda ctx, x: 3), TypeError, "Broken.forward must return a tensor"),
        (
            broken(lambda ctx, x: x * 2, lambda ctx, g: (g, g)),
            RuntimeError,
            "returned 2 gradients; forward has 1 arguments",
        ),
        (
            broken(lambda ctx, x: x * 2, lambda ctx, g: 3.0),
            TypeError,
            "must return tensors or None, gradient 0 is float",
        ),
        (
            broken(lambda ctx, x: x * 2, lambda ctx, g: g[:2]),
            RuntimeError,
            r"gradient of shape \(2,\) for argument 0 of shape \(3,\)",
        ),
        (broken(lambda ctx, x: ctx.save_for_backward(3)), TypeError, "save_for_backward takes tensors, got int"),
        (broken(lambda ctx, x: ctx.saved_tensors), RuntimeError, "while backward of this Function runs"),
    ],
)
def test_wrong_functions_are_refused(function, error, message):
    with pytest.raises(error, match=message):
        function.apply(leaf()).sum().backward()


def test_a_second_backward_through_a_function_is_refused():
    x = leaf()
    y = FromOutput.apply(x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="graph was freed"):
        y.backward()


def test_no_cycle_keeps_the_output_alive():
    gc.disable()
    try:
        x = leaf()
        y = FromOutput.apply(x)
        gone = weakref.ref(y)
        node = weakref.ref(y.grad_fn)
        del y
        assert gone() is None
        assert node() is None
        y = FromOutput.apply(x)
        y.sum().backward(retain_graph=True)
        gone = weakref.ref(y)
        del y
        assert gone() is None
    finally:
        gc.enable()
