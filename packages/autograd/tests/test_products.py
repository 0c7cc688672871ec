"""Products that are compositions, under transforms: a batch is its examples, a forward derivative a difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
import lamella.tensor.linalg as la
from lamella.autograd import grad, jvp, vmap
from lamella.testing import assert_close

RNG = np.random.default_rng(5)
A, B, C = (lt.from_numpy(RNG.standard_normal(shape)) for shape in ((4, 3, 4), (4, 4, 2), (4, 3, 2)))

PRODUCTS: dict[str, Callable[..., Any]] = {
    "einsum": lambda a, b, c: lt.einsum("ij,jk,ik->i", a, b, c),
    "diagonal": lambda a, b, c: lt.einsum("ii->i", a[:, :3]),
    "tensordot": lambda a, b, c: lt.tensordot(a, b, 1),
    "inner": lambda a, b, c: lt.inner(a, b.mT),
    "addmm": lambda a, b, c: lt.addmm(c, a, b, beta=0.5, alpha=2),
    "addmm without input": lambda a, b, c: lt.addmm(c, a, b, beta=0),
    "addr": lambda a, b, c: lt.addr(c, a[:, 0], b[0]),
    "dot": lambda a, b, c: lt.dot(a[0], b[:, 0]),
    "outer": lambda a, b, c: lt.outer(a[0], b[:, 0]),
    "kron": lambda a, b, c: lt.kron(a, b),
    "cross": lambda a, b, c: lt.cross(a, a.flip(0), 0),
    "power": lambda a, b, c: lt.matrix_power(a[:, :3], 3),
    "multi_dot": lambda a, b, c: la.multi_dot([a, b, c.mT]),
    "vecdot": lambda a, b, c: la.vecdot(a, b.mT[:1]),
    "cdist": lambda a, b, c: lt.cdist(a, b.mT),
    "cdist 1": lambda a, b, c: lt.cdist(a, b.mT, 1),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_batch_is_its_examples(name: str) -> None:
    f = PRODUCTS[name]
    assert_close(vmap(f)(A, B, C), lt.stack([f(*each) for each in zip(A, B, C, strict=True)]).numpy())
    shared = lt.stack([f(a, B[0], c) for a, c in zip(A, C, strict=True)])
    assert_close(vmap(f, in_dims=(0, None, 0))(A, B[0], C), shared.numpy())


@pytest.mark.parametrize("name", PRODUCTS)
def test_forward_derivatives_are_differences(name: str) -> None:
    f, at = PRODUCTS[name], (A[0], B[0], C[0])
    step = tuple(lt.from_numpy(RNG.standard_normal(x.shape)) for x in at)
    _, slope = jvp(f, at, step)
    ahead, behind = (f(*[x + h * s for x, s in zip(at, step, strict=True)]) for h in (1e-6, -1e-6))
    np.testing.assert_allclose(slope.numpy(), (ahead - behind).numpy() / 2e-6, rtol=1e-6, atol=1e-7)


def test_gradients_at_distance_0_are_0() -> None:
    x = lt.tensor([[0.0, 1.0], [0.0, 1.0], [3.0, 5.0]], dtype=lt.float64)
    for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, float("inf")):
        slope = grad(lambda v, p=p: lt.cdist(v[:1], x[:2], p).sum())(x)
        assert slope.abs().max().item() == 0.0
    for mode in ("use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"):
        slope = grad(lambda v, mode=mode: lt.cdist(v, x, compute_mode=mode).sum())(x)
        assert_close(slope, np.array([[-0.6, -0.8], [-0.6, -0.8], [1.2, 1.6]]))


def test_ties_of_the_largest_difference_have_the_whole_gradient_each() -> None:
    x, y = lt.tensor([[1.0, 2.0, 0.0]], dtype=lt.float64), lt.tensor([[0.0, 3.0, 0.5]], dtype=lt.float64)
    assert grad(lambda a: lt.cdist(a, y, float("inf")).sum())(x).tolist() == [[1.0, -1.0, 0.0]]
    assert jvp(lambda a: lt.cdist(a, y, float("inf")), (x,), (lt.ones_like(x) * 2,))[1].tolist() == [[0.0]]


def test_large_differences_come_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from lamella.autograd.rules import _distance

    def total(a: Any, b: Any) -> Any:
        return (lt.cdist(a, b, 3) ** 2).sum()

    at = (A[0], B.reshape(-1, 4))
    whole = grad(total, argnums=(0, 1))(*at)
    monkeypatch.setattr(_distance, "_BLOCK", 50)
    for part, expected in zip(grad(total, argnums=(0, 1))(*at), whole, strict=True):
        assert_close(part, expected.numpy())


def test_beta_0_gives_a_gradient_of_0_where_the_input_is_nan() -> None:
    c = (C[0] * np.nan).requires_grad_()
    out = lt.addmm(c, A[0], B[0], beta=0)
    assert_close(out.detach(), (A[0] @ B[0]).numpy())
    out.sum().backward()
    assert c.grad is not None
    assert c.grad.tolist() == [[0.0, 0.0]] * 3


def test_autocast_lowers_the_sum_with_the_product() -> None:
    x = lt.randn(3, 3)
    with lt.autocast("cpu", dtype=lt.bfloat16):
        assert lt.addmm(x, x, x.to(lt.bfloat16)).dtype is lt.bfloat16
        assert lt.baddbmm(x, x[None], x[None]).dtype is lt.bfloat16
        assert lt.einsum("ij,jk", x, x.to(lt.bfloat16)).dtype is lt.bfloat16
        assert lt.outer(x[0], x[0]).dtype is lt.float32
        assert lt.cdist(x.to(lt.bfloat16), x.to(lt.bfloat16)).dtype is lt.float32
