"""The gamma function's logarithm and its derivatives, on arrays: in double, rounded once to a narrower dtype.

lgamma: Stirling's series from 8 on (Abramowitz & Stegun 6.1.40), the recurrence below, a polynomial around 1 and 2,
where the function is 0, and the reflection formula (6.1.17) left of 1/2; |error| < 2e-15 max(1, |result|).
digamma: the asymptotic series from 8 on (6.3.18), recurrence and reflection (6.3.5, 6.3.7); the same bound.
polygamma: the Hurwitz zeta function by Euler and Maclaurin's sum (Johansson 2015), with the derivatives of
pi cot(pi x) left of 0; relative error < 2e-14.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._blocks import in_double

__all__ = ["digamma", "lgamma", "polygamma"]

# lgamma(2 + z) / z on [-1/2, 1/2]: a Chebyshev fit of degree 18, computed with 50 digits
_NEAR_TWO = (
    0.42278433509846713, 0.32246703342411326, -0.06735230105319814, 0.020580808427780335, -0.007385551028668096,
    0.002890510331036772, -0.0011927539120033873, 0.0005096695153484373, -0.00022315475069647703, 9.945767440096764e-05,
    -4.492635166770342e-05, 2.0505584372896933e-05, -9.438454884054723e-06, 4.3847319318293745e-06,
    -2.044935323180052e-06, 9.199898075671394e-07, -4.303234692956732e-07, 2.7880013392491846e-07,
    -1.341570273460026e-07,
)  # fmt: skip
# Bernoulli numbers B(2k) over 2k (2k - 1), over 2k, and over (2k)!
_STIRLING = (
    0.08333333333333333, -0.002777777777777778, 0.0007936507936507937, -0.0005952380952380953, 0.0008417508417508417,
    -0.0019175269175269176, 0.00641025641025641, -0.029550653594771242,
)  # fmt: skip
_PSI = (
    0.08333333333333333, -0.008333333333333333, 0.003968253968253968, -0.004166666666666667, 0.007575757575757576,
    -0.021092796092796094, 0.08333333333333333, -0.4432598039215686,
)  # fmt: skip
_ZETA = (
    0.08333333333333333, -0.001388888888888889, 3.306878306878307e-05, -8.267195767195768e-07, 2.08767569878681e-08,
    -5.284190138687493e-10, 1.3382536530684679e-11, -3.3896802963225827e-13, 8.586062056277845e-15,
    -2.174868698558062e-16, 5.5090028283602295e-18, -1.3954464685812522e-19,
)  # fmt: skip
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_STEPS = np.arange(8.0)[:, None]
_FEW = 1024  # elements below which a call costs more than what it computes


def _series(x: Any, coefficients: tuple[float, ...]) -> Any:
    out = np.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        out *= x
        out += c
    return out


def _near_two(z: Any) -> Any:
    """lgamma(2 + z) for |z| <= 1/2."""
    return z * _series(z, _NEAR_TWO)


def _stirling(x: Any) -> Any:
    r = 1 / x
    return (x - 0.5) * np.log(x) - x + _HALF_LOG_2PI + r * _series(r * r, _STIRLING)


def _lgamma_right(x: Any) -> Any:
    """lgamma for x >= 1/2."""
    out = np.empty_like(x)
    for low, high in ((0.5, 1.5), (1.5, 2.5), (2.5, 8.0), (8.0, 1e17)):
        at = np.flatnonzero((x >= low) & (x < high))
        if not at.size:
            continue
        v = x if at.size == x.size else x[at]
        if high == 1.5:
            r = _near_two(v - 1) - np.log1p(v - 1)
        elif high == 2.5:
            r = _near_two(v - 2)
        elif high == 8.0:
            # down to [1.5, 2.5): Gamma(v) = Gamma(w) w (w + 1) ... (v - 1)
            w = v - np.floor(v - 1.5)
            product = np.ones_like(v)
            for k in range(6):
                f = w + k
                product *= np.where(f < v - 0.5, f, 1.0)
            r = _near_two(w - 2) + np.log(product)
        else:
            r = _stirling(v)
        out[at] = r
    huge = ~(x < 1e17)  # Stirling's first term alone; NaN stays NaN
    if huge.any():
        v = x[huge]
        out[huge] = np.where(np.isinf(v), v, v * (np.log(v) - 1))
    return out


@in_double
def lgamma(x: Any) -> Any:
    """log |Gamma(x)| of a flat array; infinite at 0 and the negative integers."""
    left = x < 0.5
    if not left.any():
        return _lgamma_right(x)
    out = np.empty_like(x)
    out[~left] = _lgamma_right(x[~left])
    v = x[left]
    near = (v - np.floor(v + 0.5)) * np.pi  # pi times the distance to the next integer
    out[left] = np.where(np.isinf(v), np.inf, math.log(math.pi) - np.log(np.abs(np.sin(near))) - _lgamma_right(1 - v))
    return out


def _below(v: Any, bound: int) -> Iterator[Any]:
    """While elements of v, which the caller moves up by one, are below the bound: which (None: all of them)."""
    for _ in range(bound):
        low = v < bound
        if not low.any():
            return
        yield None if low.all() else low


def _power(r: Any, n: int) -> Any:
    """r**n by multiplication, for the small n that there are."""
    out = r.copy()
    for _ in range(n - 1):
        out *= r
    return out


def _shifted(x: Any) -> tuple[Any, Any]:
    """(x moved up by ones to 8 or more, the sum of 1 / x, 1 / (x + 1), .. over what was passed) for x >= 1/2."""
    if x.size <= _FEW:  # all steps side by side: the same sums, in fewer calls
        steps = x + _STEPS
        low = steps < 8
        passed = np.divide(1, steps, out=np.zeros_like(steps), where=low)
        total = passed[0]
        for part in passed[1:]:  # not a reduction: numpy adds the eight numbers of a lone element in another order
            total += part
        return x + np.add.reduce(low, axis=0), total
    total, count = np.zeros_like(x), np.zeros_like(x)
    for k in range(8):
        step = x + k
        low = step < 8
        if not low.any():
            break
        r = 1 / step
        total += r if low.all() else np.where(low, r, 0.0)
        count += low
    return x + count, total


def _digamma_right(x: Any) -> Any:
    """digamma for x >= 1/2."""
    v, passed = _shifted(x)
    r = 1 / v
    s = r * r
    return np.log(v) - 0.5 * r - s * _series(s, _PSI) - passed


@in_double
def digamma(x: Any) -> Any:
    """The derivative of lgamma, of a flat array; infinite at 0, NaN at the negative integers."""
    left = x < 0.5
    if not left.any():
        return _digamma_right(x)
    out = np.empty_like(x)
    out[~left] = _digamma_right(x[~left])
    v = x[left]
    near = (v - np.floor(v + 0.5)) * np.pi
    r = _digamma_right(1 - v) - np.pi / np.tan(near)
    r = np.where(near == 0, np.nan, r)
    out[left] = np.where(v == 0, np.copysign(np.inf, -v), r)
    return out


def _zeta(s: int, x: Any) -> Any:
    """Hurwitz's zeta(s, x) for an integer s >= 2 and x >= 1/2."""
    total = np.zeros_like(x)
    v = x.copy()
    for low in _below(v, 12):
        part = _power(1 / v, s)
        total += part if low is None else np.where(low, part, 0.0)
        v += 1 if low is None else low
    r = 1 / v
    part = _power(r, s)
    total += part * v / (s - 1) + 0.5 * part
    term = s * part * r
    square = r * r
    for k, b in enumerate(_ZETA):
        total += b * term
        term = term * square * ((s + 2 * k + 1) * (s + 2 * k + 2))
    return np.where(np.isinf(x), 0.0, total)


