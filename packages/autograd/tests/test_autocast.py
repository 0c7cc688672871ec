"""autocast: which dtype each kind of op runs in, nesting, the cache of weights, gradients, Functions, transforms."""

from __future__ import annotations

import gc
import weakref
from typing import Any, ClassVar

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.autograd import Function, checkpoint, grad, jvp, vmap
from lamella.tensor import (
    autocast,
    bfloat16,
    complex64,
    custom_bwd,
    custom_fwd,
    float16,
    float32,
    float64,
    get_autocast_dtype,
    int64,
    is_autocast_enabled,
    no_grad,
    tensor,
)
from lamella.tensor.extend import HOT, OPS, dispatch, tls
from lamella.testing import op_samples

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4)).astype(np.float32)
W = RNG.standard_normal((4, 4)).astype(np.float32)


def leaf(a=W, dtype=float32):
    return tensor(a, dtype=dtype, requires_grad=True)


@pytest.fixture(autouse=True)
def balanced():
    yield
    assert HOT[0] == 0
    assert not is_autocast_enabled()


RULED = [s for s in op_samples() if s.op.rules.get("precision") and float32 in s.dtypes and s.label == ""]
RULED += [
    s
    for s in op_samples()
    if s.op.rules.get("precision") and float32 in s.dtypes and s.op_name not in {r.op_name for r in RULED}
]


def test_every_rule_is_judged():
    assert {s.op_name for s in RULED} == {n for n, op in OPS.items() if "precision" in op.rules}


@pytest.mark.parametrize("dtype", [bfloat16, float16])
@pytest.mark.parametrize("given", [float32, "low"])
@pytest.mark.parametrize("sample", RULED, ids=[s.id for s in RULED])
def test_ops_run_in_the_precision_of_their_rule(sample, given, dtype):
    xs = sample.tensors(float32)
    if given == "low":
        xs = tuple(x.to(dtype) if isinstance(x, lt.Tensor) and x.dtype is float32 else x for x in xs)
    with autocast("cpu", dtype):
        out = dispatch(sample.op, xs, sample.params(float32))
    first = out[0] if isinstance(out, tuple) else out
    assert first.dtype is (dtype if sample.op.rules["precision"] == "low" else float32)


def test_ops_without_a_rule_run_in_the_widest_dtype():
    low, x = tensor(X, dtype=bfloat16), tensor(X)
    with autocast("cpu"):
        assert (low + low).dtype is bfloat16
        assert (low * x).dtype is float32
        assert lt.cat([low, x]).dtype is float32
        assert lt.stack([low, x]).dtype is float32
        assert low.relu().dtype is bfloat16


def test_other_dtypes_are_left_alone():
    with autocast("cpu"):
        assert (tensor(X, dtype=float64) @ tensor(W, dtype=float64)).dtype is float64
        assert (tensor(X).long() @ tensor(W).long()).dtype is int64
        assert (tensor(X, dtype=complex64) @ tensor(W, dtype=complex64)).dtype is complex64
        assert tensor(X, dtype=float64).exp().dtype is float64


def test_the_context_and_what_is_asked_of_it():
    assert get_autocast_dtype() is bfloat16
    x = tensor(X)
    with autocast("cpu", float16):
        assert is_autocast_enabled()
        assert get_autocast_dtype("cpu") is float16
        assert lt.matmul(x, tensor(W)).dtype is float16
        with autocast("cpu", enabled=False):
            assert not is_autocast_enabled()
            assert lt.matmul(x, tensor(W)).dtype is float32
            with autocast("cpu", dtype=bfloat16):
                assert lt.matmul(x, tensor(W)).dtype is bfloat16
        assert lt.matmul(x, tensor(W)).dtype is float16
    assert lt.matmul(x, tensor(W)).dtype is float32

    @autocast("cpu")
    def f(a):
        return lt.matmul(a, tensor(W))

    assert f(x).dtype is bfloat16
    assert f(x).dtype is bfloat16

    @autocast("cpu")
    def g(a):
        yield lt.matmul(a, tensor(W))

    (out,) = g(x)
    assert out.dtype is bfloat16
    with pytest.raises(KeyError), autocast("cpu"):
        raise KeyError


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: autocast("cuda"), "'cuda'"),
        (lambda: autocast("meta"), "for the device type 'cpu', got 'meta'"),
        (lambda: autocast(bfloat16), "type of a device first"),
        (lambda: autocast("cpu", float32), "bfloat16 or float16, got lamella.float32"),
        (lambda: is_autocast_enabled("tpu"), "'tpu'"),
        (lambda: custom_fwd(device_type="meta"), "'meta'"),
    ],
)
def test_wrong_calls_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_values_are_those_of_explicit_casts():
    x, w = tensor(X), leaf()
    with autocast("cpu"):
        y = lt.softmax(lt.linear(x, w), 1)
    v = leaf()
    z = lt.softmax(lt.linear(x.to(bfloat16), v.to(bfloat16)).float(), 1)
    np.testing.assert_array_equal(y.detach().numpy(), z.detach().numpy())
    seed = tensor(RNG.standard_normal((3, 4)).astype(np.float32))
    y.backward(seed)
    z.backward(seed)
    assert w.grad.dtype is float32
    np.testing.assert_array_equal(w.grad.numpy(), v.grad.numpy())


