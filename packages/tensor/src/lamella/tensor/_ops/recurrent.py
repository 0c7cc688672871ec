"""Recurrent layers: one direction over a whole sequence is one op, and so is the step of its backward rule.

Operands are rows: the rows of time step t are the `sizes[t]` sequences that are that long, so that packed sequences
and plain ones are the same thing. `x` has the projected inputs of all steps, from one product outside; what is left of
a step is one product with the state and a few passes over its gates, which fit a cache. `reverse` walks from the last
step to the first. The gates that backward needs are outputs. The bodies stand in `_functions/recurrent.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from ._parts import with_products

__all__: list[str] = []


# multiplications of a step's product from which a second thread is worth waking: each then walks through all steps, and
# waits for no other at every one
_PRODUCT = 1 << 20


def _wide(x: Any) -> Any:
    return None if x is None else x.astype(np.float32) if x.dtype.itemsize < 4 else x


def _walk(sizes: tuple[int, ...], reverse: bool, low: int, high: int) -> Iterator[tuple[slice, int]]:
    """(rows of a step, how many there are) of the sequences low..high, in the order of the walk."""
    starts = [0, *itertools.accumulate(sizes)]
    steps = [(slice(at + low, at + min(n, high)), min(n, high) - low) for at, n in zip(starts, sizes, strict=False)]
    steps = [step for step in steps if step[1] > 0]
    return iter(reversed(steps) if reverse else steps)


def _share(w: Any, n: int, body: Callable[[int, int], None]) -> None:
    """body(low, high) over ranges of the n sequences: on several threads where a step's product with w is large."""
    if n < 8 or n * w.size < _PRODUCT:
        body(0, n)
    else:
        with_products(n, body)


def _row(dtype: Any, width: int, *values: float) -> Any:
    """A row that has each value `width` times."""
    return np.repeat(np.asarray(values, dtype), width)


# -- the plain recurrence ---------------------------------------------------------------------------------------------


def _rnn(x: Any, h: Any, w: Any, *, sizes: tuple[int, ...], reverse: bool, nonlinearity: str) -> Any:
    _rnn_shape(x, h, w, sizes=sizes, reverse=reverse, nonlinearity=nonlinearity)
    xs, first, wt = _wide(x), _wide(h), _wide(w).T
    y = np.empty_like(xs)

    def run(low: int, high: int) -> None:
        state = first[low:high].copy()
        for at, n in _walk(sizes, reverse, low, high):
            out = y[at]
            np.matmul(state[:n], wt, out=out)
            out += xs[at]
            if nonlinearity == "tanh":
                np.tanh(out, out=out)
            else:
                np.maximum(out, 0, out=out)
            state[:n] = out

    _share(w, len(first), run)
    return y.astype(x.dtype, copy=False)


def _rnn_grad(gy: Any, w: Any, y: Any, *, sizes: tuple[int, ...], reverse: bool, nonlinearity: str) -> tuple[Any, Any]:
    gy, w, y = _wide(gy), _wide(w), _wide(y)
    g = np.empty_like(y)
    whole = np.zeros((max(sizes, default=0), y.shape[1]), y.dtype)

    def run(low: int, high: int) -> None:
        back = whole[low:high]
        for at, n in _walk(sizes, not reverse, low, high):
            part, out = g[at], y[at]
            if nonlinearity == "tanh":
                np.multiply(out, out, out=part)
                np.subtract(1, part, out=part)
            else:
                np.greater(out, 0, out=part, casting="unsafe")
            back[:n] += gy[at]
            part *= back[:n]
            np.matmul(part, w, out=back[:n])

    _share(w, len(whole), run)
    return g, whole


# -- LSTM -------------------------------------------------------------------------------------------------------------


def _lstm(x: Any, h: Any, c: Any, w: Any, w_out: Any, *, sizes: tuple[int, ...], reverse: bool) -> Any:
    _lstm_shape(x, h, c, w, w_out, sizes=sizes, reverse=reverse)
    xs, first, first_c, wt = _wide(x), _wide(h), _wide(c), _wide(w).T
    proj = None if w_out is None else _wide(w_out).T
    k = c.shape[1]
    gates = np.empty_like(xs)
    y, cells = np.empty((xs.shape[0], first.shape[1]), xs.dtype), np.empty((xs.shape[0], k), xs.dtype)
    # sigmoid(a) = (tanh(a / 2) + 1) / 2: one tanh over all four gates
    half, shift = _row(xs.dtype, k, 0.5, 0.5, 1, 0.5), _row(xs.dtype, k, 0.5, 0.5, 0, 0.5)

    def run(low: int, high: int) -> None:
        state, cell = first[low:high].copy(), first_c[low:high].copy()
        passed = np.empty_like(cell)
        for at, n in _walk(sizes, reverse, low, high):
            a, now, old, new = gates[at], cells[at], cell[:n], passed[:n]
            np.matmul(state[:n], wt, out=a)
            a += xs[at]
            a *= half
            np.tanh(a, out=a)
            a *= half
            a += shift
            np.multiply(a[:, k : 2 * k], old, out=old)
            np.multiply(a[:, :k], a[:, 2 * k : 3 * k], out=new)
            np.add(old, new, out=now)
            old[...] = now
            np.tanh(now, out=new)
            out = y[at]
            if proj is None:
                np.multiply(a[:, 3 * k :], new, out=out)
            else:
                new *= a[:, 3 * k :]
                np.matmul(new, proj, out=out)
            state[:n] = out

    _share(w, len(first), run)
    return tuple(v.astype(x.dtype, copy=False) for v in (y, cells)) + (gates,)


