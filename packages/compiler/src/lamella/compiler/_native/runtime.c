/* The process-wide part of native execution: a thread pool, scratch memory, and reading arrays out of a Python list.
 *
 * One pool per process. A job is `chunks` calls of one kernel; threads take chunk numbers from a counter, so which
 * thread runs a chunk is not fixed, but what a chunk computes is. A second job that arrives while the pool works
 * (another thread, or a nested call) runs on its caller alone. After fork the child starts with an empty pool.
 * Where threads are missing (LM_SERIAL) every job runs on its caller.
 */
#include "runtime.h"
#include <stdatomic.h>
#include <stdlib.h>

#if defined(_WIN32) || defined(__wasm__)
#define LM_SERIAL 1
#endif

#define LM_MOST_THREADS 256

/* ---- scratch ------------------------------------------------------------------------------------------------- */

#define LM_ALIGN 64

typedef struct { void *block; size_t bytes; } lm_block;
static _Thread_local lm_block lm_own;

#ifndef LM_SERIAL
#include <pthread.h>
#include <sched.h>
static pthread_key_t lm_key;
static pthread_once_t lm_key_once = PTHREAD_ONCE_INIT;
static void lm_make_key(void) { pthread_key_create(&lm_key, free); }
#endif

/* At least `bytes` of 64-byte aligned memory of the calling thread, valid until its next call. */
static void *lm_scratch(size_t bytes) {
    if (bytes > lm_own.bytes) {
        free(lm_own.block);
        lm_own.bytes = 0;
        lm_own.block = malloc(bytes + LM_ALIGN);
        if (!lm_own.block) abort();
        lm_own.bytes = bytes;
#ifndef LM_SERIAL
        pthread_once(&lm_key_once, lm_make_key);
        pthread_setspecific(lm_key, lm_own.block);
#endif
    }
    return (void *)(((uintptr_t)lm_own.block + LM_ALIGN - 1) / LM_ALIGN * LM_ALIGN);
}

/* ---- threads ------------------------------------------------------------------------------------------------- */

static atomic_int lm_threads = 1;

#ifdef LM_SERIAL

static void lm_parallel_for(lm_kernel kernel, const lm_call *call, int64_t chunks) {
    for (int64_t c = 0; c < chunks; ++c) kernel(call, c);
}

#else

#if defined(__x86_64__) || defined(__i386__)
#define lm_pause() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define lm_pause() __asm__ volatile("yield")
#else
#define lm_pause() ((void)0)
#endif

#define LM_SPINS 1000 /* some ten microseconds: the gap between two launches of a step */

/* state: bits 63..32 generation, bit 31 open, bits 30..0 workers inside. A worker enters by adding 1 while the job is
 * open; the owner closes the job and waits until nobody is inside, so no worker ever sees a job change under it. */
#define LM_OPEN ((uint64_t)1 << 31)
static _Atomic uint64_t lm_state;
static struct { lm_kernel kernel; const lm_call *call; int64_t chunks; } lm_job;
static _Atomic int64_t lm_next;
static atomic_flag lm_busy = ATOMIC_FLAG_INIT;
static atomic_int lm_sleepers;
static int lm_started;
static pthread_mutex_t lm_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t lm_wake = PTHREAD_COND_INITIALIZER;
static pthread_once_t lm_fork_once = PTHREAD_ONCE_INIT;

static void lm_work(void) {
    int64_t c;
    while ((c = atomic_fetch_add_explicit(&lm_next, 1, memory_order_relaxed)) < lm_job.chunks)
        lm_job.kernel(lm_job.call, c);
}

static void *lm_worker(void *arg) {
    const int number = (int)(intptr_t)arg;
    uint32_t seen = 0;
    for (;;) {
        uint64_t state = atomic_load_explicit(&lm_state, memory_order_acquire);
        for (int spin = 0; (uint32_t)(state >> 32) == seen && spin < LM_SPINS; ++spin) {
            lm_pause();
            state = atomic_load_explicit(&lm_state, memory_order_acquire);
        }
        if ((uint32_t)(state >> 32) == seen) {
            pthread_mutex_lock(&lm_mutex);
            atomic_fetch_add(&lm_sleepers, 1);
            while ((uint32_t)((state = atomic_load(&lm_state)) >> 32) == seen) pthread_cond_wait(&lm_wake, &lm_mutex);
            atomic_fetch_sub(&lm_sleepers, 1);
            pthread_mutex_unlock(&lm_mutex);
        }
        seen = (uint32_t)(state >> 32);
        if (number >= atomic_load_explicit(&lm_threads, memory_order_relaxed)) continue;
        while ((state & LM_OPEN) && (uint32_t)(state >> 32) == seen) {
            if (atomic_compare_exchange_weak_explicit(
                    &lm_state, &state, state + 1, memory_order_acq_rel, memory_order_acquire)) {
                lm_work();
                atomic_fetch_sub_explicit(&lm_state, 1, memory_order_release);
                break;
            }
        }
    }
    return NULL;
}

