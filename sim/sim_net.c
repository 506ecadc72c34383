#include "sim/sim_net.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "sim/sim_net_inside.h"
#include "training/explog.h"

enum { LINKS_FIRST = 64, LINE = 64, LINES_AHEAD = 16 };

int kith_sim_net_new(const struct kith_sim_net_config *config,
                     const uint8_t seed[static KITH_SEED_LEN], struct kith_sim_net **ret_net)
{
    if (config->nodes < 1 || config->nodes > KITH_SIM_NET_NODES_MAX) return KITH_ERR_RANGE;
    if (config->links_max < 1 || config->links_max > 1u << (KITH_NET_SLOT_BITS - 1))
        return KITH_ERR_RANGE;
    if (!(config->loss >= 0 && config->loss < 1)) return KITH_ERR_RANGE;
    struct kith_sim_net *net = calloc(1, sizeof *net);
    if (!net) return KITH_ERR_NOMEM;
    net->config = *config;
    net->links_free = KITH_NET_NONE;
    net->dials_free = KITH_NET_NONE;
    kith_rng_split(&net->rng, seed, "sim_net", 0);
    net->latency_key = kith_rng_u64(&net->rng);
    kith_sim_pool_init(&net->pool, config->flight_max);
    net->stations = calloc(config->nodes, sizeof *net->stations);
    if (!net->stations) {
        kith_sim_net_free(net);
        return KITH_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < config->nodes; i++) {
        net->stations[i].first_end = KITH_NET_NONE;
        net->stations[i].bytes_per_s = config->bytes_per_s;
    }
    *ret_net = net;
    return 0;
}

void kith_sim_net_free(struct kith_sim_net *net)
{
    if (!net) return;
    kith_sim_pool_release(&net->pool);
    free(net->stations);
    free(net->links);
    free(net->dials);
    free(net);
}

struct kith_addr kith_sim_net_addr(uint32_t node)
{
    uint32_t host = node + 1;
    struct kith_addr addr = {
        .family = 4,
        .ip = {10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host},
        .port = KITH_SIM_PORT,
    };
    return addr;
}

uint32_t kith_sim_net_at(const struct kith_sim_net *net, const struct kith_addr *addr)
{
    if (addr->family != 4 || addr->ip[0] != 10) return KITH_NET_NONE;
    uint32_t host = (uint32_t)addr->ip[1] << 16 | (uint32_t)addr->ip[2] << 8 | addr->ip[3];
    return host >= 1 && host <= net->config.nodes ? host - 1 : KITH_NET_NONE;
}

const struct kith_sim_net_counters *kith_sim_net_counters(const struct kith_sim_net *net)
{
    return &net->counters;
}

void kith_net_push(struct kith_sim_net *net, uint64_t at_us, enum kith_net_item item,
                   uint64_t argument)
{
    uint64_t payload = net->config.tag | (uint64_t)item << 52 | argument;
    kith_calendar_push(net->config.calendar, at_us, payload);
}

/* --- links --- */

void kith_net_list_end(struct kith_sim_net *net, struct kith_net_link *link, int which)
{
    struct kith_net_end *end = &link->end[which];
    struct kith_net_station *station = &net->stations[end->node];
    uint32_t name = (uint32_t)(link - net->links) << 1 | (uint32_t)which;
    end->prev = KITH_NET_NONE;
    end->next = station->first_end;
    if (end->next != KITH_NET_NONE) net->links[end->next >> 1].end[end->next & 1].prev = name;
    station->first_end = name;
    station->links++;
    end->is_told = true;
    end->is_open = true;
}

static void unlist_end(struct kith_sim_net *net, struct kith_net_end *end)
{
    struct kith_net_station *station = &net->stations[end->node];
    if (end->prev != KITH_NET_NONE)
        net->links[end->prev >> 1].end[end->prev & 1].next = end->next;
    else
        station->first_end = end->next;
    if (end->next != KITH_NET_NONE) net->links[end->next >> 1].end[end->next & 1].prev = end->prev;
    station->links--;
    end->is_told = false;
    end->is_open = false;
}

static bool has_room_for_link(struct kith_sim_net *net)
{
    if (net->links_used < net->links_size) return true;
    uint32_t size = net->links_size > 0 ? 2 * net->links_size : LINKS_FIRST;
    if (size > net->config.links_max) size = net->config.links_max;
    if (size == net->links_size) return false;
    struct kith_net_link *links = realloc(net->links, size * sizeof *links);
    if (!links) return false;
    net->links = links;
    net->links_size = size;
    return true;
}

