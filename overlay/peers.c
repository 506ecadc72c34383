#include "overlay/peers.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mutant.h"
#include "overlay/overlay_msg.h"

enum {
    ROOM_FIRST = 16,
    EXPECT_MAX = 16,
    BAR_US = 10 * 1000 * 1000, /* how long the worst score may be out of date */
};

int kith_peers_init(struct kith_peers *peers, uint32_t max, const struct kith_id *self,
                    const struct kith_id *swarm, const struct kith_scheme *scheme)
{
    memset(peers, 0, sizeof *peers);
    kith_assert(max > 0 && max < UINT16_MAX);
    peers->self = *self;
    peers->swarm = *swarm;
    peers->scheme = scheme;
    peers->max = max;
    peers->expiry_s = UINT32_MAX;
    return 0;
}

void kith_peers_release(struct kith_peers *peers)
{
    free(peers->at); /* and the arrays behind it */
    memset(peers, 0, sizeof *peers);
}

static size_t memory_of(uint32_t room)
{
    size_t each = sizeof(struct kith_peer) + sizeof(struct kith_peer_more) + 3 * sizeof(uint16_t);
    return (room * each + KITH_PEER_ALIGN - 1) / KITH_PEER_ALIGN * KITH_PEER_ALIGN;
}

size_t kith_peers_memory(const struct kith_peers *peers)
{
    return memory_of(peers->room);
}

void kith_peers_salt(struct kith_peers *peers, struct kith_rng *rng)
{
    kith_assert(peers->count == 0);
    kith_rng_fill(rng, peers->key, sizeof peers->key);
}

/* --- the table --- */

static uint64_t score_of(const struct kith_peers *peers, const struct kith_id *id)
{
    return kith_hash_short(peers->key, id->bytes, KITH_ID_LEN);
}

/* Hotkeys are as good as random, but strangers choose theirs: the key decides where they fall. */
static uint16_t *bucket_of(const struct kith_peers *peers, uint64_t prefix)
{
    uint64_t key;
    memcpy(&key, peers->key, sizeof key);
    uint64_t mixed = (prefix ^ key) * UINT64_C(0x9e3779b97f4a7c15);
    return &peers->bucket[(mixed >> 32) & (2 * peers->room - 1)];
}

static struct kith_peer *find(const struct kith_peers *peers, uint64_t prefix)
{
    if (peers->room == 0) return NULL;
    for (uint32_t slot = *bucket_of(peers, prefix); slot; slot = peers->at[slot - 1].chain)
        if (kith_hotkey_prefix(&peers->at[slot - 1].id) == prefix) return &peers->at[slot - 1];
    return NULL;
}

struct kith_peer *kith_peers_find(struct kith_peers *peers, const struct kith_id *id)
{
    if (peers->room == 0) return NULL;
    for (uint32_t slot = *bucket_of(peers, kith_hotkey_prefix(id)); slot;
         slot = peers->at[slot - 1].chain)
        if (kith_id_eq(&peers->at[slot - 1].id, id)) return &peers->at[slot - 1];
    return NULL;
}

