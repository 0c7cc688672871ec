/* The elements under windows, gathered into the rows of a matrix [C * kernel, positions], and added back from there.
 *
 * The part of an image that a box reaches is first copied with its padding, each channel split into the phases of its
 * rows: element j of a row lies at place j / stride of its row in phase j % stride. So every row of the matrix is made
 * of runs of neighbours, whatever the stride, and rows without padding between them are copied as one.
 * Runs are copied by blocks that may write past their end: the next run comes after, and buffers have room.
 */
#define LM_BLOCK_BYTES (LM_VECTOR < 32 ? LM_VECTOR : 32)
#define LM_BLOCK (LM_BLOCK_BYTES / (int64_t)sizeof(LM_REAL))

/* The padded part of an image under a box: its size, and the elements between neighbours of each kind. */
typedef struct {
    LM_REAL *data;
    int64_t reach[LM_AXES], row, plane, phase, channel;
} LM_NAME(lm_padded);

static LM_NAME(lm_padded) LM_NAME(lm_padded_of)(const lm_window *w, const int64_t *size, LM_REAL *data) {
    LM_NAME(lm_padded) p = {.data = data};
    for (int axis = 0; axis < LM_AXES; ++axis) p.reach[axis] = lm_reach(w, axis, size[axis]);
    p.row = lm_up(p.reach[2], w->stride[2]);
    p.plane = p.row * p.reach[1];
    p.phase = p.plane * p.reach[0];
    p.channel = p.phase * w->stride[2];
    return p;
}

/* Elements of memory for it. */
static int64_t LM_NAME(lm_padded_size)(const lm_window *w, const int64_t *size) {
    return LM_NAME(lm_padded_of)(w, size, 0).channel * w->c + LM_LANES;
}

static inline __attribute__((always_inline)) void LM_NAME(lm_run)(
    LM_REAL *to, const LM_REAL *from, int64_t count, const size_t bytes
) {
    for (int64_t j = 0; j < count; j += (int64_t)(bytes / sizeof *to)) memcpy(to + j, from + j, bytes);
}

/* The same without writing past the end: rows of images are short for a call of memcpy. */
static inline void LM_NAME(lm_copy)(LM_REAL *to, const LM_REAL *from, int64_t count) {
    const int64_t whole = count / LM_BLOCK * LM_BLOCK;
    LM_NAME(lm_run)(to, from, whole, LM_BLOCK_BYTES);
    for (int64_t j = whole; j < count; ++j) to[j] = from[j];
}

/* Pairs of neighbours to two places, in blocks of so few that compilers make shuffles of them; how many are done. */
static inline __attribute__((always_inline)) int64_t LM_NAME(lm_unzip_by)(
    LM_REAL *restrict even, LM_REAL *restrict odd, const LM_REAL *restrict from, int64_t done, int64_t pairs,
    const int64_t lanes
) {
    for (; done + lanes <= pairs; done += lanes)
        for (int64_t l = 0; l < lanes; ++l) {
            even[done + l] = from[2 * (done + l)];
            odd[done + l] = from[2 * (done + l) + 1];
        }
    return done;
}

#define LM_TWICE(lane, first) (2 * (lane) + (first))
static inline void LM_NAME(lm_unzip)(LM_REAL *even, LM_REAL *odd, const LM_REAL *from, int64_t pairs) {
    const LM_NAME(lm_mask) evens = {LM_EACH_LANE(LM_TWICE, 0)}, odds = {LM_EACH_LANE(LM_TWICE, 1)};
    int64_t done = 0;
    for (; done + LM_LANES <= pairs; done += LM_LANES) {
        const LM_NAME(lm_vector) a = *(const LM_NAME(lm_vector) *)(from + 2 * done);
        const LM_NAME(lm_vector) b = *(const LM_NAME(lm_vector) *)(from + 2 * done + LM_LANES);
        *(LM_NAME(lm_vector) *)(even + done) = LM_PICK(a, b, evens);
        *(LM_NAME(lm_vector) *)(odd + done) = LM_PICK(a, b, odds);
    }
    done = LM_NAME(lm_unzip_by)(even, odd, from, done, pairs, LM_LANES / 2);
    if (LM_LANES > 4) done = LM_NAME(lm_unzip_by)(even, odd, from, done, pairs, LM_LANES / 4);
    LM_NAME(lm_unzip_by)(even, odd, from, done, pairs, 1);
}
#undef LM_TWICE

