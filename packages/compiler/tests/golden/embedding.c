/* helpers 51f98310d3815ed5 */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_i1 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t block = d[3];
    const int64_t blocks = d[4];
    const int64_t size0 = d[5];
    const int64_t size1 = d[6];
    const int64_t by7 = d[7];
    const int64_t by8 = d[8];
    const float *restrict b0 = (const float *)call->data[0];
    const int64_t *restrict b1 = (const int64_t *)call->data[1];
    float *restrict b2 = (float *)call->data[2];
    float *restrict b3 = (float *)call->data[3];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i1);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i1 = c0;
        for (; i1 + 8 <= c1; i1 += 8) {
            const int64_t v0 = ld_i64(b1 + i0);
            const _Bool v3 = (v0 < size0);
            const _Bool v5 = (v0 >= size1);
            const _Bool v6 = (v3 & v5);
            const _Bool v7 = (v0 < INT64_C(0));
            const int64_t v8 = (v0 + size0);
            const int64_t v9 = sel_i64(v7, v8, v0);
            if (!v6) *call->status = 1;
            const int64_t v10 = sel_i64(v6, v9, INT64_C(0));
            const f32x8 v11 = ld_f32x8(b0 + i1 + v10 * by7);
            st_f32x8(b2 + i0 * by8 + i1, v11);
            const f32x8 v14 = (v11 * 2.0f);
            st_f32x8(b3 + i0 * by8 + i1, v14);
        }
        for (; i1 < c1; i1 += 1) {
            const int64_t v0 = ld_i64(b1 + i0);
            const _Bool v3 = (v0 < size0);
            const _Bool v5 = (v0 >= size1);
            const _Bool v6 = (v3 & v5);
            const _Bool v7 = (v0 < INT64_C(0));
            const int64_t v8 = (v0 + size0);
            const int64_t v9 = sel_i64(v7, v8, v0);
            if (!v6) *call->status = 1;
            const int64_t v10 = sel_i64(v6, v9, INT64_C(0));
            const float v11 = ld_f32(b0 + i1 + v10 * by7);
            st_f32(b2 + i0 * by8 + i1, v11);
            const float v14 = (v11 * 2.0f);
            st_f32(b3 + i0 * by8 + i1, v14);
        }
        ++i0;
    }
}

void k1(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t rows_per_chunk = d[1];
    const int64_t block = d[2];
    const int64_t blocks = d[3];
    float *restrict b0 = (float *)call->data[0];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            st_f32x8(b0 + i0, splat_f32x8(0.0f));
        }
        for (; i0 < c1; i0 += 1) {
            st_f32(b0 + i0, 0.0f);
        }
    }
}

void k2(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t block = d[3];
    const int64_t blocks = d[4];
    const int64_t size0 = d[5];
    const int64_t size1 = d[6];
    const int64_t by7 = d[7];
    const int64_t by8 = d[8];
    float *restrict b0 = (float *)call->data[0];
    const float *restrict b1 = (const float *)call->data[1];
    const int64_t *restrict b2 = (const int64_t *)call->data[2];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            for (int64_t j0 = 0; j0 < n_j0; ++j0) {
                const f32x8 v0 = ld_f32x8(b1 + i0 + j0 * by7);
                const int64_t v1 = ld_i64(b2 + j0);
                const _Bool v4 = (v1 < size0);
                const _Bool v6 = (v1 >= size1);
                const _Bool v7 = (v4 & v6);
                const _Bool v8 = (v1 < INT64_C(0));
                const int64_t v9 = (v1 + size0);
                const int64_t v10 = sel_i64(v8, v9, v1);
                if (!v7) *call->status = 2;
                const int64_t v11 = sel_i64(v7, v10, INT64_C(0));
                if (v7) st_f32x8(b0 + i0 + v11 * by8, ld_f32x8(b0 + i0 + v11 * by8) + v0);
            }
        }
        for (; i0 < c1; i0 += 1) {
            for (int64_t j0 = 0; j0 < n_j0; ++j0) {
                const float v0 = ld_f32(b1 + i0 + j0 * by7);
                const int64_t v1 = ld_i64(b2 + j0);
                const _Bool v4 = (v1 < size0);
                const _Bool v6 = (v1 >= size1);
                const _Bool v7 = (v4 & v6);
                const _Bool v8 = (v1 < INT64_C(0));
                const int64_t v9 = (v1 + size0);
                const int64_t v10 = sel_i64(v8, v9, v1);
                if (!v7) *call->status = 2;
                const int64_t v11 = sel_i64(v7, v10, INT64_C(0));
                if (v7) st_f32(b0 + i0 + v11 * by8, (float)(ld_f32(b0 + i0 + v11 * by8) + v0));
            }
        }
    }
}
