/* Attention and its gradients, head by head: the scores of some rows at a time, whole rows of them, in the cache.
 *
 * What a causal row may not see is not computed, but for the panel it ends in. Forward keeps the logarithm of the sum of
 * a row, from which backward makes the weights again. A head is worked on by one thread in backward, ranges of its rows
 * by several in forward: nothing depends on their number.
 */
#ifndef LM_SCORES_BYTES
#define LM_SCORES_BYTES (1 << 17) /* of a block of rows */
#define LM_RANGE 256              /* rows of a chunk in forward: the keys are packed anew for each */
enum { LM_NO_MASK, LM_BOOL_MASK, LM_ADDED_MASK };

/* The sizes of one call. Operands have a step a row, and steps for the batch dims behind: rank times (extent, a step for
 * each operand), in the order q, k, v, mask, go, gl, o, lse. */
typedef struct {
    int64_t rows, keys, width, out_width, causal, mask, rank;
    double scale;
    int64_t down[8], batch[];
} lm_attention_dims;
enum { LM_Q, LM_K, LM_V, LM_MASK, LM_GO, LM_GL, LM_O, LM_LSE, LM_OPERANDS };

static inline int64_t lm_heads(const lm_attention_dims *d) {
    int64_t heads = 1;
    for (int64_t r = 0; r < d->rank; ++r) heads *= d->batch[r * (1 + LM_OPERANDS)];
    return heads;
}

/* Where a head begins in an operand. */
static inline int64_t lm_head_at(const lm_attention_dims *d, int64_t head, int operand) {
    int64_t at = 0;
    for (int64_t r = d->rank - 1; r >= 0; --r) {
        const int64_t *const dim = d->batch + r * (1 + LM_OPERANDS);
        at += head % dim[0] * dim[1 + operand];
        head /= dim[0];
    }
    return at;
}

/* How many keys a row may see. */
static inline int64_t lm_seen(const lm_attention_dims *d, int64_t row) {
    return d->causal ? lm_min(d->keys, row + 1) : d->keys;
}
#endif

typedef struct {
    lm_call call;
    const lm_runtime *rt;
    const lm_attention_dims *d;
    const LM_REAL *operand[LM_OPERANDS];
    const uint8_t *allowed; /* a mask of truth values */
    LM_REAL *o, *lse, *gq, *gk, *gv;
    int64_t block, ranges; /* rows at a time; chunks of a head */
} LM_NAME(lm_attention_job);

/* An operand of a head from a row on. */
static const LM_REAL *LM_NAME(lm_head)(const LM_NAME(lm_attention_job) *job, int64_t head, int operand, int64_t row) {
    return job->operand[operand] + lm_head_at(job->d, head, operand) + row * job->d->down[operand];
}

static int64_t LM_NAME(lm_score_row)(const lm_attention_dims *d) { return lm_up(d->keys, LM_PANEL) * LM_PANEL; }

static void LM_NAME(lm_attention_begin)(LM_NAME(lm_attention_job) *job, char *const *data, const int *places) {
    for (int k = 0; k < LM_OPERANDS; ++k) job->operand[k] = places[k] < 0 ? 0 : (const LM_REAL *)data[places[k]];
    job->allowed = job->d->mask == LM_BOOL_MASK ? (const uint8_t *)data[places[LM_MASK]] : 0;
    const int64_t bytes = lm_max(LM_NAME(lm_score_row)(job->d), 1) * (int64_t)sizeof(LM_REAL);
    job->block = lm_max(lm_min(LM_SCORES_BYTES / bytes, 32), LM_TILE);
}