static void lm_after_fork(void) {
    lm_started = 0;
    atomic_store(&lm_state, 0);
    atomic_store(&lm_sleepers, 0);
    atomic_flag_clear(&lm_busy);
    pthread_mutex_init(&lm_mutex, NULL);
    pthread_cond_init(&lm_wake, NULL);
}

static void lm_install_fork(void) { pthread_atfork(NULL, NULL, lm_after_fork); }

static void lm_start(int wanted) {
    pthread_once(&lm_fork_once, lm_install_fork);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    while (lm_started < wanted - 1) {
        pthread_t thread;
        if (pthread_create(&thread, &attr, lm_worker, (void *)(intptr_t)(lm_started + 1))) break;
        ++lm_started;
    }
    pthread_attr_destroy(&attr);
}

static void lm_parallel_for(lm_kernel kernel, const lm_call *call, int64_t chunks) {
    const int threads = atomic_load_explicit(&lm_threads, memory_order_relaxed);
    if (chunks <= 1 || threads <= 1 || atomic_flag_test_and_set_explicit(&lm_busy, memory_order_acquire)) {
        for (int64_t c = 0; c < chunks; ++c) kernel(call, c);
        return;
    }
    if (lm_started < threads - 1) lm_start(threads);
    lm_job.kernel = kernel;
    lm_job.call = call;
    lm_job.chunks = chunks;
    atomic_store_explicit(&lm_next, 0, memory_order_relaxed);
    const uint64_t generation = (atomic_load(&lm_state) >> 32) + 1;
    atomic_store(&lm_state, generation << 32 | LM_OPEN);
    if (atomic_load(&lm_sleepers)) {
        pthread_mutex_lock(&lm_mutex);
        pthread_cond_broadcast(&lm_wake);
        pthread_mutex_unlock(&lm_mutex);
    }
    lm_work();
    atomic_fetch_and(&lm_state, ~LM_OPEN);
    for (int spin = 0; (uint32_t)atomic_load_explicit(&lm_state, memory_order_acquire); ++spin) {
        if (spin < LM_SPINS) lm_pause();
        else sched_yield();
    }
    atomic_flag_clear_explicit(&lm_busy, memory_order_release);
}

#endif

LM_EXPORT void lm_set_threads(int n) { atomic_store(&lm_threads, n < 1 ? 1 : n > LM_MOST_THREADS ? LM_MOST_THREADS : n); }
LM_EXPORT int lm_get_threads(void) { return atomic_load(&lm_threads); }

LM_EXPORT lm_runtime lm_the_runtime = {lm_parallel_for, lm_scratch, 0, 0}; /* products.c adds what it finds */

/* ---- calls from Python --------------------------------------------------------------------------------------- */

/* Where CPython and numpy keep what is needed; filled in and checked by the loader before first use. */
typedef struct {
    int64_t list_items, type, data, nd, shape, dtype, flags;
    const void *array_type;
} lm_layout;

static lm_layout lm_at;
LM_EXPORT void lm_set_layout(const lm_layout *layout) { lm_at = *layout; }

/* What the list must hold at `position` (`flags` are numpy's that must be set), and which buffer it becomes. */
typedef struct {
    int64_t position, buffer, nd, flags;
    const int64_t *shape;
    const void *dtype;
} lm_expected;

/* A call: `table` is the program (see lm_step), the same for every call; the rest belongs to this one. */
typedef struct {
    char **data;
    const lm_scalar *scalars;
    const lm_expected *expected;
    int64_t expected_count;
    const int64_t *table;
} lm_frame;

#define LM_FIELD(kind, object, offset) (*(kind const *)((object) + (offset)))

