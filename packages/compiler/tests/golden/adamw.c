/* helpers 9fb9c7efae9d4582 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    const double lit4 = (double)lm_number(d[4]);
    const double lit5 = (double)lm_number(d[5]);
    const double lit6 = (double)lm_number(d[6]);
    const int64_t lit7 = d[7];
    const double lit8 = (double)lm_number(d[8]);
    const float *restrict b0 = (const float *)call->data[0];
    const float *restrict b1 = (const float *)call->data[1];
    float *restrict b2 = (float *)call->data[2];
    const float *restrict b3 = (const float *)call->data[3];
    float *restrict b4 = (float *)call->data[4];
    const float *restrict b5 = (const float *)call->data[5];
    const float *restrict b6 = (const float *)call->data[6];
    float *restrict b7 = (float *)call->data[7];
    const double q0 = (double)(call->scalars[0].f);
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    const double v5 = (1.0 - lit4);
    const float v6 = fromd_f32(v5);
    const double v13 = (1.0 - lit5);
    const float v14 = fromd_f32(v13);
    const float v19 = ld_f32(b6 + 0);
    const float v23 = (float)lit7;
    const float v24 = (v19 + v23);
    const double v25 = (double)v24;
    const double v26 = pow_f64(lit5, v25);
    const double v27 = (1.0 - v26);
    const double v28 = sqrt_f64(v27);
    const double v29 = (lit6 * v28);
    const float v30 = fromd_f32(v29);
    const double v31 = (q0 * v28);
    const double v32 = pow_f64(lit4, v25);
    const double v33 = (1.0 - v32);
    const double v34 = (v31 / v33);
    const float v35 = fromd_f32(v34);
    const double v36 = (q0 * lit8);
    const double v37 = (1.0 - v36);
    const float v38 = fromd_f32(v37);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0);
            const f32x8 v1 = ld_f32x8(b1 + i0);
            const f32x8 v2 = (v0 - v1);
            const f32x8 v7 = (v2 * v6);
            const f32x8 v8 = (v1 + v7);
            st_f32x8(b2 + i0, v8);
            const f32x8 v9 = (v0 * v0);
            const f32x8 v10 = ld_f32x8(b3 + i0);
            const f32x8 v11 = (v9 - v10);
            const f32x8 v15 = (v11 * v14);
            const f32x8 v16 = (v10 + v15);
            st_f32x8(b4 + i0, v16);
            const f32x8 v17 = ld_f32x8(b5 + i0);
            const f32x8 v39 = (v17 * v38);
            const f32x8 v40 = sqrt_f32x8(v16);
            const f32x8 v41 = (v40 + v30);
            const f32x8 v42 = (v8 / v41);
            const f32x8 v43 = (v42 * v35);
            const f32x8 v44 = (v39 - v43);
            st_f32x8(b7 + i0, v44);
        }
        for (; i0 < c1; i0 += 1) {
            const float v0 = ld_f32(b0 + i0);
            const float v1 = ld_f32(b1 + i0);
            const float v2 = (v0 - v1);
            const float v7 = (v2 * v6);
            const float v8 = (v1 + v7);
            st_f32(b2 + i0, v8);
            const float v9 = (v0 * v0);
            const float v10 = ld_f32(b3 + i0);
            const float v11 = (v9 - v10);
            const float v15 = (v11 * v14);
            const float v16 = (v10 + v15);
            st_f32(b4 + i0, v16);
            const float v17 = ld_f32(b5 + i0);
            const float v39 = (v17 * v38);
            const float v40 = sqrt_f32(v16);
            const float v41 = (v40 + v30);
            const float v42 = (v8 / v41);
            const float v43 = (v42 * v35);
            const float v44 = (v39 - v43);
            st_f32(b7 + i0, v44);
        }
    }
}

void k1(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t rows_per_chunk = d[0];
    const int64_t lit1 = d[1];
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict b1 = (float *)call->data[1];
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    const float v0 = ld_f32(b0 + 0);
    const float v2 = (float)lit1;
    const float v3 = (v0 + v2);
    for (int64_t r = r0; r < r1; ++r) {
        st_f32(b1 + 0, v3);
    }
}