struct kith_peer *kith_peers_find_prefix(struct kith_peers *peers, uint64_t prefix)
{
    return find(peers, prefix);
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

static void chain(struct kith_peers *peers, uint32_t slot)
{
    struct kith_peer *peer = &peers->at[slot];
    uint16_t *first = bucket_of(peers, kith_hotkey_prefix(&peer->id));
    peer->chain = *first;
    *first = (uint16_t)(slot + 1);
}

static void unchain(struct kith_peers *peers, const struct kith_peer *peer)
{
    uint16_t *link = bucket_of(peers, kith_hotkey_prefix(&peer->id));
    while (&peers->at[*link - 1] != peer)
        link = &peers->at[*link - 1].chain;
    *link = peer->chain;
}

/* Twice the room. False if there is no memory: the table then counts as full. */
static bool grow_room(struct kith_peers *peers)
{
    uint32_t room = peers->room ? 2 * peers->room : ROOM_FIRST, count = peers->count;
    struct kith_peer *at = aligned_alloc(KITH_PEER_ALIGN, memory_of(room));
    if (!at) return false;
    memset(at, 0, memory_of(room));
    struct kith_peer_more *more = (void *)(at + room);
    uint16_t *order = (void *)(more + room);
    if (count > 0) {
        memcpy(at, peers->at, count * sizeof *at);
        memcpy(more, peers->more, count * sizeof *more);
        memcpy(order, peers->order, count * sizeof *order);
    }
    free(peers->at);
    peers->at = at;
    peers->more = more;
    peers->order = order;
    peers->bucket = order + room;
    peers->room = room;
    for (uint32_t i = 0; i < count; i++) {
        at[i].more = &more[i];
        chain(peers, peers->order[i]);
    }
    return true;
}

/* --- who lives --- */

void kith_peer_found_dead(struct kith_peer *peer, const struct kith_turn *turn)
{
    if (peer->hidden || peer->down) return;
    peer->down = true;
    peer->down_s = (uint32_t)(turn->wall_ms / 1000);
}

uint32_t kith_peers_live(struct kith_peers *peers, uint64_t wall_ms)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < peers->count; i++)
        live += kith_peer_is_live(&peers->at[i], wall_ms);
    return live;
}

struct kith_bytes kith_peer_record_bytes(const struct kith_peer *peer)
{
    return (struct kith_bytes){peer->more->record_bytes, peer->record_len};
}

static void count(struct kith_peers *peers, const struct kith_peer *peer, uint32_t by)
{
    peers->live += by;
    if (peer->share) peers->serving += by;
}

bool kith_peers_recount(struct kith_peers *peers, struct kith_peer *peer, uint64_t wall_ms)
{
    bool live = kith_peer_is_live(peer, wall_ms);
    if (live && peer->valid_until_s < peers->expiry_s) peers->expiry_s = peer->valid_until_s;
    if (live == peer->told) return false;
    peer->told = live;
    count(peers, peer, live ? 1 : UINT32_MAX);
    return true;
}

bool kith_peers_may_expire(const struct kith_peers *peers, uint64_t wall_ms)
{
    return wall_ms / 1000 > peers->expiry_s;
}

void kith_peers_expire(struct kith_peers *peers)
{
    peers->expiry_s = UINT32_MAX;
    for (uint32_t i = 0; i < peers->count; i++) {
        const struct kith_peer *peer = &peers->at[i];
        if (peer->told && peer->valid_until_s < peers->expiry_s)
            peers->expiry_s = peer->valid_until_s;
    }
}

/* --- the hot list --- */

static void append_hot(struct kith_peers *peers, struct kith_peer *peer)
{
    uint16_t slot = (uint16_t)(peer - peers->at + 1);
    peer->hot_next = 0;
    if (peers->hot_last)
        peers->at[peers->hot_last - 1].hot_next = slot;
    else
        peers->hot_first = slot;
    peers->hot_last = slot;
}

void kith_peers_heat(struct kith_peers *peers, struct kith_peer *peer, uint8_t times)
{
    if (peer->hot == 0) append_hot(peers, peer);
    peer->hot = times;
}

static struct kith_peer *pop_hot(struct kith_peers *peers)
{
    if (peers->hot_first == 0) return NULL;
    struct kith_peer *peer = &peers->at[peers->hot_first - 1];
    peers->hot_first = peer->hot_next;
    if (peers->hot_first == 0) peers->hot_last = 0;
    return peer;
}

struct kith_peer *kith_peers_next_hot(struct kith_peers *peers)
{
    struct kith_peer *peer = pop_hot(peers);
    if (peer && --peer->hot > 0) append_hot(peers, peer);
    return peer;
}

static void cool(struct kith_peers *peers, struct kith_peer *gone)
{
    uint16_t slot = (uint16_t)(gone - peers->at + 1), before = 0;
    uint16_t at = peers->hot_first;
    while (at != slot) {
        before = at;
        at = peers->at[at - 1].hot_next;
    }
    if (before)
        peers->at[before - 1].hot_next = gone->hot_next;
    else
        peers->hot_first = gone->hot_next;
    if (peers->hot_last == slot) peers->hot_last = before;
}

