/* sim/sim_report.h: what a run showed, as a table for people and as JSON for programs. */
#ifndef KITH_SIM_SIM_REPORT_H
#define KITH_SIM_SIM_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "base/id.h"
#include "sim/sim_run.h"

/* Over the nodes that were there at the end; per cent of the full test set. */
struct kith_sim_spread {
    double mean;
    double worst;
    double tenth; /* 10th percentile: the best of the worst tenth, rounded up */
    double best;
};

struct kith_sim_result {
    uint32_t nodes;
    uint32_t alive; /* at the end */
    uint32_t learners;
    struct kith_sim_spread accuracy;
    double rounds_mean;
    uint64_t rounds_least;
    uint64_t rounds_most;
    double peers_mean; /* nP at the end */
    uint64_t peers_least;
    uint64_t unlisted; /* pairs of nodes that are up of which the first does not list the second */
    uint32_t components;  /* of the graph of links between nodes that are up */
    double sent_per_node; /* bytes of messages */
    double received_per_node;
    double bulk_sent_per_node;
    uint64_t messages;
    uint64_t mixed;
    uint64_t taught;
    uint64_t dropped; /* messages and records that the nodes dropped, all reasons */
    uint64_t steps;
    double virtual_s;
    double wall_s;
    double cpu_s;
    struct kith_id trace;
    struct kith_id digest;
};

/* Mean, worst, 10th percentile and best of `count` > 0 values, which are sorted in place. */
struct kith_sim_spread kith_sim_spread_of(double *values, uint32_t count);
void kith_sim_report_table(const struct kith_sim_run_config *config,
                           const struct kith_sim_result *result, FILE *out);
/* 0, NOMEM, or IO with errno set. */
int kith_sim_report_json(const struct kith_sim_run_config *config,
                         const struct kith_sim_result *result, const char *path);

#endif
