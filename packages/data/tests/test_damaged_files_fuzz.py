"""Damaged files are read or refused by name, and never end the process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lamella.data import ArrowDataset
from lamella.data._sources._thrift import read_struct

PROGRAM = Path(__file__).parent / "helpers" / "damaged_files.py"
COUNT = 5 * (60 if os.environ.get("LAMELLA_FUZZ") else 1)


@pytest.mark.fuzz
def test_damage_is_refused_or_does_no_harm(tmp_path: Path) -> None:
    arguments = [sys.executable, str(PROGRAM), "0", str(COUNT), str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-3000:]}"
    assert len(done.stdout.splitlines()) == 5
    assert "gather refused" in done.stdout
    assert "gather read" in done.stdout


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends in the middle"),
        (b"\x15", "ends in the middle"),
        (b"\x18\x7f", "ends in the middle"),
        (b"\x15" + b"\xff" * 11, "more than 64 bits"),
        (b"\x19\xf5\xff\xff\xff\x0f", "promises more values"),
        (b"\x1c" * 60, "nests too deep"),
        (b"\x1d\x00", "unknown kind 13"),
    ],
)
def test_damaged_footers_raise(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_struct(data)


TYPES = [
    pa.int8(),
    pa.uint8(),
    pa.int32(),
    pa.uint32(),
    pa.int64(),
    pa.uint64(),
    pa.float32(),
    pa.float64(),
    pa.date32(),
    pa.timestamp("ms"),
    pa.timestamp("us", "UTC"),
    pa.timestamp("ns"),
    pa.string(),
    pa.large_string(),
]


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_statistics_never_lose_a_row_and_rule_out_groups(
    tmp_path: Path, kind: pa.DataType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against filtering everything; groups of ten rows in ascending order, the last with nulls."""
    values = pa.array(np.arange(40) + 80, pa.int32()).cast(pa.int64())
    values = (
        values.cast(pa.string()).cast(kind)
        if pa.types.is_large_string(kind) or pa.types.is_string(kind)
        else (values.cast(pa.int32()).cast(kind) if pa.types.is_date32(kind) else values.cast(kind))
    )
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        values = values.sort()
    column = pa.concat_arrays([values, pa.nulls(2, kind)])
    pq.write_table(pa.table({"v": column, "n": np.arange(42)}), tmp_path / "t.parquet", row_group_size=10)
    read: list[int] = []
    whole = pq.ParquetFile.read_row_groups
    one = pq.ParquetFile.read_row_group
    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", lambda s, g, **o: read.extend(g) or whole(s, g, **o))
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda s, g, **o: read.append(g) or one(s, g, **o))
    field, bound = pc.field("v"), values[33]
    for condition, groups in (
        (field > bound, [3]),
        (field < values[4], [0]),
        (field == values[15], [1]),
        ((field <= values[3]) | (field >= bound), [0, 3]),
        (field.is_null(), [4]),
        (~(field > values[9]), [0]),
    ):
        read.clear()
        data = ArrowDataset(tmp_path / "t.parquet", filter=condition, columns=["n"])
        expected = pa.table({"v": column, "n": np.arange(42)}).filter(condition)["n"].to_pylist()
        assert data.load().column("n").tolist() == expected
        assert set(read) <= {*groups, 4}
        assert read
