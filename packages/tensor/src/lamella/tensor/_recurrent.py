"""Bodies of the recurrent layers' ops and of the steps of their backward rules: a loop over time steps, in ops.

Rows, batch sizes and the order of gates are told in `_ops/recurrent.py`. Steps of one batch size follow one another in
a segment, which is one loop: a plain sequence is one segment, a packed one has a segment for each length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from . import _pointwise as p
from ._creation import zeros
from ._dtype import float32, from_numpy_dtype
from ._functions.common import run, to_dtype
from ._functions.joining import cat
from ._functions.movement import narrow, permute, reshape
from ._functions.product import matmul
from ._loops import loop
from ._op import OPS

__all__ = ["last_state", "previous_state"]

_Step = Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], tuple[list[Any], list[Any]]]


def _wide(x: Any) -> Any:
    return x if x is None or x._data.dtype.itemsize >= 4 else to_dtype(x, float32)


def _as(x: Any, like: Any) -> Any:
    return to_dtype(x, from_numpy_dtype(like._data.dtype))


def _segments(sizes: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(first row, rows a step, steps) of the segments, in the order of time."""
    found, at = [], 0
    for n, group in groupby(sizes):
        count = len(list(group))
        found.append((at, n, count))
        at += n * count
    return found


def _columns(x: Any, width: int, i: int, count: int = 1) -> Any:
    return narrow(x, x._data.ndim - 1, i * width, count * width)


