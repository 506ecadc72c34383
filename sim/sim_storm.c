#include "sim/sim_storm.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/sim_guard.h"
#include "sim/sim_sign.h"
#include "sim/sim_swarm.h"
#include "sim/sim_trace.h"

enum {
    LOOK_US = 500 * 1000,        /* between two looks at whether the core is whole */
    VIEW_BOUND = 120,            /* peers that are a full view */
    CALM_PARTS = 3,              /* of the calm: an array of the simulator doubles in one at most */
    GROWTH_MAX = 32 * 1024,      /* bytes that a calm world may come to hold in each of them */
    NODE_GROWTH_MAX = 16 * 1024, /* and one of its nodes: room is made when first needed */
    COMPARED_ROUNDS = 120,       /* of every node of the core before accuracies are compared */
    FIRST_ROUNDS_S = 90,         /* the longest that the first rounds may take, and */
    LEARNING_S = 400,            /* the longest that rounds may take */
};

/* One run under way. */
struct storm {
    const struct kith_storm_config *config;
    struct kith_storm_plan *plan;
    struct kith_sim_run_config run;
    struct kith_swarm *swarm;
    struct kith_world *world;
    struct kith_guard *guard;
    struct kith_gang *gang;
    struct kith_sim_trace *trace;
    bool is_liar[KITH_STORM_NODES_MAX];
    size_t memory[KITH_STORM_NODES_MAX]; /* that a node held when the calm began */
};

void kith_storm_config_default(struct kith_storm_config *ret)
{
    *ret = (struct kith_storm_config){
        .seed = 1,
        .nodes = 20,
        .allowed = UINT32_MAX,
        .node = UINT32_MAX,
    };
}

/* --- hooks --- */

static void on_step(void *context, uint32_t node, const struct kith_event *event,
                    const struct kith_effects *effects)
{
    struct storm *storm = context;
    kith_guard_step(storm->guard, node, event, effects);
    if (storm->trace) kith_sim_trace_step(storm->trace, node, event, effects);
}

static void on_fault(void *context, const struct kith_fault *fault)
{
    struct storm *storm = context;
    kith_guard_fault(storm->guard, fault);
    if (storm->trace) kith_sim_trace_fault(storm->trace, fault);
}

/* A line is "TIME nNODE what". */
static void write_line(void *context, const char *text)
{
    const struct storm *storm = context;
    const struct kith_storm_config *config = storm->config;
    const char *node = strchr(text, ' ');
    if (kith_world_now_us(storm->world) < (uint64_t)(config->from_s * 1e6)) return;
    if (config->node != UINT32_MAX && node && strtoul(node + 2, NULL, 10) != config->node) return;
    fprintf(config->trace, "%s\n", text);
}

/* --- setting up --- */

static void configure_run(struct storm *storm)
{
    struct kith_sim_run_config *run = &storm->run;
    kith_sim_run_config_default(run);
    run->scenario.nodes = storm->plan->nodes;
    run->scenario.seed = storm->plan->seed;
    run->scenario.rounds = 0;
    run->scenario.virtual_s = 1;
    strcpy(run->scenario.model[0], "mlp:8");
    run->scenario.all.node.round_min_us = KITH_STORM_ROUNDS_S * KITH_SECOND_US;
}

static int make_world(struct storm *storm)
{
    char error[KITH_SIM_SWARM_TEXT_MAX];
    struct kith_world_config world;
    kith_swarm_world_config(&storm->run, &world);
    world.net.latency = storm->plan->world.net.latency;
    world.net.latency_us = storm->plan->world.net.latency_us;
    world.net.cuts_per_hour = storm->plan->world.net.cuts_per_hour;
    world.dht = storm->plan->world.dht;
    world.blank_disks = false;
    world.check_every = 1;
    world.hook_context = storm;
    world.on_step = on_step;
    world.on_fault = on_fault;
    world.filter = kith_gang_filter(storm->gang);
    int err = kith_swarm_new(&storm->run, &world, &storm->swarm, error);
    if (!err) storm->world = storm->swarm->world;
    return err;
}

static int set_up(struct storm *storm)
{
    uint8_t seed[KITH_SEED_LEN] = {0};
    struct kith_guard_config guard = {
        .nodes = storm->plan->nodes,
        .is_liar = storm->is_liar,
        .scheme = &kith_sim_sign,
        .gossip_cap = KITH_STORM_GOSSIP_CAP,
        .bytes_cap = KITH_STORM_BYTES_CAP,
    };
    for (uint32_t i = 0; i < storm->plan->nodes; i++)
        storm->is_liar[i] = storm->plan->lies[i].lie != KITH_LIE_NONE;
    memcpy(seed, &storm->plan->seed, sizeof storm->plan->seed);
    configure_run(storm);
    storm->guard = kith_guard_new(&guard);
    storm->gang = kith_gang_new(storm->plan->lies, storm->plan->nodes, seed);
    if (!storm->guard || !storm->gang) return KITH_ERR_NOMEM;
    int err = make_world(storm);
    if (err) return err;
    kith_guard_attach(storm->guard, storm->world, &storm->swarm->task.swarm);
    kith_gang_attach(storm->gang, storm->world);
    if (!storm->config->trace) return 0;
    uint32_t kinds = KITH_SIM_TRACE_ALL;
    if (!storm->config->messages) kinds &= ~(uint32_t)KITH_SIM_TRACE_MESSAGES;
    storm->trace = kith_sim_trace_new(storm->world, storm->plan->nodes, kinds, storm, write_line);
    return storm->trace ? 0 : KITH_ERR_NOMEM;
}