struct kith_net_link *kith_net_new_link(struct kith_sim_net *net)
{
    struct kith_net_link *link;
    uint32_t generation = 0;
    if (net->links_free != KITH_NET_NONE) {
        link = &net->links[net->links_free];
        net->links_free = link->next_free;
        generation = link->generation + 1;
    } else {
        if (!has_room_for_link(net)) return NULL;
        link = &net->links[net->links_used++];
    }
    memset(link, 0, sizeof *link);
    link->generation = generation;
    net->counters.links++;
    net->counters.links_made++;
    return link;
}

void kith_net_release_if_gone(struct kith_sim_net *net, struct kith_net_link *link)
{
    if (link->end[0].is_told || link->end[1].is_told || link->pending > 0) return;
    link->next_free = net->links_free;
    net->links_free = (uint32_t)(link - net->links);
    net->counters.links--;
}

kith_link kith_net_number_of(const struct kith_sim_net *net, const struct kith_net_link *link,
                             int end)
{
    uint64_t name =
        (uint64_t)link->generation << KITH_NET_SLOT_BITS | (uint64_t)(link - net->links);
    return (name << 1 | (uint64_t)end) + 1;
}

/* The link of that number and which end of it is the node's, or NULL. */
struct kith_net_link *kith_net_find_link(const struct kith_sim_net *net, uint32_t node,
                                         kith_link number, int *ret_end)
{
    if (number == 0) return NULL;
    uint64_t name = (number - 1) >> 1;
    uint32_t slot = name & ((1u << KITH_NET_SLOT_BITS) - 1);
    if (slot >= net->links_used) return NULL;
    struct kith_net_link *link = &net->links[slot];
    int end = (number - 1) & 1;
    if (link->generation != name >> KITH_NET_SLOT_BITS || !link->end[end].is_told) return NULL;
    if (link->end[end].node != node) return NULL;
    *ret_end = end;
    return link;
}

uint32_t kith_sim_net_far(const struct kith_sim_net *net, uint32_t node, kith_link number)
{
    if (number == 0) return KITH_NET_NONE;
    uint64_t name = (number - 1) >> 1;
    uint32_t slot = name & ((1u << KITH_NET_SLOT_BITS) - 1);
    const struct kith_net_link *link = &net->links[slot];
    if (slot >= net->links_used || link->generation != name >> KITH_NET_SLOT_BITS)
        return KITH_NET_NONE;
    int end = (number - 1) & 1;
    return link->end[end].node == node ? link->end[1 - end].node : KITH_NET_NONE;
}

/* The end's node hears that the link is gone. */
void kith_net_deliver_down(struct kith_sim_net *net, struct kith_net_link *link, int which, int err)
{
    struct kith_net_end *end = &link->end[which];
    uint32_t node = end->node;
    struct kith_event event = {
        .kind = KITH_EVENT_LINK_DOWN,
        .link_down = {.link = kith_net_number_of(net, link, which), .err = err},
    };
    unlist_end(net, end);
    kith_net_release_if_gone(net, link);
    net->config.deliver(net->config.context, node, &event);
}

void kith_sim_net_up(struct kith_sim_net *net, uint32_t node, const struct kith_id *hotkey,
                     uint32_t links_max)
{
    struct kith_net_station *station = &net->stations[node];
    kith_assert(!station->is_up);
    station->is_up = true;
    station->is_silent = false;
    station->hotkey = *hotkey;
    station->links_max = links_max;
}

void kith_sim_net_down(struct kith_sim_net *net, uint32_t node, bool silent, uint64_t now_us)
{
    struct kith_net_station *station = &net->stations[node];
    station->is_up = false;
    station->is_silent = silent;
    station->paused_until_us = 0;
    station->incarnation++;
    station->dials = 0;
    while (station->first_end != KITH_NET_NONE) {
        struct kith_net_link *link = &net->links[station->first_end >> 1];
        int which = station->first_end & 1;
        bool was_open = link->end[which].is_open;
        unlist_end(net, &link->end[which]);
        if (was_open && !silent)
            kith_net_append_end(net, link, 1 - which, KITH_ERR_TRUNCATED, now_us);
        kith_net_release_if_gone(net, link);
    }
}

void kith_sim_net_hang_up(struct kith_sim_net *net, uint32_t node, kith_link number,
                          uint64_t now_us)
{
    int which;
    struct kith_net_link *link = kith_net_find_link(net, node, number, &which);
    if (!link || !link->end[which].is_open) return;
    kith_net_close_end(net, link, which, KITH_ERR_CLOSED, KITH_ERR_CLOSED, now_us);
}

