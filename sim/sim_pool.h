/* sim/sim_pool.h: memory for what is under way in a world: messages and answers. Sizes are rounded
 * up to classes, two for each power of two, and given-back blocks wait in a list for their class,
 * so that a world in its steady state allocates nothing. */
#ifndef KITH_SIM_SIM_POOL_H
#define KITH_SIM_SIM_POOL_H

#include <stddef.h>
#include <stdint.h>

enum { KITH_SIM_POOL_CLASSES = 22, KITH_SIM_POOL_BLOCK_MAX = 98304 };

struct kith_sim_pool {
    void *free[KITH_SIM_POOL_CLASSES];
    void *chunks; /* all memory ever taken from the system, a list */
    size_t bytes_max;
    size_t bytes; /* given out now, rounded */
    size_t peak;
    uint64_t refused;
};

/* At most bytes_max are given out at once. */
void kith_sim_pool_init(struct kith_sim_pool *pool, size_t bytes_max);
/* All blocks are gone with it. */
void kith_sim_pool_release(struct kith_sim_pool *pool);
/* A block of 1 to KITH_SIM_POOL_BLOCK_MAX bytes aligned to 16, or NULL, counted: over bytes_max or
 * out of memory. */
void *kith_sim_pool_take(struct kith_sim_pool *pool, size_t size);
/* Back, with the size it was taken with. */
void kith_sim_pool_give(struct kith_sim_pool *pool, void *block, size_t size);

#endif
