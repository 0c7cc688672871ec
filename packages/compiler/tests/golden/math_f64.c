/* helpers f70f9f9f647cd0a4 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    const double lit4 = (double)lm_number(d[4]);
    const double *restrict b0 = (const double *)call->data[0];
    double *restrict b1 = (double *)call->data[1];
    double *restrict b2 = (double *)call->data[2];
    double *restrict b3 = (double *)call->data[3];
    double *restrict b4 = (double *)call->data[4];
    double *restrict b5 = (double *)call->data[5];
    double *restrict b6 = (double *)call->data[6];
    double *restrict b7 = (double *)call->data[7];
    double *restrict b8 = (double *)call->data[8];
    double *restrict b9 = (double *)call->data[9];
    double *restrict b10 = (double *)call->data[10];
    double *restrict b11 = (double *)call->data[11];
    double *restrict b12 = (double *)call->data[12];
    double *restrict b13 = (double *)call->data[13];
    double *restrict b14 = (double *)call->data[14];
    double *restrict b15 = (double *)call->data[15];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 4 <= c1; i0 += 4) {
            const f64x4 v0 = ld_f64x4(b0 + i0);
            const f64x4 v1 = exp_f64x4(v0);
            st_f64x4(b1 + i0, v1);
            const f64x4 v2 = log_f64x4(v0);
            st_f64x4(b2 + i0, v2);
            const f64x4 v3 = log1p_f64x4(v0);
            st_f64x4(b3 + i0, v3);
            const f64x4 v4 = sqrt_f64x4(v0);
            st_f64x4(b4 + i0, v4);
            const f64x4 v5 = rsqrt_f64x4(v0);
            st_f64x4(b5 + i0, v5);
            const f64x4 v6 = sin_f64x4(v0);
            st_f64x4(b6 + i0, v6);
            const f64x4 v7 = cos_f64x4(v0);
            st_f64x4(b7 + i0, v7);
            const f64x4 v8 = tanh_f64x4(v0);
            st_f64x4(b8 + i0, v8);
            const f64x4 v9 = sigmoid_f64x4(v0);
            st_f64x4(b9 + i0, v9);
            const f64x4 v10 = erf_f64x4(v0);
            st_f64x4(b10 + i0, v10);
            const f64x4 v11 = reciprocal_f64x4(v0);
            st_f64x4(b11 + i0, v11);
            const f64x4 v12 = floor_f64x4(v0);
            st_f64x4(b12 + i0, v12);
            const f64x4 v13 = sign_f64x4(v0);
            st_f64x4(b13 + i0, v13);
            const f64x4 v15 = pow_f64x4(v0, splat_f64x4(lit4));
            st_f64x4(b14 + i0, v15);
            const f64x4 v17 = max_f64x4(v0, splat_f64x4(0.5));
            st_f64x4(b15 + i0, v17);
        }
        for (; i0 < c1; i0 += 1) {
            const double v0 = ld_f64(b0 + i0);
            const double v1 = exp_f64(v0);
            st_f64(b1 + i0, v1);
            const double v2 = log_f64(v0);
            st_f64(b2 + i0, v2);
            const double v3 = log1p_f64(v0);
            st_f64(b3 + i0, v3);
            const double v4 = sqrt_f64(v0);
            st_f64(b4 + i0, v4);
            const double v5 = rsqrt_f64(v0);
            st_f64(b5 + i0, v5);
            const double v6 = sin_f64(v0);
            st_f64(b6 + i0, v6);
            const double v7 = cos_f64(v0);
            st_f64(b7 + i0, v7);
            const double v8 = tanh_f64(v0);
            st_f64(b8 + i0, v8);
            const double v9 = sigmoid_f64(v0);
            st_f64(b9 + i0, v9);
            const double v10 = erf_f64(v0);
            st_f64(b10 + i0, v10);
            const double v11 = reciprocal_f64(v0);
            st_f64(b11 + i0, v11);
            const double v12 = floor_f64(v0);
            st_f64(b12 + i0, v12);
            const double v13 = sign_f64(v0);
            st_f64(b13 + i0, v13);
            const double v15 = pow_f64(v0, lit4);
            st_f64(b14 + i0, v15);
            const double v17 = max_f64(v0, 0.5);
            st_f64(b15 + i0, v17);
        }
    }
}