/* Put the arrays of a Python list into the frame; -1 - position of the first that is not a plain array as expected. */
LM_EXPORT int64_t lm_bind(const lm_frame *frame, const char *list) {
    const char *const *items = LM_FIELD(const char *const *, list, lm_at.list_items);
    for (int64_t k = 0; k < frame->expected_count; ++k) {
        const lm_expected *e = &frame->expected[k];
        const char *array = items[e->position];
        if (LM_FIELD(const void *, array, lm_at.type) != lm_at.array_type
            || LM_FIELD(const void *, array, lm_at.dtype) != e->dtype
            || (LM_FIELD(int, array, lm_at.flags) & e->flags) != e->flags || LM_FIELD(int, array, lm_at.nd) != e->nd)
            return -1 - e->position;
        const intptr_t *shape = LM_FIELD(const intptr_t *, array, lm_at.shape);
        for (int64_t n = 0; n < e->nd; ++n)
            if (shape[n] != e->shape[n]) return -1 - e->position;
        frame->data[e->buffer] = LM_FIELD(char *, array, lm_at.data);
    }
    return 0;
}

/* ---- walking the table --------------------------------------------------------------------------------------- */

enum { LM_DONE, LM_KERNEL, LM_LIBRARY, LM_PYTHON, LM_TOGETHER };

/* One step, in words of the table. Behind it lie the places (buffer and offset in bytes; buffer -1 is a missing
 * operand), the sizes, and the scalars (slot, or -1 and a literal). Sizes are data: a table can be filled again. */
typedef struct {
    int64_t kind, words, function, total, chunks, places, dims, scalars, partial, partial_offset, errors;
} lm_step;

#define LM_HEAD ((int64_t)(sizeof(lm_step) / sizeof(int64_t)))
#define LM_FAILED (-((int64_t)1 << 32)) /* minus the code of the error */

/* What a step reads and writes: room for its buffers and scalars is the caller's. */
static lm_call lm_look_up(
    const lm_frame *frame, const lm_step *step, char **data, lm_scalar *scalars, int64_t *status) {
    const int64_t *at = (const int64_t *)step + LM_HEAD;
    for (int64_t k = 0; k < step->places; ++k, at += 2) data[k] = at[0] < 0 ? 0 : frame->data[at[0]] + at[1];
    const int64_t *const dims = at;
    at += step->dims;
    for (int64_t k = 0; k < step->scalars; ++k, at += 2) {
        if (at[0] < 0) scalars[k].i = at[1];
        else scalars[k] = frame->scalars[at[0]];
    }
    char *const partial = step->partial < 0 ? 0 : frame->data[step->partial] + step->partial_offset;
    return (lm_call){data, dims, scalars, partial, status};
}

/* Launches that run side by side: `first` is the number of a launch's first chunk among those of all. */
typedef struct { lm_kernel kernel; lm_call call; int64_t first; } lm_launch;
typedef struct { lm_call call; const lm_launch *launches; int64_t count; } lm_region; /* chunks get &call */

static void lm_region_chunk(const lm_call *call, int64_t chunk) {
    const lm_region *const region = (const lm_region *)(const void *)call;
    int64_t low = 0, high = region->count - 1; /* the last launch that does not begin behind the chunk */
    while (low < high) {
        const int64_t middle = (low + high + 1) / 2;
        if (region->launches[middle].first <= chunk) low = middle;
        else high = middle - 1;
    }
    const lm_launch *const launch = region->launches + low;
    launch->kernel(&launch->call, chunk - launch->first);
}

/* A head and the launches behind it, `dims` of them; `places` and `scalars` count those of all. */
static int64_t lm_take_together(const lm_frame *frame, const lm_step *head) {
    char *data[head->places + 1];
    lm_scalar scalars[head->scalars + 1];
    lm_launch launches[head->dims + 1];
    int64_t status = 0, first = 0, places = 0, numbers = 0;
    const lm_step *step = (const lm_step *)((const int64_t *)head + LM_HEAD);
    for (int64_t k = 0; k < head->dims; ++k) {
        launches[k].kernel = (lm_kernel)(intptr_t)step->function;
        launches[k].call = lm_look_up(frame, step, data + places, scalars + numbers, &status);
        launches[k].first = first;
        first += step->chunks, places += step->places, numbers += step->scalars;
        step = (const lm_step *)((const int64_t *)step + step->words);
    }
    const lm_region region = {{data, 0, scalars, 0, &status}, launches, head->dims};
    lm_parallel_for(lm_region_chunk, &region.call, head->chunks);
    step = (const lm_step *)((const int64_t *)head + LM_HEAD);
    for (int64_t k = 0; k < head->dims; ++k) {
        if (step->total) ((lm_total)(intptr_t)step->total)(&launches[k].call, step->chunks);
        step = (const lm_step *)((const int64_t *)step + step->words);
    }
    return status;
}

