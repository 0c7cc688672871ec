"""The functions that printed kernels call, as Triton text; a kernel file holds those it uses, after what they use.

The f32 polynomials and their constants are those of the C target, with FMA at the same places, so that both give the
same bits on machines whose C has FMA. Division and square root are rounded correctly; nothing approximates.
Everything holds for tiles and scalars alike, and means the same in Triton's interpreter.
"""

from __future__ import annotations

import re

from lamella.compiler._triton._narrow import NARROW_BF16, NARROW_F8E4M3, NARROW_F8E5M2, WIDEN_F8E4M3

_FUNCTION = re.compile(r"\blm_\w+")


def closure(names: set[str]) -> list[str]:
    """The texts of these functions and of all they call, callees first."""
    done: dict[str, str] = {}

    def visit(name: str) -> None:
        if name not in done:
            text = LIBRARY[name]
            for callee in dict.fromkeys(_FUNCTION.findall(text)):
                if callee != name:
                    visit(callee)
            done[name] = text

    for name in sorted(names):
        visit(name)
    return list(done.values())


def _define(head: str, doc: str, body: str) -> tuple[str, str]:
    name = head.split("(")[0]
    lines = "\n".join("    " + line if line else "" for line in body.strip("\n").splitlines())
    return name, f'@triton.jit\ndef {head}:\n    """{doc}"""\n{lines}\n'


def _horner(name: str, x: str, first: str, *rest: str) -> str:
    lines = [f"{name} = tl.fma({x}, {first}, {rest[0]})"]
    lines += [f"{name} = tl.fma({name}, {x}, {c})" for c in rest[1:]]
    return "\n".join(lines)


_EXP = f"""
c = tl.where(-104.0 > x, -104.0, x)
c = tl.where(89.0 < c, 89.0, c)
shifted = tl.fma(c, 1.44269504, 12583166.0)
n = shifted - 12583166.0
r = tl.fma(n, 2.12194440e-4, tl.fma(n, -0.693359375, c))
{_horner("p", "r", "1.384365023e-3", "8.374157362e-3", "4.166800156e-2", "0.1666643173", "0.4999999404", "1.0", "1.0")}
bits = shifted.to(tl.int32, bitcast=True)
low = bits >> 1
high = bits - low
return p * (low << 23).to(tl.float32, bitcast=True) * (high << 23).to(tl.float32, bitcast=True)
"""

_LOG = f"""
tiny = x < 1.17549435e-38
scaled = tl.where(tiny, x * 8388608.0, x)
bits = scaled.to(tl.int32, bitcast=True)
e = (((bits >> 23) & 255) - 126).to(tl.float32)
e = tl.where(tiny, e - 23.0, e)
m = ((bits & 0x007FFFFF) | 0x3F000000).to(tl.float32, bitcast=True)
low = m < 0.707106781186547524
e = tl.where(low, e - 1.0, e)
m = tl.where(low, m + m, m) - 1.0
z = m * m
{
    _horner(
        "p", "m", "7.0376836292e-2", "-1.1514610310e-1", "1.1676998740e-1", "-1.2420140846e-1", "1.4249322787e-1",
        "-1.6668057665e-1", "2.0000714765e-1", "-2.4999993993e-1", "3.3333331174e-1",
    )
}
p = tl.fma(e, -2.12194440e-4, (p * m) * z) - 0.5 * z
r = tl.fma(e, 0.693359375, m + p)
r = tl.where(x == float("inf"), x, r)
r = tl.where((x < 0.0) | (x != x), float("nan"), r)
return tl.where(x == 0.0, float("-inf"), r)
"""  # fmt: skip

_LOG1P = """
u = x + 1.0
d = u - 1.0
r = lm_log(u) * tl.div_rn(x, d)
r = tl.where(d == 0.0, x, r)
return tl.where(u == float("inf"), u, r)
"""

_TANH = f"""
a = tl.abs(x)
z = x * x
{
    _horner(
        "p", "z", "-5.70498872745e-3", "2.06390887954e-2", "-5.37397155531e-2", "1.33314422036e-1", "-3.33332819422e-1"
    )
}
small = tl.fma(p * z, x, x)
big = 1.0 - tl.div_rn(2.0, lm_exp(a + a) + 1.0)
big = tl.where(x < 0.0, -big, big)
return tl.where(a < 0.625, small, big)
"""