def _cotangent_derivative(n: int) -> list[float]:
    """The n-th derivative of cot as a polynomial in cot: lowest power first."""
    poly = [0.0, 1.0]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(poly)][1:]
        # d/dx p(cot x) = -(1 + cot**2) p'(cot x)
        poly = [0.0] * (len(slope) + 2)
        for k, c in enumerate(slope):
            poly[k] -= c
            poly[k + 2] -= c
    return poly


@in_double
def polygamma(x: Any, *, n: int) -> Any:
    """The n-th derivative of digamma, n >= 1, of a flat array; infinite at 0 and the negative integers, as from
    the right.
    """
    scale = float((-1) ** (n + 1) * math.factorial(n))
    left = x < 0.5
    if not left.any():
        return scale * _zeta(n + 1, x)
    out = np.empty_like(x)
    out[~left] = scale * _zeta(n + 1, x[~left])
    v = x[left]
    near = (v - np.floor(v + 0.5)) * np.pi
    cot = 1 / np.tan(near)
    jump = _series(cot, tuple(_cotangent_derivative(n))) * np.pi ** (n + 1)
    # (-1)**n psi_n(1 - x) - psi_n(x) = pi d^n/dx^n cot(pi x)
    r = (-1) ** n * scale * _zeta(n + 1, 1 - v) - jump
    out[left] = np.where(near == 0, math.copysign(math.inf, scale), r)
    return out
