"""C helpers that read and write memory: contiguous, strided, masked and indirect, at any number of lanes.

Half types are widened as they are read and rounded as they are written; bools are bytes in memory, masks in vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lamella.compiler._c._types import C_TYPES, INLINE, MEMORY_TYPES, lane_loop
from lamella.compiler._kernel._ir import NARROW, UPDATES, value_type

if TYPE_CHECKING:
    from lamella.compiler._c._helpers import Helpers


def _value(h: Helpers, dtype: str, lanes: int) -> str:
    """The C type of what a storage type holds."""
    if dtype == "bool" and lanes > 1:
        return h.mask_type(1, lanes)
    return h.type(value_type(dtype), lanes)


def _load(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    memory = MEMORY_TYPES[dtype]
    if dtype in NARROW:
        widen, value, raw = h.call(f"widen{dtype}", "f32", lanes), h.type("f32", lanes), f"u{8 * NARROW[dtype]}"
        if lanes == 1:
            return f"{INLINE} float {full}(const {memory} *p) {{ return {widen}(*p); }}"
        h.type(raw, lanes)
        h.type("i32", lanes)
        wide = f"__builtin_convertvector(*(const {raw}x{lanes}u *)p, i32x{lanes})"
        return f"{INLINE} {value} {full}(const {memory} *p) {{ return {widen}({wide}); }}"
    if lanes == 1:
        return f"{INLINE} {C_TYPES[dtype]} {full}(const {memory} *p) {{ return *p{' != 0' * (dtype == 'bool')}; }}"
    if dtype == "bool":
        h.type("u8", lanes)
        mask = h.mask_type(1, lanes)
        return f"{INLINE} {mask} {full}(const uint8_t *p) {{ return ({mask})(*(const u8x{lanes}u *)p != 0); }}"
    value = h.type(dtype, lanes)
    return f"{INLINE} {value} {full}(const {memory} *p) {{ return *(const {value}u *)p; }}"


def _store(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    memory = MEMORY_TYPES[dtype]
    if dtype in NARROW:
        narrow, value, raw = h.call(f"narrow{dtype}", "f32", lanes), h.type("f32", lanes), f"u{8 * NARROW[dtype]}"
        if lanes == 1:
            return f"{INLINE} void {full}({memory} *p, float v) {{ *p = ({memory}){narrow}(v); }}"
        h.type(raw, lanes)
        return (
            f"{INLINE} void {full}({memory} *p, {value} v) "
            f"{{ *({raw}x{lanes}u *)p = __builtin_convertvector({narrow}(v), {raw}x{lanes}); }}"
        )
    if lanes == 1:
        return f"{INLINE} void {full}({memory} *p, {C_TYPES[dtype]} v) {{ *p = v; }}"
    if dtype == "bool":
        h.type("u8", lanes)
        mask = h.mask_type(1, lanes)
        return f"{INLINE} void {full}(uint8_t *p, {mask} m) {{ *(u8x{lanes}u *)p = (u8x{lanes})(m & 1); }}"
    value = h.type(dtype, lanes)
    return f"{INLINE} void {full}({memory} *p, {value} v) {{ *({value}u *)p = v; }}"


def _gather(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    """Strided load: collects the lanes in memory form, then loads them as a vector."""
    memory, load = MEMORY_TYPES[dtype], h.call("ld", dtype, lanes)
    result = _value(h, dtype, lanes)
    return (
        f"{INLINE} {result} {full}(const {memory} *p, int64_t s) {{ {memory} x[{lanes}]; "
        f"{lane_loop('x[l] = p[l * s];', lanes)} return {load}(x); }}"
    )


def _where(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    """Contiguous load under one truth value for all lanes: 0 where it does not hold."""
    memory, load, result = MEMORY_TYPES[dtype], h.call("ld", dtype, lanes), _value(h, dtype, lanes)
    zero = f"({result}){{0}}" if lanes > 1 else "0"
    return f"{INLINE} {result} {full}(const {memory} *p, int m) {{ return m ? {load}(p) : {zero}; }}"


def _masked(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    """Contiguous load under a mask; masks are mostly true or false in all lanes."""
    memory, load, result = MEMORY_TYPES[dtype], h.call("ld", dtype, lanes), _value(h, dtype, lanes)
    mask, some = h.mask_type(1, lanes), h.call("any", "i8", lanes)
    return (
        f"{INLINE} {result} {full}(const {memory} *p, {mask} m) {{ if (!{some}(~m)) return {load}(p); "
        f"if (!{some}(m)) return ({result}){{0}}; {memory} x[{lanes}]; {lane_loop('x[l] = m[l] ? p[l] : 0;', lanes)} "
        f"return {load}(x); }}"
    )


def _indirect(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    """Indirect load: element o[l]."""
    memory, load, result = MEMORY_TYPES[dtype], h.call("ld", dtype, lanes), _value(h, dtype, lanes)
    return (
        f"{INLINE} {result} {full}(const {memory} *p, {h.type('i64', lanes)} o) {{ {memory} x[{lanes}]; "
        f"{lane_loop('x[l] = p[o[l]];', lanes)} return {load}(x); }}"
    )


def _gather_at(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    """Indirect load under a mask: element o[l] where m[l] is not 0, else 0."""
    memory, load, result = MEMORY_TYPES[dtype], h.call("ld", dtype, lanes), _value(h, dtype, lanes)
    return (
        f"{INLINE} {result} {full}(const {memory} *p, {h.type('i64', lanes)} o, {h.mask_type(1, lanes)} m) "
        f"{{ {memory} x[{lanes}]; {lane_loop('x[l] = m[l] ? p[o[l]] : 0;', lanes)} return {load}(x); }}"
    )


def _update(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    """Combine lane l into element o[l] where m[l] is not 0, lanes in order: 'upd_sum_f32x8'."""
    memory, store = MEMORY_TYPES[dtype], h.call("st", dtype, lanes)
    one, write = h.call("ld", dtype, 1), h.call("st", dtype, 1)
    pair = h.combine(full.split("_")[1], dtype, 1, f"{one}(p + o[l])", f"{one}(x + l)")
    return (
        f"{INLINE} void {full}({memory} *p, {h.type('i64', lanes)} o, {h.mask_type(1, lanes)} m, "
        f"{_value(h, dtype, lanes)} v) {{ {memory} x[{lanes}]; {store}(x, v); "
        f"{lane_loop(f'if (m[l]) {write}(p + o[l], {pair});', lanes)} }}"
    )


def _scatter(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    memory, store = MEMORY_TYPES[dtype], h.call("st", dtype, lanes)
    value = _value(h, dtype, lanes)
    return (
        f"{INLINE} void {full}({memory} *p, int64_t s, {value} v) {{ {memory} x[{lanes}]; {store}(x, v); "
        f"{lane_loop('p[l * s] = x[l];', lanes)} }}"
    )


def _scatter_masked(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    memory, store = MEMORY_TYPES[dtype], h.call("st", dtype, lanes)
    value = _value(h, dtype, lanes)
    return (
        f"{INLINE} void {full}({memory} *p, int64_t s, {h.mask_type(1, lanes)} m, {value} v) {{ {memory} x[{lanes}]; "
        f"{store}(x, v); {lane_loop('if (m[l]) p[l * s] = x[l];', lanes)} }}"
    )


ACCESS: dict[str, Callable[[Helpers, str, str, int], str]] = {
    "ld": _load, "st": _store, "lds": _gather, "ldu": _where, "ldm": _masked, "ldi": _indirect, "ldat": _gather_at,
    "sts": _scatter, "stm": _scatter_masked, **{f"upd_{name}": _update for name in UPDATES},
}  # fmt: skip