_ERF = f"""
c = tl.abs(x)
z = c * c
z = tl.where(15.4449 < z, 15.4449, z)
{_horner("p", "z", "2.04198523e-06", "0.000284808368", "0.00377957337", "0.0527901761", "0.19078292", "1.12837911")}
{_horner("q", "z", "3.80042111e-05", "0.00116520515", "0.014997365", "0.114257157", "0.502409697", "1.0")}
y = tl.div_rn(c * p, q)
y = tl.where(1.0 < y, 1.0, y).to(tl.int32, bitcast=True)
return (y | (x.to(tl.int32, bitcast=True) & -2147483648)).to(tl.float32, bitcast=True)
"""

_FLOORDIV = """
safe = tl.where((b == 0) | (b == -1), 1, b)
q = a // safe
r = a - q * safe
q = tl.where((r != 0) & ((r < 0) != (safe < 0)), q - 1, q)
return tl.where(b == 0, 0, tl.where(b == -1, 0 - a, q)).to(a.dtype)
"""

_MOD = """
safe = tl.where((b == 0) | (b == -1), 1, b)
r = a % safe
r = tl.where((r != 0) & ((r < 0) != (safe < 0)), r + safe, r)
return tl.where((b == 0) | (b == -1), 0, r).to(a.dtype)
"""

_MOD_FLOAT = """
r = libdevice.fmod(a, b)
r = tl.where((r != 0.0) & ((r < 0.0) != (b < 0.0)), r + b, r)
return tl.where(r == 0.0, libdevice.copysign(r, b), r)
"""

_FLOORDIV_FLOAT = """
r = libdevice.fmod(a, b)
q = lm_div(a - r, b)
q = tl.where((r != 0.0) & ((r < 0.0) != (b < 0.0)), q - 1.0, q)
f = tl.floor(q)
f = tl.where(q - f > 0.5, f + 1.0, f)
f = tl.where(q == 0.0, libdevice.copysign(q, lm_div(a, b)), f)
return tl.where(b == 0.0, lm_div(a, b), f)
"""

_POW_INT = """
r = a * 0 + 1
base = a
rest = tl.where(b < 0, 0, b)
for _ in tl.static_range(BITS):
    r = tl.where((rest & 1) != 0, r * base, r).to(a.dtype)
    base = (base * base).to(a.dtype)
    rest = rest >> 1
inverse = tl.where(a == 1, 1, tl.where(a == -1, 1 - 2 * (b & 1), 0)).to(a.dtype)
return tl.where(b < 0, inverse, r).to(a.dtype)
"""

_POW_UNSIGNED = """
r = a * 0 + 1
base = a
rest = b
for _ in tl.static_range(BITS):
    r = tl.where((rest & 1) != 0, r * base, r).to(a.dtype)
    base = (base * base).to(a.dtype)
    rest = rest >> 1
return r
"""

_TRUNC = """
fits = (x >= -{limit}) & (x < {limit})
whole = tl.where(fits, x, 0.0).to(tl.{wide})
return tl.where(fits, whole, {least})
"""

_TRUNC_U64 = """
small = (x < 9223372036854775808.0) | (x != x)
whole = tl.where(small | (x >= 18446744073709551616.0), 0.0, x).to(tl.uint64)
return tl.where(small, lm_trunc_int64(x).to(tl.uint64), whole)
"""

_ARG = """
nan = x != x
any_nan = tl.max(nan.to(tl.int32), axis, keep_dims=True)
best = tl.{pick}(tl.where(nan, {worst}, x), axis, keep_dims=True)
best = tl.where(any_nan != 0, float("nan"), best)
here = tl.where(any_nan != 0, nan, x == best)
at = tl.min(tl.where(here, k, 9223372036854775807), axis, keep_dims=True)
return best, at
"""

_ARG_INT = """
best = tl.{pick}(x, axis, keep_dims=True).to(x.dtype)
at = tl.min(tl.where(x == best, k, 9223372036854775807), axis, keep_dims=True)
return best, at
"""

_BEATS = """
same = (x == best) | ((x != x) & (best != best))
return (x {sign} best) | ((x != x) & (best == best)) | (same & (k < at))
"""

_MOMENTS = """
n = n1 + n2
f = lm_div(n2, tl.where(n > 0.0, n, 1.0))
d = (m2 - m1) + (d2 - d1)
other = (n1 == 0.0) | ((n2 > 0.0) & (tl.abs(m2) < tl.abs(m1)))
new = tl.where(other, d2 - d * (1.0 - f), d1 + d * f)
new = tl.where(new == new, new, d1 + d2)
return tl.where(other, m2, m1), q1 + q2 + d * (d * (n1 * f)), n, new
"""

