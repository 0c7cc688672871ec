/* helpers dc9879d49e964258 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t at4 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t block = d[3];
    const int64_t blocks = d[4];
    const int64_t *restrict b0 = (const int64_t *)call->data[0];
    int64_t *restrict g4 = (int64_t *)(call->partial + at4);
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    i64x4 a4_0 = splat_i64x4(INT64_C(0));
    i64x4 a4_1 = splat_i64x4(INT64_C(0));
    i64x4 a4_2 = splat_i64x4(INT64_C(0));
    i64x4 a4_3 = splat_i64x4(INT64_C(0));
    int64_t e4 = INT64_C(0);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 16 <= c1; i0 += 16) {
            {
            const i64x4 v0 = ld_i64x4(b0 + i0);
            const i64x4 v2 = (i64x4)(v0 != splat_i64x4((-INT64_C(100))));
            const i64x4 v3 = __builtin_convertvector(-v2, i64x4);
            a4_0 = a4_0 + v3;
            }
            {
            const i64x4 v0 = ld_i64x4(b0 + (i0 + 4));
            const i64x4 v2 = (i64x4)(v0 != splat_i64x4((-INT64_C(100))));
            const i64x4 v3 = __builtin_convertvector(-v2, i64x4);
            a4_1 = a4_1 + v3;
            }
            {
            const i64x4 v0 = ld_i64x4(b0 + (i0 + 8));
            const i64x4 v2 = (i64x4)(v0 != splat_i64x4((-INT64_C(100))));
            const i64x4 v3 = __builtin_convertvector(-v2, i64x4);
            a4_2 = a4_2 + v3;
            }
            {
            const i64x4 v0 = ld_i64x4(b0 + (i0 + 12));
            const i64x4 v2 = (i64x4)(v0 != splat_i64x4((-INT64_C(100))));
            const i64x4 v3 = __builtin_convertvector(-v2, i64x4);
            a4_3 = a4_3 + v3;
            }
        }
        for (; i0 + 4 <= c1; i0 += 4) {
            const i64x4 v0 = ld_i64x4(b0 + i0);
            const i64x4 v2 = (i64x4)(v0 != splat_i64x4((-INT64_C(100))));
            const i64x4 v3 = __builtin_convertvector(-v2, i64x4);
            a4_0 = a4_0 + v3;
        }
        for (; i0 < c1; i0 += 1) {
            const int64_t v0 = ld_i64(b0 + i0);
            const _Bool v2 = (v0 != (-INT64_C(100)));
            const int64_t v3 = (int64_t)v2;
            e4 = (int64_t)(e4 + v3);
        }
    }
    const int64_t v4 = (int64_t)(hsum_i64x4(((a4_0 + a4_1) + (a4_2 + a4_3))) + e4);
    g4[chunk] = v4;
}
void k0_total(const lm_call *call, int64_t chunks) {
    const int64_t *const d = call->dims;
    const int64_t at4 = d[1];
    int64_t *restrict b1 = (int64_t *)call->data[1];
    int64_t *restrict g4 = (int64_t *)(call->partial + at4);
    int64_t e4 = INT64_C(0);
    for (int64_t c = 0; c < chunks; ++c) {
        e4 = (int64_t)(e4 + g4[c]);
    }
    st_i64(b1 + 0, e4);
}

void k1(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_i1 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t block = d[3];
    const int64_t blocks = d[4];
    const float lit5 = (float)lm_number(d[5]);
    const float lit6 = (float)lm_number(d[6]);
    const int64_t by7 = d[7];
    const float *restrict b0 = (const float *)call->data[0];
    const int64_t *restrict b1 = (const int64_t *)call->data[1];
    const float *restrict b2 = (const float *)call->data[2];
    const int64_t *restrict b3 = (const int64_t *)call->data[3];
    float *restrict b4 = (float *)call->data[4];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i1);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    const float v3 = ld_f32(b2 + 0);
    const int64_t v4 = ld_i64(b3 + 0);
    const float v5 = (float)v4;
    const float v6 = (v3 / v5);
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i1 = c0;
        for (; i1 + 8 <= c1; i1 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by7 + i1);
            const int64_t v1 = ld_i64(b1 + i0);
            const i32x8 v2 = (splat_i32x8((int32_t)i1) + (i32x8){0, 1, 2, 3, 4, 5, 6, 7});
            const _Bool v8 = (v1 != (-INT64_C(100)));
            const int32_t v9 = (int32_t)v1;
            const i32x8 v10 = (i32x8)(splat_i32x8(v9) == v2);
            const f32x8 v13 = sel_f32x8(v10, splat_f32x8(lit5), splat_f32x8(0.0f));
            const f32x8 v14 = exp_f32x8(v0);
            const f32x8 v15 = (v14 - v13);
            const f32x8 v17 = (v15 - lit6);
            const f32x8 v18 = (v17 * v6);
            const f32x8 v19 = sel_f32x8(splat_i32x8((int32_t)-(v8)), v18, splat_f32x8(0.0f));
            st_f32x8(b4 + i0 * by7 + i1, v19);
        }
        for (; i1 < c1; i1 += 1) {
            const float v0 = ld_f32(b0 + i0 * by7 + i1);
            const int64_t v1 = ld_i64(b1 + i0);
            const int32_t v2 = (int32_t)i1;
            const _Bool v8 = (v1 != (-INT64_C(100)));
            const int32_t v9 = (int32_t)v1;
            const _Bool v10 = (v9 == v2);
            const float v13 = sel_f32(v10, lit5, 0.0f);
            const float v14 = exp_f32(v0);
            const float v15 = (v14 - v13);
            const float v17 = (v15 - lit6);
            const float v18 = (v17 * v6);
            const float v19 = sel_f32(v8, v18, 0.0f);
            st_f32(b4 + i0 * by7 + i1, v19);
        }
        ++i0;
    }
}
