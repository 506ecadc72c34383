/* sim/baseline_run.h: runs a baseline on the same task, split, models, optimiser and seeds as the
 * nodes of kith sim, in rounds that all do in step, without a network and a clock. */
#ifndef KITH_SIM_BASELINE_RUN_H
#define KITH_SIM_BASELINE_RUN_H

#include <stdio.h>

#include "sim/sim_spread.h"
#include "sim/sim_swarm.h"

struct kith_baseline_result {
    uint64_t rounds;
    uint64_t frames;      /* sent in all; those of all-reduce are counted in parts of frames */
    uint64_t frame_bytes; /* of one while training */
    double bytes;         /* of all of them */
    uint64_t frames_bad;  /* that no decoder takes, left out of the means */
    struct kith_sim_spread accuracy; /* of each node's own model, per cent of all tests */
    struct kith_sim_average average;
    struct kith_id digest;
    double wall_s;
    double cpu_s;
};

/* Learners of a task, and what a round does with them. */
struct kith_baseline_run;

/* The scenario must pass kith_scenario_check and name a baseline; `config` must outlive the run. 0,
 * or an error with one line for a person in ret_error. */
int kith_baseline_run_new(const struct kith_sim_run_config *config,
                          struct kith_baseline_run **ret_run,
                          char ret_error[static KITH_SIM_SWARM_TEXT_MAX]);
void kith_baseline_run_free(struct kith_baseline_run *run);
/* One round: train, publish, mix. 0, NOMEM or RANGE (no connected graph). */
int kith_baseline_run_round(struct kith_baseline_run *run);
struct kith_learner *kith_baseline_run_learner(struct kith_baseline_run *run, uint32_t node);
/* Test all models. 0, NOMEM or IO. */
int kith_baseline_run_result(struct kith_baseline_run *run, struct kith_baseline_result *ret);

/* All rounds of the scenario; the table goes to `out`, and one line for any error to `err`. Returns
 * the exit status: 0; 1: memory, or a file that could not be written. */
int kith_baseline_sim(const struct kith_sim_run_config *config, FILE *out, FILE *err);

#endif