def _lstm_grad(
    gy: Any, gc: Any, gg: Any, c: Any, w: Any, w_out: Any, cells: Any, gates: Any, *,
    sizes: tuple[int, ...], reverse: bool,
) -> Any:  # fmt: skip
    """(cotangent of the gates before their activation, of the outputs with what later steps add, of h, of c)."""
    gy, gc, gg, c, w, w_out, cells, gates = map(_wide, (gy, gc, gg, c, w, w_out, cells, gates))
    k = c.shape[1]
    g, gh = np.empty_like(gates), np.empty_like(gy)
    whole, whole_c = np.zeros((c.shape[0], gy.shape[1]), gy.dtype), np.zeros_like(c)

    def run(low: int, high: int) -> None:
        back, back_c = whole[low:high], whole_c[low:high]
        squash, slope = np.empty_like(back_c), np.empty((high - low, 4 * k), c.dtype)
        for (at, n), before in zip(
            _walk(sizes, not reverse, low, high), _before(sizes, reverse, c, cells, low, high), strict=True
        ):
            a, part, dh, dc, t, s = gates[at], g[at], gh[at], back_c[:n], squash[:n], slope[:n]
            np.add(back[:n], gy[at], out=dh)
            d = dh if w_out is None else np.matmul(dh, w_out)  # of o * tanh(c)
            np.tanh(cells[at], out=t)
            np.multiply(d, t, out=part[:, 3 * k :])
            t *= t
            np.subtract(1, t, out=t)
            t *= d
            t *= a[:, 3 * k :]
            dc += t
            if gc is not None:
                dc += gc[at]
            np.multiply(dc, a[:, 2 * k : 3 * k], out=part[:, :k])
            np.multiply(dc, before, out=part[:, k : 2 * k])
            np.multiply(dc, a[:, :k], out=part[:, 2 * k : 3 * k])
            dc *= a[:, k : 2 * k]
            if gg is not None:
                part += gg[at]
            # a (1 - a) for sigmoids, (1 + a)(1 - a) for tanh
            np.subtract(1, a, out=s)
            s[:, : 2 * k] *= a[:, : 2 * k]
            s[:, 3 * k :] *= a[:, 3 * k :]
            np.add(a[:, 2 * k : 3 * k], 1, out=t)
            s[:, 2 * k : 3 * k] *= t
            part *= s
            np.matmul(part, w, out=back[:n])

    _share(w, len(c), run)
    return g, gh, whole, whole_c


def _before(sizes: tuple[int, ...], reverse: bool, first: Any, rows: Any, low: int, high: int) -> Iterator[Any]:
    """The state before each step, from the last step walked to the first: views where they can be."""
    steps = list(_walk(sizes, reverse, low, high))
    first = first[low:high]
    for i in range(len(steps) - 1, -1, -1):
        n = steps[i][1]
        if not i:
            yield first[:n]
            continue
        at, had = steps[i - 1]
        yield rows[at][:n] if had >= n else np.concatenate([rows[at], first[had:n]])


# -- GRU --------------------------------------------------------------------------------------------------------------


