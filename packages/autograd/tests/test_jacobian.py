"""Jacobians and Hessians against closed forms, of each other, and inside other transforms."""

from __future__ import annotations

import numpy as np
import pytest

from lamella.autograd import grad, hessian, jacfwd, jacrev, vmap
from lamella.tensor import float64, tensor
from lamella.testing import assert_close

A = np.array([[0.2, -0.5, 0.3], [0.7, 0.1, -0.4]])
X = np.array([0.5, -1.0, 2.0])


def t64(a):
    return tensor(np.asarray(a), dtype=float64)


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_of_one_argument(jacobian):
    assert_close(jacobian(lambda x: t64(A) @ x)(t64(X)), A)
    assert_close(jacobian(lambda x: (t64(A) @ x).sin())(t64(X)), np.cos(A @ X)[:, None] * A)
    assert_close(jacobian(lambda x: x.sum())(t64(X)), np.ones(3))
    assert_close(jacobian(lambda a: a * a)(t64(A)).numpy().reshape(6, 6), np.diag(2 * A.reshape(-1)))
    assert jacobian(lambda x: x.reshape(3, 1) * t64(A[0]))(t64(X)).shape == (3, 3, 3)


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_of_several_arguments_and_results(jacobian):
    def f(x, a, scale):
        return {"y": (a @ x) * scale, "z": (x * x).sum()}

    out = jacobian(f, argnums=(0, 1))(t64(X), t64(A), 2.0)
    assert_close(out["y"][0], 2 * A)
    assert_close(out["y"][1], 2 * np.einsum("ij,k->ijk", np.eye(2), X))
    assert_close(out["z"][0], 2 * X)
    assert_close(out["z"][1], np.zeros((2, 3)))
    with pytest.raises(TypeError, match="argument 2 is float"):
        jacobian(f, argnums=2)(t64(X), t64(A), 2.0)
    with pytest.raises(ValueError, match="argnums 3 is out of range"):
        jacobian(f, argnums=3)(t64(X), t64(A), 2.0)


def test_hessians():
    q = A.T @ A
    assert_close(hessian(lambda x: x @ t64(q) @ x * 0.5)(t64(X)), (q + q.T) / 2)
    assert_close(hessian(lambda x: x.sin().sum())(t64(X)), np.diag(-np.sin(X)))
    both = hessian(lambda x, y: (x * x * y).sum(), argnums=(0, 1))(t64(X), t64(X + 1))
    assert_close(both[0][0], np.diag(2 * (X + 1)))
    assert_close(both[0][1], np.diag(2 * X))
    assert_close(both[1][0], np.diag(2 * X))
    assert_close(both[1][1], np.zeros((3, 3)))


def test_inside_other_transforms():
    f = lambda x: x * x * x  # noqa: E731
    rows = t64(np.stack([X, X + 1]))
    for jacobian in (jacrev, jacfwd):
        assert_close(vmap(jacobian(f))(rows), np.stack([np.diag(3 * r**2) for r in rows.numpy()]))
        assert_close(grad(lambda x, j=jacobian: j(f)(x).sum())(t64(X)), 6 * X)
        x = t64(X).requires_grad_()
        jacobian(f)(x).sum().backward()
        assert_close(x.grad, 6 * X)
    third = jacfwd(hessian(lambda x: (x**4).sum()))(t64(X))
    assert_close(third, np.einsum("i,ij,jk->ijk", 24 * X, np.eye(3), np.eye(3)))
