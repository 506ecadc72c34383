/* kith bench overlay: what membership costs. Swarms of several sizes live in virtual time without
 * training and DHT; after they have settled, what the nodes send is counted, then one further node
 * starts and the first message that names it is looked for at every other node. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/hash.h"
#include "sim/world.h"
#include "tools/dispatch.h"
#include "tools/values.h"

enum {
    CURVE_MAX = 64,         /* hops shown */
    STARTS_PER_S = 100,     /* nodes that start in a virtual second */
    STARTS_LEAST_S = 2,     /* ... but not all at once */
    CURVE_LIMIT_S = 120,    /* until the news must have come everywhere */
    LATENCY_US = 50 * 1000, /* one way, mean over pairs: 25 to 75 ms */
    BOOTSTRAPS = 2,
};

/* One swarm: what was measured of it. */
struct swarm {
    uint32_t nodes;
    double bytes_per_node_s;
    double messages_per_node_s;
    double steps_per_node_s;
    double cpu_s; /* of the measured seconds */
    double virtual_per_cpu_s;
    double peers_mean;
    uint64_t peers_least;
    uint64_t links_made; /* in the measured seconds, in all */
    uint32_t told;       /* nodes that the news reached */
    uint32_t hops;       /* of the longest way by which it came first */
    double half_s;
    double all_s; /* 0: it did not come everywhere */
    uint32_t at_hop[CURVE_MAX];
};

struct bench {
    const struct kith_args *args;
    struct kith_world *world;
    struct kith_rng rng;
    uint8_t seed[KITH_SEED_LEN];
    uint32_t nodes;
    bool is_watching; /* for news of the last node */
    uint64_t news_us; /* since when */
    uint8_t *hop;     /* [nodes + 1]: of the first message that told; 0: none yet */
    uint32_t told;
    struct swarm *result;
};

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void configure(void *context, uint32_t node, struct kith_config *config)
{
    (void)context;
    (void)node;
    config->learns = false;
    config->dht = false;
}

/* Some of those that started before. */
static uint32_t bootstrap(void *context, uint32_t node,
                          uint32_t ret[static KITH_WORLD_BOOTSTRAP_MAX])
{
    struct bench *bench = context;
    for (uint32_t i = 0; node > 0 && i < BOOTSTRAPS; i++)
        ret[i] = kith_rng_below(&bench->rng, node);
    return node > 0 ? BOOTSTRAPS : 0;
}

static void hear(struct bench *bench, uint32_t node, uint32_t from)
{
    struct swarm *result = bench->result;
    double late_s = (double)(kith_world_now_us(bench->world) - bench->news_us) / 1e6;
    uint32_t hop = from == bench->nodes ? 1 : bench->hop[from] + 1u;
    if (hop >= CURVE_MAX) hop = CURVE_MAX - 1;
    bench->hop[node] = (uint8_t)hop;
    bench->told++;
    result->at_hop[hop]++;
    if (hop > result->hops) result->hops = hop;
    if (bench->told * 2 >= bench->nodes && result->half_s <= 0) result->half_s = late_s;
    if (bench->told == bench->nodes) result->all_s = late_s;
}

/* Does this message bring the first news of the last node? */
static void on_step(void *context, uint32_t node, const struct kith_event *event,
                    const struct kith_effects *effects)
{
    struct bench *bench = context;
    (void)effects;
    if (!bench->is_watching || event->kind != KITH_EVENT_MESSAGE) return;
    if (node == bench->nodes || bench->hop[node] > 0) return;
    const struct kith_bytes *bytes = &event->message.bytes;
    const struct kith_id *news = kith_world_hotkey(bench->world, bench->nodes);
    if (!memmem(bytes->at, bytes->len, news->bytes, KITH_ID_LEN)) return;
    hear(bench, node, kith_sim_net_far(kith_world_net(bench->world), node, event->message.link));
}

static int make_world(struct bench *bench)
{
    struct kith_world_config config;
    kith_world_config_default(&config);
    config.nodes = bench->nodes + 1;
    config.net.latency_us = LATENCY_US;
    config.blank_disks = true;
    config.check_every = 0;
    config.configure = configure;
    config.hook_context = bench;
    config.bootstrap_context = bench;
    config.bootstrap = bootstrap;
    config.on_step = on_step;
    memcpy(config.seed, bench->seed, KITH_SEED_LEN);
    kith_rng_split(&bench->rng, bench->seed, "bench overlay", bench->nodes);
    return kith_world_new(&config, &bench->world);
}

