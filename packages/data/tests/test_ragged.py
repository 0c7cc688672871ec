"""Ragged columns against lists of rows: every way of reading them, what is copied and what is not, and bad offsets."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella.data import DataLoader, Ragged, TableDataset, TensorDataset, write_parquet
from lamella.data._ragged import concat_ragged

# Short rows are gathered by index and long ones row by row: both sides of the threshold are drawn.
ROWS = st.lists(st.integers(0, 9) | st.integers(100, 150), max_size=8).map(
    lambda lengths: [np.arange(length) + 7 * row for row, length in enumerate(lengths)]
)


def ragged(rows: list[np.ndarray[Any, Any]], before: int = 0, offsets: str = "i8") -> Ragged:
    """With values in front of the first row and behind the last."""
    values = np.concatenate([np.full(before, -1), *rows, np.full(2, -1)]).astype(np.int32)
    return Ragged(values, np.cumsum([before, *map(len, rows)]).astype(offsets))


@given(rows=ROWS, before=st.integers(0, 3), offsets=st.sampled_from(["i4", "i8", "u4"]), data=st.data())
def test_reads_as_lists_do(rows: list[Any], before: int, offsets: str, data: st.DataObject) -> None:
    column, lists = ragged(rows, before, offsets), [row.tolist() for row in rows]
    assert column.tolist() == lists
    assert column.lengths.tolist() == [len(row) for row in lists]
    assert [row.tolist() for row in column] == lists
    assert column.flat().tolist() == [value for row in lists for value in row]
    part = slice(*data.draw(st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.sampled_from([1, 1, 2, -1]))))
    assert column[part].tolist() == lists[part]
    places = data.draw(st.lists(st.integers(-len(rows), len(rows) - 1), max_size=12)) if rows else []
    taken = column.take(np.array(places, np.int64))
    assert taken.tolist() == [lists[place] for place in places]
    assert taken.offsets[0] == 0
    assert not np.shares_memory(taken.values, column.values)
    assert concat_ragged([column, taken, column[:1]]).tolist() == lists + taken.tolist() + lists[:1]


@given(rows=ROWS, extra=st.none() | st.integers(0, 5), side=st.sampled_from(["right", "left"]))
def test_pad_and_mask(rows: list[Any], extra: int | None, side: Any) -> None:
    column = ragged(rows, 1)
    longest = max(map(len, rows), default=0)
    length = None if extra is None else longest + extra
    padded, mask = column.pad(-5, length, side, dtype=np.int64), column.mask(length, side)
    assert padded.shape == mask.shape == (len(rows), longest + (extra or 0))
    assert padded.dtype == np.int64
    for row, values, kept in zip(rows, padded, mask, strict=True):
        assert values[kept].tolist() == row.tolist()
        assert (values[~kept] == -5).all()
        assert kept.tolist() == sorted(kept.tolist(), reverse=side == "right")


def test_rows_may_be_arrays_of_more_dims() -> None:
    values = np.arange(12.0).reshape(6, 2)
    column = Ragged(values, [0, 1, 1, 6])
    assert column[2].shape == (5, 2)
    assert column.take(np.array([2, 0])).values.tolist() == values[[1, 2, 3, 4, 5, 0]].tolist()
    assert column.pad().shape == (3, 5, 2)
    assert column.pad()[0].tolist() == [[0, 1]] + [[0, 0]] * 4
    assert repr(column) == "Ragged(3 rows; ragged float64[2])"
    assert Ragged.from_rows(list(column)).tolist() == column.tolist()


def test_text_and_bytes() -> None:
    words = ["", "naïve", "日本", "x"]
    for column, rows in (
        (Ragged.from_rows(words), words),
        (Ragged.from_rows([word.encode() for word in words]), [word.encode() for word in words]),
    ):
        assert column.tolist() == rows
        assert column[1] == rows[1]
        assert column.take(np.array([2, 2])).tolist() == [rows[2]] * 2
        assert column[1:3].tolist() == rows[1:3]
    table = TableDataset({"word": Ragged.from_rows(words), "n": np.arange(4)})
    assert table[2] == {"word": "日本", "n": 2}
    (batch,) = DataLoader(table, 4)
    assert batch["word"] == words


def test_views_and_memory_maps_are_not_copied(tmp_path: Path) -> None:
    values = np.arange(1000, dtype=np.uint16)
    values.tofile(tmp_path / "tokens")
    mapped = np.memmap(tmp_path / "tokens", np.uint16, "r")
    column = Ragged(mapped, [0, 10, 1000])
    assert np.shares_memory(column.values, mapped)
    assert np.shares_memory(column[1], mapped)
    assert np.shares_memory(column[1:].flat(), mapped)
    assert column.nbytes == 2000 + 24
    assert pickle.loads(pickle.dumps(column)).tolist() == column.tolist()


def test_a_table_holds_and_gathers_ragged_columns() -> None:
    rows = [[1, 2], [], [3, 4, 5]]
    table = TableDataset({"tokens": Ragged.from_rows(rows, np.uint16), "label": [0, 1, 0]})
    assert len(table) == 3
    assert table[2]["tokens"].tolist() == [3, 4, 5]
    batch = table.gather(np.array([2, 0]))
    assert batch["tokens"].tolist() == [[3, 4, 5], [1, 2]]
    assert batch["label"].tolist() == [0, 0]
    assert repr(table) == "TableDataset(3 rows; tokens ragged uint16, label int64)"
    assert table.fingerprint() == TableDataset({"tokens": table.column("tokens"), "label": [0, 1, 0]}).fingerprint()
    others = [[[1, 2], [3], [4, 5]], [[1, 2], [], [3, 4, 6]], [[1], [2], [3, 4, 5]]]
    prints = {TableDataset({"tokens": Ragged.from_rows(other, np.uint16), "label": [0, 1, 0]}).fingerprint()
              for other in [rows, *others]}  # fmt: skip
    assert len(prints) == 4


@pytest.mark.parametrize("offsets", [np.int32, np.int64])
def test_parquet_holds_ragged_columns_as_lists_and_strings(tmp_path: Path, offsets: Any) -> None:
    words = Ragged.from_rows(["a", "", "bcd"])
    columns = {
        "tokens": Ragged(np.arange(9, dtype=np.uint16), np.array([2, 2, 5, 9], offsets)),
        "boxes": Ragged(np.arange(12.0).reshape(6, 2), np.array([0, 1, 1, 6], offsets)),
        "word": Ragged(words.values, words.offsets.astype(offsets), kind="text"),
        "raw": Ragged(words.values, words.offsets.astype(offsets), kind="bytes"),
    }
    write_parquet(columns, tmp_path / "t.parquet")
    table = pq.read_table(tmp_path / "t.parquet")
    for name, column in columns.items():
        assert table.column(name).to_pylist() == column.tolist()
    assert pa.types.is_large_list(table.schema.field("tokens").type) == (offsets is np.int64)


BAD: list[tuple[str, Any, type[Exception], str]] = [
    ("no offsets", lambda: Ragged(np.arange(3), []), TypeError, "one more than there are rows"),
    ("float offsets", lambda: Ragged(np.arange(3), [0.0, 1.0]), TypeError, "got dtype float64"),
    ("dims", lambda: Ragged(np.arange(3), [[0, 1]]), TypeError, r"shape \(1, 2\)"),
    ("decrease", lambda: Ragged(np.arange(3), [0, 2, 1, 3]), ValueError, r"never decrease.*got \[0, 2, 1, 3\]"),
    ("beyond", lambda: Ragged(np.arange(3), [0, 4]), ValueError, "end at 3 values or below"),
    ("negative", lambda: Ragged(np.arange(3), [-1, 2]), ValueError, "begin at 0 or above"),
    ("list", lambda: Ragged([1, 2], [0, 1]), TypeError, r"values must be an array.*got \[1, 2\]"),
    ("kind", lambda: Ragged(np.arange(3), [0, 1], kind="str"), ValueError, "got 'str'"),
    ("text of ints", lambda: Ragged(np.arange(3), [0, 1], kind="text"), TypeError, "text needs uint8"),
    ("row", lambda: Ragged(np.arange(3), [0, 1])[1], IndexError, "row 1 is out of range for 1 rows"),
    ("take", lambda: Ragged(np.arange(3), [0, 1]).take(np.array([1])), IndexError, "out of bounds"),
    ("pad", lambda: Ragged(np.arange(3), [0, 3]).pad(length=2), ValueError, "row 0 has 3 values.*length=2"),
    ("side", lambda: Ragged(np.arange(3), [0, 3]).mask(side="both"), ValueError, "'right' or 'left', got 'both'"),
    ("rows", lambda: Ragged.from_rows([[[1]], [1]]), ValueError, "differ in their first dim only"),
    ("scalars", lambda: Ragged.from_rows([1, 2]), ValueError, "differ in their first dim only"),
    (
        "join",
        lambda: concat_ragged([Ragged.from_rows(["a"]), Ragged.from_rows([[1]])]),
        TypeError,
        "kinds .'list', 'text'. cannot be joined",
    ),
    (
        "objects in a table",
        lambda: TableDataset({"a": Ragged(np.array([None]), [0, 1])}),
        TypeError,
        "column 'a' has dtype object",
    ),
    (
        "tensors",
        lambda: TensorDataset(Ragged(np.arange(3), [0, 1])),
        TypeError,
        "column '0' is Ragged, expected rows of one shape",
    ),
    (
        "gather",
        lambda: TableDataset({"a": Ragged(np.arange(3), [0, 1])}).gather(np.array([4])),
        IndexError,
        "out of range",
    ),
    (
        "fixed collate",
        lambda: next(iter(DataLoader(TableDataset({"a": Ragged(np.arange(3), [0, 1, 3])}), 2))),
        ValueError,
        r"batch\['a'\] is ragged, with rows of 1 to 2 values.*pad the rows.*pack",
    ),
]


@pytest.mark.parametrize(("make", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
