"""Clipping and flattening against numpy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamella.tensor as lt
from lamella import nn
from lamella.nn import utils


def with_gradients(*arrays):
    params = []
    for a in arrays:
        p = nn.Parameter(lt.zeros(np.shape(a), dtype=lt.float64))
        p.grad = lt.tensor(np.asarray(a, float))
        params.append(p)
    return params


@pytest.mark.parametrize("norm", [2.0, 1.0, 3.0, 0.5, -2.0, math.inf, -math.inf])
@pytest.mark.parametrize("bound", [0.5, 1e6])
def test_clip_by_norm(norm, bound):
    arrays = [np.random.default_rng(i).standard_normal(s) for i, s in enumerate([(3, 4), (5,), ()])]
    params = [*with_gradients(*arrays), nn.Parameter(lt.ones(2))]
    flat = np.concatenate([a.reshape(-1) for a in arrays])
    want = float(np.linalg.norm(flat, norm))
    total = utils.clip_grad_norm_(params, bound, norm)
    assert total.item() == pytest.approx(want, rel=1e-12)
    factor = min(1.0, bound / (want + 1e-6))
    for p, a in zip(params, arrays, strict=False):
        assert np.allclose(p.grad.numpy(), a * factor, rtol=1e-12)
    assert params[-1].grad is None


def test_the_norm_of_half_types_does_not_overflow():
    p = nn.Parameter(lt.zeros(4, dtype=lt.float16))
    p.grad = lt.full((4,), 1000.0, dtype=lt.float16)
    assert utils.clip_grad_norm_([p], 1.0).item() == 2000
    assert np.allclose(p.grad.numpy(), 0.5, atol=1e-3)
    assert p.grad.dtype is lt.float16


def test_the_norm_of_order_zero_counts_the_tensors_that_are_not_zero():
    # the norm of the norms, as in PyTorch
    assert utils.get_total_norm([lt.ones(3), lt.zeros(2), lt.ones(4)], 0).item() == 2


def test_gradients_of_several_dtypes_are_scaled_together():
    params = [nn.Parameter(lt.zeros(2, dtype=d)) for d in (lt.float64, lt.float32, lt.bfloat16)]
    for p in params:
        p.grad = lt.full_like(p, 2.0)
    assert utils.clip_grad_norm_(params, 1.0, "2").item() == pytest.approx(math.sqrt(24))
    for p in params:
        assert p.grad.dtype is p.dtype
        assert np.allclose(p.grad.double().numpy(), 2 / math.sqrt(24), rtol=1e-2)


@pytest.mark.parametrize("foreach", [None, True, False])
def test_clip_with_a_norm_that_is_known(foreach):
    params = [*with_gradients([3.0, 4.0], [[1.0]]), nn.Parameter(lt.ones(2))]
    total = utils.get_total_norm([p.grad for p in params[:2]], foreach=foreach)
    assert total.item() == pytest.approx(math.sqrt(26))
    utils.clip_grads_with_norm_(params, 100.0, total, foreach)
    assert params[0].grad.tolist() == [3, 4]
    utils.clip_grads_with_norm_(params, 2.0, lt.tensor(8.0), foreach)
    assert np.allclose(params[0].grad.numpy(), [0.75, 1.0], rtol=1e-6)
    utils.clip_grad_norm_(params, 1.0, foreach=foreach)
    assert utils.get_total_norm([p.grad for p in params[:2]]).item() == pytest.approx(1, rel=1e-5)
    utils.clip_grad_value_(params[1], 0.1, foreach)
    assert params[1].grad.item() == pytest.approx(0.1)
    assert params[2].grad is None


def test_nothing_is_scaled_where_the_norm_is_not_finite():
    params = with_gradients([3.0, 4.0], [math.inf])
    with pytest.raises(RuntimeError, match="the norm of order 1 is inf"):
        utils.clip_grad_norm_(params, 1.0, 1, error_if_nonfinite=True)
    assert params[0].grad.tolist() == [3, 4]
    assert utils.clip_grad_norm_(params, 1.0).item() == math.inf
    assert params[0].grad.tolist() == [0, 0]


def test_clip_by_norm_of_one_or_none():
    (p,) = with_gradients([3.0, 4.0])
    assert utils.clip_grad_norm_(p, 1.0).item() == 5
    assert utils.clip_grad_norm_([nn.Parameter(lt.ones(2))], 1.0).item() == 0
    p.grad = lt.tensor([math.nan, 1.0], dtype=lt.float64)
    with pytest.raises(RuntimeError, match="nan"):
        utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8), st.floats(0, 10))
def test_clip_by_value(values, bound):
    (p,) = with_gradients(values)
    utils.clip_grad_value_([p], bound)
    assert np.array_equal(p.grad.numpy(), np.clip(values, -bound, bound))


def test_vector_and_back():
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    vec = utils.parameters_to_vector(net.parameters())
    assert vec.shape == (11,)
    assert vec.requires_grad
    vec.sum().backward()
    assert all((p.grad == 1).all() for p in net.parameters())
    utils.vector_to_parameters(lt.arange(11, dtype=lt.float32), net.parameters())
    assert utils.parameters_to_vector(net.parameters()).tolist() == list(range(11))
    assert net[1].bias.tolist() == [10]


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: utils.clip_grad_norm_([3], 1.0), TypeError, "needs tensors"),
        (lambda: utils.clip_grad_norm_([], -1.0), ValueError, "non-negative max_norm"),
        (lambda: utils.clip_grad_norm_(with_gradients([1.0]), 1.0, math.nan), ValueError, "a number for norm_type"),
        (lambda: utils.clip_grad_norm_([], 1.0, foreach=3), TypeError, "foreach is True, False or None, got 3"),
        (lambda: utils.clip_grad_value_([], 1.0, 0), TypeError, "foreach"),
        (lambda: utils.clip_grads_with_norm_([], -1.0, lt.ones(())), ValueError, "non-negative max_norm"),
        (lambda: utils.get_total_norm([1.0]), TypeError, "get_total_norm needs tensors, got float"),
        (lambda: utils.clip_grad_value_([], -1.0), ValueError, "non-negative clip_value"),
        (lambda: utils.parameters_to_vector([]), ValueError, "at least one"),
        (lambda: utils.vector_to_parameters(lt.ones(2), [nn.Parameter(lt.ones(3))]), ValueError, "3 elements"),
        (lambda: utils.vector_to_parameters([1.0], [nn.Parameter(lt.ones(1))]), ValueError, "got list"),
    ],
)
def test_bad_input_is_named(act, error, text):
    with pytest.raises(error, match=text):
        act()
