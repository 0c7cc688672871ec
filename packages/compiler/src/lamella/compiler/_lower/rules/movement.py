"""Views and their transposes, and ops that copy elements to other places."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import value_type
from lamella.compiler._lower._embed import (
    Region,
    before_permute,
    before_reshape,
    before_slice,
    embedded,
    region,
)
from lamella.compiler._lower._emit import Emitter, Rule, one_hot
from lamella.compiler._lower._refs import Counter, Ref, Root, Table
from lamella.tensor.extend import OPS

Chain = tuple[tuple[str, Any], ...]
Pads = tuple[tuple[int, int], ...]
MOST_COPIES = 32  # of an element at the edge: a step of the loop each

# -- views ------------------------------------------------------------------------------------------------------------


def _alias(e: Emitter, x: Ref) -> Ref:
    return x


def _as_strided(e: Emitter, x: Ref, *, layout: Any) -> Ref:
    view = x.as_strided(layout)
    if view is None:
        view = e.copy(x).as_strided(layout)
    if view is None:
        raise AssertionError("fresh memory lies in row-major order")
    return view


@dataclass(frozen=True, slots=True)
class _Moved:
    """A copy of x in another shape, because its strides do not allow a view."""

    x: Ref


def _reshape(e: Emitter, x: Ref, *, shape: tuple[int, ...]) -> Ref:
    """What needs a copy waits for the first reader: padding, say, copies to where it is wanted."""
    view = x.reshape(shape)
    return e.later(shape, x.dtype, lambda: e.reshape(x, shape), _Moved(x)) if view is None else view


_VIEWS: dict[str, Rule] = {
    "alias": _alias,
    "detach": _alias,
    "permute": lambda e, x, *, dims: x.permute(dims),
    "expand": lambda e, x, *, shape: x.expand(shape),
    "slice": lambda e, x, *, index: x.slice(index),
    "reshape": _reshape,
    "diagonal": lambda e, x, *, place: x.diagonal(place),
    "unfold": lambda e, x, *, window: x.unfold(window),
    "as_strided": _as_strided,
}


def _steps(x: Any, chain: Chain) -> list[tuple[str, Any, tuple[int, ...]]]:
    """Each view of a chain from an array like x, with the shape before it."""
    steps = []
    for name, param in chain:
        steps.append((name, param, tuple(x.shape)))
        op = OPS[name]
        x = op.rules["shape"](x, **({op.params[0]: param} if op.params else {}))
    return steps


class _Like:
    """Shape and dtype, as shape rules ask for them."""

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        from lamella.tensor.extend import as_dtype

        self.shape, self.dtype = shape, as_dtype(dtype).numpy


def _placed(e: Emitter, to: Ref, chain: Chain) -> Ref | None:
    """Where in a fresh root the elements of a chain's end lie; None if they share places, or the chain copies or reads
    the bits as another dtype.
    """
    for name, param in chain:
        if name not in _VIEWS:
            return None
        if name == "reshape":
            moved = to.reshape(param)
            if moved is None:
                return None
            to = moved
        elif name == "as_strided":
            moved = to.as_strided(param)
            if moved is None:
                return None
            to = moved
        else:
            op = OPS[name]
            to = _VIEWS[name](e, to, **({op.params[0]: param} if op.params else {}))
    return to if to.distinct else None


def _view_region(e: Emitter, g: Ref, shape: tuple[int, ...], chain: Chain) -> Region:
    """The gradient of an array whose view g belongs to, as a region."""
    inner = region(g)
    for name, param, before in reversed(_steps(_Like(shape, g.dtype), chain)):
        inner = _undone(e, inner, name, param, before)
    return inner


def _undo(inner: Region, name: str, param: Any, before: tuple[int, ...]) -> Region | None:
    """The region before a view of an array of shape `before`, if it is one."""
    if name in ("alias", "detach"):
        return inner
    if name == "permute":
        return before_permute(inner, param)
    if name == "reshape":
        return before_reshape(inner, before)
    return before_slice(inner, before, param) if name == "slice" else None


def _undone(e: Emitter, inner: Region, name: str, param: Any, before: tuple[int, ...]) -> Region:
    found = _undo(inner, name, param, before)
    if found is not None:
        return found
    g = embedded(e, inner)
    if name == "reshape":
        return region(e.reshape(g, before))
    if name == "expand":
        lead = len(g.shape) - len(before)
        dims = tuple(d for d, n in enumerate(g.shape) if d < lead or before[d - lead] != n)
        return region(e.reshape(e.reduce("sum", g, dims), before)) if dims else region(g)
    if name == "unfold":
        return region(_folded(e, g, before, param))
    root = e.assemble(before, g.dtype)
    e.fill(root.ref(), 0)
    to = _placed(e, root.ref(), ((name, param),))
    if to is None:
        raise AssertionError(f"elements of {name} lie apart")
    e.copy_into(to, g, after=(root,))
    return region(root.ref())


def _folded(e: Emitter, g: Ref, shape: tuple[int, ...], window: tuple[int, int, int]) -> Ref:
    """Sums of windows [..., count, ..., size] where they overlap: an element is in at most size / step of them."""
    dim, size, step = window
    n, count = shape[dim], g.shape[dim]
    kind = value_type(g.dtype)
    strides = (*g.strides[:dim], 0, *g.strides[dim + 1 : -1])
    along, within = g.strides[dim], g.strides[-1]

    def body(b: KernelBuilder, values: list[int]) -> int:
        table, at = values
        total = b.const(0, kind)
        last = b.apply("floordiv", at, b.size(step))
        for back in range(-(-size // step)):
            number = b.apply("sub", last, b.const(back, "i64"))
            place = b.apply("sub", at, b.apply("mul", number, b.size(step)))
            here = b.apply("and", b.apply("ge", number, b.const(0, "i64")), b.apply("lt", number, b.size(count)))
            here = b.apply("and", here, b.apply("lt", place, b.size(size)))
            total = b.apply(
                "or" if kind == "bool" else "add", total, b.look(table, (number, along), (place, within), mask=here)
            )
        return total

    table = Table(Ref(g.root, g.offset, shape, strides))
    return e.compute(body, table, one_hot(shape, dim), dtype=g.dtype, shape=shape, cost=8 * (n > 0))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A term of a sum: the gradient of an array whose view g belongs to, 0 outside of `bounds`."""

    g: Ref
    chain: Chain
    bounds: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        return math.prod(high - low for low, high in self.bounds)

    def meets(self, other: _Piece) -> bool:
        pairs = zip(self.bounds, other.bounds, strict=True)
        return all(a < d and c < b for (a, b), (c, d) in pairs)


