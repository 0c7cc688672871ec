/* Windows that slide over images [N, groups * C, d1, d2, d3]: sizes, and how the work is cut.
 *
 * Images of fewer dims have leading dims of size 1, so three loops serve all. The work is cut into boxes of window
 * positions that lie together in the result: all of some images, or some planes, rows or columns of one. Cuts follow
 * from sizes alone, never from the number of threads.
 */
#ifndef LM_WINDOW_H
#define LM_WINDOW_H
#include "lamella.h"

#define LM_AXES 3

/* The sizes of one call, as they stand in `dims`: channels are those of one group. */
typedef struct {
    int64_t n, groups, c, o;
    int64_t in[LM_AXES], kernel[LM_AXES], out[LM_AXES], stride[LM_AXES], pad[LM_AXES], step[LM_AXES];
} lm_window;
#define LM_WINDOW_DIMS ((int64_t)(sizeof(lm_window) / sizeof(int64_t))) /* what follows belongs to the op */

/* Positions of windows: `images` from `image` on, and of each of them the box `from` .. `from + size`. */
typedef struct {
    int64_t image, images, from[LM_AXES], size[LM_AXES];
} lm_box;

/* How positions are cut into boxes. */
typedef struct {
    int64_t images;         /* in a box, if it holds whole images */
    int64_t size[LM_AXES];  /* of a box */
    int64_t cuts[LM_AXES];  /* boxes along each axis of an image */
    int64_t count;          /* boxes in all */
} lm_cut;

static inline int64_t lm_max(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t lm_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Chunks for about `wanted`, of which there may be `most`: one, or a multiple of a few, so that a few threads end
 * together. */
#define LM_FEW_CHUNKS 4
static inline int64_t lm_evenly(int64_t wanted, int64_t most) {
    return lm_min(wanted <= 1 ? 1 : lm_up(wanted, LM_FEW_CHUNKS) * LM_FEW_CHUNKS, most);
}

static inline int64_t lm_volume(const int64_t *size) { return size[0] * size[1] * size[2]; }

/* How far `size` windows reach along an axis. */
static inline int64_t lm_reach(const lm_window *w, int axis, int64_t size) {
    return (size - 1) * w->stride[axis] + w->step[axis] * (w->kernel[axis] - 1) + 1;
}

/* Boxes of about `positions` windows each, or of one where that is less. */
static inline lm_cut lm_cut_positions(const lm_window *w, int64_t positions) {
    lm_cut cut = {1, {1, 1, 1}, {1, 1, 1}, 0};
    const int64_t whole = lm_volume(w->out);
    int64_t left = lm_max(positions, 1);
    if (whole <= left) {
        const int64_t most = lm_max(left / lm_max(whole, 1), 1);
        cut.images = lm_up(w->n, lm_max(lm_up(w->n, most), 1)); /* boxes of one size */
    }
    for (int axis = LM_AXES - 1; axis >= 0; --axis) { /* the last axes first: what a box holds lies together */
        const int64_t full = w->out[axis];
        cut.size[axis] = lm_max(lm_min(full, left), 1);
        cut.cuts[axis] = lm_up(full, cut.size[axis]);
        cut.size[axis] = lm_max(lm_up(full, lm_max(cut.cuts[axis], 1)), 1);
        left = cut.cuts[axis] > 1 ? 1 : left / cut.size[axis];
    }
    cut.count = lm_up(w->n, lm_max(cut.images, 1)) * lm_volume(cut.cuts);
    return cut;
}

/* The box of a number. */
static inline lm_box lm_box_of(const lm_window *w, const lm_cut *cut, int64_t number) {
    lm_box box;
    for (int axis = LM_AXES - 1; axis >= 0; --axis) {
        box.from[axis] = number % cut->cuts[axis] * cut->size[axis];
        box.size[axis] = lm_min(cut->size[axis], w->out[axis] - box.from[axis]);
        number /= cut->cuts[axis];
    }
    box.image = number * cut->images;
    box.images = lm_min(cut->images, w->n - box.image);
    return box;
}

/* Along an axis, which elements of the padded part under a box are of the image: low..high, from image[source] on. */
typedef struct { int64_t low, high, source; } lm_inside;

static inline lm_inside lm_inside_of(const lm_window *w, int axis, int64_t from, int64_t reach) {
    const int64_t start = from * w->stride[axis] - w->pad[axis];
    const int64_t low = lm_min(lm_max(-start, 0), reach);
    const int64_t high = lm_min(lm_max(w->in[axis] - start, low), reach);
    return (lm_inside){low, high, start + low};
}

/* The first place k of a phase whose element k * stride + phase is not before `low`. */
static inline int64_t lm_first_of(int64_t low, int64_t phase, int64_t stride) {
    return low <= phase ? 0 : lm_up(low - phase, stride);
}

/* Where the first position of a box lies in an image of the result. */
static inline int64_t lm_box_start(const lm_window *w, const lm_box *box) {
    return (box->from[0] * w->out[1] + box->from[1]) * w->out[2] + box->from[2];
}

/* The first tap of the window at a position that is not before the image, along an axis. */
static inline int64_t lm_first_tap(const lm_window *w, int axis, int64_t position) {
    const int64_t start = position * w->stride[axis] - w->pad[axis];
    return start >= 0 ? 0 : lm_up(-start, w->step[axis]);
}

/* How many elements of the window at a position lie in the image, or in it and its padding. */
static inline int64_t lm_counted(const lm_window *w, int axis, int64_t position, int64_t with_padding) {
    const int64_t start = position * w->stride[axis] - w->pad[axis], padding = with_padding ? w->pad[axis] : 0;
    return lm_min(start + w->kernel[axis], w->in[axis] + padding) - lm_max(start, -padding);
}

/* Whether an image is its own patches. */
static inline int lm_is_pointwise(const lm_window *w) {
    int yes = lm_volume(w->kernel) == 1;
    for (int axis = 0; axis < LM_AXES; ++axis)
        yes = yes && w->stride[axis] == 1 && !w->pad[axis] && w->in[axis] == w->out[axis];
    return yes;
}

/* One channel of the input for each group, and few of the result: a product would be a row or two high. */
static inline int lm_is_depthwise(const lm_window *w) { return w->groups > 1 && w->c == 1 && w->o <= 4; }

/* The window that slides over the result: at stride 1 the input gradient is a convolution of the cotangent. */
static inline lm_window lm_turned(const lm_window *w) {
    lm_window turned = *w;
    turned.c = w->o;
    turned.o = w->c;
    for (int axis = 0; axis < LM_AXES; ++axis) {
        turned.in[axis] = w->out[axis];
        turned.out[axis] = w->in[axis];
        turned.pad[axis] = w->step[axis] * (w->kernel[axis] - 1) - w->pad[axis];
    }
    return turned;
}
#endif
