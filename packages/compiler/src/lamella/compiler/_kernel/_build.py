"""A small builder for kernels: it numbers values, infers types and folds repeated constants, loads and operations.

Lowering rules receive it as their only tool. Values of one stage are reused within that stage, so a rule may ask for
the same load or constant twice.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamella.compiler._kernel._ir import (
    COMBINERS,
    COMPARE,
    FLOATS,
    INT_RANGE,
    Apply,
    Axis,
    Buffer,
    Check,
    Const,
    Get,
    Index,
    Instr,
    Kernel,
    Level,
    Load,
    Param,
    Position,
    Put,
    Reduce,
    Scan,
    Size,
    Stage,
    Store,
    Update,
    defined,
    used,
    value_type,
)
from lamella.compiler._kernel._verify import KernelError, result_type, verify

_MIRRORED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}


class KernelBuilder:
    """Collects stages; `open(level)` starts one, `finish()` verifies and returns the kernel."""

    def __init__(self, grid: tuple[int, ...], inner: tuple[int, ...] = ()) -> None:
        self.grid = tuple(Axis(f"i{k}", n) for k, n in enumerate(grid))
        self.inner = tuple(Axis(f"j{k}", n) for k, n in enumerate(inner))
        self.types: dict[int, str] = {}
        self._buffers: list[Buffer] = []
        self._params: list[str] = []
        self._locals: list[str] = []
        self._stages: list[tuple[Level, list[Instr]]] = []
        self._seen: dict[tuple[object, ...], int] = {}
        self._reduced: dict[tuple[str, tuple[int, ...], str], tuple[int, ...]] = {}
        self._tables: list[tuple[int, Position]] = []
        self._numbers: dict[int, bool | int | float] = {}

    # -- declarations -------------------------------------------------------------------------------------------------

    def buffer(self, dtype: str, size: int, *, output: bool = False) -> int:
        """A new buffer's number."""
        self._buffers.append(Buffer(dtype, output, size))
        return len(self._buffers) - 1

    def param_slot(self, dtype: str) -> int:
        """A new host scalar's slot."""
        self._params.append(dtype)
        return len(self._params) - 1

    def local(self, dtype: str) -> int:
        """A new row-local buffer's number."""
        self._locals.append(dtype)
        return len(self._locals) - 1

    def table(self, buffer: int, position: Position) -> int:
        """A handle of a buffer for `look`; `position` is what follows from the axes alone."""
        self._tables.append((buffer, position))
        return len(self._tables) - 1

    def open(self, level: Level) -> None:
        """Start a stage; values of inner stages before it are no longer reused."""
        self._stages.append((level, []))
        self._seen = {}
        self._reduced = {}

    # -- instructions -------------------------------------------------------------------------------------------------

    def const(self, value: bool | int | float, dtype: str) -> int:
        """A literal of `dtype`."""
        exact: bool | int | float
        exact = bool(value) if dtype == "bool" else float(value) if dtype in FLOATS else int(value)
        if dtype == "f32":
            with np.errstate(over="ignore"):  # one number is one value, however it came here
                exact = float(np.float32(exact))
        key = ("const", dtype, repr(exact))  # repr tells -0.0 from 0.0 and keeps nan findable
        out = self._once(key, dtype, lambda out: Const(out, exact))
        self._numbers[out] = exact
        return out

    def size(self, value: int, dtype: str = "i64") -> int:
        """A number that follows from sizes, as i64 or i32."""
        if value in (0, 1):
            return self.const(value, dtype)
        return self._once(("size", dtype, value), dtype, lambda out: Size(out, value))

    def param(self, slot: int) -> int:
        """The value of a host scalar."""
        return self._once(("param", slot), self._params[slot], lambda out: Param(out, slot))

    def index(self, axis: int, dtype: str = "i64") -> int:
        """The position along an axis, as i64 or i32."""
        return self._once(("index", axis, dtype), dtype, lambda out: Index(out, axis))

    def load(self, buffer: int, position: Position, mask: int | None = None) -> int:
        """One element of a buffer, or 0 where the mask is false."""
        dtype = value_type(self._buffers[buffer].dtype)
        return self._once(("load", buffer, position, mask), dtype, lambda out: Load(out, buffer, position, mask))

    def look(self, table: int, *terms: tuple[int, int], mask: int | None = None) -> int:
        """The element of a table moved by sum(stride * value) over terms (value, stride), or 0 where not `mask`."""
        buffer, position = self._tables[table]
        return self.load(buffer, Position(position.offset, position.strides, terms), mask)

    def get(self, local: int) -> int:
        """The current element of a row-local buffer."""
        return self._once(("get", local), self._locals[local], lambda out: Get(out, local))

    def apply(self, op: str, *args: int) -> int:
        """One scalar operation; operands must have fitting types."""
        types = tuple(self.types[a] for a in args)
        if op in COMPARE and types[0] not in FLOATS and (known := self._known(op, *args)) is not None:
            return self.const(known, "bool")
        dtype = result_type(op, types)
        if dtype is None:
            raise KernelError(f"{op} does not take operands of types {types}")
        return self._once((op, *args), dtype, lambda out: Apply(out, op, args))

    def cast(self, value: int, dtype: str) -> int:
        """Convert to another value type; the value itself if it has that type."""
        if self.types[value] == dtype:
            return value
        if (self.types[value], dtype) == ("f64", "f32") and value in self._numbers:
            return self.const(self._numbers[value], dtype)
        return self._once(("cast", value, dtype), dtype, lambda out: Apply(out, "cast", (value,)))

    def reduce(self, combiner: str, *args: int, over: str) -> tuple[int, ...]:
        """Combine values over the inner axes or the grid; the values carried."""
        key = (combiner, args, over)
        found = self._reduced.get(key)
        if found is None:
            last = len(args) - 1
            outs = [self._new(self.types[args[min(k, last)]]) for k in range(COMBINERS[combiner])]
            found = self._reduced[key] = tuple(outs)
            self._body.append(Reduce(found, combiner, args, over))
        return found

    def scan(self, combiner: str, value: int) -> int:
        """Combine values over the inner axes so far."""
        out = self._new(self.types[value])
        self._body.append(Scan(out, combiner, value))
        return out

    def update(
        self,
        buffer: int,
        position: Position,
        value: int,
        combiner: str,
        terms: tuple[tuple[int, int, int], ...],
        mask: int | None = None,
    ) -> None:
        """Combine a value into the element moved by sum(stride * value) over terms (value, stride, extent)."""
        moved = Position(position.offset, position.strides, tuple((v, stride) for v, stride, _ in terms))
        extents = tuple(extent for _, _, extent in terms)
        self._body.append(Update(buffer, moved, value, combiner, extents, mask))

    def store(self, buffer: int, position: Position, value: int, mask: int | None = None) -> None:
        """Write one element of an output."""
        self._body.append(Store(buffer, position, value, mask))

    def put(self, local: int, value: int) -> None:
        """Write the current element of a row-local buffer."""
        self._body.append(Put(local, value))

    def check(self, condition: int, code: int) -> None:
        """Report `code` where the condition is false."""
        self._body.append(Check(condition, code))

    def finish(self, source: tuple[str, ...] = (), *, lean: bool = False) -> Kernel:
        """The verified kernel; stages without instructions are dropped, and where it is `lean` values nobody reads."""
        stages = self._needed() if lean else tuple(Stage(level, tuple(body)) for level, body in self._stages if body)
        kernel = Kernel(
            self.grid, self.inner, tuple(self._buffers), tuple(self._params), tuple(self._locals), stages, self.types,
            source,
        )  # fmt: skip
        verify(kernel)
        return kernel

    # -- inside -------------------------------------------------------------------------------------------------------

    def _known(self, op: str, a: int, b: int) -> bool | None:
        """What a comparison says of all integers: of a value and itself, or of any and the end of its type."""
        if a == b:
            return op in ("eq", "le", "ge")
        low, high = INT_RANGE.get(self.types[b], (None, None))
        for word, number in ((op, self._numbers.get(b)), (_MIRRORED.get(op, op), self._numbers.get(a))):
            if number is not None and number == {"lt": low, "ge": low, "gt": high, "le": high}.get(word):
                return word in ("ge", "le")
        return None

    def _needed(self) -> tuple[Stage, ...]:
        """The stages without values that nothing reads."""
        read: set[int] = set()
        stages: list[Stage] = []
        for level, body in reversed(self._stages):
            kept: list[Instr] = []
            for instr in reversed(body):
                outs = defined(instr)
                if not outs or read.intersection(outs):
                    read.update(used(instr))
                    kept.append(instr)
            if kept:
                stages.append(Stage(level, tuple(reversed(kept))))
        return tuple(reversed(stages))

    @property
    def _body(self) -> list[Instr]:
        return self._stages[-1][1]

    def _new(self, dtype: str) -> int:
        value = len(self.types)
        self.types[value] = dtype
        return value

    def _once(self, key: tuple[object, ...], dtype: str, make: Callable[[int], Instr]) -> int:
        found = self._seen.get(key)
        if found is None:
            found = self._seen[key] = self._new(dtype)
            self._body.append(make(found))
        return found
