/* Convolution, where BLAS does it, and its two gradients: patches of a box of positions, and a product for each group.
 *
 * A box is so small that its patches stay in the cache, and so large that reading the weights again for each costs
 * little. Images of the input gradient are independent. The weight gradient adds boxes up in parts, and the parts in
 * order; parts follow from sizes, so no result depends on the number of threads.
 */
#ifndef LM_PATCH_BYTES
#define LM_PATCH_BYTES (1 << 19)
#define LM_LEAST_POSITIONS 192 /* columns of a product */
#endif

typedef struct {
    lm_call call; /* first: chunks get a pointer to it */
    const lm_runtime *rt;
    const lm_window *w;
    lm_cut cut;
    const LM_REAL *x, *weight, *bias, *g;
    LM_REAL *result, *partial;
    int64_t by_blas;       /* products of the convolution and of the weight gradient */
    int64_t parts, blocks; /* of the weight gradient: sums over some boxes, and ranges of channels */
} LM_NAME(lm_conv_job);

static int64_t LM_NAME(lm_inner)(const lm_window *w) { return w->c * lm_volume(w->kernel); }

static lm_cut LM_NAME(lm_conv_cut)(const lm_window *w) {
    const int64_t fit = LM_PATCH_BYTES / (int64_t)sizeof(LM_REAL) / lm_max(LM_NAME(lm_inner)(w), 1);
    return lm_cut_positions(w, lm_max(fit, LM_LEAST_POSITIONS));
}

/* Elements between the rows of a matrix whose columns are the positions of a box: with room behind each row, and never
 * a multiple of a page, at which rows would meet in the cache. */
static int64_t LM_NAME(lm_apart)(const lm_box *box) {
    return lm_up(box->images * lm_volume(box->size), 16) * 16 + 16;
}

/* The patches of a box for the channels from `first` on, out of `channels` in x. */
static void LM_NAME(lm_patches)(
    const lm_window *w, const lm_box *box, const LM_REAL *x, int64_t channels, int64_t first, LM_REAL *padded,
    LM_REAL *cols
) {
    const LM_NAME(lm_padded) p = LM_NAME(lm_padded_of)(w, box->size, padded);
    memset(padded, 0, (size_t)LM_NAME(lm_padded_size)(w, box->size) * sizeof *padded);
    for (int64_t i = 0; i < box->images; ++i) { /* in this order: a run may write into the place of the next image */
        LM_NAME(lm_pad)(w, box, x + ((box->image + i) * channels + first) * lm_volume(w->in), &p);
        LM_NAME(lm_gather)(w, box, &p, cols + i * lm_volume(box->size), LM_NAME(lm_apart)(box));
    }
}

/* ---- forward ------------------------------------------------------------------------------------------------- */

/* A product that begins with the bias, where there is one. */
static void LM_NAME(lm_apply)(
    const LM_NAME(lm_conv_job) *job, int64_t group, const LM_REAL *cols, int64_t cols_apart, LM_REAL *y,
    int64_t y_apart, int64_t count
) {
    const lm_window *const w = job->w;
    const int64_t inner = LM_NAME(lm_inner)(w);
    if (job->bias)
        for (int64_t k = 0; k < w->o; ++k)
            for (int64_t j = 0; j < count; ++j) y[k * y_apart + j] = job->bias[group * w->o + k];
    job->rt->LM_GEMM(
        0, 0, w->o, count, inner, 1, job->weight + group * w->o * inner, lm_max(inner, 1), cols, cols_apart,
        job->bias ? 1 : 0, y, y_apart
    );
}

static void LM_NAME(lm_conv_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_conv_job) *const job = (const LM_NAME(lm_conv_job) *)call;
    const lm_window *const w = job->w;
    const int64_t group = chunk % w->groups, inner = LM_NAME(lm_inner)(w);
    const lm_box box = lm_box_of(w, &job->cut, chunk / w->groups);
    const int64_t length = lm_volume(w->out), positions = lm_volume(box.size), start = lm_box_start(w, &box);
    LM_REAL *const y = job->result + (box.image * w->groups + group) * w->o * length + start;
    const int64_t next = w->groups * w->o * length; /* image of y */
    if (lm_is_pointwise(w)) { /* the image is its own patches */
        for (int64_t i = 0; i < box.images; ++i) {
            const LM_REAL *const x = job->x + ((box.image + i) * w->groups + group) * w->c * length + start;
            LM_NAME(lm_apply)(job, group, x, length, y + i * next, length, positions);
        }
        return;
    }
    const int64_t apart = LM_NAME(lm_apart)(&box), padded = LM_NAME(lm_padded_size)(w, box.size);
    LM_REAL *const buffer = job->rt->scratch((size_t)(padded + (inner + w->o) * apart + LM_LANES) * sizeof *buffer);
    LM_REAL *const cols = buffer + padded, *const side = cols + inner * apart;
    LM_NAME(lm_patches)(w, &box, job->x, w->groups * w->c, group * w->c, buffer, cols);
    if (box.images == 1) {
        LM_NAME(lm_apply)(job, group, cols, apart, y, length, positions);
        return;
    }
    LM_NAME(lm_apply)(job, group, cols, apart, side, apart, box.images * positions);
    for (int64_t i = 0; i < box.images; ++i)
        LM_NAME(lm_copy_rows)(y + i * next, length, side + i * positions, apart, w->o, positions);
}

