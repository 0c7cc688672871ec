/* Squares of vectors: their rows become their columns, or are summed up all at once. */
#define LM_LOW(lane, step) ((lane) & (step) ? LM_LANES + (lane) - (step) : (lane))
#define LM_HIGH(lane, step) ((lane) & (step) ? LM_LANES + (lane) : (lane) + (step))
#define LM_LOWS(step) ((LM_NAME(lm_mask)){LM_EACH_LANE(LM_LOW, step)})
#define LM_HIGHS(step) ((LM_NAME(lm_mask)){LM_EACH_LANE(LM_HIGH, step)})

LM_INLINE void LM_NAME(lm_turn_step)(
    LM_NAME(lm_vector) *v, const int step, const LM_NAME(lm_mask) low, const LM_NAME(lm_mask) high
) {
#pragma GCC unroll 16
    for (int i = 0; i < LM_LANES; ++i) {
        if (i & step) continue;
        const LM_NAME(lm_vector) a = v[i], b = v[i + step];
        v[i] = LM_PICK(a, b, low);
        v[i + step] = LM_PICK(a, b, high);
    }
}

static inline void LM_NAME(lm_turn)(LM_NAME(lm_vector) v[LM_LANES]) {
#if LM_COUNT > 8
    LM_NAME(lm_turn_step)(v, 8, LM_LOWS(8), LM_HIGHS(8));
#endif
#if LM_COUNT > 4
    LM_NAME(lm_turn_step)(v, 4, LM_LOWS(4), LM_HIGHS(4));
#endif
#if LM_COUNT > 2
    LM_NAME(lm_turn_step)(v, 2, LM_LOWS(2), LM_HIGHS(2));
#endif
    LM_NAME(lm_turn_step)(v, 1, LM_LOWS(1), LM_HIGHS(1));
}

/* Halve the number of vectors: each sum keeps half the lanes it had. */
LM_INLINE void LM_NAME(lm_sum_step)(
    LM_NAME(lm_vector) *v, const int count, const LM_NAME(lm_mask) low, const LM_NAME(lm_mask) high
) {
#pragma GCC unroll 8
    for (int i = 0; i < count / 2; ++i)
        v[i] = LM_PICK(v[2 * i], v[2 * i + 1], low) + LM_PICK(v[2 * i], v[2 * i + 1], high);
}

/* The sums over the lanes of LM_SUMS vectors. */
LM_INLINE void LM_NAME(lm_sums)(LM_NAME(lm_vector) v[LM_SUMS], LM_REAL *sums) {
#if LM_COUNT == 16
    LM_NAME(lm_sum_step)(v, 8, LM_LOWS(8), LM_HIGHS(8));
    LM_NAME(lm_sum_step)(v, 4, LM_LOWS(4), LM_HIGHS(4));
    LM_NAME(lm_sum_step)(v, 2, LM_LOWS(2), LM_HIGHS(2));
    const LM_NAME(lm_mask) first = {0, 8, 4, 12, 2, 10, 6, 14, 0, 8, 4, 12, 2, 10, 6, 14};
    v[0] = LM_PICK(v[0], v[0], first) + LM_PICK(v[0], v[0], first + 1);
    memcpy(sums, v, 8 * sizeof *sums);
#elif LM_COUNT == 8
    LM_NAME(lm_sum_step)(v, 8, LM_LOWS(4), LM_HIGHS(4));
    LM_NAME(lm_sum_step)(v, 4, LM_LOWS(2), LM_HIGHS(2));
    LM_NAME(lm_sum_step)(v, 2, LM_LOWS(1), LM_HIGHS(1));
    v[0] = LM_PICK(v[0], v[0], ((LM_NAME(lm_mask)){0, 4, 2, 6, 1, 5, 3, 7}));
    memcpy(sums, v, 8 * sizeof *sums);
#else
#pragma GCC unroll 4
    for (int i = 0; i < LM_SUMS; ++i) sums[i] = LM_NAME(lm_hsum)(v[i]);
#endif
}
#undef LM_LOWS
#undef LM_HIGHS
#undef LM_LOW
#undef LM_HIGH