def _gru(x: Any, h: Any, w: Any, bias: Any, *, sizes: tuple[int, ...], reverse: bool) -> Any:
    """The gates are r, z, n and, of the state's part of n, what r multiplies."""
    _gru_shape(x, h, w, bias, sizes=sizes, reverse=reverse)
    xs, first, wt, b = _wide(x), _wide(h), _wide(w).T, _wide(bias)
    k = first.shape[1]
    gates, y = np.empty((xs.shape[0], 4 * k), xs.dtype), np.empty((xs.shape[0], k), xs.dtype)

    def run(low: int, high: int) -> None:
        state = first[low:high].copy()
        products = np.empty((state.shape[0], 3 * k), xs.dtype)
        for at, n in _walk(sizes, reverse, low, high):
            a, out, p, x_t, old = gates[at], y[at], products[:n], xs[at], state[:n]
            np.matmul(old, wt, out=p)
            rz, new, inner = a[:, : 2 * k], a[:, 2 * k : 3 * k], a[:, 3 * k :]
            np.add(p[:, : 2 * k], x_t[:, : 2 * k], out=rz)
            rz *= 0.5
            np.tanh(rz, out=rz)
            rz *= 0.5
            rz += 0.5
            if b is None:
                inner[...] = p[:, 2 * k :]
            else:
                np.add(p[:, 2 * k :], b, out=inner)
            np.multiply(a[:, :k], inner, out=new)
            new += x_t[:, 2 * k :]
            np.tanh(new, out=new)
            old -= new
            old *= a[:, k : 2 * k]
            old += new
            out[...] = old

    _share(w, len(first), run)
    return y.astype(x.dtype, copy=False), gates


def _gru_grad(gy: Any, gg: Any, h: Any, w: Any, y: Any, gates: Any, *, sizes: tuple[int, ...], reverse: bool) -> Any:
    """(cotangent of x, of the state's part of n, of h)."""
    gy, gg, h, w, y, gates = map(_wide, (gy, gg, h, w, y, gates))
    k = h.shape[1]
    gx, gn = np.empty((gates.shape[0], 3 * k), gates.dtype), np.empty((gates.shape[0], k), gates.dtype)
    whole = np.zeros_like(h)

    def run(low: int, high: int) -> None:
        back, slope = whole[low:high], np.empty((high - low, 2 * k), h.dtype)
        products = np.empty((high - low, 3 * k), h.dtype)
        for (at, n), before in zip(
            _walk(sizes, not reverse, low, high), _before(sizes, reverse, h, y, low, high), strict=True
        ):
            a, part, inner, d, s, p = gates[at], gx[at], gn[at], back[:n], slope[:n], products[:n]
            r, z, new = a[:, :k], a[:, k : 2 * k], a[:, 2 * k : 3 * k]
            d += gy[at]
            dn = part[:, 2 * k :]
            np.subtract(1, z, out=dn)
            dn *= d
            np.subtract(before, new, out=part[:, k : 2 * k])
            part[:, k : 2 * k] *= d
            if gg is not None:
                dn += gg[at][:, 2 * k : 3 * k]
            t = s[:, :k]
            np.multiply(new, new, out=t)
            np.subtract(1, t, out=t)
            dn *= t
            np.multiply(dn, a[:, 3 * k :], out=part[:, :k])
            np.multiply(dn, r, out=inner)
            if gg is not None:
                part[:, : 2 * k] += gg[at][:, : 2 * k]
                inner += gg[at][:, 3 * k :]
            np.subtract(1, a[:, : 2 * k], out=s)
            s *= a[:, : 2 * k]
            part[:, : 2 * k] *= s
            d *= z
            p[:, : 2 * k] = part[:, : 2 * k]
            p[:, 2 * k :] = inner
            d += np.matmul(p, w)

    _share(w, len(h), run)
    return gx, gn, whole


# -- shapes -----------------------------------------------------------------------------------------------------------


def _stat(dtype: Any) -> Any:
    return np.dtype(np.float32) if dtype.itemsize < 4 else dtype


def _check(
    name: str, gates: int, x: Any, h: Any, w: Any, others: dict[str, tuple[Any, tuple[Any, ...]]], hidden: int,
    sizes: tuple[int, ...],
) -> None:  # fmt: skip
    n = sizes_batch(name, sizes)
    rows = sum(sizes)
    want = {"x": (x, (rows, gates * hidden)), "h": (h, (n, h.shape[-1])), "w": (w, (gates * hidden, h.shape[-1]))}
    for what, (given, shape) in (want | others).items():
        if given is None:
            continue
        if tuple(given.shape) != shape:
            raise ValueError(f"{name}: {what} must be {list(shape)} for batch sizes {sizes}, got {list(given.shape)}")
        if given.dtype != x.dtype:
            raise TypeError(f"{name} needs one dtype, got x {x.dtype} and {what} {given.dtype}; cast with .to(dtype)")
    if x.dtype.kind in "biuc":
        raise TypeError(f"{name} needs floating tensors, got {x.dtype}; convert them with .to(float32)")


def sizes_batch(name: str, sizes: tuple[int, ...]) -> int:
    """How many sequences there are; ValueError unless sizes never grow."""
    if any(later > now for now, later in itertools.pairwise(sizes)):
        raise ValueError(f"{name}: batch sizes must not grow over time, got {sizes}")
    return sizes[0] if sizes else 0


def _rnn_shape(x: Any, h: Any, w: Any, *, sizes: tuple[int, ...], reverse: bool, nonlinearity: str) -> MetaArray:
    _check("rnn_layer", 1, x, h, w, {}, h.shape[-1], sizes)
    return MetaArray(x.shape, x.dtype)


