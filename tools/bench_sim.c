/* kith bench sim: how fast the simulator is, and how much memory it takes, against the project's
 * targets. Each row runs in a process of its own, so that its CPU time and its memory are its own.
 */
#include "tools/bench_sim.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "host/dataset_file.h"
#include "sim/sim_swarm.h"
#include "tools/dispatch.h"

enum {
    SYNTHETIC_IMAGES = 60000,
    SYNTHETIC_TEST = 1000,
    INPUTS = 784,
    CLASSES = 10,
    STARTS_PER_S = 100, /* nodes that start in a virtual second */
    SETTLE_S = 120,     /* after the last start: until the news of it are old */
    ROUND_CHECK_US = 250 * 1000,
    GIB = 1 << 30,
};

static const struct kith_bench_sim_row rows[] = {
    {
        .name = "thousand",
        .text = "1,000 nodes, no training, settled",
        .nodes = 1000,
        .seconds = 60,
        .goal = {{"virtual s a CPU s", 500, false}},
    },
    {
        .name = "ten-thousand",
        .text = "10,000 nodes, no training, settled",
        .nodes = 10000,
        .seconds = 20,
        .goal = {{"virtual s a CPU s", 50, false}, {"bytes resident, peak", 2.0 * GIB, true}},
    },
    {
        .name = "training",
        .text = "1,000 nodes, 784-32-10, one batch of 32 a virtual second, settled",
        .nodes = 1000,
        .learns = true,
        .model = "mlp:32",
        .steps = 1,
        .seconds = 10,
        .goal = {{"virtual s a CPU s", 10, false}},
    },
    {
        .name = "exchange",
        .text = "the same, each mixing one other's weights a virtual second",
        .nodes = 1000,
        .learns = true,
        .model = "mlp:32",
        .share = KITH_SHARE_WEIGHTS,
        .steps = 1,
        .seconds = 10,
        .goal = {{"virtual s a CPU s", 0, false}},
    },
    {
        .name = "sixteen",
        .text = "16 nodes, 20 rounds of an epoch of Fashion-MNIST, 784-128-10, weights and labels",
        .nodes = 16,
        .learns = true,
        .model = "mlp:128",
        .share = KITH_SHARE_WEIGHTS | KITH_SHARE_LABELS,
        .rounds = 20,
        .needs_data = true,
        .goal = {{"CPU s in all", 15, true}},
    },
    {
        .name = "idle",
        .text = "10,000 nodes that are alone, no model",
        .nodes = 10000,
        .seconds = 5,
        .alone = true,
        .goal = {{"bytes a node", 4096, true}},
    },
};

enum { ROWS = sizeof rows / sizeof *rows };

/* A row under way, in its own process. */
struct bench {
    const struct kith_bench_sim_row *row;
    const char *data;
    double seconds; /* to be measured; 0: the row's */
    struct kith_sim_run_config run;
    struct kith_dataset train;
    struct kith_dataset test;
    struct kith_swarm *swarm;
    struct kith_bench_sim_result *result;
};

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static double ramp_s(const struct kith_bench_sim_row *row)
{
    return row->rounds > 0 || row->alone ? 1 : (double)row->nodes / STARTS_PER_S;
}

static int load(struct bench *bench)
{
    static const uint8_t seed[KITH_SEED_LEN] = {1};
    if (!bench->row->learns) return 0;
    bench->run.train = &bench->train;
    bench->run.test = &bench->test;
    if (bench->row->needs_data) {
        char error[KITH_DATASET_ERROR_MAX];
        int err = kith_dataset_file_load(bench->data, INPUTS, CLASSES, &bench->train, &bench->test,
                                         error);
        if (err)
            snprintf(bench->result->error, KITH_BENCH_SIM_TEXT_MAX, "%.*s",
                     KITH_BENCH_SIM_TEXT_MAX - 1, error);
        return err;
    }
    int err = kith_dataset_synthetic(seed, 0, SYNTHETIC_IMAGES, INPUTS, CLASSES, &bench->train);
    if (err) return err;
    return kith_dataset_synthetic(seed, 1, SYNTHETIC_TEST, INPUTS, CLASSES, &bench->test);
}

