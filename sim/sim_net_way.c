/* The way from one node to another: how long it is, how wide, and whether it is open. */
#include "base/assert.h"
#include "sim/sim_net_inside.h"
#include "training/explog.h"

enum { RESENT_MAX = 6 };

/* Normal enough, the same bits everywhere: twelve uniform numbers less six. */
static double normal_at(uint64_t key, uint64_t pair)
{
    double sum = -6;
    for (uint64_t i = 0; i < 12; i++)
        sum += (double)(kith_rng_at(key + i, pair) >> 11) * 0x1p-53;
    return sum;
}

static double mean_of(const struct kith_sim_net *net, uint32_t a, uint32_t b)
{
    if (net->regions == 0) return net->config.latency_us;
    uint32_t from = net->stations[a].region, to = net->stations[b].region;
    if (from == 0 || to == 0) return net->config.latency_us;
    return net->region_us[(from - 1) * net->regions + to - 1];
}

uint32_t kith_sim_net_latency_us(const struct kith_sim_net *net, uint32_t a, uint32_t b)
{
    uint64_t pair = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
    double unit = (double)(kith_rng_at(net->latency_key, pair) >> 11) * 0x1p-53;
    double mean = mean_of(net, a, b), sigma = net->config.latency_sigma;
    switch (net->config.latency) {
    case KITH_SIM_LATENCY_CONSTANT:
        break;
    case KITH_SIM_LATENCY_UNIFORM:
        mean *= 0.5 + unit;
        break;
    case KITH_SIM_LATENCY_TAILED:
        mean *= 0.5 - 0.5 * (double)kith_log((float)(1.0 - unit) + 0x1p-24f);
        break;
    case KITH_SIM_LATENCY_LOGNORMAL: /* whose mean is 1 */
        mean *= (double)kith_exp(
            (float)(sigma * normal_at(net->latency_key, pair) - sigma * sigma / 2));
        break;
    }
    return mean < 1 ? 1 : (uint32_t)mean;
}

bool kith_net_is_lost(struct kith_sim_net *net)
{
    return net->config.loss > 0 && kith_rng_unit(&net->rng) < net->config.loss;
}

bool kith_net_is_reachable(const struct kith_sim_net *net, uint32_t from, uint32_t to)
{
    const struct kith_net_station *a = &net->stations[from], *b = &net->stations[to];
    if (a->is_silent || b->is_silent) return false;
    return !(net->closed[a->group] >> b->group & 1);
}

/* When `size` bytes have passed a way, and the way's new free times. Control goes first; the bulk
 * that waits is moved back by what overtakes it. */
static uint64_t pass(uint64_t free_us[static 2], uint64_t bytes_per_s, enum kith_send_class class,
                     uint64_t size, uint64_t from_us)
{
    uint64_t cost = size * 1000000 / bytes_per_s;
    uint64_t start = free_us[class] > from_us ? free_us[class] : from_us;
    if (class == KITH_SEND_CONTROL) {
        uint64_t bulk = free_us[KITH_SEND_BULK];
        free_us[KITH_SEND_BULK] = (bulk > from_us ? bulk : from_us) + cost;
    }
    free_us[class] = start + cost;
    return free_us[class];
}

uint64_t kith_net_arrival(struct kith_sim_net *net, const struct kith_net_link *link, uint32_t from,
                          enum kith_send_class class, uint32_t size, uint64_t now_us)
{
    struct kith_net_station *station = &net->stations[from];
    uint64_t at = now_us;
    if (station->bytes_per_s)
        at = pass(station->out_free_us, station->bytes_per_s, class, size, at);
    uint64_t again_us = 4 * (uint64_t)link->latency_us;
    if (again_us < KITH_NET_RESEND_US_MIN) again_us = KITH_NET_RESEND_US_MIN;
    for (int i = 0; i < RESENT_MAX && kith_net_is_lost(net); i++) {
        net->counters.resent++;
        at += again_us;
    }
    return at + link->latency_us;
}

uint64_t kith_net_taken_in(struct kith_sim_net *net, uint32_t to, enum kith_send_class class,
                           uint32_t size, uint64_t now_us)
{
    struct kith_net_station *station = &net->stations[to];
    if (station->bytes_per_s == 0) return now_us;
    uint64_t cost = size * UINT64_C(1000000) / station->bytes_per_s;
    /* The bytes came in while they were being sent: only what others fill delays them. */
    uint64_t from_us = now_us > cost ? now_us - cost : 0;
    return pass(station->in_free_us, station->bytes_per_s, class, size, from_us);
}

/* --- the world's knobs --- */

void kith_sim_net_set_group(struct kith_sim_net *net, uint32_t node, uint32_t group)
{
    kith_assert(group < KITH_SIM_GROUPS_MAX);
    net->stations[node].group = (uint8_t)group;
}

void kith_sim_net_set_closed(struct kith_sim_net *net, uint32_t from_group, uint32_t to_group,
                             bool closed)
{
    kith_assert(from_group < KITH_SIM_GROUPS_MAX);
    kith_assert(to_group < KITH_SIM_GROUPS_MAX);
    uint64_t bit = UINT64_C(1) << to_group;
    if (closed)
        net->closed[from_group] |= bit;
    else
        net->closed[from_group] &= ~bit;
}

uint32_t kith_sim_net_island(const struct kith_sim_net *net, uint32_t node)
{
    uint32_t own = net->stations[node].group;
    for (uint32_t group = 0; group < own; group++) {
        bool is_there = !(net->closed[own] >> group & 1);
        bool is_back = !(net->closed[group] >> own & 1);
        if (is_there && is_back) return group;
    }
    return own;
}

void kith_sim_net_set_walled(struct kith_sim_net *net, uint32_t node, bool walled)
{
    net->stations[node].is_walled = walled;
}

void kith_sim_net_set_nat(struct kith_sim_net *net, uint32_t node, enum kith_sim_nat nat)
{
    net->stations[node].nat = (uint8_t)nat;
}

void kith_sim_net_set_paused(struct kith_sim_net *net, uint32_t node, uint64_t until_us)
{
    net->stations[node].paused_until_us = until_us;
}

void kith_sim_net_set_regions(struct kith_sim_net *net, const uint32_t *mean_us, uint32_t regions)
{
    net->region_us = mean_us;
    net->regions = regions;
}

void kith_sim_net_set_region(struct kith_sim_net *net, uint32_t node, uint32_t region)
{
    kith_assert(region < net->regions);
    net->stations[node].region = (uint8_t)(region + 1);
}

void kith_sim_net_set_loss(struct kith_sim_net *net, double loss)
{
    net->config.loss = loss;
}

void kith_sim_net_set_speed(struct kith_sim_net *net, uint32_t node, uint64_t bytes_per_s)
{
    net->stations[node].bytes_per_s = bytes_per_s;
}
