"""Arrow IPC files (feather) and streams: record batches are the unit of reading; uncompressed ones in a local file are
views of a memory map, so reading them copies nothing.

The format has no checksums. What its messages say is checked against the file's size here, offsets and codes where
columns are made of them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lamella.data._sources._formats import Layout, naming, probe_digest
from lamella.data._sources._places import Place

if TYPE_CHECKING:
    import pyarrow as pa

_MAGIC = b"ARROW1"


class IpcFormat:
    """Reads record batches of IPC files and streams; errors name `owner` and the file."""

    label = "an Arrow IPC"

    def __init__(self, owner: str) -> None:
        self.owner = owner

    def open(self, place: Place) -> Layout:
        """The file's schema and the rows of each batch. ValueError if it is none."""
        with naming(self.owner, self.label, place), place.filesystem.open_input_file(place.path) as stream:
            digest = probe_digest(stream)
            batches = _Batches(place)
            schema, rows = batches.describe()
        return Layout(schema, rows, digest, batches)

    def memory(self, layout: Layout) -> tuple[int, int] | None:
        """Of a local file whose batches are not compressed: the memory map that they are views of."""
        handle: _Batches = layout.handle
        return handle.memory()

    def statistics(self, place: Place, layout: Layout) -> None:
        """The format has none."""

    def read(self, place: Place, layout: Layout, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """Whole record batches; over the memory map where they are not compressed."""
        import pyarrow as pa

        fields = tuple(layout.schema.get_field_index(name) for name in columns)
        with naming(self.owner, self.label, place):
            read = [layout.handle.read(group, fields).select(list(columns)) for group in groups]
            for batch in read:
                # Arrow trusts offsets, codes and lengths of buffers from here on, and crashes where they are wrong.
                batch.validate(full=True)
            return pa.Table.from_batches(read, pa.schema([layout.schema.field(field) for field in fields]))


class _Batches:
    """The record batches of one file by number, with at least some of their fields.

    A reader is no plain data: a copy in another process opens the file again.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._readers: dict[tuple[int, ...], Any] = {}
        # Arrow's reader keeps dictionaries that it meets, and does not say that two threads may ask it for batches.
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Batches, (self._place,)

    def describe(self) -> tuple[pa.Schema, tuple[int, ...]]:
        """The schema, and the rows of each batch, for which its first column is read."""
        reader = self._whole()
        if isinstance(reader, _Stream):
            return reader.schema, tuple(batch.num_rows for batch in reader.batches)
        count, first = reader.num_record_batches, (0,) if reader.schema.names else ()
        return reader.schema, tuple(self.read(number, first).num_rows for number in range(count))

    def read(self, number: int, fields: tuple[int, ...]) -> pa.RecordBatch:
        """One batch."""
        with self._lock:
            batch: pa.RecordBatch = self._reader(fields).get_batch(number)
            return batch

    def memory(self) -> tuple[int, int] | None:
        """The map that batches are views of, while this lives; None where they are not."""
        with self._lock:
            self._whole()
            return self._mapped

    def _reader(self, fields: tuple[int, ...]) -> Any:
        import pyarrow as pa

        if fields not in self._readers:
            whole = self._whole()
            if isinstance(whole, _Stream) or self._mapped is not None:
                self._readers[fields] = whole
            else:
                options = pa.ipc.IpcReadOptions(included_fields=list(fields))
                stream = self._place.filesystem.open_input_file(self._place.path)
                self._readers[fields] = pa.ipc.open_file(stream, options=options)
        return self._readers[fields]

    def _whole(self) -> Any:
        """A reader of all fields; views of the map where it is one, so no field costs anything until it is used."""
        import pyarrow as pa

        if () not in self._readers:
            stream = self._place.filesystem.open_input_file(self._place.path)
            if stream.read_at(len(_MAGIC), 0) == _MAGIC:
                reader = pa.ipc.open_file(stream)
                views = self._place.is_local and _is_view(reader, stream)
                self._mapped = _span(stream) if views else None
                self._readers[()] = reader
            else:
                self._mapped = _span(stream) if self._place.is_local else None
                self._readers[()] = _Stream(stream)
        return self._readers[()]


def _is_view(reader: Any, stream: Any) -> bool:
    """Whether batches are views of the mapped file: they are not where they are compressed."""
    if not reader.num_record_batches:
        return True
    start, end = _span(stream)
    buffers = [
        buffer for column in reader.get_batch(0).columns for buffer in column.buffers() if buffer and buffer.size
    ]
    return all(start <= buffer.address and buffer.address + buffer.size <= end for buffer in buffers)


def _span(stream: Any) -> tuple[int, int]:
    """The addresses of a mapped file."""
    stream.seek(0)
    start: int = stream.read_buffer(stream.size()).address
    stream.seek(0)
    return start, start + stream.size()


class _Stream:
    """A stream has no index, so all its batches are kept: of a local file as views of the map."""

    def __init__(self, stream: Any) -> None:
        import pyarrow as pa

        reader = pa.ipc.open_stream(stream)
        self.schema, self.batches = reader.schema, list(reader)

    def get_batch(self, number: int) -> pa.RecordBatch:
        """Batch `number` of the file."""
        return self.batches[number]
