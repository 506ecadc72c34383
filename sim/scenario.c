#include "sim/scenario_knobs.h"

#include <string.h>

#include "base/err.h"

void kith_scenario_default(struct kith_scenario *ret)
{
    memset(ret, 0, sizeof *ret);
    kith_config_default(&ret->all.node);
    kith_sim_dht_config_default(&ret->dht);
    ret->model_count = ret->all.model_count = 1;
    strcpy(ret->model[0], "mlp:256,128");
    kith_knobs_default(ret);
}

bool kith_scenario_add_fault(struct kith_scenario *scenario,
                             const struct kith_scenario_fault *fault)
{
    if (scenario->fault_count == KITH_SCENARIO_FAULTS_MAX) return false;
    scenario->fault[scenario->fault_count++] = *fault;
    return true;
}

bool kith_scenario_add_check(struct kith_scenario *scenario, enum kith_scenario_metric metric,
                             bool is_most, double bound)
{
    if (scenario->check_count == KITH_SCENARIO_CHECKS_MAX) return false;
    scenario->check[scenario->check_count++] =
        (struct kith_scenario_check){.metric = metric, .is_most = is_most, .bound = bound};
    return true;
}

/* --- groups --- */

/* The ends of the groups move in proportion, so that no rounding adds up. */
void kith_scenario_resize(struct kith_scenario *scenario, uint32_t nodes)
{
    uint64_t before = 0;
    uint32_t first = 0;
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        struct kith_scenario_group *group = &scenario->group[i];
        before += group->nodes;
        uint32_t end = (uint32_t)(before * nodes / scenario->nodes);
        group->nodes = end > first ? end - first : 1;
        first += group->nodes;
    }
    scenario->nodes = scenario->group_count > 0 ? first : nodes;
}

const struct kith_scenario_group *kith_scenario_of(const struct kith_scenario *scenario,
                                                   uint32_t node, uint32_t *ret_place)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        const struct kith_scenario_group *group = &scenario->group[i];
        *ret_place = node - first;
        if (node < first + group->nodes) return group;
        first += group->nodes;
    }
    *ret_place = node;
    return &scenario->all;
}

void kith_scenario_range(const struct kith_scenario *scenario, uint32_t group, uint32_t *ret_first,
                         uint32_t *ret_count)
{
    *ret_first = 0;
    *ret_count = scenario->nodes;
    if (group >= scenario->group_count) return;
    for (uint32_t i = 0; i < group; i++)
        *ret_first += scenario->group[i].nodes;
    *ret_count = scenario->group[group].nodes;
}

/* --- checks of what is described --- */

struct row {
    const char *field;
    const char *allowed;
    bool good;
};

static int first_bad(const struct row *rows, size_t count, const char **ret_field,
                     const char **ret_allowed)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].good) continue;
        *ret_field = rows[i].field;
        *ret_allowed = rows[i].allowed;
        return KITH_ERR_RANGE;
    }
    return 0;
}

/* A comparison that is false for NaN. */
static bool within(double value, double least, double most)
{
    return value >= least && value <= most;
}

static int check_knobs(const struct kith_knob *knobs, size_t count, const void *at,
                       const char **ret_field, const char **ret_allowed)
{
    const struct kith_knob *bad = kith_knobs_check(knobs, count, at);
    if (!bad) return 0;
    *ret_field = bad->name;
    *ret_allowed = "within its bounds";
    return KITH_ERR_RANGE;
}

static int check_group(const struct kith_scenario *scenario,
                       const struct kith_scenario_group *group, const char **ret_field,
                       const char **ret_allowed)
{
    const struct row rows[] = {
        {"model", "1 to 16 of them",
         group->model_count >= 1 && group->model_count <= KITH_SIM_MODELS_MAX &&
             group->model_first + group->model_count <= scenario->model_count},
        {"classes", "at most 16 sets",
         group->class_count <= KITH_SIM_CLASS_SETS_MAX &&
             group->class_first + group->class_count <= scenario->class_set_count},
        {"links-wanted", "at most links-max", group->node.links_wanted <= group->node.links_max},
    };
    int err = first_bad(rows, sizeof rows / sizeof *rows, ret_field, ret_allowed);
    return err ? err
               : check_knobs(kith_node_knobs, kith_node_knob_count, group, ret_field, ret_allowed);
}