static void describe(struct bench *bench)
{
    const struct kith_bench_sim_row *row = bench->row;
    struct kith_scenario *scenario = &bench->run.scenario;
    struct kith_config *node = &scenario->all.node;
    kith_sim_run_config_default(&bench->run);
    scenario->nodes = row->nodes;
    scenario->rounds = row->rounds;
    scenario->virtual_s = ramp_s(row) + SETTLE_S + row->seconds;
    scenario->all.start_within_s = ramp_s(row);
    scenario->all.bootstrap = row->alone ? KITH_BOOTSTRAP_NONE : KITH_BOOTSTRAP_RANDOM;
    node->learns = row->learns;
    node->dht = !row->alone;
    node->share = row->share;
    node->pull_count = row->rounds > 0 ? node->pull_count : 1;
    node->learner.local_steps = row->steps;
    if (row->rounds > 0) {
        uint32_t shard = (60000 - node->rules.public_count) / row->nodes;
        node->learner.local_steps = (shard + node->learner.batch - 1) / node->learner.batch;
    }
    if (row->model) strcpy(scenario->model[0], row->model);
}

static void sum(const struct bench *bench, struct kith_stats *ret, double *ret_memory)
{
    memset(ret, 0, sizeof *ret);
    *ret_memory = 0;
    for (uint32_t i = 0; i < bench->row->nodes; i++) {
        const struct kith_node *node = kith_world_node(bench->swarm->world, i);
        if (!node) continue;
        const struct kith_stats *stats = kith_node_stats(node);
        ret->bytes_out += stats->bytes_out;
        ret->peers += stats->peers;
        *ret_memory += (double)kith_node_memory(node);
    }
}

/* Join, settle, measure. */
static void measure_span(struct bench *bench)
{
    struct kith_world *world = bench->swarm->world;
    struct kith_bench_sim_result *result = bench->result;
    struct kith_stats before, after;
    double nodes = bench->row->nodes, memory;
    double seconds = bench->seconds > 0 ? bench->seconds : bench->row->seconds;
    result->join_virtual_s = ramp_s(bench->row) + (bench->row->alone ? 0 : SETTLE_S);
    double from_s = cpu_s();
    kith_world_run(world, (uint64_t)(result->join_virtual_s * 1e6));
    result->join_cpu_s = cpu_s() - from_s;
    sum(bench, &before, &memory);
    uint64_t steps = kith_world_counters(world)->steps;
    from_s = cpu_s();
    kith_world_run(world, kith_world_now_us(world) + (uint64_t)(seconds * 1e6));
    result->cpu_s = cpu_s() - from_s;
    result->virtual_s = seconds;
    sum(bench, &after, &memory);
    result->steps = (double)(kith_world_counters(world)->steps - steps) / nodes / seconds;
    result->bytes = (double)(after.bytes_out - before.bytes_out) / nodes / seconds;
    result->peers = (double)after.peers / nodes;
    result->node_bytes = memory / nodes;
    result->figure[0] = seconds / result->cpu_s;
}

static bool all_done(const struct bench *bench)
{
    for (uint32_t i = 0; i < bench->row->nodes; i++) {
        const struct kith_node *node = kith_world_node(bench->swarm->world, i);
        if (!node || kith_node_stats(node)->round < bench->row->rounds) return false;
    }
    return true;
}

/* All rounds, and the test of every node's model at the end. */
static int measure_rounds(struct bench *bench)
{
    struct kith_world *world = bench->swarm->world;
    struct kith_bench_sim_result *result = bench->result;
    struct kith_stats stats;
    double from_s = cpu_s(), nodes = bench->row->nodes;
    while (!all_done(bench) && !kith_world_failure(world))
        kith_world_run(world, kith_world_now_us(world) + ROUND_CHECK_US);
    result->cpu_s = cpu_s() - from_s;
    result->virtual_s = (double)kith_world_now_us(world) / 1e6;
    sum(bench, &stats, &result->node_bytes);
    result->steps = (double)kith_world_counters(world)->steps / nodes / result->virtual_s;
    result->bytes = (double)stats.bytes_out / nodes / result->virtual_s;
    result->peers = (double)stats.peers / nodes;
    result->node_bytes /= nodes;
    uint32_t correct[16];
    int err = kith_swarm_test(bench->swarm, 1, correct);
    for (uint32_t i = 0; !err && i < bench->row->nodes; i++)
        result->accuracy += 100.0 * correct[i] / bench->swarm->test.count / nodes;
    return err;
}

