/* A GRU layer and a plain recurrent layer over all their steps, and the cotangents of what they are made of.
 *
 * The gates of a GRU are r, z, n and, of the state's part of n, what r multiplies.
 */

typedef struct {
    lm_call call;
    const lm_runtime *rt;
    const lm_layer *d;
    lm_moment m, e;
    const LM_REAL *x, *w, *bias, *first, *old_y, *old_gates, *gy, *gg;
    LM_REAL *y, *gates, *packed, *packed_n, *now, *next, *g, *gn, *back;
} LM_NAME(lm_gru_job);

/* The layer's walk: both states hold h at first, as sequences may begin at any step. */
static void LM_NAME(lm_walk_forward)(LM_NAME(lm_gru_job) *job, int64_t gates, LM_REAL *room, lm_kernel kernel) {
    const lm_layer *const d = job->d;
    const int64_t states = d->batch * d->state;
    job->now = room;
    job->next = room + states;
    job->packed = room + 2 * states;
    memcpy(job->now, job->first, (size_t)states * sizeof *room);
    memcpy(job->next, job->first, (size_t)states * sizeof *room);
    LM_NAME(lm_pack_gates)(gates, d->units, d->state, job->w, job->packed);
    job->m = lm_walk_begin(d, (int)d->reverse);
    while (lm_walk_next(d, (int)d->reverse, &job->m)) {
        job->rt->parallel_for(kernel, &job->call, lm_blocks(d->units));
        LM_REAL *const now = job->now;
        job->now = job->next;
        job->next = now;
    }
}

/* The walk back; the last call of the kernel has no rows: it adds what the first step gives to h. */
static void LM_NAME(lm_walk_back)(LM_NAME(lm_gru_job) *job, lm_kernel kernel) {
    const lm_layer *const d = job->d;
    const int down = !d->reverse;
    memset(job->back, 0, (size_t)(d->batch * d->state) * sizeof *job->back);
    job->m = lm_walk_begin(d, down);
    while (lm_walk_next(d, down, &job->m)) {
        job->e = lm_walk_earlier(d, &job->m);
        job->rt->parallel_for(kernel, &job->call, lm_blocks(d->units));
    }
    job->m = (lm_moment){.before = job->m.at, .had = job->m.n};
    job->rt->parallel_for(kernel, &job->call, lm_blocks(d->units));
}

/* ---- GRU ----------------------------------------------------------------------------------------------------- */

static void LM_NAME(lm_gru_chunk)(const lm_call *call, int64_t block) {
    const LM_NAME(lm_gru_job) *const job = (const LM_NAME(lm_gru_job) *)call;
    const int64_t k = job->d->units, n = job->m.n;
    const LM_NAME(lm_units) u = LM_NAME(lm_units_of)(k, block);
    const LM_REAL *a = LM_NAME(lm_gate_products)(job->rt, job->d, 3, block, n, job->now, job->packed);
    for (int64_t r = 0; r < n; ++r, a += 3 * u.width)
        for (int64_t j = 0; j < u.count; j += LM_LANES) {
            const int64_t left = u.count - j, row = job->m.at + r, at = u.first + j;
            const LM_REAL *const x = job->x + row * 3 * k + at;
            LM_REAL *const gates = job->gates + row * 4 * k + at;
            LM_NAME(lm_vector) v[4];
            for (int gate = 0; gate < 2; ++gate)
                v[gate] = LM_NAME(lm_sigmoid)(
                    *(const LM_NAME(lm_vector) *)(a + gate * u.width + j) + LM_NAME(lm_get)(x + gate * k, left)
                );
            v[3] = *(const LM_NAME(lm_vector) *)(a + 2 * u.width + j);
            if (job->bias) v[3] += LM_NAME(lm_get)(job->bias + at, left);
            v[2] = LM_NAME(lm_tanh)(LM_NAME(lm_get)(x + 2 * k, left) + v[0] * v[3]);
            for (int gate = 0; gate < 4; ++gate) LM_NAME(lm_put)(gates + gate * k, v[gate], left);
            const LM_NAME(lm_vector) out = v[2] + v[1] * (LM_NAME(lm_get)(job->now + r * k + at, left) - v[2]);
            LM_NAME(lm_put)(job->y + row * k + at, out, left);
            LM_NAME(lm_put)(job->next + r * k + at, out, left);
        }
}

