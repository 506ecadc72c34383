/* Soft labels from a peer: refused, or taken into the pool, each row of which is then a probability
 * distribution. The first byte is the teacher's round. */
#include <math.h>

#include "base/assert.h"
#include "base/err.h"
#include "training/distill.h"

enum { PUBLIC = 300, CLASSES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kith_pool pool;
    static const struct kith_id swarm;
    if (size == 0) return 0;
    if (!pool.positions) kith_assert(kith_pool_init(&pool, PUBLIC, CLASSES) == 0);
    kith_pool_clear(&pool);

    struct kith_teacher teacher = {
        .labels = {data + 1, size - 1}, .round = data[0], .weight = 1 + (float)data[0]};
    kith_pool_add(&pool, &swarm, &teacher);
    kith_assert(teacher.err == 0 || teacher.err == KITH_ERR_TYPE || teacher.err == KITH_ERR_SHAPE);
    kith_pool_add(&pool, &swarm, &teacher);
    struct kith_rng rng;
    kith_rng_split(&rng, swarm.bytes, "fuzz", 0);
    kith_pool_end(&pool, &rng);
    kith_assert(pool.count <= KITH_PUBLIC_BATCH);
    if (teacher.err) kith_assert(pool.count == 0);
    for (uint32_t i = 0; i < pool.count; i++) {
        kith_assert(pool.positions[i] < PUBLIC);
        float total = 0;
        for (uint32_t label = 0; label < CLASSES; label++) {
            kith_assert(pool.targets[i * CLASSES + label] >= 0.0f);
            total += pool.targets[i * CLASSES + label];
        }
        kith_assert(fabsf(total - 1) < 1e-5f);
    }
    return 0;
}
