/* helpers e30bcb4d3f7a16ee */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t block = d[3];
    const int64_t blocks = d[4];
    const int64_t by5 = d[5];
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict b1 = (float *)call->data[1];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    const int64_t points = (n_j0 + 63) / 64 * 64;
    char *const scratch = (char *)lm_scratch(points * 32);
    float *restrict t0 = (float *)(scratch + points * 0);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            f32x8 a1_0 = splat_f32x8((-INFINITY));
            for (int64_t j0 = 0; j0 < n_j0; ++j0) {
                const f32x8 v0 = ld_f32x8(b0 + i0 + j0 * by5);
                a1_0 = most_f32x8(v0, a1_0);
            }
            f32x8 a5_0 = splat_f32x8(0.0f);
            for (int64_t from = 0; from < n_j0; from += 256) {
                const int64_t to = lm_min(from + 256, n_j0);
                const f32x8 s5 = a5_0;
                a5_0 = splat_f32x8(0.0f);
                for (int64_t j0 = from; j0 < to; ++j0) {
                    const f32x8 v2 = ld_f32x8(b0 + i0 + j0 * by5);
                    const f32x8 v3 = (v2 - a1_0);
                    const f32x8 v4 = exp_f32x8(v3);
                    a5_0 = a5_0 + v4;
                    st_f32x8(t0 + (j0) * 8, v4);
                }
                a5_0 = s5 + a5_0;
            }
            const f32x8 v6 = reciprocal_f32x8(a5_0);
            for (int64_t j0 = 0; j0 < n_j0; ++j0) {
                const f32x8 v7 = ld_f32x8(t0 + (j0) * 8);
                const f32x8 v8 = (v7 * v6);
                st_f32x8(b1 + i0 + j0 * by5, v8);
            }
        }
        for (; i0 < c1; i0 += 1) {
            float a1_0 = (-INFINITY);
            for (int64_t j0 = 0; j0 < n_j0; ++j0) {
                const float v0 = ld_f32(b0 + i0 + j0 * by5);
                a1_0 = most_f32(v0, a1_0);
            }
            float a5_0 = 0.0f;
            for (int64_t from = 0; from < n_j0; from += 256) {
                const int64_t to = lm_min(from + 256, n_j0);
                const float s5 = a5_0;
                a5_0 = 0.0f;
                for (int64_t j0 = from; j0 < to; ++j0) {
                    const float v2 = ld_f32(b0 + i0 + j0 * by5);
                    const float v3 = (v2 - a1_0);
                    const float v4 = exp_f32(v3);
                    a5_0 = (float)(a5_0 + v4);
                    st_f32(t0 + j0, v4);
                }
                a5_0 = s5 + a5_0;
            }
            const float v6 = reciprocal_f32(a5_0);
            for (int64_t j0 = 0; j0 < n_j0; ++j0) {
                const float v7 = ld_f32(t0 + j0);
                const float v8 = (v7 * v6);
                st_f32(b1 + i0 + j0 * by5, v8);
            }
        }
    }
}
