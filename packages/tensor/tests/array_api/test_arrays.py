"""The array object: memory it shares, conversions, index keys, and what it refuses."""

from __future__ import annotations

import copy
import operator
import os
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
import lamella.tensor.array_api as xp

ENVIRONMENT = {**os.environ, "SCIPY_ARRAY_API": "1"}
X = np.arange(6.0).reshape(2, 3)


def test_tensors_numpy_and_arrays_share_memory() -> None:
    t = lt.zeros(3)
    x = xp.asarray(t)
    assert np.shares_memory(np.asarray(x), t.numpy())
    x[...] = 2.0
    assert t.tolist() == [2.0, 2.0, 2.0]
    assert np.shares_memory(lt.from_numpy(np.asarray(x)).numpy(), t.numpy())
    assert np.shares_memory(np.asarray(xp.asarray(x)), np.asarray(x))
    assert not np.shares_memory(np.asarray(xp.asarray(x, copy=True)), np.asarray(x))
    assert not np.shares_memory(np.asarray(xp.asarray(t, dtype=xp.float64)), t.numpy())
    assert np.shares_memory(np.from_dlpack(xp.from_dlpack(np.asarray(x))), t.numpy())
    assert np.shares_memory(np.asarray(xp.from_dlpack(t)), t.numpy())


def test_what_an_array_says_of_itself() -> None:
    x = xp.asarray(X)
    assert (x.shape, x.ndim, x.size, x.dtype) == ((2, 3), 2, 6, xp.float64)
    assert x.device is x.to_device(x.device).device is xp.__array_namespace_info__().default_device()
    assert x.T.shape == x.mT.shape == (3, 2)
    assert x.__array_namespace__() is x.__array_namespace__(api_version="2024.12") is xp
    assert repr(xp.asarray([1.5, 2.0])) == "Array([1.5, 2. ], dtype=float64)"
    assert repr(xp.zeros((0, 2))) == "Array([], shape=(0, 2), dtype=float64)"
    assert [float(v) for v in xp.asarray([1.0, 2.0])] == [1.0, 2.0]
    for copied in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert bool(xp.all(copied == x))
    assert (bool(xp.asarray(2)), int(xp.asarray(2.5)), float(xp.asarray(2)), complex(xp.asarray(2))) == (
        True,
        2,
        2.0,
        2,
    )
    assert operator.index(xp.asarray(3, dtype=xp.uint8)) == 3


def test_arrays_of_hypothesis() -> None:
    """The strategies of Hypothesis, which the conformance suite draws from, are made of this namespace alone."""
    from hypothesis import given, settings
    from hypothesis.extra.array_api import make_strategies_namespace

    xps = make_strategies_namespace(xp, api_version="2024.12")

    @settings(max_examples=30, deadline=None, database=None)
    @given(xps.arrays(xps.scalar_dtypes(), xps.array_shapes()))
    def law(x: Any) -> None:
        assert bool(xp.all(xp.equal(xp.astype(x, x.dtype), x) | (x != x)))

    law()


GOOD_KEYS: tuple[Any, ...] = (
    (0, 1), (-1, ...), (..., 2), (slice(None), 0), (slice(1, None), ...), (..., slice(None, None, -1)), (None, ...),
    (0, None, 1), (...,), (slice(2), slice(0, 3, 2)),
)  # fmt: skip


@pytest.mark.parametrize("key", GOOD_KEYS)
def test_keys(key: Any) -> None:
    np.testing.assert_array_equal(np.asarray(xp.asarray(X)[key]), X[key])


def test_keys_of_arrays() -> None:
    x = xp.asarray(X)
    mask = x > 2
    assert np.asarray(x[mask]).tolist() == [3.0, 4.0, 5.0]
    assert np.asarray(x[xp.asarray([0, 1]), xp.asarray([[2], [0]])]).tolist() == [[2.0, 5.0], [0.0, 3.0]]
    assert np.asarray(x[xp.asarray([0, -1]), 1]).tolist() == [1.0, 4.0]
    assert float(x[xp.asarray(1), 0]) == 3.0
    y = xp.asarray(x, copy=True)
    y[mask] = 0
    y[0, ...] = xp.asarray([7, 8, 9.0], dtype=xp.float32)
    assert np.asarray(y).tolist() == [[7.0, 8.0, 9.0], [0.0, 0.0, 0.0]]


class Elsewhere:
    """Says that its memory is on a GPU."""

    def __dlpack__(self, **_: object) -> object:
        return np.ones(2).__dlpack__(max_version=(1, 0))

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)


