"""Programs that take autograd apart: views written in place, saved values overwritten, nested transforms."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest

import lamella.autograd as la
import lamella.tensor as lt


def close(a: lt.Tensor, b: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(np.asarray(a.detach().numpy()), np.asarray(b), rtol=tolerance, atol=tolerance)


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def test_views_of_views_written_in_place(way: Any) -> None:
    def program(w: lt.Tensor) -> tuple[lt.Tensor, lt.Tensor, lt.Tensor]:
        base = lt.zeros(4, 6, dtype=lt.float64)
        rows = base[1:3]
        part = rows.permute(1, 0)[2:5]  # a view of a view of a view
        sibling = base[:, 3]
        rows.add_(w.reshape(1, 6))
        part.mul_(part)
        base[0].copy_(w * 2.0)
        loss = (base * base).sum() + sibling.sum()
        (g,) = la.grad(loss, [w])
        return loss, g, sibling

    w = f64(6).requires_grad_()
    loss, g, sibling = way(program)(w)
    v = w.detach().numpy()
    full = np.zeros((4, 6))
    full[1:3] = v
    full[1:3, 2:5] = full[1:3, 2:5] ** 2
    full[0] = 2 * v
    close(loss, (full**2).sum() + full[:, 3].sum())
    close(sibling, full[:, 3])
    expected = 8 * v + np.where((np.arange(6) >= 2) & (np.arange(6) < 5), 2 * 4 * v**3, 2 * 2 * v)
    expected[3] += 2 + 2 * 2 * v[3]
    close(g, expected)


def test_in_place_after_save_names_both_lines(way: Any) -> None:
    def program(x: lt.Tensor) -> lt.Tensor:
        y = (x * 2.0).exp()
        z = y * y
        y.add_(1.0)
        (g,) = la.grad(z.sum(), [x])
        return g

    x = f64(3).requires_grad_()
    lines, first = inspect.getsourcelines(program)
    saved = first + next(i for i, line in enumerate(lines) if "z = y * y" in line)
    written = first + next(i for i, line in enumerate(lines) if "y.add_" in line)
    with pytest.raises(RuntimeError, match="modified in place") as caught:
        way(program)(x)
    places = re.findall(r"test_autograd_programs\.py:(\d+)", str(caught.value))
    assert [int(p) for p in places] == [saved, written]


def test_perturbation_confusion(way: Any) -> None:
    def program(x: lt.Tensor) -> lt.Tensor:
        def outer(x: lt.Tensor) -> lt.Tensor:
            return x * la.grad(lambda y: x + y)(lt.tensor(3.0, dtype=lt.float64))

        return la.grad(outer)(x)

    close(way(program)(lt.tensor(2.0, dtype=lt.float64)), 1.0)


def test_vmap_of_grad_with_closed_over_parameter(way: Any) -> None:
    w = f64(3, seed=1)

    def program(xs: lt.Tensor) -> lt.Tensor:
        return la.vmap(la.grad(lambda x: ((w * x).tanh() * w).sum()))(xs)

    xs = f64(5, 3, seed=2)
    v = w.numpy()
    close(way(program)(xs), v**2 * (1 - np.tanh(v * xs.numpy()) ** 2))


def test_per_example_gradients_then_backward_of_their_sum(way: Any) -> None:
    w = f64(3, 2, seed=1).requires_grad_()

    def program(xs: lt.Tensor, ys: lt.Tensor) -> lt.Tensor:
        w.grad = None

        def loss(p: lt.Tensor, x: lt.Tensor, y: lt.Tensor) -> lt.Tensor:
            return ((x @ p - y) ** 2.0).sum()

        per_example = la.vmap(la.grad(loss), in_dims=(None, 0, 0))(w, xs, ys)
        (per_example * per_example).sum().backward()
        return per_example.detach()

    xs, ys = f64(4, 3, seed=2), f64(4, 2, seed=3)
    got = way(program)(xs, ys)
    x, y, p = xs.numpy(), ys.numpy(), w.detach().numpy()
    residual = x @ p - y
    grads = 2 * np.einsum("ni,nj->nij", x, residual)
    close(got, grads)
    # d/dp sum_n |2 x_n r_n^T|^2 = sum_n 8 |x_n|^2 x_n r_n^T
    assert w.grad is not None
    close(w.grad, np.einsum("n,ni,nj->ij", 8 * (x**2).sum(1), x, residual))


def test_jvp_of_vmap_of_grad(way: Any) -> None:
    def program(xs: lt.Tensor, vs: lt.Tensor) -> tuple[lt.Tensor, lt.Tensor]:
        def gradient(x: lt.Tensor) -> lt.Tensor:
            return la.grad(lambda t: (t**3.0).sum() + (t.sin() * t).sum())(x)

        value, tangent = la.jvp(lambda z: la.vmap(gradient)(z), (xs,), (vs,))
        return value, tangent

    xs, vs = f64(4, 3, seed=4), f64(4, 3, seed=5)
    value, tangent = way(program)(xs, vs)
    x, v = xs.numpy(), vs.numpy()
    close(value, 3 * x**2 + np.sin(x) + x * np.cos(x))
    close(tangent, (6 * x + 2 * np.cos(x) - x * np.sin(x)) * v)
