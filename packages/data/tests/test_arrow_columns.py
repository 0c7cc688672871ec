"""Arrow types as columns: what becomes an array, what Ragged, what codes, what is copied, and what nulls become."""

import datetime
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lamella.data import Ragged, TableDataset

UTC = datetime.UTC
WHEN = datetime.datetime(2020, 1, 2, tzinfo=UTC)


def column(values: pa.Array | pa.ChunkedArray, **options: Any) -> Any:
    return TableDataset(pa.table({"c": values}), **options).column("c")


RAGGED: dict[str, tuple[pa.DataType, list[Any]]] = {
    "string": (pa.string(), ["a", "", "ööö", "dd"]),
    "large string": (pa.large_string(), ["a", "", "ccc"]),
    "string view": (pa.string_view(), ["a", "a text too long to stand in a view itself", ""]),
    "binary": (pa.binary(), [b"\x00\xff", b"", b"x"]),
    "large binary": (pa.large_binary(), [b"\x00\xff", b""]),
    "binary view": (pa.binary_view(), [b"x" * 20, b""]),
    "list": (pa.list_(pa.int16()), [[1, 2], [], [3]]),
    "large list": (pa.large_list(pa.float64()), [[1.5], [], [2.5, 3.5]]),
    "list of bools": (pa.list_(pa.bool_()), [[True], [], [False, True]]),
    "list of pairs": (pa.list_(pa.list_(pa.int64(), 2)), [[[1, 2], [3, 4]], [], [[5, 6]]]),
    "no rows": (pa.string(), []),
    "no lists": (pa.list_(pa.int8()), []),
    "only empty": (pa.string(), ["", ""]),
}


@pytest.mark.parametrize("case", RAGGED)
def test_rows_of_different_lengths_are_ragged(case: str) -> None:
    kind, rows = RAGGED[case]
    whole = pa.array(rows, kind)
    for arrow in (whole, whole.slice(1), pa.chunked_array([whole, whole.slice(1)]), pa.chunked_array([], kind)):
        found = column(arrow)
        assert isinstance(found, Ragged)
        assert found.tolist() == arrow.to_pylist()
        assert not found.values.flags.writeable
        taken = TableDataset(pa.table({"c": arrow})).gather(np.arange(len(arrow))[::-1])["c"]
        assert taken.tolist() == arrow.to_pylist()[::-1]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_binary(), pa.list_(pa.int32()), pa.large_list(pa.float32())])
def test_ragged_columns_are_not_copied(kind: pa.DataType) -> None:
    rows: list[Any] = [[1, 2], [3]] if pa.types.is_nested(kind) else ["ab", "c"]
    arrow = pa.array(rows, kind)
    found = column(arrow)
    data = arrow.values.buffers()[1] if pa.types.is_nested(kind) else arrow.buffers()[2]
    for part, buffer in ((found.values, data), (found.offsets, arrow.buffers()[1])):
        assert part.ctypes.data == buffer.address


def test_nulls_in_ragged_columns() -> None:
    table = pa.table(
        {"t": ["a", None, "c"], "b": [None, b"x", b""], "l": pa.array([[1], None, []], pa.list_(pa.int8()))}
    )
    for name, count in (("t", 1), ("b", 1), ("l", 1)):
        with pytest.raises(ValueError, match=f"column '{name}' has {count} null; pass fill"):
            TableDataset(table.select([name]))
    masked = TableDataset(table, mask=["t", "b", "l"])
    assert masked.column("t").tolist() == ["a", "", "c"]
    assert masked.column("b").tolist() == [b"", b"x", b""]
    assert masked.column("l").tolist() == [[1], [], []]
    assert [masked.column(f"{name}_mask").tolist() for name in "tbl"] == [
        [True, False, True],
        [False, True, True],
        [True, False, True],
    ]
    filled = TableDataset(table.select(["t", "b"]), fill={"t": "?", "b": b"!"})
    assert filled.column("t").tolist() == ["a", "?", "c"]
    assert filled.column("b").tolist() == [b"!", b"x", b""]


def test_a_null_list_may_have_values_under_it() -> None:
    lists = pa.ListArray.from_arrays(
        pa.array([0, 2, 4, 5], pa.int32()), pa.array([1, 2, 3, 4, 5]), mask=pa.array([False, True, False])
    )
    assert column(lists, mask=["c"]).tolist() == [[1, 2], [], [5]]
    assert column(lists.slice(1), mask=["c"]).tolist() == [[], [5]]


def test_nulls_inside_lists() -> None:
    lists = pa.array([[1, None], [3]], pa.list_(pa.int8()))
    with pytest.raises(ValueError, match="lists of column 'c' hold 1 null; pass fill"):
        column(lists)
    with pytest.raises(ValueError, match="mask is about whole rows"):
        column(lists, mask=["c"])
    assert column(lists, fill={"c": 9}).tolist() == [[1, 9], [3]]
    assert column(lists.slice(1)).tolist() == [[3]]  # the null belongs to another row


