/* helpers 2afbfd3774846e97 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t at1 = d[2];
    const int64_t at2 = d[3];
    const int64_t atn1 = d[4];
    const int64_t atk1 = d[5];
    const int64_t rows_per_chunk = d[6];
    const int64_t by7 = d[7];
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict g1 = (float *)(call->partial + at1);
    float *restrict g2 = (float *)(call->partial + at2);
    float *restrict ng1 = (float *)(call->partial + atn1);
    float *restrict kg1 = (float *)(call->partial + atk1);
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    g1 += chunk * (n_j0);
    for (int64_t k = 0; k < n_j0; ++k) g1[k] = 0.0f;
    g2 += chunk * (n_j0);
    for (int64_t k = 0; k < n_j0; ++k) g2[k] = 0.0f;
    kg1 += chunk * (n_j0);
    int64_t i0 = r0;
    int64_t r = r0;
    for (; r + 4 <= r1; r += 4) {
        int64_t j0;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            {
            f32x8 p1 = ld_f32x8(g1 + j0);
            f32x8 p2 = ld_f32x8(g2 + j0);
            f32x8 y1_0, y1_1, y1_2, y1_3;
            f32x8 k1 = ld_f32x8(kg1 + j0);
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by7 + j0);
            y1_0 = v0;
            __builtin_prefetch(b0 + i0 * by7 + j0 + 4 * by7, 0, 2);
          }
          {
            const f32x8 v0r1 = ld_f32x8(b0 + (i0 + 1) * by7 + j0);
            y1_1 = v0r1;
            __builtin_prefetch(b0 + (i0 + 1) * by7 + j0 + 4 * by7, 0, 2);
          }
          {
            const f32x8 v0r2 = ld_f32x8(b0 + (i0 + 2) * by7 + j0);
            y1_2 = v0r2;
            __builtin_prefetch(b0 + (i0 + 2) * by7 + j0 + 4 * by7, 0, 2);
          }
          {
            const f32x8 v0r3 = ld_f32x8(b0 + (i0 + 3) * by7 + j0);
            y1_3 = v0r3;
            __builtin_prefetch(b0 + (i0 + 3) * by7 + j0 + 4 * by7, 0, 2);
          }
            float np1 = (float)(r - r0);
            if (r == r0) {
              k1 = y1_0;
              k1 = sel_f32x8(abs_f32x8(y1_1) < abs_f32x8(k1), y1_1, k1);
              k1 = sel_f32x8(abs_f32x8(y1_2) < abs_f32x8(k1), y1_2, k1);
              k1 = sel_f32x8(abs_f32x8(y1_3) < abs_f32x8(k1), y1_3, k1);
              k1 = sel_f32x8(k1 - k1 == splat_f32x8(0.0f), k1, splat_f32x8(0.0f));
              st_f32x8(kg1 + j0, k1);
            }
            {
              const f32x8 b = (((y1_0 - k1) + (y1_1 - k1)) + ((y1_2 - k1) + (y1_3 - k1))) * 0.25f;
              f32x8 c = (y1_0 - k1) - b, q = c * c;
              c = (y1_1 - k1) - b; q = fma_f32x8(c, c, q);
              c = (y1_2 - k1) - b; q = fma_f32x8(c, c, q);
              c = (y1_3 - k1) - b; q = fma_f32x8(c, c, q);
              { const float f = 4.0f / (np1 + 4.0f);
                moments_f32x8(&p1, &p2, b, q, f, np1 * f);
                np1 += 4.0f; }
            }
            st_f32x8(g1 + j0, p1);
            st_f32x8(g2 + j0, p2);
            }
        }
        for (; j0 < n_j0; j0 += 1) {
            {
            float p1 = ld_f32(g1 + j0);
            float p2 = ld_f32(g2 + j0);
            float y1_0, y1_1, y1_2, y1_3;
            float k1 = ld_f32(kg1 + j0);
          {
            const float v0 = ld_f32(b0 + i0 * by7 + j0);
            y1_0 = v0;
          }
          {
            const float v0r1 = ld_f32(b0 + (i0 + 1) * by7 + j0);
            y1_1 = v0r1;
          }
          {
            const float v0r2 = ld_f32(b0 + (i0 + 2) * by7 + j0);
            y1_2 = v0r2;
          }
          {
            const float v0r3 = ld_f32(b0 + (i0 + 3) * by7 + j0);
            y1_3 = v0r3;
          }
            float np1 = (float)(r - r0);
            if (r == r0) {
              k1 = y1_0;
              k1 = sel_f32(abs_f32(y1_1) < abs_f32(k1), y1_1, k1);
              k1 = sel_f32(abs_f32(y1_2) < abs_f32(k1), y1_2, k1);
              k1 = sel_f32(abs_f32(y1_3) < abs_f32(k1), y1_3, k1);
              k1 = sel_f32(k1 - k1 == 0.0f, k1, 0.0f);
              st_f32(kg1 + j0, k1);
            }
            {
              const float b = (((y1_0 - k1) + (y1_1 - k1)) + ((y1_2 - k1) + (y1_3 - k1))) * 0.25f;
              float c = (y1_0 - k1) - b, q = c * c;
              c = (y1_1 - k1) - b; q = fma_f32(c, c, q);
              c = (y1_2 - k1) - b; q = fma_f32(c, c, q);
              c = (y1_3 - k1) - b; q = fma_f32(c, c, q);
              { const float f = 4.0f / (np1 + 4.0f);
                moments_f32(&p1, &p2, b, q, f, np1 * f);
                np1 += 4.0f; }
            }
            st_f32(g1 + j0, p1);
            st_f32(g2 + j0, p2);
            }
        }
        i0 += 4;
    }
    for (; r < r1; ++r) {
        int64_t j0;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            {
            f32x8 p1 = ld_f32x8(g1 + j0);
            f32x8 p2 = ld_f32x8(g2 + j0);
            f32x8 y1_0;
            f32x8 k1 = ld_f32x8(kg1 + j0);
            const f32x8 v0 = ld_f32x8(b0 + i0 * by7 + j0);
            y1_0 = v0;
            __builtin_prefetch(b0 + i0 * by7 + j0 + 4 * by7, 0, 2);
            float np1 = (float)(r - r0);
            if (r == r0) {
              k1 = y1_0;
              k1 = sel_f32x8(k1 - k1 == splat_f32x8(0.0f), k1, splat_f32x8(0.0f));
              st_f32x8(kg1 + j0, k1);
            }
            { const float f = 1.0f / (np1 + 1.0f);
              moments_f32x8(&p1, &p2, (y1_0 - k1), (y1_0 - k1) - (y1_0 - k1), f, np1 * f);
              np1 += 1.0f; }
            st_f32x8(g1 + j0, p1);
            st_f32x8(g2 + j0, p2);
            }
        }
        for (; j0 < n_j0; j0 += 1) {
            {
            float p1 = ld_f32(g1 + j0);
            float p2 = ld_f32(g2 + j0);
            float y1_0;
            float k1 = ld_f32(kg1 + j0);
            const float v0 = ld_f32(b0 + i0 * by7 + j0);
            y1_0 = v0;
            float np1 = (float)(r - r0);
            if (r == r0) {
              k1 = y1_0;
              k1 = sel_f32(k1 - k1 == 0.0f, k1, 0.0f);
              st_f32(kg1 + j0, k1);
            }
            { const float f = 1.0f / (np1 + 1.0f);
              moments_f32(&p1, &p2, (y1_0 - k1), (y1_0 - k1) - (y1_0 - k1), f, np1 * f);
              np1 += 1.0f; }
            st_f32(g1 + j0, p1);
            st_f32(g2 + j0, p2);
            }
        }
        ++i0;
    }
    ng1[chunk] = (float)(r1 - r0);
}
void k0_total(const lm_call *call, int64_t chunks) {
    const int64_t *const d = call->dims;
    const int64_t n_j0 = d[1];
    const int64_t at1 = d[2];
    const int64_t at2 = d[3];
    const int64_t atn1 = d[4];
    const int64_t atk1 = d[5];
    const float lit8 = (float)lm_number(d[8]);
    const float lit9 = (float)lm_number(d[9]);
    float *restrict b1 = (float *)call->data[1];
    float *restrict b2 = (float *)call->data[2];
    float *restrict b3 = (float *)call->data[3];
    float *restrict g1 = (float *)(call->partial + at1);
    float *restrict g2 = (float *)(call->partial + at2);
    float *restrict ng1 = (float *)(call->partial + atn1);
    float *restrict kg1 = (float *)(call->partial + atk1);
    int64_t j0;
    j0 = 0;
    for (; j0 + 8 <= n_j0; j0 += 8) {
        f32x8 v1 = splat_f32x8(0.0f);
        float nv1 = 0;
        f32x8 v2 = splat_f32x8(0.0f);
        f32x8 kv1 = splat_f32x8(0.0f);
        int haskv1 = 0;
        for (int64_t c = 0; c < chunks; ++c) {
          if (!haskv1) {
            kv1 = ld_f32x8(kg1 + c * (n_j0) + j0);
            kv1 = sel_f32x8(kv1 - kv1 == splat_f32x8(0.0f), kv1, splat_f32x8(0.0f));
            haskv1 = 1;
          }
          if (ng1[c] > 0) {
            { const float f = ng1[c] / (nv1 + ng1[c]);
              moments_f32x8(&v1, &v2, ((ld_f32x8(kg1 + c * (n_j0) + j0) - kv1) + ld_f32x8(g1 + c * (n_j0) + j0)), ld_f32x8(g2 + c * (n_j0) + j0), f, nv1 * f);
              nv1 += ng1[c]; }
          }
        }
        v1 += kv1;
        st_f32x8(b1 + j0, v1);
        const f32x8 v5 = (v2 / lit8);
        const f32x8 v8 = (v5 + lit9);
        const f32x8 v9 = rsqrt_f32x8(v8);
        st_f32x8(b2 + j0, v9);
        st_f32x8(b3 + j0, v1);
    }
    for (; j0 < n_j0; j0 += 1) {
        float v1 = 0.0f;
        float nv1 = 0;
        float v2 = 0.0f;
        float kv1 = 0.0f;
        int haskv1 = 0;
        for (int64_t c = 0; c < chunks; ++c) {
          if (!haskv1) {
            kv1 = ld_f32(kg1 + c * (n_j0) + j0);
            kv1 = sel_f32(kv1 - kv1 == 0.0f, kv1, 0.0f);
            haskv1 = 1;
          }
          if (ng1[c] > 0) {
            { const float f = ng1[c] / (nv1 + ng1[c]);
              moments_f32(&v1, &v2, ((ld_f32(kg1 + c * (n_j0) + j0) - kv1) + ld_f32(g1 + c * (n_j0) + j0)), ld_f32(g2 + c * (n_j0) + j0), f, nv1 * f);
              nv1 += ng1[c]; }
          }
        }
        v1 += kv1;
        st_f32(b1 + j0, v1);
        const float v5 = (v2 / lit8);
        const float v8 = (v5 + lit9);
        const float v9 = rsqrt_f32(v8);
        st_f32(b2 + j0, v9);
        st_f32(b3 + j0, v1);
    }
}

void k1(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_i1 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t block = d[3];
    const int64_t blocks = d[4];
    const int64_t by5 = d[5];
    const float *restrict b0 = (const float *)call->data[0];
    const float *restrict b1 = (const float *)call->data[1];
    const float *restrict b2 = (const float *)call->data[2];
    const float *restrict b3 = (const float *)call->data[3];
    const float *restrict b4 = (const float *)call->data[4];
    float *restrict b5 = (float *)call->data[5];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i1);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i1 = c0;
        for (; i1 + 8 <= c1; i1 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by5 + i1);
            const f32x8 v1 = ld_f32x8(b1 + i1);
            const f32x8 v2 = (v0 - v1);
            const f32x8 v3 = ld_f32x8(b2 + i1);
            const f32x8 v4 = (v2 * v3);
            const f32x8 v5 = ld_f32x8(b3 + i1);
            const f32x8 v6 = (v4 * v5);
            const f32x8 v7 = ld_f32x8(b4 + i1);
            const f32x8 v8 = (v6 + v7);
            st_f32x8(b5 + i0 * by5 + i1, v8);
        }
        for (; i1 < c1; i1 += 1) {
            const float v0 = ld_f32(b0 + i0 * by5 + i1);
            const float v1 = ld_f32(b1 + i1);
            const float v2 = (v0 - v1);
            const float v3 = ld_f32(b2 + i1);
            const float v4 = (v2 * v3);
            const float v5 = ld_f32(b3 + i1);
            const float v6 = (v4 * v5);
            const float v7 = ld_f32(b4 + i1);
            const float v8 = (v6 + v7);
            st_f32(b5 + i0 * by5 + i1, v8);
        }
        ++i0;
    }
}
