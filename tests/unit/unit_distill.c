/* training/distill: public batches, soft labels as bytes, and the pool of what teachers said. */
#include <math.h>

#include "base/err.h"
#include "tests/test.h"
#include "training/distill.h"

enum { CLASSES = 5, PUBLIC = 700 };

static const struct kith_id swarm = {{1, 2, 3}};
static uint32_t batch[KITH_PUBLIC_BATCH];
static uint8_t bytes[KITH_TEACHERS_MAX][KITH_LABELS_HEAD + KITH_PUBLIC_BATCH * CLASSES];
static float said[KITH_PUBLIC_BATCH * CLASSES];

static void public_batches_are_distinct_draws(void)
{
    static const uint32_t counts[] = {1, 2, 3, 4, 5, 16, 17, 255, 256, 257, 1000, 5000, 65536};
    static uint8_t seen[KITH_PUBLIC_MAX];
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (uint64_t round = 0; round < 20; round++) {
            memset(seen, 0, sizeof seen);
            uint32_t count = kith_public_batch(&swarm, round, counts[i], batch);
            check_int(count, counts[i] < KITH_PUBLIC_BATCH ? counts[i] : KITH_PUBLIC_BATCH);
            for (uint32_t j = 0; j < count; j++) {
                check(batch[j] < counts[i]);
                check(!seen[batch[j]]);
                seen[batch[j]] = 1;
            }
        }
    }
    check_int(kith_public_batch(&swarm, 1, 0, batch), 0);
}

/* Over many rounds every sample comes about equally often, and neither swarm nor round repeats. */
static void public_batches_cover_the_set(void)
{
    static uint32_t times[PUBLIC];
    enum { ROUNDS = 2000 };
    for (uint64_t round = 0; round < ROUNDS; round++) {
        kith_public_batch(&swarm, round, PUBLIC, batch);
        for (uint32_t i = 0; i < KITH_PUBLIC_BATCH; i++)
            times[batch[i]]++;
    }
    double expect = (double)ROUNDS * KITH_PUBLIC_BATCH / PUBLIC;
    for (uint32_t i = 0; i < PUBLIC; i++)
        check(fabs(times[i] - expect) < 6 * sqrt(expect));
    uint32_t other[KITH_PUBLIC_BATCH];
    struct kith_id stranger = {{9}};
    kith_public_batch(&swarm, 1, PUBLIC, batch);
    kith_public_batch(&swarm, 2, PUBLIC, other);
    check(memcmp(batch, other, sizeof batch) != 0);
    kith_public_batch(&stranger, 1, PUBLIC, other);
    check(memcmp(batch, other, sizeof batch) != 0);
}

static void labels_round_trip(void)
{
    float p[2 * CLASSES] = {1, 0, 0, 0, 0, 0.2f, 0.3f, 0.1f, 0.001f, 0.399f};
    const uint8_t *got;
    kith_labels_encode(p, 2, CLASSES, bytes[0]);
    size_t size = kith_labels_size(2, CLASSES);
    check_int(kith_labels_decode((struct kith_bytes){bytes[0], size}, 2, CLASSES, &got), 0);
    static const uint8_t expect[] = {255, 0, 0, 0, 0, 51, 77, 26, 0, 102};
    for (size_t i = 0; i < sizeof expect; i++)
        check_int(got[i], expect[i]);
}

static void labels_that_are_not_probabilities_say_nothing(void)
{
    float p[CLASSES] = {NAN, INFINITY, -1, 1.5f, 0.5f};
    kith_labels_encode(p, 1, CLASSES, bytes[0]);
    static const uint8_t expect[] = {0, 0, 0, 0, 128};
    check(memcmp(bytes[0] + KITH_LABELS_HEAD, expect, sizeof expect) == 0);
}

static void labels_of_another_form_are_refused(void)
{
    const uint8_t *got;
    kith_labels_encode(said, 4, CLASSES, bytes[0]);
    size_t size = kith_labels_size(4, CLASSES);
    for (size_t len = 0; len <= size + 1; len++)
        check_int(kith_labels_decode((struct kith_bytes){bytes[0], len}, 4, CLASSES, &got),
                  len == size ? 0 : KITH_ERR_SHAPE);
    struct kith_bytes whole = {bytes[0], size};
    check_int(kith_labels_decode(whole, 5, CLASSES, &got), KITH_ERR_SHAPE);
    check_int(kith_labels_decode(whole, 4, CLASSES + 1, &got), KITH_ERR_SHAPE);
    check_int(kith_labels_decode(whole, CLASSES, 4, &got), KITH_ERR_SHAPE);
    bytes[0][1] ^= 1;
    check_int(kith_labels_decode(whole, 4, CLASSES, &got), KITH_ERR_TYPE);
}

/* A teacher of one round that gives `p` to `label` and the rest to the others in equal parts. */
static struct kith_teacher teacher(uint32_t at, uint64_t round, uint32_t label, float p)
{
    for (uint32_t i = 0; i < KITH_PUBLIC_BATCH * CLASSES; i++)
        said[i] = i % CLASSES == label ? p : (1 - p) / (CLASSES - 1);
    kith_labels_encode(said, KITH_PUBLIC_BATCH, CLASSES, bytes[at]);
    return (struct kith_teacher){
        .labels = {bytes[at], sizeof bytes[at]}, .round = round, .weight = 1, .err = 99};
}

static struct kith_pool pool;

static void pool_of(struct kith_teacher *teachers, uint32_t count)
{
    uint8_t seed[KITH_SEED_LEN] = {0};
    struct kith_rng rng;
    kith_rng_init(&rng, seed);
    kith_pool_clear(&pool);
    for (uint32_t i = 0; i < count; i++)
        kith_pool_add(&pool, &swarm, &teachers[i]);
    kith_pool_end(&pool, &rng);
}

