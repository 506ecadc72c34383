/* What a seed draws: which kinds of faults, when, at whom, and who is healed. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "sim/sim_dht.h"
#include "sim/sim_store.h"
#include "sim/sim_storm.h"

enum {
    START_WINDOW_MS = 5000,
    FIRST_MS = 4000,                          /* the earliest fault */
    LAST_MS = (KITH_STORM_HEAL_S - 6) * 1000, /* the latest, so that a node may still stop */
    KIND_ONE_IN = 3,                          /* chance of each kind */
    CORE_ALL_ONE_IN = 2,                      /* chance that nobody is left outside */
    GROUP_FIRST = 1,                          /* group 0 is where all nodes are at first */
};

struct draw {
    struct kith_storm_plan *plan;
    struct kith_rng rng;
};

const char *kith_storm_kind_name(enum kith_storm_kind kind)
{
    static const char *const names[] = {
#define X(name, text) #name,
        KITH_STORM_KINDS_MAP(X)
#undef X
    };
    return names[kind];
}

const char *kith_storm_kind_text(enum kith_storm_kind kind)
{
    static const char *const texts[] = {
#define X(name, text) text,
        KITH_STORM_KINDS_MAP(X)
#undef X
    };
    return texts[kind];
}

static uint32_t between(struct draw *draw, uint32_t least, uint32_t most)
{
    return least + kith_rng_below(&draw->rng, most - least + 1);
}

static bool has(const struct draw *draw, enum kith_storm_kind kind)
{
    return draw->plan->kinds >> kind & 1;
}

static void add(struct draw *draw, uint32_t at_ms, struct kith_fault fault)
{
    struct kith_storm_plan *plan = draw->plan;
    kith_assert(plan->fault_count < KITH_STORM_FAULTS_MAX);
    plan->fault[plan->fault_count++] =
        (struct kith_storm_fault){.at_us = (uint64_t)at_ms * 1000, .fault = fault};
}

/* A fault at a node, and what undoes it, both drawn in time. Some last until all is healed. */
static void add_spell(struct draw *draw, struct kith_fault begin, struct kith_fault end)
{
    uint32_t from = between(draw, FIRST_MS, LAST_MS);
    uint32_t length = between(draw, 200, 40000);
    add(draw, from, begin);
    if (from + length < LAST_MS) add(draw, from + length, end);
}

static uint32_t any_node(struct draw *draw)
{
    return kith_rng_below(&draw->rng, draw->plan->nodes);
}

/* How many nodes a kind strikes: mostly few, sometimes half of them. */
static uint32_t how_many(struct draw *draw)
{
    uint32_t most = draw->plan->nodes / 2;
    uint32_t few = most < 3 ? most : 3;
    return between(draw, 1, kith_rng_below(&draw->rng, 4) == 0 ? most : few);
}

/* --- the kinds --- */

static void draw_network(struct draw *draw)
{
    static const enum kith_sim_latency shapes[] = {
        KITH_SIM_LATENCY_CONSTANT, KITH_SIM_LATENCY_UNIFORM, KITH_SIM_LATENCY_TAILED};
    struct kith_world_config *world = &draw->plan->world;
    world->net.latency_us = 20000;
    if (has(draw, KITH_STORM_delay)) {
        world->net.latency = shapes[kith_rng_below(&draw->rng, 3)];
        world->net.latency_us = between(draw, 1000, 400000);
    }
    if (has(draw, KITH_STORM_cuts)) world->net.cuts_per_hour = between(draw, 5, 120);
    if (has(draw, KITH_STORM_loss)) {
        struct kith_fault begin = {.kind = KITH_FAULT_LOSS, .a = between(draw, 10, 300)};
        struct kith_fault end = {.kind = KITH_FAULT_LOSS};
        add_spell(draw, begin, end);
    }
    if (has(draw, KITH_STORM_dht_slow)) {
        world->dht.delay_max_us = between(draw, 500000, 12000000);
        world->dht.visible_us = between(draw, 0, 5000000);
        world->dht.loss = between(draw, 0, 500) / 1000.0;
    }
}

static void draw_cut(struct draw *draw, uint32_t group, bool is_both)
{
    uint32_t from = between(draw, FIRST_MS, LAST_MS - 1000);
    uint32_t until = from + between(draw, 1000, 50000);
    for (uint32_t i = how_many(draw); i > 0; i--) {
        struct kith_fault move = {.kind = KITH_FAULT_GROUP, .node = any_node(draw), .a = group};
        add(draw, from, move);
    }
    bool is_out = kith_rng_below(&draw->rng, 2);
    for (uint32_t out = 0; out < 2; out++) {
        if (!is_both && out != is_out) continue;
        struct kith_fault close = {
            .kind = KITH_FAULT_CLOSE, .a = out ? group : 0, .b = out ? 0 : group};
        struct kith_fault open = close;
        open.kind = KITH_FAULT_OPEN;
        add(draw, from, close);
        if (until < LAST_MS) add(draw, until, open);
    }
}

