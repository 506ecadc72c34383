/* sim/sim_recruit.h: who in a swarm lies, as its scenario says: the gang, and the task with the
 * wrong labels for those who learn from such. For sim_swarm.c. */
#ifndef KITH_SIM_SIM_RECRUIT_H
#define KITH_SIM_SIM_RECRUIT_H

#include "sim/sim_swarm.h"

/* Fill in lies, gang and wrong, and the world's filter, unless it has one. 0 or NOMEM. */
int kith_swarm_recruit(struct kith_swarm *swarm, struct kith_world_config *world);
void kith_swarm_dismiss(struct kith_swarm *swarm);
/* What a node learns. */
const struct kith_task *kith_swarm_task(const struct kith_swarm *swarm, uint32_t node);

#endif
