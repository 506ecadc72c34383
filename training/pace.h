/* training/pace.h: how a swarm's budget shapes the learning: training at full rate, then a falling
 * rate, then rounds that only mix. The budget is part of the swarm's rules, so nobody has to
 * announce the end. Pure.
 *
 * The last rounds without training take out of each model what its last local steps put into it
 * alone; they are what lifts the worst node to the mean. */
#ifndef KITH_TRAINING_PACE_H
#define KITH_TRAINING_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { KITH_COOLDOWN_MAX = 64 };

struct kith_budget {
    uint64_t rounds;   /* of each node, the mix-only ones included; 0: no such end */
    uint64_t begin_ms; /* Unix time at which learning begins, and ... */
    uint64_t end_ms;   /* ... at which it is over; 0: no such end */
    uint32_t cooldown; /* mix-only rounds at the end */
};

enum kith_pace_phase {
    KITH_PACE_TRAIN,
    KITH_PACE_MIX,  /* mix only, publish in eight bits or better */
    KITH_PACE_OVER, /* the budget is spent: no further round */
};

struct kith_pace {
    enum kith_pace_phase phase;
    float rate; /* of the configured rate, (0, 1] */
};

/* What round `round` (from 0) that begins at wall_ms is: full rate for 70 % of the training, then
 * falling in a straight line to 2 % at its end. `round_ms` is how long this node's rounds take, as
 * seen so far (0: unknown); it tells how many of them are left before end_ms. With both ends the
 * earlier one counts. Without any, always full rate. */
struct kith_pace kith_pace_of(const struct kith_budget *budget, uint64_t round, uint64_t wall_ms,
                              uint64_t round_ms);

#endif
