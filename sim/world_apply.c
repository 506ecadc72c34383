/* What the nodes' effects and the faults do to a world. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "sim/world_inside.h"
#include "training/explog.h"

#define STRAGGLE_MAX 1000.0

/* The index of a place from a list of free ones or from a growing array, or UINT32_MAX. */
static uint32_t take_operation(struct kith_world *world)
{
    uint32_t index = world->operations_free;
    if (index != UINT32_MAX) {
        world->operations_free = world->operations[index].next_free;
        return index;
    }
    if (world->operations_used == world->operations_size) {
        uint32_t size = world->operations_size ? 2 * world->operations_size : 64;
        void *grown = realloc(world->operations, size * sizeof *world->operations);
        if (!grown) return UINT32_MAX;
        world->operations = grown;
        world->operations_size = size;
    }
    return world->operations_used++;
}

static uint32_t take_fault(struct kith_world *world)
{
    uint32_t index = world->faults_free;
    if (index != UINT32_MAX) {
        world->faults_free = world->faults[index].next_free;
        return index;
    }
    if (world->faults_used == world->faults_size) {
        uint32_t size = world->faults_size ? 2 * world->faults_size : 64;
        void *grown = realloc(world->faults, size * sizeof *world->faults);
        if (!grown) return UINT32_MAX;
        world->faults = grown;
        world->faults_size = size;
    }
    return world->faults_used++;
}

/* --- the DHT --- */

static bool keep_values(struct kith_world *world, struct kith_world_operation *operation,
                        const struct kith_sim_dht_answer *answer)
{
    size_t size = 0;
    for (uint32_t i = 0; i < answer->count; i++)
        size += 2 + answer->values[i].len;
    if (size == 0) return true;
    operation->block = kith_sim_pool_take(&world->pool, size);
    if (!operation->block) return false;
    operation->block_size = (uint32_t)size;
    operation->count = answer->count;
    struct kith_writer writer = kith_writer_into(operation->block, size);
    for (uint32_t i = 0; i < answer->count; i++) {
        kith_write_u16(&writer, (uint16_t)answer->values[i].len);
        kith_write_raw(&writer, answer->values[i].at, answer->values[i].len);
    }
    kith_assert(!writer.failed);
    return true;
}

static void apply_dht(struct kith_world *world, uint32_t node, const struct kith_effect *effect)
{
    struct kith_sim_dht_answer answer;
    uint32_t index = take_operation(world);
    if (index == UINT32_MAX) {
        kith_world_fail(world, node, "out of memory");
        return;
    }
    struct kith_world_operation *operation = &world->operations[index];
    memset(operation, 0, sizeof *operation);
    answer.count = 0;
    if (effect->kind == KITH_EFFECT_DHT_PUT)
        kith_sim_dht_put(world->dht, node, effect->dht.key, effect->dht.value, world->now_us,
                         &answer);
    else
        kith_sim_dht_get(world->dht, node, effect->dht.key, world->now_us, &answer);
    operation->number = effect->dht.number;
    operation->node = node;
    operation->life = world->hosts[node].life;
    operation->err = answer.err;
    bool is_get = effect->kind == KITH_EFFECT_DHT_GET;
    if (is_get && !keep_values(world, operation, &answer)) operation->err = KITH_ERR_NOMEM;
    kith_world_push(world, world->now_us + answer.delay_us, KITH_WORLD_DHT, index);
}

static bool is_alive(const struct kith_world *world, const struct kith_world_operation *operation)
{
    const struct kith_world_host *host = &world->hosts[operation->node];
    return host->state == KITH_WORLD_UP && host->life == operation->life;
}

void kith_world_fire_dht(struct kith_world *world, uint32_t index)
{
    struct kith_world_operation operation = world->operations[index];
    world->operations[index].next_free = world->operations_free;
    world->operations_free = index;
    struct kith_reader reader =
        kith_reader_of((struct kith_bytes){operation.block, operation.block_size});
    for (uint32_t i = 0; i < operation.count && is_alive(world, &operation); i++) {
        uint16_t len = kith_read_u16(&reader);
        struct kith_event event = {
            .kind = KITH_EVENT_DHT_VALUE,
            .dht = {.number = operation.number, .value = kith_read_view(&reader, len)},
        };
        kith_world_feed(world, operation.node, &event);
    }
    if (operation.block) kith_sim_pool_give(&world->pool, operation.block, operation.block_size);
    if (!is_alive(world, &operation)) return;
    struct kith_event event = {
        .kind = KITH_EVENT_DHT_DONE,
        .dht = {.number = operation.number, .err = operation.err},
    };
    kith_world_feed(world, operation.node, &event);
}

