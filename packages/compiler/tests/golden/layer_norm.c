/* helpers 94747e78bed1d507 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t rows_per_chunk = d[2];
    const float lit3 = (float)lm_number(d[3]);
    const float lit4 = (float)lm_number(d[4]);
    const int64_t by5 = d[5];
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
        f32x8 a3_0 = splat_f32x8(0.0f);
        float na2_0 = 0;
        f32x8 ta2_0 = splat_f32x8(0.0f);
        float e2 = 0.0f;
        float e3 = 0.0f;
        float ne2 = 0;
        float te2 = 0.0f;
        float k2 = 0.0f;
        int hask2 = 0;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
          f32x8 w2_0;
            const f32x8 v0 = ld_f32x8(b0 + i0 * by5 + j0);
            const f32x8 v1 = tanh_f32x8(v0);
            w2_0 = v1;
            st_f32x8(t0 + j0, v1);
          if (!hask2) {
            k2 = w2_0[0];
            k2 = sel_f32(abs_f32(w2_0[1]) < abs_f32(k2), w2_0[1], k2);
            k2 = sel_f32(abs_f32(w2_0[2]) < abs_f32(k2), w2_0[2], k2);
            k2 = sel_f32(abs_f32(w2_0[3]) < abs_f32(k2), w2_0[3], k2);
            k2 = sel_f32(abs_f32(w2_0[4]) < abs_f32(k2), w2_0[4], k2);
            k2 = sel_f32(abs_f32(w2_0[5]) < abs_f32(k2), w2_0[5], k2);
            k2 = sel_f32(abs_f32(w2_0[6]) < abs_f32(k2), w2_0[6], k2);
            k2 = sel_f32(abs_f32(w2_0[7]) < abs_f32(k2), w2_0[7], k2);
            k2 = sel_f32(k2 - k2 == 0.0f, k2, 0.0f);
            hask2 = 1;
          }
          {
            const f32x8 b = (w2_0 - k2);
            f32x8 c = (w2_0 - k2) - b, q = c * c;
            { const float f = 1.0f / (na2_0 + 1.0f);
              advance_f32x8(&a2_0, &a3_0, b, q, f, na2_0 * f);
              na2_0 += 1.0f; }
            ta2_0 = ta2_0 + b;
          }
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by5 + j0);
            const float v1 = tanh_f32(v0);
            if (!hask2) {
              k2 = v1;
              k2 = sel_f32(k2 - k2 == 0.0f, k2, 0.0f);
              hask2 = 1;
            }
            {
              const float b = (v1 - k2);
              float c = (v1 - k2) - b, q = c * c;
              { const float f = 1.0f / (ne2 + 1.0f);
                advance_f32(&e2, &e3, b, q, f, ne2 * f);
                ne2 += 1.0f; }
              te2 = te2 + b;
            }
            st_f32(t0 + j0, v1);
        }
        e2 = sel_f32(e3 == e3, e2, te2);
        a2_0 = sel_f32x8(a3_0 == a3_0, a2_0, ta2_0);
        {
          const float b = hsum_f32x8(a2_0) * 0.125f;
          const f32x8 c = a2_0 - b;
          const float q = hsum_f32x8(a3_0 + c * (c * na2_0)), k = na2_0 * 8.0f;
          if (k > 0) {
            { const float f = k / (ne2 + k);
              moments_f32(&e2, &e3, b, q, f, ne2 * f);
              ne2 += k; }
          }
        }
        e2 += k2;
        st_f32(b1 + i0, e2);
        const float v6 = (e3 / lit3);
        const float v9 = (v6 + lit4);
        const float v10 = rsqrt_f32(v9);
        st_f32(b2 + i0, v10);
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v11 = ld_f32x8(t0 + j0);
            const f32x8 v12 = (v11 - e2);
            const f32x8 v13 = (v12 * v10);
            const f32x8 v14 = ld_f32x8(b3 + j0);
            const f32x8 v15 = (v13 * v14);
            const f32x8 v16 = ld_f32x8(b4 + j0);
            const f32x8 v17 = (v15 + v16);
            st_f32x8(b5 + i0 * by5 + j0, v17);
            __builtin_prefetch(b0 + i0 * by5 + j0 + by5, 0, 2);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v11 = ld_f32(t0 + j0);
            const float v12 = (v11 - e2);
            const float v13 = (v12 * v10);
            const float v14 = ld_f32(b3 + j0);
            const float v15 = (v13 * v14);
            const float v16 = ld_f32(b4 + j0);
            const float v17 = (v15 + v16);
            st_f32(b5 + i0 * by5 + j0, v17);
        }
        ++i0;
    }
}
