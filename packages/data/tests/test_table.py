"""In-memory datasets: what may be a column, what is copied and what is not, what nulls become."""

import re
from typing import Any

import ml_dtypes
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lamella.data import BatchedDataset, Dataset, Fingerprinted, TableDataset, TensorDataset

NUMERIC = st.sampled_from(["?", "i1", "u1", "i4", "i8", "u8", "f2", "f4", "f8"])


def fixed_lists(values: np.ndarray[Any, Any], size: int) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values), size)


def test_records_and_batches() -> None:
    table = TableDataset({"x": np.arange(12.0).reshape(4, 3), "y": [1, 2, 3, 4]})
    assert len(table) == 4
    assert table.column_names == ("x", "y")
    assert table[1]["x"].tolist() == [3, 4, 5]
    assert table[-1]["y"] == 4
    batch = table.gather(np.array([2, 0]))
    assert list(batch) == ["x", "y"]
    assert batch["y"].tolist() == [3, 1]
    assert batch["x"].shape == (2, 3)
    assert [table[row]["y"] for row in range(len(table))] == [1, 2, 3, 4]
    assert repr(table) == "TableDataset(4 rows; x float64[3], y int64)"


def test_tensor_dataset_gives_tuples() -> None:
    x, y = np.arange(8.0).reshape(4, 2), np.arange(4)
    data = TensorDataset(x, y)
    assert len(data) == 4
    record = data[2]
    assert isinstance(record, tuple)
    assert record[0].tolist() == [4, 5]
    assert record[1] == 2
    batch = data.gather(np.array([3, 3]))
    assert isinstance(batch, tuple)
    assert batch[1].tolist() == [3, 3]
    assert np.shares_memory(data.arrays[0], x)


def test_protocols() -> None:
    for data in (TableDataset({"x": [1]}), TensorDataset([1])):
        assert isinstance(data, Dataset)
        assert isinstance(data, BatchedDataset)
        assert isinstance(data, Fingerprinted)
    assert isinstance([1, 2], Dataset)
    assert not isinstance([1, 2], BatchedDataset)


@given(hnp.arrays(NUMERIC, hnp.array_shapes(min_dims=1, max_dims=4, max_side=6)), st.data())
def test_gather_equals_numpy_indexing_and_owns_its_memory(column: np.ndarray[Any, Any], data: st.DataObject) -> None:
    indices = np.array(data.draw(st.lists(st.integers(0, len(column) - 1), max_size=10)), np.int64)
    batch = TableDataset({"c": column}).gather(indices)["c"]
    assert batch.dtype == column.dtype
    assert np.array_equal(batch, column[indices], equal_nan=column.dtype.kind == "f")
    assert not np.shares_memory(batch, column)
    assert batch.flags.writeable


def test_numpy_columns_are_not_copied() -> None:
    x = np.arange(6, dtype=np.float32)
    assert TableDataset({"x": x}).column("x") is x


@pytest.mark.parametrize("dtype", ["i1", "u2", "i4", "u8", "f2", "f4", "f8"])
def test_arrow_columns_are_not_copied(dtype: str) -> None:
    x = np.arange(12).astype(dtype)
    table = TableDataset(pa.table({"x": x, "rows": fixed_lists(x, 1)}))
    for name, shape in (("x", (12,)), ("rows", (12, 1))):
        column = table.column(name)
        assert np.shares_memory(column, x)
        assert column.shape == shape
        assert not column.flags.writeable


def test_slices_of_arrow_columns_are_not_copied() -> None:
    x = np.arange(24, dtype=np.float32)
    nested = pa.FixedSizeListArray.from_arrays(fixed_lists(x, 3), 2)
    table = TableDataset(pa.table({"x": nested}).slice(1, 2))
    assert np.shares_memory(table.column("x"), x)
    assert np.array_equal(table.column("x"), x.reshape(4, 2, 3)[1:3])


def test_fixed_shape_tensors_are_not_copied() -> None:
    x = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    table = TableDataset(pa.table({"x": pa.FixedShapeTensorArray.from_numpy_ndarray(x)}))
    assert np.shares_memory(table.column("x"), x)
    assert np.array_equal(table.column("x"), x)


@pytest.mark.parametrize("make", [lambda x: pa.array(x), lambda x: fixed_lists(x, 2), lambda x: tensors(x)])
def test_chunks_are_joined(make: Any) -> None:
    x = np.arange(8, dtype=np.int32)
    whole = TableDataset(pa.table({"x": make(x)})).column("x")
    chunked = pa.chunked_array([make(x[:4]), make(x[4:])])
    assert np.array_equal(TableDataset(pa.table({"x": chunked})).column("x"), whole)
    for empty in (pa.chunked_array([], chunked.type), pa.chunked_array([make(x)[:0]])):
        assert TableDataset(pa.table({"x": empty})).column("x").shape == (0, *whole.shape[1:])


