"""The only place with intrinsics: what the vector language cannot say, one row per operation and register shape.

`fma` is a * b + c in one rounding; `least` is `a < b ? a : b` and `most` is `a > b ? a : b`, so b where either is NaN.
`scale` is a * 2^b for a whole b, rounded once; its plain form reads b + 254 from the low bits of c.
Every row has a plain C twin, used for shapes not listed and by compilers other than gcc.
"""

from __future__ import annotations

# (operation, type, lanes) -> expression over a, b, c
_GCC_X86 = {
    ("fma", "f32", 16): "($T)__builtin_ia32_vfmaddps512_mask(a, b, c, -1, 4)",
    ("fma", "f32", 8): "($T)__builtin_ia32_vfmaddps256(a, b, c)",
    ("fma", "f32", 4): "($T)__builtin_ia32_vfmaddps(a, b, c)",
    ("scale", "f32", 16): "($T)__builtin_ia32_scalefps512_mask(a, b, a, -1, 4)",
    ("scale", "f32", 8): "($T)__builtin_ia32_scalefps256_mask(a, b, a, -1)",
    ("scale", "f32", 4): "($T)__builtin_ia32_scalefps128_mask(a, b, a, -1)",
    ("least", "f32", 16): "($T)__builtin_ia32_minps512_mask(a, b, a, -1, 4)",
    ("least", "f32", 8): "($T)__builtin_ia32_minps256(a, b)",
    ("least", "f32", 4): "($T)__builtin_ia32_minps(a, b)",
    ("most", "f32", 16): "($T)__builtin_ia32_maxps512_mask(a, b, a, -1, 4)",
    ("most", "f32", 8): "($T)__builtin_ia32_maxps256(a, b)",
    ("most", "f32", 4): "($T)__builtin_ia32_maxps(a, b)",
}
_GUARD = {16: "__AVX512F__", 8: "__AVX__", 4: "__SSE__"}
_SCALAR = {"least": "a < b ? a : b", "most": "a > b ? a : b"}


# bytes of a register -> the store that goes past the caches
_STREAM = {64: "__builtin_ia32_movntps512", 32: "__builtin_ia32_movntps256", 16: "__builtin_ia32_movntps"}


def streamed(full: str, value: str, lanes: int, inline: str, plain: str) -> str:
    """The C definition of a store of f32 lanes past the caches; `plain` is the store where the machine has none.

    Whole registers where they are aligned, else pieces of 16 bytes, which is how far numpy aligns its arrays.
    """
    guard = f"defined({_GUARD[lanes]}) && defined(__GNUC__) && !defined(__clang__)"
    piece = "float piece __attribute__((vector_size(16)))"
    pieces = f"typedef {piece}; piece x[{lanes // 4}]; memcpy(x, &v, sizeof x);"
    loop = " ".join(f"{_STREAM[16]}(p + {4 * k}, x[{k}]);" for k in range(lanes // 4))
    return (
        f"{inline} void {full}(float *p, {value} v) {{\n#if {guard}\n"
        f"    if (!((uintptr_t)p % {4 * lanes})) {{ {_STREAM[4 * lanes]}(p, v); return; }}\n"
        f"    if (!((uintptr_t)p % 16)) {{ {pieces} {loop} return; }}\n#endif\n    {plain}(p, v);\n}}"
    )


def micro(
    name: str, full: str, dtype: str, lanes: int, value: str, base: str, inline: str, *, fma: bool, twin: str = ""
) -> str:
    """The C definition of one micro-operation for a vector or scalar type; `twin` is its plain form, if given."""
    names = ("a", "b", "c") if name in ("fma", "scale") else ("a", "b")
    head = f"{inline} {value} {full}({', '.join(f'{value} {n}' for n in names)})"
    if twin:
        scalar = twin
    elif name == "fma":
        builtin = "__builtin_fmaf" if dtype == "f32" else "__builtin_fma"
        scalar = f"{builtin}(a, b, c)" if fma else "a * b + c"
    else:
        scalar = _SCALAR[name]
    head += " {" if name != "scale" else " { (void)b; (void)c;"
    if lanes == 1:
        return f"{head} return {scalar}; }}"
    if name == "fma" and not fma:
        return f"{head} return a * b + c; }}"
    arrays = ", ".join(f"{n}_[{lanes}]" for n in names)
    copies = " ".join(f"memcpy({n}_, &{n}, sizeof {n});" for n in names)
    lane = scalar
    for n in names:
        lane = lane.replace(f"{n},", f"{n}_[l],").replace(f"{n})", f"{n}_[l])")
        lane = lane if name == "fma" else " ".join(f"{n}_[l]" if word == n else word for word in lane.split())
    loop = f"for (int l = 0; l < {lanes}; ++l) a_[l] = {lane};"
    plain = f"return {twin};" if twin else f"{base} {arrays}; {copies} {loop} memcpy(&a, a_, sizeof a); return a;"
    row = _GCC_X86.get((name, dtype, lanes))
    if row is None:
        return f"{head} {plain} }}"
    guard = f"defined({_GUARD[lanes]}) && defined(__GNUC__) && !defined(__clang__)"
    if lanes < 16:
        guard += {"fma": " && defined(__FMA__)", "scale": " && defined(__AVX512VL__)"}.get(name, "")
    return f"{head}\n#if {guard}\n    return {row.replace('$T', value)};\n#else\n    {plain}\n#endif\n}}"
