"""The kernel IR: a named index space, stages over it, and a typed scalar SSA body.

A kernel runs once per point of its `grid` axes. At a grid point its stages run in order; a stage either loops over the
`inner` axes or runs once. After all grid points, stages that do not loop over the grid run once (or once per inner
point) and see what was reduced over the grid. So a row softmax is grid=(rows), inner=(columns) and three inner stages,
and a column sum is grid=(rows), inner=(columns) with a reduction over the grid.

Invariant: values are scalars, named by an int, assigned once, with one type each. The IR has no pointers, vector
widths, threads or blocks, and nothing of a target language; a schedule and a printer add those.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

# Storage types a buffer may have; arithmetic on narrow floats is f32.
NARROW = {"f16": 2, "bf16": 2, "f8e4m3": 1, "f8e5m2": 1}  # bytes of the floats that exist in memory only
STORAGE_TYPES = ("bool", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", *NARROW, "f32", "f64")
VALUE_TYPES = ("bool", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64")
ITEM_BYTES = {
    "bool": 1, "u8": 1, "i8": 1, "u16": 2, "i16": 2, **NARROW,
    "u32": 4, "i32": 4, "f32": 4, "u64": 8, "i64": 8, "f64": 8,
}  # fmt: skip
FLOATS = frozenset({"f32", "f64"})
UNSIGNED = frozenset({"u8", "u16", "u32", "u64"})
INTS = frozenset({"i8", "i16", "i32", "i64"}) | UNSIGNED
INT_RANGE = {  # least and greatest
    **{f"i{n}": (-(2 ** (n - 1)), 2 ** (n - 1) - 1) for n in (8, 16, 32, 64)},
    **{f"u{n}": (0, 2**n - 1) for n in (8, 16, 32, 64)},
}

# Scalar operations, by how their result type follows from their operands'.
UNARY_FLOAT = frozenset({
    "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "reciprocal", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid", "erf", "erfc", "lgamma",
})  # fmt: skip
UNARY_SAME = frozenset({"neg", "abs", "sign", "floor", "ceil", "trunc", "round"})
BINARY_FLOAT = frozenset({"atan2", "copysign", "hypot", "nextafter"})
BINARY_INT = frozenset({"shl", "shr", "gcd", "lcm"})
BINARY_SAME = frozenset({"add", "sub", "mul", "div", "floordiv", "mod", "fmod", "pow", "max", "min"})
# Random words: philox(seed, slot) is the word of a slot (docs/decisions/0001-rng.md), mulhi the high half of a product.
WORDS = frozenset({"philox", "mulhi"})
# The bits of a float as an integer of its size, and back.
BITS = {"bits": {"f32": "i32", "f64": "i64"}, "unbits": {"i32": "f32", "i64": "f64"}}
BINARY_BITS = frozenset({"and", "or", "xor"})
COMPARE = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
ROUND = frozenset(f"round_{name}" for name in NARROW)  # what storing to that type and loading again gives
OTHER = frozenset({"select", "not", "isnan", "cast"}) | ROUND
OPERATIONS = UNARY_FLOAT | UNARY_SAME | BINARY_SAME | BINARY_FLOAT | BINARY_INT | BINARY_BITS | COMPARE | WORDS | OTHER
OPERATIONS |= BITS.keys()

# Combiners of updates; "last" lets the last value stay.
UPDATES = frozenset({"sum", "prod", "max", "min", "last"})
# Combiners of scans; "logaddexp" is log(exp(a) + exp(b)).
SCANS = frozenset({"sum", "prod", "max", "min", "any", "all", "logaddexp"})
# Combiners of reductions and the values they carry; "largest" is max that passes over NaN.
# "welford" carries the mean and the sum of squared distances from it; "softmax" the largest value, at least the least
# finite number, passing over NaN, and the sum of exp(x - largest), which is some finite number from 1 on where the
# largest is infinite, and NaN where a number is.
COMBINERS = {
    "sum": 1, "prod": 1, "max": 1, "min": 1, "largest": 1, "any": 1, "all": 1, "argmax": 2, "argmin": 2, "welford": 2,
    "softmax": 2,
}  # fmt: skip
PAIRED = frozenset({"argmax", "argmin"})  # are given as many values at a point as they carry; all others are given one
# Those whose partial results over the inner axes may be combined over the grid: they are given all that they carry.
PARTIAL = frozenset({"welford", "softmax"})


class Level(Enum):
    """Where a stage runs: (once per grid point, once per inner point)."""

    INNER = (True, True)
    ROW = (True, False)
    TOTAL_INNER = (False, True)
    TOTAL = (False, False)

    @property
    def in_grid(self) -> bool:
        """Whether the stage runs at every grid point."""
        return self.value[0]

    @property
    def in_inner(self) -> bool:
        """Whether the stage loops over the inner axes."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Axis:
    """One named axis of the index space."""

    name: str
    extent: int


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory outside the kernel, counted in elements of `dtype`; `size` elements are reachable."""

    dtype: str
    output: bool
    size: int


@dataclass(frozen=True, slots=True)
class Position:
    """An element number: offset + sum(strides[k] * axis k) + sum(stride * value) over grid then inner axes."""

    offset: int
    strides: tuple[int, ...]
    indirect: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Const:
    """A literal."""

    out: int
    value: bool | int | float


@dataclass(frozen=True, slots=True)
class Size:
    """An i64 or i32 that follows from sizes: targets may read it at run time, so that kernels share their text."""

    out: int
    value: int


@dataclass(frozen=True, slots=True)
class Param:
    """A host scalar given at each call."""

    out: int
    slot: int


@dataclass(frozen=True, slots=True)
class Index:
    """The current position along one axis (i64, or i32 where that holds it); axes count grid first, then inner."""

    out: int
    axis: int


@dataclass(frozen=True, slots=True)
class Load:
    """Read one element; where `mask` is false nothing is read and the value is 0."""

    out: int
    buffer: int
    position: Position
    mask: int | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """Write one element, where `mask` holds."""

    buffer: int
    position: Position
    value: int
    mask: int | None = None


@dataclass(frozen=True, slots=True)
class Get:
    """Read a row-local buffer at the current inner point."""

    out: int
    local: int


@dataclass(frozen=True, slots=True)
class Put:
    """Write a row-local buffer at the current inner point."""

    local: int
    value: int


@dataclass(frozen=True, slots=True)
class Apply:
    """One scalar operation."""

    out: int
    op: str
    args: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reduce:
    """Combine `args` over the inner axes (results: row values) or over the grid (results: totals).

    Args are the values at a point, or over the grid all that a combiner of PARTIAL carries: partial results of rows.
    """

    outs: tuple[int, ...]
    combiner: str
    args: tuple[int, ...]
    over: str


@dataclass(frozen=True, slots=True)
class Scan:
    """Combine `arg` with those of all earlier inner points of this grid point, in order; in inner stages only."""

    out: int
    combiner: str
    arg: int


@dataclass(frozen=True, slots=True)
class Update:
    """Combine `value` into one element of an output, where `mask` holds, inner points in order.

    `extents` bounds the values of `position.indirect`: 0 <= value < extent. No two grid points reach one element.
    """

    buffer: int
    position: Position
    value: int
    combiner: str
    extents: tuple[int, ...]
    mask: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Report `code` to the caller if `condition` is false anywhere."""

    condition: int
    code: int


