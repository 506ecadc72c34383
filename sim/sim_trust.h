/* sim/sim_trust.h: how well honest nodes tell liars from the rest, by what they have seen
 * themselves. */
#ifndef KITH_SIM_SIM_TRUST_H
#define KITH_SIM_SIM_TRUST_H

#include "sim/sim_swarm.h"

struct kith_sim_trust {
    uint32_t liars;
    /* Over all honest nodes with an honest peer and a liar they audited: the share of such pairs in
     * which the honest one has the higher score, equals counting half. -1: there is no pair. */
    double auc;
    double weight; /* the liars' share of all weight in the honest nodes' latest meetings; 0 to 1 */
};

/* Over the nodes whose memory is still there. */
void kith_sim_trust_of(const struct kith_swarm *swarm, struct kith_sim_trust *ret);

#endif
