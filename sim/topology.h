/* sim/topology.h: the graphs on which baselines exchange models, and the weights that go with them.
 * A graph is a square of bytes, so there are only so many nodes. Pure but for its memory. */
#ifndef KITH_SIM_TOPOLOGY_H
#define KITH_SIM_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

enum kith_topology {
    KITH_TOPOLOGY_RING,
    KITH_TOPOLOGY_TORUS,          /* a grid as square as can be, closed both ways */
    KITH_TOPOLOGY_REGULAR,        /* random, every node of the same degree */
    KITH_TOPOLOGY_ERDOS_RENYI,    /* each edge with p = degree / (nodes - 1) */
    KITH_TOPOLOGY_WATTS_STROGATZ, /* `degree` nearest on a ring, a tenth of the edges rewired */
    KITH_TOPOLOGY_STAR,           /* around node 0 */
    KITH_TOPOLOGY_FULL,
    KITH_TOPOLOGY_EXPONENTIAL, /* in round t, i hears i - 2^(t mod ceil(log2 nodes)) alone */
};
#define KITH_TOPOLOGY_NAMES "ring torus regular erdos-renyi watts-strogatz star full exponential"

enum {
    KITH_TOPOLOGY_NODES_MAX = 1024,
    KITH_TOPOLOGY_TRIES = 100, /* at drawing a graph that is connected */
};
#define KITH_REWIRED 0.1 /* share of the edges of watts-strogatz */

struct kith_graph {
    uint32_t nodes;
    uint8_t *hears; /* [nodes * nodes] hears[i * nodes + j]: i hears j, 1 or 0; never itself */
};

/* No edges. `nodes` from 1 to KITH_TOPOLOGY_NODES_MAX. 0 or NOMEM. */
int kith_graph_init(struct kith_graph *graph, uint32_t nodes);
void kith_graph_release(struct kith_graph *graph);
/* Whether there is such a graph of so many nodes. `degree` counts for REGULAR, ERDOS_RENYI and
 * WATTS_STROGATZ alone. */
bool kith_topology_exists(enum kith_topology kind, uint32_t degree, uint32_t nodes);
/* Replace the edges by those of a graph that exists. All are symmetric, and the same in every
 * round, but for EXPONENTIAL. All but it are connected: what is drawn is drawn again until it is.
 * 0, or RANGE: none was in KITH_TOPOLOGY_TRIES tries, the degree is too small. */
int kith_topology_draw(enum kith_topology kind, uint32_t degree, uint64_t round,
                       struct kith_rng *rng, struct kith_graph *graph);
/* A random regular graph, connected or not, by swapping ends of edges of a regular one. */
void kith_graph_draw_regular(uint32_t degree, struct kith_rng *rng, struct kith_graph *graph);
/* How many the node hears. */
uint32_t kith_graph_degree(const struct kith_graph *graph, uint32_t node);
/* Directed edges: frames that are sent if each is used once. */
uint64_t kith_graph_edges(const struct kith_graph *graph);
/* Whether there is a way, along edges in either direction, between any two nodes. */
bool kith_graph_is_connected(const struct kith_graph *graph);
/* Metropolis-Hastings weights: w_ij = 1 / (1 + max(degree i, degree j)) where i hears j, and w_ii
 * what is left to 1; doubly stochastic on a symmetric graph and on EXPONENTIAL. [nodes * nodes] */
void kith_graph_metropolis(const struct kith_graph *graph, double *ret);

#endif