/* --- the other effects --- */

static void push_computed(struct kith_world *world, uint32_t node, uint64_t at_us)
{
    struct kith_world_host *host = &world->hosts[node];
    host->job_number++;
    kith_world_push(world, at_us, KITH_WORLD_COMPUTED,
                    host->job_number << KITH_WORLD_NODE_BITS | node);
}

/* How much longer a job takes, for `unit` in [0, 1): Pareto's law. */
static double straggle(const struct kith_world_compute *compute, double unit)
{
    double factor = (double)kith_exp(
        (float)(-(double)kith_log((float)(1.0 - unit) + 0x1p-24f) / compute->straggler_tail));
    return factor < STRAGGLE_MAX ? factor : STRAGGLE_MAX;
}

/* What happens to a job depends on the seed, its node and its number, and on nothing else. */
static double misfortune(struct kith_world *world, uint32_t node, struct kith_job *job)
{
    struct kith_world_host *host = &world->hosts[node];
    const struct kith_world_compute *compute = &host->compute;
    struct kith_rng rng;
    host->is_job_failing = false;
    if (compute->stragglers <= 0 && compute->failures <= 0 && compute->nans <= 0) return 1;
    kith_rng_split(&rng, world->config.seed, "job", (uint64_t)node << 40 | host->job_number);
    double slow = kith_rng_unit(&rng), longer = kith_rng_unit(&rng);
    host->is_job_failing = kith_rng_unit(&rng) < compute->failures;
    if (kith_rng_unit(&rng) < compute->nans) job->rate = INFINITY; /* steps end in no number */
    return slow < compute->stragglers ? straggle(compute, longer) : 1;
}

static void apply_compute(struct kith_world *world, uint32_t node, struct kith_job *job)
{
    double flops = world->config.flops * world->hosts[node].speed * world->hosts[node].pace;
    double cost_us = (double)kith_job_cost(job) / flops * 1e6;
    cost_us *= misfortune(world, node, job);
    if (!kith_sim_work_lend(world->work, node, job)) {
        kith_world_fail(world, node, "out of memory");
        return;
    }
    push_computed(world, node, world->now_us + 1 + (uint64_t)cost_us);
}

static void apply_store(struct kith_world *world, uint32_t node, enum kith_store_key key,
                        struct kith_bytes bytes)
{
    kith_sim_store_write(world->store, node, key, bytes);
    kith_world_push(world, world->now_us + KITH_WORLD_STORE_US, KITH_WORLD_STORED,
                    (uint64_t)world->hosts[node].life << 24 | (uint64_t)key << 16 | node);
}

/* The process ends by itself. What it was stays to be looked at. */
static void apply_stopped(struct kith_world *world, uint32_t node)
{
    struct kith_world_host *host = &world->hosts[node];
    host->state = KITH_WORLD_STOPPED;
    host->down_since_us = world->now_us;
    kith_sim_net_down(world->net, node, false, world->now_us);
    kith_sim_dht_set_up(world->dht, node, false);
}

void kith_world_apply(struct kith_world *world, uint32_t node, const struct kith_effect *effect)
{
    uint64_t now_us = world->now_us;
    switch (effect->kind) {
    case KITH_EFFECT_DIAL:
        kith_sim_net_dial(world->net, node, effect->dial.number, &effect->dial.addr,
                          &effect->dial.expect, now_us);
        return;
    case KITH_EFFECT_SEND:
        kith_sim_net_send(world->net, node, effect->send.link, effect->send.send_class,
                          effect->send.head, effect->send.body, now_us);
        return;
    case KITH_EFFECT_HANG_UP:
        kith_sim_net_hang_up(world->net, node, effect->hang_up.link, now_us);
        return;
    case KITH_EFFECT_DHT_PUT:
    case KITH_EFFECT_DHT_GET:
        apply_dht(world, node, effect);
        return;
    case KITH_EFFECT_COMPUTE:
        apply_compute(world, node, effect->compute.job);
        return;
    case KITH_EFFECT_STORE:
        apply_store(world, node, effect->store.key, effect->store.bytes);
        return;
    case KITH_EFFECT_STOPPED:
        apply_stopped(world, node);
        return;
    case KITH_EFFECT_DHT_PING: /* the model's nodes know each other */
    case KITH_EFFECT_REPORT:   /* on_step shows it */
        return;
    }
}

/* --- faults --- */