/* Elements low..high of a row, of which from[0] is the first, to their phases. */
static inline void LM_NAME(lm_split)(
    LM_REAL *row, int64_t phase, int64_t stride, const LM_REAL *from, int64_t low, int64_t high
) {
    if (stride == 1) {
        LM_NAME(lm_copy)(row + low, from, high - low);
        return;
    }
    if (stride == 2 && low < high) {
        if (low % 2) row[phase + low++ / 2] = *from++;
        LM_NAME(lm_unzip)(row + low / 2, row + phase + low / 2, from, (high - low) / 2);
        if ((high - low) % 2) row[high / 2] = from[high - low - 1];
        return;
    }
    for (int64_t q = 0; q < stride; ++q, row += phase)
        for (int64_t k = lm_first_of(low, q, stride); k * stride + q < high; ++k) row[k] = from[k * stride + q - low];
}

/* Copy `rows` rows of `count` elements. */
static void LM_NAME(lm_copy_rows)(
    LM_REAL *to, int64_t to_apart, const LM_REAL *from, int64_t from_apart, int64_t rows, int64_t count
) {
    for (int64_t k = 0; k < rows; ++k) memcpy(to + k * to_apart, from + k * from_apart, (size_t)count * sizeof *to);
}

/* Copy the channels of a group of one image under the box; what is outside of the image must be zero already. */
static void LM_NAME(lm_pad)(
    const lm_window *w, const lm_box *box, const LM_REAL *image, const LM_NAME(lm_padded) *p
) {
    lm_inside in[LM_AXES];
    for (int axis = 0; axis < LM_AXES; ++axis) in[axis] = lm_inside_of(w, axis, box->from[axis], p->reach[axis]);
    const int64_t stride = w->stride[2], width = in[2].high - in[2].low;
    const int together = width == w->in[2] && width == p->row * stride; /* rows */
    const int64_t rows = together ? in[1].high - in[1].low : 1;
    for (int64_t c = 0; c < w->c; ++c)
        for (int64_t a = in[0].low; a < in[0].high; ++a)
            for (int64_t b = in[1].low; b < in[1].high; b += rows)
                LM_NAME(lm_split)(
                    p->data + c * p->channel + a * p->plane + b * p->row, p->phase, stride,
                    image + ((c * w->in[0] + a - in[0].low + in[0].source) * w->in[1] + b - in[1].low + in[1].source)
                                * w->in[2] + in[2].source,
                    in[2].low, in[2].low + rows * width
                );
}

/* Where row (c, k0, k1, k2) of the matrix begins in the padded part. */
static LM_REAL *LM_NAME(lm_tap)(
    const lm_window *w, const LM_NAME(lm_padded) *p, int64_t c, int64_t k0, int64_t k1, int64_t k2
) {
    const int64_t at = k2 * w->step[2];
    return p->data + c * p->channel + k0 * w->step[0] * p->plane + k1 * w->step[1] * p->row
           + at % w->stride[2] * p->phase + at / w->stride[2];
}

/* Where element `tap` of the first window lies in a channel of the padded part. */
static int64_t LM_NAME(lm_tap_at)(const lm_window *w, const LM_NAME(lm_padded) *p, int64_t tap) {
    const int64_t line = tap / w->kernel[2];
    return LM_NAME(lm_tap)(w, p, 0, line / w->kernel[1], line % w->kernel[1], tap % w->kernel[2]) - p->data;
}

