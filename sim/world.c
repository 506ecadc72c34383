#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "sim/sim_check.h"
#include "sim/sim_sign.h"
#include "sim/world_inside.h"

enum {
    LINKS_PER_NODE = 96,
    ITEMS_PER_NODE = 256,
    ITEMS_PER_LINK = 8,
    POOL_MAX = 1 << 30,
    CLOCK_US_MAX = 2000 * 1000 * 1000,
    LOOK_AHEAD = 5, /* the next item of the calendar's heap, and its children */
};

void kith_world_config_default(struct kith_world_config *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->nodes = 2;
    ret->net.latency = KITH_SIM_LATENCY_UNIFORM;
    ret->net.latency_us = 10000;
    ret->net.flight_max = POOL_MAX;
    kith_sim_dht_config_default(&ret->dht);
    ret->threads = 1;
    ret->flops = 1e9;
    ret->check_every = 1;
}

static const uint8_t *key_seed(const struct kith_world *world, uint32_t node, struct kith_rng *rng,
                               uint8_t seed[static KITH_SEED_LEN])
{
    kith_rng_split(rng, world->config.seed, "hotkey", node);
    kith_rng_fill(rng, seed, KITH_SEED_LEN);
    return seed;
}

static void make_keypair(const struct kith_world *world, uint32_t node, struct kith_keypair *ret)
{
    struct kith_rng rng;
    uint8_t seed[KITH_SEED_LEN];
    key_seed(world, node, &rng, seed);
    if (world->config.real_signatures)
        kith_keypair_from_seed(ret, seed);
    else
        kith_sim_sign_keypair(ret, seed);
}

static int by_hotkey(const void *a, const void *b, void *context)
{
    const struct kith_world *world = context;
    const uint32_t *first = a, *second = b;
    return kith_id_cmp(&world->hosts[*first].hotkey, &world->hosts[*second].hotkey);
}

static void make_hosts(struct kith_world *world)
{
    struct kith_rng rng;
    kith_rng_split(&rng, world->config.seed, "hosts", 0);
    for (uint32_t i = 0; i < world->config.nodes; i++) {
        struct kith_keypair keypair;
        make_keypair(world, i, &keypair);
        world->hosts[i].hotkey = keypair.hotkey;
        world->hosts[i].speed = world->hosts[i].pace = 1.0;
        world->hosts[i].compute.straggler_tail = 1.5;
        world->hosts[i].clock_us = 1 + kith_rng_below(&rng, CLOCK_US_MAX);
        world->by_hotkey[i] = i;
    }
    qsort_r(world->by_hotkey, world->config.nodes, sizeof *world->by_hotkey, by_hotkey, world);
}

static void deliver(void *context, uint32_t node, struct kith_event *event)
{
    kith_world_feed(context, node, event);
}

static int make_parts(struct kith_world *world)
{
    struct kith_world_config *config = &world->config;
    uint32_t nodes = config->nodes;
    if (config->net.links_max == 0) config->net.links_max = nodes * LINKS_PER_NODE;
    config->net.nodes = nodes;
    config->net.calendar = &world->calendar;
    config->net.tag = (uint64_t)KITH_WORLD_NET << 56;
    config->net.context = world;
    config->net.deliver = deliver;
    config->dht.nodes = nodes;
    size_t items = (size_t)nodes * ITEMS_PER_NODE + (size_t)config->net.links_max * ITEMS_PER_LINK;
    int err = kith_outbox_init(&world->outbox, KITH_STEP_EFFECTS_MAX, KITH_STEP_BYTES_MAX);
    kith_calendar_init(&world->calendar, items);
    if (!err) err = kith_sim_net_new(&config->net, config->seed, &world->net);
    if (!err) err = kith_sim_dht_new(&config->dht, config->seed, &world->dht);
    if (!err) err = kith_sim_store_new(nodes, config->seed, &world->store);
    if (!err) err = kith_sim_work_new(nodes, config->threads, &world->work);
    return err;
}

