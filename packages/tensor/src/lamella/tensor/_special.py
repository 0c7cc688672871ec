"""Elementary functions that numpy lacks, on arrays.

erf and erfc in double follow the rational forms of Sun's fdlibm (s_erf.c, 1993), erf to 4.5e-16, erfc to 1e-15
relative. In single erf is a 13/8 minimax quotient on [-4, 4], whose rounding leaves |error| < 4.5e-7, and erfc the
Chebyshev fit of Numerical Recipes (6.2, erfcc), relative error < 1e-6. erfinv starts from Giles's polynomials (GPU
Computing Gems 2010, single precision) and, in double, takes two steps of Halley's method; relative error < 1e-6 and
4e-15.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._blocks import blocked, clip, in_double, select

__all__ = ["erf", "erfc", "erfinv", "normal_cdf", "sigmoid"]

_PP = (
    1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02,
    -5.77027029648944159157e-03, -2.37630166566501626084e-05,
)  # fmt: skip
_QQ = (
    1.0, 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03,
    1.32494738004321644526e-04, -3.96022827877536812320e-06,
)  # fmt: skip
_PA = (
    -2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01,
    3.18346619901161753674e-01, -1.10894694282396677476e-01, 3.54783043256182359371e-02,
    -2.16637559486879084300e-03,
)  # fmt: skip
_QA = (
    1.0, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02,
    1.26171219808761642112e-01, 1.36370839120290507362e-02, 1.19844998467991074170e-02,
)  # fmt: skip
_RA = (
    -9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e01,
    -6.23753324503260060396e01, -1.62396669462573470355e02, -1.84605092906711035994e02, -8.12874355063065934246e01,
    -9.81432934416914548592e00,
)  # fmt: skip
_SA = (
    1.0, 1.96512716674392571292e01, 1.37657754143519042600e02, 4.34565877475229228821e02, 6.45387271733267880336e02,
    4.29008140027567833386e02, 1.08635005541779435134e02, 6.57024977031928170135e00, -6.04244152148580987438e-02,
)  # fmt: skip
_RB = (
    -9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e01,
    -1.60636384855821916062e02, -6.37566443368389627722e02, -1.02509513161107724954e03, -4.83519191608651397019e02,
)  # fmt: skip
_SB = (
    1.0, 3.03380607434824582924e01, 3.25792512996573918826e02, 1.53672958608443695994e03, 3.19985821950859553908e03,
    2.55305040643316442583e03, 4.74528541206955367215e02, -2.24409524465858183362e01,
)  # fmt: skip
_ERX = 8.45062911510467529297e-01

_F_NUM = (
    -1.60960333262415e-02, -2.95459980854025e-03, -7.34990630326855e-04, -5.69250639462346e-05,
    -2.10102402082508e-06, 2.77068142495902e-08, -2.72614225801306e-10,
)  # fmt: skip
_F_DEN = (
    -1.42647390514189e-02,
    -7.37332916720468e-03,
    -1.68282697438203e-03,
    -2.13374055278905e-04,
    -1.45660718464996e-05,
)


def _poly(x: Any, coefficients: tuple[float, ...]) -> Any:
    out = np.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        out *= x
        out += x.dtype.type(c)
    return out


def _erf32(x: Any) -> Any:
    x = np.clip(x, np.float32(-4), np.float32(4))
    z = x * x
    return x * (_poly(z, _F_NUM) / _poly(z, _F_DEN))  # the quotient first: a subnormal x loses nothing in it


def _erf64(x: Any) -> Any:
    flat = np.ascontiguousarray(x).reshape(-1)
    return _error(flat, False).reshape(x.shape)


def _error(x: Any, complement: bool) -> Any:
    """erf of a flat float64 array, or 1 - erf, exact in the tail."""
    a = np.abs(x)
    if complement:
        out = np.where(np.isnan(x), x, np.where(x > 0, 0.0, 2.0))
    else:
        out = np.where(np.isnan(x), x, np.copysign(1.0, x))
    for low, high in ((0.0, 0.84375), (0.84375, 1.25), (1.25, 1 / 0.35), (1 / 0.35, 28.0 if complement else 6.0)):
        at = np.flatnonzero((a >= low) & (a < high))
        if not at.size:
            continue
        v, signed = a[at], x[at]
        if high == 0.84375:
            z = v * v
            y = _poly(z, _PP) / _poly(z, _QQ)
            if complement:
                # above 1/4, 1/2 - erf is exact where 1 - erf would round
                small = v < 0.25
                r = np.where(small | (signed < 0), 1.0 - (signed + signed * y), 0.5 - (signed - 0.5 + signed * y))
            else:
                r = signed + signed * y
        elif high == 1.25:
            s = v - 1.0
            y = _ERX + _poly(s, _PA) / _poly(s, _QA)
            if complement:
                r = np.where(signed > 0, (1.0 - _ERX) - (y - _ERX), 1.0 + y)
            else:
                r = np.copysign(y, signed)
        else:
            s = 1.0 / (v * v)
            num, den = (_RA, _SA) if low == 1.25 else (_RB, _SB)
            # the square is split so that exp sees an exact product
            z = (v.view(np.int64) & np.int64(-(1 << 32))).view(np.float64)
            y = np.exp(-z * z - 0.5625) * np.exp((z - v) * (z + v) + _poly(s, num) / _poly(s, den)) / v
            r = np.where(signed > 0, y, 2.0 - y) if complement else np.copysign(1.0 - y, signed)
        out[at] = r
    return out


def erf(x: Any) -> Any:
    """Error function of a real floating array, in its dtype; half types go through float32."""
    if x.dtype == np.float64:
        return _erf64(x)
    if x.dtype == np.float32:
        return _erf32(x)
    return _erf32(x.astype(np.float32)).astype(x.dtype)


# atanh(2 Phi(x) - 1) = x P(x^2), weighted so that the error of Phi is below 3e-8: a tanh costs less than the two
# polynomials of erf
_PHI = tuple(
    np.float32(c)
    for c in (
        7.978849414603583e-1, 3.6333084574106875e-2, -3.2594975873423086e-5, -5.5306193534905226e-5,
        3.964744377016439e-6, -1.3226333566984167e-7, 1.7561706131789827e-9,
    )
)  # fmt: skip


def normal_cdf(out: Any, x: Any) -> Any:
    """out = Phi(x), the normal distribution's cumulative function, of float32 or float64; returns x * x."""
    square = x * x
    if out.dtype == np.float64:
        np.multiply(x, np.sqrt(0.5), out=out)
        np.add(erf(out), 1, out=out)
    else:
        np.multiply(square, _PHI[-1], out=out)
        for c in _PHI[-2:0:-1]:
            out += c
            out *= square
        out += _PHI[0]
        out *= x
        np.tanh(out, out=out)
        out += 1
    out *= 0.5
    return square