/* The masked scores of rows from `row` on, -inf up to the end of the last panel. */
static void LM_NAME(lm_scores)(
    const LM_NAME(lm_attention_job) *job, int64_t head, int64_t row, int64_t rows, const LM_REAL *keys, LM_REAL *s
) {
    const lm_attention_dims *const d = job->d;
    const int64_t across = LM_NAME(lm_score_row)(d), cols = lm_up(lm_seen(d, row + rows - 1), LM_PANEL) * LM_PANEL;
    LM_NAME(lm_panels)(rows, cols, d->width, LM_NAME(lm_head)(job, head, LM_Q, row), d->down[LM_Q], 1, keys, s, across, 0);
    for (int64_t r = 0; r < rows; ++r, s += across) {
        const int64_t seen = lm_seen(d, row + r);
        if (d->mask == LM_ADDED_MASK) LM_NAME(lm_add)(s, LM_NAME(lm_head)(job, head, LM_MASK, row + r), seen);
        if (job->allowed) {
            const uint8_t *const allowed =
                job->allowed + lm_head_at(d, head, LM_MASK) + (row + r) * d->down[LM_MASK];
            for (int64_t j = 0; j < seen; ++j)
                if (!allowed[j]) s[j] = (LM_REAL)-INFINITY;
        }
        for (int64_t j = seen; j < cols; ++j) s[j] = (LM_REAL)-INFINITY;
    }
}

/* ---- forward ------------------------------------------------------------------------------------------------- */

/* exp(s - largest) in place over whole panels; their sum and the largest, 0 where a row sees nothing. */
static LM_REAL LM_NAME(lm_weigh)(LM_REAL *s, int64_t cols, LM_REAL *largest) {
    LM_NAME(lm_vector) most = LM_NAME(lm_splat)((LM_REAL)-INFINITY), sum = {0};
    for (int64_t j = 0; j < cols; j += LM_LANES) most = LM_NAME(lm_max)(most, *(LM_NAME(lm_vector) *)(s + j));
    LM_REAL top = LM_NAME(lm_hmax)(most);
    if (top == (LM_REAL)-INFINITY) top = 0;
    for (int64_t j = 0; j < cols; j += LM_LANES) {
        LM_NAME(lm_vector) *const at = (LM_NAME(lm_vector) *)(s + j);
        *at = LM_NAME(lm_exp)(*at - top);
        sum += *at;
    }
    *largest = top;
    return LM_NAME(lm_hsum)(sum);
}

/* A range of the rows of a head. */
static void LM_NAME(lm_attention_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_attention_job) *const job = (const LM_NAME(lm_attention_job) *)call;
    const lm_attention_dims *const d = job->d;
    const int64_t head = chunk / job->ranges, first = chunk % job->ranges * LM_RANGE;
    const int64_t last = lm_min(first + LM_RANGE, d->rows), keys = lm_seen(d, last - 1);
    const int64_t across = LM_NAME(lm_score_row)(d), size = LM_NAME(lm_panels_size)(keys, d->width);
    const int64_t values_size = LM_NAME(lm_panels_size)(d->out_width, keys);
    LM_REAL *const packed = job->rt->scratch((size_t)(size + values_size + job->block * across) * sizeof *packed);
    LM_REAL *const values = packed + size, *const s = values + values_size;
    LM_NAME(lm_pack)(
        keys, d->width, LM_NAME(lm_head)(job, head, LM_K, 0), 1, d->down[LM_K], (LM_REAL)d->scale, packed
    );
    LM_NAME(lm_pack)(d->out_width, keys, LM_NAME(lm_head)(job, head, LM_V, 0), d->down[LM_V], 1, 1, values);
    for (int64_t row = first; row < last; row += job->block) {
        const int64_t rows = lm_min(job->block, last - row), seen = lm_seen(d, row + rows - 1);
        LM_REAL *const o = job->o + (head * d->rows + row) * d->out_width, *const lse = job->lse + head * d->rows + row;
        LM_REAL share[32];
        LM_NAME(lm_scores)(job, head, row, rows, packed, s);
        for (int64_t r = 0; r < rows; ++r) {
            LM_REAL top;
            const LM_REAL sum =
                LM_NAME(lm_weigh)(s + r * across, lm_up(seen, LM_PANEL) * LM_PANEL, &top);
            lse[r] = LM_NAME(lm_log)(sum) + top;
            share[r] = sum == 0 ? 1 : 1 / sum;
        }
        for (int64_t j = 0; j < d->out_width; j += LM_PANEL)
            LM_NAME(lm_panels)(
                rows, lm_min(LM_PANEL, d->out_width - j), seen, s, across, 1, values + j * keys, o + j, d->out_width, 0
            );
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t j = 0; j < d->out_width; ++j) o[r * d->out_width + j] *= share[r];
    }
}

