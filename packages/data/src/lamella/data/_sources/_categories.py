"""One list of values for the dictionary columns of many groups, so that a code means the same in all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def common_values(columns: Iterable[pa.ChunkedArray], kind: pa.DataType) -> pa.Array:
    """The values of all dictionaries, in the order of their first appearance."""
    import pyarrow as pa
    import pyarrow.compute as pc

    dictionaries = [chunk.dictionary for column in columns for chunk in column.chunks]
    return pc.unique(pa.chunked_array(dictionaries, kind.value_type))


def recode(column: pa.ChunkedArray, values: pa.Array) -> pa.ChunkedArray:
    """The same column with codes (int32) over `values`, which must hold all that its dictionaries do."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.dictionary(pa.int32(), values.type)
    chunks = []
    for chunk in column.chunks:
        codes = chunk.indices
        if not chunk.dictionary.equals(values):
            # A code out of range, as a damaged file may have, is an error of `take`.
            codes = pc.index_in(chunk.dictionary, value_set=values).take(codes)
        chunks.append(pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), values))
    return pa.chunked_array(chunks, kind)