def _view_grad(e: Emitter, g: Ref, *, shape: tuple[int, ...], chain: Chain) -> Any:
    if not all(name in _VIEWS for name, _ in chain) or (g.dtype == "bool" and any(n == "expand" for n, _ in chain)):
        return NotImplemented
    fresh = Root(shape, g.dtype, None, -1).ref()
    if any(name == "as_strided" for name, _ in chain) and _placed(e, fresh, chain) is None:
        return NotImplemented
    if 0 in shape:
        return e.zeros(shape, g.dtype)
    bounds = _bounds(g, shape, chain)
    if bounds is None or bounds == tuple((0, n) for n in shape):
        return embedded(e, _view_region(e, g, shape, chain))
    return _sum_of(e, shape, [_Piece(g, chain, bounds)])


def _bounds(g: Ref, shape: tuple[int, ...], chain: Chain) -> tuple[tuple[int, int], ...] | None:
    """Which region a view shows, if it is one, whatever the strides of g are."""
    inner: Region | None = region(Root(g.shape, g.dtype, None, -1).ref())
    for name, param, before in reversed(_steps(_Like(shape, g.dtype), chain)):
        if inner is not None and name == "reshape" and inner.whole:
            inner = region(Root(before, g.dtype, None, -1).ref())  # whether that needs a copy is not asked here
        else:
            inner = None if inner is None else _undo(inner, name, param, before)
    return None if inner is None else inner.bounds


