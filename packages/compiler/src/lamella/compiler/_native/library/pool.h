/* Pooling of planes: the largest of each window and where it is, or its mean, and their gradients.
 *
 * A plane is padded and split into phases as it is for patches, so that a tap of neighbouring windows is a run of
 * neighbours. Every channel of every image is a plane: `n` of the window counts them, its other channels are 1.
 */
#ifndef LM_PLANES_BYTES
#define LM_PLANES_BYTES (1 << 16) /* planes of a chunk together */
#define LM_TAKE(mask, a, b) (((mask) & (a)) | (~(mask) & (b)))
#endif
#undef LM_INTEGER
#if LM_BITS == 32
#define LM_INTEGER int32_t
#else
#define LM_INTEGER int64_t
#endif

typedef struct {
    lm_call call;
    const lm_runtime *rt;
    const lm_window *w;
    const LM_REAL *x, *g;
    const int64_t *places;
    LM_REAL *result;
    int64_t *indices, *wrong;
    int64_t planes, with_padding, divisor;
} LM_NAME(lm_pool_job);

/* What a chunk works with: its planes, one padded plane, the taps of a window in it, and room for a line. */
typedef struct {
    LM_NAME(lm_padded) p;
    lm_box whole;
    int64_t first, last, down, along, *taps;
    LM_REAL *line;
} LM_NAME(lm_planes);

static void LM_NAME(lm_pool_run)(LM_NAME(lm_pool_job) *job, lm_kernel kernel) {
    const int64_t bytes = lm_volume(job->w->in) * (int64_t)sizeof(LM_REAL);
    job->planes = lm_max(LM_PLANES_BYTES / lm_max(bytes, 1), 1);
    job->rt->parallel_for(kernel, &job->call, lm_up(job->w->n, job->planes));
}

static LM_NAME(lm_planes) LM_NAME(lm_planes_of)(const LM_NAME(lm_pool_job) *job, int64_t chunk, LM_REAL fill) {
    const lm_window *const w = job->w;
    const int64_t size = LM_NAME(lm_padded_size)(w, w->out), width = lm_up(w->out[2], LM_LANES) * LM_LANES;
    const int64_t count = lm_volume(w->kernel);
    int64_t *const taps = job->rt->scratch((size_t)(count * 8 + (size + width) * (int64_t)sizeof(LM_REAL)));
    LM_REAL *const room = (LM_REAL *)(taps + count);
    LM_NAME(lm_planes) planes = {
        .p = LM_NAME(lm_padded_of)(w, w->out, room + width), .line = room, .taps = taps,
        .whole = {.images = 1, .size = {w->out[0], w->out[1], w->out[2]}},
        .first = chunk * job->planes, .last = lm_min((chunk + 1) * job->planes, w->n),
    };
    planes.down = w->stride[0] * planes.p.plane;
    planes.along = w->stride[1] * planes.p.row;
    for (int64_t k = 0; k < count; ++k) taps[k] = LM_NAME(lm_tap_at)(w, &planes.p, k);
    for (int64_t k = 0; k < size; ++k) planes.p.data[k] = fill;
    return planes;
}

/* ---- the largest --------------------------------------------------------------------------------------------- */

/* Where element `tap` of a window lies in the image, counted from the window's first element. */
static int64_t LM_NAME(lm_place)(const lm_window *w, int64_t k0, int64_t k1, int64_t k2) {
    return (k0 * w->step[0] * w->in[1] + k1 * w->step[1]) * w->in[2] + k2 * w->step[2];
}

/* The windows at (a, b, ..): tap after tap, a larger one replaces, and so does a NaN; a window of nothing but -inf
 * has its first element that is not padding. */
