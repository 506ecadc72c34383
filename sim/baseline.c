#include "sim/baseline.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

int kith_baseline_check(const struct kith_baseline *baseline, uint32_t nodes,
                        const char **ret_field, const char **ret_allowed)
{
    enum kith_algorithm algorithm = baseline->algorithm;
    bool has_graph = algorithm == KITH_ALGORITHM_D_PSGD;
    bool pushes = algorithm == KITH_ALGORITHM_EL_LOCAL;
    bool is_oracle = algorithm == KITH_ALGORITHM_EL_ORACLE;
    if (algorithm == KITH_ALGORITHM_KITH) return 0;
    if (nodes > KITH_TOPOLOGY_NODES_MAX) {
        *ret_field = "nodes";
        *ret_allowed = "at most 1024 with --algorithm";
        return KITH_ERR_RANGE;
    }
    bool is_torus = has_graph && baseline->topology == KITH_TOPOLOGY_TORUS;
    if (is_torus && !kith_topology_exists(KITH_TOPOLOGY_TORUS, 0, nodes)) {
        *ret_field = "nodes";
        *ret_allowed = "a product of two numbers above 1 for a torus";
        return KITH_ERR_RANGE;
    }
    bool fits = true;
    if (has_graph) fits = kith_topology_exists(baseline->topology, baseline->degree, nodes);
    if (pushes) fits = baseline->degree < nodes;
    if (is_oracle) fits = kith_topology_exists(KITH_TOPOLOGY_REGULAR, baseline->degree, nodes);
    if (fits) return 0;
    *ret_field = "degree";
    *ret_allowed = "below --nodes; of a regular graph and el-oracle even, unless --nodes is; of "
                   "watts-strogatz even";
    return KITH_ERR_RANGE;
}

static void rng_of(const struct kith_mixing *mixing, const char *what, uint64_t number,
                   struct kith_rng *ret)
{
    kith_rng_split(ret, mixing->seed, what, number);
}

int kith_mixing_init(struct kith_mixing *mixing, const struct kith_baseline *baseline,
                     uint32_t nodes, const uint32_t *samples,
                     const uint8_t seed[static KITH_SEED_LEN])
{
    memset(mixing, 0, sizeof *mixing);
    mixing->baseline = *baseline;
    mixing->nodes = nodes;
    mixing->samples = samples;
    memcpy(mixing->seed, seed, KITH_SEED_LEN);
    int err = kith_graph_init(&mixing->graph, nodes);
    mixing->trains = calloc(nodes, sizeof *mixing->trains);
    mixing->weight = calloc((size_t)nodes * nodes, sizeof *mixing->weight);
    mixing->age = calloc(nodes, sizeof *mixing->age);
    mixing->sent_age = calloc(nodes, sizeof *mixing->sent_age);
    bool is_good = mixing->trains && mixing->weight && mixing->age && mixing->sent_age;
    if (!err && !is_good) err = KITH_ERR_NOMEM;
    if (!err && baseline->algorithm == KITH_ALGORITHM_D_PSGD) {
        struct kith_rng rng;
        rng_of(mixing, "topology", 0, &rng);
        err = kith_topology_draw(baseline->topology, baseline->degree, 0, &rng, &mixing->graph);
    }
    if (err) kith_mixing_release(mixing);
    return err;
}

void kith_mixing_release(struct kith_mixing *mixing)
{
    kith_graph_release(&mixing->graph);
    free(mixing->trains);
    free(mixing->weight);
    free(mixing->age);
    free(mixing->sent_age);
    memset(mixing, 0, sizeof *mixing);
}

static double *row_of(struct kith_mixing *mixing, uint32_t node)
{
    return mixing->weight + (size_t)node * mixing->nodes;
}

/* Uniform over the node itself and whom it hears. */
static void weigh_equally(struct kith_mixing *mixing)
{
    for (uint32_t i = 0; i < mixing->nodes; i++) {
        double share = 1.0 / (1 + kith_graph_degree(&mixing->graph, i));
        for (uint32_t j = 0; j < mixing->nodes; j++)
            if (i == j || mixing->graph.hears[(size_t)i * mixing->nodes + j])
                row_of(mixing, i)[j] = share;
    }
}

static void plan_alone(struct kith_mixing *mixing)
{
    for (uint32_t i = 0; i < mixing->nodes; i++)
        row_of(mixing, i)[i] = 1;
}

/* Row 0 for all of them. */
static void share_row(struct kith_mixing *mixing)
{
    mixing->is_shared = true;
    for (uint32_t i = 1; i < mixing->nodes; i++)
        memcpy(row_of(mixing, i), row_of(mixing, 0), mixing->nodes * sizeof *mixing->weight);
}

/* By a ring: each node sends (n - 1) / n of a frame to reduce, and the same again to gather. */
static void plan_all_reduce(struct kith_mixing *mixing)
{
    for (uint32_t j = 0; j < mixing->nodes; j++)
        row_of(mixing, 0)[j] = 1.0 / mixing->nodes;
    share_row(mixing);
    mixing->frames = 2 * (uint64_t)(mixing->nodes - 1);
}

