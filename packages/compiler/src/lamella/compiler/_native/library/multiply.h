/* One product on the calling thread: C [m, n] = or += op(A) op(B), row-major; op is a transpose where its flag says so.
 *
 * The right side is packed a panel at a time, or read as it lies where there are too few rows to pay for that.
 */
#ifndef LM_DEPTH
#define LM_DEPTH 1024              /* rows of a panel, which stays in the cache */
#define LM_FEW_ROWS (LM_LANES / 2) /* for which dot products cost less than packing the right side */
#define LM_SPREAD_ROWS 4           /* that stay in the cache while the right side is read once, as it lies */
#define LM_DIRECT_ROWS 8           /* for which panels are read where they lie */
#define LM_ACROSS_SIZE (96 << 10)  /* elements of a left side that lies across, which are copied and stay in the cache */
#endif

/* A few dot products, a multiple of LM_SUMS: rows of A [rows, depth] by rows of B [cols, depth]. */
LM_INLINE void LM_NAME(lm_dots)(
    const int rows, const int cols, int64_t depth, const LM_REAL *a, int64_t a_down, const LM_REAL *b, int64_t b_down,
    LM_REAL *c, int64_t c_down, int add
) {
    LM_NAME(lm_vector) sum[16];
    LM_REAL dots[16];
#pragma GCC unroll 16
    for (int s = 0; s < rows * cols; ++s) sum[s] = (LM_NAME(lm_vector)){0};
    int64_t k = 0;
    for (; k + LM_LANES <= depth; k += LM_LANES) {
        LM_NAME(lm_vector) y[8];
#pragma GCC unroll 8
        for (int j = 0; j < cols; ++j) y[j] = *(const LM_NAME(lm_vector) *)(b + j * b_down + k);
#pragma GCC unroll 4
        for (int i = 0; i < rows; ++i) {
            const LM_NAME(lm_vector) x = *(const LM_NAME(lm_vector) *)(a + i * a_down + k);
#pragma GCC unroll 8
            for (int j = 0; j < cols; ++j) sum[i * cols + j] = LM_NAME(lm_fma)(x, y[j], sum[i * cols + j]);
        }
    }
#pragma GCC unroll 4
    for (int s = 0; s < rows * cols; s += LM_SUMS) {
        LM_NAME(lm_vector) some[LM_SUMS];
#pragma GCC unroll 8
        for (int l = 0; l < LM_SUMS; ++l) some[l] = sum[s + l];
        LM_NAME(lm_sums)(some, dots + s);
    }
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
        for (int j = 0; j < cols; ++j) {
            LM_REAL *const to = c + i * c_down + j;
            for (int64_t l = k; l < depth; ++l) dots[i * cols + j] += a[i * a_down + l] * b[j * b_down + l];
            *to = dots[i * cols + j] + (add ? *to : 0);
        }
}

/* Dot products of one row by four, each in two parts: of more rows the lines would meet in the cache. */
LM_INLINE void LM_NAME(lm_four_dots)(
    int64_t depth, const LM_REAL *a, const LM_REAL *b, int64_t b_down, LM_REAL *c, int add
) {
    LM_NAME(lm_vector) sum[8] = {0};
    LM_REAL dots[8];
    int64_t k = 0;
#define LM_FOUR(part)                                                                                                \
    {                                                                                                                \
        const LM_NAME(lm_vector) x = *(const LM_NAME(lm_vector) *)(a + k);                                           \
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; ++j) sum[part + j] =                                          \
            LM_NAME(lm_fma)(x, *(const LM_NAME(lm_vector) *)(b + j * b_down + k), sum[part + j]);                    \
        k += LM_LANES;                                                                                               \
    }
    while (k + 2 * LM_LANES <= depth) {
        LM_FOUR(0)
        LM_FOUR(4)
    }
    if (k + LM_LANES <= depth) LM_FOUR(0)
#undef LM_FOUR
#pragma GCC unroll 2
    for (int s = 0; s < 8; s += LM_SUMS) LM_NAME(lm_sums)(sum + s, dots + s);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
        dots[j] += dots[4 + j];
        for (int64_t l = k; l < depth; ++l) dots[j] += a[l] * b[j * b_down + l];
        c[j] = dots[j] + (add ? c[j] : 0);
    }
}

