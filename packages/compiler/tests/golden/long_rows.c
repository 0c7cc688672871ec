/* helpers 75f50170ecb5dcfa */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t at5 = d[2];
    const int64_t rows_per_chunk = d[3];
    const int64_t by4 = d[4];
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict b1 = (float *)call->data[1];
    float *restrict b2 = (float *)call->data[2];
    float *restrict g5 = (float *)(call->partial + at5);
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    g5 += chunk * (n_j0);
    for (int64_t k = 0; k < n_j0; ++k) g5[k] = 0.0f;
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
            const f32x8 v0 = ld_f32x8(b0 + i0 * by4 + j0);
            a1_0 = max_f32x8(a1_0, v0);
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by4 + (j0 + 8));
            a1_1 = max_f32x8(a1_1, v0);
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by4 + (j0 + 16));
            a1_2 = max_f32x8(a1_2, v0);
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by4 + (j0 + 24));
            a1_3 = max_f32x8(a1_3, v0);
          }
        }
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by4 + j0);
            a1_0 = max_f32x8(a1_0, v0);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by4 + j0);
            e1 = max_f32(e1, v0);
        }
        const float v1 = max_f32(hmax_f32x8((max_f32x8((max_f32x8(a1_0, a1_1)), (max_f32x8(a1_2, a1_3))))), e1);
        f32x8 s6 = splat_f32x8(0.0f);
        float e6 = 0.0f;
        for (int64_t from = 0; from < n_j0; from += 4096) {
            const int64_t to = lm_min(from + 4096, n_j0);
            f32x8 a6_0 = splat_f32x8(0.0f);
            j0 = from;
            for (; j0 + 8 <= to; j0 += 8) {
                const f32x8 v2 = ld_f32x8(b0 + i0 * by4 + j0);
                const f32x8 v3 = (v2 - v1);
                const f32x8 v4 = exp_f32x8(v3);
                st_f32x8(b1 + i0 * by4 + j0, v4);
                st_f32x8(g5 + j0, ld_f32x8(g5 + j0) + v3);
                a6_0 = a6_0 + v3;
            }
            for (; j0 < to; j0 += 1) {
                const float v2 = ld_f32(b0 + i0 * by4 + j0);
                const float v3 = (v2 - v1);
                const float v4 = exp_f32(v3);
                st_f32(b1 + i0 * by4 + j0, v4);
                st_f32(g5 + j0, (float)(ld_f32(g5 + j0) + v3));
                e6 = (float)(e6 + v3);
            }
            s6 = s6 + a6_0;
        }
        const float v6 = (float)(hsum_f32x8(s6) + e6);
        st_f32(b2 + i0, v6);
        ++i0;
    }
}
void k0_total(const lm_call *call, int64_t chunks) {
    const int64_t *const d = call->dims;
    const int64_t n_j0 = d[1];
    const int64_t at5 = d[2];
    float *restrict b3 = (float *)call->data[3];
    float *restrict g5 = (float *)(call->partial + at5);
    int64_t j0;
    j0 = 0;
    for (; j0 + 8 <= n_j0; j0 += 8) {
        f32x8 v5 = splat_f32x8(0.0f);
        for (int64_t c = 0; c < chunks; ++c) v5 = v5 + ld_f32x8(g5 + c * (n_j0) + j0);
        st_f32x8(b3 + j0, v5);
    }
    for (; j0 < n_j0; j0 += 1) {
        float v5 = 0.0f;
        for (int64_t c = 0; c < chunks; ++c) v5 = (float)(v5 + ld_f32(g5 + c * (n_j0) + j0));
        st_f32(b3 + j0, v5);
    }
}
