"""Reading and writing through integer indices, each checked against its dim; negative ones count from the end.

What meets at one element is combined in row-major order of the index, by whoever owns the element: results do not
depend on threads. Sums of half types are kept in f32 and rounded once.
"""

from __future__ import annotations

import math
from typing import Any

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import UNSIGNED, value_type
from lamella.compiler._lower._emit import Emitter, Rule
from lamella.compiler._lower._refs import Ref, Subject, Table


class _Checked:
    """Turns index values into positions along a dim of `size`, reporting those out of range."""

    def __init__(self, e: Emitter, name: str, index: Ref, dim: int, size: int) -> None:
        self.size, self.unsigned = size, index.dtype in UNSIGNED
        error = IndexError(f"{name}: an index is out of range for dim {dim} of size {size}")
        self.code = e.error(error, Subject(index, ("index", size)))

    def __call__(self, b: KernelBuilder, index: int) -> tuple[int, int]:
        """(position, whether it is one); where it is none, the position is 0."""
        at, zero, n = b.cast(index, "i64"), b.const(0, "i64"), b.size(self.size)
        right = b.apply("lt", at, n)
        if self.unsigned:
            right = b.apply("and", right, b.apply("ge", at, zero))
        else:
            right = b.apply("and", right, b.apply("ge", at, b.size(-self.size)))
            at = b.apply("select", b.apply("lt", at, zero), b.apply("add", at, n), at)
        b.check(right, self.code)
        return b.apply("select", right, at, zero), right


def _row(x: Ref) -> Ref:
    """A 0-d tensor as one of a single element."""
    if x.shape:
        return x
    row = x.reshape((1,))
    if row is None:
        raise AssertionError("one element takes any shape of size 1")
    return row


def _along(index: Ref, dim: int, rank: int) -> Ref:
    """An index whose dims stand in place of one dim of an array of `rank` dims."""
    shape = (1,) * dim + index.shape + (1,) * (rank - dim - 1)
    return Ref(index.root, index.offset, shape, (0,) * dim + index.strides + (0,) * (rank - dim - 1))


def _take(e: Emitter, x: Ref, index: Ref, *, dim: int) -> Ref:
    x = _row(x)
    shape = (*x.shape[:dim], *index.shape, *x.shape[dim + 1 :])
    strides = (*x.strides[:dim], *(0,) * len(index.shape), *x.strides[dim + 1 :])
    return _looked_up(e, "take", x, _along(index, dim, len(x.shape)), dim, shape, strides)


def _gather(e: Emitter, x: Ref, index: Ref, *, dim: int) -> Ref:
    if not x.shape:
        return e.reshape(_gather(e, _row(x), _row(index), dim=0), ())
    strides = tuple(0 if d == dim else s for d, s in enumerate(x.strides))
    return _looked_up(e, "gather", x, index, dim, index.shape, strides)


def _looked_up(
    e: Emitter, name: str, x: Ref, index: Ref, dim: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> Ref:
    checked, stride = _Checked(e, name, index, dim, x.shape[dim]), x.strides[dim]
    empty = not x.size

    def body(b: KernelBuilder, values: list[int]) -> int:
        table, at = values
        position, right = checked(b, at)
        return b.look(table, (position, stride), mask=right if empty else None)

    table = Table(Ref(x.root, x.offset, shape, strides))
    return e.compute(body, table, index, dtype=x.dtype, shape=shape, cost=4)


def _wide(dtype: str) -> str:
    return value_type(dtype)


def _scattered(
    e: Emitter,
    name: str,
    base: Ref | None,
    shape: tuple[int, ...],
    index: Ref,
    value: Ref,
    dims: tuple[int, ...],
    strides: tuple[int, ...],
    dim: int,
    combiner: str,
) -> Ref:
    """A copy of `base` (or zeros) with values combined into it; `strides` are the result's along the dims of value."""
    dtype = value.dtype if combiner == "last" else _wide(value.dtype)
    root = e.assemble(shape, dtype)
    if not root.size and not value.size:
        return e.zeros(shape, value.dtype)
    if base is None:
        e.fill(root.ref(), 0)
    else:
        e.copy_into(root.ref(), e.cast(base, dtype))
    if value.size:
        checked, n, stride = _Checked(e, name, index, dim, shape[dim]), shape[dim], math.prod(shape[dim + 1 :])

        def body(b: KernelBuilder, values: list[int]) -> int:
            return b.cast(values[0], value_type(dtype))

        def target(b: KernelBuilder, values: list[int]) -> tuple[tuple[tuple[int, int, int], ...], int | None]:
            position, right = checked(b, values[1])
            return ((position, stride, n),), right

        to = Ref(root, 0, value.shape, strides)
        e.update(to, dims, combiner, body, target, value, index.expand(value.shape))
    return e.cast(root.ref(), value.dtype)


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[d + 1 :]) if n != 1 else 0 for d, n in enumerate(shape))


