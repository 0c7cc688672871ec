/* helpers e0cd2ee168feed1d */
void k0(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t at1 = d[1];
    const int64_t at2 = d[2];
    const int64_t at3 = d[3];
    const int64_t rows_per_chunk = d[4];
    const int64_t block = d[5];
    const int64_t blocks = d[6];
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict g1 = (float *)(call->partial + at1);
    float *restrict g2 = (float *)(call->partial + at2);
    float *restrict g3 = (float *)(call->partial + at3);
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    f32x8 a1_0 = splat_f32x8((-INFINITY));
    f32x8 a1_1 = splat_f32x8((-INFINITY));
    f32x8 a1_2 = splat_f32x8((-INFINITY));
    f32x8 a1_3 = splat_f32x8((-INFINITY));
    float e1 = (-INFINITY);
    f32x8 a2_0 = splat_f32x8((INFINITY));
    f32x8 a2_1 = splat_f32x8((INFINITY));
    f32x8 a2_2 = splat_f32x8((INFINITY));
    f32x8 a2_3 = splat_f32x8((INFINITY));
    float e2 = (INFINITY);
    f32x8 a3_0 = splat_f32x8(1.0f);
    f32x8 a3_1 = splat_f32x8(1.0f);
    f32x8 a3_2 = splat_f32x8(1.0f);
    f32x8 a3_3 = splat_f32x8(1.0f);
    float e3 = 1.0f;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 32 <= c1; i0 += 32) {
            {
            const f32x8 v0 = ld_f32x8(b0 + i0);
            a1_0 = max_f32x8(a1_0, v0);
            a2_0 = min_f32x8(a2_0, v0);
            a3_0 = a3_0 * v0;
            }
            {
            const f32x8 v0 = ld_f32x8(b0 + (i0 + 8));
            a1_1 = max_f32x8(a1_1, v0);
            a2_1 = min_f32x8(a2_1, v0);
            a3_1 = a3_1 * v0;
            }
            {
            const f32x8 v0 = ld_f32x8(b0 + (i0 + 16));
            a1_2 = max_f32x8(a1_2, v0);
            a2_2 = min_f32x8(a2_2, v0);
            a3_2 = a3_2 * v0;
            }
            {
            const f32x8 v0 = ld_f32x8(b0 + (i0 + 24));
            a1_3 = max_f32x8(a1_3, v0);
            a2_3 = min_f32x8(a2_3, v0);
            a3_3 = a3_3 * v0;
            }
        }
        for (; i0 + 8 <= c1; i0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0);
            a1_0 = max_f32x8(a1_0, v0);
            a2_0 = min_f32x8(a2_0, v0);
            a3_0 = a3_0 * v0;
        }
        for (; i0 < c1; i0 += 1) {
            const float v0 = ld_f32(b0 + i0);
            e1 = max_f32(e1, v0);
            e2 = min_f32(e2, v0);
            e3 = (float)(e3 * v0);
        }
    }
    const float v1 = max_f32(hmax_f32x8((max_f32x8((max_f32x8(a1_0, a1_1)), (max_f32x8(a1_2, a1_3))))), e1);
    g1[chunk] = v1;
    const float v2 = min_f32(hmin_f32x8((min_f32x8((min_f32x8(a2_0, a2_1)), (min_f32x8(a2_2, a2_3))))), e2);
    g2[chunk] = v2;
    const float v3 = (float)(hprod_f32x8(((a3_0 * a3_1) * (a3_2 * a3_3))) * e3);
    g3[chunk] = v3;
}
void k0_total(const lm_call *call, int64_t chunks) {
    const int64_t *const d = call->dims;
    const int64_t at1 = d[1];
    const int64_t at2 = d[2];
    const int64_t at3 = d[3];
    float *restrict b1 = (float *)call->data[1];
    float *restrict b2 = (float *)call->data[2];
    float *restrict b3 = (float *)call->data[3];
    float *restrict g1 = (float *)(call->partial + at1);
    float *restrict g2 = (float *)(call->partial + at2);
    float *restrict g3 = (float *)(call->partial + at3);
    float e1 = (-INFINITY);
    for (int64_t c = 0; c < chunks; ++c) {
        e1 = max_f32(e1, g1[c]);
    }
    float e2 = (INFINITY);
    for (int64_t c = 0; c < chunks; ++c) {
        e2 = min_f32(e2, g2[c]);
    }
    float e3 = 1.0f;
    for (int64_t c = 0; c < chunks; ++c) {
        e3 = (float)(e3 * g3[c]);
    }
    st_f32(b1 + 0, e1);
    st_f32(b2 + 0, e2);
    st_f32(b3 + 0, e3);
}

