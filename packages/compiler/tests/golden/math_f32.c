/* helpers ab7792b05676d12e */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    const float lit4 = (float)lm_number(d[4]);
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict b1 = (float *)call->data[1];
    float *restrict b2 = (float *)call->data[2];
    float *restrict b3 = (float *)call->data[3];
    float *restrict b4 = (float *)call->data[4];
    float *restrict b5 = (float *)call->data[5];
    float *restrict b6 = (float *)call->data[6];
    float *restrict b7 = (float *)call->data[7];
    float *restrict b8 = (float *)call->data[8];
    float *restrict b9 = (float *)call->data[9];
    float *restrict b10 = (float *)call->data[10];
    float *restrict b11 = (float *)call->data[11];
    float *restrict b12 = (float *)call->data[12];
    float *restrict b13 = (float *)call->data[13];
    float *restrict b14 = (float *)call->data[14];
    float *restrict b15 = (float *)call->data[15];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0);
            const f32x8 v1 = exp_f32x8(v0);
            st_f32x8(b1 + i0, v1);
            const f32x8 v2 = log_f32x8(v0);
            st_f32x8(b2 + i0, v2);
            const f32x8 v3 = log1p_f32x8(v0);
            st_f32x8(b3 + i0, v3);
            const f32x8 v4 = sqrt_f32x8(v0);
            st_f32x8(b4 + i0, v4);
            const f32x8 v5 = rsqrt_f32x8(v0);
            st_f32x8(b5 + i0, v5);
            const f32x8 v6 = sin_f32x8(v0);
            st_f32x8(b6 + i0, v6);
            const f32x8 v7 = cos_f32x8(v0);
            st_f32x8(b7 + i0, v7);
            const f32x8 v8 = tanh_f32x8(v0);
            st_f32x8(b8 + i0, v8);
            const f32x8 v9 = sigmoid_f32x8(v0);
            st_f32x8(b9 + i0, v9);
            const f32x8 v10 = erf_f32x8(v0);
            st_f32x8(b10 + i0, v10);
            const f32x8 v11 = reciprocal_f32x8(v0);
            st_f32x8(b11 + i0, v11);
            const f32x8 v12 = floor_f32x8(v0);
            st_f32x8(b12 + i0, v12);
            const f32x8 v13 = sign_f32x8(v0);
            st_f32x8(b13 + i0, v13);
            const f32x8 v16 = pow_f32x8(v0, splat_f32x8(lit4));
            st_f32x8(b14 + i0, v16);
            const f32x8 v19 = max_f32x8(v0, splat_f32x8(0.5f));
            st_f32x8(b15 + i0, v19);
        }
        for (; i0 < c1; i0 += 1) {
            const float v0 = ld_f32(b0 + i0);
            const float v1 = exp_f32(v0);
            st_f32(b1 + i0, v1);
            const float v2 = log_f32(v0);
            st_f32(b2 + i0, v2);
            const float v3 = log1p_f32(v0);
            st_f32(b3 + i0, v3);
            const float v4 = sqrt_f32(v0);
            st_f32(b4 + i0, v4);
            const float v5 = rsqrt_f32(v0);
            st_f32(b5 + i0, v5);
            const float v6 = sin_f32(v0);
            st_f32(b6 + i0, v6);
            const float v7 = cos_f32(v0);
            st_f32(b7 + i0, v7);
            const float v8 = tanh_f32(v0);
            st_f32(b8 + i0, v8);
            const float v9 = sigmoid_f32(v0);
            st_f32(b9 + i0, v9);
            const float v10 = erf_f32(v0);
            st_f32(b10 + i0, v10);
            const float v11 = reciprocal_f32(v0);
            st_f32(b11 + i0, v11);
            const float v12 = floor_f32(v0);
            st_f32(b12 + i0, v12);
            const float v13 = sign_f32(v0);
            st_f32(b13 + i0, v13);
            const float v16 = pow_f32(v0, lit4);
            st_f32(b14 + i0, v16);
            const float v19 = max_f32(v0, 0.5f);
            st_f32(b15 + i0, v19);
        }
    }
}
