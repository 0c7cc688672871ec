"""Arrow files as one table: formats, ways to name them, partitions, filters, casts, threads and processes."""

import pickle
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.dataset as pads
import pyarrow.feather as feather
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from lamella.data import ArrowDataset, DataLoader, FileStream, ParquetDataset, Ragged, TableDataset
from lamella.data._sources._places import _resolve

ROWS = 100
TABLE = pa.table(
    {
        "n": pa.array(np.arange(ROWS)),
        "x": pa.array(np.arange(ROWS) / 4, pa.float32()),
        "text": [f"row {row}" if row % 3 else "" for row in range(ROWS)],
        "color": pa.array([("red", "green", "blue")[row // 40] for row in range(ROWS)]).dictionary_encode(),
        "pair": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(2 * ROWS, dtype=np.int16)), 2),
    }
)


def write_parquet(path: Path, table: pa.Table = TABLE) -> None:
    pq.write_table(table, path, row_group_size=7)


def write_ipc(path: Path, table: pa.Table = TABLE, compression: str | None = None) -> None:
    with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=7)


def write_stream(path: Path, table: pa.Table = TABLE) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "parquet": ("t.parquet", write_parquet),
    "ipc": ("t.arrow", write_ipc),
    "ipc stream": ("t.arrow", write_stream),
    "ipc compressed": ("t.feather", lambda path: write_ipc(path, compression="zstd")),
    "feather": ("t.feather", lambda path: feather.write_feather(TABLE, path, chunksize=7)),
}


def assert_rows(batch: dict[str, Any], table: pa.Table, categories: dict[str, list[Any]]) -> None:
    assert list(batch) == table.column_names
    for name in table.column_names:
        found = batch[name].tolist()
        values = [categories[name][code] for code in found] if name in categories else found
        assert values == table[name].to_pylist()


@pytest.mark.parametrize("case", WRITERS)
@pytest.mark.parametrize("cache_bytes", [0, 1 << 28])
def test_what_is_in_the_file_is_read(tmp_path: Path, case: str, cache_bytes: int) -> None:
    name, write = WRITERS[case]
    write(tmp_path / name)
    data = ArrowDataset(tmp_path / name, cache_bytes=cache_bytes)
    assert len(data) == ROWS
    assert data.categories == {"color": ["red", "green", "blue"]}
    assert_rows(data.gather(np.arange(ROWS)), TABLE, data.categories)
    chosen = np.random.default_rng(0).integers(0, ROWS, 50)
    assert_rows(data.gather(chosen), TABLE.take(chosen), data.categories)
    assert_rows(data.gather(chosen[:0]), TABLE[:0], data.categories)
    assert data[9]["text"] == ""
    assert data[-1]["pair"].tolist() == [198, 199]
    loaded = data.load()
    assert_rows({name: loaded.column(name) for name in loaded.column_names}, TABLE, loaded.categories)
    assert data.fingerprint() == ArrowDataset(str(tmp_path / name)).fingerprint()


@pytest.mark.parametrize("case", ["ipc", "ipc stream"])
def test_uncompressed_batches_are_views_of_the_file(tmp_path: Path, case: str) -> None:
    path = tmp_path / "t.arrow"
    rows = np.arange(100_000)
    table = pa.table({"n": rows, "pair": pa.FixedSizeListArray.from_arrays(pa.array(np.repeat(rows, 2)), 2)})
    create = pa.ipc.new_file if case == "ipc" else pa.ipc.new_stream
    with pa.OSFile(str(path), "wb") as sink, create(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=10_000)
    before = pa.total_allocated_bytes()
    data = ArrowDataset(path, cache_bytes=0)
    assert data.gather(rows[::100])["n"].tolist() == rows[::100].tolist()
    assert pa.total_allocated_bytes() - before < table.nbytes / 100
    assert not data._cache.get(0, False)["n"].flags.writeable


def in_memory(files: dict[str, pa.Table]) -> pafs.FileSystem:
    """Files in Arrow's own pretend filesystem."""
    mock = pafs._MockFileSystem()
    for path, table in files.items():
        mock.create_dir(path.rpartition("/")[0])
        with mock.open_output_stream(path) as sink:
            pq.write_table(table, sink, row_group_size=7)
    return mock