/* One dot product. */
static LM_REAL LM_NAME(lm_dot)(int64_t depth, const LM_REAL *a, const LM_REAL *b) {
    LM_NAME(lm_vector) sum = {0};
    for (int64_t k = 0; k < depth; k += LM_LANES)
        sum = LM_NAME(lm_fma)(LM_NAME(lm_get)(a + k, depth - k), LM_NAME(lm_get)(b + k, depth - k), sum);
    return LM_NAME(lm_hsum)(sum);
}

/* C [m, n] = or += A [m, depth] B for B [n, depth] whose rows lie as they are used. */
static void LM_NAME(lm_multiply_rows)(
    int64_t m, int64_t n, int64_t depth, const LM_REAL *a, int64_t a_down, const LM_REAL *b, int64_t b_down,
    LM_REAL *c, int64_t c_down, int add
) {
    int64_t j = 0;
    for (; m == 1 && j + 4 <= n; j += 4, b += 4 * b_down) LM_NAME(lm_four_dots)(depth, a, b, b_down, c + j, add);
    for (; j + 4 <= n; j += 4, b += 4 * b_down) {
        int64_t i = 0;
        for (; i + 4 <= m; i += 4)
            LM_NAME(lm_dots)(4, 4, depth, a + i * a_down, a_down, b, b_down, c + i * c_down + j, c_down, add);
        for (; i + 2 <= m; i += 2)
            LM_NAME(lm_dots)(2, 4, depth, a + i * a_down, a_down, b, b_down, c + i * c_down + j, c_down, add);
        for (int64_t l = 0; i < m && l < 4; ++l) {
            LM_REAL *const to = c + i * c_down + j + l;
            *to = (add ? *to : 0) + LM_NAME(lm_dot)(depth, a + i * a_down, b + l * b_down);
        }
    }
    for (; j < n; ++j, b += b_down)
        for (int64_t i = 0; i < m; ++i) {
            LM_REAL *const to = c + i * c_down + j;
            *to = (add ? *to : 0) + LM_NAME(lm_dot)(depth, a + i * a_down, b);
        }
}

/* C [m, cols] = or += A [m, depth] B for so few rows that C stays in the cache: B is read a row after the other. */
LM_INLINE void LM_NAME(lm_spread)(
    const int rows, const int steps, int64_t n, const LM_REAL *a, int64_t a_down, int64_t a_along, const LM_REAL *b,
    int64_t b_down, LM_REAL *c, int64_t c_down, int add
) {
    LM_NAME(lm_vector) x[4][8];
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
        for (int k = 0; k < steps; ++k) x[i][k] = LM_NAME(lm_splat)(a[i * a_down + k * a_along]);
    for (int64_t j = 0; j < n; j += LM_LANES) {
        const int64_t left = n - j;
        LM_NAME(lm_vector) y[8];
#pragma GCC unroll 8
        for (int k = 0; k < steps; ++k) y[k] = LM_NAME(lm_get)(b + k * b_down + j, left);
#pragma GCC unroll 4
        for (int i = 0; i < rows; ++i) {
            LM_NAME(lm_vector) sum = add ? LM_NAME(lm_get)(c + i * c_down + j, left) : (LM_NAME(lm_vector)){0};
#pragma GCC unroll 8
            for (int k = 0; k < steps; ++k) sum = LM_NAME(lm_fma)(x[i][k], y[k], sum);
            LM_NAME(lm_put)(c + i * c_down + j, sum, left);
        }
    }
}