static int run(struct bench *bench)
{
    struct kith_world_config world;
    struct kith_bench_sim_result *result = bench->result;
    describe(bench);
    int err = load(bench);
    if (err) return err;
    size_t before = allocated();
    kith_swarm_world_config(&bench->run, &world);
    err = kith_swarm_new(&bench->run, &world, &bench->swarm, result->error);
    if (err) return err;
    err = kith_scenario_schedule(&bench->run.scenario, bench->swarm->world, world.seed);
    if (err) return err;
    if (bench->row->rounds > 0)
        err = measure_rounds(bench);
    else
        measure_span(bench);
    const char *failure = kith_world_failure(bench->swarm->world);
    if (failure) snprintf(result->error, KITH_BENCH_SIM_TEXT_MAX, "%s", failure);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    result->peak_bytes = (double)usage.ru_maxrss * 1024;
    result->all_cpu_s = cpu_s();
    if (bench->row->goal[1].what) result->figure[1] = result->peak_bytes;
    if (bench->row->rounds > 0) result->figure[0] = result->all_cpu_s;
    if (bench->row->alone) result->figure[0] = (double)(allocated() - before) / bench->row->nodes;
    result->is_there = !err && !failure;
    if (!bench->row->alone || allocated() > before) return err;
    snprintf(result->error, KITH_BENCH_SIM_TEXT_MAX, "the allocator does not tell what it gave");
    result->is_there = false;
    return err;
}

/* The row in a process of its own; its result comes through a pipe. */
static void run_apart(struct bench *bench)
{
    int ends[2];
    struct kith_bench_sim_result *result = bench->result;
    pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child == 0) {
        int err = run(bench);
        if (err && result->error[0] == '\0')
            snprintf(result->error, KITH_BENCH_SIM_TEXT_MAX, "%s", kith_err_text(err));
        ssize_t written = write(ends[1], result, sizeof *result);
        _exit(written == (ssize_t)sizeof *result ? 0 : 1);
    }
    snprintf(result->error, KITH_BENCH_SIM_TEXT_MAX, "its process did not end well");
    if (child < 0) return;
    close(ends[1]);
    struct kith_bench_sim_result got;
    int status;
    bool is_whole = read(ends[0], &got, sizeof got) == (ssize_t)sizeof got;
    close(ends[0]);
    waitpid(child, &status, 0);
    if (is_whole && status == 0) *result = got;
}

int kith_cmd_bench_sim(const struct kith_args *args)
{
    static struct kith_bench_sim_row taken[ROWS];
    static struct kith_bench_sim_result results[ROWS];
    static struct bench bench;
    uint32_t count = 0;
    bool is_good = true;
    const char *wanted = kith_args_text(args, "row");
    for (int i = 0; i < ROWS; i++) {
        if (wanted && strcmp(rows[i].name, wanted) != 0) continue;
        taken[count] = rows[i];
        bench = (struct bench){.row = &taken[count], .result = &results[count]};
        bench.data = kith_args_text(args, "data");
        bench.seconds = (double)kith_args_int(args, "seconds");
        if (kith_args_has(args, "nodes"))
            taken[count].nodes = (uint32_t)kith_args_int(args, "nodes");
        if (!kith_args_has(args, "quiet")) fprintf(stderr, "%s: running\n", rows[i].name);
        run_apart(&bench);
        is_good = is_good && results[count].is_there;
        count++;
    }
    int err = 0;
    if (kith_args_has(args, "json"))
        err = kith_bench_sim_json(taken, results, count);
    else
        kith_bench_sim_table(taken, results, count);
    return is_good && !err ? 0 : 1;
}
