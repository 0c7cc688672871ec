/* helpers fefc096737613f12 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t by3 = d[3];
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict b1 = (float *)call->data[1];
    float *restrict b2 = (float *)call->data[2];
    int64_t *restrict b3 = (int64_t *)call->data[3];
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t j0;
        double carry2 = 0.0;
        float carry4 = (-INFINITY);
        int64_t carry11 = INT64_MIN;
        j0 = 0;
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by3 + j0);
            const double v1 = (double)v0;
            carry2 = (double)(carry2 + v1);
            const double v2 = carry2;
            const float v3 = fromd_f32(v2);
            st_f32(b1 + i0 * by3 + j0, v3);
            carry4 = max_f32(carry4, v0);
            const float v4 = carry4;
            st_f32(b2 + i0 * by3 + j0, v4);
            const int64_t v5 = j0;
            const _Bool v6 = (v0 == v4);
            const _Bool v7 = (v0 != v0);
            const _Bool v8 = (v6 | v7);
            const int64_t v10 = sel_i64(v8, v5, INT64_C(0));
            carry11 = max_i64(carry11, v10);
            const int64_t v11 = carry11;
            st_i64(b3 + i0 * by3 + j0, v11);
        }
        ++i0;
    }
}

void k1(const lm_call *call, int64_t chunk) {
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
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            f64x8 carry2 = splat_f64x8(0.0);
            for (int64_t j0 = 0; j0 < n_j0; ++j0) {
                const f32x8 v0 = ld_f32x8(b0 + i0 + j0 * by5);
                const f64x8 v1 = tod_f32x8(v0);
                carry2 = carry2 + v1;
                const f64x8 v2 = carry2;
                const f32x8 v3 = fromd_f32x8(v2);
                st_f32x8(b1 + i0 + j0 * by5, v3);
            }
        }
        for (; i0 < c1; i0 += 1) {
            double carry2 = 0.0;
            for (int64_t j0 = 0; j0 < n_j0; ++j0) {
                const float v0 = ld_f32(b0 + i0 + j0 * by5);
                const double v1 = (double)v0;
                carry2 = (double)(carry2 + v1);
                const double v2 = carry2;
                const float v3 = fromd_f32(v2);
                st_f32(b1 + i0 + j0 * by5, v3);
            }
        }
    }
}