static void LM_NAME(lm_max_line)(
    const lm_window *w, const LM_NAME(lm_planes) *planes, int64_t a, int64_t b, LM_REAL *y, int64_t *indices
) {
    const LM_REAL *const line = planes->p.data + a * planes->down + b * planes->along;
    const int64_t width = w->out[2], k0 = lm_first_tap(w, 0, a), k1 = lm_first_tap(w, 1, b);
    const int64_t start = ((a * w->stride[0] - w->pad[0]) * w->in[1] + b * w->stride[1] - w->pad[1]) * w->in[2];
    for (int64_t j = 0; j < width; j += LM_LANES) {
        const int64_t count = lm_min(LM_LANES, width - j);
        LM_NAME(lm_vector) best = (LM_REAL)-INFINITY - (LM_NAME(lm_vector)){0};
        LM_NAME(lm_mask) at = {0};
        for (int64_t l = 0; l < count; ++l)
            at[l] = (LM_INTEGER)LM_NAME(lm_place)(w, k0, k1, lm_first_tap(w, 2, j + l));
        const int64_t *tap = planes->taps;
        for (int64_t i = 0; i < w->kernel[0]; ++i)
            for (int64_t k = 0; k < w->kernel[1]; ++k)
                for (int64_t m = 0; m < w->kernel[2]; ++m, ++tap) {
                    const LM_NAME(lm_vector) v = *(const LM_NAME(lm_vector) *)(line + *tap + j);
                    const LM_NAME(lm_mask) better = (v > best) | (v != v);
                    const LM_NAME(lm_mask) here = (LM_INTEGER)LM_NAME(lm_place)(w, i, k, m) - (LM_NAME(lm_mask)){0};
                    best = (LM_NAME(lm_vector))LM_TAKE(better, (LM_NAME(lm_mask))v, (LM_NAME(lm_mask))best);
                    at = LM_TAKE(better, here, at);
                }
        LM_NAME(lm_put)(y + j, best, count);
        for (int64_t l = 0; l < count; ++l) indices[j + l] = start + (j + l) * w->stride[2] - w->pad[2] + at[l];
    }
}

static void LM_NAME(lm_max_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_pool_job) *const job = (const LM_NAME(lm_pool_job) *)call;
    const lm_window *const w = job->w;
    const LM_NAME(lm_planes) planes = LM_NAME(lm_planes_of)(job, chunk, (LM_REAL)-INFINITY);
    int64_t at = planes.first * lm_volume(w->out);
    for (int64_t plane = planes.first; plane < planes.last; ++plane) {
        LM_NAME(lm_pad)(w, &planes.whole, job->x + plane * lm_volume(w->in), &planes.p);
        for (int64_t a = 0; a < w->out[0]; ++a)
            for (int64_t b = 0; b < w->out[1]; ++b, at += w->out[2])
                LM_NAME(lm_max_line)(w, &planes, a, b, job->result + at, job->indices + at);
    }
}

/* x -> y, indices (into the plane) */
static int64_t LM_NAME(lm_max_pool)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    LM_NAME(lm_pool_job) job = {
        .rt = rt, .w = (const lm_window *)dims, .x = (const LM_REAL *)data[0], .result = (LM_REAL *)data[1],
        .indices = (int64_t *)data[2],
    };
    LM_NAME(lm_pool_run)(&job, LM_NAME(lm_max_chunk));
    return 0;
}

/* Add what lies at the places to them, in order. */
static void LM_NAME(lm_max_grad_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_pool_job) *const job = (const LM_NAME(lm_pool_job) *)call;
    const int64_t size = lm_volume(job->w->in), length = lm_volume(job->w->out);
    for (int64_t plane = chunk * job->planes; plane < lm_min((chunk + 1) * job->planes, job->w->n); ++plane) {
        LM_REAL *const image = job->result + plane * size;
        const LM_REAL *const g = job->g + plane * length;
        const int64_t *const places = job->places + plane * length;
        memset(image, 0, (size_t)size * sizeof *image);
        for (int64_t k = 0; k < length; ++k) {
            if ((uint64_t)places[k] < (uint64_t)size) image[places[k]] += g[k];
            else __atomic_store_n(job->wrong, 1, __ATOMIC_RELAXED);
        }
    }
}

/* g, indices -> x's cotangent; 1 for an index outside of its plane */
static int64_t LM_NAME(lm_max_pool_grad)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    int64_t wrong = 0;
    LM_NAME(lm_pool_job) job = {
        .rt = rt, .w = (const lm_window *)dims, .g = (const LM_REAL *)data[0], .places = (const int64_t *)data[1],
        .result = (LM_REAL *)data[2], .wrong = &wrong,
    };
    LM_NAME(lm_pool_run)(&job, LM_NAME(lm_max_grad_chunk));
    return wrong;
}

/* ---- the mean ------------------------------------------------------------------------------------------------ */

/* One over what the windows at (a, b, ..) are divided by. */
static void LM_NAME(lm_shares)(const LM_NAME(lm_pool_job) *job, int64_t a, int64_t b, LM_REAL *shares) {
    const lm_window *const w = job->w;
    const int64_t before = lm_counted(w, 0, a, job->with_padding) * lm_counted(w, 1, b, job->with_padding);
    for (int64_t j = 0; j < w->out[2]; ++j)
        shares[j] = 1 / (LM_REAL)(job->divisor ? job->divisor : before * lm_counted(w, 2, j, job->with_padding));
}

