"""Backward rules of recurrent layers: a step over all time steps gives the cotangents of the gates, and one product of
all of them with the states before gives those of the weights.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import cat, tanh, zeros
from lamella.tensor import sum as t_sum
from lamella.tensor.extend import OPS, dispatch, previous_state

from ._row import row

__all__ = ["VJP"]

_WEIGHT = OPS["linear_weight_grad"]


def _weight(g: Any, x: Any) -> Any:
    return dispatch(_WEIGHT, (g, x.to(g.dtype)))


def _before(ctx: Any, first: int, rows: Any) -> Any:
    return previous_state(ctx.x(first), rows, ctx.params["sizes"], ctx.params["reverse"])


def _filled(g: Any, like: Any) -> Any:
    return zeros(like.shape, dtype=like.dtype) if g is None else g


def rnn_layer(ctx: Any, gy: Any) -> Any:
    y = ctx.y(0)
    g, gh = dispatch(OPS["rnn_layer_grad"], (gy, ctx.x(2), y), ctx.params)
    return g, gh, _weight(g, _before(ctx, 1, y)) if ctx.needs(2) else None


def lstm_layer(ctx: Any, gy: Any, gc: Any, gg: Any) -> Any:
    w, w_out, y, cells, gates = ctx.x(3), ctx.x(4), ctx.y(0), ctx.y(1), ctx.y(2)
    args = (_filled(gy, y), gc, gg, ctx.x(2), w, w_out, cells, gates)
    g, go, gh, gc = dispatch(OPS["lstm_layer_grad"], args, ctx.params)
    gw = _weight(g, _before(ctx, 1, y)) if ctx.needs(3) else None
    gw_out = None
    if ctx.needs(4):
        k = cells.shape[1]
        gw_out = _weight(go, gates[:, 3 * k :] * tanh(cells.to(gates.dtype)))
    return g, gh, gc, gw, gw_out


def gru_layer(ctx: Any, gy: Any, gg: Any) -> Any:
    h, y, gates = ctx.x(1), ctx.y(0), ctx.y(1)
    g, gn, gh = dispatch(OPS["gru_layer_grad"], (_filled(gy, y), gg, h, ctx.x(2), y, gates), ctx.params)
    k = y.shape[1]
    gw = _weight(cat([g[:, : 2 * k], gn], 1), _before(ctx, 1, y)) if ctx.needs(2) else None
    return g, gh, gw, t_sum(gn, 0) if ctx.needs(3) else None


_RNN = "1 2 o0"
_LSTM = "1 2 3 4 o0 o1 o2"
_GRU = "1 2 o0 o1"
VJP = {
    "rnn_layer": row(rnn_layer, _RNN, _RNN, _RNN),
    "lstm_layer": row(lstm_layer, _LSTM, _LSTM, _LSTM, _LSTM, _LSTM),
    "gru_layer": row(gru_layer, _GRU, _GRU, _GRU, _GRU),
}
