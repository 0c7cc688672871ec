"""Parquet files: row groups are the unit of reading, page checksums are verified where the writer left them.

The footer is read once and kept. It has no checksum of its own: what it says about rows is checked against itself, and
what is read against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lamella.data._sources._formats import Layout, naming
from lamella.data._sources._places import Place
from lamella.data._sources._statistics import FooterStatistics

if TYPE_CHECKING:
    import pyarrow as pa

_FOOTER_TAIL_BYTES = 8  # footer length (uint32, little-endian), then the magic "PAR1"


class ParquetFormat:
    """Reads row groups of parquet files; errors name `owner` and the file."""

    label = "a parquet"

    def __init__(self, owner: str) -> None:
        self.owner = owner

    def open(self, place: Place) -> Layout:
        """The file's schema, rows and footer. ValueError if it is none."""
        import hashlib

        import pyarrow.parquet as pq

        with naming(self.owner, self.label, place), place.filesystem.open_input_file(place.path) as stream:
            reader = pq.ParquetFile(stream)
            footer, schema = reader.metadata, reader.schema_arrow
            # Only row counts are asked of the footer: describing a column of a damaged one makes pyarrow abort the
            # process.
            rows = tuple(footer.row_group(number).num_rows for number in range(footer.num_row_groups))
            if min(rows, default=0) < 0 or sum(rows) != footer.num_rows:
                raise OSError(f"row groups of {rows} rows do not add up to {footer.num_rows}")
            text = _read_footer(stream)
        return Layout(schema, rows, hashlib.blake2b(text, digest_size=16).hexdigest(), footer)

    def statistics(self, place: Place, layout: Layout) -> FooterStatistics:
        """What the footer says about the values of each row group. ValueError if it is damaged."""
        with place.filesystem.open_input_file(place.path) as stream:
            try:
                return FooterStatistics(_read_footer(stream), layout.schema)
            except ValueError as error:
                raise ValueError(f"{self.owner}: {place.name} is corrupt: {error}") from error

    def memory(self, layout: Layout) -> None:
        """Values are decoded."""

    def read(self, place: Place, layout: Layout, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """Whole row groups, decoded by Arrow's threads."""
        import pyarrow.parquet as pq

        # Without a pandas index or dictionaries left over: every file contributes exactly the columns asked for.
        with (
            naming(self.owner, self.label, place),
            place.filesystem.open_input_file(place.path) as stream,
            pq.ParquetFile(
                stream,
                metadata=layout.handle,
                page_checksum_verification=True,
                # Far away every request costs a round trip: neighbouring columns are fetched in one.
                pre_buffer=not place.is_local,
            ) as reader,
        ):
            if len(groups) == 1:
                table = reader.read_row_group(groups[0], columns=list(columns))
            else:
                table = reader.read_row_groups(list(groups), columns=list(columns))
            table = table.select(list(columns)).replace_schema_metadata(None)
            expected = sum(layout.group_rows[group] for group in groups)
            if table.num_rows != expected:
                raise OSError(f"{table.num_rows} rows were read where the footer promises {expected}")
            return table


def _read_footer(stream: pa.NativeFile) -> bytes:
    tail = stream.size() - _FOOTER_TAIL_BYTES
    footer_bytes = int.from_bytes(stream.read_at(4, tail), "little")
    footer: bytes = stream.read_at(footer_bytes, tail - footer_bytes)
    return footer
