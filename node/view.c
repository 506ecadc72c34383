/* What others may see of a node without an event: for people, metrics and checks. */
#include <string.h>

#include "node/inside.h"

const struct kith_stats *kith_node_stats(const struct kith_node *node)
{
    return &node->stats;
}

uint32_t kith_node_peers(const struct kith_node *node, struct kith_id *ret, uint32_t max)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < node->overlay.peers.count; i++) {
        const struct kith_peer *peer = &node->overlay.peers.at[node->overlay.peers.order[i]];
        if (!peer->told) continue;
        if (live < max) ret[live] = peer->id;
        live++;
    }
    return live;
}

uint32_t kith_node_sources(const struct kith_node *node, struct kith_node_source *ret, uint32_t max)
{
    const struct kith_lent *lent = node->rounds.lent;
    uint32_t weights = 0, labels = 0;
    if (!lent) return 0;
    uint32_t count = lent->source_count < max ? lent->source_count : max;
    for (uint32_t i = 0; i < count; i++) {
        ret[i] = (struct kith_node_source){.manifest = lent->source[i]->manifest};
        if (ret[i].manifest.kind == KITH_MANIFEST_WEIGHTS)
            ret[i].err = lent->job.pulled[weights++].err;
        else
            ret[i].err = lent->job.teachers[labels++].err;
    }
    return count;
}

int kith_node_error(const struct kith_node *node)
{
    return node->error;
}

struct kith_learner *kith_node_learner(const struct kith_node *node)
{
    bool lent =
        node->rounds.phase == KITH_PHASE_COMPUTING || node->rounds.phase == KITH_PHASE_SAVING;
    return lent ? NULL : node->rounds.learner;
}

uint32_t kith_node_view(const struct kith_node *node, uint64_t wall_ms, struct kith_peer_view *ret,
                        uint32_t max)
{
    uint32_t count = node->overlay.peers.count < max ? node->overlay.peers.count : max;
    for (uint32_t i = 0; i < count; i++) {
        const struct kith_peer *peer = &node->overlay.peers.at[node->overlay.peers.order[i]];
        ret[i] = (struct kith_peer_view){
            .live = kith_peer_is_live(peer, wall_ms),
            .linked = peer->link != 0,
            .heard_us = peer->more->heard_us,
        };
        if (peer->seq > 0)
            kith_record_open(kith_peer_record_bytes(peer), &node->overlay.config.swarm,
                             &ret[i].record);
        ret[i].record.hotkey = peer->id;
    }
    return count;
}

uint32_t kith_node_status(const struct kith_node *node, const struct kith_id *peer,
                          char ret_version[static 32], uint64_t *ret, uint32_t max)
{
    const struct kith_overlay *overlay = &node->overlay;
    if (!overlay->status || overlay->status->type != KITH_MSG_STATUS ||
        !kith_id_eq(&overlay->status_from, peer))
        return 0;
    uint32_t count = overlay->status->status.count < max ? overlay->status->status.count : max;
    memcpy(ret_version, overlay->status->status.version, 32);
    memcpy(ret, overlay->status->status.value, count * sizeof *ret);
    return count;
}

uint32_t kith_node_links(const struct kith_node *node, struct kith_id *ret, uint32_t max)
{
    uint32_t ready = 0;
    for (uint32_t i = 0; i < node->overlay.links.top; i++) {
        const struct kith_link_slot *slot = &node->overlay.links.at[i];
        if (!slot->link || !slot->hello) continue;
        if (ready < max) ret[ready] = slot->peer;
        ready++;
    }
    return ready;
}

const struct kith_scores *kith_node_scores(const struct kith_node *node)
{
    return &node->rounds.scores;
}