static void LM_NAME(lm_conv_run)(LM_NAME(lm_conv_job) *job) {
    if (lm_is_depthwise(job->w)) {
        LM_NAME(lm_depthwise_run)(job->rt, job->w, job->x, job->weight, job->bias, job->result);
        return;
    }
    if (!job->by_blas) {
        LM_NAME(lm_slide_run)(job->rt, job->w, job->x, job->weight, job->bias, job->result);
        return;
    }
    job->cut = LM_NAME(lm_conv_cut)(job->w);
    job->rt->parallel_for(LM_NAME(lm_conv_chunk), &job->call, job->cut.count * job->w->groups);
}

/* x [n, groups c, ..], w [groups o, c, ..], bias or none -> y [n, groups o, ..]; behind the window stands whether BLAS
 * multiplies */
static int64_t LM_NAME(lm_conv)(const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars) {
    (void)scalars;
    LM_NAME(lm_conv_job) job = {
        .rt = rt, .w = (const lm_window *)dims, .x = (const LM_REAL *)data[0], .weight = (const LM_REAL *)data[1],
        .bias = (const LM_REAL *)data[2], .result = (LM_REAL *)data[3], .by_blas = dims[LM_WINDOW_DIMS],
    };
    LM_NAME(lm_conv_run)(&job);
    return 0;
}

/* ---- input gradient ------------------------------------------------------------------------------------------ */

/* One image: the columns of its boxes, added to where they come from. */
static void LM_NAME(lm_conv_back_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_conv_job) *const job = (const LM_NAME(lm_conv_job) *)call;
    const lm_window *const w = job->w;
    const int64_t group = chunk % w->groups, inner = LM_NAME(lm_inner)(w), length = lm_volume(w->out);
    const LM_REAL *const weight = job->weight + group * w->o * inner, *const g = job->g + chunk * w->o * length;
    LM_REAL *const result = job->result + chunk * w->c * lm_volume(w->in);
    if (lm_is_pointwise(w)) {
        job->rt->LM_GEMM(1, 0, w->c, length, w->o, 1, weight, w->c, g, length, 0, result, length);
        return;
    }
    const int64_t padded = LM_NAME(lm_padded_size)(w, w->out);
    lm_box box = {.images = 1, .size = {job->cut.size[0], job->cut.size[1], job->cut.size[2]}};
    const int64_t apart = LM_NAME(lm_apart)(&box);
    LM_REAL *const buffer = job->rt->scratch((size_t)(padded + inner * apart) * sizeof *buffer);
    LM_REAL *const cols = buffer + padded;
    const LM_NAME(lm_padded) whole = LM_NAME(lm_padded_of)(w, w->out, buffer);
    memset(buffer, 0, (size_t)padded * sizeof *buffer);
    for (int64_t number = 0; number < lm_volume(job->cut.cuts); ++number) {
        box = lm_box_of(w, &job->cut, number);
        LM_NAME(lm_padded) under = whole;
        under.data += box.from[0] * w->stride[0] * whole.plane + box.from[1] * w->stride[1] * whole.row + box.from[2];
        job->rt->LM_GEMM(
            1, 0, inner, lm_volume(box.size), w->o, 1, weight, inner, g + lm_box_start(w, &box), length, 0, cols, apart
        );
        LM_NAME(lm_scatter)(w, &box, &under, cols, apart);
    }
    LM_NAME(lm_unpad)(w, &whole, result);
}

