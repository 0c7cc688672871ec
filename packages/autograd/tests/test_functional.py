"""lamella.autograd.functional against closed forms: structure of results, create_graph, strict, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from lamella.autograd import functional, grad
from lamella.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp
from lamella.tensor import float64, tensor
from lamella.testing import assert_close, gradcheck

X = np.array([0.5, -1.0, 2.0])
Y = np.array([2.0, 3.0, -1.0])


def t(a, requires_grad=False):
    return tensor(np.asarray(a), dtype=float64, requires_grad=requires_grad)


def product(x, y):
    return x * y


def both(x, y):
    return x * y, (x * x).sum()


def scalar(x, y):
    return (x**3 * y).sum()


def test_products_with_the_jacobian():
    out, g = vjp(product, (t(X), t(Y)), t([1.0, 2.0, 3.0]))
    assert_close(out, X * Y)
    assert not out.requires_grad
    assert isinstance(g, tuple)
    assert_close(g[0], Y * [1, 2, 3])
    assert_close(g[1], X * [1, 2, 3])
    out, d = jvp(both, (t(X), t(Y)), (t(np.ones(3)), t(np.zeros(3))))
    assert_close(d[0], Y)
    assert_close(d[1], 2 * X.sum())
    out, g = vjp(lambda x: (x * x).sum(), t(X))  # v of a single number is 1
    assert_close(g, 2 * X)
    out, d = jvp(lambda x: x * x, t(3.0))
    assert float(d) == 6.0


@pytest.mark.parametrize(
    ("vectorize", "strategy"), [(False, "reverse-mode"), (True, "reverse-mode"), (True, "forward-mode")]
)
def test_jacobians(vectorize, strategy):
    (jx, jy), (sx, sy) = jacobian(both, (t(X), t(Y)), vectorize=vectorize, strategy=strategy)
    assert_close(jx, np.diag(Y))
    assert_close(jy, np.diag(X))
    assert_close(sx, 2 * X)
    assert_close(sy, np.zeros(3))
    assert_close(jacobian(lambda x: x.exp(), t(X), vectorize=vectorize, strategy=strategy), np.diag(np.exp(X)))
    m = jacobian(lambda x: x.reshape(3, 1) * x, t(X), vectorize=vectorize, strategy=strategy)
    assert m.shape == (3, 3, 3)


@pytest.mark.parametrize(
    ("vectorize", "strategy"), [(False, "reverse-mode"), (True, "reverse-mode"), (True, "forward-mode")]
)
def test_hessians(vectorize, strategy):
    (xx, xy), (yx, yy) = hessian(scalar, (t(X), t(Y)), vectorize=vectorize, outer_jacobian_strategy=strategy)
    assert_close(xx, np.diag(6 * X * Y))
    assert_close(xy, np.diag(3 * X**2))
    assert_close(yx, np.diag(3 * X**2))
    assert_close(yy, np.zeros((3, 3)))
    assert_close(
        hessian(lambda x: (x**3).sum(), t(X), vectorize=vectorize, outer_jacobian_strategy=strategy), np.diag(6 * X)
    )


def test_products_with_the_hessian():
    v = (t([1.0, 0.0, 2.0]), t([0.0, 1.0, 1.0]))
    for product_of in (vhp, hvp):
        out, (hx, hy) = product_of(scalar, (t(X), t(Y)), v)
        assert_close(out, (X**3 * Y).sum())
        assert_close(hx, 6 * X * Y * [1, 0, 2] + 3 * X**2 * [0, 1, 1])
        assert_close(hy, 3 * X**2 * [1, 0, 2])


def test_results_stay_connected_with_create_graph():
    x = t(X, requires_grad=True)
    for f in (
        lambda x: vjp(lambda z: z**3, x, t(Y), create_graph=True)[1],
        lambda x: jvp(lambda z: z**3, x, t(Y), create_graph=True)[1],
        lambda x: hvp(lambda z: (z**4).sum(), x, t(Y), create_graph=True)[1],
        lambda x: vhp(lambda z: (z**4).sum(), x, t(Y), create_graph=True)[1],
        lambda x: jacobian(lambda z: z**3, x, create_graph=True),
        lambda x: jacobian(lambda z: z**3, x, create_graph=True, vectorize=True),
        lambda x: hessian(lambda z: (z**4).sum(), x, create_graph=True),
    ):
        assert f(x).requires_grad
        gradcheck(f, [x])
    assert not jacobian(lambda z: z**3, x).requires_grad
    (g,) = grad(vjp(lambda z: z**3, x, t(Y), create_graph=True)[0].sum(), x)
    assert_close(g, 3 * X**2)


def test_parts_that_do_not_depend():
    one = lambda x, y: x * 2  # noqa: E731
    assert_close(vjp(one, (t(X), t(Y)), t(Y))[1][1], np.zeros(3))
    for call in (
        lambda: vjp(one, (t(X), t(Y)), t(Y), strict=True),
        lambda: jvp(one, (t(X), t(Y)), (t(X), t(Y)), strict=True),
        lambda: jacobian(one, (t(X), t(Y)), strict=True),
    ):
        with pytest.raises(RuntimeError, match=r"does not depend on input 1 \(strict=True\)"):
            call()
    with pytest.raises(RuntimeError, match=r"output 0 of the function does not depend"):
        jacobian(lambda x: t(X), t(X), strict=True)
    assert_close(jacobian(lambda x: t(X), t(X)), np.zeros((3, 3)))
    assert_close(hvp(lambda x: x.sum(), t(X), t(Y))[1], np.zeros(3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: vjp(product, 3, t(X)), TypeError, "inputs must be a tensor or a tuple of tensors, got int"),
        (lambda: vjp(lambda x: 3, t(X)), TypeError, "the result of the function must be a tensor"),
        (
            lambda: vjp(lambda x: x * 2, t(X)),
            RuntimeError,
            "v may be left out only where the result is a single number",
        ),
        (lambda: jvp(lambda x: x * 2, t(X)), RuntimeError, "v may be left out only where the input is a single"),
        (lambda: vjp(lambda x: x * 2, t(X), t(X[:2])), RuntimeError, r"v\[0\] has shape \(2,\)"),
        (lambda: jvp(product, (t(X), t(Y)), t(X)), RuntimeError, "v has 1 tensors, the input 2"),
        (lambda: hessian(lambda x: x * 2, t(X)), RuntimeError, "one tensor of a single element"),
        (lambda: jacobian(lambda x: x, t(X), strategy="sideways"), ValueError, "'sideways'"),
        (lambda: jacobian(lambda x: x, t(X), strict=True, vectorize=True), RuntimeError, "do not go together"),
        (lambda: jacobian(lambda x: x, t(X), strategy="forward-mode"), NotImplementedError, "needs vectorize=True"),
    ],
)
def test_wrong_calls_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_names_are_those_of_torch():
    assert set(functional.__all__) == {"jacobian", "hessian", "vjp", "jvp", "vhp", "hvp"}
