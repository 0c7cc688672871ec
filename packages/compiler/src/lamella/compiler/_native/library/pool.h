/* Pooling of planes: the largest of each window and where it is, or its mean, and their gradients.
 *
 * A plane is padded and split into phases as it is for patches, so that a tap of neighbouring windows is a run of
 * neighbours. Every channel of every image is a plane: `n` of the window counts them, its other channels are 1.
 */
#ifndef LM_PLANES_BYTES
#define LM_PLANES_BYTES (1 << 17) /* planes of a chunk together */
#define LM_PADDED_BYTES (1 << 14) /* padded planes together: vectors are not read while parts of them are written */
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

/* What a chunk works with: its planes, some of them padded, and the taps of a window in the padded ones and in the
 * image. Of each column: the place of a window's first element that is not padding, and what the window is divided by.
 * Places count from a window's first element. */
typedef struct {
    lm_window w; /* its channels are the planes that are padded together */
    LM_NAME(lm_padded) p;
    lm_box whole;
    int64_t first, last, down, along, *taps;
    LM_INTEGER *places, *inside;
    LM_REAL *counted, *line;
} LM_NAME(lm_planes);

static void LM_NAME(lm_pool_run)(LM_NAME(lm_pool_job) *job, lm_kernel kernel) {
    const int64_t bytes = lm_volume(job->w->in) * (int64_t)sizeof(LM_REAL);
    const int64_t chunks = lm_evenly(lm_up(job->w->n * bytes, LM_PLANES_BYTES), job->w->n);
    job->planes = lm_up(job->w->n, lm_max(chunks, 1));
    job->rt->parallel_for(kernel, &job->call, lm_up(job->w->n, lm_max(job->planes, 1)));
}

static LM_NAME(lm_planes) LM_NAME(lm_planes_of)(const LM_NAME(lm_pool_job) *job, int64_t chunk, LM_REAL fill) {
    lm_window some = *job->w;
    const lm_window *const w = &some;
    const int64_t count = lm_volume(w->kernel), item = (int64_t)sizeof(LM_REAL);
    some.c = LM_PADDED_BYTES / item / LM_NAME(lm_padded_of)(w, w->out, 0).channel;
    some.c = lm_max(lm_min(some.c, job->planes), 1);
    const int64_t size = LM_NAME(lm_padded_size)(w, w->out), width = lm_up(w->out[2], LM_LANES) * LM_LANES;
    char *const room = job->rt->scratch((size_t)((size + 3 * width + count) * item + count * (int64_t)sizeof(int64_t)));
    int64_t *const taps = (int64_t *)(void *)(room + 3 * width * item);
    LM_NAME(lm_planes) planes = {
        .line = (LM_REAL *)room, .counted = (LM_REAL *)room + width, .inside = (LM_INTEGER *)room + 2 * width,
        .taps = taps, .places = (LM_INTEGER *)(taps + count),
        .p = LM_NAME(lm_padded_of)(w, w->out, (LM_REAL *)(void *)(taps + count) + count),
        .w = some, .whole = {.images = 1, .size = {w->out[0], w->out[1], w->out[2]}},
        .first = chunk * job->planes, .last = lm_min((chunk + 1) * job->planes, w->n),
    };
    planes.down = w->stride[0] * planes.p.plane;
    planes.along = w->stride[1] * planes.p.row;
    for (int64_t k = 0; k < count; ++k) planes.taps[k] = LM_NAME(lm_tap_at)(w, &planes.p, k);
    for (int64_t k = 0; k < size; ++k) planes.p.data[k] = fill;
    return planes;
}

/* Before the lines of a plane: pad it, with those that come next, if that is not done yet; where it lies. */
static LM_REAL *LM_NAME(lm_planes_next)(LM_NAME(lm_planes) *planes, const LM_REAL *x, int64_t plane) {
    const int64_t number = (plane - planes->first) % planes->w.c;
    if (!number) {
        lm_window some = planes->w;
        some.c = lm_min(some.c, planes->last - plane);
        LM_NAME(lm_pad)(&some, &planes->whole, x + plane * lm_volume(some.in), &planes->p);
    }
    return planes->p.data + number * planes->p.channel;
}

/* ---- the largest --------------------------------------------------------------------------------------------- */

/* Where element `tap` of a window lies in the image, counted from the window's first element. */
static int64_t LM_NAME(lm_place)(const lm_window *w, int64_t k0, int64_t k1, int64_t k2) {
    return (k0 * w->step[0] * w->in[1] + k1 * w->step[1]) * w->in[2] + k2 * w->step[2];
}

