"""The table of the story `sweep`: every op with a twin in the peer, as a text that both libraries understand.

A row is a text over `lib` (the tensor library), `F` (its nn.functional) and the operands of `_row.operands`. Every file
of this folder is a family with a list ROWS.
"""

from __future__ import annotations

from benchmarks.sweep._row import DTYPES, SIZES, SweepRow
from benchmarks.sweep.indexing import ROWS as INDEXING
from benchmarks.sweep.layout import ROWS as LAYOUT
from benchmarks.sweep.network import ROWS as NETWORK
from benchmarks.sweep.pointwise import ROWS as POINTWISE
from benchmarks.sweep.product import ROWS as PRODUCT
from benchmarks.sweep.reduction import ROWS as REDUCTION

__all__ = ["DTYPES", "FAMILIES", "SIZES", "SweepRow"]

FAMILIES: dict[str, tuple[SweepRow, ...]] = {
    "pointwise": POINTWISE,
    "reduction": REDUCTION,
    "product": PRODUCT,
    "indexing": INDEXING,
    "layout": LAYOUT,
    "network": NETWORK,
}
