"""The C helper functions generated code calls, in scalar and vector form from one text each.

A helper is asked for by name, value type and lanes; the library emits it once, after what it depends on. Vector and
scalar forms come from the same template so that a loop's tail computes exactly what its main part computes.
Nothing here relies on value-changing compiler flags: NaN and infinity mean what they mean.
"""

from __future__ import annotations

from collections.abc import Callable

from lamella.compiler._c._access import ACCESS
from lamella.compiler._c._math import MATH
from lamella.compiler._c._micro import micro, streamed
from lamella.compiler._c._random import RANDOM
from lamella.compiler._c._scalar import SCALAR, TWO
from lamella.compiler._c._types import C_TYPES, COMPARE_SIGNS, INLINE, MASK_TYPE, lane_loop
from lamella.compiler._kernel._ir import FLOATS, ITEM_BYTES, UNSIGNED


class Helpers:
    """Collects the types and functions one translation unit needs, in order of dependence."""

    def __init__(self, *, fma: bool, vector_bytes: int) -> None:
        self.fma, self.vector_bytes = fma, vector_bytes
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

    def combine(self, combiner: str, dtype: str, lanes: int, a: str, b: str) -> str:
        """The expression that combines two partial results of a single-value reduction, or a value with a new one."""
        match combiner:
            case "sum":
                return f"{a} + {b}" if lanes > 1 else f"({C_TYPES[dtype]})({a} + {b})"
            case "prod":
                return f"{a} * {b}" if lanes > 1 else f"({C_TYPES[dtype]})({a} * {b})"
            case "last":
                return b
            case "any":
                return f"({a} | {b})"
            case "all":
                return f"({a} & {b})"
            case "largest":
                return f"{self.call('most', dtype, lanes)}({b}, {a})"
            case _:
                return f"{self.call(combiner, dtype, lanes)}({a}, {b})"

    def _math(self, name: str, full: str, dtype: str, lanes: int) -> str:
        template = MATH.get((name, dtype)) or MATH.get((name, "any"))
        if template is None:
            return _by_lane(self, name, full, dtype, lanes)
        return self._expand(template, full, dtype, lanes)

    def _expand(self, template: str, full: str, dtype: str, lanes: int) -> str:
        """Fill a template: T value type, I mask type, D f64 of as many lanes, S a single value, @name a helper."""
        value, mask = self.type(dtype, lanes), self.type(MASK_TYPE[ITEM_BYTES[dtype]], lanes)
        # rare, and not worth its code at every call; accumulators stay in registers where no call has their address
        tail = lanes == 1 and "\n" in template and "$VNAME" not in template
        inline = "static __attribute__((noinline, unused))" if tail else INLINE
        text = template.replace("$INAME", f"{inline} {mask} {full}").replace("$NAME", f"{inline} {value} {full}")
        text = text.replace("$VNAME", f"{inline} void {full}").replace("$S", C_TYPES[dtype])
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


def _by_lane(h: Helpers, name: str, full: str, dtype: str, lanes: int) -> str:
    """A function known as a scalar only, applied lane by lane (the compiler vectorizes what it can)."""
    value, base = h.type(dtype, lanes), C_TYPES[dtype]
    arity = 2 if name in TWO else 1
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
    return f"{INLINE} {value} {full}({args}) {{ {copies} {lane_loop(call, lanes)} memcpy(&a, x, {size}); return a; }}"


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
    twin = f"{h.call('scaled', dtype, lanes)}(a, c)" if name == "scale" else ""
    return micro(name, full, dtype, lanes, value, C_TYPES[dtype], INLINE, fma=h.fma, twin=twin)


