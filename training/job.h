/* training/job.h: one round of one node's learning as a pure function of its inputs, so that a host
 * can run it on any thread and the simulator at any time. A learner owns the model and all that
 * outlives a round; a job borrows it: while a job is lent out nobody else may touch its learner. */
#ifndef KITH_TRAINING_JOB_H
#define KITH_TRAINING_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/id.h"
#include "base/rng.h"
#include "training/aggregate.h"
#include "training/arch.h"
#include "training/codec.h"
#include "training/dataset.h"
#include "training/distill.h"
#include "training/mix.h"
#include "training/model.h"

enum {
    KITH_JOB_LINES_MAX = 128,
    KITH_LINE_BATCHES = 10, /* batches between two lines of the log */
};

/* What all nodes of a swarm learn from; shared, read-only. */
struct kith_task {
    struct kith_id swarm;
    struct kith_dataset train;
    struct kith_dataset test;
    const uint32_t *public_indices; /* rows of train that are public, without their labels */
    uint32_t public_count;          /* at most KITH_PUBLIC_MAX */
    const uint32_t
        *audit_indices;   /* rows of train, with their labels, by which models are judged */
    uint32_t audit_count; /* at most KITH_AUDIT_MAX; 0: nobody is judged */
};

struct kith_learner_config {
    const struct kith_task *task;
    struct kith_arch arch;
    enum kith_kernels kernels;
    enum kith_wire wire;   /* of the frames it publishes while it trains */
    const uint32_t *shard; /* rows of task->train that are this node's, borrowed */
    uint32_t shard_count;  /* > 0 */
    uint32_t batch;        /* B */
    uint32_t local_steps;  /* H */
    float rate;
    float momentum;
    enum kith_optim optim;
    enum kith_rule rule; /* by which pulled models enter the own one */
    float kd_lambda;
    float kd_temperature;
    /* The end of an epoch is tested, and a checkpoint made, once so many samples were trained since
     * the last that was; 0: always. For small data, whose tests would cost more than the training.
     */
    uint32_t look_every;
    uint64_t init_seed;          /* the swarm's: equal for all nodes */
    uint8_t seed[KITH_SEED_LEN]; /* this node's: order of samples, stochastic rounding */
};

struct kith_learner;

/* Set rate and momentum to what suits the optimizer. */
void kith_learner_suit(struct kith_learner_config *config);
/* NULL if out of memory. Weights and biases of a layer are drawn from init_seed, uniform in
 * +-1 / sqrt(its inputs). */
struct kith_learner *kith_learner_new(const struct kith_learner_config *config);
void kith_learner_free(struct kith_learner *learner);
/* All memory that it holds, in bytes; the task and the shard are not its own. */
size_t kith_learner_memory(const struct kith_learner *learner);
/* Resume from what a job's checkpoint gave. 0, or TRUNCATED, TRAILING, VERSION (no checkpoint of
 * this version), SWARM, SHAPE (another model), NOT_FINITE, HASH; the learner is unchanged unless 0.
 * `ret_round`: the next round. */
int kith_learner_restore(struct kith_learner *learner, struct kith_bytes checkpoint,
                         uint64_t *ret_round);
/* The present weights, plain form, [arch.params]; for tests, digests and the simulator. */
void kith_learner_weights(const struct kith_learner *learner, float *ret);
/* Replace them, [params], all finite: a mix by somebody else's rule. Quasi-global momentum follows
 * the movement at the next round, as after a mix of the job's own. */
void kith_learner_set_weights(struct kith_learner *learner, const float *weights);
/* How many they are. */
size_t kith_learner_params(const struct kith_learner *learner);
/* The weights after the last mix, before the local steps, likewise. */
void kith_learner_mixed(const struct kith_learner *learner, float *ret);

struct kith_job_line {
    uint32_t epoch;
    uint32_t seen;           /* samples of this epoch before this batch */
    float local_loss;        /* of this batch before the update */
    float target_loss;       /* of the mean of the own and the pulled models' probabilities on it */
    float distillation_loss; /* of the last distillation step of this round; 0: none */
};

struct kith_job {
    /* in */
    struct kith_learner *learner;
    uint64_t round;
    bool mix_only;       /* no local steps */
    float rate;          /* of the configured learning rate, (0, 1] */
    float own_weight;    /* of the own model in the mean, 0 to 1; 1 but for a newcomer */
    enum kith_wire wire; /* of the frame it publishes */
    bool want_frame;     /* publish the weights; set by kith_job_prepare */
    bool want_labels;
    bool want_checkpoint;
    uint32_t pulled_count;
    struct kith_pulled pulled[KITH_PULL_MAX];
    uint32_t other_count; /* at most KITH_SCORE_OTHERS_MAX */
    const float *others;  /* scores of the audited peers that were not pulled, borrowed */
    uint32_t teacher_count;
    struct kith_teacher teachers[KITH_TEACHERS_MAX];
    atomic_bool cancel; /* set by anyone: end after the batch at hand; results stay valid */

    /* out; borrowed from the learner until its next job */
    struct kith_bytes frame;      /* the model after the round */
    struct kith_bytes labels;     /* on public batch `round`, if wanted */
    struct kith_bytes checkpoint; /* if wanted, or after a finished epoch */
    uint32_t line_count;
    struct kith_job_line lines[KITH_JOB_LINES_MAX];
    bool diverged; /* the steps ended in a NaN or an infinity and were undone */
    bool tested;   /* an epoch ended in this round */
    uint32_t test_epoch;
    float test_loss;
    uint32_t test_correct;
    uint32_t test_count;
};

/* An empty job for this learner and round: nothing pulled, full rate, the configured wire. */
void kith_job_prepare(struct kith_job *job, struct kith_learner *learner, uint64_t round);
/* Run the round: decode and check what was pulled, mix, local steps with distillation, encode.
 * Local steps that end in a NaN or an infinity are undone: the model is then what the last mix
 * gave. Lines past KITH_JOB_LINES_MAX are dropped. */
void kith_job_run(struct kith_job *job);
/* Floating-point operations that the run will need, from its inputs alone: the simulator's cost. */
uint64_t kith_job_cost(const struct kith_job *job);

#endif
