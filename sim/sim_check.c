#include "sim/sim_check.h"

#include <stdlib.h>

#include "sim/world_inside.h"

enum { PEERS_MAX = 4096 };

void kith_sim_check_effect(struct kith_world *world, uint32_t node,
                           const struct kith_effect *effect)
{
    size_t len;
    switch (effect->kind) {
    case KITH_EFFECT_SEND:
        len = effect->send.head.len + effect->send.body.len;
        if (len < 1) kith_world_fail(world, node, "an empty message");
        if (effect->send.send_class == KITH_SEND_CONTROL && len > KITH_CONTROL_MAX)
            kith_world_fail(world, node, "a control message of %zu bytes", len);
        if (len > KITH_MESSAGE_MAX) kith_world_fail(world, node, "a message of %zu bytes", len);
        return;
    case KITH_EFFECT_DHT_PUT:
        len = effect->dht.value.len;
        if (len < 1 || len > KITH_DHT_VALUE_MAX)
            kith_world_fail(world, node, "a DHT value of %zu bytes", len);
        return;
    case KITH_EFFECT_COMPUTE:
        if (kith_sim_work_lent(world->work, node))
            kith_world_fail(world, node, "two jobs lent at once");
        return;
    case KITH_EFFECT_DIAL:
    case KITH_EFFECT_HANG_UP:
    case KITH_EFFECT_DHT_GET:
    case KITH_EFFECT_DHT_PING:
    case KITH_EFFECT_STORE:
    case KITH_EFFECT_REPORT:
    case KITH_EFFECT_STOPPED:
        return;
    }
}

/* A mark for each node of the world says in which check it was seen last: no clearing, no sort. */
void kith_sim_check_node(struct kith_world *world, uint32_t node)
{
    const struct kith_world_host *host = &world->hosts[node];
    if (!host->node) return;
    struct kith_id peers[PEERS_MAX];
    uint32_t count = kith_node_peers(host->node, peers, PEERS_MAX);
    const struct kith_stats *stats = kith_node_stats(host->node);
    uint64_t mark = ++world->counters.checks;
    if (count > PEERS_MAX || count != stats->peers)
        kith_world_fail(world, node, "lists %u peers and counts %llu", count,
                        (unsigned long long)stats->peers);
    if (count > host->peers_max)
        kith_world_fail(world, node, "lists %u peers, more than %u", count, host->peers_max);
    for (uint32_t i = 0; i < count && i < PEERS_MAX; i++) {
        uint32_t peer = kith_world_find(world, &peers[i]);
        if (peer == UINT32_MAX) {
            kith_world_fail(world, node, "lists a peer that is no node");
            return;
        }
        if (peer == node) kith_world_fail(world, node, "lists itself");
        if (world->marks[peer] == mark) kith_world_fail(world, node, "lists node %u twice", peer);
        world->marks[peer] = mark;
        uint64_t since_us = world->hosts[peer].down_since_us;
        if (since_us > 0 && world->now_us - since_us > KITH_SIM_GHOST_S * KITH_SECOND_US)
            kith_world_fail(world, node, "lists node %u, gone since %.3f s", peer,
                            (double)since_us / 1e6);
    }
}
