#include <sched.h>
#include <stdatomic.h>

#include "host/spin_pool.h"
#include "tests/test.h"

enum { THREADS = 4 };

static atomic_uint calls[THREADS];

static void count_part(void *arg, struct kith_part part)
{
    if (arg == calls && part.count == THREADS) atomic_fetch_add(&calls[part.index], 1);
}

static void every_part_of_every_run_is_called_once(void)
{
    struct kith_spin_pool *pool = kith_spin_pool_new(THREADS);
    check(pool);
    const struct kith_parallel *parallel = kith_spin_pool_parallel(pool);
    check_int(parallel->parts, THREADS);
    for (unsigned i = 1; i <= 300; i++) {
        parallel->call(parallel->self, count_part, calls);
        for (int p = 0; p < THREADS; p++)
            check_int(atomic_load(&calls[p]), i);
    }
    kith_spin_pool_free(pool);
}

static void one_thread_is_the_callers(void)
{
    struct kith_spin_pool *pool = kith_spin_pool_new(1);
    check(pool);
    const struct kith_parallel *parallel = kith_spin_pool_parallel(pool);
    check_int(parallel->parts, 1);
    parallel->call(parallel->self, count_part, NULL);
    kith_spin_pool_free(pool);
}

static void all_threads_of_a_pool_without_work_block(void)
{
    struct kith_spin_pool *pool = kith_spin_pool_new(THREADS);
    check(pool);
    const struct kith_parallel *parallel = kith_spin_pool_parallel(pool);
    for (int i = 0; i < 20; i++) {
        parallel->call(parallel->self, count_part, NULL);
        while (kith_spin_pool_asleep(pool) != THREADS - 1)
            sched_yield();
    }
    kith_spin_pool_free(pool);
}

int main(void)
{
    run(every_part_of_every_run_is_called_once);
    run(one_thread_is_the_callers);
    run(all_threads_of_a_pool_without_work_block);
    return test_end();
}