/* Weights [groups, o, c, kernel] as those of the turned window: [groups, c, o, kernel backwards]. */
static void LM_NAME(lm_turn_weight)(const lm_window *w, const LM_REAL *weight, LM_REAL *turned) {
    const int64_t taps = lm_volume(w->kernel);
    for (int64_t group = 0; group < w->groups; ++group)
        for (int64_t c = 0; c < w->c; ++c)
            for (int64_t o = 0; o < w->o; ++o, turned += taps) {
                const LM_REAL *const from = weight + ((group * w->o + o) * w->c + c) * taps;
                for (int64_t k = 0; k < taps; ++k) turned[k] = from[taps - 1 - k];
            }
}

/* g [n, groups o, ..], w [groups o, c, ..] -> x's cotangent [n, groups c, ..]; room for weights where dims ask to turn,
 * and say whether BLAS multiplies then */
static int64_t LM_NAME(lm_conv_input_grad)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    const lm_window *const w = (const lm_window *)dims;
    LM_NAME(lm_conv_job) job = {
        .rt = rt, .w = w, .g = (const LM_REAL *)data[0], .weight = (const LM_REAL *)data[1],
        .result = (LM_REAL *)data[2], .by_blas = dims[LM_WINDOW_DIMS + 1],
    };
    if (dims[LM_WINDOW_DIMS]) {
        const lm_window turned = lm_turned(w);
        LM_NAME(lm_turn_weight)(w, job.weight, (LM_REAL *)data[3]);
        job.w = &turned;
        job.x = job.g;
        job.weight = (const LM_REAL *)data[3];
        LM_NAME(lm_conv_run)(&job);
        return 0;
    }
    job.cut = LM_NAME(lm_conv_cut)(w);
    rt->parallel_for(LM_NAME(lm_conv_back_chunk), &job.call, w->n * w->groups);
    return 0;
}

/* ---- weight gradient ----------------------------------------------------------------------------------------- */

/* What a chunk of the weight gradient works in: a box's patches, its cotangents side by side and in panels, and the sum
 * with the result's channels along its rows. */
typedef struct {
    int64_t across;
    LM_REAL *padded, *cols, *side, *panels, *sum;
} LM_NAME(lm_weight_room);

static LM_NAME(lm_weight_room) LM_NAME(lm_weight_room_of)(const LM_NAME(lm_conv_job) *job, const lm_window *some) {
    const lm_cut *const cut = &job->cut;
    const lm_box most = {.images = cut->images, .size = {cut->size[0], cut->size[1], cut->size[2]}};
    const int64_t apart = LM_NAME(lm_apart)(&most), rows = LM_NAME(lm_inner)(some);
    const int64_t cols = rows * apart + LM_LANES, side = some->o * apart;
    const int64_t panels = LM_NAME(lm_panels_size)(some->o, apart);
    LM_NAME(lm_weight_room) room = {.across = lm_up(some->o, LM_LANES) * LM_LANES};
    room.panels = job->rt->scratch(
        (size_t)(panels + rows * room.across + side + cols + LM_NAME(lm_padded_size)(some, most.size)) * sizeof(LM_REAL)
    );
    room.sum = room.panels + panels;
    room.side = room.sum + rows * room.across;
    room.cols = room.side + side;
    room.padded = room.cols + cols;
    return room;
}

/* sum [rows, across] as columns of `to`, whose rows are `down` apart. */
static void LM_NAME(lm_turn_out)(
    const LM_REAL *sum, int64_t across, int64_t rows, int64_t columns, LM_REAL *to, int64_t down
) {
    for (int64_t k = 0; k < columns; k += LM_LANES)
        for (int64_t r = 0; r < rows; r += LM_LANES) {
            LM_NAME(lm_vector) v[LM_LANES];
            const int64_t last = rows - 1 - r;
#pragma GCC unroll 16
            for (int l = 0; l < LM_LANES; ++l)
                v[l] = *(const LM_NAME(lm_vector) *)(sum + (r + lm_min(l, last)) * across + k);
            LM_NAME(lm_turn)(v);
            for (int64_t l = 0; l < lm_min(LM_LANES, columns - k); ++l)
                LM_NAME(lm_put)(to + (k + l) * down + r, v[l], rows - r);
        }
}

/* The sum over the boxes of a part, for a range of a group's channels. Patches are far more than cotangents: these are
 * packed. */
