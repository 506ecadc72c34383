#include <malloc.h>
#include <stdlib.h>

#include "base/err.h"
#include "sim/sim_check.h"
#include "sim/sim_report.h"
#include "sim/sim_store.h"
#include "sim/sim_swarm.h"
#include "sim/world_inside.h"
#include "tests/test.h"

enum { SECOND = 1000000 };

static struct kith_sim_run_config small(uint32_t nodes, uint64_t seed, uint32_t threads)
{
    struct kith_sim_run_config config;
    kith_sim_run_config_default(&config);
    config.scenario.nodes = nodes;
    config.scenario.seed = seed;
    config.threads = threads;
    config.scenario.rounds = 4;
    strcpy(config.scenario.model[0], "mlp:16");
    return config;
}

struct outcome {
    struct kith_id trace;
    struct kith_id digest;
    uint64_t steps;
};

/* Run so long, with node 1 killed on the way and back again, and stop all. */
static struct outcome outcome_of(const struct kith_sim_run_config *config)
{
    struct kith_world_config world;
    struct kith_swarm *swarm;
    char error[KITH_SIM_SWARM_TEXT_MAX];
    kith_swarm_world_config(config, &world);
    world.blank_disks = false;
    if (kith_swarm_new(config, &world, &swarm, error)) abort();
    for (uint32_t i = 0; i < config->scenario.nodes; i++) {
        struct kith_fault start = {.kind = KITH_FAULT_START, .node = i};
        struct kith_fault stop = {.kind = KITH_FAULT_STOP, .node = i};
        kith_world_at(swarm->world, i * 20000, &start);
        kith_world_at(swarm->world, 12 * SECOND, &stop);
    }
    struct kith_fault kill = {.kind = KITH_FAULT_KILL, .node = 1};
    struct kith_fault again = {.kind = KITH_FAULT_START, .node = 1};
    kith_world_at(swarm->world, 3 * SECOND + SECOND / 2, &kill);
    kith_world_at(swarm->world, 6 * SECOND, &again);
    if (!kith_world_run(swarm->world, 20 * SECOND)) abort();
    struct outcome ret = {
        .trace = kith_world_hash(swarm->world),
        .steps = kith_world_counters(swarm->world)->steps,
    };
    if (kith_swarm_digest(swarm, &ret.digest)) abort();
    kith_swarm_free(swarm);
    return ret;
}

static void the_same_seed_gives_the_same_trace(void)
{
    struct kith_sim_run_config config = small(6, 5, 1), other = small(6, 6, 1);
    struct outcome a = outcome_of(&config), b = outcome_of(&config), c = outcome_of(&other);
    check(kith_id_eq(&a.trace, &b.trace));
    check(kith_id_eq(&a.digest, &b.digest));
    check_int(a.steps, b.steps);
    check(!kith_id_eq(&a.trace, &c.trace));
    check(!kith_id_eq(&a.digest, &c.digest));
}

static void threads_change_nothing(void)
{
    struct kith_sim_run_config one = small(6, 5, 1), two = small(6, 5, 2), five = small(6, 5, 5);
    struct outcome a = outcome_of(&one), b = outcome_of(&two), c = outcome_of(&five);
    check(kith_id_eq(&a.trace, &b.trace) && kith_id_eq(&a.digest, &b.digest));
    check(kith_id_eq(&a.trace, &c.trace) && kith_id_eq(&a.digest, &c.digest));
}

static void real_signatures_work_too(void)
{
    struct kith_sim_run_config config = small(4, 5, 1);
    config.scenario.real_signatures = true;
    struct outcome a = outcome_of(&config), b = outcome_of(&config);
    check(kith_id_eq(&a.trace, &b.trace));
}

/* --- one world, looked into --- */

static struct kith_swarm *swarm;

/* What the hooks saw. */
struct seen {
    uint64_t jobs;
    uint64_t weights;
    uint64_t labels;
    uint64_t gone_rounds;
    uint32_t gone;
};

static struct seen seen;

static void see_job(void *context, uint32_t node, const struct kith_job *job)
{
    (void)context;
    struct kith_node_source source[32];
    const struct kith_node *one = kith_world_node(swarm->world, node);
    uint32_t count = kith_node_sources(one, source, 32);
    check_int(count, job->pulled_count + job->teacher_count);
    for (uint32_t i = 0; i < count; i++) {
        bool is_weights = source[i].manifest.kind == KITH_MANIFEST_WEIGHTS;
        check_int(source[i].err, 0);
        check(kith_world_find(swarm->world, &source[i].manifest.author) != UINT32_MAX);
        seen.weights += is_weights;
        seen.labels += !is_weights;
    }
    seen.jobs++;
}

