/* Products of small matrices whose right side lies in panels: LM_PANEL columns of it, row after row. A tile of rows times
 * one panel stays in registers. For operands that a step makes anew, where a BLAS would pack them once more.
 */
#ifndef LM_PANEL_VECTORS
#define LM_PANEL_VECTORS 2
#define LM_PANEL (LM_PANEL_VECTORS * LM_LANES)
#define LM_TILE (LM_VECTOR == 64 ? 8 : 4) /* rows; accumulators are twice as many registers */
#define LM_INLINE static inline __attribute__((always_inline))
#endif

/* C [rows, cols] = or += A B for one tile and one panel of `depth` rows. A has any strides. */
LM_INLINE void LM_NAME(lm_tile)(
    const int rows, int64_t depth, const LM_REAL *a, int64_t a_down, int64_t a_along, const LM_REAL *panel, LM_REAL *c,
    int64_t c_down, int64_t cols, int add
) {
    LM_NAME(lm_vector) sum[8][LM_PANEL_VECTORS];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < LM_PANEL_VECTORS; ++v) sum[r][v] = (LM_NAME(lm_vector)){0};
    for (int64_t k = 0; k < depth; ++k, a += a_along, panel += LM_PANEL) {
        const LM_NAME(lm_vector) first = *(const LM_NAME(lm_vector) *)panel;
        const LM_NAME(lm_vector) second = *(const LM_NAME(lm_vector) *)(panel + LM_LANES);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) {
            const LM_NAME(lm_vector) x = LM_NAME(lm_splat)(a[r * a_down]);
            sum[r][0] = LM_NAME(lm_fma)(x, first, sum[r][0]);
            sum[r][1] = LM_NAME(lm_fma)(x, second, sum[r][1]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < LM_PANEL_VECTORS; ++v) {
            LM_REAL *const to = c + r * c_down + v * LM_LANES;
            const int64_t left = cols - v * LM_LANES;
            if (left <= 0) continue;
            if (add) sum[r][v] += LM_NAME(lm_get)(to, left);
            LM_NAME(lm_put)(to, sum[r][v], left);
        }
}

/* C [m, n] = or += A [m, depth] B, with B in panels. */
static void LM_NAME(lm_panels)(
    int64_t m, int64_t n, int64_t depth, const LM_REAL *a, int64_t a_down, int64_t a_along, const LM_REAL *panels,
    LM_REAL *c, int64_t c_down, int add
) {
    for (int64_t j = 0; j < n; j += LM_PANEL, panels += depth * LM_PANEL) {
        const int64_t cols = lm_min(LM_PANEL, n - j);
        int64_t i = 0;
        for (; i + LM_TILE <= m; i += LM_TILE)
            LM_NAME(lm_tile)(
                LM_TILE, depth, a + i * a_down, a_down, a_along, panels, c + i * c_down + j, c_down, cols, add
            );
        for (; i < m; ++i)
            LM_NAME(lm_tile)(1, depth, a + i * a_down, a_down, a_along, panels, c + i * c_down + j, c_down, cols, add);
    }
}

static inline int64_t LM_NAME(lm_panels_size)(int64_t n, int64_t depth) {
    return lm_up(n, LM_PANEL) * LM_PANEL * depth;
}

/* B [depth, n] times `scale` as panels, zero behind its columns; B has any strides. */
static void LM_NAME(lm_pack)(
    int64_t n, int64_t depth, const LM_REAL *b, int64_t b_down, int64_t b_along, LM_REAL scale, LM_REAL *panels
) {
    for (int64_t j = 0; j < n; j += LM_PANEL)
        for (int64_t k = 0; k < depth; ++k, panels += LM_PANEL) {
            const LM_REAL *const row = b + k * b_down + j * b_along;
            const int64_t cols = lm_min(LM_PANEL, n - j);
            if (b_along == 1 && cols == LM_PANEL) {
                *(LM_NAME(lm_vector) *)panels = *(const LM_NAME(lm_vector) *)row * scale;
                *(LM_NAME(lm_vector) *)(panels + LM_LANES) = *(const LM_NAME(lm_vector) *)(row + LM_LANES) * scale;
                continue;
            }
            for (int64_t l = 0; l < cols; ++l) panels[l] = row[l * b_along] * scale;
            for (int64_t l = cols; l < LM_PANEL; ++l) panels[l] = 0;
        }
}
