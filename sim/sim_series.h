/* sim/sim_series.h: points over time for charts, never more than KITH_SIM_POINTS_MAX of them: when
 * they are full every second one goes and they come half as often. */
#ifndef KITH_SIM_SIM_SERIES_H
#define KITH_SIM_SIM_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim_spread.h"

enum { KITH_SIM_POINTS_MAX = 256 };

/* All nodes at one moment. */
struct kith_sim_point {
    double time_s;
    uint32_t up;
    uint32_t tested;                 /* nodes that are up and were tested before */
    uint32_t trained;                /* nodes that are up and have reported a loss */
    struct kith_sim_spread accuracy; /* per cent, each node's last test; if tested > 0 */
    struct kith_sim_spread loss;     /* on the own data, each node's last; if trained > 0 */
    double target_loss;              /* means */
    double distillation_loss;        /* of those that distilled, NaN: none */
    double rounds;
    double peers;
    struct kith_sim_bytes sent; /* a node, since the beginning */
};

struct kith_sim_series {
    uint32_t count;
    uint64_t every_us;
    uint64_t next_us;
    struct kith_sim_point at[KITH_SIM_POINTS_MAX];
};

void kith_sim_series_init(struct kith_sim_series *series, uint64_t every_us);
bool kith_sim_series_is_due(const struct kith_sim_series *series, uint64_t now_us);
void kith_sim_series_add(struct kith_sim_series *series, uint64_t now_us,
                         const struct kith_sim_point *point);

#endif
