"""References in float64 of elementary and special functions, rounding, bits, pairs and views of complex numbers.

The special functions are the C library's through `math`, sums written out, or `statistics`: none is shared with the
kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np


def each(fn: Callable[..., float]) -> Callable[..., Any]:
    return np.vectorize(fn, otypes=[np.float64])


def erfinv(x: float) -> float:
    return NormalDist().inv_cdf((x + 1) / 2) / math.sqrt(2)


def polygamma(x: float, n: int) -> float:
    """The sum (-1)**(n + 1) n! / (x + k)**(n + 1) over k, its tail by the integral and two corrections."""
    s, terms = n + 1, 400
    end = x + terms
    total = math.fsum((x + k) ** -s for k in range(terms))
    total += end ** (1 - s) / (s - 1) + end**-s / 2 + s * end ** (-s - 1) / 12
    return (-1) ** (n + 1) * math.factorial(n) * total


def digamma(x: float) -> float:
    end = x + 400
    return (
        math.log(end)
        - 1 / (2 * end)
        - 1 / (12 * end**2)
        + 1 / (120 * end**4)
        - math.fsum(1 / (x + k) for k in range(400))
    )


def bessel(x: float, order: int) -> float:
    return math.fsum((x / 2) ** (2 * k + order) / (math.factorial(k) * math.factorial(k + order)) for k in range(60))


def clamp(x: Any, low: Any, high: Any) -> Any:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


REFERENCE: dict[str, Callable[..., Any]] = {
    **{n: getattr(np, n) for n in ("exp2", "expm1", "log2", "log10", "tan", "sinh", "cosh", "sinc")},
    **{f"a{n}": getattr(np, f"arc{n}") for n in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{n: getattr(np, n) for n in ("ceil", "trunc", "isfinite", "isinf", "signbit", "copysign", "hypot", "fmod")},
    **{n: getattr(np, n) for n in ("fmax", "fmin", "gcd", "lcm", "logical_xor", "remainder", "floor_divide")},
    "atan2": np.arctan2, "logaddexp": np.logaddexp, "logaddexp2": np.logaddexp2, "round": np.rint,
    "conj": np.conjugate, "nextafter": np.nextafter, "xlogy": lambda a, b: a * np.log(b),
    "erfc": each(math.erfc), "erfinv": each(erfinv), "lgamma": each(math.lgamma), "digamma": each(digamma),
    "polygamma": each(polygamma), "i0": each(lambda x: bessel(x, 0)), "i1": each(lambda x: bessel(x, 1)),
    "exponent": lambda x: np.frexp(x)[1], "clamp": clamp,
    "nan_to_num": lambda x, nan, posinf, neginf: np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf),
    "bitwise_not": np.invert, "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor, "bitwise_left_shift": np.left_shift, "bitwise_right_shift": np.right_shift,
    "view_as_real": lambda x: np.stack([x.real, x.imag], -1), "view_as_complex": lambda x: x[..., 0] + 1j * x[..., 1],
    "view_dtype": lambda x, dtype: x.view(dtype.numpy),
}  # fmt: skip
