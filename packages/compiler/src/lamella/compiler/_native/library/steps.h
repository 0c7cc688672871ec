/* The walk of a recurrent layer over its time steps.
 *
 * The rows of step t are its sizes[t] sequences, the longest first; no step is empty. A step is cut into blocks of
 * units: a block takes the product of the whole state with its own columns of the weights, and all that follows for
 * its units, so threads meet once a step. Blocks follow from the number of units alone.
 */
#ifndef LM_STEPS_H
#define LM_STEPS_H
#include "lamella.h"

#define LM_UNITS 64 /* of a block: its weights stay in the cache */

/* The sizes of one call, as they stand in `dims`: `state` is the width of h, `units` that of each gate. */
typedef struct {
    int64_t batch, state, units, reverse, relu, steps, sizes[];
} lm_layer;

/* A step: number, first row, rows; and those of the step that was walked before it (had = 0 at the start). */
typedef struct {
    int64_t t, at, n, before, had;
} lm_moment;

/* Before the first step; `down`: from the last one to the first. */
static inline lm_moment lm_walk_begin(const lm_layer *d, int down) {
    lm_moment m = {.t = down ? d->steps : -1};
    for (int64_t t = 0; down && t < d->steps; ++t) m.at += d->sizes[t];
    return m;
}

/* Go to the next step; 0 where there is none. */
static inline int lm_walk_next(const lm_layer *d, int down, lm_moment *m) {
    if (down ? m->t <= 0 : m->t + 1 >= d->steps) return 0;
    const lm_moment now = *m;
    m->t += down ? -1 : 1;
    m->n = d->sizes[m->t];
    m->at = down ? now.at - m->n : now.at + now.n;
    m->before = now.at;
    m->had = now.n;
    return 1;
}

/* The step that the layer itself walks before this one, as `before` and `had`. */
static inline lm_moment lm_walk_earlier(const lm_layer *d, const lm_moment *m) {
    lm_moment e = {0};
    if (d->reverse && m->t + 1 < d->steps) e = (lm_moment){.before = m->at + m->n, .had = d->sizes[m->t + 1]};
    if (!d->reverse && m->t > 0) e = (lm_moment){.before = m->at - d->sizes[m->t - 1], .had = d->sizes[m->t - 1]};
    return e;
}

static inline int64_t lm_blocks(int64_t units) { return (units + LM_UNITS - 1) / LM_UNITS; }
#endif
