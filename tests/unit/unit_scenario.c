#include "sim/scenario.h"

#include <stdlib.h>

#include "base/err.h"
#include "sim/scenario_metrics.h"
#include "sim/sim_swarm.h"
#include "tests/test.h"

enum { SECOND = 1000000 };

static struct kith_sim_run_config config;
static struct kith_swarm *swarm;

/* So many nodes of a small task. */
static struct kith_scenario *small(uint32_t nodes)
{
    kith_sim_run_config_default(&config);
    config.scenario.nodes = nodes;
    config.scenario.rounds = 1000000;
    strcpy(config.scenario.model[0], "mlp:8");
    return &config.scenario;
}

/* Two groups of so many. */
static struct kith_scenario *halves(uint32_t left, uint32_t right)
{
    struct kith_scenario *scenario = small(left + right);
    scenario->group_count = 2;
    scenario->group[0] = scenario->group[1] = scenario->all;
    scenario->group[0].nodes = left;
    scenario->group[1].nodes = right;
    return scenario;
}

static void run_for(double seconds)
{
    struct kith_world_config world;
    char error[KITH_SIM_SWARM_TEXT_MAX];
    const char *field, *allowed;
    check_int(kith_scenario_check(&config.scenario, &field, &allowed), 0);
    kith_swarm_world_config(&config, &world);
    if (kith_swarm_new(&config, &world, &swarm, error)) abort();
    check_int(kith_scenario_schedule(&config.scenario, swarm->world, world.seed), 0);
    check(kith_world_run(swarm->world, (uint64_t)(seconds * SECOND)));
}

static const struct kith_stats *stats_of(uint32_t node)
{
    return kith_node_stats(kith_world_node(swarm->world, node));
}

static uint32_t up_count(void)
{
    uint32_t up = 0;
    for (uint32_t i = 0; i < config.scenario.nodes; i++)
        up += kith_world_state(swarm->world, i) == KITH_WORLD_UP;
    return up;
}

static const struct kith_scenario_who everyone = {.group = KITH_SCENARIO_EVERYONE, .share = 1};

/* --- the description --- */

static void groups_keep_their_shares(void)
{
    struct kith_scenario *scenario = halves(20, 60);
    uint32_t place, first, count;
    check(kith_scenario_of(scenario, 19, &place) == &scenario->group[0]);
    check_int(place, 19);
    check(kith_scenario_of(scenario, 20, &place) == &scenario->group[1]);
    check_int(place, 0);
    kith_scenario_resize(scenario, 8);
    check_int(scenario->nodes, 8);
    check_int(scenario->group[0].nodes, 2);
    kith_scenario_range(scenario, 1, &first, &count);
    check(first == 2 && count == 6);
    kith_scenario_resize(scenario, 2);
    check(scenario->group[0].nodes == 1 && scenario->group[1].nodes == 1);
    scenario->group_count = 0;
    kith_scenario_resize(scenario, 5);
    check_int(scenario->nodes, 5);
    check(kith_scenario_of(scenario, 4, &place) == &scenario->all && place == 4);
}

static void what_cannot_be_is_refused(void)
{
    const char *field = "", *allowed;
    struct kith_scenario *scenario = halves(2, 3);
    check_int(kith_scenario_check(scenario, &field, &allowed), 0);
    scenario->nodes = 6;
    check_int(kith_scenario_check(scenario, &field, &allowed), KITH_ERR_RANGE);
    check_str(field, "groups");
    scenario = halves(2, 3);
    scenario->group[1].model_first = 1;
    check_int(kith_scenario_check(scenario, &field, &allowed), KITH_ERR_RANGE);
    check_str(field, "model");
    scenario = halves(2, 3);
    struct kith_scenario_fault kill = {.kind = KITH_FAULT_KILL, .at_s = 5, .until_s = 5};
    kill.who = everyone;
    check(kith_scenario_add_fault(scenario, &kill));
    check_int(kith_scenario_check(scenario, &field, &allowed), KITH_ERR_RANGE);
    check_str(field, "fault until");
    scenario->fault[0].until_s = 6;
    scenario->fault[0].who = (struct kith_scenario_who){.group = 1, .first = 2, .count = 2};
    check_int(kith_scenario_check(scenario, &field, &allowed), KITH_ERR_RANGE);
    check_str(field, "fault nodes");
    scenario->fault[0].who.first = 1;
    check_int(kith_scenario_check(scenario, &field, &allowed), 0);
}

