/* The contract of links, kept by net_uv over loopback. */
#include <signal.h>

#include "tests/contract/contract_link.h"
#include "tests/contract/link_world.h"

static bool make(void *context, uint32_t nodes)
{
    return link_world_make(context, nodes);
}

static struct kith_id hotkey(void *context, uint32_t node)
{
    struct link_world *world = context;
    return world->nodes[node].keypair.hotkey;
}

static struct kith_addr addr(void *context, uint32_t node)
{
    struct link_world *world = context;
    return world->nodes[node].addr;
}

static void dial(void *context, uint32_t node, uint64_t number, const struct kith_addr *to,
                 const struct kith_id *expect)
{
    struct link_world *world = context;
    kith_net_dial(world->nodes[node].net, number, to, expect);
}

static bool send_message(void *context, uint32_t node, kith_link link,
                         enum kith_send_class send_class, struct kith_bytes head,
                         struct kith_bytes body)
{
    struct link_world *world = context;
    return kith_net_send(world->nodes[node].net, link, send_class, head, body);
}

static void hang_up(void *context, uint32_t node, kith_link link)
{
    struct link_world *world = context;
    kith_net_hang_up(world->nodes[node].net, link, KITH_HANG_UP_DONE);
}

static void vanish(void *context, uint32_t node)
{
    link_world_vanish(context, node);
}

static bool next(void *context, struct contract_link_event *ret)
{
    return link_world_next(context, ret);
}

static void unmake(void *context)
{
    link_world_unmake(context);
}

int main(void)
{
    static struct link_world world;
    signal(SIGPIPE, SIG_IGN);
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