/* x, h, w, bias or none -> y, gates; room for two states and the packed weights */
static int64_t LM_NAME(lm_gru_layer)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    LM_NAME(lm_gru_job) job = {
        .rt = rt, .d = (const lm_layer *)dims, .x = (const LM_REAL *)data[0], .first = (const LM_REAL *)data[1],
        .w = (const LM_REAL *)data[2], .bias = (const LM_REAL *)data[3], .y = (LM_REAL *)data[4],
        .gates = (LM_REAL *)data[5],
    };
    LM_NAME(lm_walk_forward)(&job, 3, (LM_REAL *)data[6], LM_NAME(lm_gru_chunk));
    return 0;
}

/* The cotangents of the gates of a vector of units; `back` keeps what goes to the step before straight through z. */
static void LM_NAME(lm_gru_back_units)(const LM_NAME(lm_gru_job) *job, int64_t r, int64_t at, int64_t left) {
    const int64_t k = job->d->units, row = job->m.at + r;
    const LM_REAL *const gates = job->old_gates + row * 4 * k + at, *const gg = job->gg ? job->gg + row * 4 * k + at : 0;
    const LM_REAL *const earlier = r < job->e.had ? job->old_y + (job->e.before + r) * k : job->first + r * k;
    const LM_NAME(lm_vector) reset = LM_NAME(lm_get)(gates, left), z = LM_NAME(lm_get)(gates + k, left);
    const LM_NAME(lm_vector) new = LM_NAME(lm_get)(gates + 2 * k, left);
    const LM_NAME(lm_vector) d =
        LM_NAME(lm_get)(job->back + r * k + at, left) + LM_NAME(lm_get)(job->gy + row * k + at, left);
    LM_NAME(lm_vector) dn = (1 - z) * d, dz = (LM_NAME(lm_get)(earlier + at, left) - new) * d;
    if (gg) dn += LM_NAME(lm_get)(gg + 2 * k, left);
    dn *= 1 - new * new;
    LM_NAME(lm_vector) dr = dn * LM_NAME(lm_get)(gates + 3 * k, left), inner = dn * reset;
    if (gg) {
        dr += LM_NAME(lm_get)(gg, left);
        dz += LM_NAME(lm_get)(gg + k, left);
        inner += LM_NAME(lm_get)(gg + 3 * k, left);
    }
    LM_REAL *const g = job->g + row * 3 * k + at;
    LM_NAME(lm_put)(g, dr * reset * (1 - reset), left);
    LM_NAME(lm_put)(g + k, dz * z * (1 - z), left);
    LM_NAME(lm_put)(g + 2 * k, dn, left);
    LM_NAME(lm_put)(job->gn + row * k + at, inner, left);
    LM_NAME(lm_put)(job->back + r * k + at, d * z, left);
}

static void LM_NAME(lm_gru_back_chunk)(const lm_call *call, int64_t block) {
    const LM_NAME(lm_gru_job) *const job = (const LM_NAME(lm_gru_job) *)call;
    const int64_t k = job->d->units, had = job->m.had;
    const LM_NAME(lm_units) u = LM_NAME(lm_units_of)(k, block);
    if (had) {
        const LM_REAL *const g = job->g + job->m.before * 3 * k, *const gn = job->gn + job->m.before * k;
        LM_NAME(lm_back_product)(job->d, block, had, g, 3 * k, 2 * k, job->packed, 1, job->back);
        LM_NAME(lm_back_product)(job->d, block, had, gn, k, k, job->packed_n, 1, job->back);
    }
    for (int64_t r = 0; r < job->m.n; ++r)
        for (int64_t j = 0; j < u.count; j += LM_LANES) LM_NAME(lm_gru_back_units)(job, r, u.first + j, u.count - j);
}

/* gy, gg or none, h, w, y, gates -> the cotangent of x, of the state's part of n, of h; room for the packed weights */
static int64_t LM_NAME(lm_gru_layer_grad)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    LM_NAME(lm_gru_job) job = {
        .rt = rt, .d = (const lm_layer *)dims, .gy = (const LM_REAL *)data[0], .gg = (const LM_REAL *)data[1],
        .first = (const LM_REAL *)data[2], .w = (const LM_REAL *)data[3], .old_y = (const LM_REAL *)data[4],
        .old_gates = (const LM_REAL *)data[5], .g = (LM_REAL *)data[6], .gn = (LM_REAL *)data[7],
        .back = (LM_REAL *)data[8],
    };
    const int64_t k = job.d->units;
    job.packed = (LM_REAL *)data[9];
    job.packed_n = job.packed + LM_NAME(lm_panels_size)(k, 2 * k);
    LM_NAME(lm_pack_columns)(2 * k, k, job.w, job.packed);
    LM_NAME(lm_pack_columns)(k, k, job.w + 2 * k * k, job.packed_n);
    LM_NAME(lm_walk_back)(&job, LM_NAME(lm_gru_back_chunk));
    return 0;
}

