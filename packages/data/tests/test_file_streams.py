"""Files read from the front: every format, shuffles by parts and by groups, states at any row, filters, odd text."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamella.data import ArrowDataset, DataLoader, FileStream, GroupSampler, Ragged, Stream
from lamella.data._blocks import concat_blocks, count_rows
from lamella.data._sources._files import FileTable

ROWS = 60
TABLE = pa.table(
    {
        "n": pa.array(np.arange(ROWS)),
        "x": pa.array(np.arange(ROWS) / 4),
        "text": [f"row {row}" if row % 3 else "" for row in range(ROWS)],
    }
)


def write_csv(path: Path, table: pa.Table) -> None:
    pyarrow.csv.write_csv(table, path)


def write_json(path: Path, table: pa.Table) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))


def write_ipc(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


WRITERS: dict[str, Callable[[Path, pa.Table], None]] = {
    "parquet": lambda path, table: pq.write_table(table, path, row_group_size=7),
    "arrow": write_ipc,
    "csv": write_csv,
    "jsonl": write_json,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table in three files of each format, one folder a format; hive folders in `hive`."""
    base = tmp_path_factory.mktemp("streams")
    for suffix, write in WRITERS.items():
        (base / suffix).mkdir()
        for number in range(3):
            write(base / suffix / f"{number}.{suffix}", TABLE[number * 20 : number * 20 + 20])
            (base / "hive" / suffix / f"part={number}").mkdir(parents=True)
            write(base / "hive" / suffix / f"part={number}" / f"t.{suffix}", TABLE[number * 20 : number * 20 + 20])
    return base


def rows_of(stream: Stream, epoch: int = 0, state: Any = None) -> Any:
    return concat_blocks(list(stream.open(epoch, state)))


def assert_rows(block: dict[str, Any], table: pa.Table) -> None:
    assert list(block) == table.column_names
    assert {name: column.tolist() for name, column in block.items()} == table.to_pydict()


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("block_rows", [3, 1000])
def test_rows_come_in_stored_order(folder: Path, kind: str, block_rows: int) -> None:
    stream = FileStream(folder / kind, block_rows=block_rows)
    assert stream.column_names == ("n", "x", "text")
    blocks = list(stream.open(0))
    assert max(map(count_rows, blocks)) <= block_rows
    assert_rows(concat_blocks(blocks), TABLE)
    assert isinstance(blocks[0]["text"], Ragged)
    blocks[0]["n"][:] = -1  # blocks own their memory
    assert_rows(rows_of(stream), TABLE)
    loaded = stream.load()
    assert loaded.column("x").tolist() == TABLE["x"].to_pylist()


