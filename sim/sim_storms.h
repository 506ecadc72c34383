/* sim/sim_storms.h: many storms (sim_storm.h), their seeds derived from one. Each runs in a process
 * of its own, as many at a time as wanted, so that a node that asserts or never ends is one more
 * failed run. A failed run gives one line that replays it, and a trace file. */
#ifndef KITH_SIM_SIM_STORMS_H
#define KITH_SIM_SIM_STORMS_H

#include <stdio.h>

#include "sim/sim_storm.h"

enum {
    KITH_STORMS_MAX = 1000000,
    KITH_STORMS_AT_ONCE_MAX = 64,
    KITH_STORMS_LIMIT_S = 600,   /* of wall time, for one run */
    KITH_STORMS_TRACED_MAX = 10, /* failed runs that leave a trace */
};

struct kith_storms_config {
    uint64_t seed;
    uint32_t runs;
    uint32_t at_once;             /* 1 to KITH_STORMS_AT_ONCE_MAX */
    struct kith_storm_config run; /* what all runs share; its seed is set */
    const char *build;            /* what this program is, for the line that replays */
    const char *trace_dir;        /* where traces of failed runs go; NULL: none is left */
    bool progress;                /* a bar on `err` */
};

/* The seed of the i-th run. */
uint64_t kith_storms_seed(uint64_t seed, uint32_t i);
/* Run all. Failed runs, a line each, and the summary go to `out`, the bar to `err`. Returns how
 * many runs failed, or -1: memory or processes ran out. */
int kith_storms_run(const struct kith_storms_config *config, FILE *out, FILE *err);

#endif
