/* helpers 2c4efce624fa7d57 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_i1 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t block = d[3];
    const int64_t blocks = d[4];
    const int64_t by5 = d[5];
    const int64_t by6 = d[6];
    const float *restrict b0 = (const float *)call->data[0];
    const float *restrict b1 = (const float *)call->data[1];
    float *restrict b2 = (float *)call->data[2];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i1);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i1 = c0;
        for (; i1 + 8 <= c1; i1 += 8) {
            const f32x8 v0 = lds_f32x8(b0 + i0 + i1 * by5, by5);
            const f32x8 v1 = ld_f32x8(b1 + i0 * by6 + i1);
            const f32x8 v2 = (v0 + v1);
            st_f32x8(b2 + i0 * by6 + i1, v2);
        }
        for (; i1 < c1; i1 += 1) {
            const float v0 = ld_f32(b0 + i0 + i1 * by5);
            const float v1 = ld_f32(b1 + i0 * by6 + i1);
            const float v2 = (v0 + v1);
            st_f32(b2 + i0 * by6 + i1, v2);
        }
        ++i0;
    }
}
