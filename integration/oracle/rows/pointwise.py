"""Rows of elementary and special functions, rounding, bits, pairs, comparisons, and complex numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import lamella.tensor as lt
from integration.oracle.inputs import DTYPES, FLOATS, INTS, In
from integration.oracle.row import Row

__all__ = ["EXEMPT", "FUNCTIONS", "ROWS", "VALUES"]

_M = In((7, 9))
_P = In((7, 9), "positive")
_U = In((7, 9), "unit")
_WIDE = ("float64", "float32")
_NUMBERS = (*FLOATS, *INTS)
_BITS = ("bool", *INTS)


def _unary(names: str, one: In = _M, dtypes: tuple[str, ...] = DTYPES, theirs: Any = torch) -> list[Row]:
    return [Row(name, getattr(theirs, name), (one,), {}, dtypes) for name in names.split()]


def _binary(names: str, dtypes: tuple[str, ...] = FLOATS, b: In = _M, a: In = _M, grads: bool = True) -> list[Row]:
    return [
        row
        for name in names.split()
        for row in (
            Row(name, getattr(torch, name), (a, b), {}, dtypes, grads=grads),
            Row(name, getattr(torch, name), (In((2, 3, 1)), In((4,), b.kind)), {}, dtypes, "broadcast", grads=grads),
        )
    ]


def _shift(name: str, function: Callable[..., Any]) -> list[Row]:
    return [
        Row(name, lambda x, n=n: function(x, n), (_M,), {}, INTS, str(n), grads=False, extra=(n,)) for n in (0, 3, 7)
    ]


ROWS = [
    *_unary("exp2 expm1 tan atan sinh cosh asinh sinc erfc i0"),
    *_unary("log2 log10 lgamma", _P),
    # the oracle's trigamma, the gradient of digamma, has an error of 5e-10
    Row("digamma", torch.digamma, (_P,), {}, DTYPES, grads=False),
    *_unary("asin acos atanh erfinv", _U, FLOATS),
    *_unary("ceil trunc round", dtypes=_NUMBERS),
    *_unary("isfinite isinf signbit"),
    Row("bitwise_not", torch.bitwise_not, (_M,), {}, _BITS, grads=False),
    Row("acosh", lambda x: torch.acosh(x), (_P,), {}, FLOATS),
    Row("conj", torch.conj_physical, (_M,), {}),
    Row("i1", torch.special.i1, (_M,), {}, _WIDE),
    *[Row("polygamma", lambda x, n=n: torch.polygamma(n, x), (_P,), {"n": n}, _WIDE, str(n)) for n in (2, 3)],
    Row("polygamma", lambda x: torch.polygamma(1, x), (_P,), {"n": 1}, ("float32",), "1", grads=False),
    Row(
        "nan_to_num", lambda x: torch.nan_to_num(x, 0.5, 2.0, -2.0), (_M,), {"nan": 0.5, "posinf": 2.0, "neginf": -2.0}
    ),
    Row("exponent", lambda x: torch.frexp(x)[1], (_M,), {}, ("float64", "float32", "float16"), grads=False),
    *_binary("atan2 copysign"),
    *_binary("hypot", FLOATS),
    *_binary("nextafter", _WIDE, grads=False),
    *_binary("logaddexp logaddexp2", _WIDE),
    *_binary("xlogy", b=_P),
    # in half types the oracle rounds the quotient before it takes the remainder
    *_binary("fmod remainder", (*_WIDE, *INTS), _P),
    *_binary("floor_divide", (*_WIDE, *INTS), _P, grads=False),
    *_binary("fmax fmin", _NUMBERS),
    *_binary("gcd lcm", INTS, grads=False),
    *_binary("logical_xor", DTYPES),
    *_binary("bitwise_and bitwise_or bitwise_xor", _BITS, grads=False),
    *_shift("bitwise_left_shift", torch.bitwise_left_shift),
    *_shift("bitwise_right_shift", torch.bitwise_right_shift),
    Row("clamp", lambda x: torch.clamp(x, -1, 1), (_M,), {}, (*FLOATS, "int64", "int32"), extra=(-1, 1)),
    Row("clamp", torch.clamp, (_M, In((7, 1)), In((9,), "positive")), {}, FLOATS, "tensors"),
    Row("view_dtype", lambda x: x.view(torch.int32), (_M,), {"dtype": lt.int32}, _WIDE, grads=False),
]

EXEMPT = {
    "view_as_real": "complex operands: compared in the texts",
    "view_as_complex": "a complex result: compared in the texts",
}

VALUES = {
    "pw_corner": np.array([0.0, 0.0, 0.0, 1.0, 2.0, 2.0]),
    "pw_order": np.array([-1.0, 0.0, 2.0, 0.5, 1.0, -0.5]),
    "pw_holes": np.array([np.nan, 1.0, 2.0, 1.0, np.nan, 0.0]),
    "pw_i": np.array([7, -7, 12, 0, 5, -128]),
    "pw_j": np.array([2, 3, -5, 4, -2, 7]),
    "pw_p": np.array([0.5, 1.5, 2.25, 3.0]),
    "pw_n": np.array([[np.nan, np.inf, -np.inf, 1.0], [0.0, -0.0, 2.5, -1.5]], np.float32),
    "pw_pairs": np.array([[0.5, 1.0], [-1.0, 0.25], [2.0, -0.75]]),
    "pw_z": np.array([0.5 + 1j, -1 + 0.25j, 0j]),
    "pw_s": np.array([0.3, -0.7, 0.1]),
}

_ALIASES = ["absolute", "arccos", "arcsin", "arcsinh", "arctan", "arctanh", "fix", "negative"]
_IN_PLACE = [
    "exp2",
    "expm1",
    "tan",
    "asin",
    "atan",
    "sinh",
    "cosh",
    "erf",
    "erfc",
    "erfinv",
    "sinc",
    "ceil",
    "trunc",
    "round",
    "frac",
    "lgamma",
    "deg2rad",
    "sign",
    "negative",
    "absolute",
    "square",
    "nan_to_num",
    "i0",
    "log1p",
]
_PAIRS = [
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "not_equal",
    "multiply",
    "subtract",
    "divide",
    "true_divide",
    "arctan2",
]
_INTEGER_PAIRS = ["fmod", "remainder", "floor_divide", "gcd", "lcm", "div", "bitwise_and", "bitwise_xor"]
_QUOTIENTS = ("x, y", "pw_i, pw_j", "x, 0.7", "pw_i, 4", "pw_i, -2.5")
FUNCTIONS = [
    "lib.pow(pw_corner, pw_order)", "0.0 ** pw_order", "pw_corner ** -1", "lib.maximum(pw_corner, pw_holes)",
    "lib.minimum(pw_corner, pw_holes)", "lib.maximum(pw_holes, pw_holes)", "lib.sign(pw_holes)",
    "lib.sgn(pw_holes.detach())",    "lib.square(k)", "lib.sign(k)", "lib.conj_physical(k)", "lib.clamp(k, 0)",
    "lib.hypot(pw_order, pw_i)", "lib.logaddexp(pw_i, pw_order)", "lib.equal(pw_i, pw_p)",
    "lib.equal(pw_p, pw_p.double())",
    *(f"lib.{name}(lib.tanh(x))" for name in _ALIASES),
    *(f"(x * 0.3).{name}_()" for name in _IN_PLACE),
    *(f"lib.{name}(x, y)" for name in _PAIRS),
    *(f"lib.{name}(pw_i, pw_j)" for name in _INTEGER_PAIRS),
    *(f"lib.div({a}, rounding_mode='{mode}')" for a in _QUOTIENTS for mode in ("trunc", "floor")),
    "pw_i & pw_j", "pw_i | 3", "6 ^ pw_i", "~pw_i", "pw_i << 2", "pw_i >> 1", "k & k", "k ^ True", "k | pw_i[0]",
    "pw_i % 5", "12 % pw_j", "pw_i // pw_j", "100 // pw_j", "x.detach() // 0.3", "x % 0.3", "x % -0.3",
    "1.0 // y.detach()", "x % y",
    "x.add(y, alpha=2)", "x.sub(y, alpha=0.5)", "lib.rsub(x, y, alpha=3)", "(x * 1).add_(y, alpha=-0.1)",
    "(x * 1).sub_(y, alpha=2)", "(x * 1).div_(y, rounding_mode='floor')", "(pw_i * 1).add_(pw_j, alpha=3)",
    "lib.lerp(x, y, 0.3)", "lib.lerp(x, y, 0.8)", "lib.lerp(x, y, y)", "(x * 1).lerp_(y, 0.25)",
    "lib.addcmul(x, y, y, value=0.5)", "lib.addcdiv(x, y, x, value=-2)", "(x * 1).addcmul_(y, v)",
    "lib.float_power(pw_i, 2)", "lib.float_power(abs(x), v)", "lib.float_power(2, x)", "lib.ldexp(x, abs(pw_i[:4]))",
    "lib.frexp(x)", "lib.heaviside(x.detach(), y.detach())", "lib.logit(lib.sigmoid(x))", "lib.logit(x * 3, 0.1)",
    "lib.deg2rad(pw_i)", "lib.rad2deg(x)", "lib.polygamma(0, pw_p.detach())", "pw_p.polygamma(2)",
    "lib.mvlgamma(pw_p + 2, 3)",
    "lib.positive(x)", "lib.frac(x * 3)", "lib.round(x, decimals=2)", "lib.round(x * 100, decimals=-1)",
    "lib.sgn(x.detach())",
    "lib.isclose(x, x + 1e-9)", "lib.isclose(pw_n, pw_n, equal_nan=True)", "lib.allclose(x, x)", "lib.allclose(x, y)",
    "lib.isclose(pw_i, pw_i + 1, rtol=0.2)", "lib.equal(x, x)", "lib.equal(x, m)", "lib.isposinf(pw_n)",
    "lib.isneginf(pw_n)", "lib.isposinf(pw_i)", "lib.isreal(pw_n)", "lib.isreal(pw_z)", "lib.nan_to_num(pw_n)",
    "lib.nan_to_num(pw_n, 3.0, posinf=7.0)", "lib.nan_to_num(pw_i)", "lib.signbit(pw_n)", "lib.isinf(pw_n)",
    "lib.fmax(pw_n, pw_n.flip((1,)))", "lib.fmin(pw_n, pw_n.flip((1,)))", "lib.clamp(x, min=y)", "lib.clip(x, -1, 0.5)",
    "lib.clamp_min(x, 0.2)", "lib.clamp_max(x, v)", "x.clamp(0.5, -0.5)", "(x * 1).clamp_(v, None)",
    "lib.masked_fill(x, k, 2.0)", "x.masked_fill(k, v[0].detach())", "(x * 1).masked_fill_(k, -1)",
    "pw_i.masked_fill(pw_i > 5, 2.7)", "k.masked_fill(k, 0)",
    "lib.logical_xor(x, pw_i[:4])", "(x * 1).copysign_(y)", "lib.copysign(x, -1.0)", "lib.xlogy(x, pw_p)",
    "lib.xlogy(k, pw_p)", "lib.hypot(x, y)", "lib.atan2(x, pw_i[:4])", "(pw_i * 1).eq_(7)",
    "(x.detach() * 1).gt_(y.detach())",
    "(pw_i * 1).bitwise_and_(6)", "lib.real(pw_z)", "lib.imag(pw_z)", "pw_z.imag", "abs(lib.conj(pw_z))",
    "lib.conj_physical(pw_z).imag",
    "lib.view_as_real(pw_z)", "lib.view_as_real(lib.view_as_complex(pw_pairs))", "abs(lib.view_as_complex(pw_pairs))",
    "lib.angle(pw_z)", "lib.angle(x)", "lib.angle(pw_i)", "lib.is_complex(pw_z)", "lib.is_floating_point(x)",
    "lib.complex(pw_s, pw_s).imag", "lib.polar(pw_p, pw_p * 2).real", "lib.sgn(pw_z).real",
    "lib.view_as_real(lib.exp2(pw_z))",
    "lib.view_as_real(lib.tan(pw_z) + lib.sinc(pw_z) + lib.asinh(pw_z) + lib.log2(pw_z + 1))",
    "pw_z.mH.real if pw_z.ndim > 1 else pw_z.real",
    "lib.is_nonzero(pw_s[0])", "pw_i.view(lib.int16) + 0", "pw_n.view(lib.int32) + 0", "x.detach().view(lib.int64) + 0",
]  # fmt: skip
