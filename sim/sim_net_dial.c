/* Dials: from the first packet to a link that both ends know. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "sim/sim_net_inside.h"

enum { DIALS_FIRST = 64 };

static uint32_t new_dial(struct kith_sim_net *net)
{
    if (net->dials_free != KITH_NET_NONE) {
        uint32_t index = net->dials_free;
        net->dials_free = net->dials[index].next_free;
        return index;
    }
    if (net->dials_used == net->dials_size) {
        uint32_t size = net->dials_size ? 2 * net->dials_size : DIALS_FIRST;
        struct kith_net_dial *dials = realloc(net->dials, size * sizeof *dials);
        if (!dials) return KITH_NET_NONE;
        net->dials = dials;
        net->dials_size = size;
    }
    return net->dials_used++;
}

static void fail_dial(struct kith_sim_net *net, struct kith_net_dial *dial, int err, uint64_t at_us)
{
    dial->err = err;
    kith_net_push(net, at_us, KITH_NET_DIAL_FAILED, (uint64_t)(dial - net->dials));
}

void kith_sim_net_dial(struct kith_sim_net *net, uint32_t node, uint64_t number,
                       const struct kith_addr *addr, const struct kith_id *expect, uint64_t now_us)
{
    struct kith_net_station *station = &net->stations[node];
    uint32_t index = new_dial(net);
    if (index == KITH_NET_NONE) {
        net->config.calendar->refused = true; /* the world ends */
        return;
    }
    struct kith_net_dial *dial = &net->dials[index];
    memset(dial, 0, sizeof *dial);
    dial->number = number;
    dial->expect = *expect;
    dial->from = node;
    dial->incarnation = station->incarnation;
    dial->to = kith_sim_net_at(net, addr);
    net->counters.dials++;
    if (kith_addr_kind(addr) == KITH_ADDR_BAD)
        fail_dial(net, dial, KITH_ERR_INVALID, now_us + 1);
    else if (dial->to == node)
        fail_dial(net, dial, KITH_ERR_SELF, now_us + 1);
    else if (station->dials >= KITH_SIM_DIALS_MAX)
        fail_dial(net, dial, KITH_ERR_FULL, now_us + 1);
    else if (dial->to == KITH_NET_NONE || kith_net_is_lost(net))
        fail_dial(net, dial, KITH_ERR_TIMEOUT, now_us + KITH_SIM_CONNECT_US);
    else if (addr->port != KITH_SIM_PORT)
        fail_dial(net, dial, KITH_ERR_REFUSED,
                  now_us + 2 * (uint64_t)kith_sim_net_latency_us(net, node, dial->to));
    else
        kith_net_push(net, now_us + kith_sim_net_latency_us(net, node, dial->to), KITH_NET_SYN,
                      index);
    station->dials++;
}

static bool dials_both_ways(const struct kith_sim_net *net, const struct kith_net_dial *dial)
{
    return kith_net_is_reachable(net, dial->from, dial->to) &&
           kith_net_is_reachable(net, dial->to, dial->from);
}

/* One latency after the dial. */
void kith_net_fire_syn(struct kith_sim_net *net, uint32_t index, uint64_t now_us)
{
    struct kith_net_dial *dial = &net->dials[index];
    const struct kith_net_station *far = &net->stations[dial->to];
    uint64_t latency_us = kith_sim_net_latency_us(net, dial->from, dial->to);
    bool is_dropped = far->nat == KITH_SIM_NAT_CONE || far->nat == KITH_SIM_NAT_SYMMETRIC;
    if (!dials_both_ways(net, dial) || far->is_walled || is_dropped)
        fail_dial(net, dial, KITH_ERR_TIMEOUT, now_us - latency_us + KITH_SIM_CONNECT_US);
    else if (!far->is_up || far->nat == KITH_SIM_NAT_UNREACHABLE)
        fail_dial(net, dial, KITH_ERR_REFUSED, now_us + latency_us);
    else if (!kith_id_is_zero(&dial->expect) && !kith_id_eq(&dial->expect, &far->hotkey))
        fail_dial(net, dial, KITH_ERR_SIGNATURE, now_us + 3 * latency_us);
    else
        kith_net_push(net, now_us + 4 * latency_us, KITH_NET_PROVED, index);
}