def _sum_of(e: Emitter, shape: tuple[int, ...], pieces: list[_Piece]) -> Ref:
    return e.later(shape, pieces[0].g.dtype, lambda: _summed(e, shape, pieces), pieces)


def _summed(e: Emitter, shape: tuple[int, ...], pieces: list[_Piece]) -> Ref:
    """Pieces that leave nothing out are written where they belong; others are read inside of their bounds."""
    if sum(piece.size for piece in pieces) == math.prod(shape):
        root = e.assemble(shape, pieces[0].g.dtype)
        for piece in pieces:
            to = _placed(e, root.ref(), piece.chain)
            if to is None:
                raise AssertionError("slices of fresh memory take any split of their dims")
            e.copy_into(to, piece.g)
        return root.ref()
    total, *rest = [embedded(e, _view_region(e, p.g, shape, p.chain)) for p in pieces]
    for term in rest:
        total = e.map("add", total, term)
    return total


def joined(e: Emitter, a: Any, b: Any) -> Ref | None:
    """The sum of two sums of pieces, if no two of them meet."""
    found = [e.pending.get(x.root) if isinstance(x, Ref) else None for x in (a, b)]
    first, second = (p.note if p is not None and isinstance(p.note, list) else None for p in found)
    if first is None or second is None or a.dtype == "bool" or any(p.meets(q) for p in first for q in second):
        return None
    return _sum_of(e, a.shape, [*first, *second])


def _view_write(e: Emitter, base: Ref, value: Ref, *, chain: Chain) -> Any:
    if 0 in base.shape:
        return e.copy(base)
    if all(name in ("slice", "permute", "reshape", "alias", "detach") for name, _ in chain):
        inner: Region | None = region(value)
        for name, param, before in reversed(_steps(_Like(base.shape, base.dtype), chain)):
            inner = None if inner is None else _undo(inner, name, param, before)
        if inner is not None:
            return e.copy(inner.ref) if inner.whole else embedded(e, inner, base)
    root = e.assemble(base.shape, base.dtype)
    to = _placed(e, root.ref(), chain)
    if to is None:
        return NotImplemented
    e.copy_into(root.ref(), base)
    e.copy_into(to, value, after=(root,))
    return root.ref()


# -- joining and moving -----------------------------------------------------------------------------------------------


def _cat(e: Emitter, *xs: Ref, dim: int) -> Ref:
    total = sum(x.shape[dim] for x in xs)
    root = e.assemble((*xs[0].shape[:dim], total, *xs[0].shape[dim + 1 :]), xs[0].dtype)
    if not root.size:
        return e.zeros(root.shape, root.dtype)
    at = 0
    for x in xs:
        _copy_moved(e, _cut(root.ref(), dim, at, at + x.shape[dim]), x)
        at += x.shape[dim]
    return root.ref()


def _copy_moved(e: Emitter, to: Ref, x: Ref) -> None:
    """Fill a part with a tensor; one that waits to be copied in another shape is copied from where it lies."""
    moved = _moved(e, x)
    place = None if moved is None else to.reshape(moved.shape)
    if moved is None or place is None:
        e.copy_into(to, e.settled(x))
    else:
        e.copy_into(place, moved)


def _moved(e: Emitter, x: Ref) -> Ref | None:
    """What a tensor is a copy of in another shape, where that copy waits for its first reader."""
    pending = e.pending.get(x.root)
    waits = pending is not None and pending.made is None and isinstance(pending.note, _Moved)
    return pending.note.x if pending is not None and waits else None


def _cut(x: Ref, dim: int, start: int, stop: int) -> Ref:
    return x.slice(tuple((start, stop, 1) if d == dim else (0, n, 1) for d, n in enumerate(x.shape)))