void kith_net_schedule_cut(struct kith_sim_net *net, const struct kith_net_link *link,
                           uint64_t now_us)
{
    if (net->config.cuts_per_hour <= 0) return;
    float unit = (float)(1.0 - kith_rng_unit(&net->rng)) + 0x1p-24f;
    double hours = -(double)kith_log(unit) / net->config.cuts_per_hour;
    if (hours > 1e4) return;
    uint64_t generation = link->generation & ((1u << KITH_NET_SLOT_BITS) - 1);
    kith_net_push(net, now_us + 1 + (uint64_t)(hours * 3.6e9), KITH_NET_CUT,
                  generation << KITH_NET_SLOT_BITS | (uint64_t)(link - net->links));
}

static void fire_cut(struct kith_sim_net *net, uint64_t argument, uint64_t now_us)
{
    struct kith_net_link *link = &net->links[argument & ((1u << KITH_NET_SLOT_BITS) - 1)];
    uint32_t generation = (uint32_t)(argument >> KITH_NET_SLOT_BITS);
    if ((link->generation & ((1u << KITH_NET_SLOT_BITS) - 1)) != generation) return;
    if (!link->end[0].is_open || !link->end[1].is_open) return;
    net->counters.cut++;
    for (int which = 0; which < 2; which++) {
        link->end[which].is_open = false;
        kith_net_push_down(net, link, which, KITH_ERR_TRUNCATED, now_us + 1);
    }
}

/* --- the world's items --- */

/* Until when the node that an item is for stands still. */
static uint64_t paused_until(const struct kith_sim_net *net, enum kith_net_item item,
                             uint64_t argument)
{
    const struct kith_net_link *link;
    switch (item) {
    case KITH_NET_SYN:
    case KITH_NET_PROVED:
    case KITH_NET_CUT:
        return 0;
    case KITH_NET_DIAL_FAILED:
    case KITH_NET_UP:
        return net->stations[net->dials[argument].from].paused_until_us;
    case KITH_NET_QUEUE:
        link = &net->links[argument >> 2];
        return net->stations[link->end[argument >> 1 & 1].node].paused_until_us;
    case KITH_NET_DOWN:
        link = &net->links[argument >> 9];
        return net->stations[link->end[argument >> 8 & 1].node].paused_until_us;
    }
    return 0;
}

uint32_t kith_sim_net_expect(const struct kith_sim_net *net, uint64_t payload, bool is_next)
{
    uint64_t argument = payload & ((UINT64_C(1) << 52) - 1);
    if ((payload >> 52 & 15) != KITH_NET_QUEUE) return KITH_NET_NONE;
    const struct kith_net_link *link = &net->links[argument >> 2];
    const struct kith_net_end *end = &link->end[argument >> 1 & 1];
    if (!is_next) {
        __builtin_prefetch(&link->end[0]);
        __builtin_prefetch(&link->end[1]);
        __builtin_prefetch(&link->generation);
        return KITH_NET_NONE;
    }
    const struct kith_net_message *message = end->queue[argument & 1].first;
    for (size_t i = 0; message && i < LINES_AHEAD; i++)
        __builtin_prefetch((const char *)message + i * LINE);
    __builtin_prefetch(&net->stations[end->node]);
    return end->node;
}

void kith_sim_net_fire(struct kith_sim_net *net, uint64_t payload, uint64_t now_us)
{
    uint64_t argument = payload & ((UINT64_C(1) << 52) - 1);
    enum kith_net_item item = (enum kith_net_item)(payload >> 52 & 15);
    uint64_t until_us = paused_until(net, item, argument);
    if (until_us > now_us) {
        kith_net_push(net, until_us, item, argument);
        return;
    }
    switch (item) {
    case KITH_NET_SYN:
        kith_net_fire_syn(net, (uint32_t)argument, now_us);
        return;
    case KITH_NET_PROVED:
        kith_net_fire_proved(net, (uint32_t)argument, now_us);
        return;
    case KITH_NET_DIAL_FAILED:
        kith_net_fire_dial_failed(net, (uint32_t)argument);
        return;
    case KITH_NET_UP:
        kith_net_fire_up(net, (uint32_t)argument, now_us);
        return;
    case KITH_NET_QUEUE:
        kith_net_fire_queue(net, argument, now_us);
        return;
    case KITH_NET_DOWN:
        kith_net_fire_down(net, argument);
        return;
    case KITH_NET_CUT:
        fire_cut(net, argument, now_us);
        return;
    }
}
