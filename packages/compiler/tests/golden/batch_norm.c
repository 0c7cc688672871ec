/* helpers 824c409e7cec8a73 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t at1 = d[2];
    const int64_t rows_per_chunk = d[3];
    const int64_t by4 = d[4];
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict g1 = (float *)(call->partial + at1);
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    g1 += chunk * (n_j0);
    for (int64_t k = 0; k < n_j0; ++k) g1[k] = 0.0f;
    int64_t i0 = r0;
    int64_t r = r0;
    for (; r + 4 <= r1; r += 4) {
        int64_t j0;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by4 + j0);
            st_f32x8(g1 + j0, ld_f32x8(g1 + j0) + v0);
            __builtin_prefetch(b0 + i0 * by4 + j0 + 4 * by4, 0, 2);
          }
          {
            const f32x8 v0r1 = ld_f32x8(b0 + (i0 + 1) * by4 + j0);
            st_f32x8(g1 + j0, ld_f32x8(g1 + j0) + v0r1);
            __builtin_prefetch(b0 + (i0 + 1) * by4 + j0 + 4 * by4, 0, 2);
          }
          {
            const f32x8 v0r2 = ld_f32x8(b0 + (i0 + 2) * by4 + j0);
            st_f32x8(g1 + j0, ld_f32x8(g1 + j0) + v0r2);
            __builtin_prefetch(b0 + (i0 + 2) * by4 + j0 + 4 * by4, 0, 2);
          }
          {
            const f32x8 v0r3 = ld_f32x8(b0 + (i0 + 3) * by4 + j0);
            st_f32x8(g1 + j0, ld_f32x8(g1 + j0) + v0r3);
            __builtin_prefetch(b0 + (i0 + 3) * by4 + j0 + 4 * by4, 0, 2);
          }
        }
        for (; j0 < n_j0; j0 += 1) {
          {
            const float v0 = ld_f32(b0 + i0 * by4 + j0);
            st_f32(g1 + j0, (float)(ld_f32(g1 + j0) + v0));
          }
          {
            const float v0r1 = ld_f32(b0 + (i0 + 1) * by4 + j0);
            st_f32(g1 + j0, (float)(ld_f32(g1 + j0) + v0r1));
          }
          {
            const float v0r2 = ld_f32(b0 + (i0 + 2) * by4 + j0);
            st_f32(g1 + j0, (float)(ld_f32(g1 + j0) + v0r2));
          }
          {
            const float v0r3 = ld_f32(b0 + (i0 + 3) * by4 + j0);
            st_f32(g1 + j0, (float)(ld_f32(g1 + j0) + v0r3));
          }
        }
        i0 += 4;
    }
    for (; r < r1; ++r) {
        int64_t j0;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by4 + j0);
            st_f32x8(g1 + j0, ld_f32x8(g1 + j0) + v0);
            __builtin_prefetch(b0 + i0 * by4 + j0 + 4 * by4, 0, 2);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by4 + j0);
            st_f32(g1 + j0, (float)(ld_f32(g1 + j0) + v0));
        }
        ++i0;
    }
}
void k0_total(const lm_call *call, int64_t chunks) {
    const int64_t *const d = call->dims;
    const int64_t n_j0 = d[1];
    const int64_t at1 = d[2];
    const int64_t lit5 = d[5];
    float *restrict b1 = (float *)call->data[1];
    float *restrict g1 = (float *)(call->partial + at1);
    const float v3 = (float)lit5;
    int64_t j0;
    j0 = 0;
    for (; j0 + 8 <= n_j0; j0 += 8) {
        f32x8 v1 = splat_f32x8(0.0f);
        for (int64_t c = 0; c < chunks; ++c) v1 = v1 + ld_f32x8(g1 + c * (n_j0) + j0);
        const f32x8 v4 = (v1 / v3);
        st_f32x8(b1 + j0, v4);
    }
    for (; j0 < n_j0; j0 += 1) {
        float v1 = 0.0f;
        for (int64_t c = 0; c < chunks; ++c) v1 = (float)(v1 + ld_f32(g1 + c * (n_j0) + j0));
        const float v4 = (v1 / v3);
        st_f32(b1 + j0, v4);
    }
}

void k1(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t at4 = d[2];
    const int64_t rows_per_chunk = d[3];
    const int64_t by4 = d[4];
    const float *restrict b0 = (const float *)call->data[0];
    const float *restrict b1 = (const float *)call->data[1];
    float *restrict g4 = (float *)(call->partial + at4);
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    g4 += chunk * (n_j0);
    for (int64_t k = 0; k < n_j0; ++k) g4[k] = 0.0f;
    int64_t i0 = r0;
    int64_t r = r0;
    for (; r + 4 <= r1; r += 4) {
        int64_t j0;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by4 + j0);
            const f32x8 v1 = ld_f32x8(b1 + j0);
            const f32x8 v2 = (v0 - v1);
            const f32x8 v3 = (v2 * v2);
            st_f32x8(g4 + j0, ld_f32x8(g4 + j0) + v3);
            __builtin_prefetch(b0 + i0 * by4 + j0 + 4 * by4, 0, 2);
          }
          {
            const f32x8 v0r1 = ld_f32x8(b0 + (i0 + 1) * by4 + j0);
            const f32x8 v1r1 = ld_f32x8(b1 + j0);
            const f32x8 v2r1 = (v0r1 - v1r1);
            const f32x8 v3r1 = (v2r1 * v2r1);
            st_f32x8(g4 + j0, ld_f32x8(g4 + j0) + v3r1);
            __builtin_prefetch(b0 + (i0 + 1) * by4 + j0 + 4 * by4, 0, 2);
          }
          {
            const f32x8 v0r2 = ld_f32x8(b0 + (i0 + 2) * by4 + j0);
            const f32x8 v1r2 = ld_f32x8(b1 + j0);
            const f32x8 v2r2 = (v0r2 - v1r2);
            const f32x8 v3r2 = (v2r2 * v2r2);
            st_f32x8(g4 + j0, ld_f32x8(g4 + j0) + v3r2);
            __builtin_prefetch(b0 + (i0 + 2) * by4 + j0 + 4 * by4, 0, 2);
          }
          {
            const f32x8 v0r3 = ld_f32x8(b0 + (i0 + 3) * by4 + j0);
            const f32x8 v1r3 = ld_f32x8(b1 + j0);
            const f32x8 v2r3 = (v0r3 - v1r3);
            const f32x8 v3r3 = (v2r3 * v2r3);
            st_f32x8(g4 + j0, ld_f32x8(g4 + j0) + v3r3);
            __builtin_prefetch(b0 + (i0 + 3) * by4 + j0 + 4 * by4, 0, 2);
          }
        }
        for (; j0 < n_j0; j0 += 1) {
          {
            const float v0 = ld_f32(b0 + i0 * by4 + j0);
            const float v1 = ld_f32(b1 + j0);
            const float v2 = (v0 - v1);
            const float v3 = (v2 * v2);
            st_f32(g4 + j0, (float)(ld_f32(g4 + j0) + v3));
          }
          {
            const float v0r1 = ld_f32(b0 + (i0 + 1) * by4 + j0);
            const float v1r1 = ld_f32(b1 + j0);
            const float v2r1 = (v0r1 - v1r1);
            const float v3r1 = (v2r1 * v2r1);
            st_f32(g4 + j0, (float)(ld_f32(g4 + j0) + v3r1));
          }
          {
            const float v0r2 = ld_f32(b0 + (i0 + 2) * by4 + j0);
            const float v1r2 = ld_f32(b1 + j0);
            const float v2r2 = (v0r2 - v1r2);
            const float v3r2 = (v2r2 * v2r2);
            st_f32(g4 + j0, (float)(ld_f32(g4 + j0) + v3r2));
          }
          {
            const float v0r3 = ld_f32(b0 + (i0 + 3) * by4 + j0);
            const float v1r3 = ld_f32(b1 + j0);
            const float v2r3 = (v0r3 - v1r3);
            const float v3r3 = (v2r3 * v2r3);
            st_f32(g4 + j0, (float)(ld_f32(g4 + j0) + v3r3));
          }
        }
        i0 += 4;
    }
    for (; r < r1; ++r) {
        int64_t j0;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by4 + j0);
            const f32x8 v1 = ld_f32x8(b1 + j0);
            const f32x8 v2 = (v0 - v1);
            const f32x8 v3 = (v2 * v2);
            st_f32x8(g4 + j0, ld_f32x8(g4 + j0) + v3);
            __builtin_prefetch(b0 + i0 * by4 + j0 + 4 * by4, 0, 2);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by4 + j0);
            const float v1 = ld_f32(b1 + j0);
            const float v2 = (v0 - v1);
            const float v3 = (v2 * v2);
            st_f32(g4 + j0, (float)(ld_f32(g4 + j0) + v3));
        }
        ++i0;
    }
}
void k1_total(const lm_call *call, int64_t chunks) {
    const int64_t *const d = call->dims;
    const int64_t n_j0 = d[1];
    const int64_t at4 = d[2];
    const int64_t lit5 = d[5];
    const float lit6 = (float)lm_number(d[6]);
    float *restrict b2 = (float *)call->data[2];
    float *restrict g4 = (float *)(call->partial + at4);
    const float v6 = (float)lit5;
    int64_t j0;
    j0 = 0;
    for (; j0 + 8 <= n_j0; j0 += 8) {
        f32x8 v4 = splat_f32x8(0.0f);
        for (int64_t c = 0; c < chunks; ++c) v4 = v4 + ld_f32x8(g4 + c * (n_j0) + j0);
        const f32x8 v7 = (v4 / v6);
        const f32x8 v10 = (v7 + lit6);
        const f32x8 v11 = rsqrt_f32x8(v10);
        st_f32x8(b2 + j0, v11);
    }
    for (; j0 < n_j0; j0 += 1) {
        float v4 = 0.0f;
        for (int64_t c = 0; c < chunks; ++c) v4 = (float)(v4 + ld_f32(g4 + c * (n_j0) + j0));
        const float v7 = (v4 / v6);
        const float v10 = (v7 + lit6);
        const float v11 = rsqrt_f32(v10);
        st_f32(b2 + j0, v11);
    }
}

void k2(const lm_call *call, int64_t chunk) {
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