/* The sum of a window that is alone in its line: along the line first. */
static LM_REAL LM_NAME(lm_window_sum)(const lm_window *w, const LM_NAME(lm_planes) *planes, const LM_REAL *line) {
    LM_NAME(lm_vector) sums = {0};
    LM_REAL total = 0;
    for (int64_t i = 0; i < w->kernel[0]; ++i)
        for (int64_t k = 0; k < w->kernel[1]; ++k) {
            const LM_REAL *const row = line + i * planes->p.plane + k * planes->p.row;
            int64_t j = 0;
            for (; j + LM_LANES <= w->kernel[2]; j += LM_LANES) sums += *(const LM_NAME(lm_vector) *)(row + j);
            for (; j < w->kernel[2]; ++j) total += row[j];
        }
    for (int64_t l = 0; l < LM_LANES; ++l) total += sums[l];
    return total;
}

static void LM_NAME(lm_mean_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_pool_job) *const job = (const LM_NAME(lm_pool_job) *)call;
    const lm_window *const w = job->w;
    const LM_NAME(lm_planes) planes = LM_NAME(lm_planes_of)(job, chunk, 0);
    const int64_t taps = lm_volume(w->kernel), width = w->out[2];
    LM_REAL *y = job->result + planes.first * lm_volume(w->out);
    for (int64_t plane = planes.first; plane < planes.last; ++plane) {
        LM_NAME(lm_pad)(w, &planes.whole, job->x + plane * lm_volume(w->in), &planes.p);
        for (int64_t a = 0; a < w->out[0]; ++a)
            for (int64_t b = 0; b < w->out[1]; ++b, y += width) {
                const LM_REAL *const line = planes.p.data + a * planes.down + b * planes.along;
                LM_NAME(lm_shares)(job, a, b, planes.line);
                if (width == 1 && w->stride[2] == 1) {
                    *y = LM_NAME(lm_window_sum)(w, &planes, line) * *planes.line;
                    continue;
                }
                for (int64_t j = 0; j < width; j += LM_LANES) {
                    LM_NAME(lm_vector) sum = {0};
                    for (int64_t k = 0; k < taps; ++k)
                        sum += *(const LM_NAME(lm_vector) *)(line + planes.taps[k] + j);
                    sum *= *(const LM_NAME(lm_vector) *)(planes.line + j);
                    LM_NAME(lm_put)(y + j, sum, width - j);
                }
            }
    }
}

/* x -> y; behind the window stand whether padding counts, and the divisor or 0 */
static int64_t LM_NAME(lm_avg_pool)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    LM_NAME(lm_pool_job) job = {
        .rt = rt, .w = (const lm_window *)dims, .x = (const LM_REAL *)data[0], .result = (LM_REAL *)data[1],
        .with_padding = dims[LM_WINDOW_DIMS], .divisor = dims[LM_WINDOW_DIMS + 1],
    };
    LM_NAME(lm_pool_run)(&job, LM_NAME(lm_mean_chunk));
    return 0;
}

static void LM_NAME(lm_mean_grad_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_pool_job) *const job = (const LM_NAME(lm_pool_job) *)call;
    const lm_window *const w = job->w;
    const LM_NAME(lm_planes) planes = LM_NAME(lm_planes_of)(job, chunk, 0);
    const int64_t taps = lm_volume(w->kernel), width = w->out[2];
    const LM_REAL *g = job->g + planes.first * lm_volume(w->out);
    for (int64_t plane = planes.first; plane < planes.last; ++plane) {
        memset(planes.p.data, 0, (size_t)planes.p.channel * sizeof *planes.p.data);
        for (int64_t a = 0; a < w->out[0]; ++a)
            for (int64_t b = 0; b < w->out[1]; ++b, g += width) {
                LM_REAL *const line = planes.p.data + a * planes.down + b * planes.along;
                LM_NAME(lm_shares)(job, a, b, planes.line);
                for (int64_t j = 0; j < width; ++j) planes.line[j] *= g[j];
                for (int64_t k = 0; k < taps; ++k) LM_NAME(lm_add)(line + planes.taps[k], planes.line, width);
            }
        LM_NAME(lm_unpad)(w, &planes.p, job->result + plane * lm_volume(w->in));
    }
}

/* g -> x's cotangent; dims as for lm_avg_pool */
static int64_t LM_NAME(lm_avg_pool_grad)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    LM_NAME(lm_pool_job) job = {
        .rt = rt, .w = (const lm_window *)dims, .g = (const LM_REAL *)data[0], .result = (LM_REAL *)data[1],
        .with_padding = dims[LM_WINDOW_DIMS], .divisor = dims[LM_WINDOW_DIMS + 1],
    };
    LM_NAME(lm_pool_run)(&job, LM_NAME(lm_mean_grad_chunk));
    return 0;
}
