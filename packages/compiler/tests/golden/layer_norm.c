/* helpers 20c7dda77ee006e3 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t rows_per_chunk = d[2];
    const float lit3 = (float)lm_number(d[3]);
    const float lit4 = (float)lm_number(d[4]);
    const float lit5 = (float)lm_number(d[5]);
    const int64_t by6 = d[6];
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict b1 = (float *)call->data[1];
    float *restrict b2 = (float *)call->data[2];
    const float *restrict b3 = (const float *)call->data[3];
    const float *restrict b4 = (const float *)call->data[4];
    float *restrict b5 = (float *)call->data[5];
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    const int64_t points = (n_j0 + 63) / 64 * 64;
    char *const scratch = (char *)lm_scratch(points * 4);
    float *restrict t0 = (float *)(scratch + points * 0);
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t j0;
        f32x8 a2_0 = splat_f32x8(0.0f);
        float e2 = 0.0f;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by6 + j0);
            const f32x8 v1 = tanh_f32x8(v0);
            a2_0 = a2_0 + v1;
            st_f32x8(t0 + j0, v1);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by6 + j0);
            const float v1 = tanh_f32(v0);
            e2 = (float)(e2 + v1);
            st_f32(t0 + j0, v1);
        }
        const float v2 = (float)(hsum_f32x8(a2_0) + e2);
        const float v5 = (v2 / lit3);
        st_f32(b1 + i0, v5);
        f32x8 a9_0 = splat_f32x8(0.0f);
        f32x8 a9_1 = splat_f32x8(0.0f);
        f32x8 a9_2 = splat_f32x8(0.0f);
        f32x8 a9_3 = splat_f32x8(0.0f);
        float e9 = 0.0f;
        j0 = 0;
        for (; j0 + 32 <= n_j0; j0 += 32) {
          {
            const f32x8 v6 = ld_f32x8(t0 + j0);
            const f32x8 v7 = (v6 - v5);
            const f32x8 v8 = (v7 * v7);
            a9_0 = a9_0 + v8;
          }
          {
            const f32x8 v6 = ld_f32x8(t0 + (j0 + 8));
            const f32x8 v7 = (v6 - v5);
            const f32x8 v8 = (v7 * v7);
            a9_1 = a9_1 + v8;
          }
          {
            const f32x8 v6 = ld_f32x8(t0 + (j0 + 16));
            const f32x8 v7 = (v6 - v5);
            const f32x8 v8 = (v7 * v7);
            a9_2 = a9_2 + v8;
          }
          {
            const f32x8 v6 = ld_f32x8(t0 + (j0 + 24));
            const f32x8 v7 = (v6 - v5);
            const f32x8 v8 = (v7 * v7);
            a9_3 = a9_3 + v8;
          }
        }
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v6 = ld_f32x8(t0 + j0);
            const f32x8 v7 = (v6 - v5);
            const f32x8 v8 = (v7 * v7);
            a9_0 = a9_0 + v8;
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v6 = ld_f32(t0 + j0);
            const float v7 = (v6 - v5);
            const float v8 = (v7 * v7);
            e9 = (float)(e9 + v8);
        }
        const float v9 = (float)(hsum_f32x8(((a9_0 + a9_1) + (a9_2 + a9_3))) + e9);
        const float v12 = (v9 / lit4);
        const float v15 = (v12 + lit5);
        const float v16 = rsqrt_f32(v15);
        st_f32(b2 + i0, v16);
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v17 = ld_f32x8(t0 + j0);
            const f32x8 v18 = (v17 - v5);
            const f32x8 v19 = (v18 * v16);
            const f32x8 v20 = ld_f32x8(b3 + j0);
            const f32x8 v21 = (v19 * v20);
            const f32x8 v22 = ld_f32x8(b4 + j0);
            const f32x8 v23 = (v21 + v22);
            st_f32x8(b5 + i0 * by6 + j0, v23);
            __builtin_prefetch(b0 + i0 * by6 + j0 + by6, 0, 2);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v17 = ld_f32(t0 + j0);
            const float v18 = (v17 - v5);
            const float v19 = (v18 * v16);
            const float v20 = ld_f32(b3 + j0);
            const float v21 = (v19 * v20);
            const float v22 = ld_f32(b4 + j0);
            const float v23 = (v21 + v22);
            st_f32(b5 + i0 * by6 + j0, v23);
        }
        ++i0;
    }
}
