"""Triton expressions for single operations, with the meaning they have in the C target.

A `Val` is an expression, what it varies along, and whether it is a literal: a literal takes its type from a tensor
beside it, so an operation on literals alone first makes one of them a tensor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lamella.compiler._kernel._data import rounded
from lamella.compiler._kernel._ir import FLOATS, ITEM_BYTES, UNSIGNED

ROW, COL = 1, 2  # what a value varies along: rows of the tile, columns of it, or (0) nothing

TYPES = {
    "bool": "int1", "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64", "i8": "int8", "i16": "int16",
    "i32": "int32", "i64": "int64", "f32": "float32", "f64": "float64",
}  # fmt: skip
# Types of memory: bool is a byte; bf16 and float8 are read and rounded as bits, in the interpreter as on a GPU.
POINTERS = {
    "bool": "*u8", "u8": "*u8", "u16": "*u16", "u32": "*u32", "u64": "*u64", "i8": "*i8", "i16": "*i16", "i32": "*i32",
    "i64": "*i64", "f16": "*fp16", "bf16": "*u16", "f8e4m3": "*u8", "f8e5m2": "*u8", "f32": "*fp32", "f64": "*fp64",
}  # fmt: skip

_INFIX = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^"}
_COMPARE = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_BOOL_COMPARE = {
    "eq": "~({a} ^ {b})", "ne": "{a} ^ {b}", "lt": "~{a} & {b}", "le": "~{a} | {b}", "gt": "{a} & ~{b}",
    "ge": "{a} | ~{b}",
}  # fmt: skip
# (operation, type) -> expression over {a} and {b}; a name starting with lm_ is a function of the library.
_F32 = {
    "exp": "lm_exp({a})", "log": "lm_log({a})", "log1p": "lm_log1p({a})", "tanh": "lm_tanh({a})", "erf": "lm_erf({a})",
    "sigmoid": "lm_sigmoid({a})", "sin": "tl.sin({a})", "cos": "tl.cos({a})", "sqrt": "tl.sqrt_rn({a})",
    "rsqrt": "tl.div_rn(1.0, tl.sqrt_rn({a}))", "reciprocal": "tl.div_rn(1.0, {a})", "div": "tl.div_rn({a}, {b})",
}  # fmt: skip
_F64 = {
    "exp": "tl.exp({a})", "log": "tl.log({a})", "log1p": "libdevice.log1p({a})", "tanh": "libdevice.tanh({a})",
    "erf": "tl.erf({a})", "sigmoid": "lm_sigmoid64({a})", "sin": "tl.sin({a})", "cos": "tl.cos({a})",
    "sqrt": "tl.sqrt({a})", "rsqrt": "1.0 / tl.sqrt({a})", "reciprocal": "1.0 / {a}", "div": "{a} / {b}",
}  # fmt: skip
_FLOAT = {
    "floor": "tl.floor({a})", "abs": "tl.abs({a})", "pow": "libdevice.pow({a}, {b})", "mod": "lm_mod_float({a}, {b})",
    "floordiv": "lm_floordiv_float({a}, {b})", "sign": "({a} > 0).to(tl.{t}) - ({a} < 0).to(tl.{t})",
    "isnan": "{a} != {a}", "round_f16": "{a}.to(tl.float16).to(tl.float32)",
    "round_bf16": "lm_widen_bf16(lm_narrow_bf16({a}))", "round_f8e4m3": "lm_widen_f8e4m3(lm_narrow_f8e4m3({a}))",
    "round_f8e5m2": "lm_widen_f8e5m2(lm_narrow_f8e5m2({a}))",
}  # fmt: skip
_SIGNED = {
    "floor": "{a}", "abs": "tl.where({a} < 0, -{a}, {a})", "sign": "({a} > 0).to(tl.{t}) - ({a} < 0).to(tl.{t})",
    "floordiv": "lm_floordiv({a}, {b})", "mod": "lm_mod({a}, {b})", "pow": "lm_pow_int({a}, {b}, {n})",
    "shl": "lm_shl({a}, {b}, {n})", "shr": "lm_shr({a}, {b}, {n})",
}  # fmt: skip
_UNSIGNED = {
    "floor": "{a}", "abs": "{a}", "sign": "({a} > 0).to(tl.{t})", "floordiv": "lm_floordiv_unsigned({a}, {b})",
    "mod": "lm_mod_unsigned({a}, {b})", "pow": "lm_pow_unsigned({a}, {b}, {n})", "shl": "lm_shl({a}, {b}, {n})",
    "shr": "lm_shr_unsigned({a}, {b}, {n})",
}  # fmt: skip
_LIBDEVICE = "exp2 expm1 log2 log10 tan asin acos atan sinh cosh asinh acosh atanh erfc lgamma"
_FLOAT |= {op: f"libdevice.{op}({{a}})" for op in _LIBDEVICE.split()}
_FLOAT |= {op: f"libdevice.{op}({{a}}, {{b}})" for op in ("atan2", "hypot", "nextafter", "copysign", "fmod")}
_FLOAT |= {"ceil": "tl.ceil({a})", "trunc": "libdevice.trunc({a})", "round": "libdevice.rint({a})"}
_WHOLE = dict.fromkeys(("ceil", "trunc", "round"), "{a}")
_SIGNED |= _WHOLE | {
    "fmod": "lm_fmod_int({a}, {b})", "gcd": "lm_gcd_int({a}, {b}, {n})", "lcm": "lm_lcm_int({a}, {b}, {n})",
}  # fmt: skip
_UNSIGNED |= _WHOLE | {
    "fmod": "lm_mod_unsigned({a}, {b})", "gcd": "lm_gcd({a}, {b}, {n})", "lcm": "lm_lcm({a}, {b}, {n})",
    "philox": "lm_philox({a}, {b})", "mulhi": "tl.umulhi({a}, {b})",
}  # fmt: skip
_BITCAST = "{a}.to(tl.{out}, bitcast=True)"
_ANY = {
    "bits": _BITCAST,
    "unbits": _BITCAST,
    "neg": "-{a}",
    "not": "~{a}",
    "max": "lm_max({a}, {b})",
    "min": "lm_min({a}, {b})",
}


@dataclass(frozen=True, slots=True)
class Val:
    """An expression (a name, or a literal) and what it varies along."""

    text: str
    bits: int = 0
    literal: bool = False


def literal(value: bool | int | float, dtype: str) -> str:
    """A Python literal of this value; f32 values are printed as they round."""
    if dtype not in FLOATS:
        return repr(bool(value)) if dtype == "bool" else str(int(value))
    number = rounded(float(value), dtype)
    if not math.isfinite(number):
        return f'float("{number!r}")'
    text = f"{number:.9g}" if dtype == "f32" else repr(number)
    text = text if any(c in text for c in ".e") else text + ".0"
    return f"({text})" if text.startswith("-") else text


def constant(text: str, dtype: str) -> str:
    """A literal as a scalar tensor of its type."""
    return f"tl.full([], {text}, tl.{TYPES[dtype]})"


def as_tensor(val: Val, dtype: str) -> str:
    """An expression that has its type: of a literal, a scalar tensor."""
    return constant(val.text, dtype) if val.literal else val.text


def operation(op: str, out_type: str, args: list[Val], types: list[str]) -> str:
    """The expression of one scalar operation; KeyError where the target has none."""
    first = types[0]
    if op == "cast":
        return _cast(args[0], first, out_type)
    if op == "select":
        condition, a, b = (v.text for v in args)
        if args[0].literal:
            condition = constant(condition, "bool")
        if args[1].literal and args[2].literal:
            a = constant(a, out_type)
        return f"tl.where({condition}, {a}, {b})"
    texts = [v.text for v in args]
    if all(v.literal for v in args):
        texts[0] = constant(texts[0], first)
    if first == "bool":
        return _boolean(op, texts)
    if op in _INFIX:
        return f"{texts[0]} {_INFIX[op]} {texts[1]}"
    if op in _COMPARE:
        return f"{texts[0]} {_COMPARE[op]} {texts[1]}"
    row = template(op, first)
    called = "lm_" in row or "." in row
    if called:  # a function gets tensors: inside it a literal beside a literal would lose its type
        texts = [as_tensor(v, k) for v, k in zip(args, types, strict=True)]
    names = dict(zip("ab", texts, strict=False))
    return row.format(t=TYPES[first], out=TYPES[out_type], n=8 * ITEM_BYTES[first], **names)


def template(op: str, dtype: str) -> str:
    """The text of an operation on a type; KeyError names what is missing."""
    kinds = [_FLOAT, _F32 if dtype == "f32" else _F64] if dtype in FLOATS else []
    if dtype not in FLOATS:
        kinds = [_UNSIGNED if dtype in UNSIGNED else _SIGNED]
    for table in (*kinds, _ANY):
        if op in table:
            return table[op]
    raise KeyError(f"the Triton target has no text for {op} of {dtype}")


def _boolean(op: str, texts: list[str]) -> str:
    if op == "not":
        return f"~{texts[0]}"
    if op in ("and", "or", "xor"):
        return f"{texts[0]} {_INFIX[op]} {texts[1]}"
    return _BOOL_COMPARE[op].format(a=texts[0], b=texts[1])


def _cast(x: Val, source: str, target: str) -> str:
    text = as_tensor(x, source)
    if target == "bool":
        return f"{text} != 0"
    if source in FLOATS and target not in FLOATS:
        if target == "u64":
            return f"lm_trunc_uint64({text})"
        wide = "int64" if target in ("i64", "u32") else "int32"
        whole = f"lm_trunc_{wide}({text})"
        return whole if TYPES[target] == wide else f"{whole}.to(tl.{TYPES[target]})"
    return f"{text}.to(tl.{TYPES[target]})"
