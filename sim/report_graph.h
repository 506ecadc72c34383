/* sim/report_graph.h: the overlay at one moment, drawn: nodes that have links lie near each other
 * (Fruchterman and Reingold, 1991). Equal snapshots give equal drawings. */
#ifndef KITH_SIM_REPORT_GRAPH_H
#define KITH_SIM_REPORT_GRAPH_H

#include <stdio.h>

#include "sim/sim_snap.h"

struct kith_graph_point {
    double x; /* 0 to 1 */
    double y;
};

/* Places for a snapshot's nodes. `at` holds where they are to start from: a drawing before, or what
 * kith_graph_circle gave. */
void kith_graph_layout(const struct kith_sim_snap *snap,
                       struct kith_graph_point at[static KITH_SIM_SNAP_NODES_MAX]);
void kith_graph_circle(uint32_t count, struct kith_graph_point at[static KITH_SIM_SNAP_NODES_MAX]);
/* A figure; `nodes`: how many the run has; accuracies from `low` to `high` have the shades q1 to
 * q6. */
void kith_graph_draw(const struct kith_sim_snap *snap, const struct kith_graph_point *at,
                     uint32_t nodes, double low, double high, FILE *out);

#endif
