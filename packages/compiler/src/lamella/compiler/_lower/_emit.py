"""What lowering rules are written with: elementwise maps, reductions, views and extern calls on refs.

A rule takes `(emitter, *operands, **params)` and returns a ref or a tuple of refs. Operands are refs, host scalars,
Python numbers or None. Views cost nothing; a map or reduction becomes an item that the grouper places in a kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import FLOATS, STORAGE_TYPES, value_type
from lamella.compiler._library._row import Library
from lamella.compiler._lower._group import Body, Call, Extern, Grouper, Item
from lamella.compiler._lower._refs import Counter, Operand, Ref, Root, Scalar, contiguous
from lamella.compiler._schedule import HEAVY

Rule = Callable[..., Any]
COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "isnan"})


class Emitter:
    """Collects the items of one graph."""

    def __init__(self) -> None:
        self.grouper = Grouper()
        self.roots: list[Root] = []
        self.errors: list[Exception] = []
        self.source = ""

    # -- making roots -------------------------------------------------------------------------------------------------

    def root(self, shape: tuple[int, ...], dtype: str) -> Root:
        """A new root without a maker."""
        root = Root(shape, dtype, None, len(self.roots))
        self.roots.append(root)
        return root

    def error(self, exception: Exception) -> int:
        """The code a kernel reports for this error."""
        self.errors.append(exception)
        return len(self.errors)

    # -- items --------------------------------------------------------------------------------------------------------

    def map(self, op: str, *operands: Operand, dtype: str | None = None, shape: tuple[int, ...] | None = None) -> Ref:
        """One scalar operation at every point; numbers take the type of the tensor operands."""
        kind = dtype or self._kind(operands)
        out = "bool" if op in COMPARISONS else kind
        return self.compute(_Apply(op, value_type(kind)), *operands, dtype=out, shape=shape, cost=HEAVY.get(op, 1))

    def compute(
        self,
        body: Body,
        *operands: Operand,
        dtype: str,
        shape: tuple[int, ...] | None = None,
        cost: int = 1,
        near: Ref | None = None,
    ) -> Ref:
        """An elementwise body over broadcast operands; `body(builder, values)` gives a value of `dtype`.

        `near` names a value whose kernel should take this one although they share nothing yet.
        """
        space = shape if shape is not None else broadcast([o.shape for o in operands if isinstance(o, Ref)])
        root = self.root(space, dtype)
        spread: list[Operand] = [o.expand(space) if isinstance(o, Ref) else o for o in operands]
        item = Item(root, spread, body, cost, self.source)
        self.grouper.place(item, space, None, None if near is None else near.root)
        if not any(isinstance(o, Ref) for o in operands):
            root.generator = item
        return root.ref()

    def reduce(
        self,
        combiner: str,
        x: Ref,
        dims: tuple[int, ...],
        keepdim: bool = False,
        *,
        dtype: str | None = None,
        body: Body | None = None,
    ) -> Ref:
        """Combine `body(x)` (x itself by default) over dims; argmax and argmin give the position along dims as i64."""
        kept = tuple(n for k, n in enumerate(x.shape) if k not in dims)
        shape = tuple(1 if k in dims else n for k, n in enumerate(x.shape)) if keepdim else kept
        paired = combiner in ("argmax", "argmin")
        out = "i64" if paired else dtype or x.dtype
        make = body or _same
        if all(x.shape[d] == 1 for d in dims):
            flat = x.reshape(shape)
            if flat is None:
                raise AssertionError("dropping dims of size 1 never needs a copy")
            if paired:
                return self.compute(_zero, flat, dtype="i64")
            return self.compute(make, flat, dtype=out)
        root = self.root(shape, out)
        operands: list[Operand] = [x]
        if paired:
            strides, step = [0] * len(x.shape), 1
            for d in reversed(dims):
                strides[d], step = step, step * x.shape[d]
            operands.append(Counter(tuple(strides)))
        item = Item(root, operands, make, 1, self.source, combiner)
        self.grouper.place(item, x.shape, frozenset(dims))
        return root.ref()

    def cast(self, x: Ref, dtype: str) -> Ref:
        """The same values in another type; rounds where the target is narrower."""
        if x.dtype == dtype:
            return x
        return self.compute(_Cast(dtype), x, dtype=dtype)

    def wide(self, x: Ref) -> Ref:
        """Half types as f32, others as they are."""
        return self.cast(x, value_type(x.dtype))

    def copy(self, x: Ref) -> Ref:
        """Fresh contiguous memory."""
        return self.compute(_same, x, dtype=x.dtype)

    def reshape(self, x: Ref, shape: tuple[int, ...]) -> Ref:
        """A view where strides allow, else a copy."""
        view = x.reshape(shape)
        if view is None:
            view = self.copy(x).reshape(shape)
        if view is None:
            raise AssertionError("contiguous memory takes any shape")
        return view

    def mean(self, x: Ref, dims: tuple[int, ...], keepdim: bool = False) -> Ref:
        """Sum divided by the number of elements."""
        count = math.prod(x.shape[d] for d in dims)
        return self.map("div", self.reduce("sum", x, dims, keepdim), float(count))

    def extern(
        self,
        name: str,
        kernel: Callable[..., Any],
        operands: tuple[Any, ...],
        params: dict[str, Any],
        types: list[tuple[tuple[int, ...], str]],
    ) -> tuple[Ref, ...]:
        """A call of the op's own kernel on whole arrays; its operands must exist in memory."""
        step = self.grouper.extern(name, self.source)
        step.kernel, step.params = kernel, params
        step.operands = list(operands)
        return self._made(step, types)

    def library(
        self, row: Library, operands: tuple[Any, ...], params: dict[str, Any], types: list[tuple[tuple[int, ...], str]]
    ) -> tuple[Ref, ...]:
        """A call of a library kernel; operands that it cannot read as they lie are copied."""
        given = [self._fitting(o, row) if isinstance(o, Ref) else o for o in operands]
        step = self.grouper.call(row.symbol, self.source)
        step.operands = [o for o in given if o is None or isinstance(o, Ref)]
        step.scalars = [o for o in given if o is not None and not isinstance(o, Ref)]
        step.dims, step.scratch_bytes = row.dims(given, params), row.scratch(given, params)
        step.errors = len(self.errors)
        self.errors += row.errors
        made = self._made(step, [(shape, value_type(dtype)) for shape, dtype in types])
        return tuple(self.cast(ref, dtype) for ref, (_, dtype) in zip(made, types, strict=True))

    def _fitting(self, x: Ref, row: Library) -> Ref:
        wide = self.wide(x)
        return wide if row.fits(wide) else self.copy(wide)

    def _made(self, step: Extern | Call, types: list[tuple[tuple[int, ...], str]]) -> tuple[Ref, ...]:
        """The results of a step that works on whole arrays, which are all in memory."""
        for operand in step.operands:
            if isinstance(operand, Ref):
                operand.root.stored = True
        for shape, dtype in types:
            root = self.root(shape, dtype)
            root.step = step
            root.stored = True
            step.roots.append(root)
        return tuple(root.ref() for root in step.roots)

    def _kind(self, operands: tuple[Operand, ...]) -> str:
        for operand in operands:
            if isinstance(operand, Ref):
                return operand.dtype
        raise AssertionError("a map without tensor operands names its dtype")


