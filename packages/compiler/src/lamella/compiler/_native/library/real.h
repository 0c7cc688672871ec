/* What the files of the library write instead of a type: each is compiled once with LM_BITS 32, once with 64. */
#undef LM_REAL
#undef LM_GEMM
#if LM_BITS == 32
#define LM_REAL float
#define LM_GEMM sgemm
#else
#define LM_REAL double
#define LM_GEMM dgemm
#endif

#undef LM_COUNT
#define LM_COUNT (LM_VECTOR * 8 / LM_BITS) /* LM_LANES for the preprocessor */
#undef LM_SUMS
#define LM_SUMS (LM_COUNT > 4 ? 8 : 4) /* vectors that are summed up at once */
#undef LM_EACH_LANE
#if LM_COUNT == 16
#define LM_EACH_LANE(f, x) LM_EIGHT(f, 0, x), LM_EIGHT(f, 8, x)
#elif LM_COUNT == 8
#define LM_EACH_LANE(f, x) LM_EIGHT(f, 0, x)
#elif LM_COUNT == 4
#define LM_EACH_LANE(f, x) f(0, x), f(1, x), f(2, x), f(3, x)
#else
#define LM_EACH_LANE(f, x) f(0, x), f(1, x)
#endif

#ifndef LM_NAME
#define LM_INLINE static inline __attribute__((always_inline))
#define LM_EIGHT(f, at, x) \
    f(at, x), f((at) + 1, x), f((at) + 2, x), f((at) + 3, x), f((at) + 4, x), f((at) + 5, x), f((at) + 6, x), f((at) + 7, x)
#define LM_PASTE_(a, b) a##_f##b
#define LM_PASTE(a, b) LM_PASTE_(a, b)
#define LM_NAME(name) LM_PASTE(name, LM_BITS)
#define LM_LANES ((int64_t)(LM_VECTOR / sizeof(LM_REAL)))
#endif
