"""Arrow's capsules both ways between tensors and pyarrow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import lamella.tensor as lt
from lamella.testing import ALL_DTYPES

ARROW = [d for d in ALL_DTYPES if d.numpy.kind in "biuf" and d.numpy.isbuiltin == 1]


class Array:
    """An owner that is no class of pyarrow."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __arrow_c_array__(self, requested_schema: object = None) -> Any:
        return self.inner.__arrow_c_array__(requested_schema)


class Stream:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return self.inner.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("shape", ((12,), (4, 3), (2, 3, 2), (1, 2, 3, 2), (0,), (0, 3)))
@pytest.mark.parametrize("dtype", ARROW, ids=repr)
def test_there_and_back(dtype: lt.DType, shape: tuple[int, ...]) -> None:
    n = int(np.prod(shape))
    t = lt.arange(n).reshape(shape).to(dtype)
    array = pa.array(t)
    assert len(array) == shape[0]
    kinds = {1: pa.types.is_primitive, 2: pa.types.is_fixed_size_list}
    assert kinds.get(len(shape), lambda k: isinstance(k, pa.FixedShapeTensorType))(array.type)
    for source in (array, Array(array), Stream(pa.chunked_array([array]))):
        back = lt.from_arrow(source)
        assert (back.dtype, back.shape) == (dtype, shape)
        assert back.tolist() == t.tolist()
        if n and dtype is not lt.bool_:
            assert np.shares_memory(back.numpy(), t.numpy())
            with pytest.raises(RuntimeError, match="read-only"):
                back.zero_()


def test_layouts_slices_chunks_and_schemas() -> None:
    t = lt.arange(12).reshape(3, 4)
    assert pa.array(t.T).to_pylist() == t.T.tolist()
    assert pa.array(t[:, 1]).to_pylist() == [1, 5, 9]
    assert lt.from_arrow(pa.array([1, None, 3, 4]).slice(2)).tolist() == [3, 4]
    assert lt.from_arrow(pa.array([True, False, None, True, True]).slice(3)).tolist() == [True, True]
    assert lt.from_arrow(pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2)).slice(1)).tolist() == [[3, 4]]
    assert lt.from_arrow(pa.chunked_array([[1, 2], [3]])).tolist() == [1, 2, 3]
    assert lt.from_arrow(pa.chunked_array([], pa.int16())).dtype is lt.int16
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(12.0).reshape(3, 2, 2))
    assert lt.from_arrow(pa.chunked_array([tensors, tensors])).shape == (6, 2, 2)
    assert lt.from_arrow(pa.table({"x": [1, 2]}).column("x")).tolist() == [1, 2]
    assert pa.array(lt.arange(3), type=pa.float64()).type == pa.float64()
    assert pa.table({"x": pa.array(lt.ones(2, 3))}).column("x").to_pylist() == [[1, 1, 1]] * 2


def test_the_memory_outlives_either_side() -> None:
    t = lt.from_arrow(pa.array(np.full(1000, 3.0)))
    array = pa.array(lt.full((1000,), 4.0))
    np.zeros(1000), lt.zeros(1000)
    assert (t == 3).all()
    assert array.to_pylist() == [4.0] * 1000


def permuted() -> Any:
    kind = pa.fixed_shape_tensor(pa.int8(), (2, 3), permutation=[1, 0])
    storage = pa.array([list(range(6))], pa.list_(pa.int8(), 6))
    return pa.ExtensionArray.from_storage(kind, storage)


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "null": (lambda: lt.from_arrow(pa.array([1, None])), ValueError, "has 1 null, for which .*fill_null"),
    "nulls": (lambda: lt.from_arrow(pa.array([None, None, 1.0])), ValueError, "2 nulls"),
    "bool null": (lambda: lt.from_arrow(pa.array([True, None])), ValueError, "1 null"),
    "null row": (lambda: lt.from_arrow(pa.array([[1], None], pa.list_(pa.int8(), 1))), ValueError, "1 null"),
    "null inside": (lambda: lt.from_arrow(pa.array([[1], [None]], pa.list_(pa.int8(), 1))), ValueError, "1 null"),
    "only nulls": (lambda: lt.from_arrow(pa.array([None])), TypeError, "the array has Arrow type null"),
    "text": (lambda: lt.from_arrow(pa.array(["a"])), TypeError, "has Arrow type string; numbers, booleans"),
    "lists": (lambda: lt.from_arrow(pa.array([[1], [2, 3]])), TypeError, "has Arrow type list"),
    "time": (lambda: lt.from_arrow(pa.array([1], pa.timestamp("s"))), TypeError, "timestamp"),
    "words": (lambda: lt.from_arrow(pa.array(["a"]).dictionary_encode()), TypeError, "dictionary"),
    "permuted": (lambda: lt.from_arrow(permuted()), TypeError, r"stores its tensors permuted \[1, 0\]"),
    "table": (lambda: lt.from_arrow(pa.table({"x": [1]})), TypeError, r"one array, and a Table has columns; take one"),
    "batch": (lambda: lt.from_arrow(pa.record_batch({"x": [1]})), TypeError, "RecordBatch has columns"),
    "columns of others": (lambda: lt.from_arrow(Stream(pa.table({"x": [1]}))), TypeError, "struct<x: int64>"),
    "list": (lambda: lt.from_arrow([1, 2]), TypeError, "with __arrow_c_array__ or __arrow_c_stream__, got list"),
    "numpy": (lambda: lt.from_arrow(np.ones(2)), TypeError, "got ndarray"),
    "liar": (
        lambda: lt.from_arrow(Array(type("X", (), {"__arrow_c_array__": lambda *_: (1, 2)})())),
        ValueError,
        "PyCapsule",
    ),
    "no dims": (lambda: pa.array(lt.tensor(1.0)), ValueError, "has rows, and this has no dims"),
    "empty rows": (lambda: pa.array(lt.zeros(2, 0)), ValueError, r"rows of shape \(0,\), which hold nothing"),
    "complex": (lambda: pa.array(lt.ones(2, dtype=lt.complex64)), TypeError, "complex64; view_as_real gives pairs"),
    "bfloat16": (lambda: pa.array(lt.ones(2, dtype=lt.bfloat16)), TypeError, "bfloat16; convert it first"),
    "float8": (lambda: pa.array(lt.ones(2).to(lt.float8_e5m2)), TypeError, "float8_e5m2; convert it first"),
    "meta": (lambda: pa.array(lt.ones(2, device="meta")), BufferError, "meta storage has no memory to export by Arrow"),
    "grad": (lambda: pa.array(lt.ones(2, requires_grad=True)), BufferError, "requires grad is not exported by Arrow"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    call, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        call()


def test_pyarrow_is_loaded_when_it_is_asked_for() -> None:
    code = "import sys, lamella.tensor as lt; lt.ones(2).numpy(); assert 'pyarrow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