def test_an_object_store() -> None:
    store = in_memory({"bucket/a/1.parquet": TABLE[:30], "bucket/a/0.parquet": TABLE[30:], "bucket/b.parquet": TABLE})
    data = ArrowDataset("bucket/a", filesystem=store)
    assert data.files == ("bucket/a/0.parquet", "bucket/a/1.parquet")
    assert data.gather(np.array([0, 70, 99]))["n"].tolist() == [30, 0, 29]
    assert len(ArrowDataset(["bucket/b.parquet", "bucket/a/*.parquet"], filesystem=store)) == 2 * ROWS
    assert len(ArrowDataset("a", filesystem=pafs.SubTreeFileSystem("bucket", store))) == ROWS
    with pytest.raises(FileNotFoundError, match="no such file: bucket/c"):
        ArrowDataset("bucket/c", filesystem=store)
    with store.open_output_stream("bucket/a/0.parquet") as sink:
        sink.write(b"another")
    with pytest.raises(ValueError, match=r"mock:bucket/a/0\.parquet"):
        data[20]


class Mortal(LocalFileSystem):  # type: ignore[misc]  # fsspec publishes no types
    """A store far away that can die."""

    cachable = False
    dead = False

    def info(self, path: str, **options: Any) -> Any:
        if self.dead:
            raise ConnectionError("nobody answers")
        return super().info(path, **options)

    def _open(self, path: str, *args: Any, **options: Any) -> Any:
        if self.dead:
            raise ConnectionError("nobody answers")
        return super()._open(path, *args, **options)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_store_that_dies_is_no_damaged_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    if suffix == "csv":
        csv.write_csv(TABLE.select(["n"]), path)
    else:
        write_parquet(path, TABLE)
    store = Mortal()
    kind = FileStream if suffix == "csv" else ArrowDataset
    data = kind(str(path), columns=["n"], filesystem=store)
    assert len(data.load()) == ROWS
    store.dead = True
    with pytest.raises(OSError, match=rf"t\.{suffix} cannot be read from its store: .*nobody answers"):
        data.load()
    if isinstance(data, ArrowDataset):  # no record is to blame: asking for each would take as long as all of them
        with pytest.raises(OSError, match="nobody answers"):
            next(iter(DataLoader(data, 50, on_error="skip")))
    with pytest.raises(OSError, match=rf"cannot look for {re.escape(str(path))} \(py::fsspec.*nobody answers"):
        kind(str(path), filesystem=store)


def test_credentials_in_an_address_are_not_shown() -> None:
    with pytest.raises(ValueError, match=r"cannot open the filesystem of 's3://\*\*\*@bucket/a\?typo=1'") as raised:
        ArrowDataset("s3://key:sec/ret@bucket/a?typo=1")
    assert "sec" not in f"{raised.value} {raised.value.__cause__}"


def test_ways_to_name_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "a/0.parquet",
        "a/1.parquet",
        "b/2.parquet",
        "b/deep/3.parquet",
        "_tmp/4.parquet",
        "a/.5.parquet",
        "[6].parquet",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_parquet(tmp_path / name, TABLE[int(re.sub(r"\D", "", name)) :][:1])
    (tmp_path / "a" / "notes.txt").write_text("not a table")
    local = pafs.LocalFileSystem()
    monkeypatch.chdir(tmp_path)
    cases: list[tuple[Any, list[int]]] = [
        (ArrowDataset(tmp_path), [6, 0, 1, 2, 3]),
        (ArrowDataset("."), [6, 0, 1, 2, 3]),
        (ArrowDataset("a"), [0, 1]),
        (ArrowDataset("*/*.parquet"), [0, 1, 2]),
        (ArrowDataset("b/**/*.parquet"), [2, 3]),
        (ArrowDataset("b/**"), [2, 3]),
        (ArrowDataset("?/[!2]*.parquet"), [0, 1]),
        (ArrowDataset("a/[0-1].parquet"), [0, 1]),
        (ArrowDataset("[6].parquet"), [6]),
        (ArrowDataset(["b/2.parquet", tmp_path / "a"]), [2, 0, 1]),
        (ArrowDataset(f"file://{tmp_path}/b"), [2, 3]),
        (ArrowDataset(f"file://{tmp_path}/*/*.parquet"), [0, 1, 2]),
        (ArrowDataset("b", filesystem=local), [2, 3]),
        (ArrowDataset("b", filesystem=pafs.SubTreeFileSystem(str(tmp_path), local)), [2, 3]),
        (ArrowDataset(b"a".decode(), format="parquet"), [0, 1]),
    ]
    for data, expected in cases:
        assert data.gather(np.arange(len(data)))["n"].tolist() == expected, data.files


