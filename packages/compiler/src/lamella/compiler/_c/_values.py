"""C expressions for single instructions, for scalars and for vectors of lanes alike.

A `Val` is a C expression with its number of lanes. Uniform values stay scalars until an operation meets a vector.
A vector of bools is a mask (0 or -1) as wide as what made it; `mask` converts between widths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lamella.compiler._c._helpers import Helpers
from lamella.compiler._c._types import C_TYPES, COMPARE_SIGNS
from lamella.compiler._kernel._data import rounded
from lamella.compiler._kernel._ir import FLOATS, ITEM_BYTES

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "and": "&", "or": "|", "xor": "^"}
# Comparisons of masks, false < true.
_MASK_COMPARE = {
    "eq": "~({a} ^ {b})", "ne": "({a} ^ {b})", "lt": "(~{a} & {b})", "le": "(~{a} | {b})", "gt": "({a} & ~{b})",
    "ge": "({a} | ~{b})",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Val:
    """A C expression (a name, or a literal), its lanes, and for bool vectors the bytes of a mask lane."""

    text: str
    lanes: int = 1
    mask: int = 0


def literal(value: bool | int | float, dtype: str) -> str:
    """A C literal of exactly this value."""
    if dtype == "bool":
        return "1" if value else "0"
    if dtype in FLOATS:
        number = rounded(float(value), dtype)
        if math.isnan(number):
            return "NAN" if dtype == "f32" else "(double)NAN"
        if math.isinf(number):
            sign = "-" if number < 0 else ""
            return f"({sign}INFINITY)" if dtype == "f32" else f"((double){sign}INFINITY)"
        text = f"{number:.9g}" if dtype == "f32" else repr(number)
        text = text if any(c in text for c in ".en") else text + ".0"
        text += "f" if dtype == "f32" else ""
        return f"({text})" if text.startswith("-") else text
    if value == -(2**63):
        return "INT64_MIN"
    if dtype == "i64":
        return f"INT64_C({value})" if value >= 0 else f"(-INT64_C({-value}))"
    if dtype == "u64":
        return f"UINT64_C({value})"
    return f"(({C_TYPES[dtype]}){value})"


class Values:
    """Turns operations into expressions; `h` collects the helpers they call."""

    def __init__(self, h: Helpers, types: dict[int, str]) -> None:
        self.h = h
        self.types = types

    def vector(self, val: Val, dtype: str, lanes: int) -> str:
        """The expression widened to `lanes` lanes."""
        if val.lanes == lanes or lanes == 1:
            return val.text
        return f"{self.h.call('splat', dtype, lanes)}({val.text})"

    def mask(self, val: Val, item_bytes: int, lanes: int) -> str:
        """A bool as a mask whose lanes have that size; for one lane, the plain truth value."""
        if lanes == 1:
            return val.text
        kind = self.h.mask_type(item_bytes, lanes)
        if val.lanes == 1:
            base = kind.split("x")[0]
            return f"{self.h.call('splat', base, lanes)}(({C_TYPES[base]})-({val.text}))"
        if val.mask == item_bytes:
            return val.text
        return f"__builtin_convertvector({val.text}, {kind})"

    def ctype(self, dtype: str, lanes: int, mask: int = 0) -> str:
        """The C type of a value."""
        if dtype == "bool" and lanes > 1:
            return self.h.mask_type(mask, lanes)
        return self.h.type(dtype, lanes)

    def apply(self, op: str, out_type: str, args: list[Val], arg_types: list[str]) -> Val:
        """The expression of one operation."""
        lanes = max(a.lanes for a in args)
        first = arg_types[0]
        if op == "cast":
            return self._cast(args[0], first, out_type, lanes)
        if op == "select":
            return self._select(args, out_type, lanes)
        if first == "bool":
            return self._boolean(op, args, lanes)
        if op in _INFIX:
            return Val(self._infix(op, first, args, lanes), lanes)
        operands = [self.vector(a, first, lanes) for a in args]
        if op in COMPARE_SIGNS or op == "isnan":
            return self._compare("ne" if op == "isnan" else op, operands[0], operands[-1], first, lanes)
        if op in ("bits", "unbits"):
            name, kind = ("asi", first) if op == "bits" else ("asf", out_type)
            return Val(f"{self.h.call(name, kind, lanes)}({operands[0]})", lanes)
        if op in ("neg", "not"):
            text = f"{'-' if op == 'neg' else '~'}{operands[0]}"
            return Val(text if lanes > 1 else f"({C_TYPES[first]})({text})", lanes)
        if op in ("abs", "sign") and first not in FLOATS:
            return Val(self._integer_sign(op, first, operands[0], lanes), lanes)
        return Val(f"{self.h.call(op, first, lanes)}({', '.join(operands)})", lanes)

    def _compare(self, op: str, a: str, b: str, dtype: str, lanes: int) -> Val:
        size = ITEM_BYTES[dtype]
        if lanes > 1 and size > 1 and size * lanes > self.h.vector_bytes:
            return Val(f"{self.h.call(f'cmp{op}', dtype, lanes)}({a}, {b})", lanes, size // 2)
        text = f"({a} {COMPARE_SIGNS[op]} {b})"
        return Val(text) if lanes == 1 else Val(f"({self.h.mask_type(size, lanes)}){text}", lanes, size)

    def _infix(self, op: str, dtype: str, args: list[Val], lanes: int) -> str:
        if lanes == 1:
            text = f"{args[0].text} {_INFIX[op]} {args[1].text}"
            return f"({text})" if dtype in FLOATS | {"i64", "u64"} else f"({C_TYPES[dtype]})({text})"
        direct = ITEM_BYTES[dtype] >= 4  # the language widens scalar operands of these by itself
        a, b = (x.text if direct else self.vector(x, dtype, lanes) for x in args)
        return f"({a} {_INFIX[op]} {b})"

    def _integer_sign(self, op: str, dtype: str, x: str, lanes: int) -> str:
        ctype = self.h.type(dtype, lanes)
        if op == "abs":
            return x if dtype.startswith("u") else f"{self.h.call('sel', dtype, lanes)}({x} < 0, ({ctype})-{x}, {x})"
        if dtype.startswith("u"):
            return f"({ctype})({'' if lanes == 1 else '-'}({x} > 0))"
        if lanes == 1:
            return f"({ctype})(({x} > 0) - ({x} < 0))"
        return f"({ctype})(({x} < 0) - ({x} > 0))"

    def _boolean(self, op: str, args: list[Val], lanes: int) -> Val:
        if lanes == 1:
            if op == "not":
                return Val(f"(!{args[0].text})")
            sign = _INFIX.get(op) or COMPARE_SIGNS[op]
            return Val(f"({args[0].text} {sign} {args[1].text})")
        width = max(a.mask for a in args)
        operands = [self.mask(a, width, lanes) for a in args]
        if op == "not":
            return Val(f"~{operands[0]}", lanes, width)
        if op in _INFIX:
            return Val(f"({operands[0]} {_INFIX[op]} {operands[1]})", lanes, width)
        return Val(_MASK_COMPARE[op].format(a=operands[0], b=operands[1]), lanes, width)

    def _select(self, args: list[Val], dtype: str, lanes: int) -> Val:
        if dtype == "bool":
            if lanes == 1:
                return Val(f"({args[0].text} ? {args[1].text} : {args[2].text})")
            width = max(a.mask for a in args)
            c, a, b = (self.mask(x, width, lanes) for x in args)
            return Val(f"(({c} & {a}) | (~{c} & {b}))", lanes, width)
        call = self.h.call("sel", dtype, lanes)
        c = self.mask(args[0], ITEM_BYTES[dtype], lanes)
        return Val(f"{call}({c}, {self.vector(args[1], dtype, lanes)}, {self.vector(args[2], dtype, lanes)})", lanes)

    def _cast(self, x: Val, source: str, target: str, lanes: int) -> Val:
        if target == "bool":
            return self._compare("ne", x.text, self.vector(Val("0"), source, lanes), source, lanes)
        ctype = self.h.type(target, lanes)
        if source == "bool":
            if lanes == 1:
                return Val(f"({ctype}){x.text}")
            integer = f"-{self.mask(x, ITEM_BYTES[target], lanes)}"
            return Val(f"__builtin_convertvector({integer}, {ctype})", lanes)
        if source in FLOATS and target not in FLOATS:
            return Val(f"{self.h.call(f'trunc_{target}', source, lanes)}({x.text})", lanes)
        if (source, target) == ("f64", "f32"):
            return Val(f"{self.h.call('fromd', target, lanes)}({x.text})", lanes)
        if lanes == 1:
            return Val(f"({ctype}){x.text}")
        if (source, target) == ("f32", "f64"):
            return Val(f"{self.h.call('tod', source, lanes)}({x.text})", lanes)
        return Val(f"__builtin_convertvector({x.text}, {ctype})", lanes)