static void kill_node(struct kith_world *world, const struct kith_fault *fault)
{
    uint32_t node = fault->node;
    struct kith_world_host *host = &world->hosts[node];
    if (host->state != KITH_WORLD_UP) return;
    kith_sim_work_abandon(world->work, node);
    kith_world_free_node(world, node);
    host->state = KITH_WORLD_DOWN;
    host->down_since_us = world->now_us;
    host->armed_count = 0;
    host->paused_until_us = 0;
    kith_sim_net_down(world->net, node, fault->kind == KITH_FAULT_CUT_OFF, world->now_us);
    kith_sim_dht_set_up(world->dht, node, false);
    kith_sim_store_crash(world->store, node, fault->flag);
}

/* One deadline stays, for when it goes on; the items of the others find nothing to do. */
static void pause_node(struct kith_world *world, uint32_t node, uint64_t pause_us)
{
    struct kith_world_host *host = &world->hosts[node];
    if (host->state != KITH_WORLD_UP) return;
    host->paused_until_us = world->now_us + pause_us;
    kith_sim_net_set_paused(world->net, node, host->paused_until_us);
    host->armed_count = 1;
    host->armed_us[0] = host->paused_until_us;
    kith_world_push(world, host->paused_until_us, KITH_WORLD_DEADLINE, node);
}

static void stop_node(struct kith_world *world, uint32_t node)
{
    struct kith_event event = {.kind = KITH_EVENT_STOP};
    struct kith_job *before = kith_sim_work_lent(world->work, node);
    kith_world_feed(world, node, &event);
    bool is_cancelled = before && atomic_load(&before->cancel);
    if (is_cancelled) push_computed(world, node, world->now_us + KITH_WORLD_CANCEL_US);
}

/* The DHT knows groups that are cut off from each other both ways. */
static void regroup_dht(struct kith_world *world, uint32_t node)
{
    kith_sim_dht_set_group(world->dht, node, kith_sim_net_island(world->net, node));
}

static void regroup_all(struct kith_world *world)
{
    for (uint32_t i = 0; i < world->config.nodes; i++)
        regroup_dht(world, i);
}

void kith_world_apply_fault(struct kith_world *world, const struct kith_fault *fault)
{
    struct kith_world_host *host = &world->hosts[fault->node];
    switch (fault->kind) {
    case KITH_FAULT_START:
        kith_world_start(world, fault->node);
        break;
    case KITH_FAULT_KILL:
    case KITH_FAULT_CUT_OFF:
        kill_node(world, fault);
        break;
    case KITH_FAULT_STOP:
        if (host->paused_until_us > world->now_us) { /* it hears of it when it goes on */
            kith_world_at(world, host->paused_until_us, fault);
            return;
        }
        if (host->state == KITH_WORLD_UP) stop_node(world, fault->node);
        break;
    case KITH_FAULT_GROUP:
        kith_sim_net_set_group(world->net, fault->node, fault->a);
        regroup_dht(world, fault->node);
        break;
    case KITH_FAULT_CLOSE:
    case KITH_FAULT_OPEN:
        kith_sim_net_set_closed(world->net, fault->a, fault->b, fault->kind == KITH_FAULT_CLOSE);
        regroup_all(world);
        break;
    case KITH_FAULT_DISK:
        kith_sim_store_set_disk(world->store, fault->node, (enum kith_sim_disk)fault->a);
        break;
    case KITH_FAULT_DHT:
        kith_sim_dht_set_mode(world->dht, fault->node, (enum kith_sim_dht_mode)fault->a);
        break;
    case KITH_FAULT_SKEW:
        host->skew_ms = fault->skew_ms;
        break;
    case KITH_FAULT_PAUSE:
        pause_node(world, fault->node, fault->a * UINT64_C(1000));
        break;
    case KITH_FAULT_SPEED:
        host->pace = fault->a / 1000.0;
        break;
    case KITH_FAULT_WALL:
        kith_sim_net_set_walled(world->net, fault->node, !fault->flag);
        break;
    case KITH_FAULT_BANDWIDTH:
        kith_sim_net_set_speed(world->net, fault->node, fault->a);
        break;
    case KITH_FAULT_LOSS:
        kith_sim_net_set_loss(world->net, fault->a / 1000.0);
        break;
    }
    if (world->config.on_fault) world->config.on_fault(world->config.hook_context, fault);
}

void kith_world_at(struct kith_world *world, uint64_t at_us, const struct kith_fault *fault)
{
    kith_assert(fault->node < world->config.nodes);
    uint32_t index = take_fault(world);
    if (index == UINT32_MAX) {
        kith_world_fail(world, fault->node, "out of memory");
        return;
    }
    world->faults[index].fault = *fault;
    kith_world_push(world, at_us > world->now_us ? at_us : world->now_us, KITH_WORLD_FAULT, index);
}
