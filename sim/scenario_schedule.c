/* From a scenario's plan to the faults of a world: who starts when, what is done to whom, and when
 * it is undone. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/scenario.h"
#include "sim/scenario_cuts.h"
#include "sim/world.h"

struct plan {
    const struct kith_scenario *scenario;
    struct kith_world *world;
    const uint8_t *seed;
};

static uint64_t to_us(double seconds)
{
    return (uint64_t)(seconds * 1e6 + 0.5);
}

/* The first `count` of order[nodes] become a sample of all; order[0] stays if `with_first`. */
static void draw(uint32_t *order, uint32_t nodes, uint32_t count, bool with_first,
                 struct kith_rng *rng)
{
    for (uint32_t i = 0; i < nodes; i++)
        order[i] = i;
    for (uint32_t i = with_first ? 1 : 0; i < count; i++) {
        uint32_t other = i + kith_rng_below(rng, nodes - i);
        uint32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

uint32_t kith_scenario_pick(const struct kith_scenario *scenario,
                            const struct kith_scenario_who *who,
                            const uint8_t seed[static KITH_SEED_LEN], uint32_t number,
                            bool *ret_is_in)
{
    struct kith_rng rng;
    uint32_t order[KITH_SIM_NODES_MAX], first, nodes;
    kith_scenario_range(scenario, who->group, &first, &nodes);
    memset(ret_is_in, 0, scenario->nodes * sizeof *ret_is_in);
    if (who->count > 0) {
        for (uint32_t i = 0; i < who->count; i++)
            ret_is_in[first + who->first + i] = true;
        return who->count;
    }
    uint32_t count = (uint32_t)(who->share * nodes + 1e-9);
    kith_rng_split(&rng, seed, "pick", number);
    draw(order, nodes, count, who->with_first, &rng);
    for (uint32_t i = 0; i < count; i++)
        ret_is_in[first + order[i]] = true;
    return count;
}

/* --- starts --- */

/* In an order drawn from the seed. */
static void plan_start(const struct plan *plan, uint32_t node, struct kith_rng *rng)
{
    uint32_t place;
    const struct kith_scenario_group *group = kith_scenario_of(plan->scenario, node, &place);
    struct kith_fault start = {.kind = KITH_FAULT_START, .node = node};
    uint32_t window_us = (uint32_t)to_us(group->start_within_s);
    uint64_t delay_us = window_us > 0 ? kith_rng_below(rng, window_us) : 0;
    kith_world_at(plan->world, to_us(group->start_s) + delay_us, &start);
}

static void set_machine(const struct plan *plan, uint32_t node)
{
    uint32_t place;
    const struct kith_scenario_group *group = kith_scenario_of(plan->scenario, node, &place);
    kith_sim_net_set_speed(kith_world_net(plan->world), node,
                           (uint64_t)(group->bandwidth_mbps * 1e6 / 8));
    kith_world_set_speed(plan->world, node, group->gflops / plan->scenario->all.gflops);
    kith_world_set_compute(plan->world, node, &group->compute);
    kith_world_set_nat(plan->world, node, group->nat);
    if (group->region > 0)
        kith_sim_net_set_region(kith_world_net(plan->world), node, group->region - 1);
    const struct kith_fault faults[] = {
        {.kind = KITH_FAULT_DISK, .node = node, .a = group->disk},
        {.kind = KITH_FAULT_DHT, .node = node, .a = group->dht},
        {.kind = KITH_FAULT_SKEW, .node = node, .skew_ms = (int64_t)group->skew_ms},
    };
    bool is_set[] = {group->disk != KITH_SIM_DISK_GOOD, group->dht != KITH_SIM_DHT_HONEST,
                     faults[2].skew_ms != 0};
    for (int i = 0; i < 3; i++)
        if (is_set[i]) kith_world_at(plan->world, 0, &faults[i]);
}

/* --- faults --- */

static enum kith_fault_kind undone_by(enum kith_fault_kind kind)
{
    bool goes = kind == KITH_FAULT_KILL || kind == KITH_FAULT_CUT_OFF || kind == KITH_FAULT_STOP;
    if (kind == KITH_FAULT_START) return KITH_FAULT_STOP;
    return goes ? KITH_FAULT_START : kind;
}

static uint32_t thousandths(double value)
{
    return (uint32_t)(value * 1000 + 0.5);
}

static struct kith_fault fault_of(const struct kith_scenario_fault *from, uint32_t node)
{
    struct kith_fault fault = {.kind = from->kind, .node = node, .flag = from->lose_last};
    if (from->kind == KITH_FAULT_SPEED || from->kind == KITH_FAULT_LOSS)
        fault.a = thousandths(from->value);
    if (from->kind == KITH_FAULT_PAUSE) fault.a = thousandths(from->until_s - from->at_s);
    if (from->kind == KITH_FAULT_BANDWIDTH) fault.a = (uint32_t)(from->value * 1e6 / 8);
    if (from->kind == KITH_FAULT_DISK || from->kind == KITH_FAULT_DHT)
        fault.a = (uint32_t)from->value;
    if (from->kind == KITH_FAULT_SKEW) fault.skew_ms = (int64_t)from->value;
    return fault;
}

/* What brings back what the scenario says. */
static struct kith_fault undo_of(const struct kith_scenario *scenario,
                                 const struct kith_scenario_fault *from, uint32_t node)
{
    uint32_t place;
    struct kith_scenario_fault none = {.kind = undone_by(from->kind)};
    if (none.kind == KITH_FAULT_SPEED) none.value = 1;
    if (none.kind == KITH_FAULT_LOSS) none.value = scenario->loss;
    const struct kith_scenario_group *group = kith_scenario_of(scenario, node, &place);
    if (none.kind == KITH_FAULT_BANDWIDTH) none.value = group->bandwidth_mbps;
    if (none.kind == KITH_FAULT_DISK) none.value = group->disk;
    if (none.kind == KITH_FAULT_DHT) none.value = group->dht;
    if (none.kind == KITH_FAULT_SKEW) none.value = group->skew_ms;
    struct kith_fault fault = fault_of(&none, node);
    fault.flag = none.kind == KITH_FAULT_WALL;
    return fault;
}

static void plan_fault(const struct plan *plan, uint32_t number, bool *is_in)
{
    const struct kith_scenario_fault *from = &plan->scenario->fault[number];
    kith_scenario_pick(plan->scenario, &from->who, plan->seed, 2 * number, is_in);
    for (uint32_t node = 0; node < plan->scenario->nodes; node++) {
        bool is_for_all = from->kind == KITH_FAULT_LOSS;
        if (is_for_all ? node > 0 : !is_in[node]) continue;
        struct kith_fault fault = fault_of(from, node);
        struct kith_fault undo = undo_of(plan->scenario, from, node);
        kith_world_at(plan->world, to_us(from->at_s), &fault);
        bool ends = from->until_s > 0 && from->kind != KITH_FAULT_PAUSE;
        if (ends) kith_world_at(plan->world, to_us(from->until_s), &undo);
    }
}

/* Who comes and goes by the trace is marked: nothing else starts it. */
static void plan_churn(const struct plan *plan, bool *is_in)
{
    for (uint32_t i = 0; i < plan->scenario->churn_count; i++) {
        const struct kith_churn *one = &plan->scenario->churn[i];
        struct kith_fault fault = {.node = one->node};
        fault.kind = one->is_up ? KITH_FAULT_START : KITH_FAULT_KILL;
        kith_world_at(plan->world, to_us(one->at_s), &fault);
        is_in[one->node] = true;
    }
}

int kith_scenario_schedule(const struct kith_scenario *scenario, struct kith_world *world,
                           const uint8_t seed[static KITH_SEED_LEN])
{
    struct plan plan = {.scenario = scenario, .world = world, .seed = seed};
    struct kith_rng rng;
    bool *is_in = calloc(scenario->nodes, sizeof *is_in);
    if (!is_in) return KITH_ERR_NOMEM;
    kith_sim_net_set_regions(kith_world_net(world), scenario->region_us, scenario->region_count);
    kith_rng_split(&rng, seed, "start", 0);
    plan_churn(&plan, is_in);
    for (uint32_t node = 0; node < scenario->nodes; node++) {
        set_machine(&plan, node);
        if (!is_in[node]) plan_start(&plan, node, &rng);
    }
    for (uint32_t i = 0; i < scenario->fault_count; i++)
        if (scenario->fault[i].kind != KITH_FAULT_CLOSE) plan_fault(&plan, i, is_in);
    free(is_in);
    return kith_scenario_cut(scenario, world, seed);
}