static void start(struct bench *bench, uint32_t node, uint64_t at_us)
{
    struct kith_fault fault = {.kind = KITH_FAULT_START, .node = node};
    kith_world_at(bench->world, at_us, &fault);
}

static void tell(const struct bench *bench, const char *what)
{
    if (kith_args_has(bench->args, "quiet")) return;
    fprintf(stderr, "%u nodes: %s\n", bench->nodes, what);
}

/* What all nodes have counted so far. */
static struct kith_stats sum_stats(const struct bench *bench)
{
    struct kith_stats sum = {0};
    for (uint32_t i = 0; i < bench->nodes; i++) {
        const struct kith_stats *stats = kith_node_stats(kith_world_node(bench->world, i));
        sum.bytes_out += stats->bytes_out;
        sum.messages_out += stats->messages_out;
        sum.peers += stats->peers;
    }
    return sum;
}

static void count_peers(const struct bench *bench, struct swarm *result)
{
    result->peers_least = UINT64_MAX;
    for (uint32_t i = 0; i < bench->nodes; i++) {
        uint64_t peers = kith_node_stats(kith_world_node(bench->world, i))->peers;
        if (peers < result->peers_least) result->peers_least = peers;
    }
    result->peers_mean = (double)sum_stats(bench).peers / bench->nodes;
}

static void measure(struct bench *bench, double seconds)
{
    struct swarm *result = bench->result;
    struct kith_stats before = sum_stats(bench);
    uint64_t steps = kith_world_counters(bench->world)->steps;
    uint64_t links = kith_sim_net_counters(kith_world_net(bench->world))->links_made;
    double from_s = cpu_s();
    kith_world_run(bench->world, kith_world_now_us(bench->world) + (uint64_t)(seconds * 1e6));
    result->cpu_s = cpu_s() - from_s;
    result->virtual_per_cpu_s = seconds / result->cpu_s;
    struct kith_stats after = sum_stats(bench);
    double node_seconds = seconds * bench->nodes;
    result->bytes_per_node_s = (double)(after.bytes_out - before.bytes_out) / node_seconds;
    result->messages_per_node_s = (double)(after.messages_out - before.messages_out) / node_seconds;
    steps = kith_world_counters(bench->world)->steps - steps;
    result->steps_per_node_s = (double)steps / node_seconds;
    result->links_made = kith_sim_net_counters(kith_world_net(bench->world))->links_made - links;
    count_peers(bench, result);
}

static void spread(struct bench *bench)
{
    uint64_t from_us = kith_world_now_us(bench->world);
    bench->is_watching = true;
    bench->news_us = from_us;
    start(bench, bench->nodes, from_us);
    for (uint32_t s = 1; s <= CURVE_LIMIT_S && bench->told < bench->nodes; s++)
        kith_world_run(bench->world, from_us + s * UINT64_C(1000000));
    bench->is_watching = false;
    bench->result->told = bench->told;
}

static int run_swarm(const struct kith_args *args, uint32_t nodes, struct swarm *result)
{
    struct bench bench = {.args = args, .nodes = nodes, .result = result};
    uint64_t seed = kith_args_int(args, "seed");
    struct kith_id hash = kith_hash_of("kith/bench/overlay",
                                       (struct kith_bytes){(const uint8_t *)&seed, sizeof seed});
    memcpy(bench.seed, hash.bytes, KITH_SEED_LEN);
    result->nodes = nodes;
    bench.hop = calloc(nodes + 1, sizeof *bench.hop);
    int err = bench.hop ? make_world(&bench) : KITH_ERR_NOMEM;
    if (!err) {
        uint64_t ramp_us = nodes * UINT64_C(1000000) / STARTS_PER_S;
        if (ramp_us < STARTS_LEAST_S * UINT64_C(1000000)) ramp_us = STARTS_LEAST_S * 1000000;
        for (uint32_t i = 0; i < nodes; i++)
            start(&bench, i, ramp_us * i / nodes);
        tell(&bench, "settling");
        kith_world_run(bench.world, ramp_us + kith_args_int(args, "settle") * UINT64_C(1000000));
        tell(&bench, "measuring");
        measure(&bench, (double)kith_args_int(args, "seconds"));
        tell(&bench, "one further node");
        spread(&bench);
        if (kith_world_failure(bench.world)) {
            fprintf(stderr, "kith bench overlay: %s\n", kith_world_failure(bench.world));
            err = KITH_ERR_INVALID;
        }
    } else {
        fprintf(stderr, "kith bench overlay: %u nodes: %s\n", nodes, kith_err_text(err));
    }
    kith_world_free(bench.world);
    free(bench.hop);
    return err;
}

