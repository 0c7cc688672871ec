/* Products of matrices by the BLAS that numpy has loaded, called through function pointers.
 *
 * A large product is cut into chunks that the pool runs, each a call of BLAS on one thread: BLAS's own threads wait for
 * one another, which on a loaded machine costs many times the product, and compete with the pool. How it is cut follows
 * from the sizes alone. Where BLAS cannot be held at one thread it is called once and does as it likes.
 */
#include "runtime.h"

enum { LM_ROW_MAJOR = 101, LM_AS_IT_LIES = 111, LM_TRANSPOSED = 112 };

static void *lm_blas_s, *lm_blas_d; /* cblas_sgemm and cblas_dgemm */
static int lm_blas_held;            /* BLAS is held at one thread while a graph runs */

#define LM_FLAG(transposed) ((transposed) ? LM_TRANSPOSED : LM_AS_IT_LIES)

/* Calls of the pointer as declared with `index` for sizes: int64_t (ILP64) or int (LP64). */
#define LM_GEMM(name, real, index, pointer)                                                                          \
    static void name(int ta, int tb, int64_t m, int64_t n, int64_t k, real alpha, const real *a, int64_t lda,        \
                     const real *b, int64_t ldb, real beta, real *c, int64_t ldc) {                                  \
        typedef void (*gemm)(int, int, int, index, index, index, real, const real *, index, const real *, index,     \
                             real, real *, index);                                                                   \
        ((gemm)(pointer))(LM_ROW_MAJOR, LM_FLAG(ta), LM_FLAG(tb), (index)m, (index)n, (index)k, alpha, a, (index)lda, \
                          b, (index)ldb, beta, c, (index)ldc);                                                       \
    }
LM_GEMM(lm_sgemm_64, float, int64_t, lm_blas_s)
LM_GEMM(lm_sgemm_32, float, int, lm_blas_s)
LM_GEMM(lm_dgemm_64, double, int64_t, lm_blas_d)
LM_GEMM(lm_dgemm_32, double, int, lm_blas_d)

/* `wide`: sizes are int64_t; `held`: the caller holds BLAS at one thread around every run. */
LM_EXPORT void lm_set_blas(void *s, void *d, int wide, int held) {
    lm_blas_s = s;
    lm_blas_d = d;
    lm_blas_held = held;
    lm_the_runtime.sgemm = !s ? 0 : wide ? lm_sgemm_64 : lm_sgemm_32;
    lm_the_runtime.dgemm = !d ? 0 : wide ? lm_dgemm_64 : lm_dgemm_32;
}

/* ---- matmul ---------------------------------------------------------------------------------------------------- */

#define LM_SERIAL_WORK (1 << 20)  /* multiply-adds below which waking a thread costs more than it saves */
#define LM_CHUNK_WORK (64 << 20)  /* multiply-adds of one chunk, as long as there are no more than LM_MOST_CHUNKS */
#define LM_FEW_CHUNKS 4           /* chunks are a multiple of it, so that a few threads end together */
#define LM_MOST_CHUNKS 32
#define LM_TILE 64                /* rows and columns of a chunk are multiples of it */
#define LM_LEAST_SIDE 256         /* of a chunk, where there are enough: BLAS packs for each what its neighbours share */

/* Sizes of a matmul: operands are matrices with leading dims, repeated over batch dims (extent, step of a, step of b)
 * in elements; the result is contiguous. */
typedef struct {
    int64_t item, ta, tb, m, n, k, lda, ldb, rank, batch[];
} lm_matmul_dims;

static void lm_matrix(const lm_runtime *rt, const lm_matmul_dims *d, char *const *data, int64_t matrix, int64_t m0,
                      int64_t m1, int64_t n0, int64_t n1) {
    int64_t a = 0, b = 0, rest = matrix;
    for (int64_t r = d->rank - 1; r >= 0; --r) {
        const int64_t *const dim = d->batch + 3 * r;
        a += rest % dim[0] * dim[1];
        b += rest % dim[0] * dim[2];
        rest /= dim[0];
    }
    a += d->ta ? m0 : m0 * d->lda;
    b += d->tb ? n0 * d->ldb : n0;
    const int64_t c = (matrix * d->m + m0) * d->n + n0;
    if (d->item == 4)
        rt->sgemm((int)d->ta, (int)d->tb, m1 - m0, n1 - n0, d->k, 1.0f, (const float *)data[0] + a, d->lda,
                  (const float *)data[1] + b, d->ldb, 0.0f, (float *)data[2] + c, d->n);
    else
        rt->dgemm((int)d->ta, (int)d->tb, m1 - m0, n1 - n0, d->k, 1.0, (const double *)data[0] + a, d->lda,
                  (const double *)data[1] + b, d->ldb, 0.0, (double *)data[2] + c, d->n);
}

