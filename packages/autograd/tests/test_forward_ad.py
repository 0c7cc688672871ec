"""Dual tensors: the same derivatives as the transform jvp, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from lamella.autograd import forward_ad as fw
from lamella.autograd import grad, jvp, vmap
from lamella.tensor import float64, int64, layer_norm, tensor
from lamella.tensor.extend import HOT, LevelClosedError
from lamella.testing import assert_close

X = np.array([0.5, -1.0, 2.0])
T = np.array([1.0, 2.0, -0.5])


def t(a, dtype=float64):
    return tensor(np.asarray(a), dtype=dtype)


@pytest.mark.parametrize("f", [lambda x: x.exp() * x, lambda x: layer_norm(x * x, 3), lambda x: x.sum() * x[1:]])
def test_tangents_equal_those_of_the_transform(f):
    with fw.dual_level():
        y = f(fw.make_dual(t(X), t(T)))
        primal, tangent = fw.unpack_dual(y)
    value, moved = jvp(f, (t(X),), (t(T),))
    assert_close(primal, value)
    assert_close(tangent, moved)
    assert HOT[0] == 0


def test_what_has_no_tangent():
    plain = t(X)
    with fw.dual_level():
        assert fw.unpack_dual(t(X)).tangent is None
        assert fw.unpack_dual(plain).tangent is None
        assert fw.unpack_dual(plain).primal is plain
        dual = fw.make_dual(t(X), t(T))
        assert fw.unpack_dual(dual.detach()).tangent is None


def test_with_backward_and_vmap():
    x = t(X).requires_grad_()
    with fw.dual_level():
        out = fw.unpack_dual(fw.make_dual(x, t(T)).pow(3)).tangent
    (g,) = grad(out.sum(), x)  # forward over reverse
    assert_close(g, 6 * X * T)
    with fw.dual_level():
        rows = vmap(lambda r: r * r)(fw.make_dual(t([X, X + 1]), t([T, T])))
        assert_close(fw.unpack_dual(rows).tangent, 2 * np.stack([X, X + 1]) * T)


def test_a_dual_tensor_does_not_leave_its_level():
    with fw.dual_level():
        dual = fw.make_dual(t(X), t(T))
    with pytest.raises(LevelClosedError):
        dual * 2


def twice():
    with fw.dual_level():
        fw.make_dual(fw.make_dual(t(X), t(T)), t(T))


def nested():
    with fw.dual_level(), fw.dual_level():
        pass


def inside(f):
    def call():
        with fw.dual_level():
            f()

    return call


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fw.make_dual(t(X), t(T)), RuntimeError, "live in a dual_level"),
        (lambda: fw.unpack_dual(t(X)), RuntimeError, "live in a dual_level"),
        (nested, RuntimeError, "do not nest"),
        (twice, RuntimeError, "a dual tensor already"),
        (inside(lambda: fw.make_dual(t(X), 3)), TypeError, "two tensors, got int"),
        (inside(lambda: fw.make_dual(t(X), t(T[:2]))), ValueError, "must be like its primal"),
        (inside(lambda: fw.make_dual(t(X, int64), t(X, int64))), ValueError, "floating or complex primal"),
        (inside(lambda: fw.unpack_dual(3)), TypeError, "takes a tensor, got int"),
    ],
)
def test_wrong_uses_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert HOT[0] == 0
