/* What recurrent layers share: a block of units, and weights turned into the blocks that products read in order. */

typedef struct {
    int64_t first, count, width; /* units first .. first + count; width is padded to whole vectors */
} LM_NAME(lm_units);

static LM_NAME(lm_units) LM_NAME(lm_units_of)(int64_t units, int64_t block) {
    const int64_t first = block * LM_UNITS, count = lm_min(LM_UNITS, units - first);
    return (LM_NAME(lm_units)){first, count, lm_up(count, LM_LANES) * LM_LANES};
}

/* Weights [gates * units, state] as blocks [state, gates * width], zero where padded. */
static void LM_NAME(lm_turn_gates)(int64_t gates, int64_t units, int64_t state, const LM_REAL *w, LM_REAL *turned) {
    for (int64_t block = 0; block < lm_blocks(units); ++block) {
        const LM_NAME(lm_units) u = LM_NAME(lm_units_of)(units, block);
        for (int64_t s = 0; s < state; ++s)
            for (int64_t gate = 0; gate < gates; ++gate, turned += u.width)
                for (int64_t j = 0; j < u.width; ++j)
                    turned[j] = j < u.count ? w[(gate * units + u.first + j) * state + s] : 0;
    }
}

/* All gates of a block for n states, into scratch of the calling thread: rows of gates * width. */
static LM_REAL *LM_NAME(lm_gate_products)(
    const lm_runtime *rt, const lm_layer *d, int64_t gates, const LM_NAME(lm_units) *u, int64_t n,
    const LM_REAL *state, const LM_REAL *turned
) {
    const int64_t across = gates * u->width;
    LM_REAL *const a = rt->scratch((size_t)(n * across) * sizeof *a);
    rt->LM_GEMM(
        0, 0, n, across, d->state, 1, state, d->state, turned + u->first * gates * d->state, across, 0, a, across
    );
    return a;
}

/* The part of a step that waits for all blocks: `back` [batch, state] becomes g w for the rows of the step before, for
 * some of its columns. */
static void LM_NAME(lm_back_product)(
    const lm_runtime *rt, const lm_layer *d, const LM_NAME(lm_units) *u, int64_t rows, const LM_REAL *g, int64_t across,
    const LM_REAL *w, LM_REAL beta, LM_REAL *back
) {
    rt->LM_GEMM(
        0, 0, rows, u->count, across, 1, g, across, w + u->first, d->state, beta, back + u->first, d->state
    );
}
