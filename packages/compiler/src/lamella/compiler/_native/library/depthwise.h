/* Convolution of every channel by itself: sums over the taps of a window, in registers, for a vector of positions. */

typedef struct {
    lm_call call;
    const lm_runtime *rt;
    const lm_window *w;
    const LM_REAL *x, *weight, *bias, *g;
    LM_REAL *result;
} LM_NAME(lm_depthwise_job);

/* A channel of an image, padded, and where each tap of the first window lies in it. */
typedef struct {
    LM_NAME(lm_padded) p;
    int64_t *taps, down, along;
} LM_NAME(lm_channel);

static LM_NAME(lm_channel) LM_NAME(lm_channel_room)(const lm_runtime *rt, const lm_window *w, int64_t vectors) {
    const int64_t size = LM_NAME(lm_padded_size)(w, w->out), taps = lm_volume(w->kernel);
    const int64_t sums = vectors * LM_VECTOR, own = lm_up(size * (int64_t)sizeof(LM_REAL), LM_VECTOR) * LM_VECTOR;
    char *const room = rt->scratch((size_t)(sums + own + taps * (int64_t)sizeof(int64_t)));
    LM_NAME(lm_channel) channel = {
        .p = LM_NAME(lm_padded_of)(w, w->out, (LM_REAL *)(room + sums)), .taps = (int64_t *)(room + sums + own),
    };
    memset(channel.p.data, 0, (size_t)size * sizeof(LM_REAL));
    channel.down = w->stride[0] * channel.p.plane;
    channel.along = w->stride[1] * channel.p.row;
    for (int64_t k = 0; k < taps; ++k) channel.taps[k] = LM_NAME(lm_tap_at)(w, &channel.p, k);
    return channel;
}

static void LM_NAME(lm_channel_fill)(const lm_window *w, const LM_REAL *image, const LM_NAME(lm_channel) *channel) {
    const lm_box whole = {.images = 1, .size = {w->out[0], w->out[1], w->out[2]}};
    LM_NAME(lm_pad)(w, &whole, image, &channel->p);
}

/* One channel of one image. */
static void LM_NAME(lm_depthwise_chunk)(const lm_call *call, int64_t chunk) {
    const LM_NAME(lm_depthwise_job) *const job = (const LM_NAME(lm_depthwise_job) *)call;
    const lm_window *const w = job->w;
    const int64_t taps = lm_volume(w->kernel), length = lm_volume(w->out), width = w->out[2];
    const LM_NAME(lm_channel) channel = LM_NAME(lm_channel_room)(job->rt, w, 0);
    LM_NAME(lm_channel_fill)(w, job->x + chunk * lm_volume(w->in), &channel);
    for (int64_t o = 0; o < w->o; ++o) {
        const int64_t number = chunk % w->groups * w->o + o;
        const LM_REAL *const weight = job->weight + number * taps, shift = job->bias ? job->bias[number] : 0;
        LM_REAL *y = job->result + (chunk * w->o + o) * length;
        for (int64_t a = 0; a < w->out[0]; ++a)
            for (int64_t b = 0; b < w->out[1]; ++b, y += width) {
                const LM_REAL *const line = channel.p.data + a * channel.down + b * channel.along;
                for (int64_t j = 0; j < width; j += LM_LANES) {
                    LM_NAME(lm_vector) sum = shift - (LM_NAME(lm_vector)){0};
                    for (int64_t k = 0; k < taps; ++k)
                        sum += weight[k] * *(const LM_NAME(lm_vector) *)(line + channel.taps[k] + j);
                    LM_NAME(lm_put)(y + j, sum, width - j);
                }
            }
    }
}

static void LM_NAME(lm_depthwise_run)(
    const lm_runtime *rt, const lm_window *w, const LM_REAL *x, const LM_REAL *weight, const LM_REAL *bias, LM_REAL *y
) {
    const LM_NAME(lm_depthwise_job) job = {.rt = rt, .w = w, .x = x, .weight = weight, .bias = bias, .result = y};
    rt->parallel_for(LM_NAME(lm_depthwise_chunk), &job.call, w->n * w->groups);
}

/* The sums of all taps over one image, for one channel of the cotangent. */
static void LM_NAME(lm_depthwise_sums)(
    const lm_window *w, const LM_NAME(lm_channel) *channel, const LM_REAL *g, LM_NAME(lm_vector) *sums
) {
    const int64_t taps = lm_volume(w->kernel), width = w->out[2];
    for (int64_t a = 0; a < w->out[0]; ++a)
        for (int64_t b = 0; b < w->out[1]; ++b, g += width) {
            const LM_REAL *const line = channel->p.data + a * channel->down + b * channel->along;
            int64_t j = 0;
            for (; j + LM_LANES <= width; j += LM_LANES)
                for (int64_t k = 0; k < taps; ++k)
                    sums[k] += *(const LM_NAME(lm_vector) *)(g + j)
                               * *(const LM_NAME(lm_vector) *)(line + channel->taps[k] + j);
            for (int64_t k = 0; k < taps && j < width; ++k)
                sums[k] += LM_NAME(lm_get)(g + j, width - j)
                           * LM_NAME(lm_get)(line + channel->taps[k] + j, width - j);
        }
}

/* All images, for one channel. */
static void LM_NAME(lm_depthwise_weight_chunk)(const lm_call *call, int64_t group) {
    const LM_NAME(lm_depthwise_job) *const job = (const LM_NAME(lm_depthwise_job) *)call;
    const lm_window *const w = job->w;
    const int64_t taps = lm_volume(w->kernel), size = lm_volume(w->in), length = lm_volume(w->out);
    const LM_NAME(lm_channel) channel = LM_NAME(lm_channel_room)(job->rt, w, w->o * taps);
    LM_NAME(lm_vector) *const sums = (LM_NAME(lm_vector) *)((char *)channel.p.data - w->o * taps * LM_VECTOR);
    memset(sums, 0, (size_t)(w->o * taps) * sizeof *sums);
    for (int64_t i = 0; i < w->n; ++i) {
        LM_NAME(lm_channel_fill)(w, job->x + (i * w->groups + group) * size, &channel);
        for (int64_t o = 0; o < w->o; ++o)
            LM_NAME(lm_depthwise_sums)(
                w, &channel, job->g + ((i * w->groups + group) * w->o + o) * length, sums + o * taps
            );
    }
    for (int64_t k = 0; k < w->o * taps; ++k) {
        LM_REAL total = 0;
        for (int64_t l = 0; l < LM_LANES; ++l) total += sums[k][l];
        job->result[group * w->o * taps + k] = total;
    }
}

static void LM_NAME(lm_depthwise_weight_run)(
    const lm_runtime *rt, const lm_window *w, const LM_REAL *g, const LM_REAL *x, LM_REAL *result
) {
    const LM_NAME(lm_depthwise_job) job = {.rt = rt, .w = w, .x = x, .g = g, .result = result};
    rt->parallel_for(LM_NAME(lm_depthwise_weight_chunk), &job.call, w->groups);
}