static void deliver_up(struct kith_sim_net *net, struct kith_net_link *link, int which,
                       const struct kith_net_dial *dial)
{
    uint32_t node = link->end[which].node, far = link->end[1 - which].node;
    struct kith_event event = {
        .kind = KITH_EVENT_LINK_UP,
        .link_up = {.link = kith_net_number_of(net, link, which),
                    .peer = net->stations[far].hotkey,
                    .addr = kith_sim_net_addr(far),
                    .dialed = which == 0,
                    .number = which == 0 ? dial->number : 0},
    };
    /* Who is dialed sees a port that nobody listens on. */
    if (which == 1) event.link_up.addr.port = (uint16_t)(32768 + dial->number % 28000);
    kith_net_list_end(net, link, which);
    net->config.deliver(net->config.context, node, &event);
}

/* Five latencies after the dial: the far end has authenticated the dialer. */
void kith_net_fire_proved(struct kith_sim_net *net, uint32_t index, uint64_t now_us)
{
    struct kith_net_dial *dial = &net->dials[index];
    struct kith_net_station *far = &net->stations[dial->to];
    uint64_t latency_us = kith_sim_net_latency_us(net, dial->from, dial->to);
    if (far->paused_until_us > now_us) { /* its machine took the dial, the process says nothing */
        fail_dial(net, dial, KITH_ERR_TIMEOUT, now_us + KITH_SIM_CONNECT_US);
        return;
    }
    bool is_dialing = net->stations[dial->from].incarnation == dial->incarnation;
    if (!dials_both_ways(net, dial)) {
        fail_dial(net, dial, KITH_ERR_TIMEOUT, now_us + KITH_SIM_CONNECT_US);
        return;
    }
    bool has_room = far->is_up && is_dialing && far->links < far->links_max;
    struct kith_net_link *link = has_room ? kith_net_new_link(net) : NULL;
    if (!link) {
        fail_dial(net, dial, KITH_ERR_CLOSED, now_us + latency_us);
        return;
    }
    link->latency_us = (uint32_t)latency_us;
    link->end[0].node = dial->from;
    link->end[1].node = dial->to;
    link->pending = 1;
    dial->slot = (uint32_t)(link - net->links);
    kith_net_push(net, now_us + latency_us, KITH_NET_UP, index);
    kith_net_schedule_cut(net, link, now_us);
    deliver_up(net, link, 1, dial);
}

static struct kith_net_dial end_dial(struct kith_sim_net *net, uint32_t index, bool *ret_is_dialing)
{
    struct kith_net_dial dial = net->dials[index];
    struct kith_net_station *station = &net->stations[dial.from];
    *ret_is_dialing = station->incarnation == dial.incarnation && station->is_up;
    if (*ret_is_dialing) station->dials--;
    net->dials[index].next_free = net->dials_free;
    net->dials_free = index;
    return dial;
}

void kith_net_fire_up(struct kith_sim_net *net, uint32_t index, uint64_t now_us)
{
    bool is_dialing;
    struct kith_net_dial dial = end_dial(net, index, &is_dialing);
    struct kith_net_link *link = &net->links[dial.slot];
    if (is_dialing) {
        link->pending--;
        deliver_up(net, link, 0, &dial);
        return;
    }
    if (!net->stations[dial.from].is_silent)
        kith_net_append_end(net, link, 1, KITH_ERR_TRUNCATED, now_us);
    link->pending--;
    kith_net_release_if_gone(net, link);
}

void kith_net_fire_dial_failed(struct kith_sim_net *net, uint32_t index)
{
    bool is_dialing;
    struct kith_net_dial dial = end_dial(net, index, &is_dialing);
    net->counters.dials_failed++;
    if (!is_dialing) return;
    struct kith_event event = {
        .kind = KITH_EVENT_DIAL_FAILED,
        .dial_failed = {.number = dial.number, .err = dial.err},
    };
    net->config.deliver(net->config.context, dial.from, &event);
}
