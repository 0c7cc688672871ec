/* Vectors at the end of a row, of which only `count` elements exist: the others are zero, and are not written. */

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