static bool who_is_good(const struct kith_scenario *scenario, const struct kith_scenario_who *who)
{
    uint32_t first, count;
    if (who->group != KITH_SCENARIO_EVERYONE && who->group >= scenario->group_count) return false;
    kith_scenario_range(scenario, who->group, &first, &count);
    if (who->count > 0) return who->first < count && who->count <= count - who->first;
    return within(who->share, 0, 1);
}

enum { PAUSE_MAX_S = 3600 };

static bool value_is_good(const struct kith_scenario_fault *fault)
{
    switch (fault->kind) {
    case KITH_FAULT_PAUSE:
        return fault->until_s > 0 && fault->until_s - fault->at_s <= PAUSE_MAX_S;
    case KITH_FAULT_SPEED:
        return within(fault->value, 0.001, 1000);
    case KITH_FAULT_BANDWIDTH:
        return within(fault->value, 0, 34000);
    case KITH_FAULT_LOSS:
        return within(fault->value, 0, 0.9);
    case KITH_FAULT_SKEW:
        return within(fault->value, -1e12, 1e12);
    case KITH_FAULT_DISK:
        return within(fault->value, 0, 2);
    case KITH_FAULT_DHT:
        return within(fault->value, 0, 4);
    default:
        return true;
    }
}

static int check_fault(const struct kith_scenario *scenario,
                       const struct kith_scenario_fault *fault, const char **ret_field,
                       const char **ret_allowed)
{
    bool is_cut = fault->kind == KITH_FAULT_CLOSE;
    const struct row rows[] = {
        {"fault", "no GROUP and no OPEN",
         fault->kind != KITH_FAULT_GROUP && fault->kind != KITH_FAULT_OPEN},
        {"fault at", "0 to 100000000 s", within(fault->at_s, 0, KITH_SCENARIO_S_MAX)},
        {"fault until", "0, or later than its start and at most 100000000 s",
         fault->until_s == 0 ||
             (fault->until_s > fault->at_s && within(fault->until_s, 0, KITH_SCENARIO_S_MAX))},
        {"fault nodes", "a share from 0 to 1, or nodes of a group that are there",
         who_is_good(scenario, &fault->who) && (!is_cut || who_is_good(scenario, &fault->from))},
        {"fault value", "one that its kind allows; a pause needs until, at most 3600 s later",
         value_is_good(fault)},
    };
    return first_bad(rows, sizeof rows / sizeof *rows, ret_field, ret_allowed);
}

static bool groups_are_all(const struct kith_scenario *scenario)
{
    uint64_t sum = 0;
    if (scenario->group_count > KITH_SCENARIO_GROUPS_MAX) return false;
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        if (scenario->group[i].nodes < 1) return false;
        sum += scenario->group[i].nodes;
    }
    return scenario->group_count == 0 || sum == scenario->nodes;
}

static bool regions_are_good(const struct kith_scenario *scenario)
{
    uint32_t count = scenario->region_count;
    if (count > KITH_SCENARIO_REGIONS_MAX || scenario->all.region > count) return false;
    for (uint32_t i = 0; i < scenario->group_count; i++)
        if (scenario->group[i].region > count) return false;
    for (uint32_t i = 0; i < count * count; i++)
        if (scenario->region_us[i] == 0 || scenario->region_us[i] > 10 * 1000 * 1000) return false;
    return true;
}

static bool churn_is_good(const struct kith_scenario *scenario)
{
    for (uint32_t i = 0; i < scenario->churn_count; i++)
        if (scenario->churn[i].node >= scenario->nodes) return false;
    return true;
}

static int check_whole(const struct kith_scenario *scenario, const char **ret_field,
                       const char **ret_allowed)
{
    bool learns = scenario->all.node.learns;
    bool ends = scenario->virtual_s > 0 || (learns && scenario->rounds > 0);
    const struct row rows[] = {
        {"groups", "at most 32, each of 1 or more nodes, all nodes together",
         groups_are_all(scenario)},
        {"model", "1 to 16 of them",
         scenario->model_count >= 1 && scenario->model_count <= KITH_SIM_MODELS_MAX},
        {"classes", "at most 16 sets", scenario->class_set_count <= KITH_SIM_CLASS_SETS_MAX},
        {"rounds", "a number above 0, unless --seconds is given", ends || !learns},
        {"no-training", "given with --seconds: no round would ever end", ends || learns},
        {"dht-delay-max", "at least dht-delay-min",
         scenario->dht.delay_min_us <= scenario->dht.delay_max_us},
        {"regions", "at most 16, with a latency of each pair", regions_are_good(scenario)},
        {"churn", "a trace of nodes that are there", churn_is_good(scenario)},
        {"faults", "at most 256", scenario->fault_count <= KITH_SCENARIO_FAULTS_MAX},
        {"checks", "at most 32", scenario->check_count <= KITH_SCENARIO_CHECKS_MAX},
    };
    return first_bad(rows, sizeof rows / sizeof *rows, ret_field, ret_allowed);
}