static void draw_lives(struct draw *draw, enum kith_fault_kind kind, bool loses_last)
{
    for (uint32_t i = how_many(draw); i > 0; i--) {
        uint32_t node = any_node(draw);
        struct kith_fault end = {.kind = kind, .node = node, .flag = loses_last};
        struct kith_fault start = {.kind = KITH_FAULT_START, .node = node};
        add_spell(draw, end, start);
    }
}

static void draw_spells(struct draw *draw, enum kith_fault_kind kind, uint32_t bad, uint32_t good)
{
    for (uint32_t i = how_many(draw); i > 0; i--) {
        uint32_t node = any_node(draw);
        struct kith_fault begin = {.kind = kind, .node = node, .a = bad};
        struct kith_fault end = {.kind = kind, .node = node, .a = good, .flag = true};
        add_spell(draw, begin, end);
    }
}

static void draw_clocks(struct draw *draw)
{
    for (uint32_t i = how_many(draw); i > 0; i--) {
        uint32_t node = any_node(draw);
        int64_t most_ms = kith_rng_below(&draw->rng, 4) == 0 ? 900000 : 60000;
        int64_t skew_ms = (int64_t)kith_rng_below(&draw->rng, (uint32_t)(2 * most_ms)) - most_ms;
        struct kith_fault begin = {.kind = KITH_FAULT_SKEW, .node = node, .skew_ms = skew_ms};
        struct kith_fault end = {.kind = KITH_FAULT_SKEW, .node = node};
        add_spell(draw, begin, end);
    }
}

/* All are over before the healing. */
static void draw_pauses(struct draw *draw)
{
    for (uint32_t i = how_many(draw); i > 0; i--) {
        struct kith_fault pause = {.kind = KITH_FAULT_PAUSE, .node = any_node(draw)};
        uint32_t from = between(draw, FIRST_MS, LAST_MS - 200);
        uint32_t most = LAST_MS - from < 20000 ? LAST_MS - from : 20000;
        pause.a = between(draw, 200, most);
        add(draw, from, pause);
    }
}

static void draw_crowds(struct draw *draw)
{
    struct kith_storm_plan *plan = draw->plan;
    if (has(draw, KITH_STORM_join_storm)) {
        uint32_t at_ms = between(draw, 10000, LAST_MS);
        for (uint32_t i = 1; i < plan->nodes; i++)
            if (kith_rng_below(&draw->rng, 2)) plan->start_us[i] = (uint64_t)at_ms * 1000;
    }
    if (!has(draw, KITH_STORM_mass_leave)) return;
    uint32_t at_ms = between(draw, 10000, LAST_MS), share = between(draw, 2, 4);
    bool is_orderly = kith_rng_below(&draw->rng, 2);
    for (uint32_t i = 0; i < plan->nodes; i++) {
        struct kith_fault end = {.kind = is_orderly ? KITH_FAULT_STOP : KITH_FAULT_KILL, .node = i};
        if (kith_rng_below(&draw->rng, share) == 0) add(draw, at_ms, end);
    }
}

static void draw_faults(struct draw *draw)
{
    if (has(draw, KITH_STORM_one_way)) draw_cut(draw, GROUP_FIRST, false);
    if (has(draw, KITH_STORM_two_way)) draw_cut(draw, GROUP_FIRST + 1, true);
    if (has(draw, KITH_STORM_kills)) draw_lives(draw, KITH_FAULT_KILL, false);
    if (has(draw, KITH_STORM_lost_stores)) draw_lives(draw, KITH_FAULT_KILL, true);
    if (has(draw, KITH_STORM_cut_off)) draw_lives(draw, KITH_FAULT_CUT_OFF, false);
    if (has(draw, KITH_STORM_stops)) draw_lives(draw, KITH_FAULT_STOP, false);
    if (has(draw, KITH_STORM_walls)) draw_spells(draw, KITH_FAULT_WALL, 0, 0);
    if (has(draw, KITH_STORM_slow_links))
        draw_spells(draw, KITH_FAULT_BANDWIDTH, between(draw, 2000, 100000), 0);
    if (has(draw, KITH_STORM_disks))
        draw_spells(draw, KITH_FAULT_DISK, KITH_SIM_DISK_FULL, KITH_SIM_DISK_GOOD);
    if (has(draw, KITH_STORM_slow_compute))
        draw_spells(draw, KITH_FAULT_SPEED, between(draw, 1, 300), 1000);
    for (uint32_t mode = 0; mode < 4; mode++)
        if (has(draw, (enum kith_storm_kind)(KITH_STORM_dht_empty + mode)))
            draw_spells(draw, KITH_FAULT_DHT, KITH_SIM_DHT_EMPTY + mode, KITH_SIM_DHT_HONEST);
    if (has(draw, KITH_STORM_clocks)) draw_clocks(draw);
    if (has(draw, KITH_STORM_pauses)) draw_pauses(draw);
    draw_crowds(draw);
}