int kith_world_new(const struct kith_world_config *config, struct kith_world **ret_world)
{
    if (config->nodes < 1 || config->nodes > KITH_SIM_NET_NODES_MAX) return KITH_ERR_RANGE;
    if (config->threads < 1 || !(config->flops > 0)) return KITH_ERR_RANGE;
    struct kith_world *world = calloc(1, sizeof *world);
    if (!world) return KITH_ERR_NOMEM;
    world->config = *config;
    world->operations_free = world->faults_free = UINT32_MAX;
    kith_sim_hash_init(&world->trace);
    kith_sim_pool_init(&world->pool, POOL_MAX);
    world->hosts = calloc(config->nodes, sizeof *world->hosts);
    world->by_hotkey = calloc(config->nodes, sizeof *world->by_hotkey);
    world->marks = calloc(config->nodes, sizeof *world->marks);
    bool has_memory = world->hosts && world->by_hotkey && world->marks;
    int err = has_memory ? make_parts(world) : KITH_ERR_NOMEM;
    if (err) {
        kith_world_free(world);
        return err;
    }
    make_hosts(world);
    for (uint32_t i = 0; i < config->nodes; i++) {
        kith_sim_dht_set_up(world->dht, i, false);
        if (config->blank_disks) kith_sim_store_set_disk(world->store, i, KITH_SIM_DISK_BLANK);
    }
    *ret_world = world;
    return 0;
}

void kith_world_free(struct kith_world *world)
{
    if (!world) return;
    for (uint32_t i = 0; world->hosts && i < world->config.nodes; i++) {
        if (world->work) kith_sim_work_abandon(world->work, i);
        kith_node_free(world->hosts[i].node);
    }
    kith_sim_work_free(world->work);
    kith_sim_store_free(world->store);
    kith_sim_dht_free(world->dht);
    kith_sim_net_free(world->net);
    kith_sim_pool_release(&world->pool);
    kith_calendar_release(&world->calendar);
    kith_outbox_release(&world->outbox);
    free(world->operations);
    free(world->faults);
    free(world->hosts);
    free(world->by_hotkey);
    free(world->marks);
    free(world);
}

void kith_world_push(struct kith_world *world, uint64_t at_us, enum kith_world_tag tag,
                     uint64_t argument)
{
    kith_calendar_push(&world->calendar, at_us, (uint64_t)tag << 56 | argument);
}

/* --- one node --- */

static void arm(struct kith_world *world, uint32_t node)
{
    struct kith_world_host *host = &world->hosts[node];
    uint64_t at_us = kith_node_deadline_us(host->node);
    if (host->state != KITH_WORLD_UP || at_us == KITH_NEVER) return;
    at_us = at_us > host->clock_us + world->now_us ? at_us - host->clock_us : world->now_us;
    if (host->armed_count > 0 && host->armed_us[host->armed_count - 1] <= at_us) return;
    if (host->armed_count == KITH_WORLD_ARMED_MAX) {
        /* Forget the latest: its item will find nothing to do. */
        memmove(host->armed_us, host->armed_us + 1, sizeof host->armed_us - sizeof at_us);
        host->armed_count--;
    }
    host->armed_us[host->armed_count++] = at_us;
    kith_world_push(world, at_us, KITH_WORLD_DEADLINE, node);
}

static void apply_all(struct kith_world *world, uint32_t node, const struct kith_effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        kith_sim_hash_effect(&world->trace, &effects->at[i]);
        kith_sim_check_effect(world, node, &effects->at[i]);
        kith_world_apply(world, node, &effects->at[i]);
    }
}

void kith_world_feed(struct kith_world *world, uint32_t node, struct kith_event *event)
{
    struct kith_world_host *host = &world->hosts[node];
    if (host->state != KITH_WORLD_UP) return;
    event->now_us = world->now_us + host->clock_us;
    event->wall_ms = KITH_WORLD_EPOCH_MS + world->now_us / 1000 + (uint64_t)host->skew_ms;
    kith_sim_hash_event(&world->trace, world->now_us, node, event);
    const struct kith_world_filter *filter = &world->config.filter;
    struct kith_effects effects;
    if (filter->event) filter->event(filter->context, node, event);
    kith_node_step(host->node, event, &world->outbox, &effects);
    world->counters.steps++;
    if (filter->effects) filter->effects(filter->context, node, event, &effects);
    apply_all(world, node, &effects);
    arm(world, node);
    if (world->config.check_every > 0 && ++host->unchecked_steps >= world->config.check_every) {
        host->unchecked_steps = 0;
        kith_sim_check_node(world, node);
    }
    if (world->config.on_step)
        world->config.on_step(world->config.hook_context, node, event, &effects);
}

