/* An LSTM layer over all its steps, and the cotangents of its gates i, f, g, o, which lie side by side in a row. */

typedef struct {
    lm_call call;
    const lm_runtime *rt;
    const lm_layer *d;
    lm_moment m, e;
    const LM_REAL *x, *w, *w_out, *first_cell, *old_cells, *old_gates, *gy, *gc, *gg;
    LM_REAL *y, *cells, *gates, *packed, *now, *next, *cell, *passed;
    LM_REAL *g, *gh, *back, *back_cell;
} LM_NAME(lm_lstm_job);

/* ---- forward ------------------------------------------------------------------------------------------------- */

/* The gates of a block, its cells, and what leaves them: the output, or what the output weights see. */
static void LM_NAME(lm_lstm_chunk)(const lm_call *call, int64_t block) {
    const LM_NAME(lm_lstm_job) *const job = (const LM_NAME(lm_lstm_job) *)call;
    const int64_t k = job->d->units, n = job->m.n;
    const LM_NAME(lm_units) u = LM_NAME(lm_units_of)(k, block);
    const LM_REAL *a = LM_NAME(lm_gate_products)(job->rt, job->d, 4, block, n, job->now, job->packed);
    for (int64_t r = 0; r < n; ++r, a += 4 * u.width)
        for (int64_t j = 0; j < u.count; j += LM_LANES) {
            const int64_t left = u.count - j, row = job->m.at + r, at = u.first + j;
            const LM_REAL *const x = job->x + row * 4 * k + at;
            LM_REAL *const gates = job->gates + row * 4 * k + at;
            LM_NAME(lm_vector) v[4];
            for (int gate = 0; gate < 4; ++gate) {
                v[gate] = *(const LM_NAME(lm_vector) *)(a + gate * u.width + j) + LM_NAME(lm_get)(x + gate * k, left);
                v[gate] = gate == 2 ? LM_NAME(lm_tanh)(v[gate]) : LM_NAME(lm_sigmoid)(v[gate]);
                LM_NAME(lm_put)(gates + gate * k, v[gate], left);
            }
            const LM_NAME(lm_vector) cell = v[1] * LM_NAME(lm_get)(job->cell + r * k + at, left) + v[0] * v[2];
            const LM_NAME(lm_vector) out = v[3] * LM_NAME(lm_tanh)(cell);
            LM_NAME(lm_put)(job->cell + r * k + at, cell, left);
            LM_NAME(lm_put)(job->cells + row * k + at, cell, left);
            if (job->w_out) {
                LM_NAME(lm_put)(job->passed + r * k + at, out, left);
                continue;
            }
            LM_NAME(lm_put)(job->y + row * k + at, out, left);
            LM_NAME(lm_put)(job->next + r * k + at, out, left);
        }
}

/* The outputs of a block through the output weights. */
static void LM_NAME(lm_lstm_out_chunk)(const lm_call *call, int64_t block) {
    const LM_NAME(lm_lstm_job) *const job = (const LM_NAME(lm_lstm_job) *)call;
    const int64_t k = job->d->units, state = job->d->state;
    const LM_NAME(lm_units) u = LM_NAME(lm_units_of)(state, block);
    LM_REAL *const y = job->y + job->m.at * state + u.first;
    job->rt->LM_GEMM(0, 1, job->m.n, u.count, k, 1, job->passed, k, job->w_out + u.first * k, k, 0, y, state);
    for (int64_t r = 0; r < job->m.n; ++r)
        memcpy(job->next + r * state + u.first, y + r * state, (size_t)u.count * sizeof *y);
}

/* x, h, c, w, w_out or none -> y, cells, gates; room for the packed weights, two states, the cells, and with output
 * weights for what they see */
