"""Inputs of the oracle's rows: the same seeded numpy array handed to both libraries, and results brought back.

An input is a shape and a kind; floating kinds take the dtype under test, `index` and `mask` keep their own. Values are
rounded to the dtype before either library sees them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import torch

import lamella.tensor as lt

__all__ = ["DTYPES", "FLOATS", "HALVES", "INTS", "In", "arrays", "numpy_of", "ours", "theirs", "tolerance"]

FLOATS = ("float64", "float32", "float16", "bfloat16")
HALVES = ("float16", "bfloat16")
INTS = ("int64", "int32", "int16", "int8", "uint8")
DTYPES = ("bool", *INTS, *FLOATS)

# Relative and absolute tolerance: both libraries round once to the dtype, from sums taken in different orders.
_TOLERANCE = {
    "float64": (1e-12, 1e-12),
    "float32": (1e-5, 2e-6),
    "float16": (2e-3, 2e-3),
    "bfloat16": (1.6e-2, 1.6e-2),
}


def tolerance(dtype: str) -> tuple[float, float]:
    """(rtol, atol) for results of a dtype; exact for integers and bools."""
    return _TOLERANCE.get(dtype, (0.0, 0.0))


@dataclass(frozen=True)
class In:
    """One operand: kind is "any", "positive", "unit" (in -1..1), "index" (below `high`), or "mask" (bool)."""

    shape: tuple[int, ...]
    kind: str = "any"
    high: int = 0

    @property
    def floating(self) -> bool:
        """Whether it takes the dtype under test."""
        return self.kind not in ("index", "mask")

    def array(self, rng: np.random.Generator, dtype: str) -> Any:
        """The values as a numpy array."""
        if self.kind == "index":
            return rng.integers(0, self.high, self.shape)
        if self.kind == "mask":
            return rng.random(self.shape) < 0.6
        if dtype == "bool":
            return rng.random(self.shape) < 0.5
        if dtype in INTS:
            low = 1 if self.kind == "positive" else 0 if dtype.startswith("u") else -5
            return rng.integers(low, 6, self.shape).astype(dtype)
        values = rng.uniform(0.2, 3.0, self.shape) if self.kind == "positive" else rng.normal(size=self.shape)
        if self.kind == "unit":
            values = np.tanh(values)
        return values.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def arrays(name: str, inputs: tuple[In, ...], dtype: str) -> list[Any]:
    """The operands of a row, the same at every call."""
    rng = np.random.default_rng(zlib.crc32(f"{name}/{dtype}".encode()))
    return [one.array(rng, dtype) for one in inputs]


def ours(array: Any) -> Any:
    """A tensor of ours with a copy of the array."""
    return lt.tensor(array)


def theirs(array: Any) -> Any:
    """A tensor of the oracle with a copy of the array."""
    if array.dtype == ml_dtypes.bfloat16:
        return torch.tensor(array.astype(np.float32)).to(torch.bfloat16)
    return torch.tensor(array)


def numpy_of(t: Any) -> tuple[Any, str]:
    """(values, dtype name) of a tensor of either library; half types are widened, which is exact."""
    if isinstance(t, torch.Tensor):
        name = str(t.dtype).removeprefix("torch.")
        t = t.detach()
        return (t.float().numpy() if name in HALVES else t.numpy()), name
    array = t.detach().numpy()
    return (array.astype(np.float32) if t.dtype.name in HALVES else array), t.dtype.name