def _compared(sign: str) -> Callable[[Helpers, str, str, int], str]:
    """Comparison of vectors longer than a register, by halves: compilers take longer ones apart lane by lane.

    The mask has lanes of half the size.
    """

    def make(h: Helpers, full: str, dtype: str, lanes: int) -> str:
        value, size, name = h.type(dtype, lanes), ITEM_BYTES[dtype], full.partition("_")[0]
        half, mask, part = h.type(dtype, lanes // 2), h.mask_type(size // 2, lanes), h.mask_type(size // 2, lanes // 2)
        if size * (lanes // 2) > h.vector_bytes:
            call = h.call(name, dtype, lanes // 2)
            pieces = [f"{call}(x.half[{k}], y.half[{k}])" for k in (0, 1)]
        else:
            pieces = [f"__builtin_convertvector(x.half[{k}] {sign} y.half[{k}], {part})" for k in (0, 1)]
        union = "union {{ {0} whole; {1} half[2]; }}"
        return (
            f"{INLINE} {mask} {full}({value} a, {value} b) {{ const {union.format(value, half)} x = {{a}}, y = {{b}}; "
            f"const {union.format(mask, part)} r = {{.half = {{{', '.join(pieces)}}}}}; return r.whole; }}"
        )

    return make


def _stream(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    return streamed(full, h.type(dtype, lanes), lanes, INLINE, h.call("st", dtype, lanes))


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
        if lanes >= 4 and (source, to) == ("f32", "f64"):
            # GCC 12 fails on comparisons of what it widened to two registers at once ("in convert_mode_scalar")
            half, wide = h.type(source, lanes // 2), h.type(to, lanes // 2)
            return (
                f"{INLINE} {b} {full}({a} x) {{ {half} a[2]; memcpy(a, &x, sizeof x); {wide} b[2] = "
                f"{{__builtin_convertvector(a[0], {wide}), __builtin_convertvector(a[1], {wide})}}; {b} r; "
                "memcpy(&r, b, sizeof r); return r; }"
            )
        if lanes == 1 and (source, to) == ("f64", "f32"):
            return f"{INLINE} {b} {full}({a} x) {{ {b} r = {body}; LM_KEEP(r); return r; }}"
        return f"{INLINE} {b} {full}({a} x) {{ return {body}; }}"

    return make


def _any(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    if lanes == 1:
        return f"{INLINE} int {full}(int m) {{ return m; }}"
    mask, size = h.type(dtype, lanes), ITEM_BYTES[dtype] * lanes
    base, count = ("uint64_t", size // 8) if size % 8 == 0 else (C_TYPES[dtype], lanes)
    return (
        f"{INLINE} int {full}({mask} m) {{ {base} x[{count}]; memcpy(x, &m, sizeof x); {base} r = 0; "
        f"{lane_loop('r |= x[l];', count)} return r != 0; }}"
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
            f"{lane_loop(f'y[l] = {scalar}(x[l]);', lanes)} {b} r; memcpy(&r, y, sizeof y); return r; }}"
        )
    least = "INT64_MIN" if wide == "i64" else "INT32_MIN"
    body = f"({C_TYPES[wide]})(a >= -{limit}{suffix} && a < {limit}{suffix} ? ({C_TYPES[wide]})a : {least})"
    if to == "u64":
        body = f"a < {limit}{suffix} || a != a ? (uint64_t){body} : a < 2 * {limit}{suffix} ? (uint64_t)a : 0"
    return f"{INLINE} {base} {full}({C_TYPES[dtype]} a) {{ return ({base})({body}); }}"


def _horizontal(combiner: str) -> Callable[[Helpers, str, str, int], str]:
    def make(h: Helpers, full: str, dtype: str, lanes: int) -> str:
        value, base = h.type(dtype, lanes), C_TYPES[dtype]
        if lanes == 2:
            return f"{INLINE} {base} {full}({value} v) {{ return {h.combine(combiner, dtype, 1, 'v[0]', 'v[1]')}; }}"
        half, rest = h.type(dtype, lanes // 2), h.call(f"h{combiner}", dtype, lanes // 2)
        pair = h.combine(combiner, dtype, lanes // 2, "u.half[0]", "u.half[1]")
        return (  # not by the address of v: it would keep the accumulator that comes here in memory
            f"{INLINE} {base} {full}({value} v) {{ const union {{ {value} whole; {half} half[2]; }} u = {{v}}; "
            f"return {rest}({pair}); }}"
        )

    return make


_MAKERS: dict[str, Callable[[Helpers, str, str, int], str]] = {
    "sel": _sel, "fma": _micro, "scale": _micro, "least": _micro, "most": _micro,
    **{f"cmp{name}": _compared(sign) for name, sign in COMPARE_SIGNS.items()},
    "splat": _splat, "stream": _stream, "asi": _bits, "asf": _unbits, "any": _any, "anylane": _any_lane,
    "seli": _select_int, **ACCESS, **RANDOM,
    "toi": _convert(lambda dtype: MASK_TYPE[ITEM_BYTES[dtype]], back=False),
    "tof": _convert(lambda dtype: MASK_TYPE[ITEM_BYTES[dtype]], back=True),
    "tod": _convert(lambda dtype: "f64", back=False), "fromd": _convert(lambda dtype: "f64", back=True),
    **{f"trunc_{to}": _truncate for to in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")},
    **{f"h{name}": _horizontal(name) for name in ("sum", "prod", "max", "min", "largest")},
}  # fmt: skip
