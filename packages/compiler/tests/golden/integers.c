/* helpers aae5072d73bb033c */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t at3 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t block = d[3];
    const int64_t blocks = d[4];
    const int32_t *restrict b0 = (const int32_t *)call->data[0];
    int32_t *restrict b1 = (int32_t *)call->data[1];
    int32_t *restrict b2 = (int32_t *)call->data[2];
    int64_t *restrict g3 = (int64_t *)(call->partial + at3);
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    i64x8 a3_0 = splat_i64x8(INT64_C(0));
    i64x8 a3_1 = splat_i64x8(INT64_C(0));
    int64_t e3 = INT64_C(0);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 16 <= c1; i0 += 16) {
            {
            const i32x8 v0 = ld_i32x8(b0 + i0);
            const i32x8 v1 = (v0 * v0);
            const i64x8 v2 = __builtin_convertvector(v1, i64x8);
            a3_0 = a3_0 + v2;
            const i32x8 v4 = (i32x8)((v0 < 0) - (v0 > 0));
            st_i32x8(b1 + i0, v4);
            const i32x8 v5 = sel_i32x8(v0 < 0, (i32x8)-v0, v0);
            st_i32x8(b2 + i0, v5);
            }
            {
            const i32x8 v0 = ld_i32x8(b0 + (i0 + 8));
            const i32x8 v1 = (v0 * v0);
            const i64x8 v2 = __builtin_convertvector(v1, i64x8);
            a3_1 = a3_1 + v2;
            const i32x8 v4 = (i32x8)((v0 < 0) - (v0 > 0));
            st_i32x8(b1 + (i0 + 8), v4);
            const i32x8 v5 = sel_i32x8(v0 < 0, (i32x8)-v0, v0);
            st_i32x8(b2 + (i0 + 8), v5);
            }
        }
        for (; i0 + 8 <= c1; i0 += 8) {
            const i32x8 v0 = ld_i32x8(b0 + i0);
            const i32x8 v1 = (v0 * v0);
            const i64x8 v2 = __builtin_convertvector(v1, i64x8);
            a3_0 = a3_0 + v2;
            const i32x8 v4 = (i32x8)((v0 < 0) - (v0 > 0));
            st_i32x8(b1 + i0, v4);
            const i32x8 v5 = sel_i32x8(v0 < 0, (i32x8)-v0, v0);
            st_i32x8(b2 + i0, v5);
        }
        for (; i0 < c1; i0 += 1) {
            const int32_t v0 = ld_i32(b0 + i0);
            const int32_t v1 = (int32_t)(v0 * v0);
            const int64_t v2 = (int64_t)v1;
            e3 = (int64_t)(e3 + v2);
            const int32_t v4 = (int32_t)((v0 > 0) - (v0 < 0));
            st_i32(b1 + i0, v4);
            const int32_t v5 = sel_i32(v0 < 0, (int32_t)-v0, v0);
            st_i32(b2 + i0, v5);
        }
    }
    const int64_t v3 = (int64_t)(hsum_i64x8((a3_0 + a3_1)) + e3);
    g3[chunk] = v3;
}
void k0_total(const lm_call *call, int64_t chunks) {
    const int64_t *const d = call->dims;
    const int64_t at3 = d[1];
    int64_t *restrict b3 = (int64_t *)call->data[3];
    int64_t *restrict g3 = (int64_t *)(call->partial + at3);
    int64_t e3 = INT64_C(0);
    for (int64_t c = 0; c < chunks; ++c) {
        e3 = (int64_t)(e3 + g3[c]);
    }
    st_i64(b3 + 0, e3);
}

void k1(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    const uint8_t *restrict b0 = (const uint8_t *)call->data[0];
    uint8_t *restrict b1 = (uint8_t *)call->data[1];
    uint8_t *restrict b2 = (uint8_t *)call->data[2];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    const uint8_t v3 = (uint8_t)INT64_C(7);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 16 <= c1; i0 += 16) {
            const u8x16 v0 = ld_u8x16(b0 + i0);
            const u8x16 v1 = pow_u8x16(v0, v0);
            st_u8x16(b1 + i0, v1);
            const u8x16 v4 = min_u8x16(v0, splat_u8x16(v3));
            st_u8x16(b2 + i0, v4);
        }
        for (; i0 < c1; i0 += 1) {
            const uint8_t v0 = ld_u8(b0 + i0);
            const uint8_t v1 = pow_u8(v0, v0);
            st_u8(b1 + i0, v1);
            const uint8_t v4 = min_u8(v0, v3);
            st_u8(b2 + i0, v4);
        }
    }
}
