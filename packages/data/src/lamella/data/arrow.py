"""One array of numbers as an Arrow array and back: the provider that `lamella.tensor` finds for the kind `arrow`.

Nothing is copied where the layout allows: rows without gaps, one chunk; booleans are bits in Arrow and always copied.
pyarrow is imported here only when a function runs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lamella.data._arrow import array_to_arrow, decode, has_type, one_chunk, unreadable
from lamella.data._protocols import Array

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["from_arrow", "to_arrow"]


def to_arrow(array: Array) -> pa.Array:
    """Rows of shape () as numbers, of shape (n,) as fixed-size lists, of more dims as fixed-shape tensors.

    TypeError for element types that Arrow has not, ValueError for arrays without rows or with rows that hold nothing.
    """
    if not has_type(array.dtype):
        how = (
            "; view_as_real gives pairs of numbers" if array.dtype.kind == "c" else "; convert it first, as to float32"
        )
        raise TypeError(f"Arrow has no element type for {array.dtype}{how}")
    if not array.ndim:
        raise ValueError("an Arrow array has rows, and this has no dims; reshape it to (1,)")
    if math.prod(array.shape[1:]) == 0:
        raise ValueError(f"Arrow cannot store rows of shape {array.shape[1:]}, which hold nothing")
    return array_to_arrow(array)


def from_arrow(obj: object) -> Array:
    """The array of an object with Arrow's C array or C stream interface; read-only over Arrow's memory.

    TypeError for other objects and types, ValueError for nulls.
    """
    import pyarrow as pa

    if isinstance(obj, (pa.Table, pa.RecordBatch)):
        raise TypeError(f"from_arrow needs one array, and a {type(obj).__name__} has columns; take one: x.column(name)")
    if hasattr(obj, "__arrow_c_array__"):
        array = pa.array(obj)
    elif hasattr(obj, "__arrow_c_stream__"):
        array = one_chunk(pa.chunked_array(obj))
    else:
        raise TypeError(
            f"from_arrow needs an object with __arrow_c_array__ or __arrow_c_stream__, got {type(obj).__name__}"
        )
    if why := unreadable(array.type):
        raise TypeError(f"from_arrow: the array {why}; cast it with pyarrow first")
    values, present = decode(array)
    if present is not None and not present.all():
        count = int(present.size - np.count_nonzero(present))
        raise ValueError(
            f"from_arrow: the array has {count} null{'s' if count != 1 else ''}, for which a tensor has no word; "
            f"replace them (pyarrow.compute.fill_null) or drop them first"
        )
    return values
