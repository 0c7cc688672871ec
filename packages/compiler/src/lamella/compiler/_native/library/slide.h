/* Convolution: the patches of a box of positions are gathered into panels, where a product of small matrices reads
 * them. A block of channels after the other is padded, gathered and multiplied, so that all of it stays in the cache.
 * Boxes and blocks of the result's channels are independent, and follow from sizes alone.
 */
#ifndef LM_SLIDE_BYTES
#define LM_SLIDE_BYTES (1 << 18) /* panels of a block of channels */
#define LM_SLIDE_DEPTH 320       /* rows of panels, or those of one channel where that is more */
#define LM_SLIDE_MOST 1024       /* positions of a box */
#define LM_SLIDE_WORK (1 << 18)  /* multiply-adds that are worth a chunk of their own */
#define LM_SLIDE_CHUNKS 16       /* from so many on, a few threads end together anyway */
#define LM_SLIDE_ROWS 64         /* of the weights for one pass over the panels */
#define LM_SLIDE_MANY_ROWS 128   /* of a chunk beside which it costs little that patches are gathered for each */
#define LM_SLIDE_LEAST_ROWS 32
#endif

/* What is copied to element `to` of each row of a panel: a piece of a line, in blocks. */
typedef struct { int64_t from, to; } LM_NAME(lm_piece);

typedef struct {
    lm_call call; /* first: chunks get a pointer to it */
    const lm_runtime *rt;
    const lm_window *w;
    lm_cut cut;
    const LM_REAL *x, *weight, *bias;
    LM_REAL *result;
    int64_t rows, blocks; /* the result's channels: of a chunk, and how many chunks they make */
    int64_t channels;     /* that are gathered at a time */
} LM_NAME(lm_slide_job);

/* What a chunk works in. */
typedef struct {
    LM_NAME(lm_padded) p;
    int64_t image;             /* elements between padded images */
    int64_t *taps;             /* of the first window in a channel */
    LM_NAME(lm_piece) *pieces; /* of one panel */
    LM_REAL *panels, *side;
} LM_NAME(lm_slide_room);

static int64_t LM_NAME(lm_slide_positions)(const lm_box *box) { return box->images * lm_volume(box->size); }

/* Elements between the rows of a result that is put aside. */
static int64_t LM_NAME(lm_slide_apart)(const lm_box *box) {
    return lm_up(LM_NAME(lm_slide_positions)(box), LM_LANES) * LM_LANES;
}

/* Where a position of a box lies: image, plane, line and place in it, and the first tap of its window. */
typedef struct { int64_t i, a, b, j, line; } LM_NAME(lm_cursor);

static void LM_NAME(lm_cursor_line)(const lm_window *w, const LM_NAME(lm_slide_room) *room, LM_NAME(lm_cursor) *at) {
    at->line = at->i * room->image + at->a * w->stride[0] * room->p.plane + at->b * w->stride[1] * room->p.row;
}

/* The next `columns` positions as pieces, and whether all of them are at most a block long; how many they are. */
static int64_t LM_NAME(lm_slide_pieces)(
    const lm_window *w, const lm_box *box, const LM_NAME(lm_slide_room) *room, LM_NAME(lm_cursor) *at,
    int64_t columns, int *narrow
) {
    int64_t count = 0;
    *narrow = 1;
    for (int64_t to = 0; to < columns;) {
        const int64_t length = lm_min(box->size[2] - at->j, columns - to);
        *narrow = *narrow && length <= LM_BLOCK;
        for (int64_t k = 0; k < length; k += LM_LANES)
            room->pieces[count++] = (LM_NAME(lm_piece)){at->line + at->j + k, to + k};
        to += length;
        at->j += length;
        if (at->j < box->size[2]) continue;
        at->j = 0;
        if (++at->b == box->size[1]) {
            at->b = 0;
            if (++at->a == box->size[0]) {
                at->a = 0;
                ++at->i;
            }
        }
        LM_NAME(lm_cursor_line)(w, room, at);
    }
    return count;
}

/* One panel, row after row, in blocks of so many bytes; `few`: how many pieces there are, if it is known. */
static inline __attribute__((always_inline)) void LM_NAME(lm_slide_panel_by)(
    const LM_NAME(lm_slide_room) *room, int64_t count, int64_t channels, int64_t taps, LM_REAL *panel,
    const size_t bytes, const int few
) {
    LM_NAME(lm_piece) own[4];
    for (int n = 0; n < few; ++n) own[n] = room->pieces[n];
    for (int64_t c = 0; c < channels; ++c)
        for (int64_t k = 0; k < taps; ++k, panel += LM_PANEL) {
            const LM_REAL *const tap = room->p.data + c * room->p.channel + room->taps[k];
            const LM_NAME(lm_piece) *const pieces = few ? own : room->pieces;
            for (int64_t n = 0; n < (few ? few : count); ++n) memcpy(panel + pieces[n].to, tap + pieces[n].from, bytes);
        }
}

