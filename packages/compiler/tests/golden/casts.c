/* helpers 9dc02d659b616a12 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    const float *restrict b0 = (const float *)call->data[0];
    uint8_t *restrict b1 = (uint8_t *)call->data[1];
    uint8_t *restrict b2 = (uint8_t *)call->data[2];
    uint16_t *restrict b3 = (uint16_t *)call->data[3];
    uint32_t *restrict b4 = (uint32_t *)call->data[4];
    uint64_t *restrict b5 = (uint64_t *)call->data[5];
    int8_t *restrict b6 = (int8_t *)call->data[6];
    int16_t *restrict b7 = (int16_t *)call->data[7];
    int32_t *restrict b8 = (int32_t *)call->data[8];
    int64_t *restrict b9 = (int64_t *)call->data[9];
    uint16_t *restrict b10 = (uint16_t *)call->data[10];
    uint16_t *restrict b11 = (uint16_t *)call->data[11];
    double *restrict b12 = (double *)call->data[12];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0);
            const i32x8 v1 = (i32x8)(v0 != 0);
            st_boolx8(b1 + i0, __builtin_convertvector(v1, i8x8));
            const u8x8 v2 = trunc_u8_f32x8(v0);
            st_u8x8(b2 + i0, v2);
            const u16x8 v3 = trunc_u16_f32x8(v0);
            st_u16x8(b3 + i0, v3);
            const u32x8 v4 = trunc_u32_f32x8(v0);
            st_u32x8(b4 + i0, v4);
            const u64x8 v5 = trunc_u64_f32x8(v0);
            st_u64x8(b5 + i0, v5);
            const i8x8 v6 = trunc_i8_f32x8(v0);
            st_i8x8(b6 + i0, v6);
            const i16x8 v7 = trunc_i16_f32x8(v0);
            st_i16x8(b7 + i0, v7);
            const i32x8 v8 = trunc_i32_f32x8(v0);
            st_i32x8(b8 + i0, v8);
            const i64x8 v9 = trunc_i64_f32x8(v0);
            st_i64x8(b9 + i0, v9);
            const f32x8 v10 = round_f16_f32x8(v0);
            st_f16x8(b10 + i0, v10);
            const f32x8 v11 = round_bf16_f32x8(v0);
            st_bf16x8(b11 + i0, v11);
            const f64x8 v12 = __builtin_convertvector(v0, f64x8);
            st_f64x8(b12 + i0, v12);
        }
        for (; i0 < c1; i0 += 1) {
            const float v0 = ld_f32(b0 + i0);
            const _Bool v1 = (v0 != 0);
            st_bool(b1 + i0, v1);
            const uint8_t v2 = trunc_u8_f32(v0);
            st_u8(b2 + i0, v2);
            const uint16_t v3 = trunc_u16_f32(v0);
            st_u16(b3 + i0, v3);
            const uint32_t v4 = trunc_u32_f32(v0);
            st_u32(b4 + i0, v4);
            const uint64_t v5 = trunc_u64_f32(v0);
            st_u64(b5 + i0, v5);
            const int8_t v6 = trunc_i8_f32(v0);
            st_i8(b6 + i0, v6);
            const int16_t v7 = trunc_i16_f32(v0);
            st_i16(b7 + i0, v7);
            const int32_t v8 = trunc_i32_f32(v0);
            st_i32(b8 + i0, v8);
            const int64_t v9 = trunc_i64_f32(v0);
            st_i64(b9 + i0, v9);
            const float v10 = round_f16_f32(v0);
            st_f16(b10 + i0, v10);
            const float v11 = round_bf16_f32(v0);
            st_bf16(b11 + i0, v11);
            const double v12 = (double)v0;
            st_f64(b12 + i0, v12);
        }
    }
}

void k1(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    const int64_t *restrict b0 = (const int64_t *)call->data[0];
    uint8_t *restrict b1 = (uint8_t *)call->data[1];
    uint8_t *restrict b2 = (uint8_t *)call->data[2];
    uint16_t *restrict b3 = (uint16_t *)call->data[3];
    uint32_t *restrict b4 = (uint32_t *)call->data[4];
    uint64_t *restrict b5 = (uint64_t *)call->data[5];
    int8_t *restrict b6 = (int8_t *)call->data[6];
    int16_t *restrict b7 = (int16_t *)call->data[7];
    int32_t *restrict b8 = (int32_t *)call->data[8];
    uint16_t *restrict b9 = (uint16_t *)call->data[9];
    uint16_t *restrict b10 = (uint16_t *)call->data[10];
    float *restrict b11 = (float *)call->data[11];
    double *restrict b12 = (double *)call->data[12];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            const i64x8 v0 = ld_i64x8(b0 + i0);
            const i64x8 v1 = (i64x8)(v0 != 0);
            st_boolx8(b1 + i0, __builtin_convertvector(v1, i8x8));
            const u8x8 v2 = __builtin_convertvector(v0, u8x8);
            st_u8x8(b2 + i0, v2);
            const u16x8 v3 = __builtin_convertvector(v0, u16x8);
            st_u16x8(b3 + i0, v3);
            const u32x8 v4 = __builtin_convertvector(v0, u32x8);
            st_u32x8(b4 + i0, v4);
            const u64x8 v5 = __builtin_convertvector(v0, u64x8);
            st_u64x8(b5 + i0, v5);
            const i8x8 v6 = __builtin_convertvector(v0, i8x8);
            st_i8x8(b6 + i0, v6);
            const i16x8 v7 = __builtin_convertvector(v0, i16x8);
            st_i16x8(b7 + i0, v7);
            const i32x8 v8 = __builtin_convertvector(v0, i32x8);
            st_i32x8(b8 + i0, v8);
            const f32x8 v9 = __builtin_convertvector(v0, f32x8);
            const f32x8 v10 = round_f16_f32x8(v9);
            st_f16x8(b9 + i0, v10);
            const f32x8 v11 = round_bf16_f32x8(v9);
            st_bf16x8(b10 + i0, v11);
            st_f32x8(b11 + i0, v9);
            const f64x8 v12 = __builtin_convertvector(v0, f64x8);
            st_f64x8(b12 + i0, v12);
        }
        for (; i0 < c1; i0 += 1) {
            const int64_t v0 = ld_i64(b0 + i0);
            const _Bool v1 = (v0 != 0);
            st_bool(b1 + i0, v1);
            const uint8_t v2 = (uint8_t)v0;
            st_u8(b2 + i0, v2);
            const uint16_t v3 = (uint16_t)v0;
            st_u16(b3 + i0, v3);
            const uint32_t v4 = (uint32_t)v0;
            st_u32(b4 + i0, v4);
            const uint64_t v5 = (uint64_t)v0;
            st_u64(b5 + i0, v5);
            const int8_t v6 = (int8_t)v0;
            st_i8(b6 + i0, v6);
            const int16_t v7 = (int16_t)v0;
            st_i16(b7 + i0, v7);
            const int32_t v8 = (int32_t)v0;
            st_i32(b8 + i0, v8);
            const float v9 = (float)v0;
            const float v10 = round_f16_f32(v9);
            st_f16(b9 + i0, v10);
            const float v11 = round_bf16_f32(v9);
            st_bf16(b10 + i0, v11);
            st_f32(b11 + i0, v9);
            const double v12 = (double)v0;
            st_f64(b12 + i0, v12);
        }
    }
}
