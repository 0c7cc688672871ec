"""Ops that copy elements to other places: padding, rolling, flipping, stacking, triangles.

Each kernel fills fresh memory by assignments of slices, and every op is linear: what it does to tangents is itself.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._moves import assign, fresh
from .._op import Op, register_rules

__all__: list[str] = []

Pads = tuple[tuple[int, int], ...]
_LARGE = 1 << 16  # elements from where passes over memory count more than steps of Python
_SMALL = 1 << 14  # elements up to where the places of a result are worth keeping
_BAND = 64


def _not_negative(pads: Pads) -> None:
    for lo, hi in pads:
        if lo < 0 or hi < 0:
            raise ValueError(f"pad needs non-negative widths, got {pads}")


def _inner(shape: tuple[int, ...], pads: Pads) -> list[slice]:
    """Where the elements of a tensor of `shape` stand in the padded one."""
    return [slice(lo, lo + n) for n, (lo, _) in zip(shape, pads, strict=True)]


def _grown(shape: tuple[int, ...], pads: Pads) -> tuple[int, ...]:
    return tuple([n + lo + hi for n, (lo, hi) in zip(shape, pads, strict=True)])


def _pad(x: Any, *, pads: Pads, value: Any) -> Any:
    _not_negative(pads)
    out = np.empty(_grown(x.shape, pads), x.dtype)
    place = _inner(x.shape, pads)
    if out.size < _LARGE:
        out.fill(value)
    else:  # only what lies around x: one pass over the memory
        region: list[slice] = [slice(None)] * x.ndim
        for d, (at, n) in enumerate(zip(place, out.shape, strict=True)):
            for strip in (slice(0, at.start), slice(at.stop, n)):
                region[d] = strip
                out[tuple(region)] = value
            region[d] = at
    own: tuple[Any, ...] = (*place, ...)  # the Ellipsis keeps a 0-d part an array
    assign(out[own], x)
    return out


def _pad_shape(x: Any, *, pads: Pads, value: Any) -> MetaArray:
    _not_negative(pads)
    return MetaArray(_grown(x.shape, pads), x.dtype)


def _from(start: int, count: int) -> slice:
    """`count` places downwards from `start`."""
    stop = start - count
    return slice(start, stop if stop >= 0 else None, -1)


def _strips(mode: str, lo: int, hi: int, n: int) -> list[tuple[slice, slice]]:
    """(to, from) along a padded dim whose own n elements start at lo: what is repeated where."""
    end = lo + n
    if mode == "reflect":
        low, high = _from(2 * lo, lo), _from(end - 2, hi)
    elif mode == "replicate":
        low, high = slice(lo, lo + 1), slice(end - 1, end)
    elif mode == "circular":
        low, high = slice(n, end), slice(lo, lo + hi)
    else:
        raise ValueError(f"pad_around: mode is reflect, replicate or circular, got {mode!r}")
    return [pair for pair, wide in (((slice(0, lo), low), lo), ((slice(end, end + hi), high), hi)) if wide]


@lru_cache(maxsize=64)
def _steps(
    shape: tuple[int, ...], pads: Pads, mode: str
) -> tuple[tuple[slice, ...], list[tuple[int, tuple[slice, ...], tuple[slice, ...]]]]:
    """The place of the elements themselves, and dim by dim (dim, to, from), each from what stands there before it."""
    place = _inner(shape, pads)
    region = list(place)
    steps = []
    for d, (lo, hi) in enumerate(pads):
        if lo or hi:
            for to, source in _strips(mode, lo, hi, shape[d]):
                before, behind = region[:d], region[d + 1 :]
                steps.append((d, (*before, to, *behind), (*before, source, *behind)))
            region[d] = slice(None)
    return tuple(place), steps


@lru_cache(maxsize=16)
def _sources(shape: tuple[int, ...], pads: Pads, mode: str) -> Any:
    """Where each element of the padded tensor comes from, in row-major order."""
    out = _pad_by_steps(np.arange(math.prod(shape)).reshape(shape), pads, mode)
    out.flags.writeable = False
    return out


def _pad_around(x: Any, *, pads: Pads, mode: str) -> Any:
    if x.size <= _SMALL:
        return x.reshape(-1).take(_sources(x.shape, pads, mode))  # one step of Python
    return _pad_by_steps(x, pads, mode)


def _pad_by_steps(x: Any, pads: Pads, mode: str) -> Any:
    _check_around(x.shape, pads, mode)
    place, steps = _steps(x.shape, pads, mode)
    out = np.empty(_grown(x.shape, pads), x.dtype)
    assign(out[place], x)
    for _, to, source in steps:
        out[to] = out[source]
    return out


def _pad_around_grad(g: Any, *, pads: Pads, mode: str) -> Any:
    shape = tuple([n - lo - hi for n, (lo, hi) in zip(g.shape, pads, strict=True)])
    _check_around(shape, pads, mode)
    place, steps = _steps(shape, pads, mode)
    half = g.dtype.itemsize < 4 and g.dtype.kind in "fV"
    work = g.astype(np.float32) if half else g.copy()
    for d, to, source in reversed(steps):
        work[source] += work[to].sum(d, keepdims=True) if mode == "replicate" else work[to]
    return work[place].astype(g.dtype)


def _check_around(shape: tuple[int, ...], pads: Pads, mode: str) -> None:
    _not_negative(pads)
    for d, (n, (lo, hi)) in enumerate(zip(shape, pads, strict=True)):
        most = n - 1 if mode == "reflect" else n if mode == "circular" else None
        if most is not None and max(lo, hi) > max(most, 0):
            what = "padding smaller than" if mode == "reflect" else "padding of at most"
            raise ValueError(f"pad: mode {mode!r} needs {what} the size {n} of dim {d}, got {(lo, hi)}")
        if (lo or hi) and n < 1:
            raise ValueError(f"pad: mode {mode!r} needs at least one element to repeat along dim {d}")


def _pad_around_shape(x: Any, *, pads: Pads, mode: str) -> MetaArray:
    _check_around(x.shape, pads, mode)
    return MetaArray(_grown(x.shape, pads), x.dtype)


def _pad_around_grad_shape(g: Any, *, pads: Pads, mode: str) -> MetaArray:
    return MetaArray(tuple(n - lo - hi for n, (lo, hi) in zip(g.shape, pads, strict=True)), g.dtype)


def _flip(x: Any, *, dims: tuple[int, ...]) -> Any:
    index: list[slice] = [slice(None)] * x.ndim
    for d in dims:
        index[d] = slice(None, None, -1)
    return fresh(x[(*index, ...)])


def _roll(x: Any, *, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    out = np.empty(x.shape, x.dtype)
    if not x.size:
        return out
    if len(dims) == 1:
        (d,), n = dims, x.shape[dims[0]]
        k = shifts[0] % n
        front = (slice(None),) * d
        out[(*front, slice(k, None))] = x[(*front, slice(0, n - k))]
        if k:
            out[(*front, slice(0, k))] = x[(*front, slice(n - k, None))]
        return out
    total: dict[int, int] = {}
    for d, shift in zip(dims, shifts, strict=True):
        total[d] = total.get(d, 0) + shift
    # a dim is cut in two pieces that change places
    pieces: list[list[tuple[slice, slice]]] = [[(slice(None), slice(None))] for _ in x.shape]
    for d, shift in total.items():
        n = x.shape[d]
        k = shift % n
        if k:
            pieces[d] = [(slice(k, n), slice(0, n - k)), (slice(0, k), slice(n - k, n))]
    for chosen in itertools.product(*pieces):
        out[tuple([to for to, _ in chosen])] = x[tuple([source for _, source in chosen])]
    return out


def _roll_shape(x: Any, *, shifts: tuple[int, ...], dims: tuple[int, ...]) -> MetaArray:
    return MetaArray(x.shape, x.dtype)


def _flip_shape(x: Any, *, dims: tuple[int, ...]) -> MetaArray:
    return MetaArray(x.shape, x.dtype)


def _stack(*xs: Any, dim: int) -> Any:
    first = xs[0]
    shape = first.shape
    for x in xs:
        if x.shape != shape:
            raise ValueError("stack needs equal shapes")  # the shape rule says which were given
    out = np.empty((*shape[:dim], len(xs), *shape[dim:]), first.dtype)
    front: tuple[Any, ...] = (slice(None),) * dim
    for i, x in enumerate(xs):
        assign(out[(*front, i, ...)], x)
    return out


def _stack_shape(*xs: Any, dim: int) -> MetaArray:
    shape = tuple(xs[0].shape)
    if any(tuple(x.shape) != shape for x in xs):
        raise ValueError(f"stack needs tensors of equal shapes, got {', '.join(str(tuple(x.shape)) for x in xs)}")
    return MetaArray((*shape[:dim], len(xs), *shape[dim:]), xs[0].dtype)


def _block_diag(*xs: Any) -> Any:
    shape = _blocks_shape(xs)
    out = np.zeros(shape, xs[0].dtype)
    row = col = 0
    for x in xs:
        rows, cols = x.shape[-2:]
        out[..., row : row + rows, col : col + cols] = x
        row += rows
        col += cols
    return out


def _blocks_shape(xs: Any) -> tuple[int, ...]:
    lead = tuple(xs[0].shape[:-2])
    if any(len(x.shape) < 2 or tuple(x.shape[:-2]) != lead for x in xs):
        shapes = ", ".join(str(tuple(x.shape)) for x in xs)
        raise ValueError(f"block_diag needs matrices with equal dims before them, got {shapes}")
    return (*lead, sum([x.shape[-2] for x in xs]), sum([x.shape[-1] for x in xs]))


def _block_diag_shape(*xs: Any) -> MetaArray:
    return MetaArray(_blocks_shape(xs), xs[0].dtype)


@lru_cache(maxsize=32)
def _triangle(rows: int, cols: int, diagonal: int) -> Any:
    return np.tri(rows, cols, diagonal, dtype=np.bool_)


def _tril(x: Any, *, diagonal: int) -> Any:
    return _one_side(x, diagonal, True)


def _triu(x: Any, *, diagonal: int) -> Any:
    return _one_side(x, diagonal - 1, False)


def _one_side(x: Any, diagonal: int, lower: bool) -> Any:
    """The elements up to a diagonal, or those above it."""
    rows, cols = x.shape[-2:]
    if rows * cols < _LARGE:
        keep = _triangle(rows, cols, diagonal)
        out = np.zeros(x.shape, x.dtype)
        np.copyto(out, x, where=keep if lower else ~keep)
        return out
    # bands of rows: what lies wholly on one side of the diagonal is copied or filled at once, the rest by a mask
    out = np.empty(x.shape, x.dtype)
    for start in range(0, rows, _BAND):
        stop = min(start + _BAND, rows)
        low = min(max(start + diagonal + 1, 0), cols)
        high = min(max(stop + diagonal, low), cols)
        under, over = (..., slice(start, stop), slice(0, low)), (..., slice(start, stop), slice(high, cols))
        kept, rest = (under, over) if lower else (over, under)
        out[kept] = x[kept]
        out[rest] = 0
        if high > low:
            on = (..., slice(start, stop), slice(low, high))
            keep = _triangle(stop - start, high - low, start + diagonal - low)
            out[on] = 0
            np.copyto(out[on], x[on], where=keep if lower else ~keep)
    return out


def _triangle_shape(x: Any, *, diagonal: int) -> MetaArray:
    if len(x.shape) < 2:
        raise ValueError(f"a triangle needs at least two dims, got shape {tuple(x.shape)}")
    return MetaArray(x.shape, x.dtype)


Op("pad", "x; pads, value", "opaque")
Op("pad_around", "x; pads, mode", "opaque")
Op("pad_around_grad", "g; pads, mode", "opaque")
Op("flip", "x; dims", "opaque")
Op("roll", "x; shifts, dims", "opaque")
Op("stack", "*xs; dim", "opaque", promotes="same")
Op("block_diag", "*xs", "opaque", promotes="same")
Op("tril", "x; diagonal", "opaque")
Op("triu", "x; diagonal", "opaque")

_KERNELS = {
    "pad": _pad,
    "pad_around": _pad_around,
    "pad_around_grad": _pad_around_grad,
    "flip": _flip,
    "roll": _roll,
    "stack": _stack,
    "block_diag": _block_diag,
    "tril": _tril,
    "triu": _triu,
}
register_rules("numpy", _KERNELS)
register_rules(
    "shape",
    {
        "pad": _pad_shape,
        "pad_around": _pad_around_shape,
        "pad_around_grad": _pad_around_grad_shape,
        "flip": _flip_shape,
        "roll": _roll_shape,
        "stack": _stack_shape,
        "block_diag": _block_diag_shape,
        "tril": _triangle_shape,
        "triu": _triangle_shape,
    },
)
register_rules(
    "flops",
    dict.fromkeys(_KERNELS, lambda xs, outs, params: 0)
    | {"pad_around_grad": lambda xs, outs, params: int(np.prod(xs[0].shape)) - int(np.prod(outs[0].shape))},
)
