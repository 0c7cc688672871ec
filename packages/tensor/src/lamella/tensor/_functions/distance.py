"""Distances between the rows of matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import _pointwise as pw
from .._dtype import float32, from_numpy_dtype
from .._meta import broadcast_shapes
from .._op import OPS
from .common import require_float, run, tensor_of, to_dtype
from .movement import expand, unsqueeze
from .product import one_dtype

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["cdist"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS: tuple[str, ...] = ()
IN_PLACE: tuple[str, ...] = ()

_FEW = 25  # rows for which differences are as quick as a matrix product
_MODES = {
    "use_mm_for_euclid_dist_if_necessary": None,
    "use_mm_for_euclid_dist": True,
    "donot_use_mm_for_euclid_dist": False,
}


def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """Distances [..., P, R] of order p >= 0 between rows [..., P, M] and [..., R, M]; batch dims broadcast.

    p = 0 counts the coordinates that differ, p = inf takes the largest difference. `compute_mode` says whether p = 2
    goes through a matrix product ("use_mm_for_euclid_dist"), which loses digits where rows are near each other,
    through differences ("donot_use_..."), or through the first only for more than 25 rows ("..._if_necessary").
    The gradient at distance 0 is 0; for p = inf every coordinate with the largest difference has it whole.
    """
    a, b = require_float(tensor_of(x1, "cdist"), "cdist"), require_float(tensor_of(x2, "cdist"), "cdist")
    one_dtype("cdist", a, b)
    left, right = tuple(a._data.shape), tuple(b._data.shape)
    if len(left) < 2 or len(right) < 2 or left[-1] != right[-1]:
        raise ValueError(f"cdist needs rows [..., P, M] and [..., R, M], got shapes {left} and {right}")
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not p >= 0:
        raise ValueError(f"cdist needs an order p >= 0, got {p!r}")
    mode = "use_mm_for_euclid_dist_if_necessary" if compute_mode is None else compute_mode
    if not isinstance(mode, str) or mode not in _MODES:
        raise ValueError(f"cdist: compute_mode must be one of {', '.join(map(repr, _MODES))}, got {compute_mode!r}")
    if left[:-2] != right[:-2]:
        batch = broadcast_shapes(left[:-2], right[:-2])
        a, b = expand(a, (*batch, *left[-2:])), expand(b, (*batch, *right[-2:]))
    asked = _MODES[mode]
    mm = p == 2 and (max(left[-2], right[-2]) > _FEW if asked is None else asked)
    return run("cdist", (a, b), p=float(p), mm=mm)


def _cdist_body(x: Any, y: Any, *, p: float, **_: Any) -> Any:
    dtype = from_numpy_dtype(x._data.dtype)
    if dtype.itemsize < 4:
        x, y = to_dtype(x, float32), to_dtype(y, float32)
    difference = pw.sub(unsqueeze(x, -2), unsqueeze(y, -3))
    last = difference._data.ndim - 1
    if math.isinf(p) and not x._data.shape[-1]:  # no coordinate, no distance: no norm, though
        return to_dtype(run("sum", (difference,), dims=(last,), keepdim=False), dtype)
    return to_dtype(run("norm", (difference,), p=p, dims=(last,), keepdim=False), dtype)


OPS["cdist"].body = _cdist_body
