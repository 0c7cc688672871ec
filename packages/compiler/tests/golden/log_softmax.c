/* helpers 22be839ce1f67be2 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t by3 = d[3];
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict b1 = (float *)call->data[1];
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t j0;
        f32x8 a1_0 = splat_f32x8((-INFINITY));
        f32x8 a1_1 = splat_f32x8((-INFINITY));
        f32x8 a1_2 = splat_f32x8((-INFINITY));
        f32x8 a1_3 = splat_f32x8((-INFINITY));
        float e1 = (-INFINITY);
        j0 = 0;
        for (; j0 + 32 <= n_j0; j0 += 32) {
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + j0);
            a1_0 = most_f32x8(v0, a1_0);
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + (j0 + 8));
            a1_1 = most_f32x8(v0, a1_1);
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + (j0 + 16));
            a1_2 = most_f32x8(v0, a1_2);
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + (j0 + 24));
            a1_3 = most_f32x8(v0, a1_3);
          }
        }
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + j0);
            a1_0 = most_f32x8(v0, a1_0);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by3 + j0);
            e1 = most_f32(v0, e1);
        }
        const float v1 = most_f32(e1, hlargest_f32x8((most_f32x8((most_f32x8(a1_3, a1_2)), (most_f32x8(a1_1, a1_0))))));
        f32x8 a5_0 = splat_f32x8(0.0f);
        float e5 = 0.0f;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v2 = ld_f32x8(b0 + i0 * by3 + j0);
            const f32x8 v3 = (v2 - v1);
            const f32x8 v4 = exp_f32x8(v3);
            a5_0 = a5_0 + v4;
            __builtin_prefetch(b0 + i0 * by3 + j0 + by3, 0, 2);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v2 = ld_f32(b0 + i0 * by3 + j0);
            const float v3 = (v2 - v1);
            const float v4 = exp_f32(v3);
            e5 = (float)(e5 + v4);
        }
        const float v5 = (float)(hsum_f32x8(a5_0) + e5);
        const float v6 = log_f32(v5);
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v7 = ld_f32x8(b0 + i0 * by3 + j0);
            const f32x8 v8 = (v7 - v1);
            const f32x8 v9 = (v8 - v6);
            st_f32x8(b1 + i0 * by3 + j0, v9);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v7 = ld_f32(b0 + i0 * by3 + j0);
            const float v8 = (v7 - v1);
            const float v9 = (v8 - v6);
            st_f32(b1 + i0 * by3 + j0, v9);
        }
        ++i0;
    }
}