void kith_world_wake(struct kith_world *world, uint32_t node, uint64_t at_us)
{
    uint64_t life = world->hosts[node].life;
    kith_world_push(world, at_us > world->now_us ? at_us : world->now_us, KITH_WORLD_WAKE,
                    life << KITH_WORLD_NODE_BITS | node);
}

static void fire_wake(struct kith_world *world, uint64_t argument)
{
    uint32_t node = argument & ((1u << KITH_WORLD_NODE_BITS) - 1);
    const struct kith_world_host *host = &world->hosts[node];
    const struct kith_world_filter *filter = &world->config.filter;
    struct kith_effects effects = {0};
    if (host->state != KITH_WORLD_UP || host->life != argument >> KITH_WORLD_NODE_BITS) return;
    if (!filter->woken) return;
    filter->woken(filter->context, node, &effects);
    apply_all(world, node, &effects);
}

static void fire_deadline(struct kith_world *world, uint32_t node)
{
    struct kith_world_host *host = &world->hosts[node];
    if (host->armed_count == 0 || host->armed_us[host->armed_count - 1] != world->now_us) return;
    host->armed_count--;
    if (host->state != KITH_WORLD_UP) return;
    uint64_t at_us = kith_node_deadline_us(host->node);
    if (at_us == KITH_NEVER || at_us > world->now_us + host->clock_us) {
        arm(world, node);
        return;
    }
    world->counters.deadlines++;
    struct kith_event event = {.kind = KITH_EVENT_DEADLINE};
    kith_world_feed(world, node, &event);
}

/* It comes back with nothing. */
static void empty_job(struct kith_job *job)
{
    job->frame = job->labels = job->checkpoint = (struct kith_bytes){NULL, 0};
    job->line_count = 0;
    job->tested = false;
}

static void fire_computed(struct kith_world *world, uint64_t argument)
{
    uint32_t node = argument & ((1u << KITH_WORLD_NODE_BITS) - 1);
    if (world->hosts[node].job_number != argument >> KITH_WORLD_NODE_BITS) return;
    if (!kith_sim_work_lent(world->work, node)) return;
    world->counters.jobs++;
    struct kith_job *job = kith_sim_work_take(world->work, node);
    if (world->hosts[node].is_job_failing) empty_job(job);
    struct kith_event event = {.kind = KITH_EVENT_COMPUTED, .computed = {.job = job}};
    if (world->config.on_job)
        world->config.on_job(world->config.hook_context, node, event.computed.job);
    kith_world_feed(world, node, &event);
}

static void fire_stored(struct kith_world *world, uint64_t argument)
{
    uint32_t node = argument & ((1u << KITH_WORLD_NODE_BITS) - 1);
    enum kith_store_key key = (enum kith_store_key)(argument >> 16 & 255);
    if ((world->hosts[node].life & 0xffffffff) != argument >> 24) return;
    if (world->hosts[node].state != KITH_WORLD_UP) return;
    struct kith_event event = {
        .kind = KITH_EVENT_STORED,
        .stored = {.key = key, .err = kith_sim_store_finish(world->store, node, key)},
    };
    kith_world_feed(world, node, &event);
}

static struct kith_node *make_node(struct kith_world *world, uint32_t node,
                                   struct kith_config *config)
{
    struct kith_rng rng;
    uint8_t seed[KITH_SEED_LEN];
    struct kith_world_host *host = &world->hosts[node];
    kith_config_default(config);
    config->scheme = world->config.real_signatures ? &kith_ed25519 : &kith_sim_sign;
    make_keypair(world, node, &config->keypair);
    world->config.configure(world->config.context, node, config);
    kith_rng_split(&rng, world->config.seed, "node", (uint64_t)host->life << 32 | node);
    kith_rng_fill(&rng, seed, KITH_SEED_LEN);
    return kith_node_new(config, seed);
}

static uint32_t bootstrap_of(struct kith_world *world, uint32_t node, struct kith_addr *ret)
{
    uint32_t nodes[KITH_WORLD_BOOTSTRAP_MAX] = {0};
    uint32_t count = node == 0 ? 0 : 1;
    if (world->config.bootstrap)
        count = world->config.bootstrap(world->config.bootstrap_context, node, nodes);
    for (uint32_t i = 0; i < count; i++)
        ret[i] = kith_sim_net_addr(nodes[i]);
    return count;
}