def test_any_name_with_a_format(tmp_path: Path) -> None:
    write_parquet(tmp_path / "table.bin")
    assert len(ArrowDataset(tmp_path / "table.bin", format="parquet")) == ROWS
    write_ipc(tmp_path / "t.feather")
    for name in ("feather", "arrow", "ipc"):
        assert len(ArrowDataset(tmp_path, format=name)) == ROWS


@pytest.fixture
def hive(tmp_path: Path) -> Path:
    """Rows 0-24 in 2023/a, 25-49 in 2023/b b, 50-74 in 2024 without a kind, 75-99 in 2024/b b."""
    folders = [
        "year=2023/kind=a",
        "year=2023/kind=b%20b",
        "year=2024/kind=__HIVE_DEFAULT_PARTITION__",
        "year=2024/kind=b%20b",
    ]
    for number, folder in enumerate(folders):
        (tmp_path / folder).mkdir(parents=True)
        write_parquet(tmp_path / folder / "part.parquet", TABLE[25 * number : 25 * number + 25])
    return tmp_path


def test_folder_names_are_columns(hive: Path) -> None:
    data = ArrowDataset(hive, columns=["kind", "n", "year"], fill={"kind": -1})
    assert data.categories == {"kind": ["a", "b b"]}
    batch = data.gather(np.array([0, 25, 50, 75]))
    assert {name: column.tolist() for name, column in batch.items()} == {
        "kind": [0, 1, -1, 1],
        "n": [0, 25, 50, 75],
        "year": [2023, 2023, 2024, 2024],
    }
    assert batch["year"].dtype == np.int32
    assert ArrowDataset(hive, columns=["year"]).gather(np.array([99]))["year"].tolist() == [2024]
    assert "year" not in ArrowDataset(hive, partitioning=None).column_names
    assert ArrowDataset(hive, columns=["n", "year"]).load().column("year").sum() == 2023 * 50 + 2024 * 50
    scheme = pads.partitioning(pa.schema({"year": pa.int64(), "kind": pa.string()}), flavor="hive")
    typed = ArrowDataset(hive, columns=["year", "kind"], partitioning=scheme, mask=["kind"])
    assert typed.gather(np.array([60]))["year"].dtype == np.int64
    assert not typed.gather(np.array([60]))["kind_mask"].any()
    with pytest.raises(ValueError, match="column 'kind' has 7 nulls"):
        ArrowDataset(hive)[50]


def test_a_partition_that_is_a_column_too(tmp_path: Path) -> None:
    (tmp_path / "n=3").mkdir()
    write_parquet(tmp_path / "n=3" / "t.parquet")
    with pytest.raises(ValueError, match="'n' is a column of .* and of its folder's name; pass partitioning=None"):
        ArrowDataset(tmp_path)
    assert ArrowDataset(tmp_path, partitioning=None)[5]["n"] == 5


FILTERS: dict[str, Any] = {
    "range": (pc.field("n") >= 13) & (pc.field("n") < 30),
    "none": pc.field("n") < 0,
    "all": pc.field("n") >= 0,
    "scattered": pc.field("text") == "",
    "category": pc.field("color") == "green",
    "categories": pc.field("color").isin(["green", "blue"]),
    "arithmetic": pc.field("x") * 4 == pc.field("n").cast("float32"),
    "nothing named": pc.scalar(True),
}


