#include "sim/sim_pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum {
    BLOCK_MIN = 64,
    CHUNK_SIZE = 128 * 1024, /* small blocks are cut from chunks of this size */
    CHUNK_HEAD = 64,
};

void kith_sim_pool_init(struct kith_sim_pool *pool, size_t bytes_max)
{
    memset(pool, 0, sizeof *pool);
    pool->bytes_max = bytes_max;
}

void kith_sim_pool_release(struct kith_sim_pool *pool)
{
    while (pool->chunks) {
        void *chunk = pool->chunks;
        memcpy(&pool->chunks, chunk, sizeof pool->chunks);
        free(chunk);
    }
    memset(pool, 0, sizeof *pool);
}

/* Class 2 k holds 64 * 2^k bytes, class 2 k + 1 half as much again. */
static size_t class_size(unsigned class)
{
    size_t size = (size_t)BLOCK_MIN << (class / 2);
    return class % 2 ? size + size / 2 : size;
}

static unsigned class_of(size_t size)
{
    kith_assert(size <= KITH_SIM_POOL_BLOCK_MAX);
    if (size <= BLOCK_MIN) return 0;
    unsigned power = 63 - (unsigned)__builtin_clzll((unsigned long long)(size - 1));
    unsigned class = 2 * (power - 6);
    while (class_size(class) < size)
        class ++;
    return class;
}

static void put_free(struct kith_sim_pool *pool, unsigned class, void *block)
{
    memcpy(block, &pool->free[class], sizeof(void *));
    pool->free[class] = block;
}

static void *grow(struct kith_sim_pool *pool, unsigned class)
{
    size_t size = class_size(class);
    size_t count = size < CHUNK_SIZE / 2 ? (CHUNK_SIZE - CHUNK_HEAD) / size : 1;
    uint8_t *chunk = malloc(CHUNK_HEAD + count * size);
    if (!chunk) return NULL;
    memcpy(chunk, &pool->chunks, sizeof pool->chunks);
    pool->chunks = chunk;
    for (size_t i = count; i > 1; i--)
        put_free(pool, class, chunk + CHUNK_HEAD + (i - 1) * size);
    return chunk + CHUNK_HEAD;
}

void *kith_sim_pool_take(struct kith_sim_pool *pool, size_t size)
{
    unsigned class = class_of(size);
    if (pool->bytes + class_size(class) > pool->bytes_max) {
        pool->refused++;
        return NULL;
    }
    void *block = pool->free[class];
    if (block)
        memcpy(&pool->free[class], block, sizeof(void *));
    else
        block = grow(pool, class);
    if (!block) {
        pool->refused++;
        return NULL;
    }
    pool->bytes += class_size(class);
    if (pool->bytes > pool->peak) pool->peak = pool->bytes;
    return block;
}

void kith_sim_pool_give(struct kith_sim_pool *pool, void *block, size_t size)
{
    unsigned class = class_of(size);
    kith_assert(pool->bytes >= class_size(class));
    pool->bytes -= class_size(class);
    put_free(pool, class, block);
}
