"""Arrays of fixed shape as other packages store them in Arrow (nested lists under a type of their own), as Arrow's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lamella.data._arrow import one_chunk

if TYPE_CHECKING:
    import pyarrow as pa


def plain_tensors(owner: str, table: pa.Table) -> pa.Table:
    """The table with columns of other packages' array types as fixed-shape tensors, without a copy."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        shape = getattr(field.type, "shape", None)
        is_theirs = isinstance(field.type, pa.ExtensionType) and not hasattr(field.type, "permutation")
        if is_theirs and isinstance(shape, tuple):
            tensors = _tensors(owner, field.name, one_chunk(table.column(place)), shape)
            table = table.set_column(place, field.name, tensors)
    return table


def _tensors(owner: str, name: str, array: pa.Array, shape: tuple[int | None, ...]) -> pa.Array:
    import pyarrow as pa

    values = array.storage
    rows, nulls = len(values), values.null_count
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        values = values.flatten()
        nulls += values.null_count
    size = math.prod(part or 0 for part in shape)
    if nulls or not size or len(values) != rows * size:
        raise TypeError(
            f"{owner}: column {name!r} holds arrays of shape {shape} of which some are missing or of another size; "
            "leave it out with columns=[...]"
        )
    lists = pa.FixedSizeListArray.from_arrays(values, size)
    return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(values.type, shape), lists)