static bool has_liars(const struct kith_scenario *scenario)
{
    if (scenario->group_count == 0) return scenario->all.lying.lie != KITH_LIE_NONE;
    for (uint32_t i = 0; i < scenario->group_count; i++)
        if (scenario->group[i].lying.lie != KITH_LIE_NONE) return true;
    return false;
}

/* Baselines have no network, no clock and no liars: what would be without effect is refused. */
static int check_baseline(const struct kith_scenario *scenario, const char **ret_field,
                          const char **ret_allowed)
{
    const char *other = "left out with --algorithm, which has no network, clock or liars";
    const struct row rows[] = {
        {"no-training", other, scenario->all.node.learns},
        {"seconds", other, scenario->virtual_s <= 0},
        {"fault", other, scenario->fault_count == 0},
        {"churn", other, scenario->churn_count == 0 && scenario->churn_path[0] == '\0'},
        {"check", other, scenario->check_count == 0},
        {"lie", other, !has_liars(scenario)},
        {"model", "the same for all with --algorithm", scenario->model_count == 1},
    };
    if (scenario->baseline.algorithm == KITH_ALGORITHM_KITH) return 0;
    int err = first_bad(rows, sizeof rows / sizeof *rows, ret_field, ret_allowed);
    if (err) return err;
    return kith_baseline_check(&scenario->baseline, scenario->nodes, ret_field, ret_allowed);
}

int kith_scenario_check(const struct kith_scenario *scenario, const char **ret_field,
                        const char **ret_allowed)
{
    int err = check_knobs(kith_run_knobs, kith_run_knob_count, scenario, ret_field, ret_allowed);
    if (!err) err = check_whole(scenario, ret_field, ret_allowed);
    if (!err) err = check_baseline(scenario, ret_field, ret_allowed);
    if (!err) err = check_group(scenario, &scenario->all, ret_field, ret_allowed);
    for (uint32_t i = 0; !err && i < scenario->group_count; i++)
        err = check_group(scenario, &scenario->group[i], ret_field, ret_allowed);
    for (uint32_t i = 0; !err && i < scenario->fault_count; i++)
        err = check_fault(scenario, &scenario->fault[i], ret_field, ret_allowed);
    return err;
}

/* --- when things happen --- */

double kith_scenario_settled_s(const struct kith_scenario *scenario)
{
    double last = scenario->all.start_s + scenario->all.start_within_s;
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        const struct kith_scenario_group *group = &scenario->group[i];
        double started = group->start_s + group->start_within_s;
        if (i == 0 || started > last) last = started;
    }
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        const struct kith_scenario_fault *fault = &scenario->fault[i];
        if (fault->at_s > last) last = fault->at_s;
        if (fault->until_s > last) last = fault->until_s;
    }
    if (scenario->churn_count > 0 && scenario->churn[scenario->churn_count - 1].at_s > last)
        last = scenario->churn[scenario->churn_count - 1].at_s;
    return last;
}

bool kith_scenario_restarts(const struct kith_scenario *scenario)
{
    if (scenario->churn_count > 0) return true;
    if (scenario->all.disk != KITH_SIM_DISK_GOOD) return true;
    for (uint32_t i = 0; i < scenario->group_count; i++)
        if (scenario->group[i].disk != KITH_SIM_DISK_GOOD) return true;
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        const struct kith_scenario_fault *fault = &scenario->fault[i];
        if (fault->kind == KITH_FAULT_START || fault->kind == KITH_FAULT_DISK) return true;
        bool goes = fault->kind == KITH_FAULT_KILL || fault->kind == KITH_FAULT_CUT_OFF ||
                    fault->kind == KITH_FAULT_STOP;
        if (goes && fault->until_s > 0) return true;
    }
    return false;
}