/* ---- the plain recurrence ------------------------------------------------------------------------------------ */

static void LM_NAME(lm_rnn_chunk)(const lm_call *call, int64_t block) {
    const LM_NAME(lm_gru_job) *const job = (const LM_NAME(lm_gru_job) *)call;
    const int64_t k = job->d->units, n = job->m.n;
    const LM_NAME(lm_units) u = LM_NAME(lm_units_of)(k, block);
    const LM_REAL *a = LM_NAME(lm_gate_products)(job->rt, job->d, 1, block, n, job->now, job->packed);
    for (int64_t r = 0; r < n; ++r, a += u.width)
        for (int64_t j = 0; j < u.count; j += LM_LANES) {
            const int64_t left = u.count - j, place = (job->m.at + r) * k + u.first + j;
            LM_NAME(lm_vector) v = *(const LM_NAME(lm_vector) *)(a + j) + LM_NAME(lm_get)(job->x + place, left);
            v = job->d->relu ? LM_NAME(lm_max)(v, v - v) : LM_NAME(lm_tanh)(v);
            LM_NAME(lm_put)(job->y + place, v, left);
            LM_NAME(lm_put)(job->next + r * k + u.first + j, v, left);
        }
}

/* x, h, w -> y; room for two states and the packed weights */
static int64_t LM_NAME(lm_rnn_layer)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    LM_NAME(lm_gru_job) job = {
        .rt = rt, .d = (const lm_layer *)dims, .x = (const LM_REAL *)data[0], .first = (const LM_REAL *)data[1],
        .w = (const LM_REAL *)data[2], .y = (LM_REAL *)data[3],
    };
    LM_NAME(lm_walk_forward)(&job, 1, (LM_REAL *)data[4], LM_NAME(lm_rnn_chunk));
    return 0;
}

static void LM_NAME(lm_rnn_back_chunk)(const lm_call *call, int64_t block) {
    const LM_NAME(lm_gru_job) *const job = (const LM_NAME(lm_gru_job) *)call;
    const int64_t k = job->d->units;
    const LM_NAME(lm_units) u = LM_NAME(lm_units_of)(k, block);
    if (job->m.had)
        LM_NAME(lm_back_product)(
            job->d, block, job->m.had, job->g + job->m.before * k, k, k, job->packed, 0, job->back
        );
    for (int64_t r = 0; r < job->m.n; ++r)
        for (int64_t j = 0; j < u.count; j += LM_LANES) {
            const int64_t left = u.count - j, place = (job->m.at + r) * k + u.first + j;
            const LM_NAME(lm_vector) y = LM_NAME(lm_get)(job->old_y + place, left);
            const LM_NAME(lm_vector) d = LM_NAME(lm_get)(job->back + r * k + u.first + j, left);
            LM_NAME(lm_vector) slope = 1 - y * y;
            if (job->d->relu) slope = (LM_NAME(lm_vector))((LM_NAME(lm_mask))(y - y + 1) & (y > 0));
            LM_NAME(lm_put)(job->g + place, (d + LM_NAME(lm_get)(job->gy + place, left)) * slope, left);
        }
}

/* gy, w, y -> the cotangent before the activation, of h; room for the packed weights */
static int64_t LM_NAME(lm_rnn_layer_grad)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    LM_NAME(lm_gru_job) job = {
        .rt = rt, .d = (const lm_layer *)dims, .gy = (const LM_REAL *)data[0], .w = (const LM_REAL *)data[1],
        .old_y = (const LM_REAL *)data[2], .g = (LM_REAL *)data[3], .back = (LM_REAL *)data[4],
    };
    job.packed = (LM_REAL *)data[5];
    LM_NAME(lm_pack_columns)(job.d->units, job.d->state, job.w, job.packed);
    LM_NAME(lm_walk_back)(&job, LM_NAME(lm_rnn_back_chunk));
    return 0;
}