/* What the places of a chunk are made of. */
static void LM_NAME(lm_place_taps)(const LM_NAME(lm_planes) *planes) {
    const lm_window *const w = &planes->w;
    const int64_t width = lm_up(w->out[2], LM_LANES) * LM_LANES;
    LM_INTEGER *to = planes->places;
    for (int64_t i = 0; i < w->kernel[0]; ++i)
        for (int64_t k = 0; k < w->kernel[1]; ++k)
            for (int64_t m = 0; m < w->kernel[2]; ++m) *to++ = (LM_INTEGER)LM_NAME(lm_place)(w, i, k, m);
    for (int64_t j = 0; j < width; ++j)
        planes->inside[j] = (LM_INTEGER)(lm_first_tap(w, 2, lm_min(j, w->out[2] - 1)) * w->step[2]);
}

/* Places as they are handed out. */
static inline void LM_NAME(lm_put_places)(int64_t *to, LM_NAME(lm_mask) at, int64_t first, int64_t count) {
    LM_INTEGER places[LM_LANES];
    memcpy(places, &at, sizeof places);
    if (count >= LM_LANES)
        for (int64_t l = 0; l < LM_LANES; ++l) to[l] = first + places[l];
    else
        for (int64_t l = 0; l < count; ++l) to[l] = first + places[l];
}

/* The line of windows from `line` on: tap after tap, a larger one replaces, and so does a NaN. `room` elements of the
 * results are there to write: those behind the line are written after it. */
static inline void LM_NAME(lm_max_line)(
    const LM_REAL *line, const int64_t *taps, int64_t count, int64_t width, LM_REAL *y, int64_t room
) {
    for (int64_t j = 0; j < width; j += LM_LANES) {
        LM_NAME(lm_vector) best = *(const LM_NAME(lm_vector) *)(line + *taps + j);
        for (int64_t k = 1; k < count; ++k)
            best = LM_NAME(lm_max)(*(const LM_NAME(lm_vector) *)(line + taps[k] + j), best);
        LM_NAME(lm_put)(y + j, best, room - j);
    }
}

/* The same with places: those of taps, and what is added to them for the first window and for each further one. A
 * window of nothing but -inf has its first element that is not padding. */
static inline void LM_NAME(lm_max_places_line)(
    const LM_REAL *line, const int64_t *taps, const LM_INTEGER *places, const LM_INTEGER *inside, int64_t count,
    int64_t width, int64_t top, int64_t first, int64_t stride, LM_REAL *y, int64_t *indices, int64_t room
) {
    LM_NAME(lm_mask) lanes;
    for (int64_t l = 0; l < LM_LANES; ++l) lanes[l] = (LM_INTEGER)(l * stride);
    for (int64_t j = 0; j < width; j += LM_LANES) {
        LM_NAME(lm_vector) best = (LM_REAL)-INFINITY - (LM_NAME(lm_vector)){0};
        LM_NAME(lm_mask) at;
        memcpy(&at, inside + j, sizeof at);
        at += (LM_INTEGER)top;
        for (int64_t k = 0; k < count; ++k) {
            const LM_NAME(lm_vector) v = *(const LM_NAME(lm_vector) *)(line + taps[k] + j);
            const LM_NAME(lm_mask) better = (v > best) | (v != v), here = places[k] - (LM_NAME(lm_mask)){0};
            best = (LM_NAME(lm_vector))LM_TAKE(better, (LM_NAME(lm_mask))v, (LM_NAME(lm_mask))best);
            at = LM_TAKE(better, here, at);
        }
        LM_NAME(lm_put)(y + j, best, room - j);
        LM_NAME(lm_put_places)(indices + j, at + lanes, first + j * stride, room - j);
    }
}

static void LM_NAME(lm_max_values_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_pool_job) *const job = (const LM_NAME(lm_pool_job) *)call;
    LM_NAME(lm_planes) planes = LM_NAME(lm_planes_of)(job, chunk, (LM_REAL)-INFINITY);
    const int64_t d0 = planes.w.out[0], d1 = planes.w.out[1], width = planes.w.out[2];
    const int64_t count = lm_volume(planes.w.kernel), down = planes.down, along = planes.along;
    const int64_t *const taps = planes.taps;
    LM_REAL *y = job->result + planes.first * d0 * d1 * width, *const end = job->result + planes.last * d0 * d1 * width;
    for (int64_t plane = planes.first; plane < planes.last; ++plane) {
        const LM_REAL *const data = LM_NAME(lm_planes_next)(&planes, job->x, plane);
        for (int64_t a = 0; a < d0; ++a)
            for (int64_t b = 0; b < d1; ++b, y += width)
                LM_NAME(lm_max_line)(data + a * down + b * along, taps, count, width, y, end - y);
    }
}

