/* What generated code and the runtime agree on. */
#ifndef LAMELLA_H
#define LAMELLA_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

double lgamma_r(double x, int *sign); /* lgamma writes a variable that all threads share */

#if defined(_WIN32)
#define LM_EXPORT __declspec(dllexport)
#else
#define LM_EXPORT __attribute__((visibility("default")))
#endif

typedef union { double f; int64_t i; } lm_scalar;

/* One launch of a kernel: its buffers, sizes and host scalars; `partial` holds what chunks hand to the total. */
typedef struct {
    char *const *data;
    const int64_t *dims;
    const lm_scalar *scalars;
    char *partial;
    int64_t *status;
} lm_call;

typedef void (*lm_kernel)(const lm_call *call, int64_t chunk);

/* C = alpha op(A) op(B) + beta C, row-major; op is a transpose where the flag says so. On the calling thread alone. */
typedef void (*lm_sgemm)(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                         const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
typedef void (*lm_dgemm)(int ta, int tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
                         const double *b, int64_t ldb, double beta, double *c, int64_t ldc);

/* What the runtime offers to generated code and to library kernels. The products are 0 where no BLAS was found. A
 * kernel that runs under parallel_for may call scratch and the products, and no other parallel_for. */
typedef struct {
    void (*parallel_for)(lm_kernel kernel, const lm_call *call, int64_t chunks);
    void *(*scratch)(size_t bytes);
    lm_sgemm sgemm;
    lm_dgemm dgemm;
} lm_runtime;

/* A library kernel: operands (0 where one is missing), then results, then (if asked for) scratch in `data`; returns 0,
 * or k for the k-th error of its row. It is called once a step and may use parallel_for. */
typedef int64_t (*lm_library)(const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars);

/* What finishes a kernel whose chunks left partial results. */
typedef void (*lm_total)(const lm_call *call, int64_t chunks);

/* The 128-bit product of two words: its low half, and its high one in *high. */
static inline uint64_t lm_mul128(uint64_t a, uint64_t b, uint64_t *high) {
#ifdef __SIZEOF_INT128__
    const unsigned __int128 product = (unsigned __int128)a * b;
    *high = (uint64_t)(product >> 64);
    return (uint64_t)product;
#else
    const uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    const uint64_t middle = (a0 * b0 >> 32) + (uint32_t)(a1 * b0) + (uint32_t)(a0 * b1);
    *high = a1 * b1 + (a1 * b0 >> 32) + (a0 * b1 >> 32) + (middle >> 32);
    return a * b;
#endif
}

/* Before a chunk ends: what was written past the caches is there for every thread. */
static inline void lm_drain(void) {
#if defined(__SSE__) && defined(__GNUC__)
    __builtin_ia32_sfence();
#endif
}

/* GCC 12 leaves (double)(float)x as x where several of them stand side by side and become a vector. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
#define LM_KEEP(x) __asm__("" : "+x"(x))
#elif defined(__GNUC__) && !defined(__clang__) && defined(__aarch64__)
#define LM_KEEP(x) __asm__("" : "+w"(x))
#elif defined(__GNUC__) && !defined(__clang__)
#define LM_KEEP(x) __asm__("" : "+m"(x))
#else
#define LM_KEEP(x) ((void)0)
#endif

static inline double lm_number(int64_t bits) { double x; memcpy(&x, &bits, sizeof x); return x; }
static inline int64_t lm_min(int64_t a, int64_t b) { return a < b ? a : b; }
#endif
