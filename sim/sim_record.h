/* sim/sim_record.h: what is kept of a run while it goes: each node's last losses and accuracy, rows
 * of the CSV files, and for the report points over time, faults, who pulled from whom, and the
 * overlay at chosen times. A run that nobody looks at has no record, and its hooks are not set. */
#ifndef KITH_SIM_SIM_RECORD_H
#define KITH_SIM_SIM_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/sim_bands.h"
#include "sim/sim_series.h"
#include "sim/sim_snap.h"
#include "sim/sim_swarm.h"

enum { KITH_SIM_HEAT_MAX = 64 }; /* rows and columns of the table of pulls */

struct kith_sim_record_config {
    const struct kith_swarm *swarm; /* outlives the record */
    FILE *rounds;                   /* CSV files; NULL: none */
    FILE *pulls;
    /* A node whose job comes back tests itself if its last test is so long ago; 0: only what it
     * tests itself, once an epoch. */
    uint64_t eval_every_us;
    bool for_report;
    uint32_t snap_count; /* 0: at the beginning, in the middle and at the end */
    double snap_at_s[KITH_SIM_SNAPS_MAX];
};

/* One node in all its lives. */
struct kith_sim_node_record {
    struct kith_stats ended; /* counters of the lives that are over */
    uint32_t lives_over;
    bool is_up; /* when the run ended, before all were stopped */
    uint64_t peers;
    uint64_t links;
    uint64_t eval_at_us;
    double local_loss; /* of the last line, NaN: none yet; likewise the next */
    double target_loss;
    double distillation_loss;
};

struct kith_sim_record {
    struct kith_sim_record_config config;
    uint32_t nodes;
    struct kith_sim_node_record *node; /* [nodes] */
    double *accuracy;                  /* [nodes] per cent, of the last test, NaN: none yet */
    uint32_t tested;                   /* nodes with an accuracy */
    double accuracy_sum;
    struct kith_examiner *examiner;
    double *scratch; /* [nodes] */
    struct kith_sim_series series;
    struct kith_sim_bands bands;
    uint32_t bins;  /* of `heat` */
    uint32_t *heat; /* [puller's bin * bins + author's bin]; NULL: no report */
    uint32_t snap_count;
    struct kith_sim_snap snap[KITH_SIM_SNAPS_MAX];
    bool is_over;
    int err; /* the first that came up: NOMEM */
};

/* 0 or NOMEM. Writes the heads of the CSV files. */
int kith_sim_record_new(const struct kith_sim_record_config *config,
                        struct kith_sim_record **ret_record);
void kith_sim_record_free(struct kith_sim_record *record);

/* To be called from the world's hooks of these names. */
void kith_sim_record_job(struct kith_sim_record *record, uint32_t node, const struct kith_job *job);
void kith_sim_record_gone(struct kith_sim_record *record, uint32_t node);
void kith_sim_record_fault(struct kith_sim_record *record, const struct kith_fault *fault);
/* After each stretch of virtual time; `progress` of the run, 0 to 1. */
void kith_sim_record_tick(struct kith_sim_record *record, double progress);
/* The run is over and its nodes will be stopped: what they know now is kept, what comes is not. */
void kith_sim_record_close(struct kith_sim_record *record);

/* Mean over nodes of the last test, per cent; NaN: nobody was tested yet. */
double kith_sim_record_accuracy(const struct kith_sim_record *record);
/* What a node counted in all its lives. */
void kith_sim_record_stats(const struct kith_sim_record *record, uint32_t node,
                           struct kith_stats *ret);

/* The row of each node after the run. `correct`: of the whole test set, [nodes], UINT32_MAX: it has
 * no model now. */
void kith_sim_record_nodes(const struct kith_sim_record *record, const uint32_t *correct,
                           FILE *file);

#endif