/* q, k, v, mask or none, none, none -> o, lse */
static int64_t LM_NAME(lm_attention)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    static const int places[LM_OPERANDS] = {0, 1, 2, 3, -1, -1, -1, -1};
    const lm_attention_dims *const d = (const lm_attention_dims *)dims;
    LM_NAME(lm_attention_job) job = {
        .rt = rt, .d = d, .o = (LM_REAL *)data[6], .lse = (LM_REAL *)data[7], .ranges = lm_up(d->rows, LM_RANGE),
    };
    LM_NAME(lm_attention_begin)(&job, data, places);
    if (d->keys) {
        rt->parallel_for(LM_NAME(lm_attention_chunk), &job.call, lm_heads(d) * job.ranges);
        return 0;
    }
    memset(job.o, 0, (size_t)(lm_heads(d) * d->rows * d->out_width) * sizeof *job.o);
    for (int64_t k = 0; k < lm_heads(d) * d->rows; ++k) job.lse[k] = (LM_REAL)-INFINITY;
    return 0;
}

/* ---- backward ------------------------------------------------------------------------------------------------ */

/* In place: the weights of a row from its scores, and the cotangents of the scores from those of the weights. */
static void LM_NAME(lm_slope)(LM_REAL *s, LM_REAL *g, int64_t cols, LM_REAL lse, LM_REAL level) {
    if (lse == (LM_REAL)-INFINITY) lse = (LM_REAL)INFINITY; /* a row that sees nothing has no weight anywhere */
    for (int64_t j = 0; j < cols; j += LM_LANES) {
        LM_NAME(lm_vector) *const weight = (LM_NAME(lm_vector) *)(s + j), *const at = (LM_NAME(lm_vector) *)(g + j);
        *weight = LM_NAME(lm_exp)(*weight - lse);
        *at = (*at - level) * *weight;
    }
}

/* How far the cotangent of a weight must lie above to count: the mean of its row, less the cotangent of lse. */
static LM_REAL LM_NAME(lm_level)(const LM_NAME(lm_attention_job) *job, int64_t head, int64_t row) {
    const LM_REAL *const go = LM_NAME(lm_head)(job, head, LM_GO, row), *const o = LM_NAME(lm_head)(job, head, LM_O, row);
    LM_NAME(lm_vector) sum = {0};
    for (int64_t j = 0; j < job->d->out_width; j += LM_LANES)
        sum += LM_NAME(lm_get)(go + j, job->d->out_width - j) * LM_NAME(lm_get)(o + j, job->d->out_width - j);
    return LM_NAME(lm_hsum)(sum) - (job->operand[LM_GL] ? *LM_NAME(lm_head)(job, head, LM_GL, row) : 0);
}

/* Memory of a head in backward: packed operands, scores of a block and their cotangents. */
typedef struct {
    LM_REAL *keys, *keys_down, *values, *queries, *outs, *s, *g;
} LM_NAME(lm_head_room);

static LM_NAME(lm_head_room) LM_NAME(lm_head_room_of)(const LM_NAME(lm_attention_job) *job) {
    const lm_attention_dims *const d = job->d;
    const int64_t scores = job->block * LM_NAME(lm_score_row)(d);
    const int64_t sizes[7] = {
        LM_NAME(lm_panels_size)(d->keys, d->width), LM_NAME(lm_panels_size)(d->width, d->keys),
        LM_NAME(lm_panels_size)(d->keys, d->out_width), LM_NAME(lm_panels_size)(d->width, job->block),
        LM_NAME(lm_panels_size)(d->out_width, job->block), scores, scores,
    };
    int64_t total = 0;
    for (int k = 0; k < 7; ++k) total += sizes[k];
    LM_REAL *at = job->rt->scratch((size_t)total * sizeof *at), *parts[7];
    for (int k = 0; k < 7; at += sizes[k++]) parts[k] = at;
    return (LM_NAME(lm_head_room)){parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]};
}