static void a_share_is_drawn(void)
{
    uint8_t seed[KITH_SEED_LEN] = {1};
    bool a[80], b[80];
    struct kith_scenario *scenario = halves(20, 60);
    struct kith_scenario_who who = {.group = 1, .share = 0.5, .with_first = true};
    check_int(kith_scenario_pick(scenario, &who, seed, 0, a), 30);
    check(a[20]);
    uint32_t count = 0, different = 0;
    check_int(kith_scenario_pick(scenario, &who, seed, 1, b), 30);
    for (uint32_t i = 0; i < 80; i++) {
        count += a[i];
        different += a[i] != b[i];
        if (i < 20) check(!a[i]);
    }
    check_int(count, 30);
    check(different > 0);
}

/* --- what it does --- */

static void groups_have_their_own_models_and_speeds(void)
{
    struct kith_scenario *scenario = halves(2, 2);
    scenario->model_count = 2;
    strcpy(scenario->model[1], "mlp:24,12");
    scenario->group[1].model_first = 1;
    scenario->all.gflops = scenario->group[0].gflops = 0.01; /* a round takes about 0.1 s */
    scenario->group[1].gflops = 0.0005;
    run_for(20);
    check_int(kith_swarm_arch(swarm, 1)->width[1], 8);
    check_int(kith_swarm_arch(swarm, 2)->width[1], 24);
    check(stats_of(0)->round >= 15);
    check(stats_of(2)->round <= 8);
    kith_swarm_free(swarm);
}

static void equal_labels_share_the_data_out(void)
{
    struct kith_scenario *scenario = halves(2, 2);
    scenario->class_set_count = 1;
    check_int(kith_classes_parse("0-4", 10, &scenario->class_set[0]), 0);
    scenario->group[1].class_count = 1;
    run_for(0);
    uint32_t all = kith_swarm_samples(swarm, 0) + kith_swarm_samples(swarm, 1);
    uint32_t few = kith_swarm_samples(swarm, 2) + kith_swarm_samples(swarm, 3);
    check_int(all, swarm->task.train.count - swarm->task.public_count - swarm->task.audit_count);
    check(few > 0.4 * all && few < 0.6 * all);
    for (uint32_t i = swarm->first_row[2]; i < swarm->first_row[4]; i++)
        check(swarm->task.train.labels[swarm->rows[i]] < 5);
    kith_swarm_free(swarm);
}

static void a_group_may_start_late(void)
{
    struct kith_scenario *scenario = halves(2, 4);
    scenario->group[1].start_s = 10;
    check(kith_scenario_settled_s(scenario) >= 11);
    run_for(9.9);
    check_int(up_count(), 2);
    check(kith_world_run(swarm->world, 11 * SECOND));
    check_int(up_count(), 6);
    kith_swarm_free(swarm);
}

static void a_ring_of_bootstraps_finds_everyone_without_the_dht(void)
{
    struct kith_scenario *scenario = small(6);
    scenario->all.bootstrap = KITH_BOOTSTRAP_PREVIOUS;
    scenario->all.node.dht = false;
    run_for(30);
    for (uint32_t i = 0; i < 6; i++)
        check_int(stats_of(i)->peers, 5);
    kith_swarm_free(swarm);
    small(6)->all.bootstrap = KITH_BOOTSTRAP_NONE;
    config.scenario.all.node.dht = false;
    run_for(30);
    check_int(stats_of(0)->peers, 0);
    kith_swarm_free(swarm);
}

static void who_is_killed_comes_back(void)
{
    struct kith_scenario *scenario = halves(3, 3);
    struct kith_scenario_fault kill = {.kind = KITH_FAULT_KILL, .at_s = 5, .until_s = 10};
    kill.who = (struct kith_scenario_who){.group = 1, .first = 1, .count = 2};
    check(!kith_scenario_restarts(scenario));
    check(kith_scenario_add_fault(scenario, &kill));
    check(kith_scenario_restarts(scenario));
    run_for(9);
    check_int(up_count(), 4);
    check(kith_world_state(swarm->world, 3) == KITH_WORLD_UP);
    check(kith_world_state(swarm->world, 4) == KITH_WORLD_DOWN);
    check(kith_world_run(swarm->world, 10 * SECOND));
    check_int(up_count(), 6);
    kith_swarm_free(swarm);
}

static struct kith_scenario_fault cut(uint32_t group, double at_s, double until_s)
{
    struct kith_scenario_fault fault = {.kind = KITH_FAULT_CLOSE, .at_s = at_s, .until_s = until_s};
    fault.who = (struct kith_scenario_who){.group = group, .share = 1};
    fault.from = everyone;
    return fault;
}