static void LM_NAME(lm_conv_weight_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_conv_job) *const job = (const LM_NAME(lm_conv_job) *)call;
    const lm_window *const w = job->w;
    const int64_t block = chunk % job->blocks, group = chunk / job->blocks % w->groups;
    const int64_t part = chunk / job->blocks / w->groups;
    const int64_t first = block * w->c / job->blocks, taps = lm_volume(w->kernel), length = lm_volume(w->out);
    lm_window some = *w; /* only these channels */
    some.c = (block + 1) * w->c / job->blocks - first;
    const int64_t inner = w->c * taps, rows = some.c * taps;
    LM_REAL *const sum = (job->parts == 1 ? job->result : job->partial + part * w->groups * w->o * inner)
                         + group * w->o * inner + first * taps;
    const int64_t begin = part * job->cut.count / job->parts, end = (part + 1) * job->cut.count / job->parts;
    if (begin == end) {
        for (int64_t k = 0; k < w->o; ++k) memset(sum + k * inner, 0, (size_t)rows * sizeof *sum);
        return;
    }
    const LM_NAME(lm_weight_room) room = LM_NAME(lm_weight_room_of)(job, &some);
    for (int64_t number = begin; number < end; ++number) {
        const lm_box box = lm_box_of(w, &job->cut, number);
        const int64_t apart = LM_NAME(lm_apart)(&box), positions = lm_volume(box.size);
        const int64_t depth = box.images * positions;
        LM_NAME(lm_patches)(&some, &box, job->x, w->groups * w->c, group * w->c + first, room.padded, room.cols);
        const LM_REAL *g = job->g + (box.image * w->groups + group) * w->o * length + lm_box_start(w, &box);
        const int64_t g_apart = box.images > 1 ? apart : length;
        for (int64_t i = 0; i < box.images && box.images > 1; ++i)
            LM_NAME(lm_copy_rows)(
                room.side + i * positions, apart, g + i * w->groups * w->o * length, length, w->o, positions
            );
        if (box.images > 1) g = room.side;
        if (job->by_blas) {
            job->rt->LM_GEMM(
                0, 1, w->o, rows, depth, 1, g, g_apart, room.cols, apart, number == begin ? 0 : 1, sum, inner
            );
            continue;
        }
        LM_NAME(lm_pack)(w->o, depth, g, 1, g_apart, 1, room.panels);
        LM_NAME(lm_panels)(
            rows, w->o, depth, room.cols, apart, 1, room.panels, room.sum, room.across, number > begin
        );
    }
    if (!job->by_blas) LM_NAME(lm_turn_out)(room.sum, room.across, rows, w->o, sum, inner);
}

#define LM_SUM_BLOCK (1 << 14)

/* Add the parts up in order, for some elements. */
static void LM_NAME(lm_conv_sum_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_conv_job) *const job = (const LM_NAME(lm_conv_job) *)call;
    const int64_t size = job->w->groups * job->w->o * LM_NAME(lm_inner)(job->w), from = chunk * LM_SUM_BLOCK;
    const int64_t count = lm_min(LM_SUM_BLOCK, size - from);
    memcpy(job->result + from, job->partial + from, (size_t)count * sizeof *job->result);
    for (int64_t part = 1; part < job->parts; ++part)
        LM_NAME(lm_add)(job->result + from, job->partial + part * size + from, count);
}

/* g [n, groups o, ..], x [n, groups c, ..] -> w's cotangent [groups o, c, ..]; room for the parts where there are more
 * than one; whether BLAS multiplies */
static int64_t LM_NAME(lm_conv_weight_grad)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    const lm_window *const w = (const lm_window *)dims;
    LM_NAME(lm_conv_job) job = {
        .rt = rt, .w = w, .g = (const LM_REAL *)data[0], .x = (const LM_REAL *)data[1], .result = (LM_REAL *)data[2],
        .parts = dims[LM_WINDOW_DIMS], .blocks = dims[LM_WINDOW_DIMS + 1], .by_blas = dims[LM_WINDOW_DIMS + 2],
    };
    if (lm_is_depthwise(w)) {
        LM_NAME(lm_depthwise_weight_run)(rt, w, job.g, job.x, job.result);
        return 0;
    }
    job.partial = job.parts > 1 ? (LM_REAL *)data[3] : 0;
    lm_window some = *w;
    some.c = lm_up(w->c, job.blocks);
    job.cut = LM_NAME(lm_conv_cut)(&some);
    rt->parallel_for(LM_NAME(lm_conv_weight_chunk), &job.call, job.parts * w->groups * job.blocks);
    if (job.parts > 1) {
        const int64_t size = w->groups * w->o * LM_NAME(lm_inner)(w);
        rt->parallel_for(LM_NAME(lm_conv_sum_chunk), &job.call, lm_up(size, LM_SUM_BLOCK));
    }
    return 0;
}
#undef LM_SUM_BLOCK