_TAIL = (
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
)  # fmt: skip
_CENTRE = (
    1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-06, -3.5233877e-06,
    3.43273939e-07, 2.81022636e-08,
)  # fmt: skip
_OUTER = (
    2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844, 0.00134934322, 0.000100950558,
    -0.000200214257,
)  # fmt: skip


@blocked
def _erfc32(out: Any, x: Any) -> None:
    a = np.minimum(np.abs(x), 11)  # beyond, even the smallest float32 is too large; NaN stays
    t = 1 / (1 + 0.5 * a)
    # the square is split so that exp sees an exact product
    high = (a.view(np.int32) & np.int32(-4096)).view(np.float32)
    np.exp(-high * high, out=out)
    out *= np.exp(_poly(t, _TAIL) + (high - a) * (high + a))
    out *= t
    select(out, np.less(x, 0), 2 - out, out)


@in_double
def _erfc64(x: Any) -> Any:
    return _error(x, True)


def erfc(x: Any) -> Any:
    """1 - erf(x) of a real floating array, in its dtype."""
    return _erfc64(x) if x.dtype == np.float64 else _erfc32(x)


def _erfinv_start(x: Any) -> Any:
    w = -np.log((1 - x) * (1 + x))
    y = _poly(w - 2.5, _CENTRE)
    far = np.flatnonzero(w >= 5)
    if far.size:
        y[far] = _poly(np.sqrt(w[far]) - 3, _OUTER)
    return y * x


@blocked
def _erfinv32(out: Any, x: Any) -> None:
    flat = x.reshape(-1)
    np.copyto(out, _erfinv_start(flat).reshape(x.shape))
    _erfinv_ends(out, x)


@in_double
def _erfinv64(x: Any) -> Any:
    a = np.abs(x)
    y = _erfinv_start(np.minimum(a, 1 - 2**-53))
    tail = np.flatnonzero(a > 1 - 1e-6)
    if tail.size:
        # out of the polynomials' range: erfc(y) = exp(-y^2) / (y sqrt(pi)), its y beside log y from the first term
        w = -np.log(np.maximum(1 - a[tail], 2**-53))
        y[tail] = np.sqrt(w - 0.5 * np.log(math.pi * w))
    for _ in range(2):
        # the tail's residual comes from erfc: 1 - x is exact above 1/2
        error = np.where(a < 0.5, _error(y, False) - a, (1 - a) - _error(y, True))
        step = error / (1.1283791670955126 * np.exp(-y * y))
        y = y - step / (1 + y * step)
    y = np.copysign(y, x)
    _erfinv_ends(y, x)
    return y


def _erfinv_ends(out: Any, x: Any) -> None:
    a = np.abs(x)
    outside = ~(a < 1)
    if outside.any():
        np.copyto(out, np.where(a == 1, np.copysign(np.inf, x), np.nan), where=outside, casting="same_kind")


def erfinv(x: Any) -> Any:
    """The inverse of erf on (-1, 1), of a real floating array in its dtype; infinite at -1 and 1, NaN beyond."""
    return _erfinv64(x) if x.dtype == np.float64 else _erfinv32(x)


@blocked
def _sigmoid_blocks(out: Any, x: Any) -> None:
    # e / (1 + e): the lower tail is that of exp, and from 80 on the quotient is 1
    clip(out, x, None, 80)
    np.exp(out, out=out)
    np.divide(out, out + 1, out=out)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) of a floating or complex array, in its dtype."""
    return 1 / (1 + np.exp(-x)) if x.dtype.kind == "c" else _sigmoid_blocks(x)
