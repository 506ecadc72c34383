#include "sim/scenario_metrics.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/scenario_knobs.h"
#include "sim/world_inside.h"

enum { IDS_MAX = 4096 };

/* --- looking at the nodes --- */

static uint32_t root_of(uint32_t *parent, uint32_t node)
{
    while (parent[node] != node) {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    return node;
}

static void join_links(struct kith_world *world, uint32_t node, uint32_t *parent,
                       struct kith_id *ids)
{
    uint32_t count = kith_node_links(kith_world_node(world, node), ids, IDS_MAX);
    for (uint32_t i = 0; i < count && i < IDS_MAX; i++) {
        uint32_t peer = kith_world_find(world, &ids[i]);
        if (peer == UINT32_MAX || kith_world_state(world, peer) != KITH_WORLD_UP) continue;
        parent[root_of(parent, node)] = root_of(parent, peer);
    }
}

/* How many of those that are up it lists. */
static uint32_t count_listed(struct kith_world *world, uint32_t node, struct kith_id *ids)
{
    uint32_t listed = 0;
    uint32_t count = kith_node_peers(kith_world_node(world, node), ids, IDS_MAX);
    for (uint32_t i = 0; i < count && i < IDS_MAX; i++) {
        uint32_t peer = kith_world_find(world, &ids[i]);
        listed += peer != UINT32_MAX && kith_world_state(world, peer) == KITH_WORLD_UP;
    }
    return listed;
}

static void look_at(struct kith_world *world, uint32_t node, uint32_t *parent, struct kith_id *ids,
                    struct kith_sim_result *result)
{
    uint64_t peers = kith_node_stats(kith_world_node(world, node))->peers;
    result->peers_mean += (double)peers / result->alive;
    if (peers < result->peers_least) result->peers_least = peers;
    uint32_t others = result->alive - 1, listed = count_listed(world, node, ids);
    uint32_t view = world->hosts[node].peers_max, full = view - view / 16, want;
    want = others < full ? others : full;
    result->unlisted += others - listed;
    result->lacking += listed < want ? want - listed : 0;
    join_links(world, node, parent, ids);
}

int kith_scenario_look(struct kith_world *world, struct kith_sim_result *result)
{
    uint32_t nodes = world->config.nodes;
    uint32_t *parent = calloc(nodes, sizeof *parent);
    struct kith_id *ids = calloc(IDS_MAX, sizeof *ids);
    int err = parent && ids ? 0 : KITH_ERR_NOMEM;
    result->alive = result->components = 0;
    result->peers_mean = 0;
    result->unlisted = result->lacking = 0;
    result->peers_least = UINT64_MAX;
    for (uint32_t i = 0; !err && i < nodes; i++) {
        parent[i] = i;
        result->alive += kith_world_state(world, i) == KITH_WORLD_UP;
    }
    for (uint32_t i = 0; !err && i < nodes; i++)
        if (kith_world_state(world, i) == KITH_WORLD_UP) look_at(world, i, parent, ids, result);
    for (uint32_t i = 0; !err && i < nodes; i++)
        result->components += kith_world_state(world, i) == KITH_WORLD_UP && parent[i] == i;
    if (result->alive == 0) result->peers_least = 0;
    free(parent);
    free(ids);
    return err;
}

/* --- bounds --- */

static const char *const names[] = {
#define X(constant, name, text) name,
    KITH_SCENARIO_METRICS_MAP(X)
#undef X
};

const char *kith_scenario_metric_name(enum kith_scenario_metric metric)
{
    return names[metric];
}

double kith_scenario_metric_of(const struct kith_sim_result *result,
                               enum kith_scenario_metric metric)
{
    switch (metric) {
    case KITH_METRIC_ACCURACY_MEAN:
        return result->accuracy.mean;
    case KITH_METRIC_ACCURACY_WORST:
        return result->accuracy.worst;
    case KITH_METRIC_ACCURACY_P10:
        return result->accuracy.tenth;
    case KITH_METRIC_ALIVE:
        return result->alive;
    case KITH_METRIC_ROUNDS_MEAN:
        return result->rounds_mean;
    case KITH_METRIC_ROUNDS_LEAST:
        return (double)result->rounds_least;
    case KITH_METRIC_PEERS_MEAN:
        return result->peers_mean;
    case KITH_METRIC_PEERS_LEAST:
        return (double)result->peers_least;
    case KITH_METRIC_UNLISTED:
        return (double)result->unlisted;
    case KITH_METRIC_LACKING:
        return (double)result->lacking;
    case KITH_METRIC_COMPONENTS:
        return result->components;
    case KITH_METRIC_MIXED:
        return (double)result->all.mixed;
    case KITH_METRIC_TAUGHT:
        return (double)result->all.taught;
    case KITH_METRIC_DROPPED:
        return (double)kith_sim_stats_dropped(&result->all);
    case KITH_METRIC_SENT:
        return result->virtual_s > 0 ? result->sent.all / result->virtual_s : 0;
    case KITH_METRICS:
        break;
    }
    return 0;
}

bool kith_scenario_check_parse(const char *text, struct kith_scenario_check *ret)
{
    size_t len = strcspn(text, " <>");
    const char *sign = text + len + strspn(text + len, " ");
    bool is_most = strncmp(sign, "<=", 2) == 0;
    if (!is_most && strncmp(sign, ">=", 2) != 0) return false;
    const char *number = sign + 2 + strspn(sign + 2, " ");
    char *end;
    double bound = strtod(number, &end);
    if (end == number || *end != '\0' || !(bound >= -1e15 && bound <= 1e15)) return false;
    for (int i = 0; i < KITH_METRICS; i++) {
        if (strlen(names[i]) != len || strncmp(names[i], text, len) != 0) continue;
        *ret = (struct kith_scenario_check){
            .metric = (enum kith_scenario_metric)i, .is_most = is_most, .bound = bound};
        return true;
    }
    return false;
}

void kith_scenario_check_text(const struct kith_scenario_check *check, char *ret, size_t size)
{
    snprintf(ret, size, "%s %s %.10g", names[check->metric],
             check->is_most ? "<=" : ">=", check->bound);
}

uint32_t kith_scenario_judge(const struct kith_scenario *scenario,
                             const struct kith_sim_result *result, FILE *err)
{
    uint32_t failed = 0;
    char text[KITH_SCENARIO_TEXT_MAX];
    for (uint32_t i = 0; i < scenario->check_count; i++) {
        const struct kith_scenario_check *check = &scenario->check[i];
        double value = kith_scenario_metric_of(result, check->metric);
        bool is_good = check->is_most ? value <= check->bound : value >= check->bound;
        if (is_good) continue;
        kith_scenario_check_text(check, text, sizeof text);
        fprintf(err, "check failed: %s: it is %.10g\n", text, value);
        failed++;
    }
    return failed;
}