/* How the chunks cover the product: `matrices` of them each, or tiles of one, so many down and across. */
typedef struct { int64_t matrices, count, rows, columns, down, across; } lm_cut;

typedef struct { lm_call call; const lm_runtime *rt; lm_cut cut; } lm_product; /* chunks get &call */

static void lm_matmul_chunk(const lm_call *call, int64_t chunk) {
    const lm_product *const p = (const lm_product *)(const void *)call;
    const lm_matmul_dims *const d = (const lm_matmul_dims *)(const void *)call->dims;
    if (p->cut.down * p->cut.across == 1) {
        const int64_t first = chunk * p->cut.matrices, end = lm_min(first + p->cut.matrices, p->cut.count);
        for (int64_t matrix = first; matrix < end; ++matrix) lm_matrix(p->rt, d, call->data, matrix, 0, d->m, 0, d->n);
        return;
    }
    const int64_t column = chunk % p->cut.across * p->cut.columns, above = chunk / p->cut.across;
    const int64_t row = above % p->cut.down * p->cut.rows, matrix = above / p->cut.down;
    lm_matrix(p->rt, d, call->data, matrix, row, lm_min(row + p->cut.rows, d->m), column,
              lm_min(column + p->cut.columns, d->n));
}

/* Into how many chunks so many multiply-adds are cut. */
static int64_t lm_wanted(int64_t work) {
    const int64_t few = (int64_t)LM_FEW_CHUNKS * LM_CHUNK_WORK;
    return lm_min((work + few - 1) / few * LM_FEW_CHUNKS, LM_MOST_CHUNKS);
}

/* A side in at most `most` pieces of one size; how many they are, and in *size their size. */
static int64_t lm_pieces(int64_t side, int64_t most, int64_t *size) {
    *size = lm_min((side + most * LM_TILE - 1) / (most * LM_TILE) * LM_TILE, side);
    return (side + *size - 1) / *size;
}

/* Cut one matrix: its longer side first, then the other, if tiles stay wide enough. */
static void lm_cut_matrix(const lm_matmul_dims *d, lm_cut *cut) {
    const int tall = d->m >= d->n;
    const int64_t longer = tall ? d->m : d->n, shorter = tall ? d->n : d->m;
    const int64_t wanted = lm_wanted(d->m * d->n * d->k);
    const int64_t wide = longer / LM_LEAST_SIDE > LM_FEW_CHUNKS ? longer / LM_LEAST_SIDE : LM_FEW_CHUNKS;
    int64_t *const sizes[2] = {tall ? &cut->rows : &cut->columns, tall ? &cut->columns : &cut->rows};
    const int64_t along = lm_pieces(longer, lm_min(wanted, wide), sizes[0]);
    const int64_t most = lm_min(wanted / along, shorter / LM_LEAST_SIDE);
    const int64_t other = lm_pieces(shorter, most > 1 ? most : 1, sizes[1]);
    cut->down = tall ? along : other;
    cut->across = tall ? other : along;
    cut->matrices = 1;
}

LM_EXPORT int64_t lm_matmul(const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars) {
    const lm_matmul_dims *const d = (const lm_matmul_dims *)(const void *)dims;
    int64_t count = 1;
    for (int64_t r = 0; r < d->rank; ++r) count *= d->batch[3 * r];
    const int64_t work = d->m * d->n * d->k;
    if (!count || !d->m || !d->n) return 0;
    int64_t status = 0;
    lm_product p = {{data, dims, scalars, 0, &status}, rt, {count, count, d->m, d->n, 1, 1}};
    int64_t chunks = 1;
    if (lm_blas_held && work * count > LM_SERIAL_WORK) {
        if (work >= 2 * LM_CHUNK_WORK || count == 1) {
            lm_cut_matrix(d, &p.cut);
            chunks = count * p.cut.down * p.cut.across;
        } else {
            const int64_t most = lm_min(count, lm_wanted(work * count));
            p.cut.matrices = (count + most - 1) / most;
            chunks = (count + p.cut.matrices - 1) / p.cut.matrices;
        }
    }
    if (chunks == 1) lm_matmul_chunk(&p.call, 0);
    else rt->parallel_for(lm_matmul_chunk, &p.call, chunks);
    return status;
}
