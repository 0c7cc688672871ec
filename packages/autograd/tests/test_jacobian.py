"""Jacobians and Hessians against closed forms, of each other, and inside other transforms."""

from __future__ import annotations

import numpy as np
import pytest

from lamella.autograd import grad, grad_and_value, hessian, jacfwd, jacrev, vjp, vmap
from lamella.tensor import float64, rand, tensor
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


def test_aux_and_chunks():
    x = tensor(np.array([0.5, -1.0, 2.0]), dtype=float64)

    def f(t):
        return t * t, {"sum": t.sum()}

    for jac in (jacrev(f, has_aux=True), jacrev(f, has_aux=True, chunk_size=2), jacfwd(f, has_aux=True)):
        found, aux = jac(x)
        assert_close(found, np.diag(2 * x.numpy()))
        assert_close(aux["sum"], 1.5)
        assert aux["sum"].shape == ()
    value, back, aux = vjp(f, x, has_aux=True)
    assert_close(back(value)[0], 2 * x.numpy() ** 3)
    assert_close(aux["sum"], 1.5)
    for call in (lambda: vjp(lambda t: t, x, has_aux=True), lambda: jacrev(lambda t: t, has_aux=True)(x)):
        with pytest.raises(TypeError, match=r"has_aux=True the function must return \(value, aux\)"):
            call()


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 7])
def test_vmap_in_chunks(chunk):
    x = tensor(np.arange(15.0).reshape(3, 5), dtype=float64)
    w = tensor(np.arange(3.0), dtype=float64)
    f = lambda r, v: (r * v, (r * v).sum())  # noqa: E731
    for out_dims in (0, (-1, 0), (1, 0)):
        whole = vmap(f, in_dims=(1, None), out_dims=out_dims)(x, w)
        parts = vmap(f, in_dims=(1, None), out_dims=out_dims, chunk_size=chunk)(x, w)
        for a, b in zip(whole, parts, strict=True):
            assert_close(b, a)
    assert_close(vmap(grad(lambda r: (r**3).sum()), in_dims=-1, chunk_size=chunk)(x), 3 * x.numpy().T ** 2)


def test_random_numbers_in_chunks():
    x = tensor(np.zeros((5, 2)), dtype=float64)
    f = lambda r: r + rand(2, dtype=float64)  # noqa: E731
    same = vmap(f, randomness="same", chunk_size=2)(x).numpy()
    assert (same == same[0]).all()
    different = vmap(f, randomness="different", chunk_size=2)(x).numpy()
    assert len(np.unique(different)) == 10


@pytest.mark.parametrize("chunk", [0, -1, 1.5])
def test_wrong_chunks_are_refused(chunk):
    with pytest.raises(ValueError, match="chunk_size is a positive int or None"):
        vmap(lambda t: t, chunk_size=chunk)


def test_gradient_and_value_in_the_other_order():
    f = lambda x: ((x * x).sum(), x * 2)  # noqa: E731
    g, value = grad_and_value(lambda x: f(x)[0])(t64(X))
    assert_close(g, 2 * X)
    assert_close(value, (X * X).sum())
    g, (value, aux) = grad_and_value(f, has_aux=True)(t64(X))
    assert_close(g, 2 * X)
    assert_close(value, (X * X).sum())
    assert_close(aux, 2 * X)
