#include "sim/sim_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "sim/scenario_metrics.h"
#include "sim/sim_swarm.h"
#include "sim/sim_trace.h"

enum {
    CHUNK_US = 250 * 1000,          /* between two looks at how far the nodes are */
    STOPPING_US = 60 * 1000 * 1000, /* the longest a world may take to stop */
    BAR_WIDTH = 30,
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
    struct kith_sim_trace *trace;
    FILE *trace_file;
    FILE *err;
    double wall_from_s;
    double cpu_from_s;
    bool has_bar;
    int percent; /* shown last */
};

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void on_step(void *context, uint32_t node, const struct kith_event *event,
                    const struct kith_effects *effects)
{
    struct run *run = context;
    if (run->trace) kith_sim_trace_step(run->trace, node, event, effects);
}

static void on_fault(void *context, const struct kith_fault *fault)
{
    struct run *run = context;
    if (run->trace) kith_sim_trace_fault(run->trace, fault);
}

static void write_line(void *context, const char *text)
{
    fprintf(context, "%s\n", text);
}

/* Better now than after an hour. An older report stays until the new one is there. */
static int try_json(const struct run *run)
{
    const char *path = run->config->json_path;
    FILE *file = path ? fopen(path, "a") : NULL;
    if (!path || (file && fclose(file) == 0)) return 0;
    fprintf(run->err, "%s: %s\n", path, strerror(errno));
    return KITH_ERR_IO;
}

static int open_trace(struct run *run)
{
    const struct kith_sim_run_config *config = run->config;
    if (!config->trace_path) return 0;
    run->trace_file = fopen(config->trace_path, "w");
    if (!run->trace_file) {
        fprintf(run->err, "%s: %s\n", config->trace_path, strerror(errno));
        return KITH_ERR_IO;
    }
    uint32_t kinds = KITH_SIM_TRACE_ALL & ~(uint32_t)KITH_SIM_TRACE_MESSAGES;
    run->trace = kith_sim_trace_new(run->swarm->world, config->scenario.nodes, kinds,
                                    run->trace_file, write_line);
    if (run->trace) return 0;
    fprintf(run->err, "out of memory\n");
    return KITH_ERR_NOMEM;
}

