"""What lowering rules are written with: elementwise maps, reductions, views and extern calls on refs.

A rule takes `(emitter, *operands, **params)` and returns a ref or a tuple of refs. Operands are refs, host scalars,
Python numbers or None. Views cost nothing; a map or reduction becomes an item that the grouper places in a kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import FLOATS, NARROW, PAIRED, STORAGE_TYPES, value_type
from lamella.compiler._library._row import Library
from lamella.compiler._lower._bodies import ALONE, finite, square
from lamella.compiler._lower._group import Grouper, fit
from lamella.compiler._lower._refs import Counter, Operand, Ref, Root, Scalar, Subject, Table, contiguous
from lamella.compiler._lower._steps import Body, Call, Extern, Item, Target, steps_of
from lamella.compiler._schedule import HEAVY
from lamella.tensor.extend import Op

Rule = Callable[..., Any]
_SCAN_COST = 100  # never done again: what comes before would have to be, too
FORMULA_COST = 150  # work above which a single number is computed once and read by others: a handful of powers
COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "isnan"})


@dataclass(slots=True)
class Pending:
    """A tensor that nothing has asked for yet."""

    make: Callable[[], Ref]
    note: Any
    made: Ref | None = None


class Emitter:
    """Collects the items of one graph."""

    def __init__(self, grouper: Grouper) -> None:
        self.grouper = grouper
        self.roots: list[Root] = []
        self.errors: list[Exception] = []
        self.subjects: dict[int, Subject] = {}  # by code
        self.source = ""
        self.pending: dict[Root, Pending] = {}

    # -- making roots -------------------------------------------------------------------------------------------------

    def root(self, shape: tuple[int, ...], dtype: str) -> Root:
        """A new root without a maker."""
        root = Root(shape, dtype, None, len(self.roots))
        self.roots.append(root)
        return root

    def error(self, exception: Exception, subject: Subject | None = None) -> int:
        """The code a kernel reports for this error; `subject` lets it be known that a check cannot fail again."""
        self.errors.append(exception)
        if subject is not None:
            self.subjects[len(self.errors)] = subject
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
        repeats: bool = True,
    ) -> Ref:
        """An elementwise body over broadcast operands; `body(builder, values)` gives a value of `dtype`.

        `near` names a value whose kernel should take this one although they share nothing yet. What is made of
        positions alone is made again by every reader, unless `repeats` is false.
        """
        space = shape if shape is not None else broadcast([o.shape for o in operands if isinstance(o, Ref)])
        root = self.root(space, dtype)
        if 0 not in space:  # where nothing is computed nothing is checked either
            body, operands, cost = _inlined(body, operands, cost)
        spread: list[Operand] = [o.expand(space) if isinstance(o, Ref) else o for o in operands]
        item = Item(root, spread, body, cost, self.source)
        if repeats and not any(isinstance(o, Ref | Table) for o in operands):
            root.generator = root.pending = item
        elif root.size == 1 and cost <= FORMULA_COST and value_type(dtype) == dtype and not _moves(operands):
            root.formula = root.pending = item
        else:
            self.grouper.place(item, space, None, None if near is None else near.root)
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
        take: int = 0,
    ) -> Ref:
        """Combine `body(x)` (x itself by default) over dims; argmax and argmin give the position along dims as i64.

        Of several values that a combiner carries it gives the one of number `take`.
        """
        kept = tuple(n for k, n in enumerate(x.shape) if k not in dims)
        shape = tuple(1 if k in dims else n for k, n in enumerate(x.shape)) if keepdim else kept
        paired = combiner in PAIRED
        out = "i64" if paired else dtype or x.dtype
        make = body or _same
        if all(x.shape[d] == 1 for d in dims):
            flat = x.reshape(shape)
            if flat is None:
                raise AssertionError("dropping dims of size 1 never needs a copy")
            if paired:
                return self.compute(_zero, flat, dtype="i64")
            return self.compute(ALONE.get((combiner, take), make), flat, dtype=out)
        root = self.root(shape, out)
        operands: list[Operand] = [x]
        if paired:
            strides, step = [0] * len(x.shape), 1
            for d in reversed(dims):
                strides[d], step = step, step * x.shape[d]
            operands.append(Counter(tuple(strides)))
        item = Item(root, operands, make, 1, self.source, combiner, 1 if paired else take)
        self.grouper.place(item, x.shape, frozenset(dims))
        return root.ref()

    def moments(self, x: Ref, dims: tuple[int, ...], keepdim: bool = False) -> tuple[Ref, Ref]:
        """(mean with its dims kept, sum of squared distances from it) of floats over dims."""
        limits, count = self.grouper.limits, math.prod(x.shape[d] for d in dims)
        long = count > limits.short_row and self._one_after_another(x, dims)
        if count and (long or self._crosses(x, dims)):
            return self.reduce("welford", x, dims, True), self.reduce("welford", x, dims, keepdim, take=1)
        mean = self.mean(x, dims, True)
        return mean, self.reduce("sum", self.map("sub", x, mean), dims, keepdim, body=square)

    def powers(self, x: Ref, dims: tuple[int, ...], keepdim: bool = False) -> tuple[Ref, Ref]:
        """(largest, sum of exp(x - largest)) of floats over dims; the logarithm of the sum and the largest together
        are finite, infinite or NaN as the whole is.
        """
        if self.looks_once(x, dims):
            return self.reduce("softmax", x, dims, keepdim), self.reduce("softmax", x, dims, keepdim, take=1)
        top = self.compute(finite, self.reduce("largest", x, dims, True), dtype=x.dtype)
        powers = self.map("exp", self.map("sub", x, top))
        shape = tuple(n for k, n in enumerate(top.shape) if keepdim or k not in dims)
        return self.reshape(top, shape), self.reduce("sum", powers, dims, keepdim)

    def looks_once(self, x: Ref, dims: tuple[int, ...]) -> bool:
        """Whether a sum of powers and its largest are best found together: reading the numbers again is dear."""
        count = math.prod(x.shape[d] for d in dims)
        return count > self.grouper.limits.long_row or self._crosses(x, dims)

    def _crosses(self, x: Ref, dims: tuple[int, ...]) -> bool:
        return self.grouper.crosses(x.shape, frozenset(dims))

    def _one_after_another(self, x: Ref, dims: tuple[int, ...]) -> bool:
        """Whether numbers that are reduced lie one after another, or it does not matter how."""
        return not self.grouper.limits.rows_lie or any(x.strides[d] == 1 for d in dims)

    def scan(self, combiner: str, dim: int, body: Body, x: Ref, *operands: Operand, dtype: str) -> Ref:
        """Combine `body(x, ...)` with all before it along dim, in order; operands have the shape of x."""
        if x.shape[dim] == 1:
            return self.compute(body, x, *operands, dtype=dtype)
        item = Item(self.root(x.shape, dtype), [x, *operands], body, _SCAN_COST, self.source, combiner, scan=True)
        self.grouper.place(item, x.shape, frozenset([dim]))
        return item.root.ref()

    # -- arrays that are put together ---------------------------------------------------------------------------------

    def later(self, shape: tuple[int, ...], dtype: str, make: Callable[[], Ref], note: Any) -> Ref:
        """A tensor that is made when the first op but `add` reads it; `note` is for whoever may make it otherwise."""
        root = self.root(shape, dtype)
        self.pending[root] = Pending(make, note)
        return root.ref()

    def settled(self, operand: Any) -> Any:
        """The operand itself, or what a pending one is once it is made."""
        pending = self.pending.get(operand.root) if isinstance(operand, Ref) else None
        if pending is None:
            return operand
        if pending.made is None:
            pending.made = pending.make()
        return pending.made

    def assemble(self, shape: tuple[int, ...], dtype: str) -> Root:
        """A new root to be filled by parts; it has at least one element."""
        return self.root(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: str) -> Ref:
        """An array of zeros."""
        return self.compute(_Number(0, value_type(dtype)), dtype=dtype, shape=shape)

    def part(self, to: Ref, body: Body, *operands: Operand, cost: int = 1, after: tuple[Root, ...] = ()) -> None:
        """Fill the elements that `to` shows of a new root; no other part may reach them, but those made `after`."""
        self._inside(
            Item(self.root(to.shape, to.dtype), list(operands), body, cost, self.source, after=after), to, None
        )

    def copy_into(self, to: Ref, x: Ref, after: tuple[Root, ...] = ()) -> None:
        """Fill a part of a new root with a tensor of its shape."""
        if to.size:
            self.part(to, _same, x.expand(to.shape), after=after)

    def fill(self, to: Ref, value: bool | int | float, after: tuple[Root, ...] = ()) -> None:
        """Fill a part of a new root with a number."""
        if to.size:
            self.part(to, _Number(value, value_type(to.dtype)), after=after)

    def update(
        self, to: Ref, dims: tuple[int, ...], combiner: str, body: Body, target: Target, *operands: Operand
    ) -> None:
        """Combine values into elements of a root that has been filled, in row-major order along `dims`.

        `to` has the shape of the loop and stride 0 along dims; `target` says where along them each value goes.
        """
        root = self.root(to.shape, to.dtype)
        item = Item(root, list(operands), body, _SCAN_COST, self.source, combiner, target=target, after=(to.root,))
        self._inside(item, to, frozenset(dims))

    def _inside(self, item: Item, to: Ref, dims: frozenset[int] | None) -> None:
        item.root.inside, item.root.stored = to, True
        self.grouper.place(item, to.shape, dims)
        to.root.parts.append(item.root)
        to.root.step = item.root.step

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
        op: Op,
        operands: tuple[Any, ...],
        params: dict[str, Any],
        types: list[tuple[tuple[int, ...], str]],
    ) -> tuple[Ref, ...]:
        """A call of the op's own kernel on whole arrays; its operands must exist in memory."""
        self._complete(operands)
        step = self.grouper.extern(op, self.source)
        step.operands, step.params = list(operands), params
        return self._made(step, types)

    def library(
        self, row: Library, operands: tuple[Any, ...], params: dict[str, Any], types: list[tuple[tuple[int, ...], str]]
    ) -> tuple[Ref, ...]:
        """A call of a library kernel; operands that it cannot read as they lie are copied."""
        given = [self._fitting(o, row) if isinstance(o, Ref) else o for o in operands]
        self._complete(given)
        dims = row.dims(given, params)
        step = self.grouper.call(row.blas if row.by_blas(dims) else row.symbol, self.source)
        step.operands = [o for o in given if o is None or isinstance(o, Ref)]
        step.scalars = [o for o in given if o is not None and not isinstance(o, Ref)]
        step.dims, step.scratch_bytes = dims, row.scratch(given, params)
        step.errors = len(self.errors)
        step.fails, step.holds = bool(row.errors), row.holds(step.dims)
        self.errors += row.errors
        made = self._made(step, [(shape, value_type(dtype)) for shape, dtype in types])
        for number in row.spare:
            step.roots[number].stored = False
        return tuple(self.cast(ref, dtype) for ref, (_, dtype) in zip(made, types, strict=True))

    def _fitting(self, x: Ref, row: Library) -> Ref:
        wide = self.wide(x)
        return wide if row.fits(wide) else self.copy(wide)

    def _complete(self, operands: Sequence[Any]) -> None:
        """What a step reads as a whole comes before it, single numbers too."""
        for operand in operands:
            if isinstance(operand, Ref):
                self.grouper.made(operand.root)

    def _made(self, step: Extern | Call, types: list[tuple[tuple[int, ...], str]]) -> tuple[Ref, ...]:
        """The results of a step that works on whole arrays, which are in memory."""
        for operand in step.operands:
            if isinstance(operand, Ref):
                operand.root.stored = True
                for maker in steps_of(operand.root):
                    maker.read = True
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


