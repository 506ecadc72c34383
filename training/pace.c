#include "training/pace.h"

#define DECAY_FROM 0.7
#define DECAY_TO   0.02

/* How much of the training is done, 0 to 1, and how many rounds are left after it began; by the
 * count of rounds. */
static double by_rounds(const struct kith_budget *budget, uint64_t round, double *ret_left)
{
    if (budget->rounds == 0) return 0;
    *ret_left = round < budget->rounds ? (double)(budget->rounds - round) : 0;
    double training = (double)budget->rounds - budget->cooldown;
    if (training <= 1) return (double)round >= training ? 1 : 0;
    return (double)round / (training - 1);
}

/* Likewise by the clock. */
static double by_clock(const struct kith_budget *budget, uint64_t wall_ms, uint64_t round_ms,
                       double *ret_left)
{
    if (budget->end_ms == 0) return 0;
    double left_ms = wall_ms < budget->end_ms ? (double)(budget->end_ms - wall_ms) : 0;
    double all_ms = (double)(budget->end_ms - budget->begin_ms);
    double per_round = round_ms > 0 ? (double)round_ms : all_ms;
    double training = all_ms - per_round * budget->cooldown;
    double left = left_ms / per_round;
    if (left_ms > 0 && left < 1) left = 1;
    if (left < *ret_left) *ret_left = left;
    if (round_ms == 0 || training <= 0) return 0;
    return (all_ms - left_ms) / training;
}

struct kith_pace kith_pace_of(const struct kith_budget *budget, uint64_t round, uint64_t wall_ms,
                              uint64_t round_ms)
{
    double left = 1e18;
    double done = by_rounds(budget, round, &left);
    double clock = by_clock(budget, wall_ms, round_ms, &left);
    if (clock > done) done = clock;
    if (left <= 0) return (struct kith_pace){.phase = KITH_PACE_OVER, .rate = (float)DECAY_TO};
    bool mixes = left <= budget->cooldown;
    double fallen = (done - DECAY_FROM) / (1 - DECAY_FROM);
    double rate = fallen <= 0 ? 1 : 1 - fallen * (1 - DECAY_TO);
    if (rate < DECAY_TO) rate = DECAY_TO;
    return (struct kith_pace){.phase = mixes ? KITH_PACE_MIX : KITH_PACE_TRAIN,
                              .rate = (float)rate};
}
