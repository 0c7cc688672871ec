"""Elementwise ops."""

from __future__ import annotations

from benchmarks.sweep._row import SweepRow

__all__ = ["ROWS"]

_FLOATS = ("f32", "bf16")
_INTS = ("i64",)


def _unary(names: str, operand: str = "x", dtypes: tuple[str, ...] = _FLOATS, grad: bool = True) -> list[SweepRow]:
    return [SweepRow(name, f"lib.{name}({operand})", dtypes, grad) for name in names.split()]


ROWS: tuple[SweepRow, ...] = (
    *_unary("exp sin cos tan tanh sigmoid erf sinh cosh exp2 expm1 atan asinh erfc sinc"),
    *_unary("log sqrt rsqrt reciprocal log2 log10 log1p lgamma digamma", "p"),
    *_unary("asin acos atanh logit erfinv", "u"),
    *_unary("neg abs square relu sign", dtypes=("f32", "bf16", "i64")),
    *_unary("floor ceil round trunc frac deg2rad", grad=False),
    *_unary("isnan isfinite isinf signbit logical_not", dtypes=("f32", "i64"), grad=False),
    *_unary("bitwise_not", dtypes=_INTS, grad=False),
    *(SweepRow(op, f"lib.{op}(x, y)") for op in ("add", "sub", "mul", "maximum", "minimum")),
    *(SweepRow(f"{op}-number", f"lib.{op}(x, 3)") for op in ("add", "sub", "mul")),
    *(SweepRow(op, f"lib.{op}(x, y)", _FLOATS) for op in ("atan2", "hypot", "logaddexp", "fmax", "copysign")),
    SweepRow("div", "x / p", _FLOATS),
    SweepRow("div-number", "x / 3.0", _FLOATS),
    SweepRow("pow-2", "x ** 2"),
    SweepRow("pow-float", "p ** 1.5", _FLOATS),
    SweepRow("pow", "lib.pow(p, y)", _FLOATS),
    SweepRow("fmod", "lib.fmod(x, p)", ("f32", "i64"), grad=False),
    SweepRow("remainder", "lib.remainder(x, p)", ("f32", "i64"), grad=False),
    SweepRow("floor_divide", "lib.floor_divide(x, p)", ("f32", "i64"), grad=False),
    SweepRow("clamp", "lib.clamp(x, -1, 1)"),
    SweepRow("lerp", "lib.lerp(x, y, 0.3)", _FLOATS),
    SweepRow("addcmul", "lib.addcmul(x, y, p)"),
    SweepRow("addcdiv", "lib.addcdiv(x, y, p)", _FLOATS),
    SweepRow("xlogy", "lib.xlogy(x, p)", _FLOATS),
    SweepRow("nan_to_num", "lib.nan_to_num(x)", _FLOATS),
    *(SweepRow(op, f"lib.{op}(x, y)", ("f32", "i64"), False) for op in ("eq", "ne", "lt", "le", "gt", "ge")),
    *(SweepRow(op, f"lib.{op}(x, y)", _INTS, False) for op in ("bitwise_and", "bitwise_or", "bitwise_xor", "gcd")),
    SweepRow("shift", "x << 3", _INTS, False),
    SweepRow("logical_and", "lib.logical_and(x, y)", ("f32", "i64"), False),
    SweepRow("isclose", "lib.isclose(x, y)", ("f32",), False),
    SweepRow("where", "lib.where(k, x, y)"),
    SweepRow("where-number", "lib.where(k, x, 0)", ("f32", "i64")),
    SweepRow("masked_fill", "x.masked_fill(k, 0)"),
    SweepRow("broadcast-row", "m + v"),
    SweepRow("broadcast-column", "m * v[:, None]"),
    SweepRow("cast", "x.to(lib.float64)"),
    SweepRow("clone", "x.clone()"),
    SweepRow("full", "lib.full((n,), 2.0)", ("f32",), False),
    SweepRow("zeros", "lib.zeros(n)", ("f32",), False),
    SweepRow("arange", "lib.arange(n)", ("i64",), False),
    SweepRow("linspace", "lib.linspace(0, 1, n)", ("f32",), False),
    *(
        SweepRow(op, f"F.{op}(x)", _FLOATS)
        for op in (
            "silu", "gelu", "elu", "softplus", "leaky_relu", "hardtanh", "hardswish", "hardsigmoid", "mish", "selu",
            "logsigmoid", "softsign", "tanhshrink", "relu6",
        )
    ),
)  # fmt: skip
