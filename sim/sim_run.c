#include "sim/sim_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "sim/scenario_metrics.h"
#include "sim/sim_swarm.h"
#include "sim/sim_watch.h"

enum {
    CHUNK_US = 250 * 1000,          /* between two looks at how far the nodes are */
    STOPPING_US = 60 * 1000 * 1000, /* the longest a world may take to stop */
    /* Measured, rounded up: what a node takes besides its models, and for each parameter (weights,
     * momentum, a peer's model, scratch, room for snapshots). */
    NODE_BYTES = 2500 * 1000,
    PARAM_BYTES = 75,
};

void kith_sim_run_config_default(struct kith_sim_run_config *ret)
{
    memset(ret, 0, sizeof *ret);
    kith_scenario_default(&ret->scenario);
    ret->threads = 1;
}

/* One run under way. */
struct run {
    const struct kith_sim_run_config *config;
    struct kith_swarm *swarm;
    struct kith_sim_watch watch;
    FILE *err;
    double wall_from_s;
    double cpu_from_s;
    uint32_t *correct; /* [nodes] of the whole test set, UINT32_MAX: no model; NULL: not tested */
};

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- running --- */

/* How far the run is, 0 to 1: by the slower of its nodes' mean, or by time. */
static double progress_of(const struct run *run, bool *ret_is_done)
{
    const struct kith_sim_run_config *config = run->config;
    const struct kith_world *world = run->swarm->world;
    double done = 0;
    uint32_t up = 0, ready = 0;
    for (uint32_t i = 0; i < config->scenario.nodes; i++) {
        if (kith_world_state(world, i) != KITH_WORLD_UP) continue;
        uint64_t round = kith_node_stats(kith_world_node(world, i))->round;
        up++;
        ready += round >= config->scenario.rounds;
        if (config->scenario.rounds > 0) done += (double)round / (double)config->scenario.rounds;
    }
    double now_s = (double)kith_world_now_us(world) / 1e6;
    double by_time = config->scenario.virtual_s > 0 ? now_s / config->scenario.virtual_s : 0;
    double by_rounds = up > 0 ? done / up : 0;
    bool is_settled = now_s >= kith_scenario_settled_s(&config->scenario);
    *ret_is_done = by_time >= 1 || (config->scenario.rounds > 0 && ready == up && is_settled);
    return by_time > by_rounds ? by_time : by_rounds;
}

static bool all_stopped(const struct run *run)
{
    for (uint32_t i = 0; i < run->config->scenario.nodes; i++)
        if (kith_world_state(run->swarm->world, i) == KITH_WORLD_UP) return false;
    return true;
}

static bool is_told_to_stop(const struct run *run)
{
    return run->config->stop && *run->config->stop;
}

/* True if no check failed. */
static bool run_world(struct run *run, struct kith_sim_result *result)
{
    struct kith_world *world = run->swarm->world;
    bool is_done = false, is_good = true;
    while (is_good && !is_done && !is_told_to_stop(run)) {
        is_good = kith_world_run(world, kith_world_now_us(world) + CHUNK_US);
        kith_sim_watch_tick(&run->watch, progress_of(run, &is_done),
                            seconds_of(CLOCK_MONOTONIC) - run->wall_from_s);
    }
    kith_sim_watch_close(&run->watch);
    result->virtual_s = (double)kith_world_now_us(world) / 1e6;
    /* What the nodes knew of each other before they said goodbye. */
    kith_sim_trust_of(run->swarm, &result->trust);
    if (kith_scenario_look(world, result)) kith_world_fail(world, 0, "out of memory");
    for (uint32_t i = 0; i < run->config->scenario.nodes; i++) {
        struct kith_fault stop = {.kind = KITH_FAULT_STOP, .node = i};
        kith_world_at(world, 0, &stop);
    }
    uint64_t limit_us = kith_world_now_us(world) + STOPPING_US;
    while (is_good && !all_stopped(run) && kith_world_now_us(world) < limit_us)
        is_good = kith_world_run(world, kith_world_now_us(world) + CHUNK_US);
    if (is_good && !all_stopped(run)) kith_world_fail(world, 0, "nodes did not stop");
    return kith_world_failure(world) == NULL;
}

/* --- what came out --- */

static bool has_lived(const struct run *run, uint32_t node)
{
    const struct kith_world *world = run->swarm->world;
    return kith_world_node(world, node) || kith_world_down_since_us(world, node) > 0;
}

static void per_node(struct kith_sim_bytes *bytes, uint32_t count)
{
    bytes->all /= count;
    bytes->gossip /= count;
    bytes->weights /= count;
    bytes->labels /= count;
    bytes->other /= count;
}

static void add_rounds(struct kith_sim_result *result, uint64_t round)
{
    result->rounds_mean += (double)round;
    if (round < result->rounds_least) result->rounds_least = round;
    if (round > result->rounds_most) result->rounds_most = round;
}

/* What all nodes counted in all their lives; rounds of those that are not down. */
static void count_stats(const struct run *run, struct kith_sim_result *result)
{
    uint32_t lived = 0, there = 0;
    struct kith_stats *all = &result->all;
    *all = run->watch.gone;
    result->rounds_least = UINT64_MAX;
    for (uint32_t i = 0; i < run->config->scenario.nodes; i++) {
        const struct kith_node *node = kith_world_node(run->swarm->world, i);
        lived += has_lived(run, i);
        if (!node) continue;
        kith_sim_stats_add(all, kith_node_stats(node));
        add_rounds(result, kith_node_stats(node)->round);
        there++;
    }
    if (there > 0) result->rounds_mean /= there;
    if (there == 0) result->rounds_least = 0;
    if (lived == 0) return;
    result->lived = lived;
    result->sent = kith_sim_bytes_sent(all);
    result->received = kith_sim_bytes_received(all);
    per_node(&result->sent, lived);
    per_node(&result->received, lived);
}

