"""Parquet: what is written comes back, row groups are an implementation detail, and broken files are named."""

import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.data import BatchedDataset, ParquetDataset, TableDataset, write_parquet

ROWS = 100
TABLE = {
    "x": np.arange(ROWS * 3, dtype=np.float32).reshape(ROWS, 3),
    "image": np.arange(ROWS * 4, dtype=np.uint8).reshape(ROWS, 2, 2),
    "label": np.arange(ROWS),
    "flag": np.arange(ROWS) % 3 == 0,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same table as one row group, as many, and as a folder of files with many each."""
    folder = tmp_path_factory.mktemp("tables")
    write_parquet(TABLE, folder / "one.parquet")
    write_parquet(TABLE, folder / "many.parquet", row_group_rows=7)
    (folder / "parts").mkdir()
    for part in range(4):
        rows = slice(part * 25, part * 25 + 25)
        write_parquet({k: v[rows] for k, v in TABLE.items()}, folder / "parts" / f"{part}.parquet", row_group_rows=10)
    (folder / "parts" / "notes.txt").write_text("not a table")
    return {"one": folder / "one.parquet", "many": folder / "many.parquet", "folder": folder / "parts"}


def assert_same(batch: dict[str, Any], expected: dict[str, Any]) -> None:
    assert list(batch) == list(expected)
    for name, column in expected.items():
        assert batch[name].dtype == column.dtype
        assert np.array_equal(batch[name], column)


@pytest.mark.parametrize("layout", ["one", "many", "folder"])
@pytest.mark.parametrize("cache_bytes", [0, 500, 1 << 28])
def test_what_is_written_comes_back(files: dict[str, Path], layout: str, cache_bytes: int) -> None:
    data = ParquetDataset(files[layout], cache_bytes=cache_bytes)
    assert isinstance(data, BatchedDataset)
    assert len(data) == ROWS
    assert data.column_names == tuple(TABLE)
    assert_same(data.gather(np.arange(ROWS)), TABLE)
    assert_same(data.gather(np.array([], np.int64)), {name: column[:0] for name, column in TABLE.items()})
    for row in (0, 1, 57, -1, -ROWS):
        record = data[row]
        assert all(np.array_equal(record[name], TABLE[name][row]) for name in TABLE)
    table = data.load()
    assert_same({name: table.column(name) for name in table.column_names}, TABLE)


@settings(max_examples=40)
@given(indices=st.lists(st.integers(0, ROWS - 1), max_size=60))
@pytest.mark.parametrize("layout", ["one", "many", "folder"])
def test_any_rows_in_any_order(files: dict[str, Path], layout: str, indices: list[int]) -> None:
    positions = np.array(indices, np.int64)
    batch = ParquetDataset(files[layout], cache_bytes=2000).gather(positions)
    assert_same(batch, {name: column[positions] for name, column in TABLE.items()})
    assert all(column.flags.writeable for column in batch.values())


def test_decoded_row_groups_are_kept_up_to_the_bound(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    read_row_group = pq.ParquetFile.read_row_group

    def counted(self: pq.ParquetFile, number: int, **options: Any) -> pa.Table:
        reads.append(number)
        return read_row_group(self, number, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    row_bytes = 3 * 4 + 4 + 8 + 1
    data = ParquetDataset(files["many"], cache_bytes=2 * 7 * row_bytes)
    for row in (0, 6, 7, 0, 14, 0, 7):
        data[row]
    assert reads == [0, 1, 2, 1]  # 14 drops group 1, which was used longest ago


def test_a_list_of_files_keeps_its_order(files: dict[str, Path]) -> None:
    data = ParquetDataset([files["folder"] / "3.parquet", str(files["folder"] / "0.parquet")], columns=["label"])
    assert len(data) == 50
    assert data.gather(np.array([0, 49]))["label"].tolist() == [75, 24]
    assert [os.path.basename(path) for path in data.files] == ["3.parquet", "0.parquet"]


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    write_parquet(pa.table({"a": [1, 2], "name": [{"first": "x"}] * 2, "b": [3.0, None]}), tmp_path / "t.parquet")
    data = ParquetDataset(tmp_path / "t.parquet", columns=["a"])
    assert data.column_names == ("a",)
    assert data[1] == {"a": 2}
    with pytest.raises(TypeError, match="column 'name' has Arrow type struct"):
        ParquetDataset(tmp_path / "t.parquet")


def test_the_source_is_kept_with_the_data(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_parquet({"x": [1]}, path, metadata={"source": "here", "license": "BSD-3"})
    assert ParquetDataset(path).metadata == {"source": "here", "license": "BSD-3"}
    write_parquet(ParquetDataset(path).load(), path, metadata={"license": "MIT"})
    assert ParquetDataset(path).metadata == {"source": "here", "license": "MIT"}
    assert pq.read_schema(path).metadata[b"source"] == b"here"
    table = pa.table({"x": [1]}).replace_schema_metadata({"from": "arrow"})
    write_parquet(table, path)
    assert ParquetDataset(path).load().metadata == {"from": "arrow"}


def test_pandas_bookkeeping_does_not_matter(tmp_path: Path) -> None:
    table = pa.table({"x": [1, 2]}).replace_schema_metadata({"pandas": '{"index_columns": ["x"], "columns": []}'})
    pq.write_table(table, tmp_path / "t.parquet")
    data = ParquetDataset(tmp_path / "t.parquet", columns=["x"])
    assert data.gather(np.array([1]))["x"].tolist() == [2]
    assert data.load().column("x").tolist() == [1, 2]


@pytest.mark.parametrize("statistics", [True, False])
def test_nulls(tmp_path: Path, statistics: bool) -> None:
    path = tmp_path / "t.parquet"
    rows = pa.array([[1, 2], None, [3, None]], pa.list_(pa.int32(), 2))
    pq.write_table(pa.table({"a": [1.0, None, None], "rows": rows}), path, write_statistics=statistics)

    def read(**options: Any) -> Any:
        return ParquetDataset(path, **options).gather(np.arange(3))

    with pytest.raises(ValueError, match=re.escape(f"{path}: column 'a' has 2 nulls")):
        read()
    with pytest.raises(ValueError, match="column 'rows' has"):
        read(fill={"a": 0})
    batch = read(fill={"a": -1.0}, mask=["rows"])
    assert list(batch) == ["a", "rows", "rows_mask"]
    assert batch["a"].tolist() == [1, -1, -1]
    assert batch["rows"].tolist() == [[1, 2], [0, 0], [3, 0]]
    assert batch["rows_mask"].tolist() == [[True, True], [False, False], [True, False]]


@pytest.mark.parametrize("rows_per_group", [1, 10])
def test_an_empty_table(tmp_path: Path, rows_per_group: int) -> None:
    path = tmp_path / "t.parquet"
    write_parquet({name: column[:0] for name, column in TABLE.items()}, path, row_group_rows=rows_per_group)
    data = ParquetDataset(path)
    assert len(data) == 0
    assert data.gather(np.array([], np.int64))["x"].shape == (0, 3)
    assert len(data.load()) == 0
    with pytest.raises(IndexError, match="record 0 is out of range for 0 records"):
        data[0]


def test_a_file_without_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    schema = pa.schema({"a": pa.int64(), "rows": pa.list_(pa.float32(), 2)})
    pq.ParquetWriter(path, schema).close()
    data = ParquetDataset(path, mask=["a"])
    assert {k: v.shape for k, v in data.gather(np.array([], np.int64)).items()} == {
        "a": (0,),
        "rows": (0, 2),
        "a_mask": (0,),
    }


def test_fingerprints_know_content_not_paths(tmp_path: Path) -> None:
    write_parquet(TABLE, tmp_path / "a.parquet")
    write_parquet(TABLE, tmp_path / "b.parquet")
    write_parquet(TABLE | {"label": TABLE["label"] + 1}, tmp_path / "c.parquet")
    write_parquet({name: column[1:] for name, column in TABLE.items()}, tmp_path / "d.parquet")
    a, b, c, d = (ParquetDataset(tmp_path / f"{name}.parquet").fingerprint() for name in "abcd")
    assert a == b
    assert len({a, c, d}) == 3
    assert ParquetDataset(tmp_path / "a.parquet", columns=["x"]).fingerprint() != a


DRIFT: dict[str, tuple[dict[str, Any], str]] = {
    "type": ({"a": np.zeros(2), "b": np.zeros(2)}, r"column 'a' is double in .*1\.parquet and int64 in .*0\.parquet"),
    "shape": ({"a": np.zeros((2, 2), np.int64), "b": np.zeros(2)}, r"column 'a' is fixed_size_list.* in .*1\.parquet"),
    "missing": ({"a": np.zeros(2, np.int64)}, r"1\.parquet has columns \['a'\] where .*0\.parquet has \['a', 'b'\]"),
    "more": ({"a": np.zeros(2, np.int64), "b": np.zeros(2), "c": np.zeros(2)}, r"\['a', 'b', 'c'\]"),
}


@pytest.mark.parametrize("case", DRIFT)
def test_schema_drift_names_both_files(tmp_path: Path, case: str) -> None:
    other, message = DRIFT[case]
    write_parquet({"a": np.zeros(2, np.int64), "b": np.zeros(2)}, tmp_path / "0.parquet")
    write_parquet(other, tmp_path / "1.parquet")
    with pytest.raises(ValueError, match=message):
        ParquetDataset(tmp_path)


def test_drift_in_columns_not_read_does_not_matter(tmp_path: Path) -> None:
    write_parquet({"a": [1, 2], "b": np.zeros(2)}, tmp_path / "0.parquet")
    write_parquet({"c": np.zeros(1), "a": [3]}, tmp_path / "1.parquet")
    assert ParquetDataset(tmp_path, columns=["a"]).load().column("a").tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match=r"1\.parquet has no column 'b'"):
        ParquetDataset(tmp_path, columns=["b"])


@pytest.mark.parametrize("kept", [0, 1, 4, 7, 8, 12, 100, -9, -8, -1])
def test_a_truncated_file_is_named(files: dict[str, Path], tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.parquet"
    path.write_bytes(files["one"].read_bytes()[:kept])
    with pytest.raises(ValueError, match=re.escape(f"{path} is corrupt, truncated or not a parquet file")):
        ParquetDataset(path)


def test_damage_is_found_by_checksums_or_does_no_harm(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "damaged.parquet"
    original = files["one"].read_bytes()
    footer_bytes = int.from_bytes(original[-8:-4], "little") + 8
    refused = 0
    for position in range(4, len(original) - footer_bytes, 7):
        content = bytearray(original)
        content[position] ^= 0xFF
        path.write_bytes(content)
        try:
            batch = ParquetDataset(path).gather(np.arange(ROWS))
        except ValueError as error:
            refused += str(path) in str(error)
        else:  # an unused field of a page header: statistics
            refused += 1
            assert_same(batch, TABLE)
    assert refused == len(range(4, len(original) - footer_bytes, 7))


@pytest.mark.fuzz
def test_mutated_footers_are_read_or_refused_by_name(files: dict[str, Path], tmp_path: Path) -> None:
    """The footer has no checksum of its own: whatever it says, there is no crash and no error of another kind."""
    original = files["many"].read_bytes()
    footer_bytes = int.from_bytes(original[-8:-4], "little") + 8
    rng = random.Random(0)
    errors = []
    for number in range(300):
        content = bytearray(original)
        for _ in range(rng.randint(1, 3)):
            content[-rng.randint(1, footer_bytes)] ^= 1 << rng.randrange(8)
        path = tmp_path / f"{number}.parquet"
        path.write_bytes(content)
        try:
            data = ParquetDataset(path)
            assert len(data.load()) == len(data)
        except (ValueError, TypeError, KeyError) as error:
            errors.append(str(error))
        path.unlink()
    assert [text for text in errors if "ParquetDataset" not in text] == []
    assert len(errors) > 100


def test_a_file_changed_while_in_use_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    shutil.copy(files["one"], path)
    data = ParquetDataset(path)
    write_parquet({name: column[:50] for name, column in TABLE.items()}, path)
    with pytest.raises(ValueError, match="was changed or removed while in use"):
        data[0]
    path.unlink()
    with pytest.raises(ValueError, match="was changed or removed while in use"):
        data.load()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    write_parquet({"x": [1, 2]}, path)
    before = path.read_bytes()

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for broken in ("pyarrow.parquet.write_table", "os.fsync", "os.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(broken, interrupted)
            with pytest.raises(KeyboardInterrupt):
                write_parquet({"x": [3]}, path)
        assert [entry.name for entry in tmp_path.iterdir()] == ["t.parquet"]
        assert path.read_bytes() == before


def write_with(**options: Any) -> Callable[[Path], None]:
    return lambda folder: write_parquet({"x": [1]}, folder / "t.parquet", **options)


BAD_WRITES: list[tuple[str, Callable[[Path], object], type[Exception], str]] = [
    ("folder", lambda f: write_parquet({"x": [1]}, f / "no" / "t.parquet"), FileNotFoundError, "no such folder"),
    ("ragged", lambda f: write_parquet({"x": [1], "y": [1, 2]}, f / "t"), ValueError, "equally long"),
    ("nothing", lambda f: write_parquet({}, f / "t"), ValueError, "no columns"),
    ("not a table", lambda f: write_parquet([1, 2], f / "t"), TypeError, "got list"),  # type: ignore[arg-type]
    (
        "float8",
        lambda f: write_parquet({"x": np.zeros(2, ml_dtypes.float8_e5m2)}, f / "t"),
        TypeError,
        "no type for column 'x' of dtype float8_e5m2",
    ),
    ("complex", lambda f: write_parquet({"x": np.zeros(2, "c8")}, f / "t"), TypeError, "no type for column 'x'"),
    ("empty rows", lambda f: write_parquet({"x": np.zeros((2, 0))}, f / "t"), ValueError, r"rows of shape \(0,\)"),
    ("metadata", write_with(metadata={"year": 1998}), TypeError, "'year': 1998"),
    ("groups", write_with(row_group_rows=0), ValueError, "row_group_rows must be an int >= 1, got 0"),
    ("groups float", write_with(row_group_rows=1.5), TypeError, "row_group_rows"),
    ("codec", write_with(compression="zip"), Exception, "zip"),
]


@pytest.mark.parametrize(("write", "error", "message"), [r[1:] for r in BAD_WRITES], ids=[r[0] for r in BAD_WRITES])
def test_bad_writes(tmp_path: Path, write: Callable[[Path], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_bad_reads(files: dict[str, Path], tmp_path: Path) -> None:
    one = files["one"]
    cases: list[tuple[Callable[[], object], type[Exception], str]] = [
        (lambda: ParquetDataset(tmp_path / "no.parquet"), FileNotFoundError, r"no such file: .*no\.parquet"),
        (lambda: ParquetDataset(tmp_path), FileNotFoundError, r"no \*\.parquet files in folder"),
        (lambda: ParquetDataset([]), ValueError, "list of files is empty"),
        (lambda: ParquetDataset(one, columns=["y"]), KeyError, "unknown column 'y'; known columns are"),
        (lambda: ParquetDataset(one, fill={"y": 0}), KeyError, "fill names unknown column 'y'"),
        (lambda: ParquetDataset(one, cache_bytes=-1), ValueError, "cache_bytes must be an int >= 0"),
        (lambda: ParquetDataset(one).gather(np.array([-1])), IndexError, r"records in \[0, 100\)"),
        (lambda: ParquetDataset(one).gather(np.array([1, 100])), IndexError, r"records in \[0, 100\)"),
        (lambda: ParquetDataset(one).gather(np.array([0.0])), TypeError, "integer array"),
        (lambda: ParquetDataset(one)[ROWS], IndexError, "record 100 is out of range"),
    ]
    for make, error, message in cases:
        with pytest.raises(error, match=message):
            make()


def test_a_table_survives_the_trip(tmp_path: Path) -> None:
    table = TableDataset({"h": np.arange(4, dtype=np.float16), "n": np.arange(4, dtype=np.uint64) << np.uint64(62)})
    write_parquet(table, tmp_path / "t.parquet", compression="none")
    back = ParquetDataset(tmp_path / "t.parquet").load()
    assert back.fingerprint() == table.fingerprint()
