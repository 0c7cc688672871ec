/* helpers 6817e91aad4c0810 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t at12 = d[2];
    const int64_t at13 = d[3];
    const int64_t rows_per_chunk = d[4];
    const int64_t lit5 = d[5];
    const int64_t by6 = d[6];
    const float *restrict b0 = (const float *)call->data[0];
    const float *restrict b1 = (const float *)call->data[1];
    const float *restrict b2 = (const float *)call->data[2];
    const float *restrict b3 = (const float *)call->data[3];
    const float *restrict b4 = (const float *)call->data[4];
    float *restrict b5 = (float *)call->data[5];
    float *restrict g12 = (float *)(call->partial + at12);
    float *restrict g13 = (float *)(call->partial + at13);
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    const float v15 = (float)lit5;
    g12 += chunk * (n_j0);
    for (int64_t k = 0; k < n_j0; ++k) g12[k] = 0.0f;
    g13 += chunk * (n_j0);
    for (int64_t k = 0; k < n_j0; ++k) g13[k] = 0.0f;
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t j0;
        f32x8 a8_0 = splat_f32x8(0.0f);
        float e8 = 0.0f;
        f32x8 a10_0 = splat_f32x8(0.0f);
        float e10 = 0.0f;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by6 + j0);
            const float v1 = ld_f32(b1 + i0);
            const f32x8 v2 = (v0 - v1);
            const float v3 = ld_f32(b2 + i0);
            const f32x8 v4 = (v2 * v3);
            const f32x8 v5 = ld_f32x8(b3 + i0 * by6 + j0);
            const f32x8 v6 = ld_f32x8(b4 + j0);
            const f32x8 v7 = (v5 * v6);
            a8_0 = a8_0 + v7;
            const f32x8 v9 = (v7 * v4);
            a10_0 = a10_0 + v9;
            const f32x8 v11 = (v5 * v4);
            st_f32x8(g12 + j0, ld_f32x8(g12 + j0) + v11);
            st_f32x8(g13 + j0, ld_f32x8(g13 + j0) + v5);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by6 + j0);
            const float v1 = ld_f32(b1 + i0);
            const float v2 = (v0 - v1);
            const float v3 = ld_f32(b2 + i0);
            const float v4 = (v2 * v3);
            const float v5 = ld_f32(b3 + i0 * by6 + j0);
            const float v6 = ld_f32(b4 + j0);
            const float v7 = (v5 * v6);
            e8 = (float)(e8 + v7);
            const float v9 = (v7 * v4);
            e10 = (float)(e10 + v9);
            const float v11 = (v5 * v4);
            st_f32(g12 + j0, (float)(ld_f32(g12 + j0) + v11));
            st_f32(g13 + j0, (float)(ld_f32(g13 + j0) + v5));
        }
        const float v8 = (float)(hsum_f32x8(a8_0) + e8);
        const float v10 = (float)(hsum_f32x8(a10_0) + e10);
        const float v16 = (v8 / v15);
        const float v17 = (v10 / v15);
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v18 = ld_f32x8(b3 + i0 * by6 + j0);
            const f32x8 v19 = ld_f32x8(b4 + j0);
            const f32x8 v20 = (v18 * v19);
            const f32x8 v21 = (v20 - v16);
            const f32x8 v22 = ld_f32x8(b0 + i0 * by6 + j0);
            const float v23 = ld_f32(b1 + i0);
            const f32x8 v24 = (v22 - v23);
            const float v25 = ld_f32(b2 + i0);
            const f32x8 v26 = (v24 * v25);
            const f32x8 v27 = (v26 * v17);
            const f32x8 v28 = (v21 - v27);
            const f32x8 v29 = (v28 * v25);
            st_f32x8(b5 + i0 * by6 + j0, v29);
            __builtin_prefetch(b0 + i0 * by6 + j0 + by6, 0, 2);
            __builtin_prefetch(b3 + i0 * by6 + j0 + by6, 0, 2);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v18 = ld_f32(b3 + i0 * by6 + j0);
            const float v19 = ld_f32(b4 + j0);
            const float v20 = (v18 * v19);
            const float v21 = (v20 - v16);
            const float v22 = ld_f32(b0 + i0 * by6 + j0);
            const float v23 = ld_f32(b1 + i0);
            const float v24 = (v22 - v23);
            const float v25 = ld_f32(b2 + i0);
            const float v26 = (v24 * v25);
            const float v27 = (v26 * v17);
            const float v28 = (v21 - v27);
            const float v29 = (v28 * v25);
            st_f32(b5 + i0 * by6 + j0, v29);
        }
        ++i0;
    }
}
void k0_total(const lm_call *call, int64_t chunks) {
    const int64_t *const d = call->dims;
    const int64_t n_j0 = d[1];
    const int64_t at12 = d[2];
    const int64_t at13 = d[3];
    float *restrict b6 = (float *)call->data[6];
    float *restrict b7 = (float *)call->data[7];
    float *restrict g12 = (float *)(call->partial + at12);
    float *restrict g13 = (float *)(call->partial + at13);
    int64_t j0;
    j0 = 0;
    for (; j0 + 8 <= n_j0; j0 += 8) {
        f32x8 v12 = splat_f32x8(0.0f);
        for (int64_t c = 0; c < chunks; ++c) v12 = v12 + ld_f32x8(g12 + c * (n_j0) + j0);
        f32x8 v13 = splat_f32x8(0.0f);
        for (int64_t c = 0; c < chunks; ++c) v13 = v13 + ld_f32x8(g13 + c * (n_j0) + j0);
        st_f32x8(b6 + j0, v12);
        st_f32x8(b7 + j0, v13);
    }
    for (; j0 < n_j0; j0 += 1) {
        float v12 = 0.0f;
        for (int64_t c = 0; c < chunks; ++c) v12 = (float)(v12 + ld_f32(g12 + c * (n_j0) + j0));
        float v13 = 0.0f;
        for (int64_t c = 0; c < chunks; ++c) v13 = (float)(v13 + ld_f32(g13 + c * (n_j0) + j0));
        st_f32(b6 + j0, v12);
        st_f32(b7 + j0, v13);
    }
}
