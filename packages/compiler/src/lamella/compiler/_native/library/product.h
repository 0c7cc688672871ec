/* Products of matrices in chunks, each some rows by some columns of one result; how it is cut follows from sizes alone. */
#ifndef LM_PIECE_WORK
#define LM_PIECE_WORK (1 << 19) /* multiply-adds that pay for a chunk */
#define LM_PIECE_ROWS 512       /* for which a panel is packed once */
#define LM_ACROSS_PANELS 8      /* for which a left side that lies across is copied once */

/* Operands are matrices with leading dims, repeated over batch dims (extent, step of a, step of b) in elements; the
 * result is contiguous. */
typedef struct {
    int64_t ta, tb, m, n, k, lda, ldb, rank, batch[];
} lm_product_dims;
#endif

typedef struct {
    lm_call call; /* first: chunks get a pointer to it */
    const lm_runtime *rt;
    const lm_product_dims *d;
    const LM_REAL *a, *b;
    LM_REAL *c;
    int64_t rows, columns, down, across; /* of a piece; pieces of a matrix */
} LM_NAME(lm_product_job);

static void LM_NAME(lm_product_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_product_job) *const job = (const LM_NAME(lm_product_job) *)call;
    const lm_product_dims *const d = job->d;
    const int64_t n0 = chunk % job->across * job->columns, above = chunk / job->across;
    const int64_t m0 = above % job->down * job->rows, matrix = above / job->down;
    int64_t at_a = d->ta ? m0 : m0 * d->lda, at_b = d->tb ? n0 * d->ldb : n0, rest = matrix;
    for (int64_t r = d->rank - 1; r >= 0; --r) {
        const int64_t *const dim = d->batch + 3 * r;
        at_a += rest % dim[0] * dim[1];
        at_b += rest % dim[0] * dim[2];
        rest /= dim[0];
    }
    LM_REAL *const room = job->rt->scratch((size_t)LM_NAME(lm_multiply_room)((int)d->ta, d->k, d->lda) * sizeof *room);
    LM_NAME(lm_multiply)(
        (int)d->ta, (int)d->tb, lm_min(job->rows, d->m - m0), lm_min(job->columns, d->n - n0), d->k, job->a + at_a,
        d->lda, job->b + at_b, d->ldb, 0, job->c + (matrix * d->m + m0) * d->n + n0, d->n, room
    );
}

/* a, b -> a @ b */
static int64_t LM_NAME(lm_product)(
    const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars
) {
    (void)scalars;
    const lm_product_dims *const d = (const lm_product_dims *)dims;
    LM_NAME(lm_product_job) job = {
        .rt = rt, .d = d, .a = (const LM_REAL *)data[0], .b = (const LM_REAL *)data[1], .c = (LM_REAL *)data[2],
    };
    int64_t count = 1;
    for (int64_t r = 0; r < d->rank; ++r) count *= d->batch[3 * r];
    if (!d->m || !d->n) return 0;
    const int across = LM_NAME(lm_across)((int)d->ta, d->lda);
    job.rows = across ? LM_NAME(lm_across_rows)(d->k) : lm_up(d->m, lm_up(d->m, LM_PIECE_ROWS) * LM_TILE) * LM_TILE;
    const int64_t panel = lm_max(lm_min(job.rows, d->m) * LM_PANEL * d->k, 1);
    job.columns = lm_max(lm_up(LM_PIECE_WORK, panel), across ? LM_ACROSS_PANELS : 1) * LM_PANEL;
    job.down = lm_up(d->m, job.rows);
    job.across = lm_up(d->n, job.columns);
    rt->parallel_for(LM_NAME(lm_product_chunk), &job.call, count * job.down * job.across);
    return 0;
}