class _Number:
    """The body that gives a number."""

    __slots__ = ("kind", "value")

    def __init__(self, value: bool | int | float, kind: str) -> None:
        self.value, self.kind = value, kind

    def __call__(self, b: KernelBuilder, values: list[int]) -> int:
        return b.const(self.value, self.kind)


def _moves(operands: tuple[Operand, ...]) -> bool:
    """Whether a body sees its position, which would be another one in a reader's space."""
    return any(isinstance(o, Counter | Table) for o in operands)


def _inlined(body: Body, operands: tuple[Operand, ...], cost: int) -> tuple[Body, tuple[Operand, ...], int]:
    """A body that computes the formulas among its operands from what they read, if one kernel may read it all.

    So an update by a rate that follows from a tensor of one element is one kernel for every parameter.
    """
    formulas = [o.root.formula if isinstance(o, Ref) else None for o in operands]
    if not any(formulas):
        return body, operands, cost
    leaves: list[Operand] = []
    parts: list[tuple[Item | None, int]] = []
    for operand, item in zip(operands, formulas, strict=True):
        given = [operand] if item is None else [o.scalar() if isinstance(o, Ref) else o for o in item.operands]
        leaves += given
        parts.append((item, len(given)))
    if not fit(leaves):
        return body, operands, cost
    return _Inlined(body, parts), tuple(leaves), cost + sum(item.cost for item in formulas if item is not None)