@pytest.mark.parametrize("kind", WRITERS)
def test_columns_filters_and_folders(folder: Path, kind: str) -> None:
    condition = (pc.field("part") >= 1) & (pc.field("text") == "")
    stream = FileStream(folder / "hive" / kind, columns=["x", "part"], filter=condition)
    expected = [row for row in range(20, ROWS) if row % 3 == 0]
    for made in (stream, FileStream(folder / "hive" / kind, columns=["x", "part"]).filter(condition)):
        block = rows_of(made)
        assert block["x"].tolist() == [row / 4 for row in expected]
        assert block["part"].tolist() == [row // 20 for row in expected]
        assert made.fingerprint() == stream.fingerprint()
    python = FileStream(folder / kind).filter(lambda record: record["n"] % 2 == 1)
    assert rows_of(python)["n"].tolist() == list(range(1, ROWS, 2))
    empty = FileStream(folder / kind, filter=pc.field("n") < 0)
    assert list(empty.open(0)) == []
    assert len(empty.load()) == 0


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(
    "options", [{}, {"filter": pc.field("text") != ""}, {"shuffle": True, "seed": 3}, {"read_ahead": 0}]
)
def test_a_state_at_any_block_continues_exactly(folder: Path, kind: str, options: dict[str, Any]) -> None:
    stream = FileStream(folder / kind, block_rows=4, **options)
    for epoch in (0, 2):
        whole = rows_of(stream, epoch)["n"].tolist()
        iterator = stream.open(epoch)
        seen: list[int] = []
        while True:
            state = json.loads(json.dumps(iterator.state()))
            rest = [row for block in stream.open(epoch, state) for row in block["n"].tolist()]
            assert seen + rest == whole
            block = next(iterator, None)
            if block is None:
                break
            seen += block["n"].tolist()
    assert sorted(whole) == sorted(rows_of(FileStream(folder / kind, **(options | {"shuffle": False})))["n"].tolist())


def test_parts_are_shuffled_by_seed_and_epoch(folder: Path) -> None:
    stream = FileStream(folder / "parquet", shuffle=True, seed=1)
    orders = [rows_of(stream, epoch)["n"].tolist() for epoch in range(3)]
    assert stream.varies
    assert len({tuple(order) for order in orders}) == 3
    assert [sorted(order) for order in orders] == [list(range(ROWS))] * 3
    again = FileStream(folder / "parquet", shuffle=True, seed=1)
    assert rows_of(again, 2)["n"].tolist() == orders[2]
    mixed = stream.shuffle(5, window=20)
    assert sorted(rows_of(mixed)["n"].tolist()) == list(range(ROWS))
    assert stream.fingerprint() != FileStream(folder / "parquet", shuffle=True, seed=2).fingerprint()


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 25)), max_size=8))
@pytest.mark.parametrize("make", ["files", "groups", "shuffled"])
def test_skipping_is_reading_without_looking(folder: Path, kind: str, make: str, steps: list[tuple[bool, int]]) -> None:
    stream: Stream
    if make == "files":
        stream = FileStream(folder / kind, block_rows=5)
    else:
        stream = ArrowDataset(folder / kind).stream(shuffle=make == "shuffled", window=3, block_rows=5)
    whole = rows_of(stream, 1)["n"].tolist()
    iterator = stream.open(1)
    position = 0
    for skip, rows in steps:
        if skip:
            passed = iterator.skip(rows)
            assert passed == min(rows, ROWS - position)
            position += passed
        else:
            block = next(iterator, None)
            found = [] if block is None else block["n"].tolist()
            assert found == whole[position : position + len(found)]
            position += len(found)
    rest = [row for block in stream.open(1, iterator.state()) for row in block["n"].tolist()]
    assert rest == whole[position:]
    assert [row for block in iterator for row in block["n"].tolist()] == rest


@pytest.mark.parametrize("window", [1, 3, 100])
def test_a_shuffled_stream_is_the_order_of_the_sampler(folder: Path, window: int) -> None:
    data = ArrowDataset(folder / "parquet", columns=["n"])
    stream = data.stream(shuffle=True, seed=7, window=window, block_rows=6)
    sampler = GroupSampler(data, seed=7, window=window)
    shuffled = data.shuffle(7, window=window)
    for epoch in range(3):
        order = sampler.indices(epoch, 0, ROWS)
        assert sorted(order.tolist()) == list(range(ROWS))
        assert rows_of(stream, epoch)["n"].tolist() == order.tolist()
        assert shuffled.read(np.arange(ROWS), epoch)["n"].tolist() == order.tolist()
        assert shuffled.read(np.array([5, 2, 2]), epoch)["n"].tolist() == order[[5, 2, 2]].tolist()
    assert data.stream(shuffle=True, seed=7, window=window).fingerprint() == stream.fingerprint()
    assert stream.fingerprint() != data.stream().fingerprint()


