"""The C helper functions generated code calls, in scalar and vector form from one text each.

A helper is asked for by name, value type and lanes; the library emits it once, after what it depends on. Vector and
scalar forms come from the same template so that a loop's tail computes exactly what its main part computes.
Nothing here relies on value-changing compiler flags: NaN and infinity mean what they mean.
"""

from __future__ import annotations

from collections.abc import Callable

from lamella.compiler._c._math import MATH
from lamella.compiler._c._micro import micro
from lamella.compiler._kernel._ir import FLOATS, ITEM_BYTES, UNSIGNED

C_TYPES = {
    "bool": "_Bool", "u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t", "i8": "int8_t",
    "i16": "int16_t", "i32": "int32_t", "i64": "int64_t", "f32": "float", "f64": "double",
}  # fmt: skip
MEMORY_TYPES = C_TYPES | {"bool": "uint8_t", "f16": "uint16_t", "bf16": "uint16_t"}
MASK_TYPE = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}

INLINE = "static inline __attribute__((always_inline))"


class Helpers:
    """Collects the types and functions one translation unit needs, in order of dependence."""

    def __init__(self, *, fma: bool) -> None:
        self.fma = fma
        self._texts: dict[str, str] = {}
        self._types: dict[str, str] = {}

    def source(self) -> str:
        """All requested typedefs, then all requested functions."""
        return "\n".join([*self._types.values(), "", *self._texts.values()])

    def type(self, dtype: str, lanes: int) -> str:
        """The C name of a value type; bool vectors are named by mask_type instead."""
        if lanes == 1:
            return C_TYPES[dtype]
        name = f"{dtype}x{lanes}"
        if name not in self._types:
            base, size = C_TYPES[dtype], ITEM_BYTES[dtype] * lanes
            self._types[name] = (
                f"typedef {base} {name} __attribute__((vector_size({size})));\n"
                f"typedef {base} {name}u __attribute__((vector_size({size}), aligned({ITEM_BYTES[dtype]}), may_alias));"
            )
        return name

    def mask_type(self, item_bytes: int, lanes: int) -> str:
        """The C name of a vector of truth values (0 or -1) with lanes of that size."""
        return self.type(MASK_TYPE[item_bytes], lanes)

    def call(self, name: str, dtype: str, lanes: int) -> str:
        """The C name of helper `name` for a type and lanes, emitting it if new."""
        full = f"{name}_{dtype}" + (f"x{lanes}" if lanes > 1 else "")
        if full not in self._texts:
            make = _MAKERS.get(name)
            text = make(self, full, dtype, lanes) if make is not None else self._math(name, full, dtype, lanes)
            self._texts[full] = text
        return full

    def _math(self, name: str, full: str, dtype: str, lanes: int) -> str:
        template = MATH.get((name, dtype)) or MATH.get((name, "any"))
        if template is None:
            return _by_lane(self, name, full, dtype, lanes)
        return self._expand(template, full, dtype, lanes)

    def _expand(self, template: str, full: str, dtype: str, lanes: int) -> str:
        """Fill a template: T value type, I mask type, D f64 of as many lanes, @name a helper of this type."""
        value, mask = self.type(dtype, lanes), self.type(MASK_TYPE[ITEM_BYTES[dtype]], lanes)
        inline = INLINE if lanes > 1 or "\n" not in template else "static __attribute__((noinline))"  # tails are rare
        text = template.replace("$INAME", f"{inline} {mask} {full}").replace("$NAME", f"{inline} {value} {full}")
        text = text.replace("$T", value).replace("$I", mask)
        if "$D" in text:
            text = text.replace("$D", self.type("f64", lanes))
        out, rest = "", text
        while "@" in rest:
            before, _, after = rest.partition("@")
            word = after[: next(k for k, ch in enumerate(after) if not (ch.isalnum() or ch == "_"))]
            out += before + self.call(word, dtype, lanes)
            rest = after[len(word) :]
        return out + rest


