"""Anomaly mode names the line of the op whose gradient is not finite, and reports a loss that is not."""

from __future__ import annotations

import numpy as np
import pytest

from lamella import autograd
from lamella.autograd import detect_anomaly, grad, jvp, set_detect_anomaly, vmap
from lamella.tensor import cat, float16, float64, tensor
from lamella.testing import assert_close

X = np.array([0.5, -1.0, 2.0])


def leaf(a=X, dtype=float64):
    return tensor(np.asarray(a), dtype=dtype, requires_grad=True)


def rooted(x):
    return x.sqrt()  # THE LINE


def line():
    return rooted.__code__.co_firstlineno + 1


def masked(x):
    """A finite value whose gradient is not: 0 * inf."""
    return (rooted(x) * tensor([0.0, 1.0], dtype=x.dtype)).sum()


@pytest.mark.parametrize("dtype", [float64, float16])
def test_the_forward_line_is_named(dtype):
    x = leaf([0.0, 1.0], dtype)
    masked(x).backward()
    assert np.isnan(x.grad.numpy()[0])  # that is why one asks
    with detect_anomaly():
        y = masked(leaf([0.0, 1.0], dtype))
        with pytest.raises(
            RuntimeError, match=rf"gradient of operand 0 of sqrt holds nan \(SqrtBackward0\).*test_anomaly.py:{line()} "
        ):
            y.backward()


def test_ops_that_save_nothing_are_named_too():
    class Bad(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * float("inf")

    with detect_anomaly():
        y = Bad.apply(leaf())
        with pytest.raises(RuntimeError, match=r"operand 0 of Bad holds inf \(BadBackward\).*test_anomaly.py"):
            y.sum().backward()
        z = leaf() + leaf()
        z.register_hook(lambda g: g * float("nan"))
        with pytest.raises(RuntimeError, match=r"of add holds nan .*test_anomaly.py:\d+ in test_ops_that"):
            z.sum().backward()


def test_a_loss_that_is_not_finite():
    with detect_anomaly():
        x = leaf([0.0, 1.0])
        loss = x.log().sum()
        for call in (loss.backward, lambda: grad(loss, x), lambda: autograd.backward([loss])):
            with pytest.raises(RuntimeError, match="differentiate holds inf; it is the result of sum, computed"):
                call()
        with pytest.raises(RuntimeError, match="holds nan; it is a leaf"):
            leaf(np.float64("nan")).backward()


def test_gradients_that_are_finite_pass():
    with detect_anomaly():
        x = leaf()
        (cat([x, x]).exp() * 2).sum().backward()
    assert_close(x.grad, 4 * np.exp(X))


def test_values_are_not_looked_at_where_that_is_not_wanted():
    with detect_anomaly(check_nan=False):
        assert autograd.is_anomaly_enabled()
        assert not autograd.is_anomaly_check_nan_enabled()
        x = leaf([0.0, 1.0])
        masked(x).backward()
        assert np.isnan(x.grad.numpy()[0])
    with detect_anomaly(), set_detect_anomaly(False):
        masked(leaf([0.0, 1.0])).backward()


def test_inside_transforms():
    with detect_anomaly():
        with pytest.raises(RuntimeError, match="operand 0 of sqrt holds nan"):
            grad(masked)(tensor([0.0, 1.0], dtype=float64))
        with pytest.raises(RuntimeError, match="operand 0 of sqrt holds nan"):
            vmap(grad(masked))(tensor([[4.0, 1.0], [0.0, 1.0]], dtype=float64))
        x = tensor([0.0, 1.0], dtype=float64)
        with pytest.raises(RuntimeError, match="operand 0 of sqrt holds nan"):
            jvp(grad(masked), (x,), (x,))


def test_double_backward():
    with detect_anomaly():
        x = leaf([0.0, 1.0])
        (g,) = grad((x**1.5).sum(), x, create_graph=True)  # 1.5 sqrt(x): finite, and its slope is not
        with pytest.raises(RuntimeError, match="holds (nan|inf)"):
            grad(g.sum(), x)
