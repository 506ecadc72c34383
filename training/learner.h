/* training/learner.h: what a learner holds between rounds; for learner.c and job.c alone. Pure. */
#ifndef KITH_TRAINING_LEARNER_H
#define KITH_TRAINING_LEARNER_H

#include "training/job.h"

enum { KITH_EVALUATE_ROWS = 256 }; /* rows of one forward pass of a test */

struct kith_learner {
    struct kith_learner_config config;
    struct kith_model *model;
    struct kith_model *peer; /* holds one pulled model at a time, for its opinion */

    /* the state that a checkpoint keeps, besides weights and momentum */
    float *mixed;      /* the weights after the last mix, raw (model.h) */
    bool has_mixed;    /* false until the first one */
    float length;      /* the sum of the rates of the local steps since then */
    uint32_t epoch;    /* of the own shard */
    uint32_t position; /* samples of it that are done */
    uint32_t unseen;   /* samples of whole epochs since one was tested */

    uint32_t *order;      /* [shard_count] rows of the training set, as this epoch takes them */
    uint32_t *test_order; /* [test.count] 0, 1, 2, ... */
    struct kith_pool pool;

    /* scratch */
    float *plain;         /* [params] */
    float *decoded;       /* [params] */
    float *sum;           /* [params] */
    float *probabilities; /* [rows of a pass][classes] */
    float *target;        /* likewise */
    uint8_t *frame;
    uint8_t *labels;
    uint8_t *checkpoint;
};

/* Room for `models` models beside each other, for the length of one round; NULL: no memory. */
float *kith_learner_alloc_bench(const struct kith_learner *learner, size_t models);
/* The order of the present epoch's samples follows from the seed and the epoch. */
void kith_learner_order(struct kith_learner *learner);
/* The checkpoint as of the present state, `round` being the next round. Uses `plain`, `sum` and
 * `decoded`. */
struct kith_bytes kith_learner_checkpoint(struct kith_learner *learner, uint64_t round);

#endif