/* The panels of some channels. */
static void LM_NAME(lm_slide_gather)(
    const lm_window *w, const lm_box *box, const LM_NAME(lm_slide_room) *room, int64_t channels
) {
    const int64_t columns = LM_NAME(lm_slide_positions)(box), taps = lm_volume(w->kernel);
    LM_REAL *panel = room->panels;
    LM_NAME(lm_cursor) at = {0};
    for (int64_t first = 0; first < columns; first += LM_PANEL, panel += channels * taps * LM_PANEL) {
        const int64_t some = lm_min(LM_PANEL, columns - first);
        int narrow;
        const int64_t count = LM_NAME(lm_slide_pieces)(w, box, room, &at, some, &narrow);
        if (some < LM_PANEL) memset(panel, 0, (size_t)(channels * taps * LM_PANEL) * sizeof *panel);
        if (narrow && count == 4) LM_NAME(lm_slide_panel_by)(room, count, channels, taps, panel, LM_BLOCK_BYTES, 4);
        else if (narrow) LM_NAME(lm_slide_panel_by)(room, count, channels, taps, panel, LM_BLOCK_BYTES, 0);
        else if (count == 2) LM_NAME(lm_slide_panel_by)(room, count, channels, taps, panel, LM_VECTOR, 2);
        else LM_NAME(lm_slide_panel_by)(room, count, channels, taps, panel, LM_VECTOR, 0);
    }
}

/* The same where an image is its own patches: nothing is read behind it. */
static void LM_NAME(lm_slide_columns)(
    const LM_REAL *x, int64_t apart, int64_t image, const lm_box *box, int64_t channels, LM_REAL *panels
) {
    const int64_t own = lm_volume(box->size), columns = box->images * own;
    if (columns % LM_PANEL)
        memset(panels + columns / LM_PANEL * channels * LM_PANEL, 0, (size_t)(channels * LM_PANEL) * sizeof *panels);
    for (int64_t at = 0, count; at < columns; at += count) {
        const LM_REAL *from = x + at / own * image + at % own;
        LM_REAL *to = panels + at / LM_PANEL * channels * LM_PANEL + at % LM_PANEL;
        count = lm_min(LM_PANEL - at % LM_PANEL, own - at % own);
        if (count == LM_PANEL)
            for (int64_t c = 0; c < channels; ++c, from += apart, to += LM_PANEL)
                memcpy(to, from, LM_PANEL * sizeof *to);
        else
            for (int64_t c = 0; c < channels; ++c, from += apart, to += LM_PANEL) LM_NAME(lm_copy)(to, from, count);
    }
}

static LM_NAME(lm_slide_room) LM_NAME(lm_slide_room_of)(const LM_NAME(lm_slide_job) *job, const lm_box *box) {
    lm_window some = *job->w;
    some.c = job->channels;
    const int64_t item = (int64_t)sizeof(LM_REAL), taps = lm_volume(some.kernel), copied = !lm_is_pointwise(&some);
    const int64_t panels = lm_up(LM_NAME(lm_slide_positions)(box), LM_PANEL);
    LM_NAME(lm_slide_room) room = {.p = LM_NAME(lm_padded_of)(&some, box->size, 0)};
    room.image = room.p.channel * some.c;
    const int64_t padded = copied ? lm_up(box->images * room.image + LM_LANES, LM_LANES) * LM_LANES : 0;
    const int64_t gathered = (panels * taps * some.c + 1) * LM_PANEL; /* blocks are copied past the ends of rows */
    const int64_t aside = box->images > 1 ? job->rows * LM_NAME(lm_slide_apart)(box) : 0;
    const int64_t numbers = 2 * LM_PANEL + taps;
    char *const block =
        job->rt->scratch((size_t)((padded + gathered + aside) * item + numbers * (int64_t)sizeof(int64_t)));
    room.panels = (LM_REAL *)(void *)block;
    room.side = room.panels + gathered;
    room.p.data = room.side + aside;
    room.pieces = (LM_NAME(lm_piece) *)(void *)(room.p.data + padded);
    room.taps = (int64_t *)(void *)(room.pieces + LM_PANEL);
    for (int64_t k = 0; k < taps && copied; ++k) room.taps[k] = LM_NAME(lm_tap_at)(&some, &room.p, k);
    memset(room.p.data, 0, (size_t)(padded * item));
    return room;
}

/* The panels of some channels, from x on, of the images of a box. */
static void LM_NAME(lm_slide_patches)(
    const lm_window *some, const lm_box *box, const LM_REAL *x, int64_t next, const LM_NAME(lm_slide_room) *room
) {
    if (lm_is_pointwise(some)) {
        LM_NAME(lm_slide_columns)(
            x + lm_box_start(some, box), lm_volume(some->in), next, box, some->c, room->panels
        );
        return;
    }
    LM_NAME(lm_padded) p = room->p;
    for (int64_t i = 0; i < box->images; ++i, p.data += room->image)
        LM_NAME(lm_pad)(some, box, x + i * next, &p);
    LM_NAME(lm_slide_gather)(some, box, room, some->c);
}