static void see_gone(void *context, uint32_t node)
{
    (void)context;
    seen.gone++;
    seen.gone_rounds += kith_node_stats(kith_world_node(swarm->world, node))->round;
}

static void open_swarm(const struct kith_sim_run_config *config)
{
    struct kith_world_config world;
    char error[KITH_SIM_SWARM_TEXT_MAX];
    memset(&seen, 0, sizeof seen);
    kith_swarm_world_config(config, &world);
    world.blank_disks = false;
    world.on_job = see_job;
    world.on_gone = see_gone;
    if (kith_swarm_new(config, &world, &swarm, error)) abort();
    for (uint32_t i = 0; i < config->scenario.nodes; i++) {
        struct kith_fault start = {.kind = KITH_FAULT_START, .node = i};
        kith_world_at(swarm->world, i * 20000, &start);
    }
}

static uint64_t peers_of(uint32_t node)
{
    return kith_node_stats(kith_world_node(swarm->world, node))->peers;
}

static void do_at(uint64_t at_us, enum kith_fault_kind kind, uint32_t node, uint32_t a, uint32_t b)
{
    struct kith_fault fault = {.kind = kind, .node = node, .a = a, .b = b};
    kith_world_at(swarm->world, at_us, &fault);
}

/* Members like others, without a model: they meet, no job is lent, nobody counts a model. */
static void nodes_that_do_not_learn_keep_company(void)
{
    struct kith_sim_run_config config = small(8, 9, 1);
    config.scenario.all.node.learns = false;
    open_swarm(&config);
    check(kith_world_run(swarm->world, 8 * SECOND));
    check_int(kith_world_counters(swarm->world)->jobs, 0);
    for (uint32_t i = 0; i < config.scenario.nodes; i++) {
        const struct kith_node *node = kith_world_node(swarm->world, i);
        check_int(kith_node_stats(node)->peers, 7);
        check_int(kith_node_stats(node)->models, 0);
        check(!kith_node_learner(node));
        do_at(0, KITH_FAULT_STOP, i, 0, 0);
    }
    check(kith_world_run(swarm->world, 10 * SECOND));
    for (uint32_t i = 0; i < config.scenario.nodes; i++)
        check_int(kith_world_state(swarm->world, i), KITH_WORLD_STOPPED);
    kith_swarm_free(swarm);
}

/* The sanitizer's allocator keeps no books; gcc and clang say each in its way that it is there. */
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define IS_SANITIZED
#endif
#endif
#if !defined IS_SANITIZED && !defined __SANITIZE_ADDRESS__
#define HAS_BOOKS
#endif

/* What the allocator handed out while the third node was made: for the first two the world has
 * taken what it lends to all. */
#ifdef HAS_BOOKS
static size_t taken_by_start(const struct kith_sim_run_config *config)
{
    open_swarm(config);
    if (!kith_world_run(swarm->world, 2 * 20000 - 1)) abort();
    struct mallinfo2 before = mallinfo2();
    if (!kith_world_run(swarm->world, 2 * 20000)) abort();
    struct mallinfo2 after = mallinfo2();
    return after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
}
#endif

/* kith_node_memory adds up what kith_node_new allocates; the allocator rounds up a little, and
 * counts small blocks that it keeps for later as handed out. */
static void a_node_knows_what_it_holds(void)
{
#ifdef HAS_BOOKS
    struct kith_sim_run_config config = small(3, 9, 1);
    for (int learns = 0; learns < 2; learns++) {
        config.scenario.all.node.learns = learns;
        size_t taken = taken_by_start(&config);
        size_t held = kith_node_memory(kith_world_node(swarm->world, 2));
        check(held < taken + 1024);
        check(held + held / 20 + 1024 > taken);
        kith_swarm_free(swarm);
    }
#endif
}

/* np never counts oneself: 0, 1, 2 and 19 others. */
static void every_node_lists_all_others(void)
{
    uint32_t sizes[] = {1, 2, 3, 20};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct kith_sim_run_config config = small(sizes[s], 9, 1);
        open_swarm(&config);
        check(kith_world_run(swarm->world, 20 * SECOND));
        for (uint32_t i = 0; i < sizes[s]; i++)
            check_int(peers_of(i), sizes[s] - 1);
        kith_swarm_free(swarm);
    }
}

/* What nodes send for none of the known purposes is next to nothing. */
static uint64_t others_sent(const struct kith_stats *stats)
{
    return stats->bytes_out - stats->gossip_bytes_out - stats->weights_bytes_out -
           stats->labels_bytes_out;
}

