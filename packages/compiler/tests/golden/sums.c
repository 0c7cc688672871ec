/* helpers 7228e72e6ccd4999 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t at1 = d[2];
    const int64_t at3 = d[3];
    const int64_t rows_per_chunk = d[4];
    const int64_t by5 = d[5];
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict b1 = (float *)call->data[1];
    float *restrict g1 = (float *)(call->partial + at1);
    float *restrict g3 = (float *)(call->partial + at3);
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    g1 += chunk * (n_j0);
    for (int64_t k = 0; k < n_j0; ++k) g1[k] = 0.0f;
    float e3 = 0.0f;
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
            st_f32x8(g1 + j0, ld_f32x8(g1 + j0) + v0);
            a2_0 = a2_0 + v0;
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by5 + (j0 + 8));
            st_f32x8(g1 + (j0 + 8), ld_f32x8(g1 + (j0 + 8)) + v0);
            a2_1 = a2_1 + v0;
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by5 + (j0 + 16));
            st_f32x8(g1 + (j0 + 16), ld_f32x8(g1 + (j0 + 16)) + v0);
            a2_2 = a2_2 + v0;
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by5 + (j0 + 24));
            st_f32x8(g1 + (j0 + 24), ld_f32x8(g1 + (j0 + 24)) + v0);
            a2_3 = a2_3 + v0;
          }
        }
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by5 + j0);
            st_f32x8(g1 + j0, ld_f32x8(g1 + j0) + v0);
            a2_0 = a2_0 + v0;
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by5 + j0);
            st_f32(g1 + j0, (float)(ld_f32(g1 + j0) + v0));
            e2 = (float)(e2 + v0);
        }
        const float v2 = (float)(hsum_f32x8(((a2_0 + a2_1) + (a2_2 + a2_3))) + e2);
        st_f32(b1 + i0, v2);
        e3 = (float)(e3 + v2);
        ++i0;
    }
    g3[chunk] = e3;
}
void k0_total(const lm_call *call, int64_t chunks) {
    const int64_t *const d = call->dims;
    const int64_t n_j0 = d[1];
    const int64_t at1 = d[2];
    const int64_t at3 = d[3];
    float *restrict b2 = (float *)call->data[2];
    float *restrict b3 = (float *)call->data[3];
    float *restrict g1 = (float *)(call->partial + at1);
    float *restrict g3 = (float *)(call->partial + at3);
    float e3 = 0.0f;
    for (int64_t c = 0; c < chunks; ++c) {
        e3 = (float)(e3 + g3[c]);
    }
    int64_t j0;
    st_f32(b2 + 0, e3);
    j0 = 0;
    for (; j0 + 8 <= n_j0; j0 += 8) {
        f32x8 v1 = splat_f32x8(0.0f);
        for (int64_t c = 0; c < chunks; ++c) v1 = v1 + ld_f32x8(g1 + c * (n_j0) + j0);
        st_f32x8(b3 + j0, v1);
    }
    for (; j0 < n_j0; j0 += 1) {
        float v1 = 0.0f;
        for (int64_t c = 0; c < chunks; ++c) v1 = (float)(v1 + ld_f32(g1 + c * (n_j0) + j0));
        st_f32(b3 + j0, v1);
    }
}