def _stack(e: Emitter, *xs: Ref, dim: int) -> Ref:
    root = e.assemble((*xs[0].shape[:dim], len(xs), *xs[0].shape[dim:]), xs[0].dtype)
    if not root.size:
        return e.zeros(root.shape, root.dtype)
    whole = root.ref()
    for k, x in enumerate(xs):
        e.copy_into(whole.slice((*((0, n, 1) for n in xs[0].shape[:dim]), k)), x)
    return whole


def _block_diag(e: Emitter, *xs: Ref) -> Ref:
    lead = xs[0].shape[:-2]
    root = e.assemble((*lead, sum(x.shape[-2] for x in xs), sum(x.shape[-1] for x in xs)), xs[0].dtype)
    if not root.size:
        return e.zeros(root.shape, root.dtype)
    e.fill(root.ref(), 0)
    row = column = 0
    for x in xs:
        rows, columns = x.shape[-2:]
        place = ((row, row + rows, 1), (column, column + columns, 1))
        e.copy_into(root.ref().slice((*((0, n, 1) for n in lead), *place)), x, after=(root,))
        row, column = row + rows, column + columns
    return root.ref()


def _flip(e: Emitter, x: Ref, *, dims: tuple[int, ...]) -> Ref:
    index = tuple((n - 1, -1, -1) if k in dims else (0, n, 1) for k, n in enumerate(x.shape))
    return e.copy(x.slice(index) if x.root.size and 0 not in x.shape else x)