static void hooks_see_jobs_their_sources_and_who_is_gone(void)
{
    struct kith_sim_run_config config = small(6, 3, 2);
    open_swarm(&config);
    do_at(20 * SECOND, KITH_FAULT_KILL, 2, 0, 0);
    do_at(20 * SECOND, KITH_FAULT_STOP, 3, 0, 0);
    do_at(30 * SECOND, KITH_FAULT_START, 3, 0, 0);
    check(kith_world_run(swarm->world, 19 * SECOND));
    uint64_t rounds = 0, mixed = 0, taught = 0;
    for (uint32_t i = 0; i < 6; i++) {
        const struct kith_stats *stats = kith_node_stats(kith_world_node(swarm->world, i));
        rounds += stats->round;
        mixed += stats->mixed;
        taught += stats->taught;
        check(stats->gossip_bytes_out > 0 && stats->weights_bytes_out > 0);
        check(stats->labels_bytes_out > 0 && stats->bytes_out / 20 > others_sent(stats));
    }
    check_int(seen.jobs, rounds);
    check_int(seen.weights, mixed);
    check_int(seen.labels, taught);
    check(mixed > 0 && taught > 0 && seen.gone == 0);
    check(kith_world_run(swarm->world, 29 * SECOND));
    check_int(seen.gone, 1);
    check(kith_world_run(swarm->world, 31 * SECOND));
    check_int(seen.gone, 2);
    check_int(seen.gone_rounds, 8);
    kith_swarm_free(swarm);
}

static void a_restarted_node_goes_on_from_its_checkpoint(void)
{
    struct kith_sim_run_config config = small(3, 9, 1);
    config.scenario.rounds = 1000;
    open_swarm(&config);
    do_at(60 * SECOND, KITH_FAULT_KILL, 2, 0, 0);
    do_at(70 * SECOND, KITH_FAULT_START, 2, 0, 0);
    check(kith_world_run(swarm->world, 60 * SECOND));
    check(!kith_world_node(swarm->world, 2));
    check_int(kith_world_state(swarm->world, 2), KITH_WORLD_DOWN);
    check(kith_world_run(swarm->world, 71 * SECOND));
    uint64_t round = kith_node_stats(kith_world_node(swarm->world, 2))->round;
    check(round > 20 && round <= 61); /* the last of them since it is up again */
    check(kith_world_run(swarm->world, 90 * SECOND));
    check_int(peers_of(0), 2);
    check_int(peers_of(2), 2);
    kith_swarm_free(swarm);
}

static void a_partition_splits_the_lists_and_heals(void)
{
    struct kith_sim_run_config config = small(4, 9, 1);
    open_swarm(&config);
    check(kith_world_run(swarm->world, 10 * SECOND));
    for (uint32_t i = 2; i < 4; i++)
        do_at(10 * SECOND, KITH_FAULT_GROUP, i, 1, 0);
    do_at(10 * SECOND, KITH_FAULT_CLOSE, 0, 0, 1);
    do_at(10 * SECOND, KITH_FAULT_CLOSE, 0, 1, 0);
    check(kith_world_run(swarm->world, 110 * SECOND));
    for (uint32_t i = 0; i < 4; i++)
        check_int(peers_of(i), 1);
    do_at(110 * SECOND, KITH_FAULT_OPEN, 0, 0, 1);
    do_at(110 * SECOND, KITH_FAULT_OPEN, 0, 1, 0);
    check(kith_world_run(swarm->world, 300 * SECOND));
    for (uint32_t i = 0; i < 4; i++)
        check_int(peers_of(i), 3);
    kith_swarm_free(swarm);
}

static void a_full_disk_is_reported_and_stops_nothing(void)
{
    struct kith_sim_run_config config = small(2, 9, 1);
    config.scenario.rounds = 1000;
    open_swarm(&config);
    do_at(0, KITH_FAULT_DISK, 1, KITH_SIM_DISK_FULL, 0);
    check(kith_world_run(swarm->world, 90 * SECOND));
    const struct kith_stats *stats = kith_node_stats(kith_world_node(swarm->world, 1));
    check(stats->store_failures > 0);
    check(stats->round > 80);
    check_int(kith_node_stats(kith_world_node(swarm->world, 0))->store_failures, 0);
    kith_swarm_free(swarm);
}

