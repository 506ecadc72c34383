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

/* --- machines and networks --- */

/* Two nodes behind the same wall never meet, each meets the public one. */
static void nats_keep_nodes_apart(void)
{
    for (int nat = KITH_SIM_NAT_CONE; nat <= KITH_SIM_NAT_UNREACHABLE; nat++) {
        struct kith_scenario *scenario = halves(1, 2);
        scenario->group[1].nat = (enum kith_sim_nat)nat;
        run_for(60);
        struct kith_id links[4];
        check_int(kith_node_links(kith_world_node(swarm->world, 0), links, 4), 2);
        check_int(kith_node_links(kith_world_node(swarm->world, 1), links, 4), 1);
        check_int(kith_node_links(kith_world_node(swarm->world, 2), links, 4), 1);
        kith_swarm_free(swarm);
    }
}

static void a_paused_node_goes_on_with_all_that_came(void)
{
    struct kith_scenario *scenario = small(3);
    struct kith_scenario_fault pause = {.kind = KITH_FAULT_PAUSE, .at_s = 10, .until_s = 20};
    pause.who = (struct kith_scenario_who){.group = KITH_SCENARIO_EVERYONE, .first = 1, .count = 1};
    check(kith_scenario_add_fault(scenario, &pause));
    run_for(10.1);
    uint64_t round = stats_of(1)->round, in = stats_of(1)->bytes_in;
    check(round > 5 && in > 0);
    check(kith_world_run(swarm->world, 19 * SECOND + 900000));
    check_int(stats_of(1)->round, round);
    check_int(stats_of(1)->bytes_in, in);
    check(kith_world_run(swarm->world, 20 * SECOND));
    check(stats_of(1)->bytes_in > in);
    check(kith_world_run(swarm->world, 40 * SECOND));
    check(stats_of(1)->round > round + 15);
    check_int(look().unlisted, 0);
    kith_swarm_free(swarm);
}

static void regions_have_their_own_latencies(void)
{
    struct kith_scenario *scenario = halves(2, 2);
    scenario->latency = KITH_SIM_LATENCY_CONSTANT;
    scenario->region_count = 2;
    scenario->region_us[0] = 3000;
    scenario->region_us[1] = scenario->region_us[2] = 80000;
    scenario->region_us[3] = 7000;
    scenario->group[0].region = 1;
    scenario->group[1].region = 2;
    run_for(0);
    const struct kith_sim_net *net = kith_world_net(swarm->world);
    check_int(kith_sim_net_latency_us(net, 0, 1), 3000);
    check_int(kith_sim_net_latency_us(net, 1, 2), 80000);
    check_int(kith_sim_net_latency_us(net, 3, 2), 7000);
    kith_swarm_free(swarm);
}

/* Mean and spread of the logarithm over many pairs. */
static void lognormal_latencies_have_their_mean(void)
{
    struct kith_scenario *scenario = small(200);
    scenario->latency = KITH_SIM_LATENCY_LOGNORMAL;
    scenario->latency_ms = 100;
    scenario->latency_sigma = 0.5;
    scenario->all.node.learns = false;
    scenario->virtual_s = 1;
    run_for(0);
    const struct kith_sim_net *net = kith_world_net(swarm->world);
    double sum = 0;
    uint32_t below = 0, pairs = 0;
    for (uint32_t a = 0; a < 200; a++) {
        for (uint32_t b = 0; b < a; b++, pairs++) {
            uint32_t us = kith_sim_net_latency_us(net, a, b);
            sum += us;
            below += us < 88250; /* the median, 100 ms times e^(-1/8) */
        }
    }
    check(sum / pairs > 98000 && sum / pairs < 102000);
    check(below > 0.48 * pairs && below < 0.52 * pairs);
    kith_swarm_free(swarm);
}

static void links_break_so_often(void)
{
    struct kith_scenario *scenario = small(4);
    scenario->cuts_per_hour = 600;
    run_for(60);
    uint64_t cut = kith_sim_net_counters(kith_world_net(swarm->world))->cut;
    check(cut > 25 && cut < 120); /* six links, ten times a minute each */
    kith_swarm_free(swarm);
}

/* --- jobs --- */

static uint64_t rounds_of_all(void)
{
    uint64_t rounds = 0;
    for (uint32_t i = 0; i < config.scenario.nodes; i++)
        rounds += stats_of(i)->round;
    return rounds;
}