/* Some rows of a head: their own gradient, and what they add to those of the keys and values. */
static void LM_NAME(lm_attention_back_rows)(
    const LM_NAME(lm_attention_job) *job, int64_t head, int64_t row, int64_t rows, const LM_NAME(lm_head_room) *room
) {
    const lm_attention_dims *const d = job->d;
    const int64_t across = LM_NAME(lm_score_row)(d), seen = lm_seen(d, row + rows - 1), width = d->width;
    const int64_t cols = lm_up(seen, LM_PANEL) * LM_PANEL, out_width = d->out_width;
    const LM_REAL *const go = LM_NAME(lm_head)(job, head, LM_GO, row);
    LM_NAME(lm_scores)(job, head, row, rows, room->keys, room->s);
    LM_NAME(lm_panels)(rows, cols, out_width, go, d->down[LM_GO], 1, room->values, room->g, across, 0);
    for (int64_t r = 0; r < rows; ++r)
        LM_NAME(lm_slope)(
            room->s + r * across, room->g + r * across, cols, *LM_NAME(lm_head)(job, head, LM_LSE, row + r),
            LM_NAME(lm_level)(job, head, row + r)
        );
    LM_REAL *const gq = job->gq + (head * d->rows + row) * width;
    for (int64_t j = 0; j < width; j += LM_PANEL)
        LM_NAME(lm_panels)(
            rows, lm_min(LM_PANEL, width - j), seen, room->g, across, 1, room->keys_down + j * d->keys, gq + j, width, 0
        );
    LM_NAME(lm_pack)(
        width, rows, LM_NAME(lm_head)(job, head, LM_Q, row), d->down[LM_Q], 1, (LM_REAL)d->scale, room->queries
    );
    LM_NAME(lm_pack)(out_width, rows, go, d->down[LM_GO], 1, 1, room->outs);
    LM_NAME(lm_panels)(
        seen, width, rows, room->g, 1, across, room->queries, job->gk + head * d->keys * width, width, 1
    );
    LM_NAME(lm_panels)(
        seen, out_width, rows, room->s, 1, across, room->outs, job->gv + head * d->keys * out_width, out_width, 1
    );
}

static void LM_NAME(lm_attention_back_chunk)(const lm_call *call, int64_t head) {
    const LM_NAME(lm_attention_job) *const job = (const LM_NAME(lm_attention_job) *)call;
    const lm_attention_dims *const d = job->d;
    const LM_NAME(lm_head_room) room = LM_NAME(lm_head_room_of)(job);
    const LM_REAL *const k = LM_NAME(lm_head)(job, head, LM_K, 0), *const v = LM_NAME(lm_head)(job, head, LM_V, 0);
    const LM_REAL scale = (LM_REAL)d->scale;
    LM_NAME(lm_pack)(d->keys, d->width, k, 1, d->down[LM_K], scale, room.keys);
    LM_NAME(lm_pack)(d->width, d->keys, k, d->down[LM_K], 1, scale, room.keys_down);
    LM_NAME(lm_pack)(d->keys, d->out_width, v, 1, d->down[LM_V], 1, room.values);
    memset(job->gk + head * d->keys * d->width, 0, (size_t)(d->keys * d->width) * sizeof *job->gk);
    memset(job->gv + head * d->keys * d->out_width, 0, (size_t)(d->keys * d->out_width) * sizeof *job->gv);
    for (int64_t row = 0; row < d->rows; row += job->block)
        LM_NAME(lm_attention_back_rows)(job, head, row, lm_min(job->block, d->rows - row), &room);
}

/* go, gl or none, q, k, v, mask or none, none, none, o, lse -> the cotangents of q, k, v */
static int64_t LM_NAME(lm_attention_grad)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    static const int places[LM_OPERANDS] = {2, 3, 4, 5, 0, 1, 8, 9};
    const lm_attention_dims *const d = (const lm_attention_dims *)dims;
    LM_NAME(lm_attention_job) job = {
        .rt = rt, .d = d, .gq = (LM_REAL *)data[10], .gk = (LM_REAL *)data[11], .gv = (LM_REAL *)data[12],
    };
    LM_NAME(lm_attention_begin)(&job, data, places);
    if (d->keys) rt->parallel_for(LM_NAME(lm_attention_back_chunk), &job.call, lm_heads(d));
    else memset(job.gq, 0, (size_t)(lm_heads(d) * d->rows * d->width) * sizeof *job.gq);
    return 0;
}
