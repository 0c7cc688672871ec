/* helpers ca661302187c6e33 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    const float lit4 = (float)lm_number(d[4]);
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict b1 = (float *)call->data[1];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0);
            const f32x8 v2 = (v0 * lit4);
            const f32x8 v3 = erf_f32x8(v2);
            const f32x8 v5 = (v3 + 1.0f);
            const f32x8 v6 = (v5 * v0);
            const f32x8 v8 = (v6 * 0.5f);
            st_f32x8(b1 + i0, v8);
        }
        for (; i0 < c1; i0 += 1) {
            const float v0 = ld_f32(b0 + i0);
            const float v2 = (v0 * lit4);
            const float v3 = erf_f32(v2);
            const float v5 = (v3 + 1.0f);
            const float v6 = (v5 * v0);
            const float v8 = (v6 * 0.5f);
            st_f32(b1 + i0, v8);
        }
    }
}
