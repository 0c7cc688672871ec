/* Vectors at the end of a row, of which only `count` elements exist (the others are zero, and are not written), and
 * lanes of two vectors by their numbers.
 */
#ifndef LM_PICK
#ifdef __clang__
#define LM_PICK(a, b, at) LM_NAME(lm_pick)(a, b, at)
#else
#define LM_PICK(a, b, at) __builtin_shuffle(a, b, at)
#endif
#endif
#ifdef __clang__
static inline __attribute__((always_inline)) LM_NAME(lm_vector) LM_NAME(lm_pick)(
    LM_NAME(lm_vector) a, LM_NAME(lm_vector) b, LM_NAME(lm_mask) at
) {
    LM_NAME(lm_vector) picked;
#pragma unroll
    for (int l = 0; l < LM_LANES; ++l) picked[l] = at[l] < LM_LANES ? a[at[l]] : b[at[l] - LM_LANES];
    return picked;
}
#endif

static inline LM_NAME(lm_vector) LM_NAME(lm_get)(const LM_REAL *from, int64_t count) {
    if (count >= LM_LANES) return *(const LM_NAME(lm_vector) *)from;
    LM_NAME(lm_vector) v = {0};
    memcpy(&v, from, (size_t)count * sizeof *from);
    return v;
}

static inline void LM_NAME(lm_put)(LM_REAL *to, LM_NAME(lm_vector) v, int64_t count) {
    if (count >= LM_LANES) *(LM_NAME(lm_vector) *)to = v;
    else memcpy(to, &v, (size_t)count * sizeof *to);
}

static inline void LM_NAME(lm_add)(LM_REAL *to, const LM_REAL *from, int64_t count) {
    for (int64_t j = 0; j < count; j += LM_LANES)
        LM_NAME(lm_put)(to + j, LM_NAME(lm_get)(to + j, count - j) + LM_NAME(lm_get)(from + j, count - j), count - j);
}
