/* helpers 455181e621115873 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    const float lit4 = (float)lm_number(d[4]);
    float *restrict b0 = (float *)call->data[0];
    const int64_t q0 = (int64_t)(call->scalars[0].i);
    const int64_t q1 = (int64_t)(call->scalars[1].i);
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    const uint64_t v3 = (uint64_t)q0;
    const uint64_t v4 = (uint64_t)q1;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            const i64x8 v2 = (splat_i64x8(i0) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            const u64x8 v5 = __builtin_convertvector(v2, u64x8);
            const u64x8 v6 = (v4 + v5);
            const u64x8 v7 = philox_u64x8(splat_u64x8(v3), v6);
            const u64x8 v9 = shr_u64x8(v7, splat_u64x8(UINT64_C(40)));
            const i32x8 v10 = __builtin_convertvector(v9, i32x8);
            const f32x8 v11 = __builtin_convertvector(v10, f32x8);
            const f32x8 v13 = (v11 * lit4);
            st_f32x8(b0 + i0, v13);
        }
        for (; i0 < c1; i0 += 1) {
            const int64_t v2 = i0;
            const uint64_t v5 = (uint64_t)v2;
            const uint64_t v6 = (v4 + v5);
            const uint64_t v7 = philox_u64(v3, v6);
            const uint64_t v9 = shr_u64(v7, UINT64_C(40));
            const int32_t v10 = (int32_t)v9;
            const float v11 = (float)v10;
            const float v13 = (v11 * lit4);
            st_f32(b0 + i0, v13);
        }
    }
}

void k1(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    const float lit4 = (float)lm_number(d[4]);
    const float lit5 = (float)lm_number(d[5]);
    const float lit6 = (float)lm_number(d[6]);
    const float lit7 = (float)lm_number(d[7]);
    const float lit8 = (float)lm_number(d[8]);
    const float lit9 = (float)lm_number(d[9]);
    const float lit10 = (float)lm_number(d[10]);
    const float lit11 = (float)lm_number(d[11]);
    const float lit12 = (float)lm_number(d[12]);
    const float lit13 = (float)lm_number(d[13]);
    const float lit14 = (float)lm_number(d[14]);
    const float lit15 = (float)lm_number(d[15]);
    float *restrict b0 = (float *)call->data[0];
    const int64_t q0 = (int64_t)(call->scalars[0].i);
    const int64_t q1 = (int64_t)(call->scalars[1].i);
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    const uint64_t v3 = (uint64_t)q0;
    const uint64_t v4 = (uint64_t)q1;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            const i64x8 v2 = (splat_i64x8(i0) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            const u64x8 v5 = __builtin_convertvector(v2, u64x8);
            const u64x8 v6 = (v4 + v5);
            const u64x8 v7 = philox_u64x8(splat_u64x8(v3), v6);
            const u64x8 v9 = shr_u64x8(v7, splat_u64x8(UINT64_C(32)));
            const u32x8 v10 = __builtin_convertvector(v9, u32x8);
            const f32x8 v11 = __builtin_convertvector(v10, f32x8);
            const f32x8 v13 = (v11 + 0.5f);
            const i32x8 v14 = asi_f32x8(v13);
            const i32x8 v16 = (v14 - ((int32_t)1328874739));
            const i32x8 v18 = (v16 & ((int32_t)-8388608));
            const i32x8 v19 = (v14 - v18);
            const f32x8 v20 = asf_f32x8(v19);
            const f32x8 v22 = (v20 - lit4);
            const f32x8 v23 = (v20 + lit4);
            const f32x8 v24 = (v22 / v23);
            const f32x8 v25 = (v24 * v24);
            const f32x8 v27 = (v25 * lit5);
            const f32x8 v29 = (v27 + lit6);
            const f32x8 v30 = (v29 * v25);
            const f32x8 v32 = (v30 + lit7);
            const f32x8 v33 = (v32 * v25);
            const f32x8 v35 = (v33 + lit8);
            const f32x8 v36 = (v35 * v24);
            const f32x8 v37 = __builtin_convertvector(v18, f32x8);
            const f32x8 v39 = (v37 * lit9);
            const f32x8 v40 = (v39 + v36);
            const i32x8 v41 = __builtin_convertvector(v7, i32x8);
            const f32x8 v42 = __builtin_convertvector(v41, f32x8);
            const f32x8 v44 = (v42 * lit10);
            const f32x8 v45 = (v44 * v44);
            const f32x8 v47 = (v45 * lit11);
            const f32x8 v49 = (v47 + lit12);
            const f32x8 v50 = (v49 * v45);
            const f32x8 v52 = (v50 + lit13);
            const f32x8 v53 = (v52 * v45);
            const f32x8 v55 = (v53 + lit14);
            const f32x8 v56 = (v55 * v45);
            const f32x8 v58 = (v56 + lit15);
            const f32x8 v59 = (v58 * v44);
            const f32x8 v60 = sqrt_f32x8(v40);
            const f32x8 v61 = (v60 * v59);
            st_f32x8(b0 + i0, v61);
        }
        for (; i0 < c1; i0 += 1) {
            const int64_t v2 = i0;
            const uint64_t v5 = (uint64_t)v2;
            const uint64_t v6 = (v4 + v5);
            const uint64_t v7 = philox_u64(v3, v6);
            const uint64_t v9 = shr_u64(v7, UINT64_C(32));
            const uint32_t v10 = (uint32_t)v9;
            const float v11 = (float)v10;
            const float v13 = (v11 + 0.5f);
            const int32_t v14 = asi_f32(v13);
            const int32_t v16 = (int32_t)(v14 - ((int32_t)1328874739));
            const int32_t v18 = (int32_t)(v16 & ((int32_t)-8388608));
            const int32_t v19 = (int32_t)(v14 - v18);
            const float v20 = asf_f32(v19);
            const float v22 = (v20 - lit4);
            const float v23 = (v20 + lit4);
            const float v24 = (v22 / v23);
            const float v25 = (v24 * v24);
            const float v27 = (v25 * lit5);
            const float v29 = (v27 + lit6);
            const float v30 = (v29 * v25);
            const float v32 = (v30 + lit7);
            const float v33 = (v32 * v25);
            const float v35 = (v33 + lit8);
            const float v36 = (v35 * v24);
            const float v37 = (float)v18;
            const float v39 = (v37 * lit9);
            const float v40 = (v39 + v36);
            const int32_t v41 = (int32_t)v7;
            const float v42 = (float)v41;
            const float v44 = (v42 * lit10);
            const float v45 = (v44 * v44);
            const float v47 = (v45 * lit11);
            const float v49 = (v47 + lit12);
            const float v50 = (v49 * v45);
            const float v52 = (v50 + lit13);
            const float v53 = (v52 * v45);
            const float v55 = (v53 + lit14);
            const float v56 = (v55 * v45);
            const float v58 = (v56 + lit15);
            const float v59 = (v58 * v44);
            const float v60 = sqrt_f32(v40);
            const float v61 = (v60 * v59);
            st_f32(b0 + i0, v61);
        }
    }
}

void k2(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    float *restrict b0 = (float *)call->data[0];
    const int64_t q0 = (int64_t)(call->scalars[0].i);
    const int64_t q1 = (int64_t)(call->scalars[1].i);
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    const uint64_t v3 = (uint64_t)q0;
    const uint64_t v4 = (uint64_t)q1;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            const i64x8 v2 = (splat_i64x8(i0) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            const u64x8 v5 = __builtin_convertvector(v2, u64x8);
            const u64x8 v6 = (v4 + v5);
            const u64x8 v7 = philox_u64x8(splat_u64x8(v3), v6);
            const u64x8 v10 = shr_u64x8(v7, splat_u64x8(UINT64_C(11)));
            const i32x8 v11 = cmplt_u64x8(v10, splat_u64x8(UINT64_C(900719925474100)));
            const f32x8 v12 = __builtin_convertvector(-v11, f32x8);
            st_f32x8(b0 + i0, v12);
        }
        for (; i0 < c1; i0 += 1) {
            const int64_t v2 = i0;
            const uint64_t v5 = (uint64_t)v2;
            const uint64_t v6 = (v4 + v5);
            const uint64_t v7 = philox_u64(v3, v6);
            const uint64_t v10 = shr_u64(v7, UINT64_C(11));
            const _Bool v11 = (v10 < UINT64_C(900719925474100));
            const float v12 = (float)v11;
            st_f32(b0 + i0, v12);
        }
    }
}