void k1(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t block = d[3];
    const int64_t blocks = d[4];
    const int64_t by5 = d[5];
    const float *restrict b0 = (const float *)call->data[0];
    int64_t *restrict b1 = (int64_t *)call->data[1];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            f32x8 a2_0 = splat_f32x8((-INFINITY));
            i64x8 a3_0 = splat_i64x8(INT64_MAX);
            for (int64_t j0 = 0; j0 < n_j0; ++j0) {
                const f32x8 v0 = ld_f32x8(b0 + i0 + j0 * by5);
                const int64_t v1 = j0;
                {
                  const f32x8 x = v0;
                  const i64x8 k = splat_i64x8(v1);
                  const i32x8 take = (x > a2_0) | ((x != x) & (a2_0 == a2_0)) | (((x == a2_0) | ((x != x) & (a2_0 != a2_0))) & __builtin_convertvector(k < a3_0, i32x8));
                  a2_0 = sel_f32x8(take, x, a2_0);
                  a3_0 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_0); }
            }
            st_i64x8(b1 + i0, a3_0);
        }
        for (; i0 < c1; i0 += 1) {
            float a2_0 = (-INFINITY);
            int64_t a3_0 = INT64_MAX;
            for (int64_t j0 = 0; j0 < n_j0; ++j0) {
                const float v0 = ld_f32(b0 + i0 + j0 * by5);
                const int64_t v1 = j0;
                {
                  const float x = v0;
                  const int64_t k = v1;
                  const int take = (x > a2_0) | ((x != x) & (a2_0 == a2_0)) | (((x == a2_0) | ((x != x) & (a2_0 != a2_0))) & (k < a3_0));
                  a2_0 = sel_f32(take, x, a2_0);
                  a3_0 = sel_i64(take, k, a3_0); }
            }
            st_i64(b1 + i0, a3_0);
        }
    }
}

