#include "training/distill.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/hash.h"

enum { FEISTEL_ROUNDS = 6, HALF_BITS_MAX = 8 };

static const uint8_t labels_magic[4] = {'k', 'w', 'l', '1'};

static uint64_t batch_key(const struct kith_id *swarm, uint64_t round)
{
    static const char domain[] = "kith/public batch/1";
    struct kith_hash hash;
    kith_hash_init(&hash);
    kith_hash_add(&hash, domain, sizeof domain);
    kith_hash_add(&hash, swarm->bytes, sizeof swarm->bytes);
    kith_hash_add_u64(&hash, round);
    struct kith_id id = kith_hash_end(&hash);
    struct kith_reader reader = kith_reader_of((struct kith_bytes){id.bytes, sizeof id.bytes});
    return kith_read_u64(&reader);
}

/* A permutation of [0, 4^half_bits): each round adds a keyed function of one half to the other. */
static uint32_t feistel(uint64_t key, uint32_t half_bits, uint32_t x)
{
    uint32_t mask = (1u << half_bits) - 1;
    uint32_t left = x >> half_bits;
    uint32_t right = x & mask;
    for (uint32_t i = 0; i < FEISTEL_ROUNDS; i++) {
        uint64_t drawn = kith_rng_at(key, (uint64_t)i << 32 | right);
        uint32_t mixed = (left ^ (uint32_t)(drawn >> 32)) & mask;
        left = right;
        right = mixed;
    }
    return left << half_bits | right;
}

uint32_t kith_public_batch(const struct kith_id *swarm, uint64_t round, uint32_t public_count,
                           uint32_t ret[static KITH_PUBLIC_BATCH])
{
    kith_assert(public_count <= KITH_PUBLIC_MAX);
    uint32_t half_bits = 1;
    while ((1u << 2 * half_bits) < public_count)
        half_bits++;
    kith_assert(half_bits <= HALF_BITS_MAX);

    uint64_t key = batch_key(swarm, round);
    uint32_t count = public_count < KITH_PUBLIC_BATCH ? public_count : KITH_PUBLIC_BATCH;
    for (uint32_t i = 0; i < count; i++) {
        /* Cycle-walking: the walk from inside [0, public_count) must come back to it. */
        uint32_t at = feistel(key, half_bits, i);
        while (at >= public_count)
            at = feistel(key, half_bits, at);
        ret[i] = at;
    }
    return count;
}

size_t kith_labels_size(uint32_t rows, uint32_t classes)
{
    return KITH_LABELS_HEAD + (size_t)rows * classes;
}

void kith_labels_encode(const float *probabilities, uint32_t rows, uint32_t classes, uint8_t *ret)
{
    struct kith_writer head = kith_writer_into(ret, KITH_LABELS_HEAD);
    kith_write_raw(&head, labels_magic, sizeof labels_magic);
    kith_write_u16(&head, (uint16_t)rows);
    kith_write_u16(&head, (uint16_t)classes);
    kith_assert(!head.failed);
    for (size_t i = 0; i < (size_t)rows * classes; i++) {
        float p = probabilities[i];
        bool inside = p >= 0 && p <= 1; /* false for NaN: a diverged model says nothing */
        ret[KITH_LABELS_HEAD + i] = inside ? (uint8_t)(p * 255 + 0.5f) : 0;
    }
}

int kith_labels_decode(struct kith_bytes labels, uint32_t rows, uint32_t classes,
                       const uint8_t **ret)
{
    struct kith_reader reader = kith_reader_of(labels);
    struct kith_bytes magic = kith_read_view(&reader, sizeof labels_magic);
    uint32_t said_rows = kith_read_u16(&reader);
    uint32_t said_classes = kith_read_u16(&reader);
    if (reader.failed) return KITH_ERR_SHAPE;
    if (memcmp(magic.at, labels_magic, sizeof labels_magic) != 0) return KITH_ERR_TYPE;
    if (said_rows != rows || said_classes != classes) return KITH_ERR_SHAPE;
    if (reader.left != (size_t)rows * classes) return KITH_ERR_SHAPE;
    *ret = reader.at;
    return 0;
}

