"""Elementary functions that numpy lacks, on arrays.

erf in double follows the rational forms of Sun's fdlibm (s_erf.c, 1993); in single it is a 13/8 minimax quotient on
[-4, 4], whose rounding leaves |error| < 4.5e-7.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["erf", "normal_cdf", "sigmoid"]

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
    a = np.abs(flat)
    out = np.where(np.isnan(flat), flat, np.copysign(1.0, flat))
    for low, high in ((0.0, 0.84375), (0.84375, 1.25), (1.25, 1 / 0.35), (1 / 0.35, 6.0)):
        at = np.flatnonzero((a >= low) & (a < high))
        if not at.size:
            continue
        v = a[at]
        if high == 0.84375:
            z = v * v
            r = v + v * (_poly(z, _PP) / _poly(z, _QQ))
        elif high == 1.25:
            s = v - 1.0
            r = _ERX + _poly(s, _PA) / _poly(s, _QA)
        else:
            s = 1.0 / (v * v)
            num, den = (_RA, _SA) if high < 6.0 else (_RB, _SB)
            # the square is split so that exp sees an exact product
            z = (v.view(np.int64) & np.int64(-(1 << 32))).view(np.float64)
            r = 1.0 - np.exp(-z * z - 0.5625) * np.exp((z - v) * (z + v) + _poly(s, num) / _poly(s, den)) / v
        out[at] = np.copysign(r, flat[at])
    return out.reshape(x.shape)


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


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), through tanh, which neither overflows nor loses the tail's sign."""
    if x.dtype.itemsize < 4:
        return sigmoid(x.astype(np.float32)).astype(x.dtype)
    if x.dtype.kind == "c":
        return 1 / (1 + np.exp(-x))
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e).astype(x.dtype, copy=False) / (1 + e)
