/* sim/sim_split.h: who of a swarm has which training samples. */
#ifndef KITH_SIM_SIM_SPLIT_H
#define KITH_SIM_SIM_SPLIT_H

#include "sim/sim_swarm.h"

/* Fill in public_indices, rows, first_row and the task's public part. 0, NOMEM, or RANGE with one
 * line in ret_error: some node would have no data. */
int kith_swarm_split(struct kith_swarm *swarm, char ret_error[static KITH_SIM_SWARM_TEXT_MAX]);

#endif
