/* sim/sim_swarm.h: a world of learning nodes made from a run's configuration: the task and its
 * split, which is shared by all nodes and never copied, each node's config, and the world. */
#ifndef KITH_SIM_SIM_SWARM_H
#define KITH_SIM_SIM_SWARM_H

#include <stdint.h>

#include "sim/sim_run.h"
#include "sim/world.h"

enum { KITH_SIM_SWARM_TEXT_MAX = 128 };

struct kith_swarm {
    const struct kith_sim_run_config *config;
    struct kith_rules rules;
    struct kith_dataset synthetic_train; /* owned; empty if the data came from outside */
    struct kith_dataset synthetic_test;
    struct kith_dataset test;  /* the full one, borrowed from above or outside */
    struct kith_task task;     /* nodes test themselves on the first KITH_SIM_TEST_ROWS of it */
    uint32_t *public_indices;  /* the public rows, then those for audits */
    uint32_t *rows;            /* all shards, one behind the other */
    uint32_t *first_row;       /* [nodes + 1] */
    struct kith_lying *lies;   /* [nodes] who lies and how, NULL: nobody does */
    struct kith_gang *gang;    /* NULL: likewise */
    struct kith_task wrong[2]; /* the task with the labels that liars learn; owned labels */
    struct kith_arch arch[KITH_SIM_MODELS_MAX]; /* no layers: nobody has that model */
    struct kith_world *world;                   /* NULL: kith_swarm_prepare made this */
    struct kith_learner **learners; /* [nodes] borrowed, in the place of the world's; or NULL */
};

/* Tests once an epoch are for watching a run; the final figures use the whole test set. */
enum { KITH_SIM_TEST_ROWS = 1000 };

/* The scenario must pass kith_scenario_check; the config must outlive the swarm. `world` is what
 * the world shall be besides what the run's config says; its configure is set here, and its
 * bootstrap, unless there is one. 0, or an error with one line for a person in ret_error. */
int kith_swarm_new(const struct kith_sim_run_config *config, struct kith_world_config *world,
                   struct kith_swarm **ret_swarm, char ret_error[static KITH_SIM_SWARM_TEXT_MAX]);
/* The same without a world: task, split and models alone. */
int kith_swarm_prepare(const struct kith_sim_run_config *config, struct kith_swarm **ret_swarm,
                       char ret_error[static KITH_SIM_SWARM_TEXT_MAX]);
void kith_swarm_free(struct kith_swarm *swarm);
/* Everything that is drawn in a run follows from this. */
void kith_swarm_seed(const struct kith_sim_run_config *config, uint8_t ret[static KITH_SEED_LEN]);
/* What the learner of a node is made from. */
void kith_swarm_learner_config(const struct kith_swarm *swarm, uint32_t node,
                               struct kith_learner_config *ret);

/* The world's config as a run's config has it: seed, network, DHT, threads, signatures. */
void kith_swarm_world_config(const struct kith_sim_run_config *config,
                             struct kith_world_config *ret);
/* The model of a node, and how many samples it has; without training none, and 0. */
const struct kith_arch *kith_swarm_arch(const struct kith_swarm *swarm, uint32_t node);
uint32_t kith_swarm_samples(const struct kith_swarm *swarm, uint32_t node);
/* Whether the node lies: what it has learned counts in no figure of accuracy. */
bool kith_swarm_lies(const struct kith_swarm *swarm, uint32_t node);
/* How many of the full test set each node's own model gets right, [nodes]; UINT32_MAX for a node
 * that has none now. On `threads` threads. 0, NOMEM or IO. */
int kith_swarm_test(const struct kith_swarm *swarm, uint32_t threads, uint32_t *ret_correct);
/* A place to test models one after the other: memory for each of the swarm's architectures. */
struct kith_examiner;
/* NULL if out of memory. */
struct kith_examiner *kith_examiner_new(const struct kith_swarm *swarm);
void kith_examiner_free(struct kith_examiner *examiner);
/* How many of the first `rows` test samples (at most all) the learner of `node` gets right. */
uint32_t kith_examiner_test(struct kith_examiner *examiner, uint32_t node,
                            const struct kith_learner *learner, uint32_t rows);
/* How far apart the models are, and what their mean would be worth: a diagnostic, since no node has
 * that model. Over the nodes of the architecture that most have. */
struct kith_sim_average {
    uint32_t models; /* averaged; below 2 the rest is 0 */
    double accuracy; /* per cent of the full test set */
    double distance; /* root of the mean squared distance from the mean model */
    double relative; /* the same over the mean model's length */
};

/* 0 or NOMEM. */
int kith_swarm_average(const struct kith_swarm *swarm, struct kith_sim_average *ret);
/* The hash of all final weights, in plain form, in the order of the nodes. 0 or NOMEM. */
int kith_swarm_digest(const struct kith_swarm *swarm, struct kith_id *ret_digest);

#endif
