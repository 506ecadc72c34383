#include "overlay/peers.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "overlay/overlay_msg.h"

int kith_peers_init(struct kith_peers *peers, uint32_t max, const struct kith_id *self,
                    const struct kith_id *swarm, const struct kith_scheme *scheme)
{
    memset(peers, 0, sizeof *peers);
    kith_assert(max > 0 && max <= UINT16_MAX);
    peers->self = *self;
    peers->swarm = *swarm;
    peers->scheme = scheme;
    peers->max = max;
    peers->at = calloc(max, sizeof *peers->at);
    peers->order = calloc(max, sizeof *peers->order);
    if (peers->at && peers->order) return 0;
    kith_peers_release(peers);
    return KITH_ERR_NOMEM;
}

void kith_peers_release(struct kith_peers *peers)
{
    free(peers->at);
    free(peers->order);
    memset(peers, 0, sizeof *peers);
}

size_t kith_peers_memory(const struct kith_peers *peers)
{
    return peers->max * (sizeof *peers->at + sizeof *peers->order);
}

/* The first position in the order whose id is not below `id`. */
static uint32_t lower_bound(const struct kith_peers *peers, const struct kith_id *id)
{
    uint32_t low = 0, high = peers->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (kith_id_cmp(&peers->at[peers->order[middle]].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct kith_peer *kith_peers_find(struct kith_peers *peers, const struct kith_id *id)
{
    uint32_t i = lower_bound(peers, id);
    if (i == peers->count) return NULL;
    struct kith_peer *peer = &peers->at[peers->order[i]];
    return kith_id_eq(&peer->id, id) ? peer : NULL;
}

uint32_t kith_peers_lower(struct kith_peers *peers, uint64_t prefix)
{
    struct kith_id least = {{0}};
    for (int i = 0; i < KITH_DIGEST_PREFIX; i++)
        least.bytes[i] = (uint8_t)(prefix >> (8 * (KITH_DIGEST_PREFIX - 1 - i)));
    return lower_bound(peers, &least);
}

struct kith_peer *kith_peers_find_prefix(struct kith_peers *peers, uint64_t prefix)
{
    uint32_t i = kith_peers_lower(peers, prefix);
    if (i == peers->count) return NULL;
    struct kith_peer *peer = &peers->at[peers->order[i]];
    return kith_digest_prefix(&peer->id) == prefix ? peer : NULL;
}

struct kith_peer *kith_peers_nth(struct kith_peers *peers, uint32_t i)
{
    kith_assert(i < peers->count);
    return &peers->at[peers->order[i]];
}

bool kith_peer_is_valid(const struct kith_peer *peer, uint64_t wall_ms)
{
    return peer->record.seq != 0 && kith_record_check_times(&peer->record, wall_ms) == 0;
}

bool kith_peer_is_live(const struct kith_peer *peer, uint64_t wall_ms)
{
    if (peer->down || (peer->record.flags & KITH_PEER_LEAVING)) return false;
    return kith_peer_is_valid(peer, wall_ms);
}

uint32_t kith_peers_live(struct kith_peers *peers, uint64_t wall_ms)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < peers->count; i++)
        live += kith_peer_is_live(kith_peers_nth(peers, i), wall_ms);
    return live;
}

static void forget(struct kith_peers *peers, uint32_t position)
{
    struct kith_peer *peer = &peers->at[peers->order[position]];
    size_t behind = peers->count - position - 1;
    memmove(&peers->order[position], &peers->order[position + 1], behind * sizeof *peers->order);
    peers->count--;
    memset(peer, 0, sizeof *peer);
}

/* Make room by forgetting, of a few drawn at random, the one that is needed least: nobody who
 * floods us with hotkeys chooses whom we forget. False if all drawn are linked. */
static bool make_room(struct kith_peers *peers, const struct kith_turn *turn)
{
    enum { DRAWS = 8, NEEDED = 3 };
    uint32_t best = 0;
    int best_need = NEEDED;
    for (int draw = 0; draw < DRAWS; draw++) {
        uint32_t position = kith_rng_below(turn->rng, peers->count);
        const struct kith_peer *peer = &peers->at[peers->order[position]];
        int need = kith_peer_is_live(peer, turn->wall_ms);
        if (peer->link || peer->dial_number || peer->hot) need = NEEDED;
        if (peer->banned_until_us > turn->now_us && need < NEEDED) need = 2;
        if (need >= best_need) continue;
        best = position;
        best_need = need;
    }
    if (best_need == NEEDED) return false;
    forget(peers, best);
    return true;
}

static struct kith_peer *add(struct kith_peers *peers, const struct kith_id *id,
                             const struct kith_turn *turn)
{
    if (peers->count == peers->max && !make_room(peers, turn)) return NULL;
    uint32_t slot = 0;
    while (peers->at[slot].used)
        slot++;
    uint32_t position = lower_bound(peers, id);
    size_t behind = peers->count - position;
    memmove(&peers->order[position + 1], &peers->order[position], behind * sizeof *peers->order);
    peers->order[position] = (uint16_t)slot;
    peers->count++;
    struct kith_peer *peer = &peers->at[slot];
    peer->id = *id;
    peer->used = true;
    return peer;
}

struct kith_peer *kith_peers_contact(struct kith_peers *peers, const struct kith_id *id,
                                     const struct kith_addr *addr, uint32_t addr_count,
                                     const struct kith_turn *turn)
{
    if (kith_id_eq(id, &peers->self)) return NULL;
    struct kith_peer *peer = kith_peers_find(peers, id);
    if (!peer) peer = add(peers, id, turn);
    if (!peer) return NULL;
    /* What a peer says of itself in a live record goes before a hint. */
    if (kith_peer_is_live(peer, turn->wall_ms) && peer->addr_count) return peer;
    peer->addr_count = 0;
    for (uint32_t i = 0; i < addr_count && i < KITH_RECORD_ADDRS_MAX; i++)
        peer->addr[peer->addr_count++] = addr[i];
    return peer;
}

/* A token bucket over signature checks, so that a flood of records costs a bounded share of a core.
 */
static bool pay_for_check(struct kith_peers *peers, uint64_t now_us)
{
    const uint64_t price_us = KITH_SECOND_US / KITH_VERIFY_PER_S;
    uint64_t oldest = now_us > KITH_SECOND_US ? now_us - KITH_SECOND_US : 0;
    if (peers->verify_tokens_us < oldest) peers->verify_tokens_us = oldest;
    if (peers->verify_tokens_us > now_us) return false;
    peers->verify_tokens_us += price_us;
    return true;
}

void kith_peers_count_refusal(struct kith_stats *stats, int err)
{
    if (err == KITH_ERR_SWARM)
        stats->drop_swarm++;
    else if (err == KITH_ERR_VERSION)
        stats->drop_version++;
    else if (err == KITH_ERR_EXPIRED)
        stats->drop_expired++;
    else if (err == KITH_ERR_FUTURE)
        stats->drop_future++;
    else if (err == KITH_ERR_REPLAY)
        stats->drop_replayed++;
    else if (err == KITH_ERR_SIGNATURE)
        stats->drop_signature++;
    else if (err == KITH_ERR_FULL)
        stats->drop_rate++;
    else
        stats->drop_malformed++;
}

/* Against what is known of the hotkey: 0 if newer, EXISTS if the same, else REPLAY. */
static int check_sequence(const struct kith_peer *known, const struct kith_peer_record *record,
                          struct kith_bytes bytes, struct kith_stats *stats)
{
    if (!known || record->seq > known->record.seq) return 0;
    if (record->seq < known->record.seq) return KITH_ERR_REPLAY;
    bool same =
        bytes.len == known->record_len && memcmp(bytes.at, known->record_bytes, bytes.len) == 0;
    if (!same) stats->equivocations++;
    return same ? KITH_ERR_EXISTS : KITH_ERR_REPLAY;
}

static int validate(struct kith_peers *peers, struct kith_bytes bytes, const struct kith_turn *turn,
                    struct kith_peer_record *ret)
{
    int err = kith_record_open(bytes, &peers->swarm, ret);
    if (err) return err;
    if (ret->flags & (KITH_PEER_CONTACT | KITH_PEER_OBSERVER)) return KITH_ERR_INVALID;
    if (ret->version_min > 1 || ret->version_max < 1) return KITH_ERR_VERSION;
    err = kith_record_check_times(ret, turn->wall_ms);
    if (err) return err;
    const struct kith_peer *known = kith_peers_find(peers, &ret->hotkey);
    err = check_sequence(known, ret, bytes, turn->stats);
    if (err) return err;
    if (!pay_for_check(peers, turn->now_us)) return KITH_ERR_FULL;
    return kith_record_verify(bytes, &peers->swarm, &ret->hotkey, peers->scheme);
}

int kith_peers_accept(struct kith_peers *peers, struct kith_bytes bytes,
                      const struct kith_turn *turn, struct kith_peer **ret)
{
    struct kith_peer_record record;
    int err = validate(peers, bytes, turn, &record);
    if (err) {
        if (err != KITH_ERR_EXISTS) kith_peers_count_refusal(turn->stats, err);
        return err;
    }
    if (kith_id_eq(&record.hotkey, &peers->self)) {
        *ret = NULL;
        return KITH_ERR_IN_USE;
    }
    struct kith_peer *peer = kith_peers_find(peers, &record.hotkey);
    if (!peer) peer = add(peers, &record.hotkey, turn);
    if (!peer) return KITH_ERR_FULL;
    peer->record = record;
    peer->record_len = (uint16_t)bytes.len;
    memcpy(peer->record_bytes, bytes.at, bytes.len);
    peer->addr_count = record.addr_count;
    memcpy(peer->addr, record.addr, sizeof peer->addr);
    peer->heard_us = turn->now_us;
    peer->down = false;
    *ret = peer;
    return 0;
}