void k2(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t by3 = d[3];
    const float *restrict b0 = (const float *)call->data[0];
    int64_t *restrict b1 = (int64_t *)call->data[1];
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t j0;
        f32x8 a2_0 = splat_f32x8((-INFINITY));
        i64x8 a3_0 = splat_i64x8(INT64_MAX);
        f32x8 a2_1 = splat_f32x8((-INFINITY));
        i64x8 a3_1 = splat_i64x8(INT64_MAX);
        f32x8 a2_2 = splat_f32x8((-INFINITY));
        i64x8 a3_2 = splat_i64x8(INT64_MAX);
        f32x8 a2_3 = splat_f32x8((-INFINITY));
        i64x8 a3_3 = splat_i64x8(INT64_MAX);
        float e2 = (-INFINITY);
        int64_t e3 = INT64_MAX;
        j0 = 0;
        for (; j0 + 32 <= n_j0; j0 += 32) {
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + j0);
            const i64x8 v1 = (splat_i64x8(j0) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x > a2_0) | ((x != x) & (a2_0 == a2_0)) | (((x == a2_0) | ((x != x) & (a2_0 != a2_0))) & __builtin_convertvector(k < a3_0, i32x8));
              a2_0 = sel_f32x8(take, x, a2_0);
              a3_0 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_0); }
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + (j0 + 8));
            const i64x8 v1 = (splat_i64x8((j0 + 8)) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x > a2_1) | ((x != x) & (a2_1 == a2_1)) | (((x == a2_1) | ((x != x) & (a2_1 != a2_1))) & __builtin_convertvector(k < a3_1, i32x8));
              a2_1 = sel_f32x8(take, x, a2_1);
              a3_1 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_1); }
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + (j0 + 16));
            const i64x8 v1 = (splat_i64x8((j0 + 16)) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x > a2_2) | ((x != x) & (a2_2 == a2_2)) | (((x == a2_2) | ((x != x) & (a2_2 != a2_2))) & __builtin_convertvector(k < a3_2, i32x8));
              a2_2 = sel_f32x8(take, x, a2_2);
              a3_2 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_2); }
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + (j0 + 24));
            const i64x8 v1 = (splat_i64x8((j0 + 24)) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x > a2_3) | ((x != x) & (a2_3 == a2_3)) | (((x == a2_3) | ((x != x) & (a2_3 != a2_3))) & __builtin_convertvector(k < a3_3, i32x8));
              a2_3 = sel_f32x8(take, x, a2_3);
              a3_3 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_3); }
          }
        }
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + j0);
            const i64x8 v1 = (splat_i64x8(j0) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x > a2_0) | ((x != x) & (a2_0 == a2_0)) | (((x == a2_0) | ((x != x) & (a2_0 != a2_0))) & __builtin_convertvector(k < a3_0, i32x8));
              a2_0 = sel_f32x8(take, x, a2_0);
              a3_0 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_0); }
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by3 + j0);
            const int64_t v1 = j0;
            {
              const float x = v0;
              const int64_t k = v1;
              const int take = (x > e2) | ((x != x) & (e2 == e2)) | (((x == e2) | ((x != x) & (e2 != e2))) & (k < e3));
              e2 = sel_f32(take, x, e2);
              e3 = sel_i64(take, k, e3); }
        }
        { float x[8]; int64_t k[8];
          memcpy(x, &a2_0, sizeof x); memcpy(k, &a3_0, sizeof k);
          for (int l = 0; l < 8; ++l) if ((x[l] > e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
        { float x[8]; int64_t k[8];
          memcpy(x, &a2_1, sizeof x); memcpy(k, &a3_1, sizeof k);
          for (int l = 0; l < 8; ++l) if ((x[l] > e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
        { float x[8]; int64_t k[8];
          memcpy(x, &a2_2, sizeof x); memcpy(k, &a3_2, sizeof k);
          for (int l = 0; l < 8; ++l) if ((x[l] > e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
        { float x[8]; int64_t k[8];
          memcpy(x, &a2_3, sizeof x); memcpy(k, &a3_3, sizeof k);
          for (int l = 0; l < 8; ++l) if ((x[l] > e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
        st_i64(b1 + i0, e3);
        ++i0;
    }
}

void k3(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t at2 = d[1];
    const int64_t at3 = d[2];
    const int64_t rows_per_chunk = d[3];
    const int64_t block = d[4];
    const int64_t blocks = d[5];
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict g2 = (float *)(call->partial + at2);
    int64_t *restrict g3 = (int64_t *)(call->partial + at3);
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    f32x8 a2_0 = splat_f32x8((-INFINITY));
    i64x8 a3_0 = splat_i64x8(INT64_MAX);
    f32x8 a2_1 = splat_f32x8((-INFINITY));
    i64x8 a3_1 = splat_i64x8(INT64_MAX);
    f32x8 a2_2 = splat_f32x8((-INFINITY));
    i64x8 a3_2 = splat_i64x8(INT64_MAX);
    f32x8 a2_3 = splat_f32x8((-INFINITY));
    i64x8 a3_3 = splat_i64x8(INT64_MAX);
    float e2 = (-INFINITY);
    int64_t e3 = INT64_MAX;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 32 <= c1; i0 += 32) {
            {
            const f32x8 v0 = ld_f32x8(b0 + i0);
            const i64x8 v1 = (splat_i64x8(i0) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x > a2_0) | ((x != x) & (a2_0 == a2_0)) | (((x == a2_0) | ((x != x) & (a2_0 != a2_0))) & __builtin_convertvector(k < a3_0, i32x8));
              a2_0 = sel_f32x8(take, x, a2_0);
              a3_0 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_0); }
            }
            {
            const f32x8 v0 = ld_f32x8(b0 + (i0 + 8));
            const i64x8 v1 = (splat_i64x8((i0 + 8)) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x > a2_1) | ((x != x) & (a2_1 == a2_1)) | (((x == a2_1) | ((x != x) & (a2_1 != a2_1))) & __builtin_convertvector(k < a3_1, i32x8));
              a2_1 = sel_f32x8(take, x, a2_1);
              a3_1 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_1); }
            }
            {
            const f32x8 v0 = ld_f32x8(b0 + (i0 + 16));
            const i64x8 v1 = (splat_i64x8((i0 + 16)) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x > a2_2) | ((x != x) & (a2_2 == a2_2)) | (((x == a2_2) | ((x != x) & (a2_2 != a2_2))) & __builtin_convertvector(k < a3_2, i32x8));
              a2_2 = sel_f32x8(take, x, a2_2);
              a3_2 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_2); }
            }
            {
            const f32x8 v0 = ld_f32x8(b0 + (i0 + 24));
            const i64x8 v1 = (splat_i64x8((i0 + 24)) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x > a2_3) | ((x != x) & (a2_3 == a2_3)) | (((x == a2_3) | ((x != x) & (a2_3 != a2_3))) & __builtin_convertvector(k < a3_3, i32x8));
              a2_3 = sel_f32x8(take, x, a2_3);
              a3_3 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_3); }
            }
        }
        for (; i0 + 8 <= c1; i0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0);
            const i64x8 v1 = (splat_i64x8(i0) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x > a2_0) | ((x != x) & (a2_0 == a2_0)) | (((x == a2_0) | ((x != x) & (a2_0 != a2_0))) & __builtin_convertvector(k < a3_0, i32x8));
              a2_0 = sel_f32x8(take, x, a2_0);
              a3_0 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_0); }
        }
        for (; i0 < c1; i0 += 1) {
            const float v0 = ld_f32(b0 + i0);
            const int64_t v1 = i0;
            {
              const float x = v0;
              const int64_t k = v1;
              const int take = (x > e2) | ((x != x) & (e2 == e2)) | (((x == e2) | ((x != x) & (e2 != e2))) & (k < e3));
              e2 = sel_f32(take, x, e2);
              e3 = sel_i64(take, k, e3); }
        }
    }
    { float x[8]; int64_t k[8];
      memcpy(x, &a2_0, sizeof x); memcpy(k, &a3_0, sizeof k);
      for (int l = 0; l < 8; ++l) if ((x[l] > e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
    { float x[8]; int64_t k[8];
      memcpy(x, &a2_1, sizeof x); memcpy(k, &a3_1, sizeof k);
      for (int l = 0; l < 8; ++l) if ((x[l] > e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
    { float x[8]; int64_t k[8];
      memcpy(x, &a2_2, sizeof x); memcpy(k, &a3_2, sizeof k);
      for (int l = 0; l < 8; ++l) if ((x[l] > e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
    { float x[8]; int64_t k[8];
      memcpy(x, &a2_3, sizeof x); memcpy(k, &a3_3, sizeof k);
      for (int l = 0; l < 8; ++l) if ((x[l] > e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
    g2[chunk] = e2;
    g3[chunk] = e3;
}
void k3_total(const lm_call *call, int64_t chunks) {
    const int64_t *const d = call->dims;
    const int64_t at2 = d[1];
    const int64_t at3 = d[2];
    int64_t *restrict b1 = (int64_t *)call->data[1];
    float *restrict g2 = (float *)(call->partial + at2);
    int64_t *restrict g3 = (int64_t *)(call->partial + at3);
    float e2 = (-INFINITY);
    int64_t e3 = INT64_MAX;
    for (int64_t c = 0; c < chunks; ++c) {
      if ((g2[c] > e2) | ((g2[c] != g2[c]) & (e2 == e2)) | (((g2[c] == e2) | ((g2[c] != g2[c]) & (e2 != e2))) & (g3[c] < e3))) { e2 = g2[c]; e3 = g3[c]; }
    }
    st_i64(b1 + 0, e3);
}

void k4(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t block = d[3];
    const int64_t blocks = d[4];
    const int64_t by5 = d[5];
    const float *restrict b0 = (const float *)call->data[0];
    int64_t *restrict b1 = (int64_t *)call->data[1];
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 8 <= c1; i0 += 8) {
            f32x8 a2_0 = splat_f32x8((INFINITY));
            i64x8 a3_0 = splat_i64x8(INT64_MAX);
            for (int64_t j0 = 0; j0 < n_j0; ++j0) {
                const f32x8 v0 = ld_f32x8(b0 + i0 + j0 * by5);
                const int64_t v1 = j0;
                {
                  const f32x8 x = v0;
                  const i64x8 k = splat_i64x8(v1);
                  const i32x8 take = (x < a2_0) | ((x != x) & (a2_0 == a2_0)) | (((x == a2_0) | ((x != x) & (a2_0 != a2_0))) & __builtin_convertvector(k < a3_0, i32x8));
                  a2_0 = sel_f32x8(take, x, a2_0);
                  a3_0 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_0); }
            }
            st_i64x8(b1 + i0, a3_0);
        }
        for (; i0 < c1; i0 += 1) {
            float a2_0 = (INFINITY);
            int64_t a3_0 = INT64_MAX;
            for (int64_t j0 = 0; j0 < n_j0; ++j0) {
                const float v0 = ld_f32(b0 + i0 + j0 * by5);
                const int64_t v1 = j0;
                {
                  const float x = v0;
                  const int64_t k = v1;
                  const int take = (x < a2_0) | ((x != x) & (a2_0 == a2_0)) | (((x == a2_0) | ((x != x) & (a2_0 != a2_0))) & (k < a3_0));
                  a2_0 = sel_f32(take, x, a2_0);
                  a3_0 = sel_i64(take, k, a3_0); }
            }
            st_i64(b1 + i0, a3_0);
        }
    }
}

void k5(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t n_j0 = d[1];
    const int64_t rows_per_chunk = d[2];
    const int64_t by3 = d[3];
    const float *restrict b0 = (const float *)call->data[0];
    int64_t *restrict b1 = (int64_t *)call->data[1];
    const int64_t r0 = chunk * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, n_i0);
    int64_t i0 = r0;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t j0;
        f32x8 a2_0 = splat_f32x8((INFINITY));
        i64x8 a3_0 = splat_i64x8(INT64_MAX);
        f32x8 a2_1 = splat_f32x8((INFINITY));
        i64x8 a3_1 = splat_i64x8(INT64_MAX);
        f32x8 a2_2 = splat_f32x8((INFINITY));
        i64x8 a3_2 = splat_i64x8(INT64_MAX);
        f32x8 a2_3 = splat_f32x8((INFINITY));
        i64x8 a3_3 = splat_i64x8(INT64_MAX);
        float e2 = (INFINITY);
        int64_t e3 = INT64_MAX;
        j0 = 0;
        for (; j0 + 32 <= n_j0; j0 += 32) {
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + j0);
            const i64x8 v1 = (splat_i64x8(j0) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x < a2_0) | ((x != x) & (a2_0 == a2_0)) | (((x == a2_0) | ((x != x) & (a2_0 != a2_0))) & __builtin_convertvector(k < a3_0, i32x8));
              a2_0 = sel_f32x8(take, x, a2_0);
              a3_0 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_0); }
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + (j0 + 8));
            const i64x8 v1 = (splat_i64x8((j0 + 8)) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x < a2_1) | ((x != x) & (a2_1 == a2_1)) | (((x == a2_1) | ((x != x) & (a2_1 != a2_1))) & __builtin_convertvector(k < a3_1, i32x8));
              a2_1 = sel_f32x8(take, x, a2_1);
              a3_1 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_1); }
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + (j0 + 16));
            const i64x8 v1 = (splat_i64x8((j0 + 16)) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x < a2_2) | ((x != x) & (a2_2 == a2_2)) | (((x == a2_2) | ((x != x) & (a2_2 != a2_2))) & __builtin_convertvector(k < a3_2, i32x8));
              a2_2 = sel_f32x8(take, x, a2_2);
              a3_2 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_2); }
          }
          {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + (j0 + 24));
            const i64x8 v1 = (splat_i64x8((j0 + 24)) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x < a2_3) | ((x != x) & (a2_3 == a2_3)) | (((x == a2_3) | ((x != x) & (a2_3 != a2_3))) & __builtin_convertvector(k < a3_3, i32x8));
              a2_3 = sel_f32x8(take, x, a2_3);
              a3_3 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_3); }
          }
        }
        for (; j0 + 8 <= n_j0; j0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0 * by3 + j0);
            const i64x8 v1 = (splat_i64x8(j0) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x < a2_0) | ((x != x) & (a2_0 == a2_0)) | (((x == a2_0) | ((x != x) & (a2_0 != a2_0))) & __builtin_convertvector(k < a3_0, i32x8));
              a2_0 = sel_f32x8(take, x, a2_0);
              a3_0 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_0); }
        }
        for (; j0 < n_j0; j0 += 1) {
            const float v0 = ld_f32(b0 + i0 * by3 + j0);
            const int64_t v1 = j0;
            {
              const float x = v0;
              const int64_t k = v1;
              const int take = (x < e2) | ((x != x) & (e2 == e2)) | (((x == e2) | ((x != x) & (e2 != e2))) & (k < e3));
              e2 = sel_f32(take, x, e2);
              e3 = sel_i64(take, k, e3); }
        }
        { float x[8]; int64_t k[8];
          memcpy(x, &a2_0, sizeof x); memcpy(k, &a3_0, sizeof k);
          for (int l = 0; l < 8; ++l) if ((x[l] < e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
        { float x[8]; int64_t k[8];
          memcpy(x, &a2_1, sizeof x); memcpy(k, &a3_1, sizeof k);
          for (int l = 0; l < 8; ++l) if ((x[l] < e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
        { float x[8]; int64_t k[8];
          memcpy(x, &a2_2, sizeof x); memcpy(k, &a3_2, sizeof k);
          for (int l = 0; l < 8; ++l) if ((x[l] < e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
        { float x[8]; int64_t k[8];
          memcpy(x, &a2_3, sizeof x); memcpy(k, &a3_3, sizeof k);
          for (int l = 0; l < 8; ++l) if ((x[l] < e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
        st_i64(b1 + i0, e3);
        ++i0;
    }
}

void k6(const lm_call *call, int64_t chunk) {
    const int64_t *const d = call->dims;
    const int64_t n_i0 = d[0];
    const int64_t at2 = d[1];
    const int64_t at3 = d[2];
    const int64_t rows_per_chunk = d[3];
    const int64_t block = d[4];
    const int64_t blocks = d[5];
    const float *restrict b0 = (const float *)call->data[0];
    float *restrict g2 = (float *)(call->partial + at2);
    int64_t *restrict g3 = (int64_t *)(call->partial + at3);
    const int64_t c0 = chunk % blocks * block;
    const int64_t c1 = lm_min(c0 + block, n_i0);
    const int64_t r0 = chunk / blocks * rows_per_chunk;
    const int64_t r1 = lm_min(r0 + rows_per_chunk, 1);
    f32x8 a2_0 = splat_f32x8((INFINITY));
    i64x8 a3_0 = splat_i64x8(INT64_MAX);
    f32x8 a2_1 = splat_f32x8((INFINITY));
    i64x8 a3_1 = splat_i64x8(INT64_MAX);
    f32x8 a2_2 = splat_f32x8((INFINITY));
    i64x8 a3_2 = splat_i64x8(INT64_MAX);
    f32x8 a2_3 = splat_f32x8((INFINITY));
    i64x8 a3_3 = splat_i64x8(INT64_MAX);
    float e2 = (INFINITY);
    int64_t e3 = INT64_MAX;
    for (int64_t r = r0; r < r1; ++r) {
        int64_t i0 = c0;
        for (; i0 + 32 <= c1; i0 += 32) {
            {
            const f32x8 v0 = ld_f32x8(b0 + i0);
            const i64x8 v1 = (splat_i64x8(i0) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x < a2_0) | ((x != x) & (a2_0 == a2_0)) | (((x == a2_0) | ((x != x) & (a2_0 != a2_0))) & __builtin_convertvector(k < a3_0, i32x8));
              a2_0 = sel_f32x8(take, x, a2_0);
              a3_0 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_0); }
            }
            {
            const f32x8 v0 = ld_f32x8(b0 + (i0 + 8));
            const i64x8 v1 = (splat_i64x8((i0 + 8)) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x < a2_1) | ((x != x) & (a2_1 == a2_1)) | (((x == a2_1) | ((x != x) & (a2_1 != a2_1))) & __builtin_convertvector(k < a3_1, i32x8));
              a2_1 = sel_f32x8(take, x, a2_1);
              a3_1 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_1); }
            }
            {
            const f32x8 v0 = ld_f32x8(b0 + (i0 + 16));
            const i64x8 v1 = (splat_i64x8((i0 + 16)) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x < a2_2) | ((x != x) & (a2_2 == a2_2)) | (((x == a2_2) | ((x != x) & (a2_2 != a2_2))) & __builtin_convertvector(k < a3_2, i32x8));
              a2_2 = sel_f32x8(take, x, a2_2);
              a3_2 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_2); }
            }
            {
            const f32x8 v0 = ld_f32x8(b0 + (i0 + 24));
            const i64x8 v1 = (splat_i64x8((i0 + 24)) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x < a2_3) | ((x != x) & (a2_3 == a2_3)) | (((x == a2_3) | ((x != x) & (a2_3 != a2_3))) & __builtin_convertvector(k < a3_3, i32x8));
              a2_3 = sel_f32x8(take, x, a2_3);
              a3_3 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_3); }
            }
        }
        for (; i0 + 8 <= c1; i0 += 8) {
            const f32x8 v0 = ld_f32x8(b0 + i0);
            const i64x8 v1 = (splat_i64x8(i0) + (i64x8){0, 1, 2, 3, 4, 5, 6, 7});
            {
              const f32x8 x = v0;
              const i64x8 k = v1;
              const i32x8 take = (x < a2_0) | ((x != x) & (a2_0 == a2_0)) | (((x == a2_0) | ((x != x) & (a2_0 != a2_0))) & __builtin_convertvector(k < a3_0, i32x8));
              a2_0 = sel_f32x8(take, x, a2_0);
              a3_0 = sel_i64x8(__builtin_convertvector(take, i64x8), k, a3_0); }
        }
        for (; i0 < c1; i0 += 1) {
            const float v0 = ld_f32(b0 + i0);
            const int64_t v1 = i0;
            {
              const float x = v0;
              const int64_t k = v1;
              const int take = (x < e2) | ((x != x) & (e2 == e2)) | (((x == e2) | ((x != x) & (e2 != e2))) & (k < e3));
              e2 = sel_f32(take, x, e2);
              e3 = sel_i64(take, k, e3); }
        }
    }
    { float x[8]; int64_t k[8];
      memcpy(x, &a2_0, sizeof x); memcpy(k, &a3_0, sizeof k);
      for (int l = 0; l < 8; ++l) if ((x[l] < e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
    { float x[8]; int64_t k[8];
      memcpy(x, &a2_1, sizeof x); memcpy(k, &a3_1, sizeof k);
      for (int l = 0; l < 8; ++l) if ((x[l] < e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
    { float x[8]; int64_t k[8];
      memcpy(x, &a2_2, sizeof x); memcpy(k, &a3_2, sizeof k);
      for (int l = 0; l < 8; ++l) if ((x[l] < e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
    { float x[8]; int64_t k[8];
      memcpy(x, &a2_3, sizeof x); memcpy(k, &a3_3, sizeof k);
      for (int l = 0; l < 8; ++l) if ((x[l] < e2) | ((x[l] != x[l]) & (e2 == e2)) | (((x[l] == e2) | ((x[l] != x[l]) & (e2 != e2))) & (k[l] < e3))) { e2 = x[l]; e3 = k[l]; } }
    g2[chunk] = e2;
    g3[chunk] = e3;
}
void k6_total(const lm_call *call, int64_t chunks) {
    const int64_t *const d = call->dims;
    const int64_t at2 = d[1];
    const int64_t at3 = d[2];
    int64_t *restrict b1 = (int64_t *)call->data[1];
    float *restrict g2 = (float *)(call->partial + at2);
    int64_t *restrict g3 = (int64_t *)(call->partial + at3);
    float e2 = (INFINITY);
    int64_t e3 = INT64_MAX;
    for (int64_t c = 0; c < chunks; ++c) {
      if ((g2[c] < e2) | ((g2[c] != g2[c]) & (e2 == e2)) | (((g2[c] == e2) | ((g2[c] != g2[c]) & (e2 != e2))) & (g3[c] < e3))) { e2 = g2[c]; e3 = g3[c]; }
    }
    st_i64(b1 + 0, e3);
}
