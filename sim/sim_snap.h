/* sim/sim_snap.h: the overlay at one moment: who is up and who has a link to whom. */
#ifndef KITH_SIM_SIM_SNAP_H
#define KITH_SIM_SIM_SNAP_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/world.h"

enum {
    KITH_SIM_SNAPS_MAX = 8,
    KITH_SIM_SNAP_NODES_MAX = 120, /* drawn; of more nodes an even choice */
};

struct kith_sim_snap_node {
    uint32_t node;
    bool is_up;
    uint32_t links;  /* to anyone */
    double accuracy; /* of its last test, NaN: none */
};

struct kith_sim_edge {
    uint32_t a; /* places in `node`, a < b */
    uint32_t b;
};

struct kith_sim_snap {
    double time_s;
    /* of all nodes that are up */
    uint32_t up;
    uint32_t parts; /* connected components */
    uint64_t links; /* pairs with a link that both ends, or the one, call ready */
    uint32_t links_least;
    uint32_t links_most;
    /* of those drawn */
    uint32_t count;
    struct kith_sim_snap_node node[KITH_SIM_SNAP_NODES_MAX];
    uint32_t edge_count;
    struct kith_sim_edge *edge;
};

/* `accuracy`: of each node, per cent or NaN. 0 or NOMEM. */
int kith_sim_snap_take(const struct kith_world *world, uint32_t nodes, const double *accuracy,
                       struct kith_sim_snap *ret);
void kith_sim_snap_release(struct kith_sim_snap *snap);

#endif