_MOMENTS_OVER = """
count = tl.sum(n, axis, keep_dims=True)
safe = tl.where(count > 0.0, count, 1.0)
mean = lm_div(tl.sum(m * n, axis, keep_dims=True), safe)
far = (m - mean) + d
rest = lm_div(tl.sum(far * n, axis, keep_dims=True), safe)
far = far - rest
return mean, tl.sum(q + far * (far * n), axis, keep_dims=True), count, rest
"""

_MOMENTS_OF = """
count = tl.sum(n, axis, keep_dims=True)
mean = lm_div(tl.sum(x, axis, keep_dims=True), tl.where(count > 0.0, count, 1.0))
far = x - mean
return mean, tl.sum(far * (far * n), axis, keep_dims=True)
"""

_POWER = """
d = tl.where(x == top, 0.0, x - top)
if d.dtype == tl.float64:
    p = tl.exp(d)
else:
    p = lm_exp(d)
return p
"""

_POWERS = """
above = m2 > m1
high = tl.where(above, m2, m1)
p = lm_power(tl.where(above, m1, m2), high)
return high, tl.where(above, s1 * p + s2, s2 * p + s1)
"""

_POWERS_OVER = """
top = lm_largest_over(m, axis)
top = tl.where(top > least, top, least)
return top, tl.sum(s * lm_power(m, top), axis, keep_dims=True)
"""

_GCD = """
m = a
n = b
for _ in range(BITS * 3 // 2 + 1):
    more = n != 0
    r = m % tl.where(more, n, 1)
    m = tl.where(more, n, m).to(a.dtype)
    n = tl.where(more, r, 0).to(a.dtype)
return m
"""

_LCM = """
m = lm_gcd(a, b, BITS)
return tl.where(m == 0, 0, a // tl.where(m == 0, 1, m) * b).to(a.dtype)
"""

_MAGNITUDE = """
wide = a.to(tl.uint64)
return tl.where(a < 0, 0 - wide, wide)
"""

_FMOD_INT = """
never = (b == 0) | (b == -1)
return tl.where(never, 0, a % tl.where(never, 1, b)).to(a.dtype)
"""

_PHILOX = """
c0 = (slot >> 2) + 1
c1 = c0 * 0
c2 = c1
c3 = c1
k0 = seed
k1 = seed * 0
for _ in tl.static_range(10):
    low0 = c0 * 0xD2E7470EE14C6C93
    high0 = tl.umulhi(c0, tl.full([], 0xD2E7470EE14C6C93, tl.uint64))
    low1 = c2 * 0xCA5A826395121157
    high1 = tl.umulhi(c2, tl.full([], 0xCA5A826395121157, tl.uint64))
    c0 = high1 ^ c1 ^ k0
    c1 = low1
    c2 = high0 ^ c3 ^ k1
    c3 = low0
    k0 = k0 + 0x9E3779B97F4A7C15
    k1 = k1 + 0xBB67AE8584CAA73B
lane = slot & 3
return tl.where(lane < 2, tl.where(lane == 0, c0, c1), tl.where(lane == 2, c2, c3))
"""

_LOGADDEXP = """
larger = tl.where(a > b, a, b)
smaller = tl.where(a > b, b, a)
r = larger + libdevice.log1p(tl.exp(smaller - larger))
return tl.where(a == b, a + 0.69314718055994530942, tl.where((a < b) | (a > b), r, a + b))
"""

