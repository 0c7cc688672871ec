"""Bodies of the recurrent layers' ops and of the steps of their backward rules: one time step after the other, in ops.

Rows, batch sizes and the order of gates are told in `_ops/recurrent.py`.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from . import _pointwise as p
from ._creation import constant, zeros
from ._dtype import float32, from_numpy_dtype
from ._functions.common import run, to_dtype
from ._functions.joining import cat
from ._functions.movement import narrow, permute
from ._functions.product import matmul
from ._op import OPS

__all__ = ["last_state", "previous_state"]


def _wide(x: Any) -> Any:
    return x if x is None or x._data.dtype.itemsize >= 4 else to_dtype(x, float32)


def _as(x: Any, like: Any) -> Any:
    return to_dtype(x, from_numpy_dtype(like._data.dtype))


def _steps(sizes: tuple[int, ...], reverse: bool) -> list[tuple[int, int]]:
    """(first row, number of rows) of each step in the order of the walk."""
    starts = [0, *itertools.accumulate(sizes)]
    steps = list(zip(starts, sizes, strict=False))
    return steps[::-1] if reverse else steps


def _columns(x: Any, width: int, i: int, count: int = 1) -> Any:
    return narrow(x, 1, i * width, count * width)


class _Rows:
    """Results of steps, joined in the order of time."""

    def __init__(self, reverse: bool) -> None:
        self.parts: list[Any] = []
        self.reverse = reverse

    def joined(self) -> Any:
        return cat(self.parts[::-1] if self.reverse else self.parts, 0)


def _resized(state: Any, first: Any, n: int) -> Any:
    """The state of n sequences: some have ended, or some begin with their first state."""
    had = state._data.shape[0]
    if had == n:
        return state
    return narrow(state, 0, 0, n) if had > n else cat([state, narrow(first, 0, had, n - had)], 0)


def previous_state(first: Any, rows: Any, sizes: tuple[int, ...], reverse: bool) -> Any:
    """The state before each row: what the step before left there, or the first state."""
    n = sizes[0]
    if sizes[-1] == n:
        kept = rows._data.shape[0] - n
        if not kept:
            return first
        return cat([narrow(rows, 0, n, kept), first], 0) if reverse else cat([first, narrow(rows, 0, 0, kept)], 0)
    order, before = [], None
    for start, count in _steps(sizes, reverse):
        known = min(count, before[1]) if before else 0
        earlier = np.arange(known) + (n + before[0] if before else 0)
        order.append(np.concatenate([earlier, np.arange(known, count)]))
        before = (start, count)
    at = np.concatenate(order[::-1] if reverse else order)
    return run("take", (cat([first, rows], 0), constant(at)), dim=0)


def last_state(rows: Any, sizes: tuple[int, ...], reverse: bool) -> Any:
    """The state after each sequence's last step of the walk."""
    n = sizes[0]
    if reverse:
        return narrow(rows, 0, 0, n)
    if sizes[-1] == n:
        return narrow(rows, 0, rows._data.shape[0] - n, n)
    lengths = [sum(size > i for size in sizes) for i in range(n)]
    starts = [0, *itertools.accumulate(sizes)]
    at = np.asarray([starts[length - 1] + i for i, length in enumerate(lengths)], np.int64)
    return run("take", (rows, constant(at)), dim=0)


def _rnn_body(x: Any, h: Any, w: Any, *, sizes: tuple[int, ...], reverse: bool, nonlinearity: str) -> Any:
    xs, first, wt = _wide(x), _wide(h), permute(_wide(w), 1, 0)
    state, y = narrow(first, 0, 0, 0), _Rows(reverse)
    for start, n in _steps(sizes, reverse):
        a = p.add(narrow(xs, 0, start, n), matmul(_resized(state, first, n), wt))
        state = p.tanh(a) if nonlinearity == "tanh" else p.relu(a)
        y.parts.append(state)
    return _as(y.joined(), x)