static void tear_down(struct storm *storm)
{
    kith_sim_trace_free(storm->trace);
    kith_swarm_free(storm->swarm);
    kith_guard_free(storm->guard);
    kith_gang_free(storm->gang);
}

static void schedule(struct storm *storm)
{
    const struct kith_storm_plan *plan = storm->plan;
    for (uint32_t i = 0; i < plan->nodes; i++) {
        struct kith_fault start = {.kind = KITH_FAULT_START, .node = i};
        kith_world_at(storm->world, plan->start_us[i], &start);
    }
    for (uint32_t i = 0; i < plan->fault_count; i++)
        kith_world_at(storm->world, plan->fault[i].at_us, &plan->fault[i].fault);
}

/* --- running --- */

/* Up to that time, or to where the trace shall end. False: a check failed, or this is the end. */
static bool run_to(struct storm *storm, uint64_t until_us)
{
    uint64_t stop_us = (uint64_t)(storm->config->until_s * 1e6);
    bool is_cut = stop_us > 0 && stop_us < until_us;
    bool is_good = kith_world_run(storm->world, is_cut ? stop_us : until_us);
    return is_good && !is_cut;
}

/* 0 where the C library does not tell. */
static int64_t memory_held(void)
{
    struct mallinfo2 info = mallinfo2();
    return (int64_t)(info.uordblks + info.hblkhd);
}

static uint64_t rounds_of(const struct storm *storm, uint32_t node)
{
    const struct kith_node *one = kith_world_node(storm->world, node);
    return one ? kith_node_stats(one)->round : 0;
}

/* Runs until the core is whole. */
static bool come_together(struct storm *storm, double *ret_s)
{
    char lack[KITH_WORLD_TEXT_MAX] = "";
    uint64_t from_us = kith_world_now_us(storm->world);
    uint64_t until_us = from_us + KITH_STORM_TOGETHER_S * KITH_SECOND_US;
    while (kith_world_now_us(storm->world) < until_us) {
        if (!run_to(storm, kith_world_now_us(storm->world) + LOOK_US)) return false;
        if (!kith_guard_is_whole(storm->guard, storm->plan->core, VIEW_BOUND, lack)) continue;
        *ret_s = (double)(kith_world_now_us(storm->world) - from_us) / 1e6;
        return true;
    }
    kith_world_fail(storm->world, 0, "%s, %d s after healing", lack, KITH_STORM_TOGETHER_S);
    return false;
}

/* Until every node of the core has done so many rounds. False as run_to. */
static bool learn_for(struct storm *storm, uint64_t rounds, int limit_s)
{
    uint64_t until_us = kith_world_now_us(storm->world) + (uint64_t)limit_s * KITH_SECOND_US;
    for (uint32_t i = 0; i < storm->plan->nodes; i++) {
        while (storm->plan->core[i] && rounds_of(storm, i) < rounds) {
            if (!run_to(storm, kith_world_now_us(storm->world) + LOOK_US)) return false;
            if (kith_world_now_us(storm->world) < until_us) continue;
            kith_world_fail(storm->world, i, "rounds: not %llu of them within %d s",
                            (unsigned long long)rounds, limit_s);
            return false;
        }
    }
    return true;
}

static void note_memory(struct storm *storm)
{
    for (uint32_t i = 0; i < storm->plan->nodes; i++)
        if (storm->plan->core[i])
            storm->memory[i] = kith_node_memory(kith_world_node(storm->world, i));
}

static void check_memory(struct storm *storm, int64_t grown)
{
    if (grown > GROWTH_MAX)
        kith_world_fail(storm->world, 0, "memory: at least %lld bytes more every %d calm seconds",
                        (long long)grown, KITH_STORM_CALM_S / CALM_PARTS);
    for (uint32_t i = 0; i < storm->plan->nodes; i++) {
        const struct kith_node *node = kith_world_node(storm->world, i);
        if (!storm->plan->core[i] || !node) continue;
        size_t now = kith_node_memory(node);
        if (now > storm->memory[i] + NODE_GROWTH_MAX)
            kith_world_fail(storm->world, i, "memory: %zu bytes, before %d calm seconds %zu", now,
                            KITH_STORM_CALM_S, storm->memory[i]);
    }
}