LIBRARY: dict[str, str] = dict(
    [
        _define("lm_exp(x)", "exp of f32, within 2 ULP; its last step may overflow or be subnormal.", _EXP),
        _define("lm_log(x)", "Natural logarithm of f32, within 2 ULP.", _LOG),
        _define("lm_log1p(x)", "log(1 + x) of f32.", _LOG1P),
        _define("lm_tanh(x)", "tanh of f32.", _TANH),
        _define("lm_erf(x)", "erf of f32: a rational function, within 6 ULP.", _ERF),
        _define(
            "lm_sigmoid(x)",
            "1 / (1 + exp(-x)) of f32 without overflow.",
            "e = lm_exp(-tl.abs(x))\nreturn tl.div_rn(tl.where(x < 0.0, e, 1.0), 1.0 + e)",
        ),
        _define(
            "lm_sigmoid64(x)",
            "1 / (1 + exp(-x)) of f64 without overflow.",
            "e = tl.exp(-tl.abs(x))\nreturn tl.where(x < 0.0, e, 1.0) / (1.0 + e)",
        ),
        _define(
            "lm_div(a, b)",
            "a / b of f32 or f64, rounded correctly.",
            "if a.dtype == tl.float64:\n    q = a / b\nelse:\n    q = tl.div_rn(a, b)\nreturn q",
        ),
        _define("lm_max(a, b)", "The larger, NaN where one is.", "return tl.where((a > b) | (a != a), a, b)"),
        _define("lm_min(a, b)", "The smaller, NaN where one is.", "return tl.where((a < b) | (a != a), a, b)"),
        _define("lm_largest(a, b)", "The larger, passing over NaN.", "return tl.where(b > a, b, a)"),
        _define("lm_widen_bf16(h)", "bf16 bits as f32.", "return (h.to(tl.int32) << 16).to(tl.float32, bitcast=True)"),
        _define("lm_narrow_bf16(x)", "f32 rounded to nearest even as bf16 bits.", NARROW_BF16),
        _define("lm_widen_f8e4m3(h)", "float8 (e4m3) bits as f32.", WIDEN_F8E4M3),
        _define("lm_narrow_f8e4m3(x)", "f32 rounded to nearest even as float8 (e4m3) bits.", NARROW_F8E4M3),
        _define(
            "lm_widen_f8e5m2(h)",
            "float8 (e5m2) bits as f32: the upper half of an f16.",
            "return (h.to(tl.uint16) << 8).to(tl.float16, bitcast=True).to(tl.float32)",
        ),
        _define("lm_narrow_f8e5m2(x)", "f32 rounded to nearest even as float8 (e5m2) bits.", NARROW_F8E5M2),
        _define("lm_floordiv(a, b)", "Floor of a / b of signed integers; 0 for b = 0, wraps at MIN / -1.", _FLOORDIV),
        _define("lm_mod(a, b)", "Remainder with the sign of b; 0 for b = 0.", _MOD),
        _define(
            "lm_floordiv_unsigned(a, b)",
            "a / b of unsigned integers; 0 for b = 0.",
            "return tl.where(b == 0, 0, a // tl.where(b == 0, 1, b)).to(a.dtype)",
        ),
        _define(
            "lm_mod_unsigned(a, b)",
            "Remainder of unsigned integers; 0 for b = 0.",
            "return tl.where(b == 0, 0, a % tl.where(b == 0, 1, b)).to(a.dtype)",
        ),
        _define("lm_mod_float(a, b)", "Exact remainder with the sign of b.", _MOD_FLOAT),
        _define("lm_floordiv_float(a, b)", "Floor of a / b as Python defines it.", _FLOORDIV_FLOAT),
        _define("lm_pow_int(a, b, BITS: tl.constexpr)", "a ** b modulo the width of signed integers.", _POW_INT),
        _define(
            "lm_pow_unsigned(a, b, BITS: tl.constexpr)", "a ** b modulo the width of unsigned integers.", _POW_UNSIGNED
        ),
        _define(
            "lm_shl(a, b, BITS: tl.constexpr)",
            "a << b; 0 for shifts as wide as a.",
            "fits = (b >= 0) & (b < BITS)\nreturn tl.where(fits, a << tl.where(fits, b, 0), 0).to(a.dtype)",
        ),
        _define(
            "lm_shr(a, b, BITS: tl.constexpr)",
            "a >> b of signed integers; the sign for shifts as wide as a.",
            "fits = (b >= 0) & (b < BITS)\nreturn a >> tl.where(fits, b, BITS - 1)",
        ),
        _define(
            "lm_shr_unsigned(a, b, BITS: tl.constexpr)",
            "a >> b of unsigned integers; 0 for shifts as wide as a.",
            "return tl.where(b < BITS, a >> tl.where(b < BITS, b, 0), 0).to(a.dtype)",
        ),
        _define(
            "lm_trunc_int32(x)",
            "Float to i32; MIN for NaN and what does not fit.",
            _TRUNC.format(limit="2147483648.0", wide="int32", least="-2147483648"),
        ),
        _define(
            "lm_trunc_int64(x)",
            "Float to i64; MIN for NaN and what does not fit.",
            _TRUNC.format(limit="9223372036854775808.0", wide="int64", least="-9223372036854775808"),
        ),
        _define("lm_trunc_uint64(x)", "Float to u64; what fits i64 as that, 0 for what is too large.", _TRUNC_U64),
        _define(
            "lm_max_over(x, axis: tl.constexpr)",
            "Largest along an axis, NaN where one is.",
            "nan = tl.max((x != x).to(tl.int32), axis, keep_dims=True)\n"
            'best = tl.max(tl.where(x == x, x, float("-inf")), axis, keep_dims=True)\n'
            'return tl.where(nan != 0, float("nan"), best)',
        ),
        _define(
            "lm_min_over(x, axis: tl.constexpr)",
            "Smallest along an axis, NaN where one is.",
            "nan = tl.max((x != x).to(tl.int32), axis, keep_dims=True)\n"
            'best = tl.min(tl.where(x == x, x, float("inf")), axis, keep_dims=True)\n'
            'return tl.where(nan != 0, float("nan"), best)',
        ),
        _define(
            "lm_largest_over(x, axis: tl.constexpr)",
            "Largest along an axis, passing over NaN.",
            'return tl.max(tl.where(x == x, x, float("-inf")), axis, keep_dims=True)',
        ),
        _define("lm_product(a, b)", "What products combine.", "return a * b"),
        _define(
            "lm_argmax_over(x, k, axis: tl.constexpr)",
            "(value, position) along an axis: NaN first, then the larger, then the earlier.",
            _ARG.format(pick="max", worst='float("-inf")'),
        ),
        _define(
            "lm_argmin_over(x, k, axis: tl.constexpr)",
            "(value, position) along an axis: NaN first, then the smaller, then the earlier.",
            _ARG.format(pick="min", worst='float("inf")'),
        ),
        _define(
            "lm_argmax_int_over(x, k, axis: tl.constexpr)",
            "(value, position) along an axis of integers: the larger, then the earlier.",
            _ARG_INT.format(pick="max"),
        ),
        _define(
            "lm_argmin_int_over(x, k, axis: tl.constexpr)",
            "(value, position) along an axis of integers: the smaller, then the earlier.",
            _ARG_INT.format(pick="min"),
        ),
        _define(
            "lm_moments(m1, q1, n1, d1, m2, q2, n2, d2)",
            "(place, squared distances, number, mean - place) of two sets of numbers together.",
            _MOMENTS,
        ),
        _define(
            "lm_moments_over(m, q, n, d, axis: tl.constexpr)",
            "(place, squared distances, number, mean - place) of sets of numbers along an axis together.",
            _MOMENTS_OVER,
        ),
        _define(
            "lm_moments_of(x, n, axis: tl.constexpr)",
            "(mean, squared distances) of numbers along an axis; where n is 0 instead of 1 there is none, and x is 0.",
            _MOMENTS_OF,
        ),
        _define("lm_power(x, top)", "exp(x - top), 1 where both are the same infinity.", _POWER),
        _define(
            "lm_powers(m1, s1, m2, s2)",
            "(largest, sum of exp(x - largest)) of two sets of numbers together; largest passes over NaN.",
            _POWERS,
        ),
        _define(
            "lm_powers_over(m, s, least, axis: tl.constexpr)",
            "(largest, sum of exp(x - largest)) of sets of numbers along an axis together.",
            _POWERS_OVER,
        ),
        _define("lm_or(a, b)", "Whether one holds.", "return a | b"),
        _define("lm_and(a, b)", "Whether both hold.", "return a & b"),
        _define("lm_gcd(a, b, BITS: tl.constexpr)", "Greatest common divisor of unsigned integers.", _GCD),
        _define("lm_lcm(a, b, BITS: tl.constexpr)", "Least common multiple of unsigned integers, modulo 2^BITS.", _LCM),
        _define("lm_magnitude(a)", "The absolute value as u64.", _MAGNITUDE),
        _define(
            "lm_gcd_int(a, b, BITS: tl.constexpr)",
            "Greatest common divisor of signed integers.",
            "return lm_gcd(lm_magnitude(a), lm_magnitude(b), BITS).to(a.dtype)",
        ),
        _define(
            "lm_lcm_int(a, b, BITS: tl.constexpr)",
            "Least common multiple of signed integers, modulo their width.",
            "return lm_lcm(lm_magnitude(a), lm_magnitude(b), BITS).to(a.dtype)",
        ),
        _define("lm_fmod_int(a, b)", "Remainder with the sign of a; 0 for b = 0.", _FMOD_INT),
        _define("lm_philox(seed, slot)", "The word of a slot: Philox 4x64-10, four words a block.", _PHILOX),
        _define("lm_logaddexp(a, b)", "log(exp(a) + exp(b)) of f64.", _LOGADDEXP),
        _define("lm_beats_argmax(x, k, best, at)", "Whether (x, k) goes before (best, at).", _BEATS.format(sign=">")),
        _define("lm_beats_argmin(x, k, best, at)", "Whether (x, k) goes before (best, at).", _BEATS.format(sign="<")),
    ]
)
