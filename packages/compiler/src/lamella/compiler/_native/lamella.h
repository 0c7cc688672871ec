/* What generated code and the runtime agree on. */
#ifndef LAMELLA_H
#define LAMELLA_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

typedef struct {
    void (*parallel_for)(lm_kernel kernel, const lm_call *call, int64_t chunks);
    void *(*scratch)(size_t bytes);
} lm_runtime;

/* A stretch of native steps: `b` are all buffers of the graph, `s` its host scalars; returns 0 or an error code. */
typedef int64_t (*lm_segment)(char *const *b, const lm_scalar *s);

static inline int64_t lm_min(int64_t a, int64_t b) { return a < b ? a : b; }
#endif