/* --- what came out --- */

/* How much more the size that costs most takes than the one that costs least: 1 is equal. */
static double ratio_of(const struct swarm *swarms, uint32_t count)
{
    double least = swarms[0].bytes_per_node_s, most = least;
    for (uint32_t i = 1; i < count; i++) {
        if (swarms[i].bytes_per_node_s < least) least = swarms[i].bytes_per_node_s;
        if (swarms[i].bytes_per_node_s > most) most = swarms[i].bytes_per_node_s;
    }
    return most / least;
}

static void print_tables(const struct swarm *swarms, uint32_t count)
{
    printf("what a node sends and does in a virtual second, settled\n\n"
           "  nodes  bytes  messages  steps  peers mean  least  links made  virtual s/CPU s\n");
    for (uint32_t i = 0; i < count; i++) {
        const struct swarm *at = &swarms[i];
        printf("%7u %6.0f %9.2f %6.2f %11.1f %6llu %11llu %16.1f\n", at->nodes,
               at->bytes_per_node_s, at->messages_per_node_s, at->steps_per_node_s, at->peers_mean,
               (unsigned long long)at->peers_least, (unsigned long long)at->links_made,
               at->virtual_per_cpu_s);
    }
    printf("\nmost bytes over least: %.3f (goal: at most 1.2)\n", ratio_of(swarms, count));
    printf("\nnews of one further node: per cent told after so many hops\n\n"
           "nodes  told hops half s  all s");
    for (int hop = 1; hop <= 10; hop++)
        printf("%5d", hop);
    printf("\n");
    for (uint32_t i = 0; i < count; i++) {
        const struct swarm *at = &swarms[i];
        printf("%5u %5u %4u %6.2f %6.2f", at->nodes, at->told, at->hops, at->half_s, at->all_s);
        uint32_t told = 0;
        for (int hop = 1; hop <= 10; hop++) {
            told += at->at_hop[hop];
            printf("%5u", (uint32_t)(UINT64_C(100) * told / at->nodes));
        }
        printf("\n");
    }
}

static json_t *swarm_json(const struct swarm *at)
{
    json_t *curve = json_array();
    uint32_t told = 0;
    for (uint32_t hop = 1; hop <= at->hops; hop++) {
        told += at->at_hop[hop];
        json_array_append_new(curve, json_real((double)told / at->nodes));
    }
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:I, s:I, s:f, s:f, s:I, s:I, s:f, s:f, s:o}",
                     "nodes", (json_int_t)at->nodes, "bytes_per_node_s", at->bytes_per_node_s,
                     "messages_per_node_s", at->messages_per_node_s, "steps_per_node_s",
                     at->steps_per_node_s, "peers_mean", at->peers_mean, "peers_least",
                     (json_int_t)at->peers_least, "links_made", (json_int_t)at->links_made, "cpu_s",
                     at->cpu_s, "virtual_s_per_cpu_s", at->virtual_per_cpu_s, "told",
                     (json_int_t)at->told, "hops", (json_int_t)at->hops, "half_s", at->half_s,
                     "all_s", at->all_s, "told_by_hop", curve);
}

static void print_json(const struct swarm *swarms, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(list, swarm_json(&swarms[i]));
    json_t *json =
        json_pack("{s:f, s:o}", "bytes_most_over_least", ratio_of(swarms, count), "swarms", list);
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(json);
}

int kith_cmd_bench_overlay(const struct kith_args *args)
{
    uint32_t sizes[KITH_SIZES_MAX];
    static struct swarm swarms[KITH_SIZES_MAX];
    uint32_t count = kith_sizes_parse(kith_args_text(args, "nodes"), sizes);
    for (uint32_t i = 0; i < count; i++)
        if (run_swarm(args, sizes[i], &swarms[i]) != 0) return 1;
    if (kith_args_has(args, "json"))
        print_json(swarms, count);
    else
        print_tables(swarms, count);
    return 0;
}