void kith_world_free_node(struct kith_world *world, uint32_t node)
{
    struct kith_world_host *host = &world->hosts[node];
    if (host->node && world->config.on_gone)
        world->config.on_gone(world->config.hook_context, node);
    kith_node_free(host->node);
    host->node = NULL;
}

void kith_world_start(struct kith_world *world, uint32_t node)
{
    struct kith_world_host *host = &world->hosts[node];
    if (host->state == KITH_WORLD_UP) return;
    kith_world_free_node(world, node);
    struct kith_config config;
    host->life++;
    host->node = make_node(world, node, &config);
    if (!host->node) {
        host->state = KITH_WORLD_DOWN;
        kith_world_fail(world, node, "out of memory");
        return;
    }
    host->state = KITH_WORLD_UP;
    host->down_since_us = 0;
    host->armed_count = 0;
    world->counters.starts++;
    host->peers_max = config.peers_max;
    kith_sim_net_up(world->net, node, &host->hotkey, config.links_max);
    kith_sim_dht_set_up(world->dht, node, true);
    struct kith_addr own = kith_sim_net_addr(node), bootstrap[KITH_WORLD_BOOTSTRAP_MAX];
    struct kith_event event = {
        .kind = KITH_EVENT_START,
        .start = {.own = &own, .own_count = 1, .bootstrap = bootstrap},
    };
    event.start.bootstrap_count = bootstrap_of(world, node, bootstrap);
    struct kith_bytes stored[KITH_STORE_KEYS];
    event.start.stored = stored;
    for (unsigned key = 0; key < KITH_STORE_KEYS; key++)
        stored[key] = kith_sim_store_read(world->store, node, (enum kith_store_key)key);
    kith_world_feed(world, node, &event);
}

/* --- the loop --- */

/* Until when the node that an item is for stands still. */
static uint64_t paused_until(const struct kith_world *world, enum kith_world_tag tag,
                             uint64_t argument)
{
    switch (tag) {
    case KITH_WORLD_DEADLINE:
    case KITH_WORLD_COMPUTED:
    case KITH_WORLD_STORED:
        return world->hosts[argument & ((1u << KITH_WORLD_NODE_BITS) - 1)].paused_until_us;
    case KITH_WORLD_DHT:
        return world->hosts[world->operations[argument].node].paused_until_us;
    case KITH_WORLD_NET: /* looks after itself */
    case KITH_WORLD_FAULT:
    case KITH_WORLD_WAKE:
        return 0;
    }
    return 0;
}

static void fire(struct kith_world *world, uint64_t payload)
{
    uint64_t argument = payload & ((UINT64_C(1) << 56) - 1);
    uint64_t until_us = paused_until(world, (enum kith_world_tag)(payload >> 56), argument);
    if (until_us > world->now_us) {
        kith_world_push(world, until_us, (enum kith_world_tag)(payload >> 56), argument);
        return;
    }
    switch ((enum kith_world_tag)(payload >> 56)) {
    case KITH_WORLD_NET:
        kith_sim_net_fire(world->net, payload, world->now_us);
        return;
    case KITH_WORLD_DEADLINE:
        fire_deadline(world, (uint32_t)argument);
        return;
    case KITH_WORLD_DHT:
        kith_world_fire_dht(world, (uint32_t)argument);
        return;
    case KITH_WORLD_COMPUTED:
        fire_computed(world, argument);
        return;
    case KITH_WORLD_STORED:
        fire_stored(world, argument);
        return;
    case KITH_WORLD_WAKE:
        fire_wake(world, argument);
        return;
    case KITH_WORLD_FAULT: {
        struct kith_fault fault = world->faults[argument].fault;
        world->faults[argument].next_free = world->faults_free;
        world->faults_free = (uint32_t)argument;
        kith_world_apply_fault(world, &fault);
        return;
    }
    }
}

static bool is_good(struct kith_world *world)
{
    if (world->calendar.refused) kith_world_fail(world, 0, "out of memory, or too much that waits");
    return !world->has_failed;
}

