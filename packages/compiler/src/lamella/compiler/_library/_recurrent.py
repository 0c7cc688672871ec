"""Recurrent layers over all their steps, and the steps of their backward rules (`_native/library/{lstm,gru}.h`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamella.compiler._library._row import FLOATS, ITEM_BYTES, Library, Params
from lamella.compiler._native._load import runtime

_MOST = 2**31 - 1  # sizes of a BLAS with 32-bit ones
_LANES = 16  # the widest vector of floats, and how many columns the widest panel of weights has
_PANEL = 32


def _accepts(types: Sequence[Any], _: Params) -> bool:
    """Real floats, where numpy's BLAS was found."""
    tensors = [t for t in types if t is not None]
    blas = runtime().blas
    if blas is None or tensors[0].dtype.short not in FLOATS:
        return False
    return blas.wide or max(math.prod(t.shape) for t in tensors) <= _MOST


def _sizes(x: Any, state: int, units: int, params: Params) -> tuple[int, ...]:
    """What the kernels read (`lm_layer`), behind the bytes of an element; steps without rows are left out."""
    sizes = [n for n in params["sizes"] if n]
    relu = params.get("nonlinearity") == "relu"
    batch = max(sizes, default=0)
    return ITEM_BYTES[x.dtype], batch, state, units, int(params["reverse"]), int(relu), len(sizes), *sizes


def _up(n: int, step: int) -> int:
    return -(-n // step) * step


def _room(gates: int, h: Any, units: int, cells: int = 0) -> int:
    """Bytes for two states, `cells` more of the units, and the weights in panels of the gates' columns."""
    batch, state = h.shape
    elements: int = 2 * batch * state + cells * batch * units + state * _up(gates * _up(units, _LANES), _PANEL)
    return ITEM_BYTES[h.dtype] * elements


def _room_back(operands: Sequence[Any], weights: int) -> int:
    """Bytes for the weights in panels of the state's columns."""
    across, state = operands[weights].shape
    return ITEM_BYTES[operands[weights].dtype] * int(across) * _up(state, _PANEL)


def _lstm(operands: Sequence[Any], params: Params) -> tuple[int, ...]:
    x, h, c = operands[:3]
    return _sizes(x, h.shape[1], c.shape[1], params)


def _lstm_room(operands: Sequence[Any], _: Params) -> int:
    _x, h, c, _w, w_out = operands
    return _room(4, h, c.shape[1], 1 if w_out is None else 2)


def _lstm_grad(operands: Sequence[Any], params: Params) -> tuple[int, ...]:
    gy, _gc, _gg, c = operands[:4]
    return _sizes(gy, gy.shape[1], c.shape[1], params)


def _square(which: int) -> Any:
    """The sizes of a layer whose outputs are its state, from the operand that is as wide."""

    def dims(operands: Sequence[Any], params: Params) -> tuple[int, ...]:
        x = operands[which]
        return _sizes(x, x.shape[1], x.shape[1], params)

    return dims


ROWS = {
    "rnn_layer": Library("lm_rnn_layer", _square(1), _accepts, lambda o, _: _room(1, o[1], o[1].shape[1])),
    "rnn_layer_grad": Library("lm_rnn_layer_grad", _square(0), _accepts, lambda o, _: _room_back(o, 1)),
    "lstm_layer": Library("lm_lstm_layer", _lstm, _accepts, _lstm_room),
    "lstm_layer_grad": Library("lm_lstm_layer_grad", _lstm_grad, _accepts, lambda o, _: _room_back(o, 4)),
    "gru_layer": Library("lm_gru_layer", _square(1), _accepts, lambda o, _: _room(3, o[1], o[1].shape[1])),
    "gru_layer_grad": Library("lm_gru_layer_grad", _square(0), _accepts, lambda o, _: _room_back(o, 3)),
}
