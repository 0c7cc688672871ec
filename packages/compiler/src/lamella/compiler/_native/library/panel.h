/* Products whose right side lies in panels: LM_PANEL columns of it, row after row. A tile of rows times one panel stays
 * in registers.
 */
#include "turn.h"

#ifndef LM_PANEL_VECTORS
#define LM_PANEL_VECTORS 2
#define LM_PANEL (LM_PANEL_VECTORS * LM_LANES)
#if LM_VECTOR == 64 || defined(__aarch64__)
#define LM_TILE 8 /* rows; accumulators are twice as many of 32 registers */
#else
#define LM_TILE 6 /* of 16 registers */
#endif
#endif

/* C [rows, cols] = or += A B for one tile and so many vectors of a panel of `depth` rows, `panel_down` apart. A has any
 * strides.
 */
LM_INLINE void LM_NAME(lm_tile)(
    const int rows, const int vectors, int64_t depth, const LM_REAL *a, int64_t a_down, int64_t a_along,
    const LM_REAL *panel, int64_t panel_down, LM_REAL *c, int64_t c_down, int64_t cols, int add
) {
    LM_NAME(lm_vector) sum[LM_TILE][LM_PANEL_VECTORS], side[LM_PANEL_VECTORS];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) sum[r][v] = (LM_NAME(lm_vector)){0};
    for (int64_t k = 0; k < depth; ++k, a += a_along, panel += panel_down) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) side[v] = *(const LM_NAME(lm_vector) *)(panel + v * LM_LANES);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) {
            const LM_NAME(lm_vector) x = LM_NAME(lm_splat)(a[r * a_down]);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) sum[r][v] = LM_NAME(lm_fma)(x, side[v], sum[r][v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) {
            LM_REAL *const to = c + r * c_down + v * LM_LANES;
            const int64_t left = cols - v * LM_LANES;
            if (left <= 0) continue;
            if (add) sum[r][v] += LM_NAME(lm_get)(to, left);
            LM_NAME(lm_put)(to, sum[r][v], left);
        }
}

/* C [m, cols] = or += A [m, depth] times one panel, the rows of which are `panel_down` apart. */
static void LM_NAME(lm_one_panel)(
    int64_t m, int64_t cols, int64_t depth, const LM_REAL *a, int64_t a_down, int64_t a_along,
    const LM_REAL *panel, int64_t panel_down, LM_REAL *c, int64_t c_down, int add
) {
#define LM_ROWS(rows, vectors)                                                                                       \
    LM_NAME(lm_tile)(rows, vectors, depth, a, a_down, a_along, panel, panel_down, c, c_down, cols, add)
    for (; m >= LM_TILE; m -= LM_TILE, a += LM_TILE * a_down, c += LM_TILE * c_down)
        if (cols > LM_LANES) LM_ROWS(LM_TILE, 2);
        else LM_ROWS(LM_TILE, 1);
    for (int64_t rows; m > 0; m -= rows, a += rows * a_down, c += rows * c_down) {
        rows = m >= 4 ? 4 : m >= 2 ? 2 : 1;
        if (rows == 4) LM_ROWS(4, 2);
        else if (rows == 2) LM_ROWS(2, 2);
        else LM_ROWS(1, 2);
    }
#undef LM_ROWS
}

/* C [m, n] = or += A [m, depth] B, with B in panels. */
static inline void LM_NAME(lm_panels)(
    int64_t m, int64_t n, int64_t depth, const LM_REAL *a, int64_t a_down, int64_t a_along, const LM_REAL *panels,
    LM_REAL *c, int64_t c_down, int add
) {
    for (int64_t j = 0; j < n; j += LM_PANEL, panels += depth * LM_PANEL)
        LM_NAME(lm_one_panel)(
            m, lm_min(LM_PANEL, n - j), depth, a, a_down, a_along, panels, LM_PANEL, c + j, c_down, add
        );
}

static inline int64_t LM_NAME(lm_panels_size)(int64_t n, int64_t depth) {
    return lm_up(n, LM_PANEL) * LM_PANEL * depth;
}

/* Up to LM_LANES columns [depth, cols] of a panel, zero behind them, from rows of b, `b_along` apart, times `scale`. */
static inline void LM_NAME(lm_pack_turned)(
    int64_t cols, int64_t depth, const LM_REAL *b, int64_t b_along, LM_REAL scale, LM_REAL *panel
) {
    int64_t k = 0;
    for (; cols >= LM_LANES && k + LM_LANES <= depth; k += LM_LANES) {
        LM_NAME(lm_vector) v[LM_LANES];
#pragma GCC unroll 16
        for (int l = 0; l < LM_LANES; ++l) v[l] = *(const LM_NAME(lm_vector) *)(b + l * b_along + k) * scale;
        LM_NAME(lm_turn)(v);
#pragma GCC unroll 16
        for (int l = 0; l < LM_LANES; ++l) *(LM_NAME(lm_vector) *)(panel + (k + l) * LM_PANEL) = v[l];
    }
    for (; k < depth; ++k) {
        for (int64_t l = 0; l < lm_min(cols, LM_LANES); ++l) panel[k * LM_PANEL + l] = b[l * b_along + k] * scale;
        for (int64_t l = lm_max(cols, 0); l < LM_LANES; ++l) panel[k * LM_PANEL + l] = 0;
    }
}

/* B [depth, n] times `scale` as panels, zero behind its columns; B has any strides. */
static inline void LM_NAME(lm_pack)(
    int64_t n, int64_t depth, const LM_REAL *b, int64_t b_down, int64_t b_along, LM_REAL scale, LM_REAL *panels
) {
    for (int64_t j = 0; j < n; j += LM_PANEL, b += LM_PANEL * b_along, panels += depth * LM_PANEL) {
        const int64_t cols = lm_min(LM_PANEL, n - j);
        if (b_down == 1) {
            LM_NAME(lm_pack_turned)(cols, depth, b, b_along, scale, panels);
            LM_NAME(lm_pack_turned)(
                cols - LM_LANES, depth, b + LM_LANES * b_along, b_along, scale, panels + LM_LANES
            );
            continue;
        }
        LM_REAL *to = panels;
        for (int64_t k = 0; k < depth; ++k, to += LM_PANEL) {
            const LM_REAL *const row = b + k * b_down;
            if (b_along == 1 && cols == LM_PANEL) {
                *(LM_NAME(lm_vector) *)to = *(const LM_NAME(lm_vector) *)row * scale;
                *(LM_NAME(lm_vector) *)(to + LM_LANES) = *(const LM_NAME(lm_vector) *)(row + LM_LANES) * scale;
                continue;
            }
            for (int64_t l = 0; l < cols; ++l) to[l] = row[l * b_along] * scale;
            for (int64_t l = cols; l < LM_PANEL; ++l) to[l] = 0;
        }
    }
}