def _joined(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else cat(parts, 0)


def _resized(state: Any, first: Any, n: int) -> Any:
    """The state of n sequences: some have ended, or some begin with their first state."""
    if state is None:
        return narrow(first, 0, 0, n)
    had = state._data.shape[0]
    if had >= n:
        return narrow(state, 0, 0, n)
    return cat([state, narrow(first, 0, had, n - had)], 0)


def _back(state: Any, n: int, like: Any) -> Any:
    """The cotangent of the state of n sequences, zero for those that later steps do not have."""
    had = 0 if state is None else state._data.shape[0]
    if had and had >= n:
        return narrow(state, 0, 0, n)
    new = zeros(n - had, like._data.shape[1], dtype=from_numpy_dtype(like._data.dtype))
    return cat([state, new], 0) if had else new


def _ended(before: Any, now: Any) -> Any:
    """The cotangents of a state: of those that a segment has, and of those that began after it."""
    had, n = 0 if before is None else before._data.shape[0], now._data.shape[0]
    return cat([now, narrow(before, 0, n, had - n)], 0) if had > n else now


def _walk(
    step: _Step,
    captured: list[Any],
    xs: list[Any],
    sizes: tuple[int, ...],
    reverse: bool,
    enter: Callable[[list[Any], int], list[Any]],
    leave: Callable[[list[Any], list[Any]], list[Any]],
) -> tuple[list[Any], list[Any]]:
    """(the state at the end, results joined in the order of time) of a step over rows: `enter` makes the state of a
    segment's n sequences from that before it, `leave` what stands after it.
    """
    state: list[Any] = []
    kept: list[list[Any]] = []
    segments = _segments(sizes)
    for start, n, count in reversed(segments) if reverse else segments:
        rows = [reshape(narrow(x, 0, start, n * count), count, n, x._data.shape[1]) for x in xs]
        now, results = loop(step, captured, enter(state, n), rows, reverse)
        state = leave(state, now)
        kept.append([reshape(y, count * n, y._data.shape[2]) for y in results])
    if reverse:
        kept.reverse()
    return state, [_joined(list(column)) for column in zip(*kept, strict=True)]


def _forward(step: _Step, captured: list[Any], first: list[Any], xs: Any, sizes: Any, reverse: bool) -> list[Any]:
    """Results of a layer: its states begin with `first`."""

    def enter(state: list[Any], n: int) -> list[Any]:
        return [_resized(state[i] if state else None, f, n) for i, f in enumerate(first)]

    return _walk(step, captured, [xs], sizes, reverse, enter, lambda _, now: now)[1]


def _backward(
    step: _Step, captured: list[Any], like: list[Any], xs: list[Any], sizes: Any, reverse: bool
) -> tuple[list[Any], list[Any]]:
    """(cotangents of the first states, results) of a layer's way back, against its walk."""

    def enter(state: list[Any], n: int) -> list[Any]:
        return [_back(state[i] if state else None, n, x) for i, x in enumerate(like)]

    def leave(before: list[Any], now: list[Any]) -> list[Any]:
        return [_ended(before[i] if before else None, x) for i, x in enumerate(now)]

    return _walk(step, captured, xs, sizes, not reverse, enter, leave)


def previous_state(first: Any, rows: Any, sizes: tuple[int, ...], reverse: bool) -> Any:
    """The state before each row: what the step before left there, or the first state."""
    segments = _segments(sizes)
    parts: list[Any] = []

    def part(x: Any, start: int, count: int) -> None:
        if count:
            parts.append(narrow(x, 0, start, count))

    for k, (start, n, count) in enumerate(segments):
        if reverse:
            after, more = segments[k + 1][:2] if k + 1 < len(segments) else (0, 0)
            part(rows, start + n, n * (count - 1))
            part(rows, after, more)
            part(first, more, n - more)
        elif k == 0:
            part(first, 0, n)
            part(rows, start, n * (count - 1))
        else:
            before = segments[k - 1]
            part(rows, start - before[1], n)
            part(rows, start, n * (count - 1))
    return _joined(parts) if parts else narrow(rows, 0, 0, 0)


def last_state(rows: Any, sizes: tuple[int, ...], reverse: bool) -> Any:
    """The state after each sequence's last step of the walk."""
    if reverse:
        return narrow(rows, 0, 0, sizes[0])
    parts, known = [], 0
    for start, n, count in reversed(_segments(sizes)):
        parts.append(narrow(rows, 0, start + n * (count - 1) + known, n - known))
        known = n
    return _joined(parts)


def _rnn_body(x: Any, h: Any, w: Any, *, sizes: tuple[int, ...], reverse: bool, nonlinearity: str) -> Any:
    def step(captured: Any, carry: Any, rows: Any) -> Any:
        a = p.add(rows[0], matmul(carry[0], captured[0]))
        state = p.tanh(a) if nonlinearity == "tanh" else p.relu(a)
        return [state], [state]

    (y,) = _forward(step, [permute(_wide(w), 1, 0)], [_wide(h)], _wide(x), sizes, reverse)
    return _as(y, x)


def _rnn_grad_body(gy: Any, w: Any, y: Any, *, sizes: tuple[int, ...], reverse: bool, nonlinearity: str) -> Any:
    gy, w, y = _wide(gy), _wide(w), _wide(y)

    def step(captured: Any, carry: Any, rows: Any) -> Any:
        g, out = rows
        d = p.add(carry[0], g)
        part = p.mul(d, p.sub(1.0, p.mul(out, out))) if nonlinearity == "tanh" else run("relu_grad", (d, out))
        return [matmul(part, captured[0])], [part]

    (back,), (g,) = _backward(step, [w], [y], [gy, y], sizes, reverse)
    return g, back


def _lstm_body(x: Any, h: Any, c: Any, w: Any, w_out: Any, *, sizes: tuple[int, ...], reverse: bool) -> Any:
    k = c._data.shape[1]

    def step(captured: Any, carry: Any, rows: Any) -> Any:
        a = p.add(rows[0], matmul(carry[0], captured[0]))
        in_, forget, new, out = (
            p.tanh(_columns(a, k, i)) if i == 2 else p.sigmoid(_columns(a, k, i)) for i in range(4)
        )
        cell = p.add(p.mul(forget, carry[1]), p.mul(in_, new))
        state = p.mul(out, p.tanh(cell))
        if w_out is not None:
            state = matmul(state, captured[1])
        return [state, cell], [state, cell, cat([in_, forget, new, out], 1)]

    weights = [permute(_wide(v), 1, 0) for v in (w, w_out) if v is not None]
    y, cells, gates = _forward(step, weights, [_wide(h), _wide(c)], _wide(x), sizes, reverse)
    return _as(y, x), _as(cells, x), gates


def _lstm_grad_body(
    gy: Any, gc: Any, gg: Any, c: Any, w: Any, w_out: Any, cells: Any, gates: Any, *,
    sizes: tuple[int, ...], reverse: bool,
) -> Any:  # fmt: skip
    gy, gc, gg, c, w, w_out, cells, gates = map(_wide, (gy, gc, gg, c, w, w_out, cells, gates))
    k = c._data.shape[1]

    def step(captured: Any, carry: Any, rows: Any) -> Any:
        rest = iter(rows)
        g, a, now, before = (next(rest) for _ in range(4))
        in_, forget, new, out = (_columns(a, k, i) for i in range(4))
        dh = p.add(carry[0], g)
        d = dh if w_out is None else matmul(dh, captured[1])
        t = p.tanh(now)
        dc = p.add(carry[1], p.mul(p.mul(d, out), p.sub(1.0, p.mul(t, t))))
        if gc is not None:
            dc = p.add(dc, next(rest))
        part = cat([p.mul(dc, new), p.mul(dc, before), p.mul(dc, in_), p.mul(d, t)], 1)
        if gg is not None:
            part = p.add(part, next(rest))
        sigmoid, tanh = p.mul(a, p.sub(1.0, a)), p.sub(1.0, p.mul(new, new))
        part = p.mul(part, cat([_columns(sigmoid, k, 0, 2), tanh, _columns(sigmoid, k, 3)], 1))
        return [matmul(part, captured[0]), p.mul(dc, forget)], [part, dh]

    xs = [gy, gates, cells, previous_state(c, cells, sizes, reverse), *[g for g in (gc, gg) if g is not None]]
    weights = [v for v in (w, w_out) if v is not None]
    (back, back_c), (g, gh) = _backward(step, weights, [gy, c], xs, sizes, reverse)
    return g, gh, back, back_c


def _gru_body(x: Any, h: Any, w: Any, bias: Any, *, sizes: tuple[int, ...], reverse: bool) -> Any:
    k = h._data.shape[1]

    def step(captured: Any, carry: Any, rows: Any) -> Any:
        (old,), (a,) = carry, rows
        products = matmul(old, captured[0])
        rz = p.sigmoid(p.add(_columns(a, k, 0, 2), _columns(products, k, 0, 2)))
        inner = _columns(products, k, 2)
        if bias is not None:
            inner = p.add(inner, captured[1])
        new = p.tanh(p.add(_columns(a, k, 2), p.mul(_columns(rz, k, 0), inner)))
        state = p.add(new, p.mul(_columns(rz, k, 1), p.sub(old, new)))
        return [state], [state, cat([rz, new, inner], 1)]

    captured = [permute(_wide(w), 1, 0), *([] if bias is None else [_wide(bias)])]
    y, gates = _forward(step, captured, [_wide(h)], _wide(x), sizes, reverse)
    return _as(y, x), gates


def _gru_grad_body(
    gy: Any, gg: Any, h: Any, w: Any, y: Any, gates: Any, *, sizes: tuple[int, ...], reverse: bool
) -> Any:
    gy, gg, h, w, y, gates = map(_wide, (gy, gg, h, w, y, gates))
    k = h._data.shape[1]

    def step(captured: Any, carry: Any, rows: Any) -> Any:
        rest = iter(rows)
        gy, a, before = (next(rest) for _ in range(3))
        g = None if gg is None else next(rest)
        r, z, new, inner = (_columns(a, k, i) for i in range(4))
        d = p.add(carry[0], gy)
        dz, dn = p.mul(d, p.sub(before, new)), p.mul(d, p.sub(1.0, z))
        if g is not None:
            dn = p.add(dn, _columns(g, k, 2))
        dn = p.mul(dn, p.sub(1.0, p.mul(new, new)))
        drz, di = cat([p.mul(dn, inner), dz], 1), p.mul(dn, r)
        if g is not None:
            drz, di = p.add(drz, _columns(g, k, 0, 2)), p.add(di, _columns(g, k, 3))
        rz = _columns(a, k, 0, 2)
        drz = p.mul(drz, p.mul(rz, p.sub(1.0, rz)))
        back = p.add(p.mul(d, z), matmul(cat([drz, di], 1), captured[0]))
        return [back], [cat([drz, dn], 1), di]

    xs = [gy, gates, previous_state(h, y, sizes, reverse), *([] if gg is None else [gg])]
    (back,), (gx, gn) = _backward(step, [w], [h], xs, sizes, reverse)
    return gx, gn, back


OPS["rnn_layer"].body = _rnn_body
OPS["lstm_layer"].body = _lstm_body
OPS["gru_layer"].body = _gru_body
OPS["rnn_layer_grad"].body = _rnn_grad_body
OPS["lstm_layer_grad"].body = _lstm_grad_body
OPS["gru_layer_grad"].body = _gru_grad_body