def _lane_loop(body: str, lanes: int) -> str:
    return f"for (int l = 0; l < {lanes}; ++l) {body}"


def _by_lane(h: Helpers, name: str, full: str, dtype: str, lanes: int) -> str:
    """A function known as a scalar only, applied lane by lane (the compiler vectorizes what it can)."""
    value, base = h.type(dtype, lanes), C_TYPES[dtype]
    arity = 2 if name in _TWO else 1
    if lanes == 1:
        expression = SCALAR.get((name, dtype))
        if expression is None:
            kind = "float" if dtype in FLOATS else "unsigned" if dtype in UNSIGNED else "signed"
            expression = SCALAR[(name, kind)]
        expression = expression.replace("$T", base)
        args = f"{base} a" + (f", {base} b" if arity == 2 else "")
        return f"{INLINE} {base} {full}({args}) {{ {expression} }}"
    scalar = h.call(name, dtype, 1)
    size = lanes * ITEM_BYTES[dtype]
    args = f"{value} a" + (f", {value} b" if arity == 2 else "")
    copies = f"{base} x[{lanes}]; memcpy(x, &a, {size});" + (
        f" {base} y[{lanes}]; memcpy(y, &b, {size});" if arity == 2 else ""
    )
    call = f"x[l] = {scalar}(x[l]{', y[l]' if arity == 2 else ''});"
    return f"{INLINE} {value} {full}({args}) {{ {copies} {_lane_loop(call, lanes)} memcpy(&a, x, {size}); return a; }}"


_TWO = frozenset({"floordiv", "mod", "pow", "shl", "shr"})

# Scalar bodies over a and b. Integer division by zero gives 0 and MIN / -1 wraps; shifts past the width give what
# shifting bit by bit would; remainders have the sign of the divisor.
SCALAR: dict[tuple[str, str], str] = {
    ("sqrt", "f32"): "return __builtin_sqrtf(a);", ("sqrt", "f64"): "return __builtin_sqrt(a);",
    ("floor", "f32"): "return __builtin_floorf(a);", ("floor", "f64"): "return __builtin_floor(a);",
    ("floor", "signed"): "return a;", ("floor", "unsigned"): "return a;",
    ("exp", "f64"): "return exp(a);", ("log", "f64"): "return log(a);", ("log1p", "f64"): "return log1p(a);",
    ("sin", "f64"): "return sin(a);", ("cos", "f64"): "return cos(a);", ("tanh", "f64"): "return tanh(a);",
    ("erf", "f64"): "return erf(a);", ("libsin", "f32"): "return sinf(a);", ("libcos", "f32"): "return cosf(a);",
    ("pow", "f32"): "return powf(a, b);", ("pow", "f64"): "return pow(a, b);",
    ("pow", "signed"): "if (b < 0) return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0; $T r = 1; "
    "while (b) { if (b & 1) r = ($T)(r * a); a = ($T)(a * a); b = ($T)(b >> 1); } return r;",
    ("pow", "unsigned"): "$T r = 1; while (b) { if (b & 1) r = ($T)(r * a); a = ($T)(a * a); b = ($T)(b >> 1); } "
    "return r;",
    ("floordiv", "signed"): "if (b == 0) return 0; if (b == -1) return ($T)(0 - (uint64_t)a); "
    "$T q = ($T)(a / b); return ($T)(q - ((a % b != 0) & ((a < 0) != (b < 0))));",
    ("floordiv", "unsigned"): "return b == 0 ? 0 : ($T)(a / b);",
    ("mod", "signed"): "if (b == 0 || b == -1) return 0; $T r = ($T)(a % b); "
    "return ($T)(r + ((r != 0) & ((r < 0) != (b < 0))) * b);",
    ("mod", "unsigned"): "return b == 0 ? 0 : ($T)(a % b);",
    ("mod", "float"): "$T r = ($T)fmod(a, b); if (r != 0 && (r < 0) != (b < 0)) r += b; "
    "return r == 0 ? ($T)copysign(0.0, b) : r;",
    ("floordiv", "float"): "if (b == 0) return a / b; $T r = ($T)fmod(a, b); $T q = (a - r) / b; "
    "if (r != 0 && (r < 0) != (b < 0)) q -= 1; if (q == 0) return ($T)copysign(0.0, a / b); "
    "$T f = ($T)floor(q); return q - f > ($T)0.5 ? f + 1 : f;",
    ("shl", "signed"): "return b < 0 || b >= ($T)(8 * sizeof(a)) ? 0 : ($T)((uint64_t)a << b);",
    ("shl", "unsigned"): "return b >= 8 * sizeof(a) ? 0 : ($T)((uint64_t)a << b);",
    ("shr", "signed"): "return ($T)(a >> (b < 0 || b >= ($T)(8 * sizeof(a)) ? ($T)(8 * sizeof(a) - 1) : b));",
    ("shr", "unsigned"): "return b >= 8 * sizeof(a) ? 0 : ($T)(a >> b);",
}  # fmt: skip


