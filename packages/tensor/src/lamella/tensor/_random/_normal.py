"""Normal draws, one slot each, by Box and Muller's formula in stated steps.

The high half of a word gives the radius, sqrt(-2 ln u) with u = (high + 1/2) / 2**32; the low half, read as a signed
integer, gives half a turn s = low / 2**32 in [-1/2, 1/2), and the draw is radius * sin(pi s). Both functions are short
polynomials, so the only operations are + - * / sqrt, integer steps and conversions, each rounded once and none
contracted: numpy, C and Triton give the same bits. float64 takes the same steps with more terms. float16 and bfloat16
are the float32 draw rounded once.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import ml_dtypes
import numpy as np

from ._philox import each_chunk
from ._window import draw

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ._philox import Words
    from ._window import Tables

__all__ = ["FORMULAS", "Formula", "normal"]

_HIGH, _LOW = (1, 0) if sys.byteorder == "little" else (0, 1)


class Formula(NamedTuple):
    """The constants of one float width; arrays of coefficients start with the constant term."""

    integer: type[np.signedinteger[Any]]
    real: type[np.floating[Any]]
    mantissa_bits: int
    # -2 ln((1 + t) / (1 - t)) / t as a polynomial in t * t for |t| <= (sqrt 2 - 1) / (sqrt 2 + 1)
    log: tuple[float, ...]
    # sin(pi s) / s as a polynomial in s * s for |s| <= 1/2
    sine: tuple[float, ...]

    @property
    def pivot(self) -> int:
        """The bits of 2**32 * sqrt(1/2): bits(x) less these hold, above the mantissa, k with x / 2**k near 2**32."""
        return int(np.array(2.0**32 * math.sqrt(0.5), self.real).view(self.integer))

    @property
    def per_exponent(self) -> float:
        """-2 ln 2 for one step of the exponent field."""
        return -2.0 * math.log(2.0) * 2.0**-self.mantissa_bits


FORMULAS: dict[str, Formula] = {
    "float32": Formula(
        integer=np.int32,
        real=np.float32,
        mantissa_bits=23,
        log=(-4.0, -1.333336353302002, -0.7994970083236694, -0.5984883904457092),
        sine=(3.1415927410125732, -5.167710304260254, 2.550077438354492, -0.5982903838157654, 0.07765591144561768),
    ),
    "float64": Formula(
        integer=np.int64,
        real=np.float64,
        mantissa_bits=52,
        log=(
            -4.0,
            -1.333333333333353,
            -0.7999999999860451,
            -0.57142857521322,
            -0.4444439410932388,
            -0.36367263584995757,
            -0.30625050283519134,
            -0.29619483605966274,
        ),
        sine=(
            3.141592653589793,
            -5.167712780049969,
            2.5501640398773007,
            -0.5992645293189447,
            0.0821458865731029,
            -0.007370430505916944,
            0.0004662998161898394,
            -2.1903497074626018e-05,
            7.697826768224191e-07,
        ),
    ),
}

_COMPUTED_AS: dict[np.dtype[Any], str] = {
    np.dtype(np.float64): "float64",
    np.dtype(np.float32): "float32",
    np.dtype(np.float16): "float32",
    np.dtype(ml_dtypes.bfloat16): "float32",
}

_tables: Tables = {}


def normal(seed: int, offset: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Standard normal draws of float64, float32, float16 or bfloat16; TypeError for another dtype."""
    return draw(_tables, _normal, seed, offset, shape, dtype)


def _normal(seed: int, offset: int, n: int, dtype: DTypeLike) -> NDArray[Any]:
    target = np.dtype(dtype)
    name = _COMPUTED_AS.get(target)
    if name is None:
        known = ", ".join(d.name for d in _COMPUTED_AS)
        raise TypeError(f"normal: cannot draw {target.name}; expected one of {known} (draw one of these and cast)")
    formula = FORMULAS[name]
    out = np.empty(n, target)

    def sink(start: int, w: Words) -> None:
        part = out[start : start + w.size]
        if part.dtype == formula.real:
            _box_muller(w, formula, part)
        else:
            wide = np.empty(w.size, formula.real)
            _box_muller(w, formula, wide)
            np.copyto(part, wide, casting="same_kind")

    each_chunk(seed, offset, n, sink)
    return out


def _box_muller(w: Words, formula: Formula, out: NDArray[Any]) -> None:
    """Fill `out` from the words, which are overwritten. Few passes in few arrays: a chunk stays in cache."""
    integer, real, bits = formula.integer, formula.real, formula.mantissa_bits
    halves = w.view(np.uint32).reshape(-1, 2)
    x = np.empty(w.size, real)
    t = np.empty(w.size, real)
    acc = np.empty(w.size, real)

    # x = high + 1/2 = m * 2**(k + 32) with m in [sqrt 1/2, sqrt 2); `exponent` is k shifted to the exponent field
    np.copyto(x, halves[:, _HIGH], casting="same_kind")
    np.add(x, real(0.5), out=x)
    exponent = np.subtract(x.view(integer), integer(formula.pivot))
    np.bitwise_and(exponent, integer(-(1 << bits)), out=exponent)
    np.subtract(x.view(integer), exponent, out=x.view(integer))

    # t = (m - 1) / (m + 1), both sides scaled by 2**32
    np.subtract(x, real(2.0**32), out=t)
    np.add(x, real(2.0**32), out=x)
    np.divide(t, x, out=t)
    np.multiply(t, t, out=x)
    _polynomial(x, formula.log, real, acc)
    np.multiply(acc, t, out=acc)
    np.copyto(x, exponent, casting="same_kind")
    np.multiply(x, real(formula.per_exponent), out=x)
    np.add(x, acc, out=x)
    np.sqrt(x, out=out)

    np.copyto(t, halves[:, _LOW].view(np.int32), casting="same_kind")
    np.multiply(t, real(2.0**-32), out=t)
    np.multiply(t, t, out=x)
    _polynomial(x, formula.sine, real, acc)
    np.multiply(acc, t, out=acc)
    np.multiply(out, acc, out=out)


def _polynomial(
    x: NDArray[Any], coefficients: tuple[float, ...], real: type[np.floating[Any]], out: NDArray[Any]
) -> None:
    """Horner's rule, a product and a sum a step, each rounded."""
    *rest, last = coefficients
    np.multiply(x, real(last), out=out)
    for c in reversed(rest[1:]):
        np.add(out, real(c), out=out)
        np.multiply(out, x, out=out)
    np.add(out, real(rest[0]), out=out)
