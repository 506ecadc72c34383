#include "sim/topology.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

int kith_graph_init(struct kith_graph *graph, uint32_t nodes)
{
    kith_assert(nodes >= 1);
    kith_assert(nodes <= KITH_TOPOLOGY_NODES_MAX);
    graph->nodes = nodes;
    graph->hears = calloc((size_t)nodes * nodes, 1);
    return graph->hears ? 0 : KITH_ERR_NOMEM;
}

void kith_graph_release(struct kith_graph *graph)
{
    free(graph->hears);
    memset(graph, 0, sizeof *graph);
}

static bool hears(const struct kith_graph *graph, uint32_t i, uint32_t j)
{
    return graph->hears[(size_t)i * graph->nodes + j];
}

static void set_one(struct kith_graph *graph, uint32_t i, uint32_t j, uint8_t value)
{
    if (i != j) graph->hears[(size_t)i * graph->nodes + j] = value;
}

static void set_both(struct kith_graph *graph, uint32_t i, uint32_t j, uint8_t value)
{
    set_one(graph, i, j, value);
    set_one(graph, j, i, value);
}

uint32_t kith_graph_degree(const struct kith_graph *graph, uint32_t node)
{
    uint32_t degree = 0;
    for (uint32_t j = 0; j < graph->nodes; j++)
        degree += hears(graph, node, j);
    return degree;
}

uint64_t kith_graph_edges(const struct kith_graph *graph)
{
    uint64_t edges = 0;
    for (uint32_t i = 0; i < graph->nodes; i++)
        edges += kith_graph_degree(graph, i);
    return edges;
}

bool kith_graph_is_connected(const struct kith_graph *graph)
{
    uint32_t queue[KITH_TOPOLOGY_NODES_MAX] = {0}, count = 1;
    bool seen[KITH_TOPOLOGY_NODES_MAX] = {true};
    for (uint32_t next = 0; next < count; next++) {
        for (uint32_t j = 0; j < graph->nodes; j++) {
            uint32_t i = queue[next];
            if (seen[j] || (!hears(graph, i, j) && !hears(graph, j, i))) continue;
            seen[j] = true;
            queue[count++] = j;
        }
    }
    return count == graph->nodes;
}

void kith_graph_metropolis(const struct kith_graph *graph, double *ret)
{
    uint32_t degree[KITH_TOPOLOGY_NODES_MAX], n = graph->nodes;
    for (uint32_t i = 0; i < n; i++)
        degree[i] = kith_graph_degree(graph, i);
    for (uint32_t i = 0; i < n; i++) {
        double left = 1;
        for (uint32_t j = 0; j < n; j++) {
            uint32_t most = degree[i] > degree[j] ? degree[i] : degree[j];
            double weight = hears(graph, i, j) ? 1.0 / (1 + most) : 0;
            ret[(size_t)i * n + j] = weight;
            left -= weight;
        }
        ret[(size_t)i * n + i] = left > 0 ? left : 0;
    }
}

/* --- graphs --- */

/* Each node with its `degree` nearest on a ring, an odd one with the node opposite too. */
static void make_circulant(uint32_t degree, struct kith_graph *graph)
{
    uint32_t n = graph->nodes;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t step = 1; step <= degree / 2; step++)
            set_both(graph, i, (i + step) % n, 1);
        if (degree % 2) set_both(graph, i, (i + n / 2) % n, 1);
    }
}

/* The largest number of rows, at most the square root, that fills a grid. */
static uint32_t rows_of_grid(uint32_t nodes)
{
    uint32_t rows = 1;
    for (uint32_t i = 2; i * i <= nodes; i++)
        if (nodes % i == 0) rows = i;
    return rows;
}

static void make_torus(struct kith_graph *graph)
{
    uint32_t rows = rows_of_grid(graph->nodes), columns = graph->nodes / rows;
    for (uint32_t i = 0; i < graph->nodes; i++) {
        uint32_t row = i / columns, column = i % columns;
        set_both(graph, i, row * columns + (column + 1) % columns, 1);
        set_both(graph, i, (row + 1) % rows * columns + column, 1);
    }
}

static uint32_t draw_neighbour(const struct kith_graph *graph, uint32_t node, uint32_t degree,
                               struct kith_rng *rng)
{
    uint32_t left = kith_rng_below(rng, degree), j = 0;
    while (!hears(graph, node, j) || left-- > 0)
        j++;
    return j;
}

enum { SWAPS_AN_EDGE = 10 };