int kith_pool_init(struct kith_pool *pool, uint32_t public_count, uint32_t classes)
{
    uint32_t most = KITH_TEACHERS_MAX * KITH_PUBLIC_BATCH;
    memset(pool, 0, sizeof *pool);
    pool->public_count = public_count;
    pool->classes = classes;
    pool->rows_max = public_count < most ? public_count : most;
    if (public_count == 0) return 0;
    pool->positions = calloc(pool->rows_max, sizeof *pool->positions);
    pool->targets = calloc((size_t)pool->rows_max * classes, sizeof *pool->targets);
    pool->slots = calloc(public_count, sizeof *pool->slots);
    if (pool->positions && pool->targets && pool->slots) return 0;
    kith_pool_release(pool);
    return KITH_ERR_NOMEM;
}

void kith_pool_release(struct kith_pool *pool)
{
    free(pool->positions);
    free(pool->targets);
    free(pool->slots);
    memset(pool, 0, sizeof *pool);
}

size_t kith_pool_memory(const struct kith_pool *pool)
{
    size_t row = sizeof *pool->positions + pool->classes * sizeof *pool->targets;
    return pool->rows_max * row + pool->public_count * sizeof *pool->slots;
}

void kith_pool_clear(struct kith_pool *pool)
{
    for (uint32_t i = 0; i < pool->public_count; i++)
        pool->slots[i] = 0;
    pool->count = 0;
}

/* The sums of a position, begun at zero if nobody spoke of it before. */
static float *row_of(struct kith_pool *pool, uint32_t position)
{
    if (pool->slots[position] == 0) {
        kith_assert(pool->count < pool->rows_max);
        pool->positions[pool->count] = position;
        memset(pool->targets + (size_t)pool->count * pool->classes, 0,
               pool->classes * sizeof *pool->targets);
        pool->slots[position] = (uint16_t)++pool->count;
    }
    return pool->targets + (size_t)(pool->slots[position] - 1) * pool->classes;
}

static uint32_t row_sum(const uint8_t *said, uint32_t classes)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < classes; i++)
        sum += said[i];
    return sum;
}

void kith_pool_add(struct kith_pool *pool, const struct kith_id *swarm,
                   struct kith_teacher *teacher)
{
    uint32_t batch[KITH_PUBLIC_BATCH];
    uint32_t rows = kith_public_batch(swarm, teacher->round, pool->public_count, batch);
    const uint8_t *said;
    teacher->err = kith_labels_decode(teacher->labels, rows, pool->classes, &said);
    if (teacher->err || !(teacher->weight > 0)) return;
    for (uint32_t i = 0; i < rows; i++, said += pool->classes) {
        uint32_t sum = row_sum(said, pool->classes);
        if (sum == 0) continue;
        float *row = row_of(pool, batch[i]);
        float factor = teacher->weight / (float)sum;
        for (uint32_t label = 0; label < pool->classes; label++)
            row[label] += factor * said[label];
    }
}

static void normalise(float *row, uint32_t classes)
{
    float sum = 0;
    for (uint32_t i = 0; i < classes; i++)
        sum += row[i];
    for (uint32_t i = 0; i < classes; i++)
        row[i] /= sum;
}

static void swap_rows(struct kith_pool *pool, uint32_t a, uint32_t b)
{
    uint32_t position = pool->positions[a];
    pool->positions[a] = pool->positions[b];
    pool->positions[b] = position;
    float *at = pool->targets + (size_t)a * pool->classes;
    float *bt = pool->targets + (size_t)b * pool->classes;
    for (uint32_t i = 0; i < pool->classes; i++) {
        float swapped = at[i];
        at[i] = bt[i];
        bt[i] = swapped;
    }
}

void kith_pool_end(struct kith_pool *pool, struct kith_rng *rng)
{
    for (uint32_t i = 0; i < pool->count; i++)
        normalise(pool->targets + (size_t)i * pool->classes, pool->classes);
    for (uint32_t i = pool->count; i > 1; i--)
        swap_rows(pool, i - 1, kith_rng_below(rng, i));
}