def test_a_shuffled_pass_decodes_each_group_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[int, ...]] = []
    decode = FileTable.read
    monkeypatch.setattr(
        FileTable, "read", lambda self, file, groups: read.append((file, *groups)) or decode(self, file, groups)
    )
    for epoch in range(2):
        data = ArrowDataset(folder / "parquet", columns=["n"], cache_bytes=2 * 4 * 7 * 8)
        loader = DataLoader(data, 4, sampler=GroupSampler(data, seed=1, window=4))
        loader.set_epoch(epoch)
        batches = [batch["n"].numpy() for batch in loader]
        assert sorted(np.concatenate(batches).tolist()) == list(range(ROWS))
        assert len(read) == len(set(read)) == 9
        read.clear()
        rows_of(data.stream(shuffle=True, window=4), epoch)
        assert len(read) == len(set(read)) == 9
        read.clear()


def test_blocks_of_streams_are_not_copied(folder: Path) -> None:
    """A parquet group's columns are what the decoder wrote, and they may be written to."""
    stream = ArrowDataset(folder / "parquet", columns=["n"]).stream(block_rows=3)
    first, second, *_ = (block["n"] for block in stream.open(0))
    assert first.flags.writeable
    assert second.ctypes.data == first.ctypes.data + first.nbytes


def test_conditions_given_to_a_dataset_reach_its_files(folder: Path) -> None:
    data = ArrowDataset(folder / "parquet", columns=["n"])
    kept = data.filter(pc.field("x") < 3).filter(pc.field("text") != "")
    assert isinstance(kept, ArrowDataset)
    assert kept.read(np.arange(len(kept)), 0)["n"].tolist() == [1, 2, 4, 5, 7, 8, 10, 11]
    assert len(data) == ROWS
    python = data.filter(lambda record: record["n"] < 4)
    assert len(python) == 4