static struct kith_sim_result look(void)
{
    struct kith_sim_result result = {0};
    if (kith_scenario_look(swarm->world, &result)) abort();
    return result;
}

static void a_cut_splits_the_nodes_and_heals(void)
{
    struct kith_scenario *scenario = halves(3, 4);
    struct kith_scenario_fault fault = cut(1, 10, 130);
    check(kith_scenario_add_fault(scenario, &fault));
    run_for(9.9);
    check_int(look().unlisted, 0);
    check_int(look().components, 1);
    check(kith_world_run(swarm->world, 129 * SECOND));
    check_int(look().components, 2);
    check_int(look().unlisted, 2 * 3 * 4);
    check(kith_world_run(swarm->world, 220 * SECOND));
    check_int(look().components, 1);
    check_int(look().unlisted, 0);
    kith_swarm_free(swarm);
}

/* While the first cut lasts the second one ends: the way stays closed. */
static void cuts_may_overlap(void)
{
    struct kith_scenario *scenario = halves(2, 2);
    struct kith_scenario_fault longer = cut(1, 10, 140), shorter = cut(0, 20, 30);
    check(kith_scenario_add_fault(scenario, &longer));
    check(kith_scenario_add_fault(scenario, &shorter));
    run_for(139);
    check_int(look().components, 2);
    check_int(look().unlisted, 8);
    kith_swarm_free(swarm);
}

/* One node alone hears nothing and is heard by nobody, one way is enough. */
static void one_way_is_enough_to_lose_a_node(void)
{
    struct kith_scenario *scenario = small(4);
    struct kith_scenario_fault fault = cut(KITH_SCENARIO_EVERYONE, 5, 0);
    fault.who = (struct kith_scenario_who){.group = KITH_SCENARIO_EVERYONE, .first = 3, .count = 1};
    fault.way = KITH_WAY_IN;
    check(kith_scenario_add_fault(scenario, &fault));
    run_for(120);
    check_int(look().components, 2);
    check_int(stats_of(3)->peers, 0);
    check_int(stats_of(0)->peers, 2);
    kith_swarm_free(swarm);
}

/* --- checks --- */

static void checks_are_read_and_written(void)
{
    struct kith_scenario_check check_;
    char text[64];
    check(kith_scenario_check_parse("accuracy-mean >= 80.5", &check_));
    check(check_.metric == KITH_METRIC_ACCURACY_MEAN && !check_.is_most);
    kith_scenario_check_text(&check_, text, sizeof text);
    check_str(text, "accuracy-mean >= 80.5");
    check(kith_scenario_check_parse("components<=1", &check_));
    check(check_.metric == KITH_METRIC_COMPONENTS && check_.is_most);
    const char *const bad[] = {"",           "accuracy-mean", "accuracy >= 3",  "alive > 3",
                               "alive >= x", "alive >= 3 4",  "alive >= nan",   "alive >=",
                               ">= 3",       "alive == 3",    "alive >= 1e999", "alive  >= 3 "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check(!kith_scenario_check_parse(bad[i], &check_));
}

static char *text_of(int *ret_status)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (!out) abort();
    *ret_status = kith_sim_run(&config, out, out);
    fclose(out);
    return text;
}

static void a_check_that_fails_is_said(void)
{
    struct kith_scenario *scenario = small(3);
    int status;
    scenario->rounds = 4;
    check(kith_scenario_add_check(scenario, KITH_METRIC_UNLISTED, true, 0));
    check(kith_scenario_add_check(scenario, KITH_METRIC_ALIVE, false, 3));
    char *text = text_of(&status);
    check_int(status, 0);
    check(!strstr(text, "check failed"));
    free(text);
    check(kith_scenario_add_check(scenario, KITH_METRIC_ALIVE, false, 4));
    text = text_of(&status);
    check_int(status, 1);
    check(strstr(text, "check failed: alive >= 4: it is 3\n"));
    free(text);
}

int main(void)
{
    run(groups_keep_their_shares);
    run(what_cannot_be_is_refused);
    run(a_share_is_drawn);
    run(groups_have_their_own_models_and_speeds);
    run(equal_labels_share_the_data_out);
    run(a_group_may_start_late);
    run(a_ring_of_bootstraps_finds_everyone_without_the_dht);
    run(who_is_killed_comes_back);
    run(a_cut_splits_the_nodes_and_heals);
    run(cuts_may_overlap);
    run(one_way_is_enough_to_lose_a_node);
    run(checks_are_read_and_written);
    run(a_check_that_fails_is_said);
    return test_end();
}