def _roll(e: Emitter, x: Ref, *, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Ref:
    if not x.size:
        return e.zeros(x.shape, x.dtype)
    total: dict[int, int] = {}
    for d, shift in zip(dims, shifts, strict=True):
        total[d] = (total.get(d, 0) + shift) % x.shape[d]
    root = e.assemble(x.shape, x.dtype)
    # a dim is cut in two pieces that change places
    pieces: list[list[tuple[tuple[int, int, int], tuple[int, int, int]]]] = []
    for d, n in enumerate(x.shape):
        k = total.get(d, 0)
        pieces.append([((k, n, 1), (0, n - k, 1)), ((0, k, 1), (n - k, n, 1))] if k else [((0, n, 1), (0, n, 1))])
    for chosen in product(*pieces):
        e.copy_into(root.ref().slice(tuple(to for to, _ in chosen)), x.slice(tuple(source for _, source in chosen)))
    return root.ref()


def _pad(e: Emitter, x: Ref, *, pads: Pads, value: Any) -> Ref:
    shape = tuple(n + low + high for n, (low, high) in zip(x.shape, pads, strict=True))
    index = tuple((low, low + n, 1) for n, (low, _) in zip(x.shape, pads, strict=True))
    bounds = tuple((low, high) for low, high, _ in index)
    moved = _moved(e, x)
    zero = value == 0 and math.copysign(1, value) > 0
    if zero and shape != x.shape and 0 not in shape:
        if moved is not None:
            return _sum_of(e, shape, [_Piece(moved, (("slice", index), ("reshape", moved.shape)), bounds)])
        return _sum_of(e, shape, [_Piece(e.settled(x), (("slice", index),), bounds)])
    inner = before_slice(region(e.settled(x)), shape, index)
    if inner is None:
        raise AssertionError("padding leaves no gaps")
    return e.copy(inner.ref) if inner.whole else embedded(e, inner, value)


def _pad_around(e: Emitter, x: Ref, *, pads: Pads, mode: str) -> Ref:
    shape = tuple(n + low + high for n, (low, high) in zip(x.shape, pads, strict=True))
    moved = [d for d, widths in enumerate(pads) if any(widths)]
    table = Table(Ref(x.root, x.offset, shape, tuple(0 if d in moved else s for d, s in enumerate(x.strides))))

    def body(b: KernelBuilder, values: list[int]) -> int:
        table, *positions = values
        terms = []
        for d, position in zip(moved, positions, strict=True):
            n, zero = b.size(x.shape[d]), b.const(0, "i64")
            last = b.size(x.shape[d] - 1)
            at = b.apply("sub", position, b.size(pads[d][0]))
            if mode == "replicate":
                at = b.apply("max", zero, b.apply("min", last, at))
            elif mode == "reflect":
                at = b.apply("sub", last, b.apply("abs", b.apply("sub", last, b.apply("abs", at))))
            else:
                at = b.apply("select", b.apply("lt", at, zero), b.apply("add", at, n), at)
                at = b.apply("select", b.apply("ge", at, n), b.apply("sub", at, n), at)
            terms.append((at, x.strides[d]))
        return b.look(table, *terms)

    where = [one_hot(shape, d) for d in moved]
    return e.compute(body, table, *where, dtype=x.dtype, shape=shape) if moved else e.copy(x)


def _pad_around_grad(e: Emitter, g: Ref, *, pads: Pads, mode: str) -> Any:
    """What each element gave to itself and to its copies; dims one after the other, the last first."""
    if any(max(widths) > MOST_COPIES for widths in pads) or g.dtype == "bool":
        return NotImplemented
    dtype = g.dtype
    g = e.wide(g)
    for d in reversed(range(len(pads))):
        if any(pads[d]):
            g = _around_grad(e, g, d, *pads[d], mode)
    return e.cast(g, dtype) if g.dtype != dtype else g


def _around_grad(e: Emitter, g: Ref, dim: int, low: int, high: int, mode: str) -> Ref:
    n, kind = g.shape[dim] - low - high, value_type(g.dtype)
    shape = (*g.shape[:dim], n, *g.shape[dim + 1 :])
    stride = g.strides[dim]

    def body(b: KernelBuilder, values: list[int]) -> int:
        table, at = values
        total = b.look(table, (at, stride))
        if mode == "replicate":
            for first, edge, count in ((-low, 0, low), (1, n - 1, high)):
                here = b.apply("eq", at, b.size(edge))
                for k in range(count):
                    place = b.apply("add", at, b.const(first + k, "i64"))
                    total = b.apply("add", total, b.look(table, (place, stride), mask=here))
            return total
        # positions in g, less `low`, of the copies before and after, and where an element has them
        for before in (True, False):
            if mode == "reflect":
                place = b.apply("sub", b.size(0 if before else 2 * (n - 1)), at)
            else:
                place = b.apply("add", at, b.size(-n if before else n))
            inside = b.apply("and", b.apply("ge", place, b.size(-low)), b.apply("lt", place, b.size(n + high)))
            side = b.apply("lt", place, b.size(0)) if before else b.apply("ge", place, b.size(n))
            total = b.apply("add", total, b.look(table, (place, stride), mask=b.apply("and", inside, side)))
        return total

    strides = tuple(0 if d == dim else s for d, s in enumerate(g.strides))
    table = Table(Ref(g.root, g.offset + low * stride, shape, strides))
    return e.compute(body, table, one_hot(shape, dim), dtype=kind, shape=shape, cost=8)


def _triangle(test: str) -> Rule:
    """Elements whose column less their row is `test` the diagonal."""

    def rule(e: Emitter, x: Ref, *, diagonal: int) -> Ref:
        rank = len(x.shape)
        word = "i32" if max(x.shape) < 2**31 else "i64"
        difference = Counter((*(0,) * (rank - 2), -1, 1), word)
        kind = value_type(x.dtype)
        rows, columns = x.shape[-2:]
        bounded = max(-rows - 1, min(diagonal, columns + 1))

        def body(b: KernelBuilder, values: list[int]) -> int:
            value, at = values
            return b.apply("select", b.apply(test, at, b.size(bounded, word)), value, b.const(0, kind))

        return e.compute(body, x, difference, dtype=x.dtype)

    return rule


RULES: dict[str, Rule] = {
    **_VIEWS,
    "view_grad": _view_grad,
    "view_write": _view_write,
    "cat": _cat,
    "stack": _stack,
    "block_diag": _block_diag,
    "flip": _flip,
    "roll": _roll,
    "pad": _pad,
    "pad_around": _pad_around,
    "pad_around_grad": _pad_around_grad,
    "tril": _triangle("le"),
    "triu": _triangle("ge"),
}
