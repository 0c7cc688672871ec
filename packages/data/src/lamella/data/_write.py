"""Writing parquet so that a reader sees the old file or the whole new one; pages carry checksums."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, SupportsIndex

from lamella.data._arguments import check_int
from lamella.data._arrow import to_arrow
from lamella.data._atomic import written_whole
from lamella.data._protocols import ArrowStream
from lamella.data._table import TableDataset


def write_parquet(
    table: Mapping[str, object] | ArrowStream | TableDataset,
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, str] | None = None,
    row_group_rows: SupportsIndex = 1 << 16,
    compression: str = "zstd",
) -> None:
    """Write `table` (a mapping of arrays, a TableDataset, or Arrow data) to `path` in one piece.

    Rows of rank 1 become fixed-size lists, of higher rank fixed-shape tensors. `metadata` (text, such as source and
    licence) is stored in the schema beside what the table brings. `compression` is any codec pyarrow knows, or "none".
    """
    import pyarrow.parquet as pq

    folder = os.path.dirname(os.path.abspath(path))
    rows = check_int("write_parquet", "row_group_rows", row_group_rows, 1)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"write_parquet: no such folder: {folder}; create it first")
    own_metadata: Mapping[str, str] = {}
    if isinstance(table, TableDataset):
        own_metadata = table.metadata
        table = {name: table.column(name) for name in table.column_names}
    arrow = to_arrow("write_parquet", table)
    arrow = arrow.replace_schema_metadata(
        {**(arrow.schema.metadata or {}), **_encode(own_metadata), **_encode(metadata or {})}
    )
    with written_whole("write_parquet", path) as stream:
        # Plain values: a dictionary of measurements is as long as the column, and decoding through it is slower.
        pq.write_table(
            arrow,
            stream,
            row_group_size=rows,
            compression=compression,
            use_dictionary=False,
            write_page_checksum=True,
        )


def _encode(metadata: Mapping[Any, Any]) -> dict[bytes, bytes]:
    encoded = {}
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"write_parquet: metadata must map text to text, got {key!r}: {value!r}")
        encoded[key.encode()] = value.encode()
    return encoded