def _back(state: Any, n: int) -> Any:
    """The cotangent of the state of n sequences, zero for those that later steps do not have."""
    had = state._data.shape[0]
    if had >= n:
        return narrow(state, 0, 0, n)
    return cat([state, zeros(n - had, state._data.shape[1], dtype=from_numpy_dtype(state._data.dtype))], 0)


def _ended(before: Any, now: Any) -> Any:
    """The cotangents of a state: of those that a step has, and of those that began after it."""
    had, n = before._data.shape[0], now._data.shape[0]
    return cat([now, narrow(before, 0, n, had - n)], 0) if had > n else now


def _rnn_grad_body(gy: Any, w: Any, y: Any, *, sizes: tuple[int, ...], reverse: bool, nonlinearity: str) -> Any:
    gy, w, y = _wide(gy), _wide(w), _wide(y)
    back, g = narrow(y, 0, 0, 0), _Rows(not reverse)
    for start, n in _steps(sizes, not reverse):
        out = narrow(y, 0, start, n)
        d = p.add(_back(back, n), narrow(gy, 0, start, n))
        part = p.mul(d, p.sub(1.0, p.mul(out, out))) if nonlinearity == "tanh" else run("relu_grad", (d, out))
        g.parts.append(part)
        back = _ended(back, matmul(part, w))
    return g.joined(), back


def _lstm_body(x: Any, h: Any, c: Any, w: Any, w_out: Any, *, sizes: tuple[int, ...], reverse: bool) -> Any:
    xs, first, first_c, wt = _wide(x), _wide(h), _wide(c), permute(_wide(w), 1, 0)
    k = c._data.shape[1]
    state, cell = narrow(first, 0, 0, 0), narrow(first_c, 0, 0, 0)
    y, cells, gates = _Rows(reverse), _Rows(reverse), _Rows(reverse)
    for start, n in _steps(sizes, reverse):
        a = p.add(narrow(xs, 0, start, n), matmul(_resized(state, first, n), wt))
        in_, forget, new, out = (
            p.tanh(_columns(a, k, i)) if i == 2 else p.sigmoid(_columns(a, k, i)) for i in range(4)
        )
        cell = p.add(p.mul(forget, _resized(cell, first_c, n)), p.mul(in_, new))
        state = p.mul(out, p.tanh(cell))
        if w_out is not None:
            state = matmul(state, permute(_wide(w_out), 1, 0))
        y.parts.append(state)
        cells.parts.append(cell)
        gates.parts.append(cat([in_, forget, new, out], 1))
    return _as(y.joined(), x), _as(cells.joined(), x), gates.joined()


def _lstm_grad_body(
    gy: Any, gc: Any, gg: Any, c: Any, w: Any, w_out: Any, cells: Any, gates: Any, *,
    sizes: tuple[int, ...], reverse: bool,
) -> Any:  # fmt: skip
    gy, gc, gg, c, w, w_out, cells, gates = map(_wide, (gy, gc, gg, c, w, w_out, cells, gates))
    k = c._data.shape[1]
    before = previous_state(c, cells, sizes, reverse)
    back, back_c = narrow(gy, 0, 0, 0), narrow(c, 0, 0, 0)
    g, gh = _Rows(not reverse), _Rows(not reverse)
    for start, n in _steps(sizes, not reverse):
        a = narrow(gates, 0, start, n)
        in_, forget, new, out = (_columns(a, k, i) for i in range(4))
        dh = p.add(_back(back, n), narrow(gy, 0, start, n))
        d = dh if w_out is None else matmul(dh, w_out)
        t = p.tanh(narrow(cells, 0, start, n))
        dc = p.add(_back(back_c, n), p.mul(p.mul(d, out), p.sub(1.0, p.mul(t, t))))
        if gc is not None:
            dc = p.add(dc, narrow(gc, 0, start, n))
        part = cat([p.mul(dc, new), p.mul(dc, narrow(before, 0, start, n)), p.mul(dc, in_), p.mul(d, t)], 1)
        if gg is not None:
            part = p.add(part, narrow(gg, 0, start, n))
        sigmoid, tanh = p.mul(a, p.sub(1.0, a)), p.sub(1.0, p.mul(new, new))
        part = p.mul(part, cat([_columns(sigmoid, k, 0, 2), tanh, _columns(sigmoid, k, 3)], 1))
        g.parts.append(part)
        gh.parts.append(dh)
        back, back_c = _ended(back, matmul(part, w)), _ended(back_c, p.mul(dc, forget))
    return g.joined(), gh.joined(), back, back_c