/* Some of the nodes; those that begin the swarm may be among them. */
static void draw_liars(struct draw *draw)
{
    struct kith_storm_plan *plan = draw->plan;
    if (!has(draw, KITH_STORM_liars)) return;
    uint32_t most = plan->nodes / 5;
    for (uint32_t i = between(draw, 1, most > 0 ? most : 1); i > 0; i--)
        plan->lies[any_node(draw)].lie = (enum kith_lie)between(draw, 1, KITH_LIES_PLAIN - 1);
}

static void draw_core(struct draw *draw)
{
    struct kith_storm_plan *plan = draw->plan;
    bool is_all = kith_rng_below(&draw->rng, CORE_ALL_ONE_IN) == 0;
    uint32_t outside = is_all ? 0 : between(draw, 1, plan->nodes / 2);
    for (uint32_t i = 0; i < plan->nodes; i++)
        plan->core[i] = true;
    for (; outside > 0; outside--)
        plan->core[any_node(draw)] = false;
    plan->compares = is_all;
    for (uint32_t i = 0; i < plan->nodes; i++) {
        if (plan->lies[i].lie == KITH_LIE_NONE) continue;
        plan->core[i] = false;
        plan->compares = false;
    }
    if (kith_rng_below(&draw->rng, KITH_STORM_COMPARE_ONE_IN) != 0) plan->compares = false;
}

/* Undo all that was done; what is outside the core, and tells no lies, goes for good. */
static void heal(struct draw *draw)
{
    const uint32_t at_ms = KITH_STORM_HEAL_S * 1000;
    struct kith_storm_plan *plan = draw->plan;
    for (uint32_t group = GROUP_FIRST; group <= GROUP_FIRST + 1; group++) {
        struct kith_fault in = {.kind = KITH_FAULT_OPEN, .a = 0, .b = group};
        struct kith_fault out = {.kind = KITH_FAULT_OPEN, .a = group, .b = 0};
        add(draw, at_ms, in);
        add(draw, at_ms, out);
    }
    add(draw, at_ms, (struct kith_fault){.kind = KITH_FAULT_LOSS});
    for (uint32_t i = 0; i < plan->nodes; i++) {
        const struct kith_fault good[] = {
            {.kind = KITH_FAULT_GROUP, .node = i},
            {.kind = KITH_FAULT_WALL, .node = i, .flag = true},
            {.kind = KITH_FAULT_BANDWIDTH, .node = i},
            {.kind = KITH_FAULT_DISK, .node = i, .a = KITH_SIM_DISK_GOOD},
            {.kind = KITH_FAULT_DHT, .node = i, .a = KITH_SIM_DHT_HONEST},
            {.kind = KITH_FAULT_SKEW, .node = i},
            {.kind = KITH_FAULT_SPEED, .node = i, .a = 1000},
        };
        bool is_gone = !plan->core[i] && plan->lies[i].lie == KITH_LIE_NONE;
        for (size_t k = 0; !is_gone && k < sizeof good / sizeof *good; k++)
            add(draw, at_ms, good[k]);
        add(draw, at_ms,
            (struct kith_fault){.kind = is_gone ? KITH_FAULT_CUT_OFF : KITH_FAULT_START,
                                .node = i});
    }
}

static void seed_of(uint64_t seed, uint8_t ret[static KITH_SEED_LEN])
{
    struct kith_hash hash;
    kith_hash_init(&hash);
    kith_hash_add(&hash, "kith/sim/storm", 15);
    kith_hash_add_u64(&hash, seed);
    memcpy(ret, kith_hash_end(&hash).bytes, KITH_SEED_LEN);
}

void kith_storm_draw(uint64_t seed, uint32_t nodes, uint32_t always, uint32_t allowed,
                     struct kith_storm_plan *ret)
{
    uint8_t bytes[KITH_SEED_LEN];
    struct draw draw = {.plan = ret};
    memset(ret, 0, sizeof *ret);
    ret->seed = seed;
    ret->nodes = nodes;
    kith_world_config_default(&ret->world);
    seed_of(seed, bytes);
    kith_rng_split(&draw.rng, bytes, "storm", 0);
    for (uint32_t kind = 0; kind < KITH_STORM_KINDS; kind++)
        ret->kinds |= (uint32_t)(kith_rng_below(&draw.rng, KIND_ONE_IN) == 0) << kind;
    ret->kinds = (ret->kinds | always) & allowed;
    for (uint32_t i = 0; i < nodes; i++)
        ret->start_us[i] = (uint64_t)kith_rng_below(&draw.rng, START_WINDOW_MS) * 1000;
    draw_network(&draw);
    draw_faults(&draw);
    draw_liars(&draw);
    draw_core(&draw);
    ret->drawn = ret->fault_count;
    heal(&draw);
}

void kith_storm_calm(struct kith_storm_plan *plan)
{
    kith_world_config_default(&plan->world);
    memset(plan->lies, 0, sizeof plan->lies);
    plan->kinds = 0;
    plan->fault_count = plan->drawn = 0;
}
