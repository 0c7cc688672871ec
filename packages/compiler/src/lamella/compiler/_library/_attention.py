"""Attention and its gradients by blocks of rows (`_native/library/attention.h`); heads are read where they lie."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from lamella.compiler._library._row import FLOATS, ITEM_BYTES, Library, Params
from lamella.compiler._lower._refs import Ref

_Q, _K, _V, _MASK, _GO, _GL, _O, _LSE = range(8)  # the order of operands in `lm_attention_dims`
_FORWARD = {0: _Q, 1: _K, 2: _V, 3: _MASK}
_BACKWARD = {2: _Q, 3: _K, 4: _V, 5: _MASK, 0: _GO, 1: _GL, 8: _O, 9: _LSE}
_ROWS_ONLY = (_GL, _LSE)  # one number a row
_NO_MASK, _BOOL_MASK, _ADDED_MASK = range(3)


def _takes(q: Any, k: Any, mask: Any, seed: Any) -> bool:
    """Real floats without dropout; a mask of truth values or of the operands' type, with an entry for every key."""
    if seed is not None or q.dtype.short not in FLOATS:
        return False
    if mask is None:
        return True
    return mask.dtype.short in ("bool", q.dtype.short) and mask.shape[-1:] == k.shape[-2:-1]


def _accepts(types: Sequence[Any], _: Params) -> bool:
    q, k, _v, mask, seed = types[:5]
    return _takes(q, k, mask, seed)


def _accepts_grad(types: Sequence[Any], _: Params) -> bool:
    """The same, for heads that are not broadcast: gradients of those are sums over heads."""
    q, k, v, mask, seed = types[2:7]
    return q.shape[:-2] == k.shape[:-2] == v.shape[:-2] and _takes(q, k, mask, seed)


def _fits(ref: Ref) -> bool:
    """Rows of neighbours, anywhere."""
    return not ref.shape or ref.shape[-1] <= 1 or ref.strides[-1] == 1


def _dims(operands: Sequence[Any], places: dict[int, int], out: Sequence[int], params: Params) -> tuple[int, ...]:
    by_name = {places[i]: x for i, x in enumerate(operands) if i in places and x is not None}
    q, k, v, mask = by_name[_Q], by_name[_K], by_name[_V], by_name.get(_MASK)
    kind = _NO_MASK if mask is None else _BOOL_MASK if mask.dtype == "bool" else _ADDED_MASK
    (scale,) = struct.unpack("<q", struct.pack("<d", params["scale"]))
    head = (q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1], int(params["causal"]), kind, len(out), scale)
    steps = [_steps(by_name.get(name), name in _ROWS_ONLY, len(out)) for name in range(8)]
    down = [step[-1] for step in steps]
    batch = [word for axis, extent in enumerate(out) for word in (extent, *(step[axis] for step in steps))]
    return ITEM_BYTES[q.dtype], *head, *down, *batch


def _steps(x: Ref | None, rows_only: bool, rank: int) -> list[int]:
    """How far apart the entries of each batch dim lie, and then the rows; 0 where there is one for all."""
    if x is None:
        return [0] * (rank + 1)
    shape, strides = (x.shape, x.strides) if rows_only else (x.shape[:-1], x.strides[:-1])
    steps = [0 if n == 1 else s for n, s in zip(shape, strides, strict=True)]
    return [0] * (rank + 1 - len(steps)) + steps


def _forward(operands: Sequence[Any], params: Params) -> tuple[int, ...]:
    batches = [x.shape[:-2] for x in operands[:3]]
    rank = max(map(len, batches))
    aligned = [(1,) * (rank - len(b)) + tuple(b) for b in batches]
    out = [next((n for n in sizes if n != 1), 1) for sizes in zip(*aligned, strict=True)]
    return _dims(operands, _FORWARD, out, params)


def _backward(operands: Sequence[Any], params: Params) -> tuple[int, ...]:
    return _dims(operands, _BACKWARD, operands[2].shape[:-2], params)


ROWS = {
    "attention": Library("lm_attention", _forward, _accepts, fits=_fits),
    "attention_grad": Library("lm_attention_grad", _backward, _accepts_grad, fits=_fits),
}