TIMES: dict[str, tuple[pa.Array, str, list[int]]] = {
    "timestamp s": (pa.array([WHEN], pa.timestamp("s", "UTC")), "int64", [1577923200]),
    "timestamp us": (pa.array([WHEN.replace(tzinfo=None)], pa.timestamp("us")), "int64", [1577923200000000]),
    "date32": (pa.array([WHEN.date()], pa.date32()), "int32", [18263]),
    "date64": (pa.array([WHEN.date()], pa.date64()), "int64", [1577923200000]),
    "time32": (pa.array([datetime.time(0, 1)], pa.time32("ms")), "int32", [60000]),
    "time64": (pa.array([datetime.time(0, 1)], pa.time64("ns")), "int64", [60_000_000_000]),
    "duration": (pa.array([datetime.timedelta(1)], pa.duration("ms")), "int64", [86_400_000]),
}


@pytest.mark.parametrize("case", TIMES)
def test_times_are_the_integers_they_are_stored_as(case: str) -> None:
    arrow, dtype, expected = TIMES[case]
    found = column(arrow)
    assert found.dtype == dtype
    assert found.tolist() == expected
    assert found.ctypes.data == arrow.buffers()[1].address
    nullable = pa.concat_arrays([arrow, pa.nulls(1, arrow.type)])
    assert column(nullable, fill={"c": -1}).tolist() == [*expected, -1]


def test_dictionaries_are_codes_and_categories() -> None:
    chunks = [pa.array(["b", "a", "b"]).dictionary_encode(), pa.array(["c", "a"]).dictionary_encode()]
    table = TableDataset(pa.table({"c": pa.chunked_array(chunks), "n": np.arange(5)}))
    assert table.column("c").tolist() == [0, 1, 0, 2, 1]
    assert table.categories == {"c": ["b", "a", "c"]}
    nulls = pa.table({"c": pa.array(["x", None]).dictionary_encode()})
    with pytest.raises(ValueError, match="column 'c' has 1 null"):
        TableDataset(nulls)
    assert TableDataset(nulls, fill={"c": -1}).column("c").tolist() == [0, -1]


def test_fixed_size_binary_is_bytes_in_rows() -> None:
    arrow = pa.array([b"abc", b"def", b"ghi"], pa.binary(3))
    found = column(arrow.slice(1))
    assert found.tolist() == [list(b"def"), list(b"ghi")]
    assert found.ctypes.data == arrow.buffers()[1].address + 3
    masked = column(pa.array([b"abc", None], pa.binary(3)), mask=["c"])
    assert masked.tolist() == [list(b"abc"), [0, 0, 0]]
    assert column(arrow[:0]).shape == (0, 3)


REFUSED: list[tuple[str, Callable[[], pa.Array], type[Exception], str]] = [
    ("struct", lambda: pa.array([{"a": 1}]), TypeError, "table.flatten()"),
    ("decimal", lambda: pa.array([1], pa.decimal128(5, 2)), TypeError, "cast it to float64"),
    ("null", lambda: pa.nulls(2), TypeError, "column 'c' has Arrow type null"),
    ("list of lists", lambda: pa.array([[[1]]]), TypeError, "and an element has Arrow type list"),
    ("list of text", lambda: pa.array([["a"]]), TypeError, "and an element has Arrow type string"),
    ("map", lambda: pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8())), TypeError, "has Arrow type map"),
    ("interval", lambda: pa.array([(1, 2, 3)], pa.month_day_nano_interval()), TypeError, "has Arrow type month_day"),
    ("no bytes", lambda: pa.array([b""], pa.binary(0)), TypeError, "whose values hold nothing"),
    (
        "null category",
        lambda: pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None])),
        ValueError,
        "dictionary of column 'c' holds a null",
    ),
    (
        "damaged code",
        lambda: pa.DictionaryArray.from_arrays(pa.array([0, 7]), pa.array(["a"]), safe=False),
        ValueError,
        "codes 0 to 7 for 1 values",
    ),
    (
        "damaged text",
        lambda: pa.Array.from_buffers(
            pa.string(), 2, [None, pa.py_buffer(np.array([0, 3, 2], np.int32)), pa.py_buffer(b"abc")]
        ),
        ValueError,
        "column 'c' is damaged",
    ),
]


@pytest.mark.parametrize(("make", "error", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_no_column_can_hold(make: Callable[[], pa.Array], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        column(make())


def test_fills_of_the_wrong_kind() -> None:
    with pytest.raises(TypeError, match="fill for column 'c' must be str, got 0"):
        column(pa.array(["a", None]), fill={"c": 0})
    with pytest.raises(TypeError, match="must be a bool, int or float, got 'x'"):
        column(pa.array([1, None]), fill={"c": "x"})
