/* helpers 3b5cb240d152c488 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t lit3 = d[3];
    const float lit4 = (float)lm_number(d[4]);
    const int64_t by5 = d[5];
    const float *restrict b0 = (const float *)call->data[0];
    const float *restrict b1 = (const float *)call->data[1];
    float *restrict b2 = (float *)call->data[2];
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    const float v4 = (float)lit3;
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t j0;
        f32x8 a2_0 = splat_f32x8(0.0f);
        f32x8 a2_1 = splat_f32x8(0.0f);
        f32x8 a2_2 = splat_f32x8(0.0f);
        f32x8 a2_3 = splat_f32x8(0.0f);
        float e2 = 0.0f;
        j0 = 0;
        for (; j0 + 32 <= n_j0; j0 += 32) {
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by5 + j0);
            const f32x8 v1 = (v0 * v0);
            a2_0 = a2_0 + v1;
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by5 + (j0 + 8));
            const f32x8 v1 = (v0 * v0);
            a2_1 = a2_1 + v1;
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by5 + (j0 + 16));
            const f32x8 v1 = (v0 * v0);
            a2_2 = a2_2 + v1;
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by5 + (j0 + 24));
            const f32x8 v1 = (v0 * v0);
            a2_3 = a2_3 + v1;
          }
        }
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by5 + j0);
            const f32x8 v1 = (v0 * v0);
            a2_0 = a2_0 + v1;
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by5 + j0);
            const float v1 = (v0 * v0);
            e2 = (float)(e2 + v1);
        }
        const float v2 = (float)(hsum_f32x8(((a2_0 + a2_1) + (a2_2 + a2_3))) + e2);
        const float v5 = (v2 / v4);
        const float v8 = (v5 + lit4);
        const float v9 = rsqrt_f32(v8);
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v10 = ld_f32x8(b0 + i0 * by5 + j0);
            const f32x8 v11 = (v10 * v9);
            const f32x8 v12 = ld_f32x8(b1 + j0);
            const f32x8 v13 = (v11 * v12);
            st_f32x8(b2 + i0 * by5 + j0, v13);
            __builtin_prefetch(b0 + i0 * by5 + j0 + by5, 0, 2);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v10 = ld_f32(b0 + i0 * by5 + j0);
            const float v11 = (v10 * v9);
            const float v12 = ld_f32(b1 + j0);
            const float v13 = (v11 * v12);
            st_f32(b2 + i0 * by5 + j0, v13);
        }
        ++i0;
    }
}