static int count_accuracy(struct run *run, struct kith_sim_result *result)
{
    uint32_t nodes = run->config->scenario.nodes;
    double *values = calloc(nodes, sizeof *values);
    run->correct = calloc(nodes, sizeof *run->correct);
    int err = run->correct && values ? 0 : KITH_ERR_NOMEM;
    for (uint32_t i = 0; !err && i < nodes; i++)
        run->correct[i] = UINT32_MAX;
    if (!err && run->config->scenario.all.node.learns) {
        err = kith_swarm_test(run->swarm, run->config->threads, run->correct);
        if (!err) err = kith_swarm_average(run->swarm, &result->average);
    }
    for (uint32_t i = 0; !err && i < nodes; i++)
        if (run->correct[i] != UINT32_MAX && !kith_swarm_lies(run->swarm, i))
            values[result->learners++] = 100.0 * run->correct[i] / run->swarm->test.count;
    if (!err && result->learners > 0)
        result->accuracy = kith_sim_spread_of(values, result->learners);
    free(values);
    return err;
}

static int collect(struct run *run, struct kith_sim_result *result)
{
    result->nodes = run->config->scenario.nodes;
    result->steps = kith_world_counters(run->swarm->world)->steps;
    result->trace = kith_world_hash(run->swarm->world);
    count_stats(run, result);
    int err = count_accuracy(run, result);
    if (!err) err = kith_swarm_digest(run->swarm, &result->digest);
    result->wall_s = seconds_of(CLOCK_MONOTONIC) - run->wall_from_s;
    result->cpu_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - run->cpu_from_s;
    return err;
}

/* What the caller asked for. */
static void hand_over(const struct run *run, const struct kith_sim_result *result)
{
    const struct kith_sim_run_config *config = run->config;
    if (config->result) *config->result = *result;
    for (uint32_t i = 0; config->accuracy && i < config->scenario.nodes; i++) {
        uint32_t correct = run->correct[i];
        config->accuracy[i] =
            correct == UINT32_MAX ? (double)NAN : 100.0 * correct / run->swarm->test.count;
    }
}

static int finish(struct run *run, struct kith_sim_result *result, FILE *out)
{
    int err = collect(run, result);
    if (err) {
        fprintf(run->err, "%s\n", kith_err_text(err));
        return err;
    }
    bool is_cut = is_told_to_stop(run);
    if (is_cut) fprintf(run->err, "interrupted after %.3f virtual s\n", result->virtual_s);
    if (out) kith_sim_report_table(run->config, result, out);
    hand_over(run, result);
    err = kith_sim_watch_finish(&run->watch, result, run->correct);
    bool holds = is_cut || kith_scenario_judge(&run->config->scenario, result, run->err) == 0;
    return !err && !holds ? KITH_ERR_RANGE : err;
}

/* False, and a line, if the nodes cannot fit this machine: a run that is killed by the kernel when
 * it is half done helps nobody, and may not die alone. */
static bool fits(const struct run *run)
{
    const struct kith_sim_run_config *config = run->config;
    double bytes = 0;
    for (uint32_t i = 0; i < config->scenario.nodes; i++) {
        bytes += NODE_BYTES;
        if (!config->scenario.all.node.learns) continue;
        bytes += (double)PARAM_BYTES * (double)kith_swarm_arch(run->swarm, i)->params;
    }
    double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (bytes <= there) return true;
    fprintf(run->err,
            "%u nodes of these models take about %.0f GB of memory, this machine has %.0f GB: take "
            "fewer, or smaller models\n",
            config->scenario.nodes, bytes / 1e9, there / 1e9);
    return false;
}

static int plan(const struct run *run, const uint8_t seed[static KITH_SEED_LEN])
{
    int err = kith_scenario_schedule(&run->config->scenario, run->swarm->world, seed);
    if (err == KITH_ERR_RANGE)
        fprintf(run->err, "the cuts divide the nodes into more than %d parts\n",
                KITH_SIM_GROUPS_MAX);
    else if (err)
        fprintf(run->err, "%s\n", kith_err_text(err));
    return err;
}

/* The run itself, once its world stands. */
static int go(struct run *run, FILE *out)
{
    struct kith_sim_result result = {0};
    const struct kith_scenario *scenario = &run->config->scenario;
    if (run_world(run, &result)) return finish(run, &result, out);
    fprintf(run->err, "check failed %s; again with --nodes %u --seed %llu and the same flags\n",
            kith_world_failure(run->swarm->world), scenario->nodes,
            (unsigned long long)scenario->seed);
    return KITH_ERR_INVALID;
}

int kith_sim_run(const struct kith_sim_run_config *config, FILE *out, FILE *err)
{
    struct run run = {.config = config, .err = err};
    struct kith_world_config world;
    char error[KITH_SIM_SWARM_TEXT_MAX];
    run.wall_from_s = seconds_of(CLOCK_MONOTONIC);
    run.cpu_from_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    kith_swarm_world_config(config, &world);
    kith_sim_watch_hooks(&run.watch, config, &world, err);
    if (kith_swarm_new(config, &world, &run.swarm, error)) {
        fprintf(err, "%s\n", error);
        return 1;
    }
    int status = fits(&run) ? kith_sim_watch_open(&run.watch, run.swarm) : KITH_ERR_NOMEM;
    if (!status) status = plan(&run, world.seed);
    if (!status) status = go(&run, out);
    if (kith_sim_watch_release(&run.watch)) status = 1;
    kith_swarm_free(run.swarm);
    free(run.correct);
    return status ? 1 : 0;
}