static int64_t lm_take(const lm_frame *frame, const lm_step *step) {
    if (step->kind == LM_TOGETHER) return lm_take_together(frame, step);
    char *data[step->places + 1];
    lm_scalar scalars[step->scalars + 1];
    int64_t status = 0;
    const lm_call call = lm_look_up(frame, step, data, scalars, &status);
    if (step->kind == LM_LIBRARY) {
        status = ((lm_library)(intptr_t)step->function)(&lm_the_runtime, data, call.dims, scalars);
        return status ? step->errors + status : 0;
    }
    const lm_kernel kernel = (lm_kernel)(intptr_t)step->function;
    if (step->chunks == 1) kernel(&call, 0);
    else if (step->chunks > 1) lm_parallel_for(kernel, &call, step->chunks);
    if (step->total) ((lm_total)(intptr_t)step->total)(&call, step->chunks);
    return status;
}

/* Steps from word `at` of the table on: 0 at the end, the word of a step that Python does, or LM_FAILED - code. */
LM_EXPORT int64_t lm_walk(const lm_frame *frame, int64_t at) {
    for (;;) {
        const lm_step *const step = (const lm_step *)(frame->table + at);
        if (step->kind == LM_DONE) return 0;
        if (step->kind == LM_PYTHON) return at;
        const int64_t code = lm_take(frame, step);
        if (code) return LM_FAILED - code;
        at += step->words;
    }
}

/* Bind, then walk from the first step, which is at word 1. */
LM_EXPORT int64_t lm_run(const lm_frame *frame, const char *list) {
    const int64_t wrong = lm_bind(frame, list);
    return wrong ? wrong : lm_walk(frame, 1);
}

/* ---- loops --------------------------------------------------------------------------------------------------- */

/* `length` walks over one table. After each of them every carry (entry, entry of its next value, whether the two change
 * places) takes its next value, every move (entry, bytes) goes on by a row, and the scalars by `scalars` slots. What
 * lm_walk returns where it is not 0. */
LM_EXPORT int64_t lm_loop(
    lm_frame *frame, int64_t length, int64_t moves, const int64_t *move, int64_t carries, const int64_t *carry,
    int64_t scalars) {
    for (int64_t t = 0; t < length; ++t) {
        const int64_t code = lm_walk(frame, 1);
        if (code) return code;
        for (int64_t k = 0; k < carries; ++k) {
            const int64_t *const c = carry + 3 * k;
            char *const before = frame->data[c[0]];
            frame->data[c[0]] = frame->data[c[1]];
            if (c[2]) frame->data[c[1]] = before;
        }
        for (int64_t k = 0; k < moves; ++k) frame->data[move[2 * k]] += move[2 * k + 1];
        frame->scalars += scalars;
    }
    return 0;
}

/* Walks over `body` while a walk over `test` leaves true at `going`, at most `limit` times. A carry (entry of the test,
 * of the body, of its next value in the body) changes places with its next value. What lm_walk returns where it is not
 * 0; `in_body` says of which table. */
LM_EXPORT int64_t lm_repeat(
    lm_frame *test, lm_frame *body, int64_t limit, const char *going, int64_t carries, const int64_t *carry,
    int64_t *in_body) {
    for (int64_t t = 0; t < limit; ++t) {
        int64_t code = lm_walk(test, 1);
        *in_body = 0;
        if (code || !*going) return code;
        code = lm_walk(body, 1);
        *in_body = 1;
        if (code) return code;
        for (int64_t k = 0; k < carries; ++k) {
            const int64_t *const c = carry + 3 * k;
            char *const before = body->data[c[1]];
            test->data[c[0]] = body->data[c[1]] = body->data[c[2]];
            body->data[c[2]] = before;
        }
    }
    return 0;
}