/* What held together stays so, and holds no more memory. */
static bool stay_calm(struct storm *storm, int64_t *ret_grown)
{
    char lack[KITH_WORLD_TEXT_MAX] = "";
    if (!learn_for(storm, KITH_STORM_ROUND_MIN, FIRST_ROUNDS_S)) return false;
    note_memory(storm);
    *ret_grown = INT64_MAX;
    for (int i = 0; i < CALM_PARTS; i++) {
        uint64_t part_us = KITH_STORM_CALM_S * KITH_SECOND_US / CALM_PARTS;
        int64_t before = memory_held();
        if (!run_to(storm, kith_world_now_us(storm->world) + part_us)) return false;
        int64_t grown = memory_held() - before;
        if (grown < *ret_grown) *ret_grown = grown;
    }
    check_memory(storm, *ret_grown);
    for (int i = 0; i < 2; i++) {
        /* A link that the network breaks at this moment is not apart. */
        if (kith_guard_is_whole(storm->guard, storm->plan->core, VIEW_BOUND, lack))
            return !kith_world_failure(storm->world);
        if (!run_to(storm, kith_world_now_us(storm->world) + 10 * LOOK_US)) return false;
    }
    kith_world_fail(storm->world, 0, "%s, though it was whole before", lack);
    return false;
}

/* --- accuracy --- */

/* The core's mean accuracy once all have learned for so many rounds. */
static int learn_on(struct storm *storm, double *ret_accuracy)
{
    uint32_t correct[KITH_STORM_NODES_MAX], count = 0;
    double sum = 0;
    if (!learn_for(storm, COMPARED_ROUNDS, LEARNING_S)) return 0;
    int err = kith_swarm_test(storm->swarm, 1, correct);
    for (uint32_t i = 0; !err && i < storm->plan->nodes; i++) {
        if (!storm->plan->core[i] || correct[i] == UINT32_MAX) continue;
        sum += 100.0 * correct[i] / storm->swarm->test.count;
        count++;
    }
    *ret_accuracy = count ? sum / count : 0;
    return err;
}

/* The same nodes and the same core, and nothing goes wrong. */
static int run_calm(const struct storm *storm, struct kith_storm_result *result)
{
    struct kith_storm_config config = *storm->config;
    struct storm calm = {.config = &config};
    config.trace = NULL;
    calm.plan = malloc(sizeof *calm.plan);
    if (!calm.plan) return KITH_ERR_NOMEM;
    *calm.plan = *storm->plan;
    kith_storm_calm(calm.plan);
    int err = set_up(&calm);
    if (!err) schedule(&calm);
    if (!err) err = learn_on(&calm, &result->accuracy_calm);
    tear_down(&calm);
    free(calm.plan);
    return err;
}

static int compare(struct storm *storm, struct kith_storm_result *result)
{
    int err = learn_on(storm, &result->accuracy);
    if (!err && !kith_world_failure(storm->world)) err = run_calm(storm, result);
    if (err || kith_world_failure(storm->world)) return err;
    result->is_compared = true;
    if (result->accuracy < result->accuracy_calm - KITH_STORM_POINTS)
        kith_world_fail(storm->world, 0, "accuracy: %.2f %%, without faults %.2f %%",
                        result->accuracy, result->accuracy_calm);
    return 0;
}

/* --- all of it --- */

static int run_phases(struct storm *storm, struct kith_storm_result *result)
{
    schedule(storm);
    bool goes_on = run_to(storm, KITH_STORM_HEAL_S * KITH_SECOND_US);
    if (goes_on) goes_on = come_together(storm, &result->together_s);
    if (goes_on) goes_on = stay_calm(storm, &result->grown);
    bool is_whole_run = goes_on && storm->config->until_s <= 0;
    return is_whole_run && storm->plan->compares ? compare(storm, result) : 0;
}

static void collect(const struct storm *storm, struct kith_storm_result *result)
{
    const char *failure = kith_world_failure(storm->world);
    result->is_good = failure == NULL;
    snprintf(result->failure, sizeof result->failure, "%s", failure ? failure : "");
    result->kinds = storm->plan->kinds;
    result->faults = storm->plan->drawn;
    result->lies = kith_gang_told(storm->gang);
    result->steps = kith_world_counters(storm->world)->steps;
    result->virtual_s = (double)kith_world_now_us(storm->world) / 1e6;
    result->trace = kith_world_hash(storm->world);
    kith_guard_peaks(storm->guard, &result->gossip_peak, &result->bytes_peak);
}

int kith_storm_run(const struct kith_storm_config *config, struct kith_storm_result *ret)
{
    struct storm storm = {.config = config};
    memset(ret, 0, sizeof *ret);
    storm.plan = malloc(sizeof *storm.plan);
    if (!storm.plan) return KITH_ERR_NOMEM;
    kith_storm_draw(config->seed, config->nodes, config->always, config->allowed, storm.plan);
    for (uint32_t i = 0; config->lie != KITH_LIE_NONE && i < config->nodes; i++)
        if (storm.plan->lies[i].lie != KITH_LIE_NONE) storm.plan->lies[i].lie = config->lie;
    int err = set_up(&storm);
    if (!err) err = run_phases(&storm, ret);
    if (!err) collect(&storm, ret);
    tear_down(&storm);
    free(storm.plan);
    return err;
}
