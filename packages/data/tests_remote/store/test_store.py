"""Datasets and streams over an object store: how places are named, what is read, and which bytes travel for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset as pads
import pyarrow.feather
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from object_store import Read, Relay, Store

from lamella.data import ArrowDataset, DataLoader, FileStream, ParquetDataset, interleave

FILES, GROUPS, GROUP_ROWS = 4, 3, 2000
FILE_ROWS = GROUPS * GROUP_ROWS
ROWS = FILES * FILE_ROWS
TABLE = pa.table(
    {"n": np.arange(ROWS), "x": np.random.default_rng(0).random(ROWS), "text": [f"row {row}" for row in range(ROWS)]}
)


@pytest.fixture(scope="module")
def parts(store: Store) -> list[str]:
    """Hive folders `part=K` of one file each, and the same rows in other formats."""
    where = store.filesystem()
    paths = [f"bucket/table/part={part}/rows.parquet" for part in range(FILES)]
    for part, path in enumerate(paths):
        with where.open_output_stream(path) as sink:
            rows = TABLE[part * FILE_ROWS : (part + 1) * FILE_ROWS]
            pq.write_table(rows, sink, row_group_size=GROUP_ROWS, compression="none", use_dictionary=False)
    with where.open_output_stream("bucket/other/t.arrow") as sink:
        pyarrow.feather.write_feather(TABLE, sink, chunksize=GROUP_ROWS)
    with where.open_output_stream("bucket/other/t.csv") as sink:
        pyarrow.csv.write_csv(TABLE, sink)
    return paths


@pytest.fixture
def relay(store: Store) -> Iterator[Relay]:
    with Relay(store.port) as opened:
        yield opened


def numbers(batches: Any) -> list[int]:
    return [n for batch in batches for n in batch["n"].numpy().tolist()]


def test_places_are_named_by_address_and_by_filesystem(store: Store, parts: list[str]) -> None:
    where = store.filesystem()
    boto = {"endpoint_url": f"http://127.0.0.1:{store.port}", "region_name": "us-east-1"}
    by_fsspec = fsspec.filesystem("s3", key=store.access_key, secret=store.secret_key, client_kwargs=boto)
    named = {
        "folder": ArrowDataset("bucket/table", filesystem=where),
        "files": ArrowDataset(parts, filesystem=where),
        "glob": ParquetDataset("bucket/table/*/r*.parquet", filesystem=where),
        "below": ArrowDataset("table", filesystem=pafs.SubTreeFileSystem("bucket", where)),
        "address": ArrowDataset(store.uri("bucket/table")),
        "glob in an address": ArrowDataset(store.uri("bucket/table/part=*/*.parquet")),
        "fsspec": ArrowDataset("bucket/table", filesystem=by_fsspec),
        "pyarrow": ArrowDataset(pads.dataset("bucket/table", filesystem=where, format="parquet", partitioning="hive")),
    }
    rows = np.array([0, FILE_ROWS, ROWS - 1, 17])
    for way, data in named.items():
        batch = data.gather(rows)
        assert len(data) == ROWS, way
        assert batch["n"].tolist() == rows.tolist(), way
        assert batch["text"].tolist() == [f"row {row}" for row in rows], way
        if way != "files":  # whose folders are part of their names
            assert batch["part"].tolist() == [0, 1, 3, 0], way
    assert len({data.fingerprint() for way, data in named.items() if way != "files"}) == 1


@pytest.mark.parametrize("path", ["bucket/table", "bucket/other/t.arrow", "bucket/other/t.csv"])
def test_streams_resume(store: Store, parts: list[str], path: str) -> None:
    def loader() -> DataLoader:
        return DataLoader(FileStream(path, columns=["n", "x"], filesystem=store.filesystem()), 1000)

    first, seen, state = loader(), [], {}
    for step, batch in enumerate(first):
        seen.append(batch)
        if step == 6:
            state = first.state_dict()
            break
    resumed = loader()
    resumed.load_state_dict(state)
    assert numbers([*seen, *resumed]) == list(range(ROWS))


def test_worker_processes_open_the_store_themselves(store: Store, parts: list[str]) -> None:
    data = ArrowDataset("bucket/table", columns=["n"], filesystem=store.filesystem())
    with_workers = DataLoader(data, 500, shuffle=True, seed=3, num_workers=2, workers="process")
    assert numbers(with_workers) == numbers(DataLoader(data, 500, shuffle=True, seed=3))


def groups_of(store: Store, parts: list[str], reads: list[Read], column: int | None = None) -> set[tuple[int, int]]:
    """The (file, row group) whose values the reads touch, of all columns or of one."""
    touched = set()
    for number, path in enumerate(parts):
        with store.filesystem().open_input_file(path) as stream:
            footer = pq.read_metadata(stream)
        for group in range(GROUPS):
            row_group = footer.row_group(group)
            for place in range(row_group.num_columns) if column is None else [column]:
                chunk = row_group.column(place)
                start = chunk.dictionary_page_offset or chunk.data_page_offset
                for read in reads:
                    overlaps = read.start < start + chunk.total_compressed_size and start < read.stop
                    if overlaps and read.key == path:
                        touched.add((number, group))
    return touched


ALL = {(file, group) for file in range(FILES) for group in range(GROUPS)}


@pytest.mark.parametrize("kind", [ArrowDataset, FileStream])
def test_columns_and_conditions_decide_what_travels(
    store: Store, parts: list[str], relay: Relay, kind: type[ArrowDataset]
) -> None:
    def read(**options: Any) -> list[Read]:
        data = kind("bucket/table", filesystem=store.filesystem(relay.port), **options)
        relay.take_reads()  # footers
        loaded = data.load()
        assert len(loaded)
        return relay.take_reads()

    whole, projected = read(), read(columns=["n"])
    assert groups_of(store, parts, whole, 2) == ALL
    assert groups_of(store, parts, projected, 0) == ALL
    assert groups_of(store, parts, projected, 2) == set()
    assert sum(r.stop - r.start for r in projected) < 0.6 * sum(r.stop - r.start for r in whole)
    by_folder = read(filter=pc.field("part") == 2)
    assert groups_of(store, parts, by_folder) == {(2, group) for group in range(GROUPS)}


@pytest.mark.parametrize("column", ["n", "x"])
def test_statistics_rule_out_groups(store: Store, parts: list[str], relay: Relay, column: str) -> None:
    where = store.filesystem(relay.port)
    condition = pc.field("n") >= ROWS - GROUP_ROWS - 5
    data = FileStream("bucket/table", columns=[column], filter=condition, filesystem=where)
    relay.take_reads()
    assert len(data.load()) == GROUP_ROWS + 5
    place = TABLE.column_names.index("x")
    expected = {(FILES - 1, GROUPS - 1), (FILES - 1, GROUPS - 2)}
    assert groups_of(store, parts, relay.take_reads(), place if column == "x" else 0) == expected


@pytest.mark.parametrize("kind", [ArrowDataset, FileStream])
@pytest.mark.parametrize("world", [1, 2, 4])
def test_ranks_read_groups_of_their_own_in_one_order(
    store: Store, parts: list[str], relay: Relay, kind: type[ArrowDataset], world: int
) -> None:
    """A file per lane, and blocks of a batch: the order is one for any number of ranks, each reads its lanes alone."""
    order = np.arange(ROWS).reshape(FILES, -1, 500).swapaxes(0, 1).reshape(-1, 500)
    touched = []
    for rank in range(world):
        where = store.filesystem(relay.port)
        data = interleave([kind(path, columns=["n"], filesystem=where) for path in parts], block=500)
        relay.take_reads()
        seen = [batch["n"].numpy() for batch in DataLoader(data, 500, rank=rank, world=world)]
        assert np.array_equal(np.stack(seen), order[rank::world])
        touched.append(groups_of(store, parts, relay.take_reads(), 0))
    assert sorted(group for groups in touched for group in groups) == sorted(ALL)


def test_ranks_that_take_a_group_a_step_read_no_other(store: Store, parts: list[str], relay: Relay) -> None:
    touched = []
    for rank in range(3):
        data = ArrowDataset("bucket/table", columns=["n"], filesystem=store.filesystem(relay.port))
        relay.take_reads()
        seen = numbers(DataLoader(data, GROUP_ROWS, rank=rank, world=3))
        assert seen == [row for row in range(ROWS) if row // GROUP_ROWS % 3 == rank]
        touched.append(groups_of(store, parts, relay.take_reads(), 0))
    assert sorted(group for groups in touched for group in groups) == sorted(ALL)