/* --- who is kept --- */

static void forget(struct kith_peers *peers, struct kith_peer *peer)
{
    uint32_t position = lower_bound(peers, &peer->id);
    size_t behind = peers->count - position - 1;
    memmove(&peers->order[position], &peers->order[position + 1], behind * sizeof *peers->order);
    peers->count--;
    if (peer->told) count(peers, peer, UINT32_MAX);
    if (peer->hot) cool(peers, peer);
    unchain(peers, peer);
    struct kith_peer_more *more = peer->more;
    memset(more, 0, sizeof *more);
    memset(peer, 0, sizeof *peer);
    peer->more = more;
}

/* Who is needed is not forgotten; of the others first the dead, then the banned, then the worst
 * score. */
static uint64_t worth_of(const struct kith_peer *peer, const struct kith_turn *turn)
{
    if (peer->link || peer->dial_number) return 0;
    if (peer->banned_until_us > turn->now_us) return UINT64_MAX - 1;
    return kith_peer_is_live(peer, turn->wall_ms) ? peer->score : UINT64_MAX;
}

/* The peer that a full view would forget, NULL if all are needed; sets the bar. */
static struct kith_peer *find_worst(struct kith_peers *peers, const struct kith_turn *turn)
{
    struct kith_peer *worst = NULL;
    peers->bar = 0;
    for (uint32_t i = 0; i < peers->count; i++) {
        struct kith_peer *peer = &peers->at[i];
        uint64_t worth = worth_of(peer, turn);
        if (worth == 0 || worth < peers->bar) continue;
        if (worst && worth == peers->bar && kith_id_cmp(&peer->id, &worst->id) < 0) continue;
        worst = peer;
        peers->bar = worth;
    }
    peers->bar_us = turn->now_us;
    return worst;
}

bool kith_peers_are_full(const struct kith_peers *peers)
{
    return peers->count == peers->max;
}

/* Does a full view have a place for this stranger? Cheap: asked of most records in a large swarm.
 */
static bool has_place(struct kith_peers *peers, const struct kith_id *id, bool linked,
                      const struct kith_turn *turn)
{
    if (linked || !kith_peers_are_full(peers)) return true;
    if (peers->bar_us == 0 || turn->now_us > peers->bar_us + BAR_US) find_worst(peers, turn);
    return score_of(peers, id) < peers->bar;
}

static struct kith_peer *add(struct kith_peers *peers, const struct kith_id *id, bool linked,
                             const struct kith_turn *turn)
{
    uint64_t score = score_of(peers, id);
    if (peers->count == peers->room && !kith_peers_are_full(peers) && !grow_room(peers))
        return NULL;
    uint32_t slot = peers->count;
    if (kith_peers_are_full(peers)) {
        struct kith_peer *worst = find_worst(peers, turn);
        if (!worst || (!linked && score >= peers->bar)) return NULL;
        forget(peers, worst);
        slot = (uint32_t)(worst - peers->at);
    }
    uint32_t position = lower_bound(peers, id);
    size_t behind = peers->count - position;
    memmove(&peers->order[position + 1], &peers->order[position], behind * sizeof *peers->order);
    peers->order[position] = (uint16_t)slot;
    peers->count++;
    struct kith_peer *peer = &peers->at[slot];
    peer->id = *id;
    peer->more = &peers->more[slot];
    peer->score = score;
    chain(peers, slot);
    return peer;
}

uint64_t kith_peers_swarm_size(struct kith_peers *peers, const struct kith_turn *turn)
{
    if (!kith_peers_are_full(peers)) return (uint64_t)peers->live + 1;
    uint64_t worst = 0, kept = 0;
    for (uint32_t i = 0; i < peers->count; i++) {
        const struct kith_peer *peer = &peers->at[i];
        if (peer->link || peer->dial_number || !kith_peer_is_live(peer, turn->wall_ms)) continue;
        kept++;
        if (peer->score > worst) worst = peer->score;
    }
    uint64_t size = worst ? (uint64_t)((double)kept / (double)worst * 18446744073709551616.0) : 0;
    return size > (uint64_t)peers->live + 1 ? size : (uint64_t)peers->live + 1;
}