def tensors(values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.FixedShapeTensorArray.from_numpy_ndarray(values.reshape(-1, 2, 2))


def test_booleans_are_unpacked() -> None:
    values = np.array([True, False, True, True])
    table = TableDataset(pa.table({"b": values, "rows": fixed_lists(values, 2).slice(1).take([0, 0, 0, 0])}))
    assert np.array_equal(table.column("b"), values)
    assert table.column("rows").shape == (4, 2)


def test_any_arrow_stream_is_taken() -> None:
    class Frame:
        def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
            return pa.table({"x": [1, 2]}).__arrow_c_stream__(requested_schema)

    assert TableDataset(Frame()).column("x").tolist() == [1, 2]
    assert TableDataset(pa.record_batch({"x": [1, 2]})).column("x").tolist() == [1, 2]


def test_metadata_comes_from_the_schema_or_the_caller() -> None:
    table = pa.table({"x": [1]}).replace_schema_metadata({"source": "somewhere"})
    assert TableDataset(table).metadata == {"source": "somewhere"}
    assert TableDataset(table, metadata={"a": "b"}).metadata == {"a": "b"}
    assert TableDataset({"x": [1]}).metadata == {}


def test_projection_keeps_the_order_asked_for() -> None:
    table = TableDataset({"a": [1], "b": [2], "c": [3]}, columns=["c", "a"])
    assert table.column_names == ("c", "a")


# Nulls: values, present.
NULL_COLUMNS: dict[str, tuple[pa.Array, Any]] = {
    "plain": (pa.array([1.0, None, 3.0, None]), [True, False, True, False]),
    "integers": (pa.array([1, 2, None], pa.int32()), [True, True, False]),
    "booleans": (pa.array([True, None]), [True, False]),
    "null rows": (pa.array([[1, 2], None], pa.list_(pa.int64(), 2)), [[True, True], [False, False]]),
    "null elements": (pa.array([[1, None], [3, 4]], pa.list_(pa.int64(), 2)), [[True, False], [True, True]]),
    "both": (pa.array([[1, None], None], pa.list_(pa.int64(), 2)), [[True, False], [False, False]]),
    "sliced": (pa.array([None, 7, None, 9]).slice(1, 2), [True, False]),
}


@pytest.mark.parametrize("case", NULL_COLUMNS)
def test_nulls_are_an_error_or_filled_or_masked(case: str) -> None:
    values, present = NULL_COLUMNS[case]
    table = pa.table({"c": values})
    count = int(np.size(present) - np.count_nonzero(present))
    with pytest.raises(ValueError, match=re.escape(f"column 'c' has {count} null")):
        TableDataset(table)

    filled = TableDataset(table, fill={"c": 1}).column("c")
    expected = np.array(present)
    assert (filled[~expected] == 1).all()

    masked = TableDataset(table, mask=["c"])
    assert masked.column_names == ("c", "c_mask")
    assert masked.column("c_mask").tolist() == present
    assert (masked.column("c")[~expected] == 0).all()
    assert np.array_equal(masked.column("c")[expected], filled[expected])


def test_a_mask_is_there_even_without_nulls() -> None:
    table = TableDataset(pa.table({"c": [1, 2]}), mask=["c"], fill={"c": 0})
    assert table.column("c_mask").tolist() == [True, True]


@pytest.mark.parametrize(
    ("kind", "fill"),
    [
        (pa.uint8(), -1),
        (pa.uint8(), 256),
        (pa.int64(), 2**64),
        (pa.int32(), 0.5),
        (pa.int32(), float("nan")),
        (pa.int32(), float("inf")),
        (pa.float32(), 1e300),
        (pa.bool_(), 2),
    ],
)
def test_a_fill_value_must_fit(kind: pa.DataType, fill: float) -> None:
    with pytest.raises(ValueError, match="cannot be held by column 'c'"):
        TableDataset(pa.table({"c": pa.array([None, None], kind)}), fill={"c": fill})


@pytest.mark.parametrize(
    ("kind", "fill"),
    [(pa.float32(), 0.1), (pa.float32(), float("nan")), (pa.float64(), float("-inf")), (pa.int8(), -128)],
)
def test_fill_values_that_fit(kind: pa.DataType, fill: float) -> None:
    column = TableDataset(pa.table({"c": pa.array([None], kind)}), fill={"c": fill}).column("c")
    assert np.array_equal(column, np.array([fill], column.dtype), equal_nan=column.dtype.kind == "f")


BAD = [
    ("no columns", lambda: TableDataset({}), ValueError, "no columns"),
    ("not a table", lambda: TableDataset(np.arange(3)), TypeError, "expected a mapping"),  # type: ignore[arg-type]
    ("lengths", lambda: TableDataset({"a": [1, 2], "b": [1]}), ValueError, r"\{'a': 2, 'b': 1\}"),
    ("ragged rows", lambda: TableDataset({"a": [[1, 2], [3]]}), ValueError, "column 'a' is ragged"),
    ("0-d", lambda: TableDataset({"a": 3.0}), ValueError, "column 'a' must have one entry per row"),
    ("text", lambda: TableDataset({"a": ["x", "y"]}), TypeError, "column 'a' has dtype <U1"),
    ("objects", lambda: TableDataset({"a": np.array([None, 1])}), TypeError, "column 'a' has dtype object"),
    ("times", lambda: TableDataset({"a": np.zeros(2, "M8[s]")}), TypeError, "column 'a' has dtype datetime64"),
    ("void", lambda: TableDataset({"a": np.zeros(2, [("p", "i4")])}), TypeError, "column 'a' has dtype"),
    ("byte order", lambda: TableDataset({"a": np.zeros(2, ">f4")}), TypeError, "byte order"),
    (
        "unknown",
        lambda: TableDataset({"a": [1]}, columns=["b"]),
        KeyError,
        r"unknown column 'b'; known columns are \['a'\]",
    ),
    ("one string", lambda: TableDataset({"a": [1]}, columns="a"), TypeError, r"pass \['a'\]"),
    ("twice", lambda: TableDataset({"a": [1]}, columns=["a", "a"]), ValueError, "names a column twice"),
    ("none", lambda: TableDataset({"a": [1]}, columns=[]), ValueError, "columns is empty"),
    ("fill numpy", lambda: TableDataset({"a": [1]}, fill={"a": 0}), ValueError, "Arrow nulls"),
    (
        "fill unknown",
        lambda: TableDataset(pa.table({"a": [1]}), fill={"b": 0}),
        KeyError,
        "fill names unknown column 'b'",
    ),
    (
        "fill text",
        lambda: TableDataset(pa.table({"a": [1, None]}), fill={"a": "0"}),  # type: ignore[dict-item]
        TypeError,
        "must be a bool, int or",
    ),
    ("mask unknown", lambda: TableDataset(pa.table({"a": [1]}), mask=["b"]), KeyError, "mask names unknown column 'b'"),
    ("mask string", lambda: TableDataset(pa.table({"a": [1]}), mask="a"), TypeError, "single string"),
    ("mask taken", lambda: TableDataset(pa.table({"a": [1], "a_mask": [1]}), mask=["a"]), ValueError, "'a_mask'"),
    ("arrow structs", lambda: TableDataset(pa.table({"a": [{"b": 1}]})), TypeError, "column 'a' has Arrow type struct"),
    ("arrow lists", lambda: TableDataset(pa.table({"a": [[[1]], []]})), TypeError, r"column 'a' has Arrow type list"),
    ("arrow nulls only", lambda: TableDataset(pa.table({"a": [None]})), TypeError, "column 'a' has Arrow type null"),
    ("column()", lambda: TableDataset({"a": [1]}).column("b"), KeyError, "unknown column 'b'"),
    ("past end", lambda: TableDataset({"a": [1, 2]})[2], IndexError, "record 2 is out of range for 2 records"),
    ("before start", lambda: TableDataset({"a": [1, 2]})[-3], IndexError, "record -3 is out of range"),
    ("float index", lambda: TableDataset({"a": [1, 2]})[1.0], TypeError, "integer"),  # type: ignore[index]
    ("gather range", lambda: TableDataset({"a": [1, 2]}).gather(np.array([5])), IndexError, "record out of range"),
    ("gather floats", lambda: TableDataset({"a": [1, 2]}).gather(np.array([1.0])), TypeError, "float64 array of 1"),
    ("gather list", lambda: TableDataset({"a": [1, 2]}).gather([0]), TypeError, r"got \[0\]"),  # type: ignore[arg-type]
    ("tensors none", lambda: TensorDataset(), ValueError, "no arrays given"),
    ("tensors lengths", lambda: TensorDataset([1, 2], [1]), ValueError, "equally long"),
    ("tensors index", lambda: TensorDataset([1, 2])[2], IndexError, "record 2 is out of range"),
]


@pytest.mark.parametrize(("make", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_permuted_tensor_column_is_refused() -> None:
    kind = pa.fixed_shape_tensor(pa.int8(), (2, 3), permutation=[1, 0])
    column = pa.ExtensionArray.from_storage(kind, fixed_lists(np.arange(12, dtype=np.int8), 6))
    with pytest.raises(TypeError, match="permuted"):
        TableDataset(pa.table({"a": column}))


def test_small_float_dtypes_are_numbers() -> None:
    column = np.arange(4).astype(ml_dtypes.bfloat16)
    assert TableDataset({"x": column}).gather(np.array([1]))["x"].dtype == ml_dtypes.bfloat16


@pytest.mark.parametrize("rows", [0, 1, 3, 1000])
def test_fingerprints_tell_tables_apart(rows: int) -> None:
    x = np.arange(rows, dtype=np.float32)
    fingerprint = TableDataset({"x": x}).fingerprint()
    assert fingerprint == TableDataset(pa.table({"x": x.copy()})).fingerprint()
    assert fingerprint != TableDataset({"y": x}).fingerprint()
    assert fingerprint != TableDataset({"x": x.astype(np.float64)}).fingerprint()
    assert fingerprint != TableDataset({"x": np.append(x, 0).astype(np.float32)}).fingerprint()
    assert fingerprint != TensorDataset(x).fingerprint()
    if rows:
        assert fingerprint != TableDataset({"x": x + 1}).fingerprint()
        assert TensorDataset(x).fingerprint() != TensorDataset(x + 1).fingerprint()
