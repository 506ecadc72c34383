/* sim/scenario_cuts.h: the cuts of a scenario as closed ways between parts of the network. Cuts may
 * overlap in time and in nodes: the nodes that no cut tells apart make a part, and a way between
 * two parts is closed while any cut closes it. */
#ifndef KITH_SIM_SCENARIO_CUTS_H
#define KITH_SIM_SCENARIO_CUTS_H

#include "sim/scenario.h"

/* Move the nodes of a new world into their parts and plan the closing and opening. 0, NOMEM, or
 * RANGE: more than KITH_SIM_GROUPS_MAX parts. */
int kith_scenario_cut(const struct kith_scenario *scenario, struct kith_world *world,
                      const uint8_t seed[static KITH_SEED_LEN]);

#endif
