"""Polynomials and bit tricks of the C target as templates, one text for scalars and vectors.

$T is the value type, $S that of a single lane, $I the integer type of its lanes, $D f64 with as many lanes; $NAME is a
definition returning $T, $INAME one returning $I, $VNAME one returning nothing; @f(...) calls helper f of the same type.
Truth is -1 in vectors and 1 in scalars, so masks are combined with & and | and only ever given to @sel. f32 results are
within 2 to 4 ULP of the exact value (erf 6); polynomials use FMA where the target has it and nowhere else is it used.
"""

from __future__ import annotations


def _horner(name: str, x: str, *coefficients: str) -> str:
    """C lines that define `name` as a polynomial in `x`, highest power first."""
    lines = [f"$T {name} = @splat({coefficients[0]}f);"]
    lines += [f"    {name} = @fma({name}, {x}, @splat({c}f));" for c in coefficients[1:]]
    return "\n".join(lines)


# The sum with 1.5 * 2^23 + 254 leaves round(x / ln 2) + 254 in the low bits.
_EXP_F32 = f"""$NAME($T x) {{
    $T c = @least(@splat(89.0f), @most(@splat(-104.0f), x));
    $T shifted = @fma(c, @splat(1.44269504f), @splat(12583166.0f));
    $T n = shifted - 12583166.0f;
    $T r = @fma(n, @splat(2.12194440e-4f), @fma(n, @splat(-0.693359375f), c));
    {
    _horner(
        "p", "r", "1.384365023e-3", "8.374157362e-3", "4.166800156e-2", "0.1666643173", "0.4999999404", "1.0", "1.0"
    )
}
    return @scale(p, n, shifted);
}}"""

# p * 2^n where the low bits of `shifted` hold n + 254: its halves are two biased exponents, so the result may overflow
# or be subnormal in the last step.
_SCALED_F32 = """$NAME($T p, $T shifted) {
    $I low = @asi(shifted) >> 1;
    $I high = @asi(shifted) - low;
    return p * @asf(low << 23) * @asf(high << 23);
}"""

_LOG_F32 = f"""$NAME($T x) {{
    $I tiny = x < 1.17549435e-38f;
    $T scaled = @sel(tiny, x * 8388608.0f, x);
    $I bits = @asi(scaled);
    $T e = @tof(((bits >> 23) & 255) - 126);
    e = @sel(tiny, e - 23.0f, e);
    $T m = @asf((bits & 0x007fffff) | 0x3f000000);
    $I low = m < 0.707106781186547524f;
    e = @sel(low, e - 1.0f, e);
    m = @sel(low, m + m, m) - 1.0f;
    $T z = m * m;
    {
    _horner(
        "p",
        "m",
        "7.0376836292e-2",
        "-1.1514610310e-1",
        "1.1676998740e-1",
        "-1.2420140846e-1",
        "1.4249322787e-1",
        "-1.6668057665e-1",
        "2.0000714765e-1",
        "-2.4999993993e-1",
        "3.3333331174e-1",
    )
}
    p = @fma(e, @splat(-2.12194440e-4f), (p * m) * z) - 0.5f * z;
    $T r = @fma(e, @splat(0.693359375f), m + p);
    r = @sel(x == INFINITY, x, r);
    r = @sel((x < 0.0f) | (x != x), @splat(NAN), r);
    return @sel(x == 0.0f, @splat(-INFINITY), r);
}}"""

_LOG1P_F32 = """$NAME($T x) {
    $T u = x + 1.0f;
    $T d = u - 1.0f;
    $T r = @log(u) * (x / d);
    r = @sel(d == 0.0f, x, r);
    return @sel(u == INFINITY, u, r);
}"""

_TANH_F32 = f"""$NAME($T x) {{
    $T a = @abs(x);
    $T z = x * x;
    {
    _horner(
        "p", "z", "-5.70498872745e-3", "2.06390887954e-2", "-5.37397155531e-2", "1.33314422036e-1", "-3.33332819422e-1"
    )
}
    $T small = @fma(p * z, x, x);
    $T big = 1.0f - 2.0f / (@exp(a + a) + 1.0f);
    big = @sel(x < 0.0f, -big, big);
    return @sel(a < 0.625f, small, big);
}}"""

_SIGN = "$NAME($T x) { return @sel(x > ZERO, @splat(ONE), @sel(x < ZERO, @splat(-ONE), @splat(ZERO))); }"
_SIGMOID = """$NAME($T x) {
    $T e = @exp(-@abs(x));
    return @sel(x < ZERO, e, @splat(ONE)) / (ONE + e);
}"""