static int close_trace(struct run *run)
{
    kith_sim_trace_free(run->trace);
    run->trace = NULL;
    if (!run->trace_file) return 0;
    bool is_bad = ferror(run->trace_file) != 0;
    if (fclose(run->trace_file)) is_bad = true;
    run->trace_file = NULL;
    if (!is_bad) return 0;
    fprintf(run->err, "%s: could not be written\n", run->config->trace_path);
    return KITH_ERR_IO;
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

static void draw_bar(struct run *run, double progress)
{
    int percent = (int)(progress * 100 + 0.5);
    if (percent > 100) percent = 100;
    if (!run->has_bar || percent == run->percent) return;
    run->percent = percent;
    char bar[BAR_WIDTH + 1];
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i * 100 < percent * BAR_WIDTH ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    fprintf(run->err, "\r[%s] %3d %%  %.1f virtual s, %.1f s ", bar, percent,
            (double)kith_world_now_us(run->swarm->world) / 1e6,
            seconds_of(CLOCK_MONOTONIC) - run->wall_from_s);
    fflush(run->err);
}

static void clear_bar(struct run *run)
{
    if (run->has_bar) fprintf(run->err, "\r%*s\r", BAR_WIDTH + 50, "");
}

static bool all_stopped(const struct run *run)
{
    for (uint32_t i = 0; i < run->config->scenario.nodes; i++)
        if (kith_world_state(run->swarm->world, i) == KITH_WORLD_UP) return false;
    return true;
}

/* True if no check failed. */
static bool run_world(struct run *run, struct kith_sim_result *result)
{
    struct kith_world *world = run->swarm->world;
    bool is_done = false, is_good = true;
    while (is_good && !is_done) {
        is_good = kith_world_run(world, kith_world_now_us(world) + CHUNK_US);
        draw_bar(run, progress_of(run, &is_done));
    }
    result->virtual_s = (double)kith_world_now_us(world) / 1e6;
    /* What the nodes knew of each other before they said goodbye. */
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

static void add_stats(struct kith_sim_result *result, const struct kith_stats *stats)
{
    result->rounds_mean += (double)stats->round;
    if (stats->round < result->rounds_least) result->rounds_least = stats->round;
    if (stats->round > result->rounds_most) result->rounds_most = stats->round;
    result->sent_per_node += (double)stats->bytes_out;
    result->received_per_node += (double)stats->bytes_in;
    result->bulk_sent_per_node += (double)stats->bulk_bytes_out;
    result->messages += stats->messages_out;
    result->mixed += stats->mixed;
    result->taught += stats->taught;
#define X(name, text)                                                                              \
    if (strncmp(#name, "drop_", 5) == 0) result->dropped += stats->name;
    KITH_STATS_MAP(X)
#undef X
}

static void count_stats(const struct run *run, struct kith_sim_result *result)
{
    uint32_t count = 0;
    result->rounds_least = UINT64_MAX;
    for (uint32_t i = 0; i < run->config->scenario.nodes; i++) {
        const struct kith_node *node = kith_world_node(run->swarm->world, i);
        if (!node) continue;
        add_stats(result, kith_node_stats(node));
        count++;
    }
    if (count == 0) {
        result->rounds_least = 0;
        return;
    }
    result->rounds_mean /= count;
    result->sent_per_node /= count;
    result->received_per_node /= count;
    result->bulk_sent_per_node /= count;
}

static int count_accuracy(const struct run *run, struct kith_sim_result *result)
{
    uint32_t nodes = run->config->scenario.nodes;
    uint32_t *correct = calloc(nodes, sizeof *correct);
    double *values = calloc(nodes, sizeof *values);
    int err = correct && values ? 0 : KITH_ERR_NOMEM;
    for (uint32_t i = 0; !err && i < nodes; i++)
        correct[i] = UINT32_MAX;
    if (!err && run->config->scenario.all.node.learns)
        err = kith_swarm_test(run->swarm, run->config->threads, correct);
    for (uint32_t i = 0; !err && i < nodes; i++)
        if (correct[i] != UINT32_MAX)
            values[result->learners++] = 100.0 * correct[i] / run->swarm->test.count;
    if (!err && result->learners > 0)
        result->accuracy = kith_sim_spread_of(values, result->learners);
    free(correct);
    free(values);
    return err;
}

static int collect(const struct run *run, struct kith_sim_result *result)
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

static int finish(struct run *run, struct kith_sim_result *result, FILE *out)
{
    int err = collect(run, result);
    if (err) {
        fprintf(run->err, "%s\n", kith_err_text(err));
        return err;
    }
    kith_sim_report_table(run->config, result, out);
    if (run->config->json_path) {
        err = kith_sim_report_json(run->config, result, run->config->json_path);
        if (err) fprintf(run->err, "%s: %s\n", run->config->json_path, strerror(errno));
    }
    bool holds = kith_scenario_judge(&run->config->scenario, result, run->err) == 0;
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

int kith_sim_run(const struct kith_sim_run_config *config, FILE *out, FILE *err)
{
    struct run run = {.config = config, .err = err, .percent = -1};
    struct kith_sim_result result = {0};
    struct kith_world_config world;
    char error[KITH_SIM_SWARM_TEXT_MAX];
    run.has_bar = config->progress && isatty(fileno(err));
    run.wall_from_s = seconds_of(CLOCK_MONOTONIC);
    run.cpu_from_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    kith_swarm_world_config(config, &world);
    world.hook_context = &run;
    world.on_step = config->trace_path ? on_step : NULL;
    world.on_fault = config->trace_path ? on_fault : NULL;
    if (kith_swarm_new(config, &world, &run.swarm, error)) {
        fprintf(err, "%s\n", error);
        return 1;
    }
    int status = fits(&run) ? try_json(&run) : KITH_ERR_NOMEM;
    if (!status) status = open_trace(&run);
    if (!status) status = plan(&run, world.seed);
    if (!status) {
        bool is_good = run_world(&run, &result);
        clear_bar(&run);
        if (is_good)
            status = finish(&run, &result, out);
        else
            fprintf(err, "check failed %s; again with --nodes %u --seed %llu and the same flags\n",
                    kith_world_failure(run.swarm->world), config->scenario.nodes,
                    (unsigned long long)config->scenario.seed);
        if (!is_good) status = 1;
    }
    if (close_trace(&run)) status = 1;
    kith_swarm_free(run.swarm);
    return status ? 1 : 0;
}