static int64_t LM_NAME(lm_lstm_layer)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    const lm_layer *const d = (const lm_layer *)dims;
    LM_REAL *const room = (LM_REAL *)data[8];
    const int64_t states = d->batch * d->state, cells = d->batch * d->units;
    LM_NAME(lm_lstm_job) job = {
        .rt = rt, .d = d, .m = lm_walk_begin(d, (int)d->reverse), .x = (const LM_REAL *)data[0],
        .w = (const LM_REAL *)data[3], .w_out = (const LM_REAL *)data[4], .y = (LM_REAL *)data[5],
        .cells = (LM_REAL *)data[6], .gates = (LM_REAL *)data[7], .now = room, .next = room + states,
        .cell = room + 2 * states, .passed = room + 2 * states + cells,
    };
    job.packed = job.passed + (job.w_out ? cells : 0);
    memcpy(job.now, data[1], (size_t)states * sizeof *room); /* in both: sequences may begin at any step */
    memcpy(job.next, data[1], (size_t)states * sizeof *room);
    memcpy(job.cell, data[2], (size_t)cells * sizeof *room);
    LM_NAME(lm_pack_gates)(4, d->units, d->state, job.w, job.packed);
    while (lm_walk_next(d, (int)d->reverse, &job.m)) {
        rt->parallel_for(LM_NAME(lm_lstm_chunk), &job.call, lm_blocks(d->units));
        if (job.w_out) rt->parallel_for(LM_NAME(lm_lstm_out_chunk), &job.call, lm_blocks(d->state));
        LM_REAL *const now = job.now;
        job.now = job.next;
        job.next = now;
    }
    return 0;
}

/* ---- backward ------------------------------------------------------------------------------------------------ */

/* The cotangent of the outputs of a block, with what the step after it adds. */
static void LM_NAME(lm_lstm_back_chunk)(const lm_call *call, int64_t block) {
    const LM_NAME(lm_lstm_job) *const job = (const LM_NAME(lm_lstm_job) *)call;
    const int64_t state = job->d->state, across = 4 * job->d->units;
    const LM_NAME(lm_units) u = LM_NAME(lm_units_of)(state, block);
    if (job->m.had)
        LM_NAME(lm_back_product)(
            job->d, block, job->m.had, job->g + job->m.before * across, across, across, job->packed, 0, job->back
        );
    for (int64_t r = 0; r < job->m.n; ++r) {
        const int64_t row = (job->m.at + r) * state + u.first;
        memcpy(job->gh + row, job->gy + row, (size_t)u.count * sizeof *job->gh);
        LM_NAME(lm_add)(job->gh + row, job->back + r * state + u.first, u.count);
    }
}

/* The cotangents of the gates of a vector of units before their activation, from `d` of what leaves them. */
static void LM_NAME(lm_lstm_back_units)(
    const LM_NAME(lm_lstm_job) *job, int64_t r, int64_t at, int64_t left, LM_NAME(lm_vector) d
) {
    const int64_t k = job->d->units, row = job->m.at + r;
    const LM_REAL *const gates = job->old_gates + row * 4 * k + at;
    const LM_REAL *const earlier =
        r < job->e.had ? job->old_cells + (job->e.before + r) * k : job->first_cell + r * k;
    const LM_NAME(lm_vector) i = LM_NAME(lm_get)(gates, left), f = LM_NAME(lm_get)(gates + k, left);
    const LM_NAME(lm_vector) g = LM_NAME(lm_get)(gates + 2 * k, left), o = LM_NAME(lm_get)(gates + 3 * k, left);
    const LM_NAME(lm_vector) t = LM_NAME(lm_tanh)(LM_NAME(lm_get)(job->old_cells + row * k + at, left));
    LM_NAME(lm_vector) dc = LM_NAME(lm_get)(job->back_cell + r * k + at, left) + (1 - t * t) * d * o;
    if (job->gc) dc += LM_NAME(lm_get)(job->gc + row * k + at, left);
    LM_NAME(lm_vector) part[4] = {dc * g, dc * LM_NAME(lm_get)(earlier + at, left), dc * i, d * t};
    const LM_NAME(lm_vector) slope[4] = {i * (1 - i), f * (1 - f), (1 + g) * (1 - g), o * (1 - o)};
    for (int gate = 0; gate < 4; ++gate) {
        const int64_t place = row * 4 * k + gate * k + at;
        if (job->gg) part[gate] += LM_NAME(lm_get)(job->gg + place, left);
        LM_NAME(lm_put)(job->g + place, part[gate] * slope[gate], left);
    }
    LM_NAME(lm_put)(job->back_cell + r * k + at, dc * f, left);
}

