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

#ifndef LM_NAME
#define LM_PASTE_(a, b) a##_f##b
#define LM_PASTE(a, b) LM_PASTE_(a, b)
#define LM_NAME(name) LM_PASTE(name, LM_BITS)
#define LM_LANES ((int64_t)(LM_VECTOR / sizeof(LM_REAL)))
#endif
