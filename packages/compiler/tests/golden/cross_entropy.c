/* helpers 40f05a15dbbce96c */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t at11 = d[2];
    const int64_t at41 = d[3];
    const int64_t rows_per_chunk = d[4];
    const int64_t size0 = d[5];
    const float lit6 = (float)lm_number(d[6]);
    const float lit7 = (float)lm_number(d[7]);
    const int64_t by8 = d[8];
    const int64_t *restrict b0 = (const int64_t *)call->data[0];
    const float *restrict b1 = (const float *)call->data[1];
    float *restrict b2 = (float *)call->data[2];
    int64_t *restrict g11 = (int64_t *)(call->partial + at11);
    float *restrict g41 = (float *)(call->partial + at41);
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    int64_t e11 = INT64_C(0);
    float e41 = 0.0f;
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t j0;
        const int64_t v0 = ld_i64(b0 + i0);
        const _Bool v2 = (v0 == (-INT64_C(100)));
        const _Bool v4 = (v0 >= INT64_C(0));
        const _Bool v6 = (v0 < size0);
        const _Bool v7 = (v4 & v6);
        const _Bool v8 = (v7 | v2);
        if (!v8) *call->status = 1;
        const _Bool v9 = (!v2);
        const int64_t v10 = (int64_t)v9;
        e11 = (int64_t)(e11 + v10);
        f32x8 a13_0 = splat_f32x8((-INFINITY));
        f32x8 a13_1 = splat_f32x8((-INFINITY));
        f32x8 a13_2 = splat_f32x8((-INFINITY));
        f32x8 a13_3 = splat_f32x8((-INFINITY));
        float e13 = (-INFINITY);
        j0 = 0;
        for (; j0 + 32 <= n_j0; j0 += 32) {
          {
            const f32x8 v12 = ld_f32x8(b1 + i0 * by8 + j0);
            a13_0 = most_f32x8(v12, a13_0);
          }
          {
            const f32x8 v12 = ld_f32x8(b1 + i0 * by8 + (j0 + 8));
            a13_1 = most_f32x8(v12, a13_1);
          }
          {
            const f32x8 v12 = ld_f32x8(b1 + i0 * by8 + (j0 + 16));
            a13_2 = most_f32x8(v12, a13_2);
          }
          {
            const f32x8 v12 = ld_f32x8(b1 + i0 * by8 + (j0 + 24));
            a13_3 = most_f32x8(v12, a13_3);
          }
        }
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v12 = ld_f32x8(b1 + i0 * by8 + j0);
            a13_0 = most_f32x8(v12, a13_0);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v12 = ld_f32(b1 + i0 * by8 + j0);
            e13 = most_f32(v12, e13);
        }
        const float v13 = most_f32(e13, hlargest_f32x8((most_f32x8((most_f32x8(a13_3, a13_2)), (most_f32x8(a13_1, a13_0))))));
        f32x8 a17_0 = splat_f32x8(0.0f);
        float e17 = 0.0f;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v14 = ld_f32x8(b1 + i0 * by8 + j0);
            const f32x8 v15 = (v14 - v13);
            const f32x8 v16 = exp_f32x8(v15);
            a17_0 = a17_0 + v16;
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v14 = ld_f32(b1 + i0 * by8 + j0);
            const float v15 = (v14 - v13);
            const float v16 = exp_f32(v15);
            e17 = (float)(e17 + v16);
        }
        const float v17 = (float)(hsum_f32x8(a17_0) + e17);
        const float v18 = log_f32(v17);
        f32x8 a28_0 = splat_f32x8(0.0f);
        float e28 = 0.0f;
        f32x8 a29_0 = splat_f32x8(0.0f);
        float e29 = 0.0f;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v19 = ld_f32x8(b1 + i0 * by8 + j0);
            const f32x8 v20 = (v19 - v13);
            const f32x8 v21 = (v20 - v18);
            st_f32x8(b2 + i0 * by8 + j0, v21);
            const int64_t v22 = ld_i64(b0 + i0);
            const i32x8 v23 = (splat_i32x8((int32_t)j0) + (i32x8){0, 1, 2, 3, 4, 5, 6, 7});
            const int32_t v24 = (int32_t)v22;
            const i32x8 v25 = (i32x8)(splat_i32x8(v24) == v23);
            const f32x8 v27 = sel_f32x8(v25, v21, splat_f32x8(0.0f));
            a28_0 = a28_0 + v27;
            a29_0 = a29_0 + v21;
            __builtin_prefetch(b1 + i0 * by8 + j0 + by8, 0, 2);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v19 = ld_f32(b1 + i0 * by8 + j0);
            const float v20 = (v19 - v13);
            const float v21 = (v20 - v18);
            st_f32(b2 + i0 * by8 + j0, v21);
            const int64_t v22 = ld_i64(b0 + i0);
            const int32_t v23 = (int32_t)j0;
            const int32_t v24 = (int32_t)v22;
            const _Bool v25 = (v24 == v23);
            const float v27 = sel_f32(v25, v21, 0.0f);
            e28 = (float)(e28 + v27);
            e29 = (float)(e29 + v21);
        }
        const float v28 = (float)(hsum_f32x8(a28_0) + e28);
        const float v29 = (float)(hsum_f32x8(a29_0) + e29);
        const float v30 = (float)(-v28);
        const float v33 = (v29 * lit6);
        const float v36 = (v30 * lit7);
        const float v37 = (v36 - v33);
        const float v40 = sel_f32(v9, v37, 0.0f);
        e41 = (float)(e41 + v40);
        ++i0;
    }
    g11[chunk] = e11;
    g41[chunk] = e41;
}
void k0_total(const lm_call *call, int64_t chunks) {
    const int64_t *const d = call->dims;
    const int64_t at11 = d[2];
    const int64_t at41 = d[3];
    float *restrict b3 = (float *)call->data[3];
    int64_t *restrict g11 = (int64_t *)(call->partial + at11);
    float *restrict g41 = (float *)(call->partial + at41);
    int64_t e11 = INT64_C(0);
    for (int64_t c = 0; c < chunks; ++c) {
        e11 = (int64_t)(e11 + g11[c]);
    }
    float e41 = 0.0f;
    for (int64_t c = 0; c < chunks; ++c) {
        e41 = (float)(e41 + g41[c]);
    }
    const float v42 = (float)e11;
    const float v43 = (e41 / v42);
    st_f32(b3 + 0, v43);
}
