"""References in float64 of attention and of recurrent layers: one sequence and one step after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lamella.tensor._random import bernoulli


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def scores(q: Any, k: Any, mask: Any, scale: float, causal: bool) -> Any:
    s = q @ k.swapaxes(-1, -2) * scale
    if mask is not None:
        s = np.where(mask, s, -np.inf) if mask.dtype == np.bool_ else s + mask
    return np.where(np.tri(*s.shape[-2:], dtype=np.bool_), s, -np.inf) if causal else s


def keep(seed: Any, offset: Any, p: float, shape: tuple[int, ...]) -> Any:
    return 1.0 if seed is None else bernoulli(seed, offset, 1 - p, shape) / (1 - p)


def attention(q: Any, k: Any, v: Any, mask: Any, seed: Any, offset: Any, scale: float, causal: bool, p: float) -> Any:
    s = scores(q, k, mask, scale, causal)
    return (softmax(s) * keep(seed, offset, p, s.shape)) @ v, np.log(np.exp(s).sum(-1))


def attention_grad(
    go: Any, gl: Any, q: Any, k: Any, v: Any, mask: Any, seed: Any, offset: Any, o: Any, lse: Any, scale: float,
    causal: bool, p: float,
) -> Any:  # fmt: skip
    w = np.exp(scores(q, k, mask, scale, causal) - lse[..., None])
    kept = keep(seed, offset, p, w.shape)
    level = (go * o).sum(-1) - (0 if gl is None else gl)
    gs = w * (go @ v.swapaxes(-1, -2) * kept - level[..., None]) * scale
    return gs @ k, gs.swapaxes(-1, -2) @ q, (w * kept).swapaxes(-1, -2) @ go


def walk(first: Any, sizes: tuple[int, ...], reverse: bool) -> Iterator[tuple[int, list[int]]]:
    """(sequence, its rows in the order of its steps)."""
    for b in range(len(first)):
        steps = [t for t, n in enumerate(sizes) if n > b]
        yield b, [sum(sizes[:t]) + b for t in (reversed(steps) if reverse else steps)]


def sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def rnn_layer(x: Any, h: Any, w: Any, sizes: Any, reverse: bool, nonlinearity: str) -> Any:
    y = np.zeros_like(x)
    for b, rows in walk(h, sizes, reverse):
        state = h[b]
        for row in rows:
            a = x[row] + w @ state
            y[row] = state = np.tanh(a) if nonlinearity == "tanh" else np.maximum(a, 0)
    return y


def rnn_layer_grad(gy: Any, w: Any, y: Any, sizes: Any, reverse: bool, nonlinearity: str) -> Any:
    g, back = np.zeros_like(y), np.zeros((sizes[0], y.shape[1]))
    for b, rows in walk(back, sizes, reverse):
        for row in rows[::-1]:
            g[row] = (gy[row] + back[b]) * (1 - y[row] ** 2)
            back[b] = g[row] @ w
    return g, back


def lstm_layer(x: Any, h: Any, c: Any, w: Any, w_out: Any, sizes: Any, reverse: bool) -> Any:
    y, cells, gates = np.zeros((len(x), h.shape[1])), np.zeros((len(x), c.shape[1])), np.zeros_like(x)
    for b, rows in walk(h, sizes, reverse):
        state, cell = h[b], c[b]
        for row in rows:
            i, f, g, o = np.split(x[row] + w @ state, 4)
            i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
            cells[row] = cell = f * cell + i * g
            state = o * np.tanh(cell)
            y[row] = state = state if w_out is None else w_out @ state
            gates[row] = np.concatenate([i, f, g, o])
    return y, cells, gates


def lstm_layer_grad(
    gy: Any, gc: Any, gg: Any, c: Any, w: Any, w_out: Any, cells: Any, gates: Any, sizes: Any, reverse: bool
) -> Any:
    g, gh, back, back_c = np.zeros_like(gates), np.zeros_like(gy), np.zeros((len(c), gy.shape[1])), np.zeros_like(c)
    for b, rows in walk(c, sizes, reverse):
        for n, row in reversed(list(enumerate(rows))):
            i, f, new, o = np.split(gates[row], 4)
            t = np.tanh(cells[row])
            gh[row] = d = gy[row] + back[b]
            dc = back_c[b] + d * o * (1 - t**2) + gc[row]
            before = cells[rows[n - 1]] if n else c[b]
            gi, gf, gn, go = np.split(np.concatenate([dc * new, dc * before, dc * i, d * t]) + gg[row], 4)
            g[row] = np.concatenate([gi * i * (1 - i), gf * f * (1 - f), gn * (1 - new**2), go * o * (1 - o)])
            back[b], back_c[b] = g[row] @ w, dc * f
    return g, gh, back, back_c


def gru_layer(x: Any, h: Any, w: Any, bias: Any, sizes: Any, reverse: bool) -> Any:
    y, gates = np.zeros((len(x), h.shape[1])), np.zeros((len(x), 4 * h.shape[1]))
    for b, rows in walk(h, sizes, reverse):
        state = h[b]
        for row in rows:
            (xr, xz, xn), (r, z, inner) = np.split(x[row], 3), np.split(w @ state, 3)
            r, z, inner = sigmoid(xr + r), sigmoid(xz + z), inner + (0 if bias is None else bias)
            n = np.tanh(xn + r * inner)
            y[row] = state = (1 - z) * n + z * state
            gates[row] = np.concatenate([r, z, n, inner])
    return y, gates


def gru_layer_grad(gy: Any, gg: Any, h: Any, w: Any, y: Any, gates: Any, sizes: Any, reverse: bool) -> Any:
    gx, gn, back = np.zeros((len(gy), 3 * h.shape[1])), np.zeros_like(gy), np.zeros_like(h)
    for b, rows in walk(h, sizes, reverse):
        for at, row in reversed(list(enumerate(rows))):
            (r, z, n, inner), (cr, cz, cn, ci) = np.split(gates[row], 4), np.split(gg[row], 4)
            d = gy[row] + back[b]
            before = y[rows[at - 1]] if at else h[b]
            dn = (d * (1 - z) + cn) * (1 - n**2)
            dr, dz = (dn * inner + cr) * r * (1 - r), (d * (before - n) + cz) * z * (1 - z)
            gx[row], gn[row] = np.concatenate([dr, dz, dn]), dn * r + ci
            back[b] = d * z + np.concatenate([dr, dz, gn[row]]) @ w
    return gx, gn, back


REFERENCE: dict[str, Callable[..., Any]] = {
    "attention": attention, "attention_grad": attention_grad, "rnn_layer": rnn_layer, "rnn_layer_grad": rnn_layer_grad,
    "lstm_layer": lstm_layer, "lstm_layer_grad": lstm_layer_grad, "gru_layer": gru_layer,
    "gru_layer_grad": gru_layer_grad,
}  # fmt: skip
