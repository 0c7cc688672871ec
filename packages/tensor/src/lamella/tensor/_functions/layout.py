"""Copies with elements at other places: padding, rolling, mirroring, turning, triangles."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._arguments import whole
from .._dims import dim_of, dims_of, listed
from .._dispatch import dispatch, view_of
from .._op import OPS
from .._scalar import SymScalar, remembered
from .common import run, tensor_of
from .movement import reshape

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["flip", "fliplr", "flipud", "pad", "roll", "rot90", "tril", "triu"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = ("flip", "fliplr", "flipud", "roll", "rot90", "tril", "triu")
IN_PLACE = ("tril", "triu")

_MODES = ("constant", "reflect", "replicate", "circular")
_PAD, _AROUND, _FLIP, _ROLL, _SLICE, _PERMUTE = (
    OPS[n] for n in ("pad", "pad_around", "flip", "roll", "slice", "permute")
)
Pairs = tuple[tuple[int, int], ...]


def pad(x: Any, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Tensor:
    """Elements around a tensor: (left, right) of the last dim, then of the one before it, and so on; negative ones cut.

    mode is 'constant' (value, 0 unless given), 'reflect', 'replicate' or 'circular'. The last three take one to three
    dims of a tensor with one or two more, and repeat its own elements; ValueError where it has too few.
    """
    t = tensor_of(x, "pad")
    try:
        pairs = _pairs(tuple(t._data.shape), tuple(pad))
    except TypeError:
        raise TypeError(f"pad takes two ints per dim from the last on, got {pad!r}") from None
    if mode == "constant":
        return _around(t, pairs, 0 if value is None else value)
    if mode not in _MODES:
        raise ValueError(f"pad: mode is one of {', '.join(_MODES)}, got {mode!r}")
    if value is not None and value != 0:
        raise ValueError(f"pad: mode {mode!r} takes no value, got {value!r}")
    count, rank = len(pad) // 2, t._data.ndim
    if not 1 <= count <= 3 or rank - count not in (1, 2):
        raise ValueError(
            f"pad: mode {mode!r} pads the last 1 to 3 dims of a tensor with one or two more, got {tuple(pad)} for "
            f"{tuple(t._data.shape)}"
        )
    if min(pad) >= 0:
        return cast("Tensor", dispatch(_AROUND, (t,), {"pads": pairs, "mode": mode}))
    grown = tuple([(max(lo, 0), max(hi, 0)) for lo, hi in pairs])
    if mode == "circular":  # what is left wraps around
        return run("pad_around", (_cut(t, pairs),), pads=grown, mode=mode)
    return _cut(run("pad_around", (t,), pads=grown, mode=mode), pairs).clone()


@remembered(maxsize=256)
def _pairs(shape: tuple[int, ...], pads: tuple[int, ...]) -> Pairs:
    """(lo, hi) of every dim; TypeError for what is no int."""
    rank = len(shape)
    amounts = [operator.index(p) for p in pads]
    if len(amounts) % 2 or len(amounts) > 2 * rank:
        raise ValueError(f"pad takes two ints per dim from the last on, got {len(amounts)} for {rank} dims")
    pairs = [(0, 0)] * rank
    for i in range(0, len(amounts), 2):
        d = rank - 1 - i // 2
        lo, hi = pairs[d] = (amounts[i], amounts[i + 1])
        n = shape[d]
        if (lo < 0 or hi < 0) and (n + lo + hi < 0 or -lo > n or -hi > n):
            raise ValueError(f"pad: {(lo, hi)} cuts more than the size {n} of dim {d}")
    return tuple(pairs)


def _around(t: Tensor, pairs: Pairs, value: Any) -> Tensor:
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (bool, int, float, complex)):
        what = "a symbolic number" if isinstance(value, SymScalar) else type(value).__name__
        raise TypeError(f"pad: value is a number, got {what}")
    if any(lo < 0 or hi < 0 for lo, hi in pairs):
        t = _cut(t, pairs)
        pairs = tuple([(max(lo, 0), max(hi, 0)) for lo, hi in pairs])
    out: Tensor = dispatch(_PAD, (t,), {"pads": pairs, "value": value})
    return out


def _cut(t: Tensor, pairs: Pairs) -> Tensor:
    """A view without what the negative ones cut."""
    shape = t._data.shape
    return view_of(
        _SLICE, t, tuple([(max(-lo, 0), n - max(-hi, 0), 1) for n, (lo, hi) in zip(shape, pairs, strict=True)])
    )


def flip(x: Any, *order: Any, dims: Any = None) -> Tensor:
    """A copy with the order of elements reversed along dims, given one by one or as a tuple."""
    t = tensor_of(x, "flip")
    given = listed("flip", order, dims)
    rank = t._data.ndim
    # a 0-d tensor takes dim 0 and -1, and has none to reverse
    out: Tensor = dispatch(_FLIP, (t,), {"dims": dims_of(given, rank) if len(given) and rank else _none(given)})
    return out


def _none(dims: Any) -> tuple[int, ...]:
    dims_of(tuple(dims), 0)
    return ()


def fliplr(x: Any) -> Tensor:
    """A copy with the order of columns (dim 1) reversed."""
    t = tensor_of(x, "fliplr")
    if t._data.ndim < 2:
        raise ValueError(f"fliplr needs at least two dims, got shape {tuple(t._data.shape)}; use flip")
    return flip(t, 1)


def flipud(x: Any) -> Tensor:
    """A copy with the order of rows (dim 0) reversed."""
    t = tensor_of(x, "flipud")
    if not t._data.ndim:
        raise ValueError("flipud needs at least one dim, got a 0-d tensor")
    return flip(t, 0)


def roll(x: Any, shifts: Any, dims: Any = None) -> Tensor:
    """A copy whose elements are shifted along dims, those pushed over the end coming back at the front.

    Without dims the elements are rolled in row-major order.
    """
    t = tensor_of(x, "roll")
    if type(shifts) is int and type(dims) is int and t._data.ndim:
        return cast("Tensor", dispatch(_ROLL, (t,), {"shifts": (shifts,), "dims": (dim_of(dims, t._data.ndim),)}))
    steps = tuple(shifts) if isinstance(shifts, (tuple, list)) else (shifts,)
    given = () if dims is None else tuple(dims) if isinstance(dims, (tuple, list)) else (dims,)
    try:
        amounts = tuple([operator.index(s) for s in steps])
    except TypeError:
        raise TypeError(f"roll takes ints as shifts, got {shifts!r}") from None
    if not given and len(amounts) == 1:
        flat: Tensor = dispatch(_ROLL, (reshape(t, -1),), {"shifts": amounts, "dims": (0,)})
        return reshape(flat, tuple(t._data.shape))
    if len(amounts) != len(given) or not given:
        raise ValueError(f"roll needs one shift for each dim, got {len(amounts)} shifts and {len(given)} dims")
    rank = t._data.ndim
    if not rank:
        raise ValueError("roll along a dim needs a tensor with dims, got a 0-d tensor")
    out: Tensor = dispatch(_ROLL, (t,), {"shifts": amounts, "dims": tuple([dim_of(d, rank) for d in given])})
    return out


def rot90(x: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """A copy turned k times by 90 degrees in the plane of two dims, from the first towards the second."""
    t = tensor_of(x, "rot90")
    rank = t._data.ndim
    if len(dims) != 2:
        raise ValueError(f"rot90 needs two dims, got {tuple(dims)}")
    if rank < 2:
        raise ValueError(f"rot90 needs a tensor of at least two dims, got shape {tuple(t._data.shape)}")
    a, b = dim_of(dims[0], rank), dim_of(dims[1], rank)
    if a == b:
        raise ValueError(f"rot90 needs two different dims, got {tuple(dims)}")
    turns = whole(k, "rot90: k") % 4
    if turns == 0:
        return t.clone()
    if turns == 2:
        return flip(t, a, b)
    # the turned tensor owns its elements, so what transposes it is not seen as a view of something else
    order = list(range(rank))
    order[a], order[b] = b, a
    return view_of(_PERMUTE, dispatch(_FLIP, (t,), {"dims": (b if turns == 1 else a,)}), tuple(order))


def tril(x: Any, diagonal: int = 0) -> Tensor:
    """The lower triangle of the last two dims, zeros above `diagonal`."""
    return run("tril", (tensor_of(x, "tril"),), diagonal=whole(diagonal, "tril: diagonal"))


def triu(x: Any, diagonal: int = 0) -> Tensor:
    """The upper triangle of the last two dims, zeros below `diagonal`."""
    return run("triu", (tensor_of(x, "triu"),), diagonal=whole(diagonal, "triu: diagonal"))
