#include "sim/scenario_cuts.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/world.h"

enum { PARTS_MAX = KITH_SIM_GROUPS_MAX, NO_PART = 255 };

/* One cut, its two sides as bits of parts. */
struct cut {
    uint64_t at_us;
    uint64_t until_us; /* UINT64_MAX: never */
    uint64_t side[2];  /* `who`, `from` */
    enum kith_scenario_way way;
};

struct cuts {
    const struct kith_scenario *scenario;
    const uint8_t *seed;
    uint8_t *part; /* [nodes] */
    uint32_t parts;
    bool *is_in; /* [nodes] scratch */
    uint32_t count;
    struct cut cut[KITH_SCENARIO_FAULTS_MAX];
};

static void pick(struct cuts *cuts, uint32_t number, int side)
{
    const struct kith_scenario_fault *fault = &cuts->scenario->fault[number];
    kith_scenario_pick(cuts->scenario, side == 0 ? &fault->who : &fault->from, cuts->seed,
                       2 * number + (uint32_t)side, cuts->is_in);
}

/* Tell the nodes of this side from the others of their part. */
static int divide(struct cuts *cuts)
{
    uint8_t within[PARTS_MAX];
    bool has_outside[PARTS_MAX] = {false};
    memset(within, NO_PART, sizeof within);
    for (uint32_t i = 0; i < cuts->scenario->nodes; i++)
        if (!cuts->is_in[i]) has_outside[cuts->part[i]] = true;
    for (uint32_t i = 0; i < cuts->scenario->nodes; i++) {
        uint8_t part = cuts->part[i];
        if (!cuts->is_in[i] || !has_outside[part]) continue;
        if (within[part] == NO_PART) {
            if (cuts->parts == PARTS_MAX) return KITH_ERR_RANGE;
            within[part] = (uint8_t)cuts->parts++;
        }
        cuts->part[i] = within[part];
    }
    return 0;
}

static uint64_t parts_of(const struct cuts *cuts)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < cuts->scenario->nodes; i++)
        if (cuts->is_in[i]) bits |= UINT64_C(1) << cuts->part[i];
    return bits;
}

static uint64_t to_us(double seconds)
{
    return (uint64_t)(seconds * 1e6 + 0.5);
}

static int find_parts(struct cuts *cuts)
{
    const struct kith_scenario *scenario = cuts->scenario;
    cuts->parts = 1;
    for (uint32_t i = 0; i < 2 * scenario->fault_count; i++) {
        if (scenario->fault[i / 2].kind != KITH_FAULT_CLOSE) continue;
        pick(cuts, i / 2, i % 2);
        int err = divide(cuts);
        if (err) return err;
    }
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        const struct kith_scenario_fault *fault = &scenario->fault[i];
        if (fault->kind != KITH_FAULT_CLOSE) continue;
        struct cut *cut = &cuts->cut[cuts->count++];
        cut->at_us = to_us(fault->at_s);
        cut->until_us = fault->until_s > 0 ? to_us(fault->until_s) : UINT64_MAX;
        cut->way = fault->way;
        for (int side = 0; side < 2; side++) {
            pick(cuts, i, side);
            cut->side[side] = parts_of(cuts);
        }
        cut->side[1] &= ~cut->side[0];
    }
    return 0;
}

/* What is closed at a time: bit t of ret[f], no way from f to t. */
static void closed_at(const struct cuts *cuts, uint64_t at_us, uint64_t ret[static PARTS_MAX])
{
    memset(ret, 0, PARTS_MAX * sizeof *ret);
    for (uint32_t i = 0; i < cuts->count; i++) {
        const struct cut *cut = &cuts->cut[i];
        if (at_us < cut->at_us || at_us >= cut->until_us) continue;
        for (uint32_t part = 0; part < cuts->parts; part++) {
            uint64_t bit = UINT64_C(1) << part;
            if (cut->way != KITH_WAY_IN && cut->side[0] & bit) ret[part] |= cut->side[1];
            if (cut->way != KITH_WAY_OUT && cut->side[1] & bit) ret[part] |= cut->side[0];
        }
    }
}

static uint64_t next_change(const struct cuts *cuts, uint64_t after_us, bool is_first)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < cuts->count; i++) {
        uint64_t times[2] = {cuts->cut[i].at_us, cuts->cut[i].until_us};
        for (int t = 0; t < 2; t++)
            if ((times[t] > after_us || is_first) && times[t] < next) next = times[t];
    }
    return next;
}

static void plan_changes(const struct cuts *cuts, struct kith_world *world)
{
    uint64_t before[PARTS_MAX] = {0}, closed[PARTS_MAX];
    uint64_t at_us = next_change(cuts, 0, true);
    for (; at_us != UINT64_MAX; at_us = next_change(cuts, at_us, false)) {
        closed_at(cuts, at_us, closed);
        for (uint32_t from = 0; from < cuts->parts; from++) {
            for (uint32_t to = 0; to < cuts->parts; to++) {
                bool is_closed = closed[from] >> to & 1;
                if (is_closed == (before[from] >> to & 1)) continue;
                struct kith_fault fault = {.a = from, .b = to};
                fault.kind = is_closed ? KITH_FAULT_CLOSE : KITH_FAULT_OPEN;
                kith_world_at(world, at_us, &fault);
            }
        }
        memcpy(before, closed, sizeof before);
    }
}

int kith_scenario_cut(const struct kith_scenario *scenario, struct kith_world *world,
                      const uint8_t seed[static KITH_SEED_LEN])
{
    struct cuts *cuts = calloc(1, sizeof *cuts);
    if (!cuts) return KITH_ERR_NOMEM;
    cuts->scenario = scenario;
    cuts->seed = seed;
    cuts->part = calloc(scenario->nodes, sizeof *cuts->part);
    cuts->is_in = calloc(scenario->nodes, sizeof *cuts->is_in);
    int err = cuts->part && cuts->is_in ? find_parts(cuts) : KITH_ERR_NOMEM;
    for (uint32_t i = 0; !err && i < scenario->nodes; i++)
        kith_sim_net_set_group(kith_world_net(world), i, cuts->part[i]);
    if (!err) plan_changes(cuts, world);
    free(cuts->part);
    free(cuts->is_in);
    free(cuts);
    return err;
}
