/* helpers f1f332f678d97475 */
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
            const f32x8 v3 = (v0 + lit4);
            st_f32x8(b1 + i0, v3);
        }
        for (; i0 < c1; i0 += 1) {
            const float v0 = ld_f32(b0 + i0);
            const float v3 = (v0 + lit4);
            st_f32(b1 + i0, v3);
        }
    }
}

void k1(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t n_j1 = d[2];
    const int64_t rows_per_chunk = d[3];
    const int64_t by4 = d[4];
    const int64_t by5 = d[5];
    const int64_t by6 = d[6];
    const float *restrict b0 = (const float *)call->data[0];
    const float *restrict b1 = (const float *)call->data[1];
    const uint8_t *restrict b2 = (const uint8_t *)call->data[2];
    const float *restrict b3 = (const float *)call->data[3];
    float *restrict b4 = (float *)call->data[4];
    uint8_t *restrict b5 = (uint8_t *)call->data[5];
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    int64_t i0 = r0;
    int64_t r = r0;
    for (; r + 4 <= r1; r += 4) {
        int64_t j1;
        i8x8 a6_0 = splat_i8x8((int8_t)-(0));
        _Bool e6 = 0;
        i8x8 a6_0r1 = splat_i8x8((int8_t)-(0));
        _Bool e6r1 = 0;
        i8x8 a6_0r2 = splat_i8x8((int8_t)-(0));
        _Bool e6r2 = 0;
        i8x8 a6_0r3 = splat_i8x8((int8_t)-(0));
        _Bool e6r3 = 0;
        for (int64_t j0 = 0; j0 < n_j0; ++j0) {
            j1 = 0;
            for (; j1 + 8 <= n_j1; j1 += 8) {
              {
                const f32x8 v0 = ld_f32x8(b0 + j0 * by4 + j1);
                const float v1 = ld_f32(b1 + i0);
                const f32x8 v2 = (v0 * v1);
                const i8x8 v3 = ld_boolx8(b2 + i0 * by5 + j0 * by6 + j1);
                const f32x8 v4 = ld_f32x8(b3 + j0 * by4 + j1);
                const f32x8 v5 = sel_f32x8(__builtin_convertvector(v3, i32x8), v2, v4);
                st_f32x8(b4 + i0 * by5 + j0 * by6 + j1, v5);
                a6_0 = (a6_0 | v3);
              }
              {
                const f32x8 v0r1 = ld_f32x8(b0 + j0 * by4 + j1);
                const float v1r1 = ld_f32(b1 + (i0 + 1));
                const f32x8 v2r1 = (v0r1 * v1r1);
                const i8x8 v3r1 = ld_boolx8(b2 + (i0 + 1) * by5 + j0 * by6 + j1);
                const f32x8 v4r1 = ld_f32x8(b3 + j0 * by4 + j1);
                const f32x8 v5r1 = sel_f32x8(__builtin_convertvector(v3r1, i32x8), v2r1, v4r1);
                st_f32x8(b4 + (i0 + 1) * by5 + j0 * by6 + j1, v5r1);
                a6_0r1 = (a6_0r1 | v3r1);
              }
              {
                const f32x8 v0r2 = ld_f32x8(b0 + j0 * by4 + j1);
                const float v1r2 = ld_f32(b1 + (i0 + 2));
                const f32x8 v2r2 = (v0r2 * v1r2);
                const i8x8 v3r2 = ld_boolx8(b2 + (i0 + 2) * by5 + j0 * by6 + j1);
                const f32x8 v4r2 = ld_f32x8(b3 + j0 * by4 + j1);
                const f32x8 v5r2 = sel_f32x8(__builtin_convertvector(v3r2, i32x8), v2r2, v4r2);
                st_f32x8(b4 + (i0 + 2) * by5 + j0 * by6 + j1, v5r2);
                a6_0r2 = (a6_0r2 | v3r2);
              }
              {
                const f32x8 v0r3 = ld_f32x8(b0 + j0 * by4 + j1);
                const float v1r3 = ld_f32(b1 + (i0 + 3));
                const f32x8 v2r3 = (v0r3 * v1r3);
                const i8x8 v3r3 = ld_boolx8(b2 + (i0 + 3) * by5 + j0 * by6 + j1);
                const f32x8 v4r3 = ld_f32x8(b3 + j0 * by4 + j1);
                const f32x8 v5r3 = sel_f32x8(__builtin_convertvector(v3r3, i32x8), v2r3, v4r3);
                st_f32x8(b4 + (i0 + 3) * by5 + j0 * by6 + j1, v5r3);
                a6_0r3 = (a6_0r3 | v3r3);
              }
            }
            for (; j1 < n_j1; j1 += 1) {
              {
                const float v0 = ld_f32(b0 + j0 * by4 + j1);
                const float v1 = ld_f32(b1 + i0);
                const float v2 = (v0 * v1);
                const _Bool v3 = ld_bool(b2 + i0 * by5 + j0 * by6 + j1);
                const float v4 = ld_f32(b3 + j0 * by4 + j1);
                const float v5 = sel_f32(v3, v2, v4);
                st_f32(b4 + i0 * by5 + j0 * by6 + j1, v5);
                e6 = (e6 | v3);
              }
              {
                const float v0r1 = ld_f32(b0 + j0 * by4 + j1);
                const float v1r1 = ld_f32(b1 + (i0 + 1));
                const float v2r1 = (v0r1 * v1r1);
                const _Bool v3r1 = ld_bool(b2 + (i0 + 1) * by5 + j0 * by6 + j1);
                const float v4r1 = ld_f32(b3 + j0 * by4 + j1);
                const float v5r1 = sel_f32(v3r1, v2r1, v4r1);
                st_f32(b4 + (i0 + 1) * by5 + j0 * by6 + j1, v5r1);
                e6r1 = (e6r1 | v3r1);
              }
              {
                const float v0r2 = ld_f32(b0 + j0 * by4 + j1);
                const float v1r2 = ld_f32(b1 + (i0 + 2));
                const float v2r2 = (v0r2 * v1r2);
                const _Bool v3r2 = ld_bool(b2 + (i0 + 2) * by5 + j0 * by6 + j1);
                const float v4r2 = ld_f32(b3 + j0 * by4 + j1);
                const float v5r2 = sel_f32(v3r2, v2r2, v4r2);
                st_f32(b4 + (i0 + 2) * by5 + j0 * by6 + j1, v5r2);
                e6r2 = (e6r2 | v3r2);
              }
              {
                const float v0r3 = ld_f32(b0 + j0 * by4 + j1);
                const float v1r3 = ld_f32(b1 + (i0 + 3));
                const float v2r3 = (v0r3 * v1r3);
                const _Bool v3r3 = ld_bool(b2 + (i0 + 3) * by5 + j0 * by6 + j1);
                const float v4r3 = ld_f32(b3 + j0 * by4 + j1);
                const float v5r3 = sel_f32(v3r3, v2r3, v4r3);
                st_f32(b4 + (i0 + 3) * by5 + j0 * by6 + j1, v5r3);
                e6r3 = (e6r3 | v3r3);
              }
            }
        }
        const _Bool v6 = (any_i8x8(a6_0) | e6);
        const _Bool v6r1 = (any_i8x8(a6_0r1) | e6r1);
        const _Bool v6r2 = (any_i8x8(a6_0r2) | e6r2);
        const _Bool v6r3 = (any_i8x8(a6_0r3) | e6r3);
        st_bool(b5 + i0, v6);
        st_bool(b5 + (i0 + 1), v6r1);
        st_bool(b5 + (i0 + 2), v6r2);
        st_bool(b5 + (i0 + 3), v6r3);
        i0 += 4;
    }
    for (; r < r1; ++r) {
        int64_t j1;
        i8x8 a6_0 = splat_i8x8((int8_t)-(0));
        _Bool e6 = 0;
        for (int64_t j0 = 0; j0 < n_j0; ++j0) {
            j1 = 0;
            for (; j1 + 8 <= n_j1; j1 += 8) {
                const f32x8 v0 = ld_f32x8(b0 + j0 * by4 + j1);
                const float v1 = ld_f32(b1 + i0);
                const f32x8 v2 = (v0 * v1);
                const i8x8 v3 = ld_boolx8(b2 + i0 * by5 + j0 * by6 + j1);
                const f32x8 v4 = ld_f32x8(b3 + j0 * by4 + j1);
                const f32x8 v5 = sel_f32x8(__builtin_convertvector(v3, i32x8), v2, v4);
                st_f32x8(b4 + i0 * by5 + j0 * by6 + j1, v5);
                a6_0 = (a6_0 | v3);
            }
            for (; j1 < n_j1; j1 += 1) {
                const float v0 = ld_f32(b0 + j0 * by4 + j1);
                const float v1 = ld_f32(b1 + i0);
                const float v2 = (v0 * v1);
                const _Bool v3 = ld_bool(b2 + i0 * by5 + j0 * by6 + j1);
                const float v4 = ld_f32(b3 + j0 * by4 + j1);
                const float v5 = sel_f32(v3, v2, v4);
                st_f32(b4 + i0 * by5 + j0 * by6 + j1, v5);
                e6 = (e6 | v3);
            }
        }
        const _Bool v6 = (any_i8x8(a6_0) | e6);
        st_bool(b5 + i0, v6);
        ++i0;
    }
}