def casts(f):
    """How many casts f makes."""
    op = OPS["cast"]
    kernel = op.rules["numpy"]
    seen = []
    op.rules["numpy"] = lambda x, **p: seen.append(x) or kernel(x, **p)
    try:
        f()
    finally:
        op.rules["numpy"] = kernel
    return len(seen)


def test_a_weight_is_cast_once_a_context():
    x, w = tensor(X, dtype=bfloat16), leaf()

    def twice(**options):
        with autocast("cpu", **options):
            lt.linear(x, w)
            with autocast("cpu"):
                lt.linear(x, w)
            lt.linear(x, w)

    assert casts(twice) == 1
    assert casts(lambda: twice(cache_enabled=False)) == 3
    plain = tensor(W)

    def without_grad():
        with autocast("cpu"):
            lt.linear(x, plain)
            lt.linear(x, plain)

    assert casts(without_grad) == 2


def test_the_copy_of_a_weight_follows_writes_and_grad_mode():
    x, w = tensor(X), leaf()
    with autocast("cpu"):
        with no_grad():
            assert not lt.linear(x, w).requires_grad
        y = lt.linear(x, w)
        assert y.requires_grad
        with no_grad():
            w.mul_(0.0)
        assert lt.linear(x, w).abs().sum().item() == 0.0


def test_copies_go_with_the_context():
    gc.collect()
    gc.disable()
    try:
        w = leaf()
        mode = autocast("cpu")
        with mode:
            node = lt.linear(tensor(X), w).grad_fn
            kept = next(iter(tls.autocast.cache.values()))[2]
            copy = weakref.ref(kept)
            del kept
        del node
        assert copy() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_under_transforms_and_checkpoint():
    x, w = tensor(X), tensor(W)
    with autocast("cpu"):
        rows = vmap(lambda r: lt.matmul(r, w))(x)
        assert rows.dtype is bfloat16
        assert jvp(lambda a: lt.matmul(a, w), (x,), (x,))[1].dtype is bfloat16
        assert grad(lambda a: lt.matmul(a, w).float().sum())(x).dtype is float32
    v = leaf()
    dtypes = []

    def f(a):
        y = lt.matmul(a, v)
        dtypes.append(y.dtype)
        return y

    with autocast("cpu"):
        y = checkpoint(f, x)
    y.float().sum().backward()
    assert dtypes == [bfloat16, bfloat16]


class Product(Function):
    seen: ClassVar[list[Any]] = []

    @staticmethod
    @custom_fwd
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        Product.seen.append(is_autocast_enabled())
        return lt.matmul(x, w)

    @staticmethod
    @custom_bwd
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        Product.seen.append(is_autocast_enabled())
        return lt.matmul(g, w.mT), lt.matmul(x.mT, g)


class Wide(Function):
    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=float32)
    def forward(ctx, x):
        assert not is_autocast_enabled()
        assert x.dtype is float32
        ctx.save_for_backward(x)
        return lt.matmul(x, x.mT)

    @staticmethod
    @custom_bwd(device_type="cpu")
    def backward(ctx, g):
        assert not is_autocast_enabled()
        (x,) = ctx.saved_tensors
        return lt.matmul(g + g.mT, x)


def test_functions_run_backward_as_they_ran_forward():
    Product.seen.clear()
    x, w = tensor(X), leaf()
    with autocast("cpu"):
        y = Product.apply(x, w)
    assert y.dtype is bfloat16
    y.float().sum().backward()
    assert w.grad.dtype is float32
    Product.apply(x, leaf()).sum().backward()
    assert Product.seen == [True, True, False, False]
    with autocast("cpu"):
        z = leaf(X, bfloat16)
        out = Wide.apply(z)
        assert out.dtype is float32
    out.sum().backward()
    assert z.grad.dtype is bfloat16