static void LM_NAME(lm_slide_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_slide_job) *const job = (const LM_NAME(lm_slide_job) *)call;
    const lm_window *const w = job->w;
    const int64_t row = chunk % job->blocks * job->rows, group = chunk / job->blocks % w->groups;
    const lm_box box = lm_box_of(w, &job->cut, chunk / job->blocks / w->groups);
    const LM_NAME(lm_slide_room) room = LM_NAME(lm_slide_room_of)(job, &box);
    const int64_t rows = lm_min(job->rows, w->o - row), taps = lm_volume(w->kernel), inner = w->c * taps;
    const int64_t length = lm_volume(w->out), next = w->groups * w->o * length;
    const int64_t columns = LM_NAME(lm_slide_positions)(&box);
    LM_REAL *const y = job->result + ((box.image * w->groups + group) * w->o + row) * length + lm_box_start(w, &box);
    LM_REAL *const to = box.images > 1 ? room.side : y;
    const int64_t apart = box.images > 1 ? LM_NAME(lm_slide_apart)(&box) : length;
    const LM_REAL *const weight = job->weight + (group * w->o + row) * inner;
    const LM_REAL *const bias = job->bias ? job->bias + group * w->o + row : 0;
    const int64_t size = lm_volume(w->in);
    const LM_REAL *const x = job->x + (box.image * w->groups + group) * w->c * size;
    for (int64_t m = 0; m < rows && bias; ++m)
        for (int64_t j = 0; j < columns; ++j) to[m * apart + j] = bias[m];
    lm_window some = *w; /* a block of its channels */
    for (int64_t first = 0; first < w->c; first += some.c) {
        some.c = lm_min(job->channels, w->c - first);
        LM_NAME(lm_slide_patches)(&some, &box, x + first * size, w->groups * w->c * size, &room);
        for (int64_t m = 0; m < rows; m += LM_SLIDE_ROWS)
            LM_NAME(lm_panels)(
                lm_min(LM_SLIDE_ROWS, rows - m), columns, some.c * taps, weight + m * inner + first * taps, inner, 1,
                room.panels, to + m * apart, apart, bias || first > 0
            );
    }
    for (int64_t i = 0; i < box.images && box.images > 1; ++i)
        LM_NAME(lm_copy_rows)(
            y + i * next, length, to + i * lm_volume(box.size), apart, rows, lm_volume(box.size)
        );
}

static void LM_NAME(lm_slide_run)(
    const lm_runtime *rt, const lm_window *w, const LM_REAL *x, const LM_REAL *weight, const LM_REAL *bias, LM_REAL *y
) {
    LM_NAME(lm_slide_job) job = {.rt = rt, .w = w, .x = x, .weight = weight, .bias = bias, .result = y};
    const int64_t taps = lm_max(lm_volume(w->kernel), 1), all = w->n * lm_volume(w->out);
    if (!all || !w->o) return;
    lm_window flat = *w;
    if (lm_is_pointwise(w)) { /* an image is a line */
        for (int axis = 0; axis < LM_AXES; ++axis) flat.in[axis] = flat.out[axis] = axis == 2 ? lm_volume(w->out) : 1;
        job.w = w = &flat;
    }
    job.channels = lm_up(w->c, lm_up(w->c, lm_max(LM_SLIDE_DEPTH / taps, 1))); /* blocks of one size */
    const int64_t fit = LM_SLIDE_BYTES / (int64_t)sizeof(LM_REAL) / (job.channels * taps) / LM_PANEL * LM_PANEL;
    int64_t positions = lm_max(lm_min(fit, LM_SLIDE_MOST), LM_PANEL), blocks = 1;
    const int64_t worth = lm_min(all * w->groups * w->o * w->c * taps / LM_SLIDE_WORK, LM_FEW_CHUNKS);
    const int64_t chunks = lm_up(all, positions) * w->groups;
    if (chunks < LM_SLIDE_CHUNKS) { /* cut further, and evenly */
        const int64_t wanted = lm_evenly(lm_max(chunks, worth), LM_SLIDE_CHUNKS);
        blocks = lm_max(lm_min(lm_up(wanted, chunks), w->o / LM_SLIDE_MANY_ROWS), 1);
        const int64_t boxes = lm_up(wanted, w->groups * blocks);
        positions = lm_max(lm_up(lm_up(all, boxes), LM_LANES) * LM_LANES, LM_PANEL);
    }
    job.cut = lm_cut_positions(w, positions);
    const int64_t few = lm_min(lm_up(worth, job.cut.count * w->groups), lm_up(w->o, LM_SLIDE_LEAST_ROWS));
    job.rows = lm_up(lm_up(w->o, lm_max(blocks, few)), LM_TILE) * LM_TILE;
    job.blocks = lm_up(w->o, job.rows);
    rt->parallel_for(LM_NAME(lm_slide_chunk), &job.call, job.cut.count * w->groups * job.blocks);
}
#undef LM_BLOCK
#undef LM_BLOCK_BYTES
