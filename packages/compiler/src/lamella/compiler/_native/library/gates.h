/* What recurrent layers share: a block of units, and weights turned into the blocks that products read in order. */

typedef struct {
    int64_t first, count, width; /* units first .. first + count; width is padded to whole vectors */
} LM_NAME(lm_units);

static LM_NAME(lm_units) LM_NAME(lm_units_of)(int64_t units, int64_t block) {
    const int64_t first = block * LM_UNITS, count = lm_min(LM_UNITS, units - first);
    return (LM_NAME(lm_units)){first, count, lm_up(count, LM_LANES) * LM_LANES};
}

/* The product with the weights is the same at every step, so they are packed into panels once. Forward: a block has the
 * columns of its gates side by side, each padded to whole vectors. Backward: columns of the state, in blocks. */

static int64_t LM_NAME(lm_packed_gates)(int64_t gates, const LM_NAME(lm_units) *u, int64_t state) {
    return LM_NAME(lm_panels_size)(gates * u->width, state);
}

/* Weights [gates * units, state]: block after block [state, gates * width], zero where padded. */
static void LM_NAME(lm_pack_gates)(int64_t gates, int64_t units, int64_t state, const LM_REAL *w, LM_REAL *packed) {
    for (int64_t block = 0; block < lm_blocks(units); ++block) {
        const LM_NAME(lm_units) u = LM_NAME(lm_units_of)(units, block);
        const int64_t size = LM_NAME(lm_packed_gates)(gates, &u, state);
        for (int64_t column = 0; column < size / lm_max(state, 1); column += LM_LANES) {
            const int64_t gate = lm_min(column / u.width, gates - 1), j = column - gate * u.width;
            LM_NAME(lm_pack_turned)(
                u.count - j, state, w + (gate * units + u.first + lm_min(j, u.count)) * state, state, 1,
                packed + column / LM_PANEL * LM_PANEL * state + column % LM_PANEL
            );
        }
        packed += size;
    }
}

/* All gates of a block for n states, into scratch of the calling thread: rows of gates * width. */
static LM_REAL *LM_NAME(lm_gate_products)(
    const lm_runtime *rt, const lm_layer *d, int64_t gates, int64_t block, int64_t n, const LM_REAL *state,
    const LM_REAL *packed
) {
    const LM_NAME(lm_units) first = LM_NAME(lm_units_of)(d->units, 0), u = LM_NAME(lm_units_of)(d->units, block);
    const int64_t across = gates * u.width;
    LM_REAL *const a = rt->scratch((size_t)(n * across) * sizeof *a);
    packed += block * LM_NAME(lm_packed_gates)(gates, &first, d->state);
    LM_NAME(lm_panels)(n, across, d->state, state, d->state, 1, packed, a, across, 0);
    return a;
}

/* Weights [across, state] in blocks of columns. */
static void LM_NAME(lm_pack_columns)(int64_t across, int64_t state, const LM_REAL *w, LM_REAL *packed) {
    for (int64_t block = 0; block < lm_blocks(state); ++block) {
        const LM_NAME(lm_units) u = LM_NAME(lm_units_of)(state, block);
        LM_NAME(lm_pack)(u.count, across, w + u.first, state, 1, 1, packed);
        packed += LM_NAME(lm_panels_size)(u.count, across);
    }
}

/* The part of a step that waits for all blocks: g [rows, depth] times the weights, for a block of the state's columns,
 * into or added to `back`. */
static void LM_NAME(lm_back_product)(
    const lm_layer *d, int64_t block, int64_t rows, const LM_REAL *g, int64_t down, int64_t depth,
    const LM_REAL *packed, int add, LM_REAL *back
) {
    const LM_NAME(lm_units) u = LM_NAME(lm_units_of)(d->state, block);
    packed += block * LM_NAME(lm_panels_size)(lm_min(LM_UNITS, d->state), depth);
    LM_NAME(lm_panels)(rows, u.count, depth, g, down, 1, packed, back + u.first, d->state, add);
}
