/* host/spin_pool.h: a few threads that share the parts of a step. Between two calls a thread spins
 * for about 20 microseconds, enough for the next product of the same step, and then blocks, so that
 * a pool without work uses no processor time. */
#ifndef KITH_HOST_SPIN_POOL_H
#define KITH_HOST_SPIN_POOL_H

#include "training/kernels.h"

enum { KITH_SPIN_THREADS_MAX = 16, KITH_SPIN_US = 20 };

struct kith_spin_pool;

/* `threads` in all, the caller of run included: 1 to KITH_SPIN_THREADS_MAX. NULL if memory or
 * threads are refused. */
struct kith_spin_pool *kith_spin_pool_new(uint32_t threads);
/* Ends and joins the threads; no run may be under way. */
void kith_spin_pool_free(struct kith_spin_pool *pool);
/* For kith_model_set_parallel; lives as long as the pool. One run at a time. */
const struct kith_parallel *kith_spin_pool_parallel(const struct kith_spin_pool *pool);
/* How many of its threads block at this moment; between runs it becomes threads - 1. */
uint32_t kith_spin_pool_asleep(const struct kith_spin_pool *pool);

#endif