class _Inlined:
    """A body over the leaves of formulas."""

    __slots__ = ("body", "parts")

    def __init__(self, body: Body, parts: list[tuple[Item | None, int]]) -> None:
        self.body, self.parts = body, parts

    def __call__(self, b: KernelBuilder, values: list[int]) -> int:
        given, at = [], 0
        for item, count in self.parts:
            some = values[at : at + count]
            given.append(some[0] if item is None else b.cast(item.body(b, some), value_type(item.root.dtype)))
            at += count
        return self.body(b, given)


class _Apply:
    """The body of one scalar operation."""

    __slots__ = ("kind", "op")

    def __init__(self, op: str, kind: str) -> None:
        self.op, self.kind = op, kind

    def __call__(self, b: KernelBuilder, values: list[int]) -> int:
        return b.apply(self.op, *(b.cast(v, self.kind) for v in values))


class _Cast:
    """The body of a cast; narrowing to a half or quarter type rounds at once.

    To f16, a double first becomes the f32 whose last bit says whether something was cut off, so that it is rounded
    once; to other narrow types the eager kernel goes through float32 too.
    float8_e4m3fn has no infinity: what is beyond its largest number becomes that number.
    """

    __slots__ = ("dtype",)

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    def __call__(self, b: KernelBuilder, values: list[int]) -> int:
        value, kind = values[0], value_type(self.dtype)
        if self.dtype == "f16" and b.types[value] == "f64":
            value = _to_odd(b, value)
        value = b.cast(value, kind)
        if self.dtype == "f8e4m3":
            value = b.apply("max", b.apply("min", value, b.const(448.0, kind)), b.const(-448.0, kind))
        return b.apply(f"round_{self.dtype}", value) if self.dtype in NARROW else value