@pytest.mark.parametrize("case", FILTERS)
@pytest.mark.parametrize("written", ["parquet", "ipc", "ipc compressed"])
def test_filters(tmp_path: Path, case: str, written: str) -> None:
    name, write = WRITERS[written]
    write(tmp_path / name)
    plain = TABLE.set_column(3, "color", TABLE["color"].cast(pa.string()))
    expected = pads.dataset(plain).to_table(filter=FILTERS[case])
    data = ArrowDataset(tmp_path / name, filter=FILTERS[case], columns=["x", "text"])
    assert len(data) == len(expected)
    assert_rows(data.gather(np.arange(len(data))), expected.select(["x", "text"]), {})
    assert data.load().column("x").tolist() == expected["x"].to_pylist()
    assert str(FILTERS[case]) in data.fingerprint()


def test_filters_prune_by_statistics_and_folders(hive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[list[int], list[str]]] = []
    whole = pq.ParquetFile.read_row_groups
    one = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_groups",
        lambda self, g, **o: read.append((list(g), o["columns"])) or whole(self, g, **o),
    )
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_group", lambda self, g, **o: read.append(([g], o["columns"])) or one(self, g, **o)
    )
    wanted = (pc.field("year") == 2023) & (pc.field("n") >= 40)
    data = ArrowDataset(hive, filter=wanted, columns=["x"])
    assert read == [([2, 3], ["n"])]  # of file 2023/b: rows 39-45 and 46-49
    assert len(data) == 10
    assert data.gather(np.arange(10))["x"].tolist() == [row / 4 for row in range(40, 50)]
    assert [columns for _, columns in read[1:]] == [["x"], ["x"]]


def test_conditions_that_are_null_keep_nothing(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", pa.table({"a": [1, None, 3]}))
    assert ArrowDataset(tmp_path, filter=pc.field("a") > 0).load().column("a").tolist() == [1, 3]
    assert ArrowDataset(tmp_path, filter=pc.field("a").is_valid())[1]["a"] == 3


def test_files_cast_to_one_schema(tmp_path: Path) -> None:
    write_parquet(tmp_path / "0.parquet", pa.table({"a": pa.array([1, 2], pa.int64())}))
    write_parquet(tmp_path / "1.parquet", pa.table({"a": pa.array([3], pa.int8())}))
    write_parquet(tmp_path / "2.parquet", pa.table({"a": pa.array([4.0], pa.float64())}))
    with pytest.raises(ValueError, match=r"column 'a' is int8 in .*1\.parquet and int64 in .*0\.parquet; cast=True"):
        ArrowDataset(tmp_path)
    data = ArrowDataset(tmp_path, cast=True)
    assert data.gather(np.arange(4))["a"].tolist() == [1, 2, 3, 4]
    narrow = ArrowDataset(tmp_path, cast=True, schema=pa.schema({"a": pa.float32()}))
    assert narrow.gather(np.arange(4))["a"].dtype == np.float32
    assert narrow.schema == pa.schema({"a": pa.float32()})
    write_parquet(tmp_path / "3.parquet", pa.table({"a": [0.5]}))
    changed = ArrowDataset(tmp_path, cast=True)
    with pytest.raises(ValueError, match=r"column 'a' of .*3\.parquet is double and cannot be cast to int64 without"):
        changed[4]
    with pytest.raises(ValueError, match=r"column 'a' is int64 in .*0\.parquet and float in schema="):
        ArrowDataset(tmp_path / "0.parquet", schema=pa.schema({"a": pa.float32()}))


def test_dictionaries_that_differ_between_groups_have_common_codes(tmp_path: Path) -> None:
    for number, values in enumerate((["b", "a"], ["c", "b"], ["a", None])):
        write_ipc(tmp_path / f"{number}.arrow", pa.table({"c": pa.array(values).dictionary_encode()}))
    data = ArrowDataset(tmp_path, fill={"c": -1})
    assert data.gather(np.arange(6))["c"].tolist() == [0, 1, 2, 0, 1, -1]
    assert data.categories == {"c": ["b", "a", "c"]}
    assert data.load().column("c").tolist() == [0, 1, 2, 0, 1, -1]
    assert ArrowDataset(tmp_path, fill={"c": -1}, filter=pc.field("c") == "c").gather(np.array([0]))["c"].tolist() == [
        2
    ]


def test_a_copy_in_another_process_reads_the_same(tmp_path: Path) -> None:
    for case in ("parquet", "ipc", "ipc stream"):
        name, write = WRITERS[case]
        write(tmp_path / name)
        data = ArrowDataset(tmp_path / name, filter=pc.field("n") > 10)
        data[0]
        copy = pickle.loads(pickle.dumps(data))
        assert copy.fingerprint() == data.fingerprint()
        assert copy[5]["text"] == data[5]["text"]


def test_threads_decode_each_group_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(tmp_path / "t.parquet")
    read: list[int] = []
    one = pq.ParquetFile.read_row_group
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda self, g, **o: read.append(g) or one(self, g, **o))
    data = ArrowDataset(tmp_path / "t.parquet")
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda start: data.gather(np.arange(start, ROWS, 9)), range(9)))
    for start, batch in enumerate(batches):
        assert batch["n"].tolist() == list(range(start, ROWS, 9))
    groups = sorted(group for group in read if read.count(group))
    assert groups.count(0) <= 2  # the dictionary's values are found by a read of all groups at once
    assert sorted(set(read)) == list(range(15))
    assert len(read) <= 16