static void LM_NAME(lm_max_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_pool_job) *const job = (const LM_NAME(lm_pool_job) *)call;
    const lm_window *const w = job->w;
    LM_NAME(lm_planes) planes = LM_NAME(lm_planes_of)(job, chunk, (LM_REAL)-INFINITY);
    const int64_t count = lm_volume(w->kernel), width = w->out[2], end = planes.last * lm_volume(w->out);
    LM_NAME(lm_place_taps)(&planes);
    int64_t at = planes.first * lm_volume(w->out);
    for (int64_t plane = planes.first; plane < planes.last; ++plane) {
        const LM_REAL *const data = LM_NAME(lm_planes_next)(&planes, job->x, plane);
        for (int64_t a = 0; a < w->out[0]; ++a) {
            const int64_t row = (a * w->stride[0] - w->pad[0]) * w->in[1] - w->pad[1], k0 = lm_first_tap(w, 0, a);
            for (int64_t b = 0; b < w->out[1]; ++b, at += width)
                LM_NAME(lm_max_places_line)(
                    data + a * planes.down + b * planes.along, planes.taps, planes.places, planes.inside, count, width,
                    LM_NAME(lm_place)(w, k0, lm_first_tap(w, 1, b), 0),
                    (row + b * w->stride[1]) * w->in[2] - w->pad[2], w->stride[2], job->result + at,
                    job->indices + at, end - at
                );
        }
    }
}

/* x -> y, indices (into the plane) where they are asked for */
static int64_t LM_NAME(lm_max_pool)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    LM_NAME(lm_pool_job) job = {
        .rt = rt, .w = (const lm_window *)dims, .x = (const LM_REAL *)data[0], .result = (LM_REAL *)data[1],
        .indices = (int64_t *)data[2],
    };
    LM_NAME(lm_pool_run)(&job, job.indices ? LM_NAME(lm_max_chunk) : LM_NAME(lm_max_values_chunk));
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

/* What windows are divided by, but for where they are along the other axes. */
static void LM_NAME(lm_count_columns)(const LM_NAME(lm_pool_job) *job, const LM_NAME(lm_planes) *planes) {
    const lm_window *const w = job->w;
    const int64_t width = lm_up(w->out[2], LM_LANES) * LM_LANES;
    for (int64_t j = 0; j < width; ++j)
        planes->counted[j] = (LM_REAL)(
            job->divisor ? job->divisor : lm_counted(w, 2, lm_min(j, w->out[2] - 1), job->with_padding)
        );
}

/* One over what the windows at (a, b, j..) are divided by; `before`: how much lm_counted is along a and b. */
static inline LM_NAME(lm_vector) LM_NAME(lm_shares)(const LM_NAME(lm_planes) *planes, LM_REAL before, int64_t j) {
    return 1 / (before * *(const LM_NAME(lm_vector) *)(planes->counted + j));
}

static LM_REAL LM_NAME(lm_counted_before)(const LM_NAME(lm_pool_job) *job, int64_t a, int64_t b) {
    if (job->divisor) return 1;
    return (LM_REAL)(lm_counted(job->w, 0, a, job->with_padding) * lm_counted(job->w, 1, b, job->with_padding));
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
    LM_NAME(lm_planes) planes = LM_NAME(lm_planes_of)(job, chunk, 0);
    const int64_t taps = lm_volume(w->kernel), width = w->out[2];
    LM_REAL *y = job->result + planes.first * lm_volume(w->out);
    const LM_REAL *const end = job->result + planes.last * lm_volume(w->out); /* see lm_max_line */
    LM_NAME(lm_count_columns)(job, &planes);
    for (int64_t plane = planes.first; plane < planes.last; ++plane) {
        const LM_REAL *const data = LM_NAME(lm_planes_next)(&planes, job->x, plane);
        for (int64_t a = 0; a < w->out[0]; ++a)
            for (int64_t b = 0; b < w->out[1]; ++b, y += width) {
                const LM_REAL *const line = data + a * planes.down + b * planes.along;
                const LM_REAL before = LM_NAME(lm_counted_before)(job, a, b);
                if (width == 1 && w->stride[2] == 1) {
                    *y = LM_NAME(lm_window_sum)(w, &planes, line) * LM_NAME(lm_shares)(&planes, before, 0)[0];
                    continue;
                }
                for (int64_t j = 0; j < width; j += LM_LANES) {
                    LM_NAME(lm_vector) sum = {0};
                    for (int64_t k = 0; k < taps; ++k)
                        sum += *(const LM_NAME(lm_vector) *)(line + planes.taps[k] + j);
                    LM_NAME(lm_put)(y + j, sum * LM_NAME(lm_shares)(&planes, before, j), end - y - j);
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
    LM_NAME(lm_count_columns)(job, &planes);
    for (int64_t plane = planes.first; plane < planes.last; ++plane) {
        memset(planes.p.data, 0, (size_t)planes.p.channel * sizeof *planes.p.data);
        for (int64_t a = 0; a < w->out[0]; ++a)
            for (int64_t b = 0; b < w->out[1]; ++b, g += width) {
                LM_REAL *const line = planes.p.data + a * planes.down + b * planes.along;
                const LM_REAL before = LM_NAME(lm_counted_before)(job, a, b);
                for (int64_t j = 0; j < width; j += LM_LANES)
                    *(LM_NAME(lm_vector) *)(planes.line + j) =
                        LM_NAME(lm_get)(g + j, width - j) * LM_NAME(lm_shares)(&planes, before, j);
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