BAD = (
    ("x[0]", IndexError, r"shape \(2, 3\) needs 2 indices or an ellipsis"),
    ("x[0, 0, 0]", IndexError, "got 3"),
    ("x[..., ...]", IndexError, "one ellipsis at most"),
    ("x[5, ...]", IndexError, "out of bounds"),
    ("x[0:9, ...]", IndexError, "reaches over the ends"),
    ("x[1.5, ...]", IndexError, "an index is an int"),
    ("x[True, ...]", IndexError, "an index is an int"),
    ("x[[0], ...]", IndexError, "an index is an int"),
    ("x[np.array([0]), ...]", IndexError, "got ndarray"),
    ("x[x]", IndexError, "boolean or integer data type, got float64"),
    ("x[x > 0, ...]", IndexError, "a boolean array must be the only index"),
    ("x[i, :]", IndexError, "integer arrays combine with ints"),
    ("x[i, ...]", IndexError, "integer arrays combine with ints"),
    ("x[1.0:, ...]", IndexError, "the ends of a slice"),
    ("x.__setitem__((i, 0), 1.0)", IndexError, "a write through integer arrays"),
    ("x.__setitem__((None, ...), 1.0)", IndexError, "a write through it is not defined"),
    ("x.__setitem__(..., 1j)", TypeError, "complex128 do not fit an array of float64"),
    ("xp.zeros(2, dtype=xp.int8).__setitem__(..., i)", TypeError, "values of int64 do not fit an array of int8"),
    ("i.__setitem__(..., 1.5)", TypeError, "a Python float does not combine with int64"),
    ("x.__setitem__(..., i)", TypeError, "do not promote"),
    ("x + i", TypeError, "float64 and int64 do not promote to a common type.*astype"),
    ("x + np.ones(3)", TypeError, "__add__ needs an array of this namespace, got ndarray"),
    ("np.ones(3) + x", TypeError, "__radd__ needs an array of this namespace, got ndarray"),
    ("x + lt.ones(3)", TypeError, "__add__ needs an array of this namespace, got Tensor"),
    ("x + 'a'", TypeError, "unsupported operand"),
    ("x == None", TypeError, "__eq__ needs an array of this namespace, got NoneType"),
    ("x @ 2", TypeError, "__matmul__ needs an array"),
    ("i / i", TypeError, "__truediv__ is defined for floating-point data types, got int64"),
    ("i << -1", ValueError, "negative number of bits"),
    ("~x", TypeError, "__invert__ is defined for integer or boolean"),
    ("hash(x)", TypeError, "unhashable"),
    ("bool(x)", TypeError, r"bool\(\) needs an array without dims"),
    ("float(xp.asarray(1j))", TypeError, "real"),
    ("range(xp.asarray(1.0))", TypeError, "an index needs an integer"),
    ("list(x)", TypeError, "use unstack"),
    ("x[0, ...].T", ValueError, "needs two dims"),
    ("x[0, ...].mT", ValueError, "at least two dims"),
    ("x.to_device('meta')", ValueError, "the device 'cpu' alone, got 'meta'"),
    ("x.to_device('cpu', stream=1)", ValueError, "no streams"),
    ("x.__array_namespace__(api_version='1999.01')", ValueError, "2024.12, got '1999.01'"),
    ("xp.Array(1)", TypeError, "made by asarray"),
    ("type('Sub', (xp.Array,), {})", TypeError, "final"),
    ("xp.asarray(lt.ones(2, requires_grad=True))", RuntimeError, r"requires grad; convert x\.detach\(\)"),
    ("xp.asarray(lt.ones(2, dtype=lt.float16))", TypeError, "no data type float16"),
    ("xp.asarray(np.array(['a']))", TypeError, "no data type"),
    ("xp.asarray('a')", TypeError, "no data type"),
    ("xp.asarray([None])", TypeError, "bools and numbers"),
    ("xp.asarray([[1], [2, 3]])", ValueError, "regular nesting"),
    ("xp.asarray([x])", TypeError, "use stack"),
    ("xp.asarray([lt.ones(2)])", TypeError, "use stack"),
    ("xp.asarray(2**63)", OverflowError, "out of bounds for int64"),
    ("xp.asarray([2**70])", OverflowError, "out of bounds for int64"),
    ("xp.asarray([1], copy=False)", ValueError, "only by a copy"),
    ("xp.asarray(x, dtype=xp.float32, copy=False)", ValueError, "copy"),
    ("xp.asarray([1], dtype='int64')", TypeError, "dtype must be a data type of this namespace"),
    ("xp.asarray([1], dtype=lt.float16)", TypeError, "dtype must be a data type of this namespace"),
    ("xp.zeros(3, device='cuda')", ValueError, "the device 'cpu' alone"),
    ("xp.from_dlpack(Elsewhere())", BufferError, r"the device cuda \(2\); pass device='cpu'"),
    ("xp.from_dlpack([1])", TypeError, "__dlpack__"),
    ("xp.full(2, i)", TypeError, "use broadcast_to"),
    ("xp.full(2, 'a')", TypeError, "fill_value must be a Python scalar"),
    ("xp.arange(3, dtype=xp.bool)", TypeError, "integers or real numbers"),
    ("xp.arange(0, 3, 0)", ValueError, "other than 0"),
    ("xp.linspace(0, 1, 3, dtype=xp.int64)", TypeError, "floating-point dtype"),
    ("xp.meshgrid(x)", ValueError, "needs vectors"),
    ("xp.meshgrid(x[0, ...], i)", ValueError, "one data type"),
    ("xp.meshgrid(i, indexing='x')", ValueError, "'xy' or 'ij'"),
    ("xp.tril(i)", ValueError, "at least two dims"),
    ("xp.astype(xp.asarray([1j]), xp.float64)", TypeError, "does not drop imaginary parts"),
    ("xp.isdtype(xp.int8, 'x')", ValueError, "kind must be one of"),
    ("xp.isdtype('int8', 'bool')", TypeError, "dtype must be a data type"),
    ("xp.isdtype(xp.int8, (('bool',),))", TypeError, "tuples inside"),
    ("xp.finfo(xp.int8)", TypeError, "use iinfo"),
    ("xp.iinfo(xp.float32)", TypeError, "use finfo"),
    ("xp.result_type(1, 2)", ValueError, "at least one array"),
    ("xp.result_type(xp.uint64, xp.int8)", TypeError, "do not promote"),
    ("xp.clip(x, 2, 1)", ValueError, "min <= max"),
    ("xp.clip(i, 1.5)", TypeError, "is no integer"),
    ("xp.clip(i, x[0, :2])", TypeError, "astype"),
    ("xp.clip(x, True)", TypeError, "got bool"),
    ("xp.take(x, i)", ValueError, "needs an axis"),
    ("xp.take(x, x[0, ...], axis=0)", TypeError, "defined for integer"),
    ("xp.take(x, xp.zeros((1, 1), dtype=xp.int64), axis=0)", ValueError, "vector of indices"),
    ("xp.take_along_axis(x, i)", ValueError, "as many dims"),
    ("xp.concat([])", ValueError, "at least one array"),
    ("xp.concat(x)", TypeError, "list or tuple"),
    ("xp.expand_dims(x, 9)", IndexError, "out of bounds"),
    ("xp.squeeze(x, 0)", ValueError, "size not equal to one"),
    ("xp.squeeze(x, None)", ValueError, "needs the axes"),
    ("xp.reshape(x, 6)", TypeError, "tuple of ints"),
    ("xp.reshape(x.T, (6,), copy=False)", ValueError, "copy"),
    ("xp.repeat(x, 1.5)", TypeError, "int or an integer array"),
    ("xp.roll(x, (1, 2), axis=0)", ValueError, "as many axes"),
    ("xp.tile(x, 2)", TypeError, "tuple of ints"),
    ("xp.unstack(x, axis=2)", ValueError, "axis 2"),
    ("xp.nonzero(xp.asarray(1))", ValueError, "at least one dim"),
    ("xp.searchsorted(x, x)", ValueError, "a vector to search in"),
    ("xp.searchsorted(i, i, side='x')", ValueError, "'left' or 'right'"),
    ("xp.where(x, x, x)", TypeError, "where .condition. is defined for boolean"),
    ("xp.cumulative_sum(x)", ValueError, "needs an axis"),
    ("xp.cumulative_sum(xp.asarray(1))", ValueError, "at least one dim"),
    ("xp.sum(x, dtype=xp.bool)", TypeError, "wider dtype"),
    ("xp.mean(x, axis=5)", ValueError, "out of bounds"),
    ("xp.diff(xp.asarray(1))", ValueError, "at least one dim"),
    ("xp.diff(x, n=-1)", ValueError, "n >= 0"),
    ("xp.matrix_transpose(i)", ValueError, "at least two dims"),
    ("xp.tensordot(x, x.T)", ValueError, "equal sizes"),
    ("xp.tensordot(x, x, axes=((0,), (1,)))", ValueError, "equal sizes"),
    ("xp.tensordot(x, x, axes=3)", ValueError, "over 3 dims"),
    ("xp.vecdot(x, x, axis=0)", ValueError, "between"),
    ("xp.vecdot(x, x[:, :1])", ValueError, "equal sizes"),
    ("xp.linalg.inv(x)", ValueError, "square matrices"),
    ("xp.linalg.inv(xp.zeros((2, 2)))", np.linalg.LinAlgError, "Singular"),
    ("xp.linalg.det(xp.ones((2, 2), dtype=xp.int64))", TypeError, "floating-point"),
    ("xp.linalg.cross(x, x, axis=1)", ValueError, "negative"),
    ("xp.linalg.outer(x, x)", ValueError, "two vectors"),
    ("xp.linalg.qr(x, mode='r')", ValueError, "'reduced' or 'complete'"),
    ("xp.linalg.solve(xp.ones((2, 2)), x)", np.linalg.LinAlgError, "Singular"),
    ("xp.linalg.vector_norm(x, ord='x')", ValueError, "a number"),
    ("xp.linalg.vector_norm(x, axis=(0, 0))", ValueError, "named twice"),
    ("xp.fft.fft(x)", TypeError, "complex floating-point"),
    ("xp.fft.rfft(x, norm='x')", ValueError, "norm must be one of"),
    ("xp.fft.fftfreq(3, dtype=xp.int64)", TypeError, "real floating-point"),
    ("xp.__array_namespace_info__().dtypes(kind='x')", ValueError, "kind must be one of"),
)


