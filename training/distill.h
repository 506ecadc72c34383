/* training/distill.h: learning from each other's soft labels on public images (Hinton et al. 2015;
 * for peers Anil et al. 2018). The public batch of a round follows from the swarm and the round
 * alone, so nobody chooses it. Pure.
 *
 * Soft labels as bytes: magic "kwl1", rows u16, classes u16, then [rows][classes] probabilities as
 * round(255 p). */
#ifndef KITH_TRAINING_DISTILL_H
#define KITH_TRAINING_DISTILL_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/id.h"
#include "base/rng.h"

enum {
    KITH_TEACHERS_MAX = 12,
    KITH_PUBLIC_BATCH = 256, /* samples of one public batch, or the whole public set if smaller */
    KITH_PUBLIC_MAX = 65536, /* samples of a public set */
    KITH_LABELS_HEAD = 8,
};

struct kith_teacher {
    struct kith_bytes labels; /* as its author published them; untrusted */
    uint64_t round;           /* the author's: chooses the public batch */
    float weight;             /* 0: checked, but not listened to */
    int err;                  /* out: 0, or why it was left out */
};

/* The public batch of a round: positions in the public set, all distinct: the first ones of a
 * Feistel permutation keyed by the swarm and the round. Returns how many: the smaller of
 * KITH_PUBLIC_BATCH and public_count, which is at most KITH_PUBLIC_MAX. */
uint32_t kith_public_batch(const struct kith_id *swarm, uint64_t round, uint32_t public_count,
                           uint32_t ret[static KITH_PUBLIC_BATCH]);

size_t kith_labels_size(uint32_t rows, uint32_t classes);
/* Probabilities [rows][classes] to kith_labels_size bytes. */
void kith_labels_encode(const float *probabilities, uint32_t rows, uint32_t classes, uint8_t *ret);
/* Untrusted bytes: the [rows][classes] numbers in place. 0, or TYPE, SHAPE. */
int kith_labels_decode(struct kith_bytes labels, uint32_t rows, uint32_t classes,
                       const uint8_t **ret);

/* What all teachers of a round said, by sample: teachers may have labelled different batches. */
struct kith_pool {
    uint32_t public_count;
    uint32_t classes;
    uint32_t rows_max;
    uint32_t count;
    uint32_t *positions; /* [count] in the public set */
    float *targets;      /* [count][classes]: between add and end weighted sums, then mean, sum 1 */
    uint16_t *slots;     /* [public_count] 1 + the row of a position, 0: none */
};

/* 0 or NOMEM. */
int kith_pool_init(struct kith_pool *pool, uint32_t public_count, uint32_t classes);
void kith_pool_release(struct kith_pool *pool);
size_t kith_pool_memory(const struct kith_pool *pool);
void kith_pool_clear(struct kith_pool *pool);
/* Take in what one teacher said, or set its err to TYPE or SHAPE. */
void kith_pool_add(struct kith_pool *pool, const struct kith_id *swarm,
                   struct kith_teacher *teacher);
/* The weighted mean over the teachers of each sample. A row of zeros says nothing and is no row.
 * Then shuffle, so that any run of rows is a fair draw. */
void kith_pool_end(struct kith_pool *pool, struct kith_rng *rng);

#endif