def _to_odd(b: KernelBuilder, x: int) -> int:
    """An f64 as f32, cut off; where that was inexact, its last bit is 1."""
    near = b.cast(x, "f32")
    back = b.cast(near, "f64")
    above = b.apply("gt", b.apply("abs", back), b.apply("abs", x))
    bits = b.apply("sub", b.apply("bits", near), b.cast(above, "i32"))
    odd = b.apply("unbits", b.apply("or", bits, b.const(1, "i32")))
    return b.apply("select", b.apply("eq", back, x), near, odd)


def to(kind: str) -> Body:
    """The body of a conversion to a value type."""

    def body(b: KernelBuilder, values: list[int]) -> int:
        return b.cast(values[0], kind)

    return body


def _same(_: KernelBuilder, values: list[int]) -> int:
    return values[0]


def _zero(b: KernelBuilder, _: list[int]) -> int:
    return b.const(0, "i64")


def one_hot(shape: tuple[int, ...], dim: int, dtype: str = "i64") -> Counter:
    """The position along one dim."""
    return Counter(tuple(int(d == dim) for d in range(len(shape))), dtype)


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
    """Whether kernels read and write this storage type (complex numbers are in extern steps only)."""
    return dtype in STORAGE_TYPES


def is_float(dtype: str) -> bool:
    """Whether values of this storage type are floats."""
    return value_type(dtype) in FLOATS


__all__ = ["Emitter", "Rule", "Scalar", "broadcast", "contiguous", "is_float", "lowerable", "one_hot", "to"]
