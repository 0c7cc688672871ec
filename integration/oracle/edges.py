"""Makes the table of edge behaviour: `python -m integration.oracle.edges` writes it, with PyTorch and lamella at hand.

A row is a text over `lib`, the dtype and the values (as Python writes them) that it gives. Section `shared` is what
PyTorch gives; `processor` too, where C leaves a conversion undefined and x86-64 decides; `ours` is where lamella
differs, with the reason. A test of this folder compares the table with PyTorch, one of the tensor package with ours.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

__all__ = ["TABLE", "rows", "value_of"]

TABLE = Path(__file__).parents[2] / "packages" / "tensor" / "tests" / "tables" / "edges.json"

INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
WIDE = ("uint16", "uint32", "uint64")
FLOATS = ("float8_e4m3fn", "float8_e5m2", "float16", "bfloat16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
nan, inf = math.nan, math.inf

# what is cast to every dtype: signs and zeros, ties, the ends of integer and of floating dtypes and beyond
FLOAT_VALUES = [
    nan, inf, -inf, -1.0, -0.0, 0.5, -0.5, 1.5, 2.5, -1.9, 127.0, 128.0, 255.0, 256.0, 300.0, -129.0, 448.0, 464.0,
    465.0, 480.0, 57344.0, 61440.0, 65504.0, 65519.0, 65520.0, 1e5, 2.0**31, -(2.0**31), 2.0**32, 1e10, -1e10, 2.0**63,
    1e20, -1e20, 3.4e38, 1e39, 1e-8, 1e-46, 1e-320,
]  # fmt: skip
INTEGER_VALUES = [
    0, 1, -1, 2, 127, 128, 255, 256, 300, -128, -129, 449, 465, 32767, 32768, 65535, 65536, 2**24 + 1, 2**31 - 1, 2**31,
    -(2**31), 2**32, 2**33 + 1, 2**53 + 1, 2**63 - 1, -(2**63),
]  # fmt: skip
COMPLEX_VALUES = "complex(1, 2), complex(0, 2), complex(0, 0), complex(300, -1), complex(-1.5, 0)"
_UNSIGNED_32 = "through int64, whose low bits are taken; with PyTorch it depends on where in the tensor the number is"


def _bounds(name: str) -> tuple[int, int]:
    bits = int(name.strip("uint"))
    return (0, 2**bits - 1) if name[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _casts() -> list[tuple[str, str, str]]:
    out = []
    for source in FLOATS:
        for target in ("bool", *FLOATS, *COMPLEX):
            out.append(
                ("shared", f"lib.tensor({FLOAT_VALUES}, dtype=lib.float64).to(lib.{source}).to(lib.{target})", "")
            )
        for target in (*INTEGERS, *WIDE):
            low, high = _bounds(target)
            fit = [v for v in FLOAT_VALUES if math.isfinite(v) and low <= math.trunc(v) <= min(high, 57344)]
            rest = [v for v in FLOAT_VALUES if v not in fit]
            if (
                target == "uint64"
            ):  # from 2**63 on, PyTorch's and numpy's conversions agree neither with C nor one another
                rest = [v for v in rest if not v >= 2.0**63 and not v <= -(2.0**63) and not math.isnan(v)]
            differs = target == "uint32" and source in ("float64", "float32", "bfloat16")
            for section, values in (("shared", fit), ("ours" if differs else "processor", rest)):
                text = f"lib.tensor({values}, dtype=lib.float64).to(lib.{source}).to(lib.{target})"
                out.append((section, text, _UNSIGNED_32 if section == "ours" else ""))
    for source in INTEGERS:
        low, high = _bounds(source)
        values = [v for v in INTEGER_VALUES if low <= v <= high]
        for target in ("bool", *INTEGERS, *WIDE, *FLOATS, *COMPLEX):
            out.append(("shared", f"lib.tensor({values}, dtype=lib.{source}).to(lib.{target})", ""))
    for target in ("bool", "int16", "int32", "int64", *FLOATS, *COMPLEX):
        out.append(("shared", f"lib.tensor([{COMPLEX_VALUES}], dtype=lib.complex128).to(lib.{target})", ""))
        out.append(("shared", f"lib.tensor([True, False]).to(lib.{target})", ""))
    return out


_SIGNED = ("[7, -7, 7, -7, 0, 1, 127, -128, 100, -1, 3]", "[2, 2, -2, -2, 5, -1, 127, -128, -3, 127, -128]")
_UNSIGNED = ("[7, 200, 255, 0, 1, 128, 100, 3]", "[2, 7, 255, 5, 200, 3, 255, 100]")
_OF_INTEGERS = (
    "X // Y", "X % Y", "lib.fmod(X, Y)", "X / Y", "lib.div(X, Y, rounding_mode='trunc')",
    "lib.div(X, Y, rounding_mode='floor')", "X + Y", "X - Y", "X * Y", "-X", "abs(X)", "X**2", "X**3", "X**0",
    "X ** lib.abs(Y % 5)", "X << 1", "X >> 1", "X << 7", "X >> 7", "X << 8", "X << 31", "X << 63", "X << 64",
    "X >> 64",
    "X << (Y % 9)", "X >> (Y % 9)", "~X", "X & Y", "X | Y", "X ^ Y", "lib.maximum(X, Y)", "lib.minimum(X, Y)",
    "X.sum()",
    "X.prod()", "X.cumsum(0)", "X.cumprod(0)", "X.sign()", "X.clamp(3, 100)", "X + 300", "X * 300", "X - 300",
    "X // 3",
    "X % 3", "100 // X.clamp(min=1)", "lib.square(X)", "lib.gcd(X, Y)", "lib.lcm(X, Y)", "X.bool()", "X == Y",
    "X < Y",
    "X.max()", "lib.floor(X)", "X.round()", "X.pow(2.0)", "lib.pow(2, X.clamp(0, 6))",
    "lib.reciprocal(X.clamp(1, 4))",
    "lib.logical_not(X)", "X * 0.5", "X + True", "X.argmax()", "lib.where(X > 3, X, -1.5)",
)  # fmt: skip
_OF_SIGNED = ("X << -1", "X >> -1", "X // -3", "X % -3", "X.clamp(-3, 100)", "X % -1", "X // -1")

_FLOAT_X = "[nan, inf, -inf, 1.5, 2.5, -0.5, 0.5, -0.0, 0.0, 3.5, -2.5, -7.0, 7.0, 5.0, -5.0]"
_FLOAT_Y = "[1.0, nan, 2.0, inf, -2.0, -inf, 0.0, 0.0, -0.0, nan, 2.5, 2.0, -2.0, 3.0, 3.0]"
_OF_FLOATS = (
    "X + Y", "X - Y", "X * Y", "X / Y", "X // Y", "lib.fmod(X, Y)", "lib.div(X, Y, rounding_mode='trunc')", "X**2",
    "X**0",
    "X**-1", "lib.round(X)", "lib.floor(X)", "lib.ceil(X)", "lib.trunc(X)", "lib.frac(X)", "lib.sign(X)", "abs(X)",
    "-X",
    "X.max()", "X.min()", "X.amax()", "X.amin()", "X.argmax()", "X.argmin()", "X.clamp(-1, 2)", "X.clamp(nan, 2)",
    "X == Y", "X != Y", "X < Y", "X <= Y", "X > Y", "X >= Y", "X.sort()[0]", "X.argsort(stable=True)", "X.sum()",
    "X.nansum()", "X.cummax(0)[0]", "lib.isnan(X)", "lib.isinf(X)", "lib.isfinite(X)", "lib.nan_to_num(X)",
    "lib.signbit(X)", "lib.copysign(X, Y)", "lib.sqrt(abs(X))", "lib.logical_and(X, Y)", "lib.logical_not(X)",
    "lib.heaviside(X, Y)", "lib.reciprocal(X)", "X.bool()", "X // 3", "X // 0", "X % 0", "3 // X", "X * inf", "X * 0",
    "lib.where(X > 0, X, Y)", "X.any()", "X.all()", "X.count_nonzero()", "lib.isclose(X, X)",
    "lib.isclose(X, X, equal_nan=True)", "X.median()", "(X + 9).nanmedian()", "X.mean()", "lib.isin(X, Y)",
    "lib.topk(X, 3)[0]",
    "X.cumsum(0)", "X.prod()", "lib.maximum(X + 1, Y)", "lib.minimum(X + 1, Y)", "lib.fmax(X + 1, Y)",
    "lib.fmin(X + 1, Y)",
    "(X + 9) % (Y + 0.25)", "(X + 9.25) % -3", "lib.exp(X)[1:3]", "lib.log(X.abs())[:3]", "lib.sigmoid(X)[1:3]",
    "lib.tanh(X)[1:3]", "lib.nextafter(X + 1, Y)", "lib.ldexp(X, lib.tensor(2))", "X.to(lib.int64).clamp(-9, 9)[3:]",
)  # fmt: skip

_LARGE = {
    "float16": "[65504.0, 60000.0, -65504.0, 1e-7, 6e-8, 2049.0]",
    "bfloat16": "[3.3e38, 3e38, -3.3e38, 1e-40, 1e-39, 257.0]",
    "float32": "[3.4e38, 3e38, -3.4e38, 1e-45, 1e-44, 16777216.0]",
}
_OF_LARGE = ("X + X", "X * X", "X * 2", "X * 0.5", "X + 1", "X.mean()", "X**2", "X.square()", "X / 0.5", "X.sum()")

_COMPLEX_X = "[complex(1, 2), complex(nan, 0), complex(inf, 1), complex(0, 0), complex(-1, -0.0), complex(0, -1)]"
_COMPLEX_Y = "[complex(0, 1), complex(1, 1), complex(1, 1), complex(2, 0), complex(2, 0), complex(1, 0)]"
_OF_COMPLEX = (
    "X + Y", "X * Y", "X == Y", "X.bool()", "lib.isnan(X)", "lib.isinf(X)", "lib.isfinite(X)", "X.conj()",
    "X.real", "X.imag", "X.abs()[1:]", "X.angle()[4:]", "X.sum()", "X.any()", "lib.logical_not(X)",
)  # fmt: skip

_OF_BOOLS = (
    "X + Y", "X * Y", "X / (X | Y)", "X & Y", "X | Y", "X ^ Y", "~X", "X**2", "X < Y", "X == Y", "lib.maximum(X, Y)",
    "X.sum()", "X.prod()", "X.cumsum(0)", "X.max()", "X.sort()[0]", "X << 1", "X + 1", "X * 2.5", "X + Y + X",
    "lib.where(X, Y, 3)", "lib.square(X)", "lib.exp(X & False)", "X.float() - 1", "X.to(lib.uint8) - 1",
)  # fmt: skip

# (dtype, X, Y, expression, why lamella gives something else)
_ZERO_SIGN = "the sign of a zero remainder is that of the divisor, as in Python, numpy and the array API standard"
_WRAPPED = "a number that does not fit is compared as it is; PyTorch wraps it"
_LARGEST = "[9223372036854775807, 1, -9223372036854775808]"
_OF_LARGEST = (
    "X.sum()", "X.prod()", "X.cumsum(0)", "X.cumprod(0)", "X + 1", "X - 1", "X * 2", "-X", "abs(X)", "X**2", "X // 2",
    "X % 3", "X << 1", "X >> 1", "X.double()", "X.float()", "X == X.double()", "X.max()", "X.sort()[0]", "X / 2", "~X",
    "X.argmin()", "X.bool()", "X.clamp(-5, 5)", "X.sign()", "X & 255", "lib.maximum(X, X - 1)", "X > 0.5", "X + 0.5",
)  # fmt: skip
_DIFFERENT = (
    ("uint8", "[1, 100, 255]", "[]", "X < 300", _WRAPPED),
    ("uint8", "[1, 100, 255]", "[]", "X == -1", _WRAPPED),
    ("int8", "[1, 44, -128]", "[]", "X == 300", _WRAPPED),
    ("float64", "[-0.0, 4.0, -4.0]", "[3.0, -2.0, 2.0]", "X % Y", _ZERO_SIGN),
    ("float32", "[-0.0, 4.0, -4.0]", "[3.0, -2.0, 2.0]", "X % Y", _ZERO_SIGN),
    ("complex128", "[complex(0, 0)]", "[complex(0, 0)]", "X**Y", "0 to the power 0 is 1, as it is for real numbers"),
    ("float64", "[-0.0]", "[0.0]", "lib.relu(X)", "the larger of -0.0 and 0 is 0"),
    ("float16", "[1e-7, 6e-8]", "[]", "X / 1e-5", "a Python number is rounded to the dtype beside it"),
    ("complex64", "[complex(-1, -0.0)]", "[complex(2, 0)]", "X - Y", "-0.0 - 0.0 is -0.0; PyTorch adds (-1 + 0j) * Y"),
    ("float64", "[1.0, nan]", "[nan]", "lib.searchsorted(X, Y)", "NaN is found where sorting puts it, as in numpy"),
)


def rows() -> list[tuple[str, str, str]]:
    """(section, text, reason) of every case, once."""
    out = _casts()
    for dtype in INTEGERS:
        x, y = _UNSIGNED if dtype[0] == "u" else _SIGNED
        out += _over(dtype, x, y, _OF_INTEGERS if dtype[0] == "u" else (*_OF_INTEGERS, *_OF_SIGNED))
    out += _over("int64", _LARGEST, "[]", _OF_LARGEST)
    for dtype in ("float64", "float32", "float16", "bfloat16"):
        out += _over(dtype, _FLOAT_X, _FLOAT_Y, _OF_FLOATS)
    for dtype, x in _LARGE.items():
        out += _over(dtype, x, x, _OF_LARGE)
    for dtype in COMPLEX:
        out += _over(dtype, _COMPLEX_X, _COMPLEX_Y, _OF_COMPLEX)
    out += _over("bool", "[True, True, False, False]", "[True, False, True, False]", _OF_BOOLS)
    for dtype, x, y, expression, why in _DIFFERENT:
        out += [("ours", text, why) for _, text, _ in _over(dtype, x, y, (expression,))]
    return list(dict.fromkeys(out))


def _over(dtype: str, x: str, y: str, expressions: tuple[str, ...]) -> list[tuple[str, str, str]]:
    made = f"(lib.tensor({x}, dtype=lib.{dtype}), lib.tensor({y}, dtype=lib.{dtype}))"
    return [("shared", f"(lambda X, Y: {e}){made}", "") for e in expressions]


def value_of(lib: Any, text: str) -> tuple[str, str]:
    """(dtype, values) that a text gives with a library; half types are widened, which is exact."""
    out = eval(text, {"lib": lib, "nan": nan, "inf": inf})
    dtype = str(out.dtype).rpartition(".")[2]
    return dtype, repr((out.double() if dtype in FLOATS else out).tolist())


def main() -> None:
    """Write the table."""
    import torch

    import lamella.tensor as lt

    sections: dict[str, list[Any]] = {"shared": [], "processor": [], "ours": []}
    for section, text, why in rows():
        theirs = value_of(torch, text)
        ours = value_of(lt, text) if section == "ours" else ()
        sections[section].append([text, *ours, *theirs, why] if ours else [text, *theirs])
    about = (
        "Edge behaviour of PyTorch 2.13, by integration/oracle/edges.py. shared, processor: text, dtype, values; "
        "ours: text, our dtype, our values, PyTorch's dtype, PyTorch's values, why they differ."
    )
    lines = [f'{{\n "about": {json.dumps(about)}']
    for name, content in sections.items():
        lines.append(f' "{name}": [\n' + ",\n".join(f"  {json.dumps(row)}" for row in content) + "\n ]")
    TABLE.write_text(",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