def test_reading_in_order_decodes_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(tmp_path / "t.parquet")
    read: list[int] = []
    one = pq.ParquetFile.read_row_group
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda self, g, **o: read.append(g) or one(self, g, **o))
    data = ArrowDataset(tmp_path / "t.parquet", columns=["n"])
    for row in range(0, 21, 7):
        data[row]
    data._cache.get(3, False)  # waits for the one read ahead
    assert sorted(read) == [0, 1, 2, 3]
    found = [data[row]["n"] for row in range(ROWS)]
    assert found == list(range(ROWS))
    assert sorted(read) == list(range(15))


def test_a_loader_reads_files(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet")
    data = ArrowDataset(tmp_path / "t.parquet", columns=["n", "pair", "text"])
    seen = [batch["n"].numpy() for batch in DataLoader(data, 16, shuffle=True, seed=3)]
    assert sorted(np.concatenate(seen).tolist()) == list(range(ROWS))
    table = TableDataset(TABLE.select(["n"]))
    for ours, theirs in zip(seen, DataLoader(table, 16, shuffle=True, seed=3), strict=True):
        assert ours.tolist() == theirs["n"].tolist()


def test_empty_groups_and_files_hold_no_rows(tmp_path: Path) -> None:
    with pq.ParquetWriter(tmp_path / "0.parquet", TABLE.schema) as writer:
        for part in (TABLE[:0], TABLE[:3], TABLE[:0], TABLE[3:5]):
            writer.write_table(part)
    pq.ParquetWriter(tmp_path / "1.parquet", TABLE.schema).close()
    write_parquet(tmp_path / "2.parquet", TABLE[5:6])
    data = ArrowDataset(tmp_path)
    assert data.gather(np.arange(6))["n"].tolist() == [0, 1, 2, 3, 4, 5]
    assert data.load().column("n").tolist() == [0, 1, 2, 3, 4, 5]
    empty = ArrowDataset(tmp_path, filter=pc.field("n") < 0)
    assert len(empty) == 0
    batch = empty.gather(np.array([], np.int64))
    assert batch["pair"].shape == (0, 2)
    assert isinstance(batch["text"], Ragged)


BAD: list[tuple[str, Callable[[Path], object], type[Exception], str]] = [
    ("no file", lambda f: ArrowDataset(f / "no.parquet"), FileNotFoundError, r"no such file: .*no\.parquet"),
    ("no match", lambda f: ArrowDataset(f / "x*.parquet"), FileNotFoundError, r"no file matches .*x\*\.parquet"),
    ("no folder", lambda f: ArrowDataset(f / "no" / "*.parquet"), FileNotFoundError, "no file matches"),
    (
        "empty folder",
        lambda f: ArrowDataset(f / "empty"),
        FileNotFoundError,
        r"no \*\.parquet or \*\.arrow or .* in folder",
    ),
    ("empty list", lambda f: ArrowDataset([]), ValueError, "the list of files is empty"),
    ("a table", lambda f: ArrowDataset(3), TypeError, "expected a path, a URI or a list of them, got int"),
    ("a list of numbers", lambda f: ArrowDataset([3]), TypeError, "a list of files must hold paths, got 3"),
    ("format", lambda f: ArrowDataset(f, format="xml"), ValueError, "format must be one of .* got 'xml'"),
    (
        "suffix",
        lambda f: ArrowDataset(f / "t.bin"),
        ValueError,
        r"t\.bin ends in none of \.parquet, .*format='parquet'",
    ),
    (
        "two formats",
        lambda f: ArrowDataset([f / "t.parquet", f / "t.arrow"]),
        ValueError,
        "several formats, ipc and parquet",
    ),
    (
        "csv",
        lambda f: ArrowDataset(f / "t.csv"),
        ValueError,
        r"rows of csv files have no positions; read them as a stream",
    ),
    ("filesystem", lambda f: ArrowDataset(f, filesystem="s3"), TypeError, "filesystem must be a pyarrow.fs"),
    ("scheme", lambda f: ArrowDataset("ftp://host/t.parquet"), Exception, "cannot open the filesystem of 'ftp://host"),
    (
        "partitioning",
        lambda f: ArrowDataset(f, partitioning="directory", format="parquet"),
        TypeError,
        "partitioning must be 'hive', None",
    ),
    (
        "filter text",
        lambda f: ArrowDataset(f / "t.parquet", filter="a > 0"),
        TypeError,
        "filter must be a pyarrow.compute.Expression",
    ),
    (
        "filter name",
        lambda f: ArrowDataset(f / "t.parquet", filter=pc.field("z") > 0),
        ValueError,
        "does not fit the columns",
    ),
    (
        "filter type",
        lambda f: ArrowDataset(f / "t.parquet", filter=pc.field("n") + 1),
        ValueError,
        "gives int64, expected booleans",
    ),
    ("columns", lambda f: ArrowDataset(f / "t.parquet", columns=["z"]), KeyError, "unknown column 'z'"),
    ("twice", lambda f: ArrowDataset(f / "twice.arrow"), ValueError, "more than one column called 'a'"),
    (
        "damaged",
        lambda f: ArrowDataset(f / "bad.parquet"),
        ValueError,
        r"bad\.parquet is corrupt, truncated or not a parquet file",
    ),
    (
        "damaged ipc",
        lambda f: ArrowDataset(f / "bad.arrow"),
        ValueError,
        r"bad\.arrow is corrupt, truncated or not an Arrow IPC",
    ),
    (
        "parquet only",
        lambda f: ParquetDataset(f / "t.arrow"),
        ValueError,
        r"t\.arrow is corrupt, truncated or not a parquet file",
    ),
]


@pytest.mark.parametrize(("make", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(tmp_path: Path, make: Callable[[Path], object], error: type[Exception], message: str) -> None:
    write_parquet(tmp_path / "t.parquet")
    write_ipc(tmp_path / "t.arrow")
    write_ipc(tmp_path / "twice.arrow", pa.table([[1], [2]], names=["a", "a"]))
    (tmp_path / "empty").mkdir()
    for name in ("t.bin", "t.csv", "bad.parquet", "bad.arrow"):
        (tmp_path / name).write_bytes(b"no table at all")
    with pytest.raises(error, match=message):
        make(tmp_path)


def test_pyarrow_datasets(tmp_path: Path) -> None:
    scheme = pads.partitioning(pa.schema({"k": pa.string()}), flavor="hive")
    table = pa.table({"n": np.arange(40), "k": ["a"] * 20 + ["b"] * 20})
    pads.write_dataset(table, tmp_path / "p", format="parquet", partitioning=scheme)
    theirs = pads.dataset(tmp_path / "p", partitioning="hive")
    data = ArrowDataset(theirs, filter=pc.field("n") > 15)
    assert data.categories == {"k": ["a", "b"]}
    assert data.load().column("n").tolist() == list(range(16, 40))
    assert data.load().column("k").tolist() == [0] * 4 + [1] * 20
    assert len(ArrowDataset(pads.dataset([theirs, theirs]))) == 80
    pads.write_dataset(table, tmp_path / "c", format="csv", partitioning=["k"])
    stream = FileStream(pads.dataset(tmp_path / "c", format="csv", partitioning=["k"]), filter=pc.field("k") == "b")
    assert stream.load().column("n").tolist() == list(range(20, 40))
    assert stream.categories == {"k": ["a", "b"]}
    pq.write_table(table, tmp_path / "g.parquet", row_group_size=10)
    fragment = next(pads.dataset(tmp_path / "g.parquet").get_fragments())
    some = pads.FileSystemDataset(
        [fragment.subset(row_group_ids=[1])], table.schema, fragment.format, fragment.filesystem
    )
    bad: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        (theirs.filter(pc.field("n") > 3), {}, ValueError, "the dataset is filtered; pass the condition here"),
        (pads.dataset(table), {}, TypeError, "a table in memory goes into TableDataset"),
        (some, {}, ValueError, "only some row groups of"),
        (theirs, {"format": "parquet"}, ValueError, "format belongs to the files of a path"),
        (
            pads.FileSystemDataset([], table.schema, fragment.format, fragment.filesystem),
            {},
            ValueError,
            "has no files",
        ),
    ]
    for source, options, error, message in bad:
        with pytest.raises(error, match=message):
            ArrowDataset(source, **options)


ADDRESSES = {
    "s3://bucket/a/0.parquet?region=eu-west-1": ("s3", "bucket/a/0.parquet"),
    "s3://bucket/a/*.parquet?region=eu-west-1": ("s3", "bucket/a/*.parquet"),
    "s3://bucket/year=*/[ab].parquet?region=eu-west-1": ("s3", "bucket/year=*/[ab].parquet"),
    "gs://anonymous@bucket/a/**/*.parquet": ("gcs", "bucket/a/**/*.parquet"),
    "file:///data/*.parquet": ("local", "/data/*.parquet"),
    "/data/file.parquet": ("local", "/data/file.parquet"),
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_choose_a_filesystem(address: str) -> None:
    """Nothing is asked of it yet."""
    filesystem, path = _resolve("test", address, None)
    assert (filesystem.type_name, path) == ADDRESSES[address]


def test_a_file_without_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({}), tmp_path / "t.parquet")
    write_ipc(tmp_path / "t.arrow", pa.table({}))
    for name in ("t.parquet", "t.arrow"):
        with pytest.raises(ValueError, match=rf"{name} has no columns"):
            ArrowDataset(tmp_path / name)


@pytest.mark.parametrize("case", ["parquet", "ipc"])
def test_a_checkpoint_refuses_files_that_changed(tmp_path: Path, case: str) -> None:
    name, write = WRITERS[case]
    write(tmp_path / name)
    loader = DataLoader(ArrowDataset(tmp_path / name, columns=["n"]), 8, shuffle=True)
    next(iter(loader))
    state = loader.state_dict()
    same = DataLoader(ArrowDataset(tmp_path / name, columns=["n"]), 8, shuffle=True)
    same.load_state_dict(state)
    writer = write_parquet if case == "parquet" else write_ipc
    changed = TABLE.set_column(0, "n", pa.array(np.arange(ROWS)[::-1].copy()))
    for table in (TABLE[: ROWS - 1], changed):
        writer(tmp_path / name, table)
        other = DataLoader(ArrowDataset(tmp_path / name, columns=["n"]), 8, shuffle=True)
        with pytest.raises(ValueError, match="dataset was .* when the state was saved"):
            other.load_state_dict(state)
