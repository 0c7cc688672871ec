/* helpers 4d47161960907e85 */
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
    const int64_t points = (n_j0 + 63) / 64 * 64;
    char *const scratch = (char *)lm_scratch(points * 16);
    float *restrict t0 = (float *)(scratch + points * 0);
    int64_t i0 = r0;
    int64_t r = r0;
    for (; r + 4 <= r1; r += 4) {
        int64_t j0;
        f32x8 a1_0 = splat_f32x8((-INFINITY));
        float e1 = (-INFINITY);
        f32x8 a1_0r1 = splat_f32x8((-INFINITY));
        float e1r1 = (-INFINITY);
        f32x8 a1_0r2 = splat_f32x8((-INFINITY));
        float e1r2 = (-INFINITY);
        f32x8 a1_0r3 = splat_f32x8((-INFINITY));
        float e1r3 = (-INFINITY);
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + j0);
            a1_0 = most_f32x8(v0, a1_0);
          }
          {
            const f32x8 v0r1 = ld_f32x8(b0 + (i0 + 1) * by3 + j0);
            a1_0r1 = most_f32x8(v0r1, a1_0r1);
          }
          {
            const f32x8 v0r2 = ld_f32x8(b0 + (i0 + 2) * by3 + j0);
            a1_0r2 = most_f32x8(v0r2, a1_0r2);
          }
          {
            const f32x8 v0r3 = ld_f32x8(b0 + (i0 + 3) * by3 + j0);
            a1_0r3 = most_f32x8(v0r3, a1_0r3);
          }
        }
        for (; j0 < n_j0; j0 += 1) {
          {
            const float v0 = ld_f32(b0 + i0 * by3 + j0);
            e1 = most_f32(v0, e1);
          }
          {
            const float v0r1 = ld_f32(b0 + (i0 + 1) * by3 + j0);
            e1r1 = most_f32(v0r1, e1r1);
          }
          {
            const float v0r2 = ld_f32(b0 + (i0 + 2) * by3 + j0);
            e1r2 = most_f32(v0r2, e1r2);
          }
          {
            const float v0r3 = ld_f32(b0 + (i0 + 3) * by3 + j0);
            e1r3 = most_f32(v0r3, e1r3);
          }
        }
        const float v1 = most_f32(e1, hlargest_f32x8(a1_0));
        const float v1r1 = most_f32(e1r1, hlargest_f32x8(a1_0r1));
        const float v1r2 = most_f32(e1r2, hlargest_f32x8(a1_0r2));
        const float v1r3 = most_f32(e1r3, hlargest_f32x8(a1_0r3));
        f32x8 a5_0 = splat_f32x8(0.0f);
        float e5 = 0.0f;
        f32x8 a5_0r1 = splat_f32x8(0.0f);
        float e5r1 = 0.0f;
        f32x8 a5_0r2 = splat_f32x8(0.0f);
        float e5r2 = 0.0f;
        f32x8 a5_0r3 = splat_f32x8(0.0f);
        float e5r3 = 0.0f;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
          {
            const f32x8 v2 = ld_f32x8(b0 + i0 * by3 + j0);
            const f32x8 v3 = (v2 - v1);
            const f32x8 v4 = exp_f32x8(v3);
            a5_0 = a5_0 + v4;
            st_f32x8(t0 + j0, v4);
          }
          {
            const f32x8 v2r1 = ld_f32x8(b0 + (i0 + 1) * by3 + j0);
            const f32x8 v3r1 = (v2r1 - v1r1);
            const f32x8 v4r1 = exp_f32x8(v3r1);
            a5_0r1 = a5_0r1 + v4r1;
            st_f32x8(t0 + 1 * points + j0, v4r1);
          }
          {
            const f32x8 v2r2 = ld_f32x8(b0 + (i0 + 2) * by3 + j0);
            const f32x8 v3r2 = (v2r2 - v1r2);
            const f32x8 v4r2 = exp_f32x8(v3r2);
            a5_0r2 = a5_0r2 + v4r2;
            st_f32x8(t0 + 2 * points + j0, v4r2);
          }
          {
            const f32x8 v2r3 = ld_f32x8(b0 + (i0 + 3) * by3 + j0);
            const f32x8 v3r3 = (v2r3 - v1r3);
            const f32x8 v4r3 = exp_f32x8(v3r3);
            a5_0r3 = a5_0r3 + v4r3;
            st_f32x8(t0 + 3 * points + j0, v4r3);
          }
        }
        for (; j0 < n_j0; j0 += 1) {
          {
            const float v2 = ld_f32(b0 + i0 * by3 + j0);
            const float v3 = (v2 - v1);
            const float v4 = exp_f32(v3);
            e5 = (float)(e5 + v4);
            st_f32(t0 + j0, v4);
          }
          {
            const float v2r1 = ld_f32(b0 + (i0 + 1) * by3 + j0);
            const float v3r1 = (v2r1 - v1r1);
            const float v4r1 = exp_f32(v3r1);
            e5r1 = (float)(e5r1 + v4r1);
            st_f32(t0 + 1 * points + j0, v4r1);
          }
          {
            const float v2r2 = ld_f32(b0 + (i0 + 2) * by3 + j0);
            const float v3r2 = (v2r2 - v1r2);
            const float v4r2 = exp_f32(v3r2);
            e5r2 = (float)(e5r2 + v4r2);
            st_f32(t0 + 2 * points + j0, v4r2);
          }
          {
            const float v2r3 = ld_f32(b0 + (i0 + 3) * by3 + j0);
            const float v3r3 = (v2r3 - v1r3);
            const float v4r3 = exp_f32(v3r3);
            e5r3 = (float)(e5r3 + v4r3);
            st_f32(t0 + 3 * points + j0, v4r3);
          }
        }
        const float v5 = (float)(hsum_f32x8(a5_0) + e5);
        const float v5r1 = (float)(hsum_f32x8(a5_0r1) + e5r1);
        const float v5r2 = (float)(hsum_f32x8(a5_0r2) + e5r2);
        const float v5r3 = (float)(hsum_f32x8(a5_0r3) + e5r3);
        const float v6 = reciprocal_f32(v5);
        const float v6r1 = reciprocal_f32(v5r1);
        const float v6r2 = reciprocal_f32(v5r2);
        const float v6r3 = reciprocal_f32(v5r3);
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
          {
            const f32x8 v7 = ld_f32x8(t0 + j0);
            const f32x8 v8 = (v7 * v6);
            st_f32x8(b1 + i0 * by3 + j0, v8);
          }
          {
            const f32x8 v7r1 = ld_f32x8(t0 + 1 * points + j0);
            const f32x8 v8r1 = (v7r1 * v6r1);
            st_f32x8(b1 + (i0 + 1) * by3 + j0, v8r1);
          }
          {
            const f32x8 v7r2 = ld_f32x8(t0 + 2 * points + j0);
            const f32x8 v8r2 = (v7r2 * v6r2);
            st_f32x8(b1 + (i0 + 2) * by3 + j0, v8r2);
          }
          {
            const f32x8 v7r3 = ld_f32x8(t0 + 3 * points + j0);
            const f32x8 v8r3 = (v7r3 * v6r3);
            st_f32x8(b1 + (i0 + 3) * by3 + j0, v8r3);
          }
        }
        for (; j0 < n_j0; j0 += 1) {
          {
            const float v7 = ld_f32(t0 + j0);
            const float v8 = (v7 * v6);
            st_f32(b1 + i0 * by3 + j0, v8);
          }
          {
            const float v7r1 = ld_f32(t0 + 1 * points + j0);
            const float v8r1 = (v7r1 * v6r1);
            st_f32(b1 + (i0 + 1) * by3 + j0, v8r1);
          }
          {
            const float v7r2 = ld_f32(t0 + 2 * points + j0);
            const float v8r2 = (v7r2 * v6r2);
            st_f32(b1 + (i0 + 2) * by3 + j0, v8r2);
          }
          {
            const float v7r3 = ld_f32(t0 + 3 * points + j0);
            const float v8r3 = (v7r3 * v6r3);
            st_f32(b1 + (i0 + 3) * by3 + j0, v8r3);
          }
        }
        i0 += 4;
    }
    for (; r < r1; ++r) {
        int64_t j0;
        f32x8 a1_0 = splat_f32x8((-INFINITY));
        float e1 = (-INFINITY);
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + j0);
            a1_0 = most_f32x8(v0, a1_0);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by3 + j0);
            e1 = most_f32(v0, e1);
        }
        const float v1 = most_f32(e1, hlargest_f32x8(a1_0));
        f32x8 a5_0 = splat_f32x8(0.0f);
        float e5 = 0.0f;
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v2 = ld_f32x8(b0 + i0 * by3 + j0);
            const f32x8 v3 = (v2 - v1);
            const f32x8 v4 = exp_f32x8(v3);
            a5_0 = a5_0 + v4;
            st_f32x8(t0 + j0, v4);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v2 = ld_f32(b0 + i0 * by3 + j0);
            const float v3 = (v2 - v1);
            const float v4 = exp_f32(v3);
            e5 = (float)(e5 + v4);
            st_f32(t0 + j0, v4);
        }
        const float v5 = (float)(hsum_f32x8(a5_0) + e5);
        const float v6 = reciprocal_f32(v5);
        j0 = 0;
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v7 = ld_f32x8(t0 + j0);
            const f32x8 v8 = (v7 * v6);
            st_f32x8(b1 + i0 * by3 + j0, v8);
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v7 = ld_f32(t0 + j0);
            const float v8 = (v7 * v6);
            st_f32(b1 + i0 * by3 + j0, v8);
        }
        ++i0;
    }
}
