"""Grad mode and inference mode, as contexts, functions and decorators; what the fast paths see of them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from lamella import autograd
from lamella.autograd import detect_anomaly, grad, set_detect_anomaly
from lamella.tensor import (
    enable_grad,
    float64,
    from_numpy,
    full,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    ones,
    rand,
    set_grad_enabled,
    tensor,
    zeros,
)
from lamella.tensor.extend import HOT
from lamella.testing import assert_close

X = np.array([0.5, -1.0, 2.0])


def leaf(a=X):
    return tensor(np.asarray(a), dtype=float64, requires_grad=True)


@pytest.fixture(autouse=True)
def balanced():
    assert HOT[0] == 0
    yield
    assert HOT[0] == 0
    assert is_grad_enabled()
    assert not is_inference_mode_enabled()


def test_set_grad_enabled_as_a_function_and_as_a_context():
    x = leaf()
    set_grad_enabled(False)
    assert not (x * 2).requires_grad  # a fast operator
    assert not x.exp().requires_grad
    set_grad_enabled(True)
    assert (x * 2).requires_grad
    with set_grad_enabled(False):
        assert not (x * 2).requires_grad
        with set_grad_enabled(True):
            assert (x * 2).requires_grad
        assert not is_grad_enabled()
    with no_grad():
        set_grad_enabled(True)  # until the end of the context around it
        assert (x * 2).requires_grad
    with enable_grad():
        set_grad_enabled(False)
    assert is_grad_enabled()


def test_a_thread_that_ends_with_recording_off_leaves_nothing_behind():
    worker = threading.Thread(target=lambda: set_grad_enabled(False))
    worker.start()
    worker.join()
    assert HOT[0] == 0


@pytest.mark.parametrize(
    ("mode", "inside"),
    [
        (no_grad, False),
        (no_grad(), False),
        (set_grad_enabled, False),
        (inference_mode, False),
        (inference_mode(), False),
    ],
)
def test_decorated_functions_and_generators(mode, inside):
    if mode is set_grad_enabled:
        mode = set_grad_enabled(inside)

    @mode
    def f(x):
        return is_grad_enabled()

    @mode
    def steps(n):
        got = []
        try:
            for i in range(n):
                got.append((yield (i, is_grad_enabled())))
        except KeyError:
            yield "caught", is_grad_enabled()
        return got, is_grad_enabled()

    assert is_grad_enabled()
    assert f(1) is inside
    run = steps(3)
    assert next(run) == (0, inside)
    assert is_grad_enabled()  # the caller's code is not in the mode
    assert run.send("a") == (1, inside)
    assert run.throw(KeyError()) == ("caught", inside)
    with pytest.raises(StopIteration) as end:
        next(run)
    assert end.value.value == (["a"], inside)
    closed = steps(3)
    next(closed)
    closed.close()


def test_what_cannot_be_decorated():
    async def waits():
        return 1

    async def gives():
        yield 1

    for bad in (waits, gives):
        with pytest.raises(TypeError, match="does not decorate coroutines"):
            no_grad()(bad)
    with pytest.raises(TypeError, match="decorates functions, got <class 'int'>"):
        no_grad(int)
    with pytest.raises(TypeError, match="decorates functions, got 3"):
        inference_mode(3)


def test_what_inference_mode_makes():
    x = leaf()
    with inference_mode():
        assert is_inference_mode_enabled()
        assert not is_grad_enabled()
        made = [
            x * 2, x + x, x.exp(), x.sum(), x @ x, ones(3), full((2,), 1.0), rand(3), tensor(X), from_numpy(X.copy()),
            zeros(2, device="meta"), x.clone(), (x * 2)[1:], (x * 2).reshape(3, 1),
        ]  # fmt: skip
        assert all(t.is_inference() and not t.requires_grad for t in made)
        assert not x.detach().is_inference()  # views of ordinary tensors are ordinary
        assert not x[1:].is_inference()
        with enable_grad():
            assert not (x * 2).requires_grad
        t = x * 2
        t.add_(1.0)
        t[0] = 5.0
        assert_close(t, np.array([5.0, -1.0, 5.0]))
        with pytest.raises(RuntimeError, match="counts no versions"):
            _ = t._version
        with inference_mode(False):
            assert (x * 2).requires_grad
            assert not is_inference_mode_enabled()
    assert not (x * 2).is_inference()
    assert t.is_inference()
    assert t[1:].is_inference()
    assert not t.clone().is_inference()
    assert not (t * 2).is_inference()


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda t, x: t.add_(1.0), "written in place outside it"),
        (lambda t, x: t[0:1].add_(1.0), "written in place outside it"),
        (lambda t, x: t.__setitem__(0, 1.0), "written in place outside it"),
        (lambda t, x: t.requires_grad_(), "cannot require grad outside it"),
        (lambda t, x: x * t, "cannot be saved for backward"),
        (lambda t, x: x / t, "cannot be saved for backward"),
        (lambda t, x: x @ t, "cannot be saved for backward"),
        (lambda t, x: t._version, "counts no versions"),
    ],
)
def test_inference_tensors_outside(use, message):
    with inference_mode():
        t = tensor(X, dtype=float64)
    with pytest.raises(RuntimeError, match=message):
        use(t, leaf())


def test_inference_tensors_where_nothing_saves_them():
    with inference_mode():
        t = tensor(X, dtype=float64)
    x = leaf()
    (x + t).sum().backward()
    assert_close(x.grad, np.ones(3))
    x = leaf()
    (x * t.clone()).sum().backward()
    assert_close(x.grad, X)


def test_writing_an_ordinary_tensor_in_inference_mode_counts():
    x = leaf()
    y = x * 1.0
    z = y * y
    with inference_mode():
        y.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified in place"):
        z.sum().backward()


def test_transforms_refuse_inference_mode():
    with inference_mode(), pytest.raises(RuntimeError, match="nothing is recorded in inference mode"):
        grad(lambda t: t.sum())(tensor(X))


def test_modes_balance_when_the_body_raises():
    for mode in (no_grad(), enable_grad(), inference_mode(), detect_anomaly(), set_grad_enabled(False)):
        with pytest.raises(KeyError), mode:
            raise KeyError
    set_detect_anomaly(True)
    assert autograd.is_anomaly_enabled()
    set_detect_anomaly(False)
    assert not autograd.is_anomaly_enabled()


def test_one_mode_object_opened_twice():
    mode = no_grad()
    with mode:
        with mode:
            assert not is_grad_enabled()
        assert not is_grad_enabled()