static const float *targets_at(uint32_t position)
{
    for (uint32_t i = 0; i < pool.count; i++)
        if (pool.positions[i] == position) return pool.targets + (size_t)i * CLASSES;
    return NULL;
}

static void teachers_of_one_round_are_averaged(void)
{
    struct kith_teacher teachers[2] = {teacher(0, 3, 0, 1), teacher(1, 3, 1, 1)};
    teachers[1].weight = 3;
    pool_of(teachers, 2);
    check_int(teachers[0].err, 0);
    check_int(pool.count, KITH_PUBLIC_BATCH);
    for (uint32_t i = 0; i < pool.count; i++) {
        check(fabsf(pool.targets[i * CLASSES] - 0.25f) < 1e-6f);
        check(fabsf(pool.targets[i * CLASSES + 1] - 0.75f) < 1e-6f);
    }
}

/* Teachers of two rounds: a sample of both batches has the mean of both, one of either that of
 * whoever spoke, and each row sums to 1. */
static void teachers_of_two_rounds_make_a_union(void)
{
    struct kith_teacher teachers[2] = {teacher(0, 3, 0, 1), teacher(1, 4, 1, 1)};
    pool_of(teachers, 2);
    uint32_t other[KITH_PUBLIC_BATCH];
    kith_public_batch(&swarm, 3, PUBLIC, batch);
    kith_public_batch(&swarm, 4, PUBLIC, other);
    uint32_t both = 0;
    for (uint32_t i = 0; i < KITH_PUBLIC_BATCH; i++) {
        bool shared = false;
        for (uint32_t j = 0; j < KITH_PUBLIC_BATCH; j++)
            shared = shared || other[j] == batch[i];
        both += shared;
        const float *row = targets_at(batch[i]);
        check(row != NULL);
        check(fabsf(row[0] - (shared ? 0.5f : 1.0f)) < 1e-6f);
        check(fabsf(row[1] - (shared ? 0.5f : 0.0f)) < 1e-6f);
    }
    check(both > 20);
    check_int(pool.count, 2 * KITH_PUBLIC_BATCH - both);
}

static void bad_teachers_are_left_out(void)
{
    struct kith_teacher teachers[3] = {teacher(0, 3, 0, 1), teacher(1, 3, 1, 1),
                                       teacher(2, 3, 2, 1)};
    teachers[1].labels.len--;
    bytes[2][0] = 'x';
    pool_of(teachers, 3);
    check_int(teachers[1].err, KITH_ERR_SHAPE);
    check_int(teachers[2].err, KITH_ERR_TYPE);
    check_int(pool.count, KITH_PUBLIC_BATCH);
    for (uint32_t i = 0; i < pool.count; i++)
        check(pool.targets[i * CLASSES] == 1.0f);
}

static void rows_of_zeros_are_no_rows(void)
{
    struct kith_teacher teachers[2] = {teacher(0, 3, 0, 1), teacher(1, 3, 1, 1)};
    memset(bytes[0] + KITH_LABELS_HEAD, 0, 10 * CLASSES);
    memset(bytes[1] + KITH_LABELS_HEAD, 0, 5 * CLASSES);
    pool_of(teachers, 2);
    kith_public_batch(&swarm, 3, PUBLIC, batch);
    check_int(pool.count, KITH_PUBLIC_BATCH - 5);
    for (uint32_t i = 0; i < 5; i++)
        check(targets_at(batch[i]) == NULL);
    for (uint32_t i = 5; i < 10; i++)
        check(targets_at(batch[i])[1] == 1.0f);
    memset(bytes[0] + KITH_LABELS_HEAD, 0, sizeof bytes[0] - KITH_LABELS_HEAD);
    pool_of(teachers, 1);
    check_int(pool.count, 0);
}

static void as_many_teachers_as_allowed_fit(void)
{
    struct kith_teacher teachers[KITH_TEACHERS_MAX];
    struct kith_pool big;
    check_int(kith_pool_init(&big, KITH_PUBLIC_MAX, CLASSES), 0);
    for (uint32_t i = 0; i < KITH_TEACHERS_MAX; i++) {
        teachers[i] = teacher(i, 100 + i, 0, 1);
        kith_pool_add(&big, &swarm, &teachers[i]);
        check_int(teachers[i].err, 0);
    }
    check(big.count > 2900);
    kith_pool_release(&big);
}

static void without_a_public_set_nobody_teaches(void)
{
    struct kith_pool none;
    struct kith_teacher one = teacher(0, 3, 0, 1);
    check_int(kith_pool_init(&none, 0, CLASSES), 0);
    kith_pool_clear(&none);
    kith_pool_add(&none, &swarm, &one);
    check_int(one.err, KITH_ERR_SHAPE);
    check_int(none.count, 0);
    kith_pool_release(&none);
}

int main(void)
{
    if (kith_pool_init(&pool, PUBLIC, CLASSES)) return 1;
    run(public_batches_are_distinct_draws);
    run(public_batches_cover_the_set);
    run(labels_round_trip);
    run(labels_that_are_not_probabilities_say_nothing);
    run(labels_of_another_form_are_refused);
    run(teachers_of_one_round_are_averaged);
    run(teachers_of_two_rounds_make_a_union);
    run(bad_teachers_are_left_out);
    run(rows_of_zeros_are_no_rows);
    run(as_many_teachers_as_allowed_fit);
    run(without_a_public_set_nobody_teaches);
    kith_pool_release(&pool);
    return test_end();
}
