#include "host/spin_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"

struct worker {
    struct kith_spin_pool *pool;
    uint32_t index; /* of its part, from 1 */
    pthread_t thread;
};

struct kith_spin_pool {
    struct kith_parallel parallel;
    void (*work)(void *arg, struct kith_part part);
    void *arg;
    atomic_uint round; /* counts the runs; a change starts the workers */
    atomic_uint left;  /* workers still at work */
    atomic_bool stop;
    atomic_uint asleep; /* threads that block or are about to */
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* round or left */
    uint32_t started;
    struct worker workers[KITH_SPIN_THREADS_MAX];
};

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Spin until *at is no longer (or, with `until`, at last) `value`; false if time is up. */
static bool spin(atomic_uint *at, unsigned value, bool until)
{
    uint64_t end = now_ns() + KITH_SPIN_US * 1000u;
    do {
        for (int i = 0; i < 64; i++) {
            if ((atomic_load_explicit(at, memory_order_acquire) == value) == until) return true;
            pause_briefly();
        }
    } while (now_ns() < end);
    return false;
}

static void block(struct kith_spin_pool *pool, atomic_uint *at, unsigned value, bool until)
{
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->asleep, 1);
    while ((atomic_load(at) == value) != until)
        pthread_cond_wait(&pool->changed, &pool->mutex);
    atomic_fetch_sub(&pool->asleep, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static void wait_until(struct kith_spin_pool *pool, atomic_uint *at, unsigned value, bool until)
{
    if (!spin(at, value, until)) block(pool, at, value, until);
}

/* After a change: whoever counted itself asleep before it must be woken, whoever does so later sees
 * the change. Both sides use sequentially consistent operations. */
static void wake(struct kith_spin_pool *pool)
{
    if (atomic_load(&pool->asleep) == 0) return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->mutex);
}

static void *worker_run(void *arg)
{
    struct worker *worker = arg;
    struct kith_spin_pool *pool = worker->pool;
    for (unsigned round = 0;; round++) {
        wait_until(pool, &pool->round, round, false);
        if (atomic_load(&pool->stop)) return NULL;
        pool->work(pool->arg, (struct kith_part){worker->index, pool->parallel.parts});
        if (atomic_fetch_sub(&pool->left, 1) == 1) wake(pool);
    }
}

static void pool_run(void *self, void (*work)(void *arg, struct kith_part part), void *arg)
{
    struct kith_spin_pool *pool = self;
    pool->work = work;
    pool->arg = arg;
    atomic_store(&pool->left, pool->parallel.parts - 1);
    atomic_fetch_add(&pool->round, 1);
    wake(pool);
    work(arg, (struct kith_part){0, pool->parallel.parts});
    wait_until(pool, &pool->left, 0, true);
}

struct kith_spin_pool *kith_spin_pool_new(uint32_t threads)
{
    kith_assert(threads >= 1);
    kith_assert(threads <= KITH_SPIN_THREADS_MAX);
    struct kith_spin_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->parallel = (struct kith_parallel){.call = pool_run, .self = pool, .parts = threads};
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->changed, NULL);
    for (uint32_t i = 1; i < threads; i++) {
        struct worker *worker = &pool->workers[i];
        worker->pool = pool;
        worker->index = i;
        if (pthread_create(&worker->thread, NULL, worker_run, worker) != 0) {
            kith_spin_pool_free(pool);
            return NULL;
        }
        pool->started = i;
    }
    return pool;
}

void kith_spin_pool_free(struct kith_spin_pool *pool)
{
    if (!pool) return;
    atomic_store(&pool->stop, true);
    atomic_fetch_add(&pool->round, 1);
    wake(pool);
    for (uint32_t i = 1; i <= pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

const struct kith_parallel *kith_spin_pool_parallel(const struct kith_spin_pool *pool)
{
    return &pool->parallel;
}

uint32_t kith_spin_pool_asleep(const struct kith_spin_pool *pool)
{
    return atomic_load(&pool->asleep);
}