/* Row after row of the matrix, in blocks of so many bytes; `one`: a line of the box is one block. */
static inline __attribute__((always_inline)) void LM_NAME(lm_gather_by)(
    const lm_window *w, const lm_box *box, const LM_NAME(lm_padded) *p, LM_REAL *cols, int64_t ld, const size_t bytes,
    const int one
) {
    const int64_t down = w->stride[0] * p->plane, along = w->stride[1] * p->row;
    const int64_t width = one ? (int64_t)(bytes / sizeof *cols) : box->size[2];
    for (int64_t c = 0; c < w->c; ++c)
        for (int64_t k0 = 0; k0 < w->kernel[0]; ++k0)
            for (int64_t k1 = 0; k1 < w->kernel[1]; ++k1)
                for (int64_t k2 = 0; k2 < w->kernel[2]; ++k2, cols += ld) {
                    const LM_REAL *const tap = LM_NAME(lm_tap)(w, p, c, k0, k1, k2);
                    LM_REAL *to = cols;
                    for (int64_t a = 0; a < box->size[0]; ++a)
                        for (int64_t b = 0; b < box->size[1]; ++b, to += width)
                            LM_NAME(lm_run)(to, tap + a * down + b * along, width, bytes);
                }
}

/* The patches of a padded part as columns of `cols`, whose rows are `ld` apart. */
static void LM_NAME(lm_gather)(
    const lm_window *w, const lm_box *box, const LM_NAME(lm_padded) *p, LM_REAL *cols, int64_t ld
) {
    const int64_t width = box->size[2];
    if (width == LM_BLOCK) LM_NAME(lm_gather_by)(w, box, p, cols, ld, LM_BLOCK_BYTES, 1);
    else if (width == LM_LANES) LM_NAME(lm_gather_by)(w, box, p, cols, ld, LM_VECTOR, 1);
    else if (width % LM_LANES) LM_NAME(lm_gather_by)(w, box, p, cols, ld, LM_BLOCK_BYTES, 0);
    else LM_NAME(lm_gather_by)(w, box, p, cols, ld, LM_VECTOR, 0);
}

/* The transpose of lm_gather: add the columns to where they come from. */
static void LM_NAME(lm_scatter)(
    const lm_window *w, const lm_box *box, const LM_NAME(lm_padded) *p, const LM_REAL *cols, int64_t ld
) {
    const int64_t down = w->stride[0] * p->plane, along = w->stride[1] * p->row, width = box->size[2];
    for (int64_t c = 0; c < w->c; ++c)
        for (int64_t k0 = 0; k0 < w->kernel[0]; ++k0)
            for (int64_t k1 = 0; k1 < w->kernel[1]; ++k1)
                for (int64_t k2 = 0; k2 < w->kernel[2]; ++k2, cols += ld) {
                    LM_REAL *const tap = LM_NAME(lm_tap)(w, p, c, k0, k1, k2);
                    const LM_REAL *from = cols;
                    for (int64_t a = 0; a < box->size[0]; ++a)
                        for (int64_t b = 0; b < box->size[1]; ++b, from += width)
                            LM_NAME(lm_add)(tap + a * down + b * along, from, width);
                }
}

/* The transpose of lm_pad for a whole image: what lies under no window is zero. */
static void LM_NAME(lm_unpad)(const lm_window *w, const LM_NAME(lm_padded) *p, LM_REAL *image) {
    lm_inside in[LM_AXES];
    for (int axis = 0; axis < LM_AXES; ++axis) in[axis] = lm_inside_of(w, axis, 0, p->reach[axis]);
    const int64_t stride = w->stride[2];
    memset(image, 0, (size_t)(w->c * lm_volume(w->in)) * sizeof *image);
    for (int64_t c = 0; c < w->c; ++c)
        for (int64_t a = in[0].low; a < in[0].high; ++a)
            for (int64_t b = in[1].low; b < in[1].high; ++b) {
                const LM_REAL *from = p->data + c * p->channel + a * p->plane + b * p->row;
                LM_REAL *const to =
                    image + ((c * w->in[0] + a - in[0].low + in[0].source) * w->in[1] + b - in[1].low + in[1].source)
                                * w->in[2] + in[2].source - in[2].low;
                for (int64_t phase = 0; phase < stride; ++phase, from += p->phase)
                    for (int64_t k = lm_first_of(in[2].low, phase, stride); k * stride + phase < in[2].high; ++k)
                        to[k * stride + phase] = from[k];
            }
}
