"""What one row of the table of op samples is, and how its inputs are made.

A row names its operands by kind, so that tensor (values, shapes), autograd (gradients, batching) and the compiler
(lowering) draw the same inputs from it. Inputs are functions of (row, dtype, seed); floating values keep away from
kinks and poles unless the row says otherwise.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamella.tensor import DType, Tensor, bool_, from_numpy, int64
from lamella.tensor.extend import BOOL, COMPLEX, FLOAT, OPS, Op, as_dtype

__all__ = [
    "SAME",
    "Fixed",
    "OpSample",
    "Operand",
    "above",
    "coins",
    "distinct",
    "index",
    "mask_of",
    "normal",
    "number",
    "places",
    "positive",
    "same",
    "unit",
]  # fmt: skip


class _Same:
    def __repr__(self) -> str:
        return "SAME"


SAME = _Same()
"""Stands in a row for the dtype the sample is made in."""


@dataclass(frozen=True)
class Operand:
    """One array operand: `kind` of values, `dtype` (SAME or a fixed one), `grad`: whether gradients flow to it."""

    kind: str
    shape: tuple[int, ...]
    dtype: Any = SAME
    high: int = 0
    grad: bool = True

    def make(self, dtype: DType, rng: np.random.Generator) -> Any:
        """A contiguous array of this operand."""
        kind = dtype if self.dtype is SAME else self.dtype
        shape = self.shape
        if self.kind == "index":
            return rng.integers(0, self.high, shape).astype(kind.numpy)
        if self.kind == "places":
            return rng.permutation(self.high)[: int(np.prod(shape))].reshape(shape).astype(kind.numpy)
        if self.kind == "same":
            return np.full(shape, self.high, kind.numpy)
        if kind.category == BOOL or self.kind == "coins":
            return np.asarray(rng.random(shape) < 0.5).astype(kind.numpy)
        return np.asarray(self._values(kind, rng)).astype(kind.numpy)

    def _values(self, kind: DType, rng: np.random.Generator) -> Any:
        values: Any
        shape, n = self.shape, int(np.prod(self.shape))
        if kind.category < FLOAT:
            low = 1 if self.kind in ("positive", "unit", "above") else 0 if kind.numpy.kind == "u" else -9
            if self.kind == "distinct":
                return rng.permutation(n).reshape(shape) + low
            return rng.integers(low, 10, shape)
        if self.kind == "positive":
            values = rng.uniform(0.5, 3.0, shape)
        elif self.kind == "above":
            values = rng.uniform(1.5, 4.0, shape)
        elif self.kind == "unit":
            values = rng.uniform(0.1, 0.9, shape)
        elif self.kind == "distinct":
            # half steps off the integers: far from each other, from 0 and from where floor jumps
            values = (rng.permutation(n) - n // 2 + 0.37).reshape(shape) * 0.5
        else:
            values = rng.standard_normal(shape)
        return values + 1j * rng.standard_normal(shape) if kind.category == COMPLEX else values


@dataclass(frozen=True)
class Fixed:
    """An operand that is a Python number or None."""

    value: Any


def normal(*shape: int, grad: bool = True) -> Operand:
    """Standard normal floats, integers in [-9, 9]."""
    return Operand("normal", shape, grad=grad)


def positive(*shape: int) -> Operand:
    """Floats in [0.5, 3), integers in [1, 9]."""
    return Operand("positive", shape)


def unit(*shape: int) -> Operand:
    """Floats in [0.1, 0.9)."""
    return Operand("unit", shape)


def above(*shape: int) -> Operand:
    """Floats in [1.5, 4), integers in [1, 9]."""
    return Operand("above", shape)


def distinct(*shape: int, grad: bool = True) -> Operand:
    """All different, none near another, 0 or a jump."""
    return Operand("distinct", shape, grad=grad)


def index(*shape: int, high: int, dtype: DType = int64) -> Operand:
    """Integers in [0, high)."""
    return Operand("index", shape, dtype, high, grad=False)


def places(*shape: int, high: int) -> Operand:
    """Different integers in [0, high)."""
    return Operand("places", shape, int64, high, grad=False)


def same(*shape: int, value: int, dtype: DType = int64) -> Operand:
    """One integer everywhere."""
    return Operand("same", shape, dtype, value, grad=False)


def coins(*shape: int) -> Operand:
    """Coin flips in the dtype of the sample."""
    return Operand("coins", shape, grad=False)


def mask_of(*shape: int) -> Operand:
    """A bool mask."""
    return Operand("coins", shape, bool_, grad=False)


def number(value: Any) -> Fixed:
    """A Python number, or None."""
    return Fixed(value)


@dataclass(frozen=True)
class OpSample:
    """One way to call one op: operands by kind, params, its dtypes, and whether finite differences judge it."""

    op_name: str
    label: str
    operands: tuple[Operand | Fixed, ...]
    given: Mapping[str, Any] = field(default_factory=dict)
    dtypes: tuple[DType, ...] = ()
    smooth: bool = True

    @property
    def op(self) -> Op:
        """The op."""
        return OPS[self.op_name]

    @property
    def id(self) -> str:
        """Name for a test report."""
        return f"{self.op_name}-{self.label}" if self.label else self.op_name

    @property
    def wrt(self) -> tuple[int, ...]:
        """Operands that gradients flow to; empty where the op has no gradient."""
        if not self.op.differentiable or not self.smooth:
            return ()
        return tuple(i for i, o in enumerate(self.operands) if isinstance(o, Operand) and o.grad)

    def params(self, dtype: Any) -> dict[str, Any]:
        """Canonical params, as `dispatch` takes them."""
        kind = as_dtype(dtype)
        return {name: kind if value is SAME else value for name, value in self.given.items()}

    def arrays(self, dtype: Any, seed: int = 0) -> tuple[Any, ...]:
        """Operands as contiguous numpy arrays, Python numbers and None."""
        kind = as_dtype(dtype)
        if kind not in self.dtypes:
            raise ValueError(
                f"the sample {self.id} is not made in {kind}; it has {', '.join(d.name for d in self.dtypes)}"
            )
        rng = np.random.default_rng([zlib.crc32(self.id.encode()), seed])
        return tuple(o.value if isinstance(o, Fixed) else o.make(kind, rng) for o in self.operands)

    def tensors(self, dtype: Any, seed: int = 0, requires_grad: bool = False) -> tuple[Any, ...]:
        """Operands as tensors, Python numbers and None; those of `wrt` require grad if asked for."""
        made = []
        for i, a in enumerate(self.arrays(dtype, seed)):
            t: Any = from_numpy(a) if isinstance(a, np.ndarray) else a
            if requires_grad and i in self.wrt and isinstance(t, Tensor):
                t.requires_grad_()
            made.append(t)
        return tuple(made)

    def __repr__(self) -> str:
        return f"<sample {self.id}>"
