"""Scalar operations of the C target by type: what has no polynomial in `_math` is applied lane by lane."""

from __future__ import annotations

TWO = frozenset({
    "floordiv", "mod", "fmod", "pow", "shl", "shr", "gcd", "lcm", "atan2", "hypot", "nextafter", "copysign",
    "mulhi", "logaddexp",
})  # fmt: skip


def _library(names: str, args: str) -> dict[tuple[str, str], str]:
    """Functions of the C library, by their names in double and in single precision."""
    return {
        (name, dtype): f"return {name}{suffix}({args});"
        for name in names.split()
        for dtype, suffix in (("f32", "f"), ("f64", ""))
    }


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
    ("mulhi", "unsigned"): "uint64_t high; lm_mul128(a, b, &high); return high;",
    ("shr", "unsigned"): "return b >= 8 * sizeof(a) ? 0 : ($T)(a >> b);",
    ("fmod", "float"): "return ($T)fmod(a, b);",
    ("fmod", "signed"): "return b == 0 || b == -1 ? 0 : ($T)(a % b);",
    ("fmod", "unsigned"): "return b == 0 ? 0 : ($T)(a % b);",
    ("gcd", "signed"): "uint64_t m = a < 0 ? 0 - (uint64_t)a : (uint64_t)a, n = b < 0 ? 0 - (uint64_t)b : (uint64_t)b; "
    "while (n) { uint64_t r = m % n; m = n; n = r; } return ($T)m;",
    ("gcd", "unsigned"): "while (b) { $T r = ($T)(a % b); a = b; b = r; } return a;",
    ("lcm", "signed"): "uint64_t m = a < 0 ? 0 - (uint64_t)a : (uint64_t)a, n = b < 0 ? 0 - (uint64_t)b : (uint64_t)b, "
    "p = m, q = n; while (n) { uint64_t r = m % n; m = n; n = r; } return m ? ($T)(p / m * q) : 0;",
    ("lcm", "unsigned"): "$T m = a, n = b; while (n) { $T r = ($T)(m % n); m = n; n = r; } "
    "return m ? ($T)(a / m * b) : 0;",
    ("ceil", "f32"): "return __builtin_ceilf(a);", ("ceil", "f64"): "return __builtin_ceil(a);",
    ("trunc", "f32"): "return __builtin_truncf(a);", ("trunc", "f64"): "return __builtin_trunc(a);",
    ("round", "f32"): "return __builtin_rintf(a);", ("round", "f64"): "return __builtin_rint(a);",
    ("copysign", "f32"): "return __builtin_copysignf(a, b);", ("copysign", "f64"): "return __builtin_copysign(a, b);",
    ("lgamma", "f32"): "int sign; return (float)lgamma_r(a, &sign);",
    ("lgamma", "f64"): "int sign; return lgamma_r(a, &sign);",
    **_library("exp2 expm1 log2 log10 tan asin acos atan sinh cosh asinh acosh atanh erfc", "a"),
    **_library("atan2 hypot nextafter", "a, b"),
    ("logaddexp", "f64"): "if (a == b) return a + 0.69314718055994530942; "
    "return a > b ? a + log1p(exp(b - a)) : a < b ? b + log1p(exp(a - b)) : a + b;",
}  # fmt: skip
