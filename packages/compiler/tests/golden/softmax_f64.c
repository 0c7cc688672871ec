/* helpers d1563ac9938da30e */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t by3 = d[3];
    const double *restrict b0 = (const double *)call->data[0];
    double *restrict b1 = (double *)call->data[1];
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    const int64_t points = (n_j0 + 63) / 64 * 64;
    char *const scratch = (char *)lm_scratch(points * 8);
    double *restrict t0 = (double *)(scratch + points * 0);
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t j0;
        f64x4 a1_0 = splat_f64x4(((double)-INFINITY));
        f64x4 a1_1 = splat_f64x4(((double)-INFINITY));
        f64x4 a1_2 = splat_f64x4(((double)-INFINITY));
        f64x4 a1_3 = splat_f64x4(((double)-INFINITY));
        double e1 = ((double)-INFINITY);
        j0 = 0;
        for (; j0 + 16 <= n_j0; j0 += 16) {
          {
            const f64x4 v0 = ld_f64x4(b0 + i0 * by3 + j0);
            a1_0 = most_f64x4(v0, a1_0);
          }
          {
            const f64x4 v0 = ld_f64x4(b0 + i0 * by3 + (j0 + 4));
            a1_1 = most_f64x4(v0, a1_1);
          }
          {
            const f64x4 v0 = ld_f64x4(b0 + i0 * by3 + (j0 + 8));
            a1_2 = most_f64x4(v0, a1_2);
          }
          {
            const f64x4 v0 = ld_f64x4(b0 + i0 * by3 + (j0 + 12));
            a1_3 = most_f64x4(v0, a1_3);
          }
        }
        for (; j0 + 4 <= n_j0; j0 += 4) {
            const f64x4 v0 = ld_f64x4(b0 + i0 * by3 + j0);
            a1_0 = most_f64x4(v0, a1_0);
        }
        for (; j0 < n_j0; j0 += 1) {
            const double v0 = ld_f64(b0 + i0 * by3 + j0);
            e1 = most_f64(v0, e1);
        }
        const double v1 = most_f64(e1, hlargest_f64x4((most_f64x4((most_f64x4(a1_3, a1_2)), (most_f64x4(a1_1, a1_0))))));
        f64x4 a5_0 = splat_f64x4(0.0);
        double e5 = 0.0;
        j0 = 0;
        for (; j0 + 4 <= n_j0; j0 += 4) {
            const f64x4 v2 = ld_f64x4(b0 + i0 * by3 + j0);
            const f64x4 v3 = (v2 - v1);
            const f64x4 v4 = exp_f64x4(v3);
            a5_0 = a5_0 + v4;
            st_f64x4(t0 + j0, v4);
            __builtin_prefetch(b0 + i0 * by3 + j0 + by3, 0, 2);
        }
        for (; j0 < n_j0; j0 += 1) {
            const double v2 = ld_f64(b0 + i0 * by3 + j0);
            const double v3 = (v2 - v1);
            const double v4 = exp_f64(v3);
            e5 = (double)(e5 + v4);
            st_f64(t0 + j0, v4);
        }
        const double v5 = (double)(hsum_f64x4(a5_0) + e5);
        const double v6 = reciprocal_f64(v5);
        j0 = 0;
        for (; j0 + 4 <= n_j0; j0 += 4) {
            const f64x4 v7 = ld_f64x4(t0 + j0);
            const f64x4 v8 = (v7 * v6);
            st_f64x4(b1 + i0 * by3 + j0, v8);
        }
        for (; j0 < n_j0; j0 += 1) {
            const double v7 = ld_f64(t0 + j0);
            const double v8 = (v7 * v6);
            st_f64(b1 + i0 * by3 + j0, v8);
        }
        ++i0;
    }
}