def _lstm_shape(
    x: Any, h: Any, c: Any, w: Any, w_out: Any, *, sizes: tuple[int, ...], reverse: bool
) -> tuple[MetaArray, ...]:
    k = c.shape[-1]
    others: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "c": (c, (h.shape[0], k)),
        "w_out": (w_out, (h.shape[-1], k)),
    }
    _check("lstm_layer", 4, x, h, w, others, k, sizes)
    if w_out is None and h.shape[-1] != k:
        raise ValueError(f"lstm_layer: h must be as wide as c without w_out, got {h.shape} and {c.shape}")
    rows = x.shape[0]
    return (
        MetaArray((rows, h.shape[-1]), x.dtype), MetaArray((rows, k), x.dtype), MetaArray((rows, 4 * k), _stat(x.dtype))
    )  # fmt: skip


def _gru_shape(x: Any, h: Any, w: Any, bias: Any, *, sizes: tuple[int, ...], reverse: bool) -> tuple[MetaArray, ...]:
    k = h.shape[-1]
    _check("gru_layer", 3, x, h, w, {"bias": (bias, (k,))}, k, sizes)
    return MetaArray((x.shape[0], k), x.dtype), MetaArray((x.shape[0], 4 * k), _stat(x.dtype))


def _rnn_grad_shape(gy: Any, w: Any, y: Any, *, sizes: tuple[int, ...], **_: Any) -> tuple[MetaArray, ...]:
    kind = _stat(y.dtype)
    return MetaArray(y.shape, kind), MetaArray((max(sizes, default=0), y.shape[1]), kind)


def _lstm_grad_shape(gy: Any, gc: Any, gg: Any, c: Any, w: Any, w_out: Any, *rest: Any, **_: Any) -> Any:
    kind, gates = _stat(gy.dtype), rest[1]
    wide = MetaArray(gates.shape, kind)
    return wide, MetaArray(gy.shape, kind), MetaArray((c.shape[0], gy.shape[1]), kind), MetaArray(c.shape, kind)


def _gru_grad_shape(gy: Any, gg: Any, h: Any, w: Any, y: Any, gates: Any, **_: Any) -> tuple[MetaArray, ...]:
    kind, k = _stat(gy.dtype), h.shape[1]
    return MetaArray((gy.shape[0], 3 * k), kind), MetaArray(gy.shape, kind), MetaArray(h.shape, kind)


def _flops(xs: list[Any], outs: list[Any], params: dict[str, Any]) -> int:
    # a product of the state of every row with all weights, and some work a gate
    rows, width = outs[0].shape[0], outs[-1].shape[1]
    return int(rows * (2 * width * outs[0].shape[1] + 8 * width))


def _grad_flops(xs: list[Any], outs: list[Any], params: dict[str, Any]) -> int:
    rows, width = outs[0].shape
    return int(rows * (2 * width * outs[-1].shape[1] + 12 * width))  # the last result has the width of the state


Op("rnn_layer", "x, h, w; sizes, reverse, nonlinearity", "opaque", unit=True)
Op("lstm_layer", "x, h, c, w, w_out?; sizes, reverse", "opaque", outputs=3, unit=True)
Op("gru_layer", "x, h, w, bias?; sizes, reverse", "opaque", outputs=2, unit=True)
Op("rnn_layer_grad", "gy, w, y; sizes, reverse, nonlinearity", "opaque", outputs=2, step=True)
Op("lstm_layer_grad", "gy, gc?, gg?, c, w, w_out?, cells, gates; sizes, reverse", "opaque", outputs=4, step=True)
Op("gru_layer_grad", "gy, gg?, h, w, y, gates; sizes, reverse", "opaque", outputs=3, step=True)
register_rules(
    "numpy",
    {
        "rnn_layer": _rnn, "lstm_layer": _lstm, "gru_layer": _gru,
        "rnn_layer_grad": _rnn_grad, "lstm_layer_grad": _lstm_grad, "gru_layer_grad": _gru_grad,
    },
)  # fmt: skip
register_rules(
    "shape",
    {
        "rnn_layer": _rnn_shape, "lstm_layer": _lstm_shape, "gru_layer": _gru_shape,
        "rnn_layer_grad": _rnn_grad_shape, "lstm_layer_grad": _lstm_grad_shape, "gru_layer_grad": _gru_grad_shape,
    },
)  # fmt: skip
register_rules(
    "flops",
    dict.fromkeys(("rnn_layer", "lstm_layer", "gru_layer"), _flops)
    | dict.fromkeys(("rnn_layer_grad", "lstm_layer_grad", "gru_layer_grad"), _grad_flops),
)