void kith_graph_draw_regular(uint32_t degree, struct kith_rng *rng, struct kith_graph *graph)
{
    uint32_t n = graph->nodes;
    kith_assert(kith_topology_exists(KITH_TOPOLOGY_REGULAR, degree, n));
    memset(graph->hears, 0, (size_t)n * n);
    make_circulant(degree, graph);
    /* A dense graph is as free as what it leaves out. */
    uint32_t free_edges = degree < n - 1 - degree ? degree : n - 1 - degree;
    for (uint64_t left = (uint64_t)SWAPS_AN_EDGE * n * free_edges / 2; left > 0; left--) {
        uint32_t a = kith_rng_below(rng, n), b = draw_neighbour(graph, a, degree, rng);
        uint32_t c = kith_rng_below(rng, n), d = draw_neighbour(graph, c, degree, rng);
        bool is_apart = a != c && a != d && b != c && b != d;
        if (!is_apart || hears(graph, a, d) || hears(graph, c, b)) continue;
        set_both(graph, a, b, 0);
        set_both(graph, c, d, 0);
        set_both(graph, a, d, 1);
        set_both(graph, c, b, 1);
    }
}

static void draw_erdos_renyi(uint32_t degree, struct kith_rng *rng, struct kith_graph *graph)
{
    for (uint32_t i = 0; i < graph->nodes; i++)
        for (uint32_t j = i + 1; j < graph->nodes; j++)
            if (kith_rng_unit(rng) * (graph->nodes - 1) < degree) set_both(graph, i, j, 1);
}

static void draw_watts_strogatz(uint32_t degree, struct kith_rng *rng, struct kith_graph *graph)
{
    uint32_t n = graph->nodes;
    make_circulant(degree, graph);
    for (uint32_t step = 1; step <= degree / 2; step++) {
        for (uint32_t i = 0; i < n; i++) {
            uint32_t before = (i + step) % n, after = kith_rng_below(rng, n);
            bool is_rewired = kith_rng_unit(rng) < KITH_REWIRED;
            if (!is_rewired || after == i || hears(graph, i, after)) continue;
            set_both(graph, i, before, 0);
            set_both(graph, i, after, 1);
        }
    }
}

static void make_star(struct kith_graph *graph)
{
    for (uint32_t i = 1; i < graph->nodes; i++)
        set_both(graph, 0, i, 1);
}

static void make_full(struct kith_graph *graph)
{
    for (uint32_t i = 0; i < graph->nodes; i++)
        for (uint32_t j = 0; j < graph->nodes; j++)
            set_one(graph, i, j, 1);
}

static void make_exponential(uint64_t round, struct kith_graph *graph)
{
    uint32_t n = graph->nodes, steps = 0;
    while ((UINT32_C(1) << steps) < n)
        steps++;
    if (steps == 0) return;
    uint32_t step = UINT32_C(1) << (round % steps);
    for (uint32_t i = 0; i < n; i++)
        set_one(graph, (i + step) % n, i, 1);
}

static void make(enum kith_topology kind, uint32_t degree, uint64_t round, struct kith_rng *rng,
                 struct kith_graph *graph)
{
    memset(graph->hears, 0, (size_t)graph->nodes * graph->nodes);
    switch (kind) {
    case KITH_TOPOLOGY_RING:
        if (graph->nodes > 1) make_circulant(2, graph);
        return;
    case KITH_TOPOLOGY_TORUS:
        make_torus(graph);
        return;
    case KITH_TOPOLOGY_REGULAR:
        kith_graph_draw_regular(degree, rng, graph);
        return;
    case KITH_TOPOLOGY_ERDOS_RENYI:
        draw_erdos_renyi(degree, rng, graph);
        return;
    case KITH_TOPOLOGY_WATTS_STROGATZ:
        draw_watts_strogatz(degree, rng, graph);
        return;
    case KITH_TOPOLOGY_STAR:
        make_star(graph);
        return;
    case KITH_TOPOLOGY_FULL:
        make_full(graph);
        return;
    case KITH_TOPOLOGY_EXPONENTIAL:
        make_exponential(round, graph);
        return;
    }
}

bool kith_topology_exists(enum kith_topology kind, uint32_t degree, uint32_t nodes)
{
    switch (kind) {
    case KITH_TOPOLOGY_RING:
    case KITH_TOPOLOGY_STAR:
    case KITH_TOPOLOGY_FULL:
    case KITH_TOPOLOGY_EXPONENTIAL:
        return true;
    case KITH_TOPOLOGY_TORUS:
        return rows_of_grid(nodes) > 1;
    case KITH_TOPOLOGY_REGULAR:
        return degree >= 1 && degree < nodes && (uint64_t)degree * nodes % 2 == 0;
    case KITH_TOPOLOGY_ERDOS_RENYI:
        return degree >= 1 && degree < nodes;
    case KITH_TOPOLOGY_WATTS_STROGATZ:
        return degree >= 2 && degree % 2 == 0 && degree < nodes;
    }
    return false;
}

int kith_topology_draw(enum kith_topology kind, uint32_t degree, uint64_t round,
                       struct kith_rng *rng, struct kith_graph *graph)
{
    kith_assert(kith_topology_exists(kind, degree, graph->nodes));
    for (uint32_t tried = 0; tried < KITH_TOPOLOGY_TRIES; tried++) {
        make(kind, degree, round, rng, graph);
        if (kind == KITH_TOPOLOGY_EXPONENTIAL || kith_graph_is_connected(graph)) return 0;
    }
    return KITH_ERR_RANGE;
}
