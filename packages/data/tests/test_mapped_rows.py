"""Batches gathered by address from groups that are views: equal to reading by group, and only of memory that stays."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamella.data import ArrowDataset, Ragged
from lamella.data._sources._chunked_table import ChunkedTable

ROWS = 50
TABLE = pa.table(
    {
        "byte": pa.array(np.arange(ROWS, dtype=np.uint8)),
        "half": pa.array(np.arange(ROWS, dtype=np.float16)),
        "long": np.arange(ROWS),
        "image": pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(ROWS * 6, dtype=np.int16).reshape(ROWS, 2, 3)),
        "text": ["x" * (row % 7) + str(row) for row in range(ROWS)],
        "long text": pa.array(["y" * 300 + str(row) for row in range(ROWS)], pa.large_string()),
        "lists": pa.array([list(range(row % 4)) for row in range(ROWS)], pa.list_(pa.float64())),
        "pairs": pa.array([[[row, row]] * (row % 3) for row in range(ROWS)], pa.list_(pa.list_(pa.int8(), 2))),
        "flag": pa.array([row % 2 == 0 for row in range(ROWS)]),
        "holes": pa.array([None if row % 5 == 0 else row for row in range(ROWS)]),
        "view": pa.array(["z" * row for row in range(ROWS)], pa.string_view()),
        "code": pa.array([f"{row % 3}" for row in range(ROWS)]).dictionary_encode(),
        "time": pa.array(np.arange(ROWS), pa.timestamp("us")),
    }
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A table in chunks that lie anywhere, two files, and the same without views to compare with."""
    folder = tmp_path_factory.mktemp("mapped")
    for number, part in enumerate((TABLE[:23], TABLE[23:])):
        with pa.ipc.new_file(folder / f"{number}.arrow", part.schema) as writer:
            writer.write_table(part, max_chunksize=4)
    chunks = pa.concat_tables([TABLE[:9], TABLE[9:9], TABLE[9:31], TABLE[31:]])
    options: dict[str, Any] = {"fill": {"holes": -1}}
    files = ArrowDataset(folder, **options)
    plain = ArrowDataset(folder, **options)
    plain._rows._mapped = None
    return {"table": ChunkedTable("test", chunks, **options), "files": files, "by group": plain}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(indices=st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=40))
@pytest.mark.parametrize("kind", ["table", "files"])
def test_batches_equal_those_read_by_group(sources: dict[str, Any], kind: str, indices: list[int]) -> None:
    places = np.array(indices, np.int64)
    expected = sources["by group"].read(places, 0)
    batch = sources[kind].read(places, 0)
    assert list(batch) == list(expected)
    for name, column in expected.items():
        assert batch[name].dtype == column.dtype
        assert batch[name].tolist() == column.tolist()
        values = batch[name].values if isinstance(batch[name], Ragged) else batch[name]
        assert values.flags.writeable


def test_only_memory_that_stays_is_addressed(sources: dict[str, Any]) -> None:
    for kind, read in (("table", TABLE.column_names), ("files", TABLE.column_names)):
        source = sources[kind]
        source.read(np.array([0, 40, 20]), 0)
        found = source._rows._mapped._columns
        by_group = {name for name, column in found.items() if column is None}
        assert set(found) == set(read)
        assert {"pairs", "flag", "holes", "view"} <= by_group, kind
        assert not by_group & {"byte", "half", "long", "image", "text", "lists", "time"}, kind


def test_rows_out_of_range_are_refused(sources: dict[str, Any]) -> None:
    for kind in ("table", "files"):
        for bad in ([-1, 3], [3, ROWS], [ROWS + 10**12, 0]):
            with pytest.raises(IndexError, match=r"records in \[0, 50\)"):
                sources[kind].read(np.array(bad), 0)