def _gru_body(x: Any, h: Any, w: Any, bias: Any, *, sizes: tuple[int, ...], reverse: bool) -> Any:
    xs, first, wt = _wide(x), _wide(h), permute(_wide(w), 1, 0)
    k = h._data.shape[1]
    state, y, gates = narrow(first, 0, 0, 0), _Rows(reverse), _Rows(reverse)
    for start, n in _steps(sizes, reverse):
        old, a = _resized(state, first, n), narrow(xs, 0, start, n)
        products = matmul(old, wt)
        rz = p.sigmoid(p.add(_columns(a, k, 0, 2), _columns(products, k, 0, 2)))
        inner = _columns(products, k, 2)
        if bias is not None:
            inner = p.add(inner, _wide(bias))
        new = p.tanh(p.add(_columns(a, k, 2), p.mul(_columns(rz, k, 0), inner)))
        state = p.add(new, p.mul(_columns(rz, k, 1), p.sub(old, new)))
        y.parts.append(state)
        gates.parts.append(cat([rz, new, inner], 1))
    return _as(y.joined(), x), gates.joined()


def _gru_grad_body(
    gy: Any, gg: Any, h: Any, w: Any, y: Any, gates: Any, *, sizes: tuple[int, ...], reverse: bool
) -> Any:
    gy, gg, h, w, y, gates = map(_wide, (gy, gg, h, w, y, gates))
    k = h._data.shape[1]
    before = previous_state(h, y, sizes, reverse)
    back, gx, gn = narrow(h, 0, 0, 0), _Rows(not reverse), _Rows(not reverse)
    for start, n in _steps(sizes, not reverse):
        a = narrow(gates, 0, start, n)
        r, z, new, inner = (_columns(a, k, i) for i in range(4))
        d = p.add(_back(back, n), narrow(gy, 0, start, n))
        dz, dn = p.mul(d, p.sub(narrow(before, 0, start, n), new)), p.mul(d, p.sub(1.0, z))
        g = None if gg is None else narrow(gg, 0, start, n)
        if g is not None:
            dn = p.add(dn, _columns(g, k, 2))
        dn = p.mul(dn, p.sub(1.0, p.mul(new, new)))
        drz, di = cat([p.mul(dn, inner), dz], 1), p.mul(dn, r)
        if g is not None:
            drz, di = p.add(drz, _columns(g, k, 0, 2)), p.add(di, _columns(g, k, 3))
        rz = _columns(a, k, 0, 2)
        drz = p.mul(drz, p.mul(rz, p.sub(1.0, rz)))
        gx.parts.append(cat([drz, dn], 1))
        gn.parts.append(di)
        back = _ended(back, p.add(p.mul(d, z), matmul(cat([drz, di], 1), w)))
    return gx.joined(), gn.joined(), back


OPS["rnn_layer"].body = _rnn_body
OPS["lstm_layer"].body = _lstm_body
OPS["gru_layer"].body = _gru_body
OPS["rnn_layer_grad"].body = _rnn_grad_body
OPS["lstm_layer_grad"].body = _lstm_grad_body
OPS["gru_layer_grad"].body = _gru_grad_body
