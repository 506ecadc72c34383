/* sim/topology: degrees, symmetry, connectedness, weights. */
#include <math.h>

#include "base/assert.h"
#include "base/err.h"
#include "sim/topology.h"
#include "tests/test.h"

enum { NODES = 48, KINDS = KITH_TOPOLOGY_EXPONENTIAL + 1 };

static double weights[KITH_TOPOLOGY_NODES_MAX * 64];

static struct kith_graph drawn(enum kith_topology kind, uint32_t degree, uint64_t round,
                               uint32_t nodes, uint8_t seed_byte)
{
    struct kith_graph graph;
    struct kith_rng rng;
    uint8_t seed[KITH_SEED_LEN] = {seed_byte};
    kith_rng_init(&rng, seed);
    int err = kith_graph_init(&graph, nodes);
    if (!err) err = kith_topology_draw(kind, degree, round, &rng, &graph);
    kith_assert(err == 0);
    return graph;
}

static bool is_symmetric(const struct kith_graph *graph)
{
    for (uint32_t i = 0; i < graph->nodes; i++)
        for (uint32_t j = 0; j < graph->nodes; j++)
            if (graph->hears[i * graph->nodes + j] != graph->hears[j * graph->nodes + i])
                return false;
    return true;
}

static bool has_loop(const struct kith_graph *graph)
{
    for (uint32_t i = 0; i < graph->nodes; i++)
        if (graph->hears[i * graph->nodes + i]) return true;
    return false;
}

static void check_degrees(enum kith_topology kind, uint32_t degree, uint32_t nodes, uint32_t wanted)
{
    struct kith_graph graph = drawn(kind, degree, 0, nodes, 1);
    for (uint32_t i = 0; i < nodes; i++)
        check_int(kith_graph_degree(&graph, i), wanted);
    check_int(kith_graph_edges(&graph), (uint64_t)nodes * wanted);
    kith_graph_release(&graph);
}

static void degrees_are_as_said(void)
{
    check_degrees(KITH_TOPOLOGY_RING, 0, NODES, 2);
    check_degrees(KITH_TOPOLOGY_RING, 0, 1, 0);
    check_degrees(KITH_TOPOLOGY_RING, 0, 2, 1);
    check_degrees(KITH_TOPOLOGY_TORUS, 0, NODES, 4);
    check_degrees(KITH_TOPOLOGY_TORUS, 0, 9, 4);
    check_degrees(KITH_TOPOLOGY_REGULAR, 4, NODES, 4);
    check_degrees(KITH_TOPOLOGY_REGULAR, 7, NODES, 7);
    check_degrees(KITH_TOPOLOGY_REGULAR, 47, NODES, 47);
    check_degrees(KITH_TOPOLOGY_REGULAR, 4, 7, 4);
    check_degrees(KITH_TOPOLOGY_FULL, 0, NODES, NODES - 1);
    check_degrees(KITH_TOPOLOGY_EXPONENTIAL, 0, NODES, 1);
    struct kith_graph star = drawn(KITH_TOPOLOGY_STAR, 0, 0, NODES, 1);
    check_int(kith_graph_degree(&star, 0), NODES - 1);
    check_int(kith_graph_degree(&star, 17), 1);
    kith_graph_release(&star);
}

static void drawn_degrees_are_right_on_average(void)
{
    struct kith_graph graph = drawn(KITH_TOPOLOGY_WATTS_STROGATZ, 4, 0, NODES, 1);
    check_int(kith_graph_edges(&graph), 4 * NODES); /* rewiring keeps their number */
    uint32_t others = 0;
    for (uint32_t i = 0; i < NODES; i++)
        others += kith_graph_degree(&graph, i) != 4;
    check(others > 2 && others < 30);
    kith_graph_release(&graph);
    graph = drawn(KITH_TOPOLOGY_ERDOS_RENYI, 8, 0, 1000, 1);
    check(kith_graph_edges(&graph) > 7700 && kith_graph_edges(&graph) < 8300);
    kith_graph_release(&graph);
}

/* Rows and columns sum to one, whatever the graph and the round. */
static void weights_are_doubly_stochastic(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        for (uint64_t round = 0; round < 7; round++) {
            struct kith_graph graph = drawn((enum kith_topology)kind, 6, round, NODES, 2);
            kith_graph_metropolis(&graph, weights);
            check(!has_loop(&graph));
            check(kind == KITH_TOPOLOGY_EXPONENTIAL || is_symmetric(&graph));
            check(kind == KITH_TOPOLOGY_EXPONENTIAL || kith_graph_is_connected(&graph));
            for (uint32_t i = 0; i < NODES; i++) {
                double row = 0, column = 0;
                for (uint32_t j = 0; j < NODES; j++) {
                    check(weights[i * NODES + j] >= 0);
                    row += weights[i * NODES + j];
                    column += weights[j * NODES + i];
                }
                check(fabs(row - 1) < 1e-12 && fabs(column - 1) < 1e-12);
            }
            kith_graph_release(&graph);
        }
    }
}

