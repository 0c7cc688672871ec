"""matmul by our own products, or by a BLAS that has a unit of its own for them: transposes and slices become flags and
leading dims, leading dims of one matrix a longer one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamella.compiler._library._row import FLOATS, ITEM_BYTES, Library, Params
from lamella.compiler._lower._refs import Ref
from lamella.compiler._native._load import runtime

_Side = tuple[tuple[int, ...], tuple[int, ...]]  # shape and strides
_MOST = 2**31 - 1  # sizes and strides of a BLAS with 32-bit ones


def _accepts(types: Sequence[Any], _: Params) -> bool:
    """Floats; integers and complex numbers stay with numpy."""
    return types[0].dtype.short in FLOATS


def _by_blas(dims: tuple[int, ...]) -> bool:
    """Whether BLAS is faster, and takes these sizes."""
    blas = runtime().blas
    if blas is None or not blas.pays(math.prod(dims[3:6])):
        return False
    return blas.wide or max(dims[3:]) <= _MOST


def _fits(ref: Ref) -> bool:
    shape, strides = (1, *ref.shape)[-2:], (0, *ref.strides)[-2:]  # a vector is a row, or a column of the same steps
    return _leading(shape, strides) is not None


def _leading(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[bool, int] | None:
    """(whether BLAS must transpose it, the distance of its lines), or None for what BLAS cannot read."""
    (rows, columns), (down, across) = shape, strides
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        return False, max(down, columns, 1)
    if (down == 1 or rows == 1) and (across >= rows or columns == 1):
        return True, max(across, rows, 1)
    return None


def _dims(operands: Sequence[Any], _: Params) -> tuple[int, ...]:
    a, b = operands
    a_shape, a_strides = (a.shape, a.strides) if len(a.shape) > 1 else ((1, *a.shape), (0, *a.strides))
    b_shape, b_strides = (b.shape, b.strides) if len(b.shape) > 1 else ((*b.shape, 1), (*b.strides, 0))
    m, k, n = a_shape[-2], a_shape[-1], b_shape[-1]
    rank = max(len(a_shape), len(b_shape)) - 2
    a_side, b_side = (a_shape, a_strides), (b_shape, b_strides)
    batch = [_batch(a_side, b_side, axis - rank - 2) for axis in range(rank)]
    batch = [dim for dim in batch if dim[0] != 1]
    down = a_strides[-2]
    while batch and batch[-1][2] == 0 and a_strides[-1] in (0, 1) and _follows(batch[-1][1], m, down, k):
        extent, step, _same_b = batch.pop()  # the matrices of a are one longer matrix
        down = step if m == 1 else down
        m *= extent
    ta, lda = _line((m, k), (down, a_strides[-1]))
    tb, ldb = _line((k, n), b_strides[-2:])
    head = (ITEM_BYTES[a.dtype], int(ta), int(tb), m, n, k, lda, ldb, len(batch))
    return (*head, *(word for dim in batch for word in dim))


def _follows(step: int, m: int, down: int, k: int) -> bool:
    """Whether the next matrix of a goes on where the lines of the last one end."""
    return step >= max(k, 1) if m == 1 else step == m * down


def _line(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[bool, int]:
    found = _leading(shape, strides)
    if found is None:
        raise AssertionError(f"a matrix of {shape} with strides {strides} was to be copied")
    return found


def _batch(a: _Side, b: _Side, axis: int) -> tuple[int, int, int]:
    """(extent, step of a, step of b) of one batch dim; an operand without it, or of size 1, stays where it is."""
    sizes = [shape[axis] if len(shape) >= -axis else 1 for shape, _ in (a, b)]
    steps = [0 if size == 1 else strides[axis] for size, (_, strides) in zip(sizes, (a, b), strict=True)]
    return (sizes[0] if sizes[1] == 1 else sizes[1]), steps[0], steps[1]


ROWS = {
    "matmul": Library("lm_product", _dims, _accepts, fits=_fits, blas="lm_matmul", by_blas=_by_blas, holds=_by_blas)
}
