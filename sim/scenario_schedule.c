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
    if (none.kind == KITH_FAULT_BANDWIDTH)
        none.value = kith_scenario_of(scenario, node, &place)->bandwidth_mbps;
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
        if (from->until_s > 0) kith_world_at(plan->world, to_us(from->until_s), &undo);
    }
}

int kith_scenario_schedule(const struct kith_scenario *scenario, struct kith_world *world,
                           const uint8_t seed[static KITH_SEED_LEN])
{
    struct plan plan = {.scenario = scenario, .world = world, .seed = seed};
    struct kith_rng rng;
    bool *is_in = calloc(scenario->nodes, sizeof *is_in);
    if (!is_in) return KITH_ERR_NOMEM;
    kith_rng_split(&rng, seed, "start", 0);
    for (uint32_t node = 0; node < scenario->nodes; node++) {
        set_machine(&plan, node);
        plan_start(&plan, node, &rng);
    }
    for (uint32_t i = 0; i < scenario->fault_count; i++)
        if (scenario->fault[i].kind != KITH_FAULT_CLOSE) plan_fault(&plan, i, is_in);
    free(is_in);
    return kith_scenario_cut(scenario, world, seed);
}