static void LM_NAME(lm_multiply_columns)(
    int64_t m, int64_t n, int64_t depth, const LM_REAL *a, int64_t a_down, int64_t a_along, const LM_REAL *b,
    int64_t b_down, LM_REAL *c, int64_t c_down, int add
) {
#define LM_SPREAD(rows, steps)                                                                                       \
    for (; depth - k >= (steps); k += (steps))                                                                       \
        LM_NAME(lm_spread)(                                                                                          \
            rows, steps, n, a + k * a_along, a_down, a_along, b + k * b_down, b_down, c, c_down, add || k > 0        \
        );
    for (int64_t k = 0, rows; m > 0; m -= rows, a += rows * a_down, c += rows * c_down, k = 0) {
        rows = m >= 4 ? 4 : 1;
        if (rows == 4) LM_SPREAD(4, 4)
        else LM_SPREAD(1, 8)
        for (int64_t r = 0, from = k; r < rows; ++r, k = from)
            for (; k < depth; ++k)
                LM_NAME(lm_spread)(
                    1, 1, n, a + r * a_down + k * a_along, a_down, a_along, b + k * b_down, b_down, c + r * c_down,
                    c_down, add || k > 0
                );
    }
#undef LM_SPREAD
}

/* Whether the lines of a left side that lies across would meet in the cache: they are copied, some rows at a time. */
static inline int LM_NAME(lm_across)(int ta, int64_t lda) { return ta && lda * (int64_t)sizeof(LM_REAL) % 2048 == 0; }

static inline int64_t LM_NAME(lm_across_rows)(int64_t depth) {
    return lm_max(LM_ACROSS_SIZE / lm_max(lm_min(depth, LM_DEPTH), 256) / 64 * 64, 64);
}

/* Elements of the room that lm_multiply works in; a copied line has some behind it, so that lines do not meet again. */
static inline int64_t LM_NAME(lm_multiply_room)(int ta, int64_t depth, int64_t lda) {
    const int64_t copied = LM_NAME(lm_across)(ta, lda) ? LM_NAME(lm_across_rows)(depth) + LM_LANES : 0;
    return lm_min(depth, LM_DEPTH) * (LM_PANEL + copied);
}

static void LM_NAME(lm_multiply)(
    int ta, int tb, int64_t m, int64_t n, int64_t depth, const LM_REAL *a, int64_t lda, const LM_REAL *b, int64_t ldb,
    int add, LM_REAL *c, int64_t ldc, LM_REAL *room
) {
    const int64_t a_down = ta ? 1 : lda, b_down = tb ? 1 : ldb, b_along = tb ? ldb : 1;
    int64_t a_along = ta ? lda : 1;
    if (m <= LM_FEW_ROWS && tb && !ta) {
        LM_NAME(lm_multiply_rows)(m, n, depth, a, lda, b, ldb, c, ldc, add);
        return;
    }
    if (m <= LM_SPREAD_ROWS && !tb && depth > 0) {
        LM_NAME(lm_multiply_columns)(m, n, depth, a, a_down, a_along, b, ldb, c, ldc, add);
        return;
    }
    const int across = LM_NAME(lm_across)(ta, lda), direct = m <= LM_DIRECT_ROWS && !tb;
    const int64_t high = across ? LM_NAME(lm_across_rows)(depth) : m, apart = high + LM_LANES;
    LM_REAL *const copied = room + lm_min(depth, LM_DEPTH) * LM_PANEL;
    for (int64_t k = 0; k == 0 || k < depth; k += LM_DEPTH)
        for (int64_t i = 0; i < m; i += high) {
            const int64_t some = lm_min(LM_DEPTH, depth - k), rows = lm_min(high, m - i);
            const LM_REAL *left = ta ? a + k * lda + i : a + i * lda + k;
            if (across) {
                for (int64_t l = 0; l < some; ++l)
                    memcpy(copied + l * apart, left + l * lda, (size_t)rows * sizeof *left);
                left = copied;
                a_along = apart;
            }
            for (int64_t j = 0; j < n; j += LM_PANEL) {
                const int64_t cols = lm_min(LM_PANEL, n - j);
                const LM_REAL *panel = b + k * b_down + j * b_along;
                int64_t down = ldb;
                if (!direct || cols < LM_PANEL) {
                    LM_NAME(lm_pack)(cols, some, panel, b_down, b_along, 1, room);
                    panel = room;
                    down = LM_PANEL;
                }
                LM_NAME(lm_one_panel)(
                    rows, cols, some, left, a_down, a_along, panel, down, c + i * ldc + j, ldc, add || k > 0
                );
            }
        }
}
