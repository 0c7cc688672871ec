"""Out of the stack and back: numpy, Python numbers, copies, pickles, printing, devices."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor.extend import OPS, cell_of
from lamella.testing import ALL_DTYPES, assert_close


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=repr)
def test_numpy_is_the_same_memory(dtype: lt.DType) -> None:
    a = np.ones((2, 3)).astype(dtype.numpy)
    t = lt.from_numpy(a)
    assert t.numpy() is a
    assert t.__array__() is a
    assert np.shares_memory(np.asarray(t), a)  # by way of __buffer__ from Python 3.12 on
    assert t.dtype is dtype
    t[0] = 0
    assert a[0].tolist() == [0, 0, 0]
    assert np.array(t) is not a
    assert np.asarray(t, np.complex128).dtype == np.complex128
    assert lt.tensor(a).numpy() is not a
    assert lt.tensor(t).tolist() == t.tolist()


def test_array_protocol_says_when_it_must_copy() -> None:
    t = lt.ones(2)
    assert t.__array__(copy=False) is t.numpy()
    assert t.__array__(copy=True) is not t.numpy()
    with pytest.raises(ValueError, match="becomes a numpy array of float64 only by a copy"):
        t.__array__(np.dtype(np.float64), copy=False)
    assert np.stack([np.asarray(t), np.asarray(t)]).shape == (2, 2)


def test_numpy_on_the_left_makes_no_array_of_tensors() -> None:
    t = lt.ones(2)
    with pytest.raises(TypeError, match="wrap it with from_numpy"):
        np.ones(2) + t
    assert (np.float32(2) * t).tolist() == (np.float64(2) * t).tolist() == [2.0, 2.0]
    assert isinstance(np.int64(2) - t, lt.Tensor)
    assert (np.float64(2) < t).tolist() == [False, False]
    with pytest.raises(TypeError):
        np.exp(t)


def test_zero_dims() -> None:
    t = lt.tensor(2.5)
    assert type(t.numpy()) is np.ndarray
    assert t.numpy().shape == ()
    assert (float(t), int(t), bool(t), t.item(), t.tolist()) == (2.5, 2, True, 2.5, 2.5)
    assert [10, 20, 30][lt.tensor(1)] == 20


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=repr)
def test_pickles_and_copies(dtype: lt.DType) -> None:
    t = lt.from_numpy(np.arange(6).reshape(2, 3).astype(dtype.numpy))
    view = t[:, ::2].T
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(view, protocol))
        assert_close(back, view, check_dtype=True)
        assert back.dtype is dtype
        assert back._view is None
    deep = copy.deepcopy({"a": t, "b": t})
    assert deep["a"] is deep["b"]
    assert not np.shares_memory(deep["a"].numpy(), t.numpy())
    shallow = copy.copy(t)
    assert np.shares_memory(shallow.numpy(), t.numpy())
    assert cell_of(shallow) is cell_of(t)
    assert pickle.loads(pickle.dumps(dtype)) is dtype
    assert pickle.loads(pickle.dumps(OPS["add"])) is OPS["add"]


def test_copies_keep_what_they_are() -> None:
    pytest.importorskip("lamella.autograd")

    class Named(lt.Tensor):
        __slots__ = ()

    x = Named([1.0, 2.0], requires_grad=True)
    for twin in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(lt.ones(2, requires_grad=True)))):
        assert twin.requires_grad
        assert twin.is_leaf
        assert twin.grad is None
    assert type(copy.copy(x)) is type(copy.deepcopy(x)) is Named
    y = x * 2
    assert not copy.copy(y).requires_grad
    with pytest.raises(RuntimeError, match=r"only leaf tensors can be deep-copied; detach\(\) it first"):
        copy.deepcopy(y)


def test_storages_are_copied_by_their_protocol() -> None:
    from lamella.testing.storage import quantize_blocks

    q = quantize_blocks(lt.ones(2, 4))
    for twin in (pickle.loads(pickle.dumps(q)), copy.copy(q), copy.deepcopy(q), q.clone()):
        assert twin.storage().kind == "block_int8"
        assert twin.dense().tolist() == q.dense().tolist()
    assert not np.shares_memory(copy.deepcopy(q).storage().codes, q.storage().codes)
    assert np.shares_memory(copy.copy(q).storage().codes, q.storage().codes)


def test_devices() -> None:
    t = lt.ones(2, 3)
    assert t.device == "cpu"
    assert t.device.type == str(t.device) == "cpu"
    assert t.to("cpu") is t
    assert t.cpu() is t
    m = t.to("meta")
    assert m.device == lt.device("meta") == "meta"
    assert hash(lt.device("meta")) == hash(m.device)
    assert m.shape == (2, 3)
    assert m.to(lt.float64).dtype is lt.float64
    assert lt.zeros_like(m).device == "meta"
    assert (m @ lt.zeros(3, 2, device="meta")).shape == (2, 2)
    assert (m + lt.tensor(1.0)).device == "meta"  # a 0-d tensor joins any device
    assert lt.rand(2, device="meta").shape == (2,)


def test_attributes() -> None:
    t = lt.zeros(2, 3, dtype=lt.float64)
    assert (t.shape, t.ndim, t.dim(), t.numel(), t.element_size()) == ((2, 3), 2, 2, 6, 8)
    assert t.size() == (2, 3)
    assert t.size(-1) == 3
    assert t.is_floating_point()
    assert t.is_contiguous()
    assert not t.T.is_contiguous()
    assert t.storage() is t.numpy()
    assert t.dense() is t
    assert t.type() is lt.float64
    assert hash(t) != hash(t.clone())
    assert [t].count(None) == 0  # type: ignore[arg-type]
    assert t not in ({}, ())
    with pytest.raises(AttributeError):
        t.no_such = 1


@pytest.mark.parametrize("name", ("float32", "f32", np.float32, np.dtype(np.float32), float))
def test_names_of_a_dtype(name: Any) -> None:
    assert lt.zeros(1, dtype=name).dtype is lt.float32
