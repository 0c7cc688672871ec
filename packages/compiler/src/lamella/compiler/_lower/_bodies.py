"""Bodies that reductions of two values need: before they reduce, and in the place of one where there is one number."""

from __future__ import annotations

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import least_finite
from lamella.compiler._lower._steps import Body


def square(b: KernelBuilder, values: list[int]) -> int:
    """A number times itself."""
    return b.apply("mul", values[0], values[0])


def finite(b: KernelBuilder, values: list[int]) -> int:
    """The nearest finite number."""
    kind = b.types[values[0]]
    least, most = (b.const(sign * least_finite(kind), kind) for sign in (1, -1))
    return b.apply("max", b.apply("min", values[0], most), least)


def _no_distance(b: KernelBuilder, values: list[int]) -> int:
    """0, or NaN where the number has no distance from itself."""
    return b.apply("sub", values[0], values[0])


def _at_least(b: KernelBuilder, values: list[int]) -> int:
    """A number that is no NaN and at least the least finite one."""
    least = b.const(least_finite(b.types[values[0]]), b.types[values[0]])
    return b.apply("select", b.apply("gt", values[0], least), values[0], least)


def _power(b: KernelBuilder, values: list[int]) -> int:
    """What one number adds to a sum of powers: 1, 0 for minus infinity, NaN for NaN."""
    kind = b.types[values[0]]
    at_least = b.apply("ge", values[0], b.const(least_finite(kind), kind))
    nan = b.apply("isnan", values[0])
    return b.apply("select", nan, values[0], b.cast(at_least, kind))


ALONE: dict[tuple[str, int], Body] = {  # what a reduction of one number gives
    ("welford", 1): _no_distance, ("softmax", 0): _at_least, ("softmax", 1): _power,
}  # fmt: skip