@pytest.mark.parametrize(("code", "error", "message"), BAD, ids=[row[0] for row in BAD])
def test_refused(code: str, error: type[Exception], message: str) -> None:
    names = {"x": xp.asarray(X.copy()), "i": xp.asarray([0, 1]), "xp": xp, "lt": lt, "np": np, "Elsewhere": Elsewhere}
    with pytest.raises(error, match=message):
        eval(code, names)


def test_info() -> None:
    info = xp.__array_namespace_info__()
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert info.default_dtypes() == {
        "real floating": xp.float64, "complex floating": xp.complex128, "integral": xp.int64, "indexing": xp.int64,
    }  # fmt: skip
    assert info.devices() == [info.default_device()]
    assert len(info.dtypes()) == 13
    assert set(info.dtypes(kind=("bool", "real floating"))) == {"bool", "float32", "float64"}
    assert xp.zeros((1,) * info.capabilities()["max dimensions"]).ndim == 64
    assert (xp.finfo(xp.complex64).dtype, xp.finfo(xp.float32).bits, xp.iinfo(xp.int8).min) == (xp.float32, 32, -128)
    assert xp.can_cast(xp.int8, xp.int16)
    assert not xp.can_cast(xp.int16, xp.int8)
    assert not xp.can_cast(xp.bool, xp.int8)
    assert xp.result_type(xp.int8, xp.uint8) is xp.int16
    assert xp.result_type(xp.float32, 1j) is xp.complex64


SCIPY = """
import numpy as np
import lamella.tensor.array_api as xp
from scipy import fft, integrate, ndimage, special, stats
x = xp.asarray([1.0, 2.0, 4.0, 8.0])
for found, expected in (
    (special.logsumexp(x), np.logaddexp.reduce([1.0, 2.0, 4.0, 8.0])),
    (fft.dct(x), fft.dct(np.asarray(x))),
    (ndimage.gaussian_filter(x, 1.0), ndimage.gaussian_filter(np.asarray(x), 1.0)),
    (integrate.cumulative_simpson(x, dx=1.0), integrate.cumulative_simpson(np.asarray(x), dx=1.0)),
    (stats.zscore(x), stats.zscore(np.asarray(x))),
    (stats.skew(x), stats.skew(np.asarray(x))),
    (special.expit(x), special.expit(np.asarray(x))),
):
    assert type(found) is xp.Array, type(found)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-9)
"""


def test_scipy_takes_and_gives_arrays() -> None:
    pytest.importorskip("scipy")
    done = subprocess.run([sys.executable, "-c", SCIPY], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_lamella_tensor_does_not_import_it() -> None:
    code = "import sys, lamella.tensor; assert 'lamella.tensor.array_api' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