def _take_grad(e: Emitter, g: Ref, index: Ref, *, dim: int, size: int) -> Any:
    rank = len(g.shape) - len(index.shape) + 1
    shape = (*g.shape[:dim], size, *g.shape[dim + len(index.shape) :])
    return _put_along(e, "take", None, shape, _along(index, dim, rank), g, dim, len(index.shape), "sum")


def _put(e: Emitter, x: Ref, index: Ref, value: Ref, *, dim: int, accumulate: bool) -> Any:
    if not x.shape:
        row = _put(e, _row(x), index, value, dim=0, accumulate=accumulate)
        return row if row is NotImplemented else e.reshape(row, ())
    combiner = "sum" if accumulate else "last"
    at = _along(index, dim, len(x.shape))
    return _put_along(e, "index_put", x, x.shape, at, value, dim, len(index.shape), combiner)


def _put_along(
    e: Emitter,
    name: str,
    base: Ref | None,
    shape: tuple[int, ...],
    index: Ref,
    value: Ref,
    dim: int,
    count: int,
    combiner: str,
) -> Any:
    """`count` dims of value, from `dim` on, stand in place of one of the result."""
    if value.dtype == "bool" and combiner != "last":
        return NotImplemented
    if not count:
        value, count = e.reshape(value, (*value.shape[:dim], 1, *value.shape[dim:])), 1
        index = e.reshape(index, (*index.shape[:dim], 1, *index.shape[dim:]))
    steps = _contiguous(shape)
    strides = (*steps[:dim], *(0,) * count, *steps[dim + 1 :])
    return _scattered(e, name, base, shape, index, value, tuple(range(dim, dim + count)), strides, dim, combiner)


def _scatter(name: str, combiner: str) -> Rule:
    def rule(e: Emitter, x: Ref, index: Ref, src: Ref, *, dim: int, reduce: str = "") -> Any:
        how = {"": combiner, "prod": "prod", "amax": "max", "amin": "min"}[reduce]
        if x.dtype == "bool" and how != "last":
            return NotImplemented
        if not x.shape:
            return e.reshape(rule(e, _row(x), _row(index), _row(src), dim=0, reduce=reduce), ())
        steps = _contiguous(x.shape)
        strides = tuple(0 if d == dim or n == 1 else steps[d] for d, n in enumerate(index.shape))
        src = src.slice(tuple((0, n, 1) for n in index.shape))
        return _scattered(e, name, x, x.shape, index, src, (dim,), strides, dim, how)

    return rule


def _place(e: Emitter, x: Ref, index: Ref, *, dim: int, size: int) -> Any:
    shape = (*x.shape[:dim], size, *x.shape[dim + 1 :])
    steps = _contiguous(shape)
    strides = tuple(0 if d == dim or n == 1 else steps[d] for d, n in enumerate(index.shape))
    return _scattered(e, "place", None, shape, index, x, (dim,), strides, dim, "last")


def _ravel_index(e: Emitter, *indices: Ref, sizes: tuple[int, ...]) -> Ref:
    checks = [_Checked(e, "index", index, d, n) for d, (index, n) in enumerate(zip(indices, sizes, strict=True))]

    def body(b: KernelBuilder, values: list[int]) -> int:
        flat = b.const(0, "i64")
        for check, value in zip(checks, values, strict=True):
            flat = b.apply("add", b.apply("mul", flat, b.size(check.size)), check(b, value)[0])
        return flat

    return e.compute(body, *indices, dtype="i64")


RULES: dict[str, Rule] = {
    "take": _take,
    "gather": _gather,
    "take_grad": _take_grad,
    "put": _put,
    "scatter": _scatter("scatter", "last"),
    "scatter_add": _scatter("scatter_add", "sum"),
    "scatter_reduce": _scatter("scatter_reduce", ""),
    "place": _place,
    "ravel_index": _ravel_index,
}