static void metropolis_weights_by_hand(void)
{
    struct kith_graph star = drawn(KITH_TOPOLOGY_STAR, 0, 0, 4, 1);
    kith_graph_metropolis(&star, weights);
    check(fabs(weights[0] - 0.25) < 1e-15);         /* the hub keeps 1 - 3 / 4 */
    check(fabs(weights[1] - 0.25) < 1e-15);         /* 1 / (1 + 3) */
    check(fabs(weights[4] - 0.25) < 1e-15);         /* the same the other way */
    check(fabs(weights[1 * 4 + 1] - 0.75) < 1e-15); /* a leaf keeps the rest */
    check(weights[1 * 4 + 2] == 0);
    kith_graph_release(&star);
}

/* A power of two of nodes agrees exactly after log2 of so many rounds. */
static void exponential_graphs_average_in_few_rounds(void)
{
    double x[16], next[16];
    for (uint32_t i = 0; i < 16; i++)
        x[i] = i;
    for (uint64_t round = 0; round < 4; round++) {
        struct kith_graph graph = drawn(KITH_TOPOLOGY_EXPONENTIAL, 0, round, 16, 1);
        kith_graph_metropolis(&graph, weights);
        for (uint32_t i = 0; i < 16; i++) {
            next[i] = 0;
            for (uint32_t j = 0; j < 16; j++)
                next[i] += weights[i * 16 + j] * x[j];
        }
        memcpy(x, next, sizeof x);
        kith_graph_release(&graph);
    }
    for (uint32_t i = 0; i < 16; i++)
        check(fabs(x[i] - 7.5) < 1e-12);
}

static void regular_graphs_follow_the_seed(void)
{
    struct kith_graph a = drawn(KITH_TOPOLOGY_REGULAR, 4, 0, NODES, 1);
    struct kith_graph b = drawn(KITH_TOPOLOGY_REGULAR, 4, 0, NODES, 1);
    struct kith_graph c = drawn(KITH_TOPOLOGY_REGULAR, 4, 0, NODES, 2);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < NODES; i++)
        kept += c.hears[i * NODES + (i + 1) % NODES];
    check(memcmp(a.hears, b.hears, NODES * NODES) == 0);
    check(memcmp(a.hears, c.hears, NODES * NODES) != 0);
    check(kept < 16); /* of 48 edges of the ring that it was made from; 4 are by chance */
    kith_graph_release(&a);
    kith_graph_release(&b);
    kith_graph_release(&c);
}

static void graphs_that_cannot_be_are_refused(void)
{
    struct kith_graph graph;
    struct kith_rng rng;
    uint8_t seed[KITH_SEED_LEN] = {0};
    check(!kith_topology_exists(KITH_TOPOLOGY_TORUS, 0, 13));
    check(!kith_topology_exists(KITH_TOPOLOGY_REGULAR, 3, 7));
    check(!kith_topology_exists(KITH_TOPOLOGY_REGULAR, 8, 8));
    check(!kith_topology_exists(KITH_TOPOLOGY_REGULAR, 0, 8));
    check(!kith_topology_exists(KITH_TOPOLOGY_WATTS_STROGATZ, 3, 8));
    check(!kith_topology_exists(KITH_TOPOLOGY_ERDOS_RENYI, 8, 8));
    kith_rng_init(&rng, seed);
    check_int(kith_graph_init(&graph, 200), 0);
    check_int(kith_topology_draw(KITH_TOPOLOGY_ERDOS_RENYI, 1, 0, &rng, &graph), KITH_ERR_RANGE);
    check_int(kith_topology_draw(KITH_TOPOLOGY_REGULAR, 1, 0, &rng, &graph), KITH_ERR_RANGE);
    kith_graph_release(&graph);
}

int main(void)
{
    run(degrees_are_as_said);
    run(drawn_degrees_are_right_on_average);
    run(weights_are_doubly_stochastic);
    run(metropolis_weights_by_hand);
    run(exponential_graphs_average_in_few_rounds);
    run(regular_graphs_follow_the_seed);
    run(graphs_that_cannot_be_are_refused);
    return test_end();
}
