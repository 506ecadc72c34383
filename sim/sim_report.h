/* sim/sim_report.h: what a run showed, as a table for people and as JSON for programs. */
#ifndef KITH_SIM_SIM_REPORT_H
#define KITH_SIM_SIM_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "base/id.h"
#include "sim/sim_run.h"
#include "sim/sim_spread.h"
#include "sim/sim_swarm.h"
#include "sim/sim_trust.h"

struct kith_sim_result {
    uint32_t nodes;
    uint32_t alive; /* at the end */
    uint32_t learners;
    uint32_t lived;                  /* nodes that were ever up */
    struct kith_sim_spread accuracy; /* of nodes that are there at the end, per cent of all tests */
    struct kith_sim_average average;
    struct kith_sim_trust trust; /* before the nodes stop */
    double rounds_mean;
    uint64_t rounds_least;
    uint64_t rounds_most;
    double peers_mean; /* nP at the end */
    uint64_t peers_least;
    uint64_t unlisted; /* pairs of nodes that are up of which the first does not list the second */
    uint64_t lacking;  /* of these, what nodes lack of all others or of 15/16 of their view */
    uint32_t components;        /* of the graph of links between nodes that are up */
    struct kith_stats all;      /* counters of all nodes in all their lives */
    struct kith_sim_bytes sent; /* of messages, a node that ever was up */
    struct kith_sim_bytes received;
    uint64_t steps;
    double virtual_s;
    double wall_s;
    double cpu_s;
    struct kith_id trace;
    struct kith_id digest;
};

/* Bytes as people read them: "1.20 MB". Returns `ret`. */
const char *kith_sim_human(double bytes, char ret[static 32]);
/* At most 80 columns wide. */
void kith_sim_report_table(const struct kith_sim_run_config *config,
                           const struct kith_sim_result *result, FILE *out);
/* 0, NOMEM, or IO with errno set. */
int kith_sim_report_json(const struct kith_sim_run_config *config,
                         const struct kith_sim_result *result, const char *path);

#endif