/* The first of a permutation that is drawn, at least one. */
static uint32_t draw_clients(struct kith_mixing *mixing, struct kith_rng *rng)
{
    uint32_t wanted = (uint32_t)(mixing->baseline.clients * mixing->nodes + 0.5);
    if (wanted == 0) wanted = 1;
    memset(mixing->trains, 0, mixing->nodes * sizeof *mixing->trains);
    for (uint32_t seen = 0, chosen = 0; seen < mixing->nodes; seen++) {
        bool is_chosen = kith_rng_below(rng, mixing->nodes - seen) < wanted - chosen;
        mixing->trains[seen] = is_chosen;
        chosen += is_chosen;
    }
    return wanted;
}

/* A client weighs what it has of the clients' samples. A frame to it and one back. */
static void plan_fedavg(struct kith_mixing *mixing, struct kith_rng *rng)
{
    double samples = 0;
    uint32_t clients = draw_clients(mixing, rng);
    for (uint32_t j = 0; j < mixing->nodes; j++)
        if (mixing->trains[j]) samples += mixing->samples[j];
    for (uint32_t j = 0; j < mixing->nodes; j++)
        if (mixing->trains[j]) row_of(mixing, 0)[j] = mixing->samples[j] / samples;
    share_row(mixing);
    mixing->frames = 2 * (uint64_t)clients;
}

/* Each node's frame goes to `count` others that are drawn. */
static void draw_pushes(struct kith_mixing *mixing, uint32_t count, struct kith_rng *rng)
{
    uint32_t n = mixing->nodes;
    memset(mixing->graph.hears, 0, (size_t)n * n);
    for (uint32_t from = 0; from < n; from++) {
        for (uint32_t sent = 0; sent < count;) {
            uint32_t to = kith_rng_below(rng, n);
            uint8_t *at = &mixing->graph.hears[(size_t)to * n + from];
            if (to == from || *at) continue;
            *at = 1;
            sent++;
        }
    }
}

/* What comes in is merged one after the other, in the order of its senders: a model with twice the
 * age has twice the weight. Then the older age holds. */
static void plan_gossip(struct kith_mixing *mixing, struct kith_rng *rng)
{
    uint32_t n = mixing->nodes;
    for (uint32_t i = 0; i < n; i++)
        mixing->sent_age[i] = ++mixing->age[i];
    draw_pushes(mixing, n > 1 ? 1 : 0, rng);
    for (uint32_t i = 0; i < n; i++) {
        double *row = row_of(mixing, i);
        row[i] = 1;
        for (uint32_t j = 0; j < n; j++) {
            if (!mixing->graph.hears[(size_t)i * n + j]) continue;
            uint64_t own = mixing->age[i], other = mixing->sent_age[j];
            double share = (double)other / (double)(own + other);
            for (uint32_t k = 0; k < n; k++)
                row[k] *= 1 - share;
            row[j] += share;
            if (other > own) mixing->age[i] = other;
        }
    }
    mixing->frames = kith_graph_edges(&mixing->graph);
}

static int plan_d_psgd(struct kith_mixing *mixing, uint64_t round, struct kith_rng *rng)
{
    const struct kith_baseline *baseline = &mixing->baseline;
    bool changes = baseline->topology == KITH_TOPOLOGY_EXPONENTIAL;
    int err = changes ? kith_topology_draw(baseline->topology, 0, round, rng, &mixing->graph) : 0;
    kith_graph_metropolis(&mixing->graph, mixing->weight);
    mixing->frames = kith_graph_edges(&mixing->graph);
    return err;
}

int kith_mixing_round(struct kith_mixing *mixing, uint64_t round)
{
    struct kith_rng rng;
    uint32_t n = mixing->nodes;
    rng_of(mixing, "round of a baseline", round, &rng);
    memset(mixing->weight, 0, (size_t)n * n * sizeof *mixing->weight);
    for (uint32_t i = 0; i < n; i++)
        mixing->trains[i] = true;
    mixing->frames = 0;
    switch (mixing->baseline.algorithm) {
    case KITH_ALGORITHM_KITH:
    case KITH_ALGORITHM_ALONE:
        plan_alone(mixing);
        return 0;
    case KITH_ALGORITHM_ALL_REDUCE:
        plan_all_reduce(mixing);
        return 0;
    case KITH_ALGORITHM_FEDAVG:
        plan_fedavg(mixing, &rng);
        return 0;
    case KITH_ALGORITHM_D_PSGD:
        return plan_d_psgd(mixing, round, &rng);
    case KITH_ALGORITHM_GOSSIP:
        plan_gossip(mixing, &rng);
        return 0;
    case KITH_ALGORITHM_EL_LOCAL:
        draw_pushes(mixing, mixing->baseline.degree, &rng);
        break;
    case KITH_ALGORITHM_EL_ORACLE:
        kith_graph_draw_regular(mixing->baseline.degree, &rng, &mixing->graph);
        break;
    }
    weigh_equally(mixing);
    mixing->frames = kith_graph_edges(&mixing->graph);
    return 0;
}
