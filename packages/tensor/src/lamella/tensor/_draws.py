"""Tensors overwritten in place with random numbers: the methods `normal_`, `uniform_` and their like.

Half types are computed in float32 and rounded once; draws that go through a logarithm or a tangent start from uniform
float64 numbers, so that their tails reach as far as 53 bits do. A bad argument is a ValueError, a dtype without such
numbers a TypeError. The gradient with regard to what was there before is 0, as nothing of it is left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from . import _drawn as drawn
from . import _pointwise as p
from ._arguments import number
from ._base import TensorBase
from ._dtype import BOOL, COMPLEX, FLOAT, DType, float32, float64
from ._functions.common import to_dtype
from ._functions.draws import coin_flips
from ._meta import MetaArray
from ._scalar import SymScalar
from ._state import tls

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["Draws"]

_WHOLE = object()  # random_(low, None) asks for all integers from low on
# Integers that every float of a dtype can tell apart: 2 to the bits of its fraction.
_DIGITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8, "float8_e4m3fn": 4, "float8_e5m2": 3}


def _device(t: Any) -> str | None:
    return "meta" if type(t._data) is MetaArray and tls.trace is None else None


def _floating(t: Any, name: str) -> DType:
    kind: DType = t.dtype
    if kind.category != FLOAT:
        raise TypeError(f"{name} draws real numbers, which a tensor of {kind} cannot hold; convert it to a float dtype")
    return kind


def _positive(name: str, what: str, given: Any, zero: bool = False) -> Any:
    """A number above 0, or 0 too where `zero` says so."""
    value = number(given, f"{name}: {what}")
    if not isinstance(value, SymScalar) and not (value > 0 or (zero and value == 0)):
        raise ValueError(f"{name} needs {what} {'>=' if zero else '>'} 0, got {value}")
    return value


class Draws(TensorBase):
    """Overwriting with random numbers."""

    __slots__ = ()

    def _filled(self, value: Tensor) -> Tensor:
        me = cast("Tensor", self)
        return me.copy_(to_dtype(value, me.dtype))

    def _uniform(self, generator: Any) -> Tensor:
        """1 - u for uniform float64 numbers u: in (0, 1]."""
        return 1.0 - drawn.rand(tuple(self._data.shape), dtype=float64, generator=generator, device=_device(self))

    def normal_(self, mean: Any = 0.0, std: Any = 1.0, *, generator: Any = None) -> Tensor:
        """Overwrite with normal draws, complex ones of variance std**2 too; returns self."""
        kind: DType = cast("Tensor", self).dtype
        if kind.category != COMPLEX:
            _floating(self, "normal_")
        mean, std = number(mean, "normal_: mean"), _positive("normal_", "std", std, zero=True)
        wide = kind if kind.itemsize >= 4 else float32
        return self._filled(
            drawn.randn(tuple(self._data.shape), dtype=wide, generator=generator, device=_device(self)) * std + mean
        )

    def uniform_(self, low: Any = 0.0, high: Any = 1.0, *, generator: Any = None) -> Tensor:
        """Overwrite with uniform draws in [low, high); returns self."""
        kind = _floating(self, "uniform_")
        low, high = number(low, "uniform_: low"), number(high, "uniform_: high")
        concrete = not isinstance(low, SymScalar) and not isinstance(high, SymScalar)
        if concrete and not low <= high:
            raise ValueError(f"uniform_ needs low <= high, got [{low}, {high})")
        if concrete and not math.isfinite(float(kind.numpy.type(high - low))):
            raise ValueError(f"uniform_: the range [{low}, {high}) does not fit {kind}")
        wide = kind if kind.itemsize >= 4 else float32
        value = drawn.rand(tuple(self._data.shape), dtype=wide, generator=generator, device=_device(self))
        value = to_dtype(value * (high - low) + low, kind)
        if concrete and low < high and (low or wide is not kind):
            # where the sum has rounded up to the end, which does not belong to the range
            top = np.nextafter(kind.numpy.type(high), kind.numpy.type(low))
            value = p.minimum(value, float(top))
        return self._filled(value)

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        """Overwrite with 1 by the probability p, a number or a tensor that broadcasts, else with 0; returns self."""
        return self._filled(coin_flips("bernoulli_", self, p, generator))

    def exponential_(self, lambd: Any = 1.0, *, generator: Any = None) -> Tensor:
        """Overwrite with draws of density lambd * exp(-lambd * x) for x > 0; returns self."""
        _floating(self, "exponential_")
        lambd = _positive("exponential_", "lambd", lambd)
        time = p.maximum(p.neg(p.log(self._uniform(generator))), 2.0**-54)
        return self._filled(time * (1.0 / lambd))

    def cauchy_(self, median: Any = 0.0, sigma: Any = 1.0, *, generator: Any = None) -> Tensor:
        """Overwrite with draws of density sigma / (pi * (sigma**2 + (x - median)**2)); returns self."""
        _floating(self, "cauchy_")
        median, sigma = number(median, "cauchy_: median"), _positive("cauchy_", "sigma", sigma)
        return self._filled(p.tan((self._uniform(generator) - 0.5) * math.pi) * sigma + median)

    def log_normal_(self, mean: Any = 1.0, std: Any = 2.0, *, generator: Any = None) -> Tensor:
        """Overwrite with exponentials of normal draws of this mean and std; returns self."""
        kind = _floating(self, "log_normal_")
        mean, std = number(mean, "log_normal_: mean"), _positive("log_normal_", "std", std)
        wide = kind if kind.itemsize >= 4 else float32
        draws = drawn.randn(tuple(self._data.shape), dtype=wide, generator=generator, device=_device(self))
        return self._filled(p.exp(draws * std + mean))

    def geometric_(self, p: Any, *, generator: Any = None) -> Tensor:
        """Overwrite with the number, from 1 on, of the first success among trials of probability p; returns self."""
        kind: DType = cast("Tensor", self).dtype
        if kind.category in (BOOL, COMPLEX):
            raise TypeError(f"geometric_ draws integers from 1 on, which a tensor of {kind} cannot hold")
        p = number(p, "geometric_: p")
        if not 0 < p < 1:
            raise ValueError(f"geometric_ needs a probability in (0, 1), got {p}")
        return self._filled(_trials(self._uniform(generator), p))

    def random_(self, low: Any = None, to: Any = _WHOLE, *, generator: Any = None) -> Tensor:
        """Overwrite with integers in [low, to), or in [0, low) for one bound; returns self.

        Without bounds, they reach as far as the integers of the dtype that have no gaps: to its largest, or for floats
        to 2 to the bits of the fraction. ValueError for an empty range or one that the dtype does not hold.
        """
        kind: DType = cast("Tensor", self).dtype
        if to is _WHOLE and low is not None:
            low, to = 0, low
        elif to is _WHOLE or to is None:
            most = (1 << _DIGITS[kind.name]) if kind.category == FLOAT else drawn.integer_bounds(kind, "random_")[1]
            to = most + 1
        start = 0 if low is None else low
        shape = tuple(self._data.shape)
        return self._filled(drawn.integers("random_", start, to, shape, kind, generator, _device(self)))


def _trials(uniform: Any, chance: float) -> Tensor:
    """How many trials the first success takes, for uniform numbers in (0, 1]."""
    return p.maximum(p.ceil(p.log(uniform) * (1 / math.log1p(-chance))), 1.0)
