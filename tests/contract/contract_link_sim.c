/* The contract of links, kept by the simulator's model. */
#include <stdlib.h>
#include <string.h>

#include "sim/calendar.h"
#include "sim/sim_net.h"
#include "tests/contract/contract_link.h"

enum { MINUTE_US = 60 * 1000 * 1000 };

struct world {
    uint32_t nodes;
    struct kith_calendar calendar;
    struct kith_sim_net *net;
    uint64_t now_us;
    bool has_event;
    struct contract_link_event *event; /* to be filled by next() */
};

static struct kith_id hotkey(void *context, uint32_t node)
{
    struct kith_id ret;
    (void)context;
    memset(ret.bytes, (int)node + 1, sizeof ret.bytes);
    return ret;
}

static struct kith_addr addr(void *context, uint32_t node)
{
    (void)context;
    return kith_sim_net_addr(node);
}

static void deliver(void *context, uint32_t node, struct kith_event *event)
{
    struct world *world = context;
    struct contract_link_event *ret = world->event;
    world->has_event = true;
    memset(ret, 0, offsetof(struct contract_link_event, bytes));
    ret->node = node;
    switch ((int)event->kind) {
    case KITH_EVENT_LINK_UP:
        ret->kind = CONTRACT_LINK_UP;
        ret->link = event->link_up.link;
        ret->peer = event->link_up.peer;
        ret->dialed = event->link_up.dialed;
        ret->number = event->link_up.number;
        return;
    case KITH_EVENT_LINK_DOWN:
        ret->kind = CONTRACT_LINK_DOWN;
        ret->link = event->link_down.link;
        ret->err = event->link_down.err;
        return;
    case KITH_EVENT_DIAL_FAILED:
        ret->kind = CONTRACT_DIAL_FAILED;
        ret->number = event->dial_failed.number;
        ret->err = event->dial_failed.err;
        return;
    case KITH_EVENT_MESSAGE:
        ret->kind = CONTRACT_MESSAGE;
        ret->link = event->message.link;
        ret->len = event->message.bytes.len;
        memcpy(ret->bytes, event->message.bytes.at, ret->len);
        return;
    default:
        abort();
    }
}

static bool make(void *context, uint32_t nodes)
{
    struct world *world = context;
    uint8_t seed[KITH_SEED_LEN] = {1};
    memset(world, 0, sizeof *world);
    world->nodes = nodes;
    struct kith_sim_net_config config = {
        .nodes = nodes,
        .links_max = 64,
        .flight_max = 64 << 20,
        .latency = KITH_SIM_LATENCY_UNIFORM,
        .latency_us = 20000,
        .calendar = &world->calendar,
        .context = world,
        .deliver = deliver,
    };
    kith_calendar_init(&world->calendar, 4096);
    if (kith_sim_net_new(&config, seed, &world->net)) return false;
    for (uint32_t i = 0; i < nodes; i++) {
        struct kith_id own = hotkey(world, i);
        kith_sim_net_up(world->net, i, &own, 32);
    }
    return true;
}

static void unmake(void *context)
{
    struct world *world = context;
    kith_sim_net_free(world->net);
    kith_calendar_release(&world->calendar);
}

static void dial(void *context, uint32_t node, uint64_t number, const struct kith_addr *to,
                 const struct kith_id *expect)
{
    struct world *world = context;
    kith_sim_net_dial(world->net, node, number, to, expect, world->now_us);
}

static bool send_message(void *context, uint32_t node, kith_link link,
                         enum kith_send_class send_class, struct kith_bytes head,
                         struct kith_bytes body)
{
    struct world *world = context;
    return kith_sim_net_send(world->net, node, link, send_class, head, body, world->now_us);
}

static void hang_up(void *context, uint32_t node, kith_link link)
{
    struct world *world = context;
    kith_sim_net_hang_up(world->net, node, link, world->now_us);
}

static void vanish(void *context, uint32_t node)
{
    struct world *world = context;
    kith_sim_net_down(world->net, node, false, world->now_us);
}

static bool next(void *context, struct contract_link_event *ret)
{
    struct world *world = context;
    struct kith_heap_item item;
    uint64_t until_us = world->now_us + MINUTE_US;
    world->has_event = false;
    world->event = ret;
    while (!world->has_event && kith_calendar_pop(&world->calendar, &item) &&
           item.time_us <= until_us) {
        world->now_us = item.time_us;
        kith_sim_net_fire(world->net, item.payload, item.time_us);
    }
    return world->has_event;
}

int main(void)
{
    static struct world world;
    return contract_link_run(&(struct contract_link){
        .context = &world,
        .make = make,
        .hotkey = hotkey,
        .addr = addr,
        .dial = dial,
        .send = send_message,
        .hang_up = hang_up,
        .vanish = vanish,
        .next = next,
        .unmake = unmake,
    });
}
