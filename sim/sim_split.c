#include "sim/sim_split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Nodes that share all data of their labels out among themselves. */
struct pool {
    struct kith_partition partition;
    const struct kith_class_set *classes; /* NULL: every label */
    uint32_t nodes;
    uint32_t dealt; /* nodes that have got theirs */
    uint32_t *owners;
};

enum { POOLS_MAX = KITH_SCENARIO_GROUPS_MAX * KITH_SIM_CLASS_SETS_MAX };

struct deal {
    struct kith_swarm *swarm;
    struct pool pool[POOLS_MAX];
    uint32_t pools;
    uint32_t used; /* rows dealt */
    char *error;
};

static bool is_same(const struct kith_partition *a, const struct kith_partition *b)
{
    if (a->kind != b->kind) return false;
    bool by_alpha = a->kind == KITH_PARTITION_DIRICHLET || a->kind == KITH_PARTITION_QUANTITY;
    if (by_alpha) return a->alpha >= b->alpha && a->alpha <= b->alpha;
    return a->kind != KITH_PARTITION_SHARDS || a->shards == b->shards;
}

static const struct kith_class_set *classes_of(const struct kith_swarm *swarm, uint32_t node)
{
    uint32_t place;
    const struct kith_scenario *scenario = &swarm->config->scenario;
    const struct kith_scenario_group *group = kith_scenario_of(scenario, node, &place);
    if (group->class_count == 0) return NULL;
    return &scenario->class_set[group->class_first + place % group->class_count];
}

static bool has_classes(const struct pool *pool, const struct kith_class_set *classes)
{
    if (!pool->classes || !classes) return pool->classes == classes;
    return memcmp(pool->classes, classes, sizeof *classes) == 0;
}

static struct pool *pool_of(struct deal *deal, uint32_t node)
{
    uint32_t place;
    const struct kith_scenario *scenario = &deal->swarm->config->scenario;
    const struct kith_partition *partition = &kith_scenario_of(scenario, node, &place)->partition;
    const struct kith_class_set *classes = classes_of(deal->swarm, node);
    for (uint32_t i = 0; i < deal->pools; i++)
        if (is_same(&deal->pool[i].partition, partition) && has_classes(&deal->pool[i], classes))
            return &deal->pool[i];
    struct pool *pool = &deal->pool[deal->pools++];
    pool->partition = *partition;
    pool->classes = classes;
    return pool;
}

static int own_pool(struct deal *deal, struct pool *pool)
{
    const struct kith_dataset *train = &deal->swarm->task.train;
    struct kith_split_config config = {
        .partition = pool->partition,
        .seed = deal->swarm->rules.seed,
        .public_count = deal->swarm->rules.public_count,
        .audit_count = deal->swarm->rules.audit_count,
        .nodes = pool->nodes,
    };
    pool->owners = calloc(train->count, sizeof *pool->owners);
    if (!pool->owners) return KITH_ERR_NOMEM;
    int err = kith_split_owners(&config, train, pool->owners);
    if (err == KITH_ERR_RANGE)
        snprintf(deal->error, KITH_SIM_SWARM_TEXT_MAX, "%u samples are too few for %u nodes",
                 train->count, pool->nodes);
    return err;
}

static int deal_node(struct deal *deal, uint32_t node)
{
    struct kith_swarm *swarm = deal->swarm;
    struct pool *pool = pool_of(deal, node);
    uint32_t count = kith_split_rows(&swarm->task.train, pool->owners, pool->dealt++, pool->classes,
                                     swarm->rows + deal->used);
    deal->used += count;
    swarm->first_row[node + 1] = deal->used;
    if (count > 0) return 0;
    snprintf(deal->error, KITH_SIM_SWARM_TEXT_MAX, "node %u would have no data", node);
    return KITH_ERR_RANGE;
}

static int deal_all(struct deal *deal)
{
    struct kith_swarm *swarm = deal->swarm;
    uint32_t nodes = swarm->config->scenario.nodes, count = swarm->task.train.count;
    for (uint32_t i = 0; i < nodes; i++)
        pool_of(deal, i)->nodes++;
    swarm->public_indices = calloc(count, sizeof *swarm->public_indices);
    swarm->rows = malloc((size_t)count * deal->pools * sizeof *swarm->rows);
    swarm->first_row = calloc(nodes + 1, sizeof *swarm->first_row);
    if (!swarm->public_indices || !swarm->rows || !swarm->first_row) return KITH_ERR_NOMEM;
    int err = 0;
    for (uint32_t i = 0; !err && i < deal->pools; i++)
        err = own_pool(deal, &deal->pool[i]);
    for (uint32_t i = 0; !err && i < nodes; i++)
        err = deal_node(deal, i);
    if (err) return err;
    /* The public rows and those for audits are drawn first: every pool has the same ones. */
    swarm->task.public_indices = swarm->public_indices;
    swarm->task.public_count = kith_split_rows(&swarm->task.train, deal->pool[0].owners,
                                               KITH_OWNER_PUBLIC, NULL, swarm->public_indices);
    uint32_t *audit = swarm->public_indices + swarm->task.public_count;
    swarm->task.audit_indices = audit;
    swarm->task.audit_count =
        kith_split_rows(&swarm->task.train, deal->pool[0].owners, KITH_OWNER_AUDIT, NULL, audit);
    return 0;
}

int kith_swarm_split(struct kith_swarm *swarm, char ret_error[static KITH_SIM_SWARM_TEXT_MAX])
{
    if (!swarm->config->scenario.all.node.learns) return 0;
    struct deal *deal = calloc(1, sizeof *deal);
    if (!deal) return KITH_ERR_NOMEM;
    deal->swarm = swarm;
    deal->error = ret_error;
    int err = deal_all(deal);
    for (uint32_t i = 0; i < deal->pools; i++)
        free(deal->pool[i].owners);
    free(deal);
    return err;
}
