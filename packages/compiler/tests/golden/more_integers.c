/* helpers 7e933bce9133e6f5 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    const int64_t *restrict b0 = (const int64_t *)call->data[0];
    const int64_t *restrict b1 = (const int64_t *)call->data[1];
    int64_t *restrict b2 = (int64_t *)call->data[2];
    int64_t *restrict b3 = (int64_t *)call->data[3];
    int64_t *restrict b4 = (int64_t *)call->data[4];
    int64_t *restrict b5 = (int64_t *)call->data[5];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 4 <= c1; i0 += 4) {
            const i64x4 v0 = ld_i64x4(b0 + i0);
            const i64x4 v1 = ld_i64x4(b1 + i0);
            const i64x4 v2 = gcd_i64x4(v0, v1);
            st_i64x4(b2 + i0, v2);
            const i64x4 v3 = lcm_i64x4(v0, v1);
            st_i64x4(b3 + i0, v3);
            const i64x4 v4 = shl_i64x4(v0, v1);
            st_i64x4(b4 + i0, v4);
            const i64x4 v5 = shr_i64x4(v0, v1);
            st_i64x4(b5 + i0, v5);
        }
        for (; i0 < c1; i0 += 1) {
            const int64_t v0 = ld_i64(b0 + i0);
            const int64_t v1 = ld_i64(b1 + i0);
            const int64_t v2 = gcd_i64(v0, v1);
            st_i64(b2 + i0, v2);
            const int64_t v3 = lcm_i64(v0, v1);
            st_i64(b3 + i0, v3);
            const int64_t v4 = shl_i64(v0, v1);
            st_i64(b4 + i0, v4);
            const int64_t v5 = shr_i64(v0, v1);
            st_i64(b5 + i0, v5);
        }
    }
}

void k1(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    const uint8_t *restrict b0 = (const uint8_t *)call->data[0];
    const uint8_t *restrict b1 = (const uint8_t *)call->data[1];
    uint8_t *restrict b2 = (uint8_t *)call->data[2];
    uint8_t *restrict b3 = (uint8_t *)call->data[3];
    uint8_t *restrict b4 = (uint8_t *)call->data[4];
    uint8_t *restrict b5 = (uint8_t *)call->data[5];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 32 <= c1; i0 += 32) {
            const u8x32 v0 = ld_u8x32(b0 + i0);
            const u8x32 v1 = ld_u8x32(b1 + i0);
            const u8x32 v2 = gcd_u8x32(v0, v1);
            st_u8x32(b2 + i0, v2);
            const u8x32 v3 = lcm_u8x32(v0, v1);
            st_u8x32(b3 + i0, v3);
            const u8x32 v4 = shl_u8x32(v0, v1);
            st_u8x32(b4 + i0, v4);
            const u8x32 v5 = shr_u8x32(v0, v1);
            st_u8x32(b5 + i0, v5);
        }
        for (; i0 < c1; i0 += 1) {
            const uint8_t v0 = ld_u8(b0 + i0);
            const uint8_t v1 = ld_u8(b1 + i0);
            const uint8_t v2 = gcd_u8(v0, v1);
            st_u8(b2 + i0, v2);
            const uint8_t v3 = lcm_u8(v0, v1);
            st_u8(b3 + i0, v3);
            const uint8_t v4 = shl_u8(v0, v1);
            st_u8(b4 + i0, v4);
            const uint8_t v5 = shr_u8(v0, v1);
            st_u8(b5 + i0, v5);
        }
    }
}
