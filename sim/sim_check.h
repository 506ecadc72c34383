/* sim/sim_check.h: what must hold in a world after every step, whatever faults there are. What does
 * not hold becomes the world's failure. */
#ifndef KITH_SIM_SIM_CHECK_H
#define KITH_SIM_SIM_CHECK_H

#include <stdint.h>

#include "base/outbox.h"
#include "sim/world.h"

/* The longest a node that is gone may stay in a list: its record's lifetime and the clocks' error.
 */
enum { KITH_SIM_GHOST_S = 900 + 120 };

/* No message and no DHT value over its limit, none empty. */
void kith_sim_check_effect(struct kith_world *world, uint32_t node,
                           const struct kith_effect *effect);
/* The node's peers: as many as it counts, at most peers_max, distinct, never itself, all nodes of
 * this world, none that was gone longer than KITH_SIM_GHOST_S ago. */
void kith_sim_check_node(struct kith_world *world, uint32_t node);

#endif