class _Apply:
    """The body of one scalar operation."""

    __slots__ = ("kind", "op")

    def __init__(self, op: str, kind: str) -> None:
        self.op, self.kind = op, kind

    def __call__(self, b: KernelBuilder, values: list[int]) -> int:
        return b.apply(self.op, *(b.cast(v, self.kind) for v in values))


class _Cast:
    """The body of a cast; narrowing to a half type rounds at once."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    def __call__(self, b: KernelBuilder, values: list[int]) -> int:
        value = b.cast(values[0], value_type(self.dtype))
        return b.apply(f"round_{self.dtype}", value) if self.dtype in ("f16", "bf16") else value


def to(kind: str) -> Body:
    """The body of a conversion to a value type."""

    def body(b: KernelBuilder, values: list[int]) -> int:
        return b.cast(values[0], kind)

    return body


def _same(_: KernelBuilder, values: list[int]) -> int:
    return values[0]


def _zero(b: KernelBuilder, _: list[int]) -> int:
    return b.const(0, "i64")


def broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """numpy's broadcast of shapes that the graph has already checked."""
    rank = max((len(s) for s in shapes), default=0)
    out = [1] * rank
    for shape in shapes:
        for k, n in enumerate(shape, rank - len(shape)):
            if n != 1:
                out[k] = n
    return tuple(out)


def lowerable(dtype: str) -> bool:
    """Whether kernels compute on this storage type (complex and float8 run as extern steps)."""
    return dtype in STORAGE_TYPES


def is_float(dtype: str) -> bool:
    """Whether values of this storage type are floats."""
    return value_type(dtype) in FLOATS


__all__ = ["Emitter", "Rule", "Scalar", "broadcast", "contiguous", "is_float", "lowerable", "to"]
