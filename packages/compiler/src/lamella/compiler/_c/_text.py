"""What all parts of the printer share: the lines so far, run-time sizes, and values by name.

Sizes, strides and offsets other than 0 and 1, and most literals, are not printed but read from `call->dims`, so
kernels that differ only in them print the same text and are compiled once.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from lamella.compiler._c._helpers import Helpers
from lamella.compiler._c._types import C_TYPES
from lamella.compiler._c._values import Val, Values, literal
from lamella.compiler._kernel import Kernel, Position
from lamella.compiler._kernel._data import counts, is_data
from lamella.compiler._kernel._ir import FLOATS
from lamella.compiler._schedule import Schedule

ROW_AXIS = 0  # rows go abreast along the first grid axis


@dataclass(slots=True)
class Scope:
    """One C block: the values named in it, at how many lanes it computes, and where its lines go."""

    lanes: int
    env: dict[int, Val]
    indent: int
    unit: int = 0  # which of the unrolled accumulators this body feeds
    shift: int = 0  # how far its vector axis is ahead of the loop counter
    lines: list[str] = field(default_factory=list)


class Text:
    """The C text of one kernel under one schedule, as it grows."""

    def __init__(self, kernel: Kernel, plan: Schedule, h: Helpers) -> None:
        self.kernel, self.plan, self.h = kernel, plan, h
        self.values = Values(h, kernel.types)
        self.types = kernel.types
        self.dims: list[int] = []
        self.dim_names: list[str] = []
        self.numbers: dict[int, str] = {}  # the C type of each entry of dims that holds the bits of a double
        self._named: dict[int, str] = {}
        self._counts = counts(kernel)
        self.sizes: dict[int, str] = {}
        self.row = 0  # which of the rows abreast the printed lines are for
        self.lines: list[str] = []
        self.indent = 1
        axes = kernel.axes
        if plan.vector == "grid":
            self.vector_axis: int | None = len(kernel.grid) - 1
        else:
            self.vector_axis = len(axes) - 1 if plan.vector == "inner" else None
        self.extents = [self.dim(axis.extent, f"n_{axis.name}") for axis in axes]
        self.inner_extents = self.extents[len(kernel.grid) :]

    def dim(self, value: int, name: str) -> str:
        """A C name for a size known at run time only."""
        self.dims.append(value)
        self.dim_names.append(name)
        return name

    def number(self, out: int, value: bool | int | float) -> str:
        """A literal, or for numbers that are likely to follow from sizes or settings a name: they are data."""
        dtype = self.types[out]
        if out not in self._counts and not is_data(dtype, value):
            return literal(value, dtype)
        if out not in self._named:
            name = self._named[out] = f"lit{len(self.dims)}"
            if dtype in FLOATS:
                self.numbers[len(self.dims)] = C_TYPES[dtype]
                self.dim(struct.unpack("<q", struct.pack("<d", value))[0], name)
            else:
                self.dim(int(value), name)
        return self._named[out]

    def stride(self, value: int) -> str:
        """A literal for 0 and 1, else a run-time size."""
        return str(value) if value in (0, 1) else self.dim(value, f"by{len(self.dims)}")

    def size(self, value: int) -> str:
        """A C name for a number that follows from sizes, the same wherever it is asked for."""
        name = self.sizes.get(value)
        if name is None:
            name = self.sizes[value] = self.dim(value, f"size{len(self.sizes)}")
        return name

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def own(self, name: str) -> str:
        """A name that each of the rows abreast has for itself."""
        return f"{name}r{self.row}" if self.row else name

    def inner_points(self) -> int:
        points = 1
        for axis in self.kernel.inner:
            points *= axis.extent
        return points

    def axis(self) -> int:
        assert self.vector_axis is not None
        return self.vector_axis

    def put(self, scope: Scope, text: str) -> None:
        scope.lines.append("    " * scope.indent + text)

    def name(self, scope: Scope, out: int, val: Val) -> None:
        kind, name = self.values.ctype(self.types[out], val.lanes, val.mask), self.own(f"v{out}")
        self.put(scope, f"const {kind} {name} = {val.text};")
        scope.env[out] = Val(name, val.lanes, val.mask)

    def operand(self, scope: Scope, value: int) -> str:
        """A value at the lanes of its scope, bools as one-byte masks."""
        val, dtype = scope.env[value], self.types[value]
        if dtype == "bool":
            return self.values.mask(val, 1, scope.lanes)
        return self.values.vector(val, dtype, scope.lanes)

    def axis_name(self, scope: Scope, axis: int) -> str:
        name = self.kernel.axes[axis].name
        ahead = scope.shift if axis == self.vector_axis else self.row if axis == ROW_AXIS else 0
        return f"({name} + {ahead})" if ahead else name

    def inner_position(self, scope: Scope) -> str:
        """The number of the current inner point."""
        text = ""
        for k, extent in enumerate(self.inner_extents):
            name = self.axis_name(scope, len(self.kernel.grid) + k)
            text = name if not text else f"({text}) * {extent} + {name}"
        return text

    def vector_stride(self, position: Position) -> int:
        return position.strides[self.vector_axis] if self.vector_axis is not None else 0
