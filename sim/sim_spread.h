/* sim/sim_spread.h: how values of many nodes are spread, and what nodes counted in all their
 * lives. */
#ifndef KITH_SIM_SIM_SPREAD_H
#define KITH_SIM_SIM_SPREAD_H

#include <stdint.h>

#include "base/stats.h"

/* Percentiles are values that occur, by nearest rank. */
struct kith_sim_spread {
    double mean;
    double worst;     /* the least */
    double tenth;     /* 10th percentile: the best of the worst tenth, rounded up */
    double ninetieth; /* 90th percentile */
    double best;      /* the most */
    double deviation; /* standard deviation of these values, not of a sample of more */
};

/* Of `count` > 0 values, which are sorted in place. */
struct kith_sim_spread kith_sim_spread_of(double *values, uint32_t count);

/* Add the counters of one life to `sum`; gauges are those of the life added last. */
void kith_sim_stats_add(struct kith_stats *sum, const struct kith_stats *life);
/* Messages and records that were dropped, all reasons. */
uint64_t kith_sim_stats_dropped(const struct kith_stats *stats);

/* Bytes of messages, by what they are spent on. */
struct kith_sim_bytes {
    double gossip;
    double weights;
    double labels;
    double other;
    double all;
};

struct kith_sim_bytes kith_sim_bytes_sent(const struct kith_stats *stats);
struct kith_sim_bytes kith_sim_bytes_received(const struct kith_stats *stats);

#endif