/* The gates of a block; without output weights its outputs come first. */
static void LM_NAME(lm_lstm_gates_chunk)(const lm_call *call, int64_t block) {
    const LM_NAME(lm_lstm_job) *const job = (const LM_NAME(lm_lstm_job) *)call;
    const int64_t k = job->d->units, state = job->d->state, n = job->m.n;
    const LM_NAME(lm_units) u = LM_NAME(lm_units_of)(k, block);
    const LM_REAL *d = job->gh + job->m.at * state + u.first;
    int64_t apart = state;
    if (job->w_out) {
        LM_REAL *const product = job->rt->scratch((size_t)(n * u.width) * sizeof *product);
        job->rt->LM_GEMM(
            0, 0, n, u.count, state, 1, job->gh + job->m.at * state, state, job->w_out + u.first, k, 0, product, u.width
        );
        d = product;
        apart = u.width;
    } else {
        LM_NAME(lm_lstm_back_chunk)(call, block);
    }
    for (int64_t r = 0; r < n; ++r, d += apart)
        for (int64_t j = 0; j < u.count; j += LM_LANES)
            LM_NAME(lm_lstm_back_units)(job, r, u.first + j, u.count - j, LM_NAME(lm_get)(d + j, u.count - j));
}

/* gy, gc or none, gg or none, c, w, w_out or none, cells, gates -> the cotangent of the gates before their activation,
 * of the outputs with what later steps add, of h, of c; room for the packed weights */
static int64_t LM_NAME(lm_lstm_layer_grad)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    const lm_layer *const d = (const lm_layer *)dims;
    const int down = !d->reverse;
    LM_NAME(lm_lstm_job) job = {
        .rt = rt, .d = d, .m = lm_walk_begin(d, down), .gy = (const LM_REAL *)data[0], .gc = (const LM_REAL *)data[1],
        .gg = (const LM_REAL *)data[2], .first_cell = (const LM_REAL *)data[3], .w = (const LM_REAL *)data[4],
        .w_out = (const LM_REAL *)data[5], .old_cells = (const LM_REAL *)data[6],
        .old_gates = (const LM_REAL *)data[7], .g = (LM_REAL *)data[8], .gh = (LM_REAL *)data[9],
        .back = (LM_REAL *)data[10], .back_cell = (LM_REAL *)data[11],
    };
    job.packed = (LM_REAL *)data[12];
    LM_NAME(lm_pack_columns)(4 * d->units, d->state, job.w, job.packed);
    memset(job.back, 0, (size_t)(d->batch * d->state) * sizeof *job.back);
    memset(job.back_cell, 0, (size_t)(d->batch * d->units) * sizeof *job.back);
    while (lm_walk_next(d, down, &job.m)) {
        job.e = lm_walk_earlier(d, &job.m);
        if (job.w_out) rt->parallel_for(LM_NAME(lm_lstm_back_chunk), &job.call, lm_blocks(d->state));
        rt->parallel_for(LM_NAME(lm_lstm_gates_chunk), &job.call, lm_blocks(d->units));
    }
    job.m = (lm_moment){.before = job.m.at, .had = job.m.n}; /* what the first step adds to h */
    rt->parallel_for(LM_NAME(lm_lstm_back_chunk), &job.call, lm_blocks(d->state));
    return 0;
}
