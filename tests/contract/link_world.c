#include "tests/contract/link_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "host/net_conn.h"

static struct contract_link_event *note(struct link_world_node *node, enum contract_link_kind kind)
{
    static struct contract_link_event dropped;
    struct link_world *world = node->world;
    if (node->is_quiet) return &dropped;
    struct link_world_entry *entry = calloc(1, sizeof *entry);
    kith_assert(entry);
    entry->event.kind = kind;
    entry->event.node = node->index;
    *world->last = entry;
    world->last = &entry->next;
    return &entry->event;
}

static void on_link_up(void *context, kith_link link, const struct kith_id *peer,
                       const struct kith_addr *addr, bool dialed, uint64_t number)
{
    struct contract_link_event *event = note(context, CONTRACT_LINK_UP);
    (void)addr;
    event->link = link;
    event->peer = *peer;
    event->dialed = dialed;
    event->number = number;
}

static void on_link_down(void *context, kith_link link, int err)
{
    struct contract_link_event *event = note(context, CONTRACT_LINK_DOWN);
    event->link = link;
    event->err = err;
}

static void on_dial_failed(void *context, uint64_t number, int err)
{
    struct contract_link_event *event = note(context, CONTRACT_DIAL_FAILED);
    event->number = number;
    event->err = err;
}

static void on_message(void *context, kith_link link, struct kith_bytes message)
{
    struct link_world_node *node = context;
    if (node->world->on_message) {
        node->world->on_message(node, link, message);
        return;
    }
    struct contract_link_event *event = note(node, CONTRACT_MESSAGE);
    event->link = link;
    event->len = message.len;
    memcpy(event->bytes, message.at, message.len);
}

static void on_drained(void *context, kith_link link)
{
    struct link_world_node *node = context;
    node->drained++;
    if (node->world->on_drained) node->world->on_drained(node, link);
}

static void on_log(void *context, const char *line)
{
    struct link_world_node *node = context;
    snprintf(node->log, sizeof node->log, "%s", line);
    node->logs++;
}

void link_world_config(struct link_world *world, uint32_t node, struct kith_net_config *ret)
{
    uint8_t seed[KITH_SEED_LEN] = {(uint8_t)(node + 1)};
    struct link_world_node *at = &world->nodes[node];
    at->world = world;
    at->index = node;
    kith_keypair_from_seed(&at->keypair, seed);
    *ret = (struct kith_net_config){
        .loop = &world->loop,
        .keypair = &at->keypair,
        .scheme = &kith_ed25519,
        .swarm = {{5}},
        .bind = {.family = 4, .ip = {127, 0, 0, 1}},
        .links_max = world->links_max ? world->links_max : 32,
        .limits = world->limits,
        .context = at,
        .on_link_up = on_link_up,
        .on_link_down = on_link_down,
        .on_dial_failed = on_dial_failed,
        .on_message = on_message,
        .on_drained = on_drained,
        .on_log = on_log,
    };
}

bool link_world_make(struct link_world *world, uint32_t nodes)
{
    struct kith_net_limits limits = world->limits;
    uint32_t links_max = world->links_max;
    memset(world, 0, sizeof *world);
    world->limits = limits;
    world->links_max = links_max;
    world->last = &world->first;
    world->count = nodes;
    if (uv_loop_init(&world->loop) != 0) return false;
    uv_timer_init(&world->loop, &world->tick);
    for (uint32_t i = 0; i < nodes; i++) {
        struct kith_net_config config;
        struct link_world_node *node = &world->nodes[i];
        link_world_config(world, i, &config);
        if (kith_net_new(&config, &node->net) != 0) return false;
        node->addr = config.bind;
        node->addr.port = kith_net_port(node->net);
    }
    return true;
}

void link_world_vanish(struct link_world *world, uint32_t node)
{
    struct kith_net *net = world->nodes[node].net;
    world->nodes[node].net = NULL;
    world->nodes[node].is_quiet = true;
    for (uint32_t i = 0; i < net->conn_count; i++)
        kith_conn_close(net->conns[i], 0);
    kith_net_close(net, NULL, NULL);
}

void link_world_unmake(struct link_world *world)
{
    for (uint32_t i = 0; i < world->count; i++)
        if (world->nodes[i].net) kith_net_close(world->nodes[i].net, NULL, NULL);
    uv_close((uv_handle_t *)&world->tick, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    int err = uv_loop_close(&world->loop);
    kith_assert(err == 0);
    while (world->first) {
        struct link_world_entry *entry = world->first;
        world->first = entry->next;
        free(entry);
    }
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer; /* bare sockets of the tests are not in the loop: look at them now and then */
}

bool link_world_until(struct link_world *world, bool (*is_so)(void *context), void *context)
{
    uv_update_time(&world->loop);
    uint64_t limit_ms = uv_now(&world->loop) + LINK_WORLD_LIMIT_MS;
    uv_timer_start(&world->tick, on_tick, 1, 1);
    bool answer = is_so(context);
    while (!answer && uv_now(&world->loop) < limit_ms) {
        uv_run(&world->loop, UV_RUN_ONCE);
        answer = is_so(context);
    }
    uv_timer_stop(&world->tick);
    return answer;
}

static bool has_event(void *context)
{
    struct link_world *world = context;
    return world->first != NULL;
}

bool link_world_next(struct link_world *world, struct contract_link_event *ret)
{
    if (!link_world_until(world, has_event, world)) return false;
    struct link_world_entry *entry = world->first;
    world->first = entry->next;
    if (!world->first) world->last = &world->first;
    *ret = entry->event;
    free(entry);
    return true;
}
