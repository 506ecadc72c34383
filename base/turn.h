/* base/turn.h: what every module of the core gets with an event: the instant, the node's generator,
 * where effects go and what is counted. One for each step, passed down, kept by nobody. Pure. */
#ifndef KITH_BASE_TURN_H
#define KITH_BASE_TURN_H

#include <stdint.h>

#include "base/outbox.h"
#include "base/rng.h"
#include "base/stats.h"

#define KITH_NEVER     UINT64_MAX
#define KITH_SECOND_US UINT64_C(1000000)

struct kith_turn {
    uint64_t now_us;
    uint64_t wall_ms;
    struct kith_rng *rng;
    struct kith_outbox *out;
    struct kith_stats *stats;
};

#endif