# |x| P(x^2) / Q(x^2), fitted for relative error up to where erf rounds to 1; 6 ULP, the worst of them near 1. Beyond
# that the quotient stays as it is, and |x| carries it over 1. The sign comes back as a bit: bounds cost what products
# do.
_ERF_F32 = f"""$NAME($T x) {{
    $T c = @abs(x);
    $T z = @least(@splat(15.4449f), c * c);
    {_horner("p", "z", "2.04198523e-06", "0.000284808368", "0.00377957337", "0.0527901761", "0.19078292", "1.12837911")}
    {_horner("q", "z", "3.80042111e-05", "0.00116520515", "0.014997365", "0.114257157", "0.502409697", "1.0")}
    $T y = @least(@splat(1.0f), (c * p) / q);
    return @asf(@asi(y) | (@asi(x) & INT32_MIN));
}}"""

# Reduction modulo pi/2 in f64 with a 33-bit head is exact enough up to 2^20; beyond, the C library's scalar answers.
_TRIG_F32 = f"""$NAME($T x) {{
    $I far = (@abs(x) > 1048576.0f) | (x != x);
    $D d = @tod(@sel(far, @splat(0.0f), x));
    $D n = (d * 0.63661977236758134308 + 6755399441055744.0) - 6755399441055744.0;
    $T r = @fromd((d - n * 1.57079632673412561417) - n * 6.07710050650619224932e-11);
    $I q = @toi(@fromd(n)) + $SHIFT;
    $T z = r * r;
    {_horner("s", "z", "-1.9515295891e-4", "8.3321608736e-3", "-1.6666654611e-1")}
    s = @fma(s * z, r, r);
    {_horner("c", "z", "2.443315711809948e-5", "-1.388731625493765e-3", "4.166664568298827e-2")}
    c = @fma(c, z * z, -0.5f * z) + 1.0f;
    $T y = @sel((q & 1) == 1, c, s);
    y = @sel((q & 2) == 2, -y, y);
    if (@anylane(far)) y = @sel(far, @lib$WORD(x), y);
    return y;
}}"""

_WIDEN_F16 = """$NAME($I h) {
    $I a = h & 0x7fff;
    $T tiny = @tof(a) * 5.9604644775390625e-8f;
    $I bits = (a << 13) + (112 << 23);
    bits = @seli(a >= 0x7c00, bits + (112 << 23), bits);
    bits = @seli(a < 0x0400, @asi(tiny), bits);
    return @asf(bits | ((h & 0x8000) << 16));
}"""

_NARROW_F16 = """$INAME($T x) {
    $I bits = @asi(x);
    $I a = bits & 0x7fffffff;
    $I r = (a + 0xfff + ((a >> 13) & 1) - (112 << 23)) >> 13;
    r = @seli(a < 0x38800000, @asi(@asf(a) + 0.5f) - 0x3f000000, r);
    r = @seli(a >= 0x47800000, (a & 0) + 0x7c00, r);
    r = @seli(a > 0x7f800000, (a & 0) + 0x7e00, r);
    return r | ((bits >> 16) & 0x8000);
}"""

_NARROW_BF16 = """$INAME($T x) {
    $I bits = @asi(x);
    $I r = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return @seli((bits & 0x7fffffff) > 0x7f800000, (bits >> 16) | 0x40, r) & 0xffff;
}"""

_WIDEN_F8E4M3 = """$NAME($I h) {
    $I a = h & 0x7f;
    $I bits = (a << 20) + (120 << 23);
    bits = @seli(a < 8, @asi(@tof(a) * 0.001953125f), bits);
    bits = @seli(a == 0x7f, (a & 0) + 0x7fc00000, bits);
    return @asf(bits | ((h & 0x80) << 24));
}"""

_NARROW_F8E4M3 = """$INAME($T x) {
    $I bits = @asi(x);
    $I a = bits & 0x7fffffff;
    $I r = (a + 0x7ffff + ((a >> 20) & 1) - (120 << 23)) >> 20;
    r = @seli(a < 0x3c800000, @asi(@asf(a) + 16384.0f) - 0x46800000, r);
    r = @seli((a >= 0x44000000) | (r > 0x7e), (a & 0) + 0x7f, r);
    return r | ((bits >> 24) & 0x80);
}"""

_NARROW_F8E5M2 = """$INAME($T x) {
    $I bits = @asi(x);
    $I a = bits & 0x7fffffff;
    $I r = (a + 0xfffff + ((a >> 21) & 1) - (112 << 23)) >> 21;
    r = @seli(a < 0x38800000, @asi(@asf(a) + 128.0f) - 0x43000000, r);
    r = @seli(a >= 0x47800000, (a & 0) + 0x7c, r);
    r = @seli(a > 0x7f800000, (a & 0) + 0x7e, r);
    return r | ((bits >> 24) & 0x80);
}"""