static void stragglers_do_less(void)
{
    small(4)->all.gflops = 0.0005;
    run_for(60);
    uint64_t rounds = rounds_of_all();
    kith_swarm_free(swarm);
    struct kith_scenario *scenario = small(4);
    scenario->all.gflops = 0.0005;
    scenario->all.compute.stragglers = 0.5;
    scenario->all.compute.straggler_tail = 1;
    run_for(60);
    check((double)rounds_of_all() < 0.7 * (double)rounds);
    check(rounds_of_all() > 0);
    kith_swarm_free(swarm);
}

/* What gave nothing is not published: nobody mixes it in. */
static void failed_jobs_publish_nothing(void)
{
    struct kith_scenario *scenario = halves(1, 1);
    scenario->group[1].compute.failures = 1;
    run_for(30);
    check(stats_of(1)->round > 20 && stats_of(1)->mixed > 10);
    check_int(stats_of(0)->mixed, 0);
    check(stats_of(0)->round > 20);
    check_int(stats_of(0)->rounds_failed, 0);
    check_int(stats_of(1)->rounds_failed, stats_of(1)->round);
    kith_swarm_free(swarm);
}

/* The steps are undone; what is published are numbers. */
static void jobs_with_nans_publish_numbers(void)
{
    struct kith_scenario *scenario = halves(1, 1);
    scenario->group[1].compute.nans = 1;
    run_for(30);
    check(stats_of(1)->round > 20 && stats_of(1)->mixed > 10);
    check(stats_of(0)->mixed > 10);
    check_int(stats_of(0)->rounds_failed, 0);
    check_int(stats_of(1)->rounds_failed, stats_of(1)->round);
    uint32_t correct[2];
    check_int(kith_swarm_test(swarm, 1, correct), 0);
    check(correct[0] > 600 && correct[1] > 600 && correct[1] != UINT32_MAX);
    kith_swarm_free(swarm);
}

/* --- who comes and goes --- */

static void nodes_follow_a_trace(void)
{
    static const char text[] =
        "time,node,state\n# a comment\n0,0,up\n2.5,2,up\r\n5,0,down\n9,0,up\n";
    struct kith_scenario *scenario = small(3);
    struct kith_churn *churn;
    char error[KITH_CHURN_ERROR_MAX];
    struct kith_bytes bytes = {(const uint8_t *)text, sizeof text - 1};
    check_int(kith_churn_parse("f", bytes, 3, &churn, &scenario->churn_count, error), 0);
    check_int(scenario->churn_count, 4);
    scenario->churn = churn;
    check(kith_scenario_restarts(scenario));
    check(kith_scenario_settled_s(scenario) >= 9);
    run_for(2.4);
    check_int(up_count(), 2); /* node 1 is not in the trace and starts as ever */
    check(kith_world_run(swarm->world, 3 * SECOND));
    check_int(up_count(), 3);
    check(kith_world_run(swarm->world, 6 * SECOND));
    check(kith_world_state(swarm->world, 0) == KITH_WORLD_DOWN);
    check(kith_world_run(swarm->world, 10 * SECOND));
    check_int(up_count(), 3);
    kith_swarm_free(swarm);
    free(churn);
}

static void bad_traces_are_refused(void)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"", "f:1: nobody comes or goes"},
        {"1,0,up\n1,3,up", "f:2: must be time,node,up or time,node,down with a node below 3"},
        {"1,0,up\n0.5,1,up", "f:2: earlier than the line before"},
        {"x,0,up", "f:1: must be time,node,up or time,node,down with a node below 3"},
        {"1,0,away", "f:1: must be time,node,up or time,node,down with a node below 3"},
        {"1,0", "f:1: must be time,node,up or time,node,down with a node below 3"},
        {"-1,0,up", "f:1: must be time,node,up or time,node,down with a node below 3"},
    };
    struct kith_churn *churn;
    uint32_t count;
    char error[KITH_CHURN_ERROR_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kith_bytes bytes = {(const uint8_t *)rows[i].text, strlen(rows[i].text)};
        check_int(kith_churn_parse("f", bytes, 3, &churn, &count, error), KITH_ERR_INVALID);
        check_str(error, rows[i].error);
    }
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
    run(nats_keep_nodes_apart);
    run(a_paused_node_goes_on_with_all_that_came);
    run(regions_have_their_own_latencies);
    run(lognormal_latencies_have_their_mean);
    run(links_break_so_often);
    run(stragglers_do_less);
    run(failed_jobs_publish_nothing);
    run(jobs_with_nans_publish_numbers);
    run(nodes_follow_a_trace);
    run(bad_traces_are_refused);
    run(checks_are_read_and_written);
    run(a_check_that_fails_is_said);
    return test_end();
}