static void checks_find_what_is_wrong(void)
{
    static const uint8_t bytes[KITH_MESSAGE_MAX + 1];
    struct kith_sim_run_config config = small(2, 9, 1);
    struct kith_effect effect = {
        .kind = KITH_EFFECT_SEND,
        .send = {.send_class = KITH_SEND_CONTROL, .head = {bytes, KITH_CONTROL_MAX + 1}},
    };
    open_swarm(&config);
    kith_sim_check_effect(swarm->world, 1, &effect);
    check_str(kith_world_failure(swarm->world),
              "at 0.000000 s, node 1: a control message of 16385 bytes");
    check(!kith_world_run(swarm->world, SECOND));
    kith_swarm_free(swarm);

    open_swarm(&config);
    check(kith_world_run(swarm->world, 10 * SECOND));
    check_int(peers_of(0), 1);
    kith_sim_check_node(swarm->world, 0);
    check(!kith_world_failure(swarm->world));

    /* Node 0's list, taken for node 1's: it holds node 1. */
    struct kith_world_host *hosts = swarm->world->hosts;
    struct kith_node *own = hosts[1].node;
    hosts[1].node = hosts[0].node;
    kith_sim_check_node(swarm->world, 1);
    check_str(kith_world_failure(swarm->world), "at 10.000000 s, node 1: lists itself");
    hosts[1].node = own;

    /* A node that died longer ago than any record lives. */
    swarm->world->has_failed = false;
    hosts[1].down_since_us = swarm->world->now_us;
    swarm->world->now_us += (KITH_SIM_GHOST_S + 1) * KITH_SECOND_US;
    kith_sim_check_node(swarm->world, 0);
    check_str(kith_world_failure(swarm->world),
              "at 1031.000000 s, node 0: lists node 1, gone since 10.000 s");
    kith_swarm_free(swarm);
}

/* --- the whole run, as the command does it --- */

static char *text_of(const struct kith_sim_run_config *config, int *ret_status)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (!out) abort();
    *ret_status = kith_sim_run(config, out, out);
    fclose(out);
    return text;
}

static void a_run_prints_its_table(void)
{
    struct kith_sim_run_config config = small(5, 1, 1);
    int status;
    struct kith_scenario_fault kill = {.kind = KITH_FAULT_KILL, .at_s = 2};
    kill.who = (struct kith_scenario_who){.group = KITH_SCENARIO_EVERYONE, .share = 0.4};
    check(kith_scenario_add_fault(&config.scenario, &kill));
    char *text = text_of(&config, &status);
    check_int(status, 0);
    check(strstr(text, "nodes          5, 3 at the end, seed 1\n"));
    check(strstr(text, "accuracy       mean "));
    check(strstr(text, "trace hash     "));
    check(strstr(text, "weight digest  "));
    check(strstr(text, "  membership "));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        check(strcspn(line, "\n") <= 80);
    free(text);
}

static void a_run_says_what_it_cannot_do(void)
{
    struct kith_sim_run_config config = small(2, 1, 1);
    const char *field, *allowed;
    int status;
    check_int(kith_scenario_check(&config.scenario, &field, &allowed), 0);
    config.trace_path = "/nowhere/trace";
    char *text = text_of(&config, &status);
    check_int(status, 1);
    check_str(text, "/nowhere/trace: No such file or directory\n");
    free(text);
    config = small(2, 1, 1);
    config.json_path = "/nowhere/report";
    text = text_of(&config, &status);
    check_int(status, 1);
    check_str(text, "/nowhere/report: No such file or directory\n");
    free(text);
    config = small(2, 1, 1);
    strcpy(config.scenario.model[0], "cnn:3");
    text = text_of(&config, &status);
    check_int(status, 1);
    check(strstr(text, "model cnn:3: "));
    free(text);
    config.scenario.loss = 0.0 / (double)(config.scenario.nodes - 2);
    check_int(kith_scenario_check(&config.scenario, &field, &allowed), KITH_ERR_RANGE);
    check_str(field, "loss");
}

int main(void)
{
    run(the_same_seed_gives_the_same_trace);
    run(threads_change_nothing);
    run(real_signatures_work_too);
    run(nodes_that_do_not_learn_keep_company);
    run(a_node_knows_what_it_holds);
    run(every_node_lists_all_others);
    run(hooks_see_jobs_their_sources_and_who_is_gone);
    run(a_restarted_node_goes_on_from_its_checkpoint);
    run(a_partition_splits_the_lists_and_heals);
    run(a_full_disk_is_reported_and_stops_nothing);
    run(checks_find_what_is_wrong);
    run(a_run_prints_its_table);
    run(a_run_says_what_it_cannot_do);
    return test_end();
}