# Mean and squared distances take in others, which are f of all; w = f * (how many there were).
_ADVANCE = """$VNAME($T *mean, $T *squares, $T other, $T more, $S f, $S w) {
    $T d = other - *mean;
    *squares = @fma(d, d * w, *squares + more);
    *mean = @fma(d, @splat(f), *mean);
}"""
# An infinite mean would turn into NaN at the next number.
_MOMENTS = """$VNAME($T *mean, $T *squares, $T other, $T more, $S f, $S w) {
    $T before = *mean;
    @advance(mean, squares, other, more, f, w);
    *mean = @sel(*mean == *mean, *mean, before + other);
}"""

# exp(x - top), 1 where both are the same infinity.
_POWER = "$NAME($T x, $T top) { return @exp(@sel(x == top, @splat(0), x - top)); }"

# The largest value, which NaN passes by, and the sum of powers take in another such pair.
_POWERS = """$VNAME($T *top, $T *sum, $T other, $T more) {
    $I above = other > *top;
    $T high = @most(other, *top);
    $T power = @power(@least(*top, other), high);
    *sum = @fma(@sel(above, *sum, more), power, @sel(above, more, *sum));
    *top = high;
}"""

MATH: dict[tuple[str, str], str] = {
    ("advance", "any"): _ADVANCE,
    ("moments", "any"): _MOMENTS,
    ("power", "any"): _POWER,
    ("powers", "any"): _POWERS,
    ("exp", "f32"): _EXP_F32,
    ("scaled", "f32"): _SCALED_F32,
    ("log", "f32"): _LOG_F32,
    ("log1p", "f32"): _LOG1P_F32,
    ("tanh", "f32"): _TANH_F32,
    ("erf", "f32"): _ERF_F32,
    ("sin", "f32"): _TRIG_F32.replace("$SHIFT", "0").replace("$WORD", "sin"),
    ("cos", "f32"): _TRIG_F32.replace("$SHIFT", "1").replace("$WORD", "cos"),
    ("sigmoid", "f32"): _SIGMOID.replace("ONE", "1.0f").replace("ZERO", "0.0f"),
    ("sigmoid", "f64"): _SIGMOID.replace("ONE", "1.0").replace("ZERO", "0.0"),
    ("rsqrt", "f32"): "$NAME($T x) { return 1.0f / @sqrt(x); }",
    ("rsqrt", "f64"): "$NAME($T x) { return 1.0 / @sqrt(x); }",
    ("reciprocal", "f32"): "$NAME($T x) { return 1.0f / x; }",
    ("reciprocal", "f64"): "$NAME($T x) { return 1.0 / x; }",
    ("abs", "f32"): "$NAME($T x) { return @asf(@asi(x) & 0x7fffffff); }",
    ("abs", "f64"): "$NAME($T x) { return @asf(@asi(x) & 0x7fffffffffffffff); }",
    **{("max", t): "$NAME($T a, $T b) { return @sel((a > b) | (a != a), a, b); }" for t in ("f32", "f64")},
    **{("min", t): "$NAME($T a, $T b) { return @sel((a < b) | (a != a), a, b); }" for t in ("f32", "f64")},
    ("max", "any"): "$NAME($T a, $T b) { return @sel(a > b, a, b); }",
    ("min", "any"): "$NAME($T a, $T b) { return @sel(a < b, a, b); }",
    ("sign", "f32"): _SIGN.replace("ONE", "1.0f").replace("ZERO", "0.0f"),
    ("sign", "f64"): _SIGN.replace("ONE", "1.0").replace("ZERO", "0.0"),
    ("widenf16", "f32"): _WIDEN_F16,
    ("widenbf16", "f32"): "$NAME($I h) { return @asf(h << 16); }",
    ("narrowf16", "f32"): _NARROW_F16,
    ("narrowbf16", "f32"): _NARROW_BF16,
    ("widenf8e4m3", "f32"): _WIDEN_F8E4M3,
    ("widenf8e5m2", "f32"): "$NAME($I h) { return @widenf16(h << 8); }",
    ("narrowf8e4m3", "f32"): _NARROW_F8E4M3,
    ("narrowf8e5m2", "f32"): _NARROW_F8E5M2,
    ("round_f8e4m3", "f32"): "$NAME($T x) { return @widenf8e4m3(@narrowf8e4m3(x)); }",
    ("round_f8e5m2", "f32"): "$NAME($T x) { return @widenf8e5m2(@narrowf8e5m2(x)); }",
    ("round_f16", "f32"): "$NAME($T x) { return @widenf16(@narrowf16(x)); }",
    ("round_bf16", "f32"): "$NAME($T x) { return @widenbf16(@narrowbf16(x)); }",
}