struct kith_peer *kith_peers_contact(struct kith_peers *peers, const struct kith_id *id,
                                     const struct kith_addr *addr, uint32_t addr_count,
                                     const struct kith_turn *turn)
{
    if (kith_id_eq(id, &peers->self)) return NULL;
    struct kith_peer *peer = kith_peers_find(peers, id);
    /* An address without evidence of life takes the place of another such, never of a record. */
    if (!peer && kith_peers_are_full(peers)) {
        find_worst(peers, turn);
        if (peers->bar != UINT64_MAX) return NULL;
    }
    if (!peer) peer = add(peers, id, false, turn);
    if (!peer) return NULL;
    /* What a peer says of itself in a live record goes before a hint. */
    if (kith_peer_is_live(peer, turn->wall_ms) && peer->addr_count) return peer;
    peer->addr_count = 0;
    for (uint32_t i = 0; i < addr_count && i < KITH_RECORD_ADDRS_MAX; i++)
        peer->more->addr[peer->addr_count++] = addr[i];
    return peer;
}

/* --- records --- */

/* A token bucket over signature checks, so that a flood of records costs a bounded share of a core.
 * A quarter of the burst is kept for peers that are known, so that no flood of strangers starves
 * them.
 */
static bool pay_for_check(struct kith_peers *peers, bool known, uint64_t now_us)
{
    const uint64_t price_us = KITH_SECOND_US / KITH_VERIFY_PER_S;
    uint64_t oldest = now_us > KITH_SECOND_US ? now_us - KITH_SECOND_US : 0;
    if (peers->verify_tokens_us < oldest) peers->verify_tokens_us = oldest;
    uint64_t kept_us = known ? 0 : KITH_SECOND_US / 4;
    if (peers->verify_tokens_us + kept_us > now_us) return false;
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

static int validate(struct kith_peers *peers, struct kith_bytes bytes, const struct kith_turn *turn,
                    struct kith_peer_record *ret)
{
    int err = kith_record_open(bytes, &peers->swarm, ret);
    if (err) return err;
    if (ret->flags & (KITH_PEER_CONTACT | KITH_PEER_OBSERVER)) return KITH_ERR_INVALID;
    if (KITH_MUTANT("deaf") && (ret->hotkey.bytes[0] ^ peers->self.bytes[0]) % 4 == 3)
        return KITH_ERR_INVALID;
    if (ret->version_min > KITH_OVERLAY_VERSION || ret->version_max < KITH_OVERLAY_VERSION)
        return KITH_ERR_VERSION;
    err = kith_record_check_times(ret, turn->wall_ms);
    if (err && !KITH_MUTANT("take_expired")) return err;
    const struct kith_peer *peer = kith_peers_find(peers, &ret->hotkey);
    bool known = peer && peer->seq != 0;
    if (!pay_for_check(peers, known, turn->now_us)) return KITH_ERR_FULL;
    if (KITH_MUTANT("skip_signature")) return 0;
    return kith_record_verify(bytes, &peers->swarm, &ret->hotkey, peers->scheme);
}

int kith_peers_check(struct kith_peers *peers, struct kith_bytes bytes,
                     const struct kith_turn *turn)
{
    struct kith_peer_record record;
    int err = validate(peers, bytes, turn, &record);
    if (err) kith_peers_count_refusal(turn->stats, err);
    return err;
}

/* From the head alone, before anything else of the record is believed: 0 if it is worth a look. */
static int look_up(struct kith_peers *peers, const struct kith_record_claim *claim, bool linked,
                   const struct kith_turn *turn)
{
    const struct kith_peer *known = kith_peers_find(peers, &claim->hotkey);
    if (!known) {
        bool own = kith_id_eq(&claim->hotkey, &peers->self);
        return own || has_place(peers, &claim->hotkey, linked, turn) ? 0 : KITH_ERR_NOT_FOUND;
    }
    if (claim->seq > known->seq) return 0;
    if (claim->seq < known->seq && KITH_MUTANT("take_older")) return 0;
    if (claim->seq == known->seq && claim->mark == known->mark) return KITH_ERR_EXISTS;
    turn->stats->equivocations += claim->seq == known->seq;
    return KITH_ERR_REPLAY;
}

/* It was found dead, and signs: by the same life that means that nobody can dial it. A new life is
 * believed to be reachable, as is a peer that was never in doubt. */
static bool is_hidden(const struct kith_peer *peer, const struct kith_record_claim *claim)
{
    struct kith_record_claim last;
    if (!peer->down && !peer->hidden) return false;
    if (!kith_record_peek(kith_peer_record_bytes(peer), &last)) return false;
    if (claim->started_ms != last.started_ms) return false;
    return peer->hidden || claim->valid_from_s > peer->down_s;
}

static void take(struct kith_peers *peers, struct kith_peer *peer, struct kith_bytes bytes,
                 const struct kith_peer_record *record, const struct kith_turn *turn)
{
    struct kith_record_claim claim;
    bool is_record = kith_record_peek(bytes, &claim);
    kith_assert(is_record);
    if (peer->told) count(peers, peer, UINT32_MAX);
    peer->hidden = is_hidden(peer, &claim);
    peer->seq = record->seq;
    peer->mark = claim.mark;
    peer->valid_from_s = record->valid_from_s;
    peer->valid_until_s = record->valid_until_s;
    peer->flags = record->flags;
    peer->share = record->share;
    peer->more->round = record->round;
    memcpy(peer->more->class_id, record->class_id, KITH_CLASS_LEN);
    peer->record_len = (uint16_t)bytes.len;
    memcpy(peer->more->record_bytes, bytes.at, bytes.len);
    peer->addr_count = (uint8_t)record->addr_count;
    memcpy(peer->more->addr, record->addr, sizeof record->addr);
    peer->more->heard_us = turn->now_us;
    peer->down = false;
    if (peer->told) count(peers, peer, 1);
}

void kith_peers_expect(const struct kith_peers *peers, const struct kith_bytes *records,
                       uint32_t count)
{
    uint16_t *bucket[EXPECT_MAX];
    if (count > EXPECT_MAX) count = EXPECT_MAX;
    for (uint32_t i = 0; peers->room > 0 && i < count; i++) {
        struct kith_record_claim claim;
        bucket[i] = NULL;
        if (!kith_record_peek(records[i], &claim)) continue;
        bucket[i] = bucket_of(peers, kith_hotkey_prefix(&claim.hotkey));
        __builtin_prefetch(bucket[i]);
    }
    for (uint32_t i = 0; peers->room > 0 && i < count; i++)
        if (bucket[i] && *bucket[i]) __builtin_prefetch(&peers->at[*bucket[i] - 1]);
}

int kith_peers_accept(struct kith_peers *peers, struct kith_bytes bytes, bool linked,
                      const struct kith_turn *turn, struct kith_peer **ret)
{
    struct kith_peer_record record;
    struct kith_record_claim claim;
    *ret = NULL;
    int err = kith_record_peek(bytes, &claim) ? look_up(peers, &claim, linked, turn) : 0;
    if (err == KITH_ERR_EXISTS || err == KITH_ERR_NOT_FOUND) return err;
    if (!err) err = validate(peers, bytes, turn, &record);
    if (err) {
        kith_peers_count_refusal(turn->stats, err);
        return err;
    }
    if (kith_id_eq(&record.hotkey, &peers->self) && !KITH_MUTANT("count_self"))
        return KITH_ERR_IN_USE;
    struct kith_peer *peer = kith_peers_find(peers, &record.hotkey);
    if (!peer || KITH_MUTANT("list_twice")) peer = add(peers, &record.hotkey, linked, turn);
    if (!peer) return KITH_ERR_NOT_FOUND;
    take(peers, peer, bytes, &record, turn);
    *ret = peer;
    return 0;
}