def test_text_files_with_options(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("1\tx\n2\ty\n")
    dialect = pads.CsvFileFormat(
        parse_options=pa.csv.ParseOptions(delimiter="\t"), read_options=pa.csv.ReadOptions(column_names=["a", "b"])
    )
    assert rows_of(FileStream(tmp_path / "t.tsv", format=dialect))["b"].tolist() == ["x", "y"]
    with pa.output_stream(str(tmp_path / "t.csv.gz"), compression="gzip") as sink:
        sink.write(b"a\n1\n2\n")
    assert rows_of(FileStream(tmp_path))["a"].tolist() == [1, 2]
    typed = FileStream(tmp_path, schema=pa.schema({"a": pa.float32()}))
    assert rows_of(typed)["a"].dtype == np.float32
    (tmp_path / "l.jsonl").write_text('{"a": 1, "l": [1, 2]}\n{"a": 2, "l": []}\n')
    assert rows_of(FileStream(tmp_path / "l.jsonl"))["l"].tolist() == [[1, 2], []]


def test_nulls_in_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n,3\n")
    with pytest.raises(ValueError, match=r"t\.csv: column 'a' has 1 null"):
        rows_of(FileStream(tmp_path / "t.csv"))
    assert rows_of(FileStream(tmp_path / "t.csv", mask=["a"]))["a_mask"].tolist() == [True, False]
    assert FileStream(tmp_path / "t.csv", fill={"a": -1}).load().column("a").tolist() == [1, -1]


def test_an_object_store(folder: Path) -> None:
    mock = pafs._MockFileSystem()
    mock.create_dir("bucket")
    pafs.copy_files(f"{folder}/csv", "bucket", source_filesystem=pafs.LocalFileSystem(), destination_filesystem=mock)
    assert_rows(rows_of(FileStream("bucket", filesystem=mock)), TABLE)


def test_a_loader_reads_streams(folder: Path) -> None:
    for stream in (FileStream(folder / "csv", columns=["n"]), ArrowDataset(folder / "parquet", columns=["n"]).stream()):
        seen = [batch["n"].numpy() for batch in DataLoader(stream, 8)]
        assert np.concatenate(seen).tolist() == list(range(ROWS))


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    for kind in ("parquet", "arrow", "csv"):
        path = tmp_path / f"t.{kind}"
        WRITERS[kind](path, TABLE)
        stream = FileStream(path, block_rows=8)
        iterator = stream.open(0)
        next(iterator)
        state, fingerprint = iterator.state(), stream.fingerprint()
        path.unlink()  # the thread that reads ahead keeps its map of the old one
        WRITERS[kind](path, TABLE[:4])
        assert FileStream(path).fingerprint() != fingerprint
        with pytest.raises(ValueError, match=r"part|changed|rows"):
            list(FileStream(path).open(0, state | {"rows": 8}))
    moved = tmp_path / "moved.csv"
    write_csv(moved, TABLE)
    first = FileStream(moved).fingerprint()
    assert FileStream(moved.rename(tmp_path / "again.csv")).fingerprint() == first


BAD: list[tuple[str, Callable[[Path], object], type[Exception], str]] = [
    ("format", lambda f: FileStream(f, format="xml"), ValueError, "format must be one of"),
    ("orc", lambda f: FileStream(f, format=pads.OrcFileFormat()), ValueError, "format must be one of"),
    ("no file", lambda f: FileStream(f / "no.csv"), FileNotFoundError, "no such file"),
    ("shuffle", lambda f: FileStream(f / "t.csv", shuffle=1), TypeError, "shuffle must be True or False, got 1"),
    ("block", lambda f: FileStream(f / "t.csv", block_rows=0), ValueError, "block_rows must be an int >= 1"),
    ("ahead", lambda f: FileStream(f / "t.csv", read_ahead=-1), ValueError, "read_ahead must be an int >= 0"),
    ("filter", lambda f: FileStream(f / "t.csv", filter=pc.field("z") > 0), ValueError, "does not fit the columns"),
    ("columns", lambda f: FileStream(f / "t.csv", columns=["z"]), KeyError, "unknown column 'z'"),
    ("cast", lambda f: FileStream(f / "t.csv", cast=True), ValueError, "cast is about parquet and Arrow IPC files"),
    (
        "dictionary",
        lambda f: FileStream(f / "t.csv", schema=pa.schema({"a": pa.dictionary(pa.int8(), pa.string())})),
        TypeError,
        "column 'a' is a dictionary in schema=",
    ),
    ("drift", lambda f: rows_of(FileStream([f / "t.csv", f / "u.csv"])), ValueError, r"u\.csv has no column 'a'"),
    (
        "value",
        lambda f: rows_of(FileStream([f / "t.csv", f / "v.csv"])),
        ValueError,
        r"v\.csv cannot be read as csv .*'x'",
    ),
    ("json", lambda f: FileStream(f / "bad.jsonl"), ValueError, r"bad\.jsonl cannot be read as json"),
    ("empty csv", lambda f: FileStream(f / "empty.csv"), ValueError, r"empty\.csv cannot be read as csv"),
    ("state", lambda f: FileStream(f / "t.csv").open(0, {"position": 1}), ValueError, "expected a state with"),
    ("part", lambda f: FileStream(f / "t.csv").open(0, {"part": 5, "rows": 0}), ValueError, "part must be an int in"),
    ("rows", lambda f: list(FileStream(f / "t.csv").open(0, {"part": 0, "rows": 9})), ValueError, "part 0 has 2 rows"),
    ("positions", lambda f: GroupSampler([1, 2]), TypeError, "list is not read in groups of rows"),
]


@pytest.mark.parametrize(("make", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(tmp_path: Path, make: Callable[[Path], object], error: type[Exception], message: str) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    (tmp_path / "u.csv").write_text("b\n1\n")
    (tmp_path / "v.csv").write_text("a\nx\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "bad.jsonl").write_text("{\n")
    with pytest.raises(error, match=message):
        make(tmp_path)


def test_errors_of_an_epoch_name_the_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n" + "1\n" * 5 + "x\n")
    stream = FileStream(tmp_path / "t.csv", schema=pa.schema({"a": pa.int64()}))
    with pytest.raises(ValueError, match=re.escape("Row #7")):
        rows_of(stream)