Instr = Const | Size | Param | Index | Load | Store | Get | Put | Apply | Reduce | Scan | Update | Check


@dataclass(frozen=True, slots=True)
class Stage:
    """A straight-line body run at every point of its level."""

    level: Level
    body: tuple[Instr, ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A verified unit of native work; `types[v]` is the type of value v, `source` says which ops it came from."""

    grid: tuple[Axis, ...]
    inner: tuple[Axis, ...]
    buffers: tuple[Buffer, ...]
    params: tuple[str, ...]
    locals: tuple[str, ...]
    stages: tuple[Stage, ...]
    types: dict[int, str]
    source: tuple[str, ...] = ()

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Grid axes, then inner axes."""
        return self.grid + self.inner

    def instructions(self) -> Iterator[tuple[Stage, Instr]]:
        """Every instruction with its stage, in order."""
        for stage in self.stages:
            for instr in stage.body:
                yield stage, instr


def least_finite(dtype: str) -> float:
    """The least finite number of a float type."""
    return -(2.0**128 - 2.0**104) if dtype == "f32" else -sys.float_info.max


def value_type(storage: str) -> str:
    """The type a loaded element has in the body."""
    return "f32" if storage in NARROW else storage


def defined(instr: Instr) -> tuple[int, ...]:
    """Values an instruction assigns."""
    match instr:
        case Reduce(outs=outs):
            return outs
        case Store() | Put() | Update() | Check():
            return ()
        case _:
            return (instr.out,)


def used(instr: Instr) -> tuple[int, ...]:
    """Values an instruction reads."""
    match instr:
        case Scan(arg=arg):
            return (arg,)
        case Apply(args=args) | Reduce(args=args):
            return args
        case Load(position=position, mask=mask):
            return tuple(v for v, _ in position.indirect) + (() if mask is None else (mask,))
        case Store(position=position, value=value, mask=mask) | Update(position=position, value=value, mask=mask):
            return (value, *(v for v, _ in position.indirect)) + (() if mask is None else (mask,))
        case Put(value=value):
            return (value,)
        case Check(condition=condition):
            return (condition,)
        case _:
            return ()