/* Have the memory come of what will be due next, and of what may be due after it: the steps of a
 * large world wait for little else. Changes nothing. */
static void look_ahead(struct kith_world *world)
{
    const struct kith_heap *now = &world->calendar.now;
    for (size_t i = 0; i < now->count && i < LOOK_AHEAD; i++) {
        uint64_t payload = now->items[i].payload;
        uint32_t node = UINT32_MAX;
        if (payload >> 56 == KITH_WORLD_NET)
            node = kith_sim_net_expect(world->net, payload, i == 0);
        else if (payload >> 56 == KITH_WORLD_DEADLINE)
            node = (uint32_t)(payload & ((1u << KITH_WORLD_NODE_BITS) - 1));
        if (node == UINT32_MAX) continue;
        __builtin_prefetch(&world->hosts[node]);
        if (i == 0 && world->hosts[node].node) kith_node_expect(world->hosts[node].node);
    }
}

bool kith_world_step(struct kith_world *world)
{
    struct kith_heap_item item;
    if (world->has_failed || !kith_calendar_pop(&world->calendar, &item)) return false;
    look_ahead(world);
    world->now_us = item.time_us;
    fire(world, item.payload);
    return is_good(world);
}

bool kith_world_run(struct kith_world *world, uint64_t until_us)
{
    const struct kith_heap_item *top;
    while ((top = kith_calendar_top(&world->calendar)) != NULL && top->time_us <= until_us)
        if (!kith_world_step(world)) return false;
    if (until_us > world->now_us) world->now_us = until_us;
    return is_good(world);
}

/* --- looking in --- */

uint64_t kith_world_now_us(const struct kith_world *world)
{
    return world->now_us;
}

enum kith_world_state kith_world_state(const struct kith_world *world, uint32_t node)
{
    return world->hosts[node].state;
}

const struct kith_node *kith_world_node(const struct kith_world *world, uint32_t node)
{
    return world->hosts[node].node;
}

const struct kith_id *kith_world_hotkey(const struct kith_world *world, uint32_t node)
{
    return &world->hosts[node].hotkey;
}

uint32_t kith_world_find(const struct kith_world *world, const struct kith_id *hotkey)
{
    uint32_t low = 0, high = world->config.nodes;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = kith_id_cmp(&world->hosts[world->by_hotkey[middle]].hotkey, hotkey);
        if (order == 0) return world->by_hotkey[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return UINT32_MAX;
}

uint64_t kith_world_down_since_us(const struct kith_world *world, uint32_t node)
{
    return world->hosts[node].down_since_us;
}

void kith_world_set_compute(struct kith_world *world, uint32_t node,
                            const struct kith_world_compute *compute)
{
    kith_assert(compute->straggler_tail > 0);
    world->hosts[node].compute = *compute;
}

void kith_world_set_nat(struct kith_world *world, uint32_t node, enum kith_sim_nat nat)
{
    bool is_reachable = nat == KITH_SIM_NAT_PUBLIC || nat == KITH_SIM_NAT_CONE;
    kith_sim_net_set_nat(world->net, node, nat);
    kith_sim_dht_set_reachable(world->dht, node, is_reachable);
}

void kith_world_set_speed(struct kith_world *world, uint32_t node, double speed)
{
    kith_assert(speed > 0);
    world->hosts[node].speed = speed;
}

struct kith_sim_net *kith_world_net(struct kith_world *world)
{
    return world->net;
}

struct kith_sim_dht *kith_world_dht(struct kith_world *world)
{
    return world->dht;
}

struct kith_id kith_world_hash(const struct kith_world *world)
{
    return kith_sim_hash_now(&world->trace);
}

const struct kith_world_counters *kith_world_counters(const struct kith_world *world)
{
    return &world->counters;
}

const char *kith_world_failure(const struct kith_world *world)
{
    return world->has_failed ? world->failure : NULL;
}

void kith_world_fail(struct kith_world *world, uint32_t node, const char *form, ...)
{
    if (world->has_failed) return;
    world->has_failed = true;
    int used = snprintf(world->failure, sizeof world->failure,
                        "at %.6f s, node %u: ", (double)world->now_us / 1e6, node);
    va_list list;
    va_start(list, form);
    vsnprintf(world->failure + used, sizeof world->failure - (size_t)used, form, list);
    va_end(list);
}