def _sel(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    value = h.type(dtype, lanes)
    if lanes == 1:
        return f"{INLINE} {value} {full}(int m, {value} a, {value} b) {{ return m ? a : b; }}"
    mask = h.mask_type(ITEM_BYTES[dtype], lanes)
    return (
        f"{INLINE} {value} {full}({mask} m, {value} a, {value} b) "
        f"{{ return ({value})((m & ({mask})a) | (~m & ({mask})b)); }}"
    )


def _micro(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    name, value = full.split("_")[0], h.type(dtype, lanes)
    return micro(name, full, dtype, lanes, value, C_TYPES[dtype], INLINE, fma=h.fma)


def _splat(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    value = h.type(dtype, lanes)
    body = "x" if lanes == 1 else f"x - ({value}){{0}}"  # x - 0 keeps -0 and NaN
    return f"{INLINE} {value} {full}({C_TYPES[dtype]} x) {{ return {body}; }}"


def _bits(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    value = h.type(dtype, lanes)
    if lanes > 1:
        mask = h.mask_type(ITEM_BYTES[dtype], lanes)
        return f"{INLINE} {mask} {full}({value} x) {{ return ({mask})x; }}"
    integer = C_TYPES[MASK_TYPE[ITEM_BYTES[dtype]]]
    return f"{INLINE} {integer} {full}({value} x) {{ {integer} r; memcpy(&r, &x, sizeof r); return r; }}"


def _unbits(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    value = h.type(dtype, lanes)
    if lanes > 1:
        mask = h.mask_type(ITEM_BYTES[dtype], lanes)
        return f"{INLINE} {value} {full}({mask} x) {{ return ({value})x; }}"
    integer = C_TYPES[MASK_TYPE[ITEM_BYTES[dtype]]]
    return f"{INLINE} {value} {full}({integer} x) {{ {value} r; memcpy(&r, &x, sizeof r); return r; }}"


def _convert(target: Callable[[str], str], *, back: bool) -> Callable[[Helpers, str, str, int], str]:
    def make(h: Helpers, full: str, dtype: str, lanes: int) -> str:
        source, to = (target(dtype), dtype) if back else (dtype, target(dtype))
        a, b = h.type(source, lanes), h.type(to, lanes)
        body = f"({b})x" if lanes == 1 else f"__builtin_convertvector(x, {b})"
        return f"{INLINE} {b} {full}({a} x) {{ return {body}; }}"

    return make


def _any(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    if lanes == 1:
        return f"{INLINE} int {full}(int m) {{ return m; }}"
    mask, base = h.type(dtype, lanes), C_TYPES[dtype]
    return (
        f"{INLINE} int {full}({mask} m) {{ {base} x[{lanes}]; memcpy(x, &m, sizeof x); {base} r = 0; "
        f"{_lane_loop('r |= x[l];', lanes)} return r != 0; }}"
    )


def _any_lane(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    """Whether any lane of a mask as wide as `dtype` is set."""
    mask = MASK_TYPE[ITEM_BYTES[dtype]]
    inner = h.call("any", mask, lanes)
    kind = "int" if lanes == 1 else h.type(mask, lanes)
    return f"{INLINE} int {full}({kind} m) {{ return {inner}(m); }}"


def _select_int(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    """Select among integers as wide as `dtype`."""
    mask = MASK_TYPE[ITEM_BYTES[dtype]]
    inner, value = h.call("sel", mask, lanes), h.type(mask, lanes)
    kind = "int" if lanes == 1 else value
    return f"{INLINE} {value} {full}({kind} m, {value} a, {value} b) {{ return {inner}(m, a, b); }}"


def _load(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    memory = MEMORY_TYPES[dtype]
    if dtype in ("f16", "bf16"):
        widen = h.call(f"widen{dtype}", "f32", lanes)
        value = h.type("f32", lanes)
        if lanes == 1:
            return f"{INLINE} float {full}(const {memory} *p) {{ return {widen}(*p); }}"
        h.type("u16", lanes)
        h.type("i32", lanes)
        wide = f"__builtin_convertvector(*(const u16x{lanes}u *)p, i32x{lanes})"
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
    if dtype in ("f16", "bf16"):
        narrow = h.call(f"narrow{dtype}", "f32", lanes)
        value = h.type("f32", lanes)
        if lanes == 1:
            return f"{INLINE} void {full}({memory} *p, float v) {{ *p = (uint16_t){narrow}(v); }}"
        h.type("u16", lanes)
        return (
            f"{INLINE} void {full}({memory} *p, {value} v) "
            f"{{ *(u16x{lanes}u *)p = __builtin_convertvector({narrow}(v), u16x{lanes}); }}"
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
    result = h.mask_type(1, lanes) if dtype == "bool" else h.type("f32" if dtype in ("f16", "bf16") else dtype, lanes)
    return (
        f"{INLINE} {result} {full}(const {memory} *p, int64_t s) {{ {memory} x[{lanes}]; "
        f"{_lane_loop('x[l] = p[l * s];', lanes)} return {load}(x); }}"
    )


def _gather_at(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    """Indirect or masked load: element o[l] where m[l] is not 0, else 0."""
    memory, load = MEMORY_TYPES[dtype], h.call("ld", dtype, lanes)
    if lanes == 1:
        result = C_TYPES["f32" if dtype in ("f16", "bf16") else dtype]
        return f"{INLINE} {result} {full}(const {memory} *p, int64_t o, int m) {{ return m ? {load}(p + o) : 0; }}"
    result = h.mask_type(1, lanes) if dtype == "bool" else h.type("f32" if dtype in ("f16", "bf16") else dtype, lanes)
    offsets, mask = h.type("i64", lanes), h.mask_type(1, lanes)
    return (
        f"{INLINE} {result} {full}(const {memory} *p, {offsets} o, {mask} m) {{ {memory} x[{lanes}]; "
        f"{_lane_loop('x[l] = m[l] ? p[o[l]] : 0;', lanes)} return {load}(x); }}"
    )


def _scatter(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    memory, store = MEMORY_TYPES[dtype], h.call("st", dtype, lanes)
    value = h.mask_type(1, lanes) if dtype == "bool" else h.type("f32" if dtype in ("f16", "bf16") else dtype, lanes)
    return (
        f"{INLINE} void {full}({memory} *p, int64_t s, {value} v) {{ {memory} x[{lanes}]; {store}(x, v); "
        f"{_lane_loop('p[l * s] = x[l];', lanes)} }}"
    )


def _scatter_masked(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    memory, store = MEMORY_TYPES[dtype], h.call("st", dtype, lanes)
    value = h.mask_type(1, lanes) if dtype == "bool" else h.type("f32" if dtype in ("f16", "bf16") else dtype, lanes)
    return (
        f"{INLINE} void {full}({memory} *p, int64_t s, {h.mask_type(1, lanes)} m, {value} v) {{ {memory} x[{lanes}]; "
        f"{store}(x, v); {_lane_loop('if (m[l]) p[l * s] = x[l];', lanes)} }}"
    )


def _truncate(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    """Float to integer, defined everywhere: 'trunc_i64_f32' gives MIN for NaN and what does not fit, as x86 does."""
    to = full.split("_")[1]
    wide = "i64" if to in ("i64", "u32", "u64") else "i32"
    limit = "9223372036854775808.0" if wide == "i64" else "2147483648.0"
    suffix = "f" if dtype == "f32" else ""
    base = C_TYPES[to]
    if lanes > 1:
        scalar = h.call(f"trunc_{to}", dtype, 1)
        a, b = h.type(dtype, lanes), h.type(to, lanes)
        return (
            f"{INLINE} {b} {full}({a} a) {{ {C_TYPES[dtype]} x[{lanes}]; {base} y[{lanes}]; memcpy(x, &a, sizeof x); "
            f"{_lane_loop(f'y[l] = {scalar}(x[l]);', lanes)} {b} r; memcpy(&r, y, sizeof y); return r; }}"
        )
    least = "INT64_MIN" if wide == "i64" else "INT32_MIN"
    body = f"({C_TYPES[wide]})(a >= -{limit}{suffix} && a < {limit}{suffix} ? ({C_TYPES[wide]})a : {least})"
    if to == "u64":
        body = f"a >= {limit}{suffix} && a < 2 * {limit}{suffix} ? (uint64_t)a : (uint64_t){body}"
    return f"{INLINE} {base} {full}({C_TYPES[dtype]} a) {{ return ({base})({body}); }}"


def _horizontal(combiner: str) -> Callable[[Helpers, str, str, int], str]:
    def make(h: Helpers, full: str, dtype: str, lanes: int) -> str:
        value, base = h.type(dtype, lanes), C_TYPES[dtype]
        pair = combine(h, combiner, dtype, 1, "x[l]", "x[l + n]")
        return (
            f"{INLINE} {base} {full}({value} v) {{ {base} x[{lanes}]; memcpy(x, &v, sizeof x); "
            f"for (int n = {lanes // 2}; n; n >>= 1) for (int l = 0; l < n; ++l) x[l] = {pair}; return x[0]; }}"
        )

    return make


def combine(h: Helpers, combiner: str, dtype: str, lanes: int, a: str, b: str) -> str:
    """The expression that combines two partial results of a single-value reduction."""
    match combiner:
        case "sum":
            return f"{a} + {b}" if lanes > 1 else f"({C_TYPES[dtype]})({a} + {b})"
        case "prod":
            return f"{a} * {b}" if lanes > 1 else f"({C_TYPES[dtype]})({a} * {b})"
        case "any":
            return f"({a} | {b})"
        case "all":
            return f"({a} & {b})"
        case "largest":
            return f"{h.call('most', dtype, lanes)}({b}, {a})"
        case _:
            return f"{h.call(combiner, dtype, lanes)}({a}, {b})"


_MAKERS: dict[str, Callable[[Helpers, str, str, int], str]] = {
    "sel": _sel, "fma": _micro, "least": _micro, "most": _micro,
    "splat": _splat, "asi": _bits, "asf": _unbits, "any": _any, "anylane": _any_lane,
    "seli": _select_int, "ld": _load, "st": _store,
    "lds": _gather, "ldat": _gather_at, "sts": _scatter, "stm": _scatter_masked,
    "toi": _convert(lambda dtype: MASK_TYPE[ITEM_BYTES[dtype]], back=False),
    "tof": _convert(lambda dtype: MASK_TYPE[ITEM_BYTES[dtype]], back=True),
    "tod": _convert(lambda dtype: "f64", back=False), "fromd": _convert(lambda dtype: "f64", back=True),
    **{f"trunc_{to}": _truncate for to in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")},
    **{f"h{name}": _horizontal(name) for name in ("sum", "prod", "max", "min", "largest")},
}  # fmt: skip
