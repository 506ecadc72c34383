#include "overlay/spread.h"

#include <string.h>

/* Records gathered for one link and sent in as few PEERS messages as they need. */
struct parcel {
    kith_link link;
    struct kith_msg msg;
    uint32_t sent;
};

static void parcel_flush(struct parcel *parcel, const struct kith_turn *turn)
{
    uint8_t buffer[KITH_PEERS_PER_MSG * (KITH_RECORD_MAX + 3) + 8];
    if (parcel->msg.peers.count == 0) return;
    kith_outbox_send(turn->out, parcel->link, kith_msg_encode(&parcel->msg, buffer, sizeof buffer));
    parcel->msg.peers.count = 0;
}

static void parcel_add(struct parcel *parcel, struct kith_bytes record,
                       const struct kith_turn *turn)
{
    parcel->msg.peers.record[parcel->msg.peers.count++] = record;
    parcel->sent++;
    if (parcel->msg.peers.count == KITH_PEERS_PER_MSG) parcel_flush(parcel, turn);
}

static struct kith_bytes record_of(const struct kith_peer *peer)
{
    return (struct kith_bytes){peer->record_bytes, peer->record_len};
}

/* Whom we ourselves found dead we do not introduce to others, though its record may still be valid.
 */
static bool may_pass_on(const struct kith_peer *peer, const struct kith_turn *turn)
{
    return !peer->down && kith_peer_is_valid(peer, turn->wall_ms);
}

void kith_spread_init(struct kith_spread *spread, struct kith_peers *peers,
                      struct kith_links *links)
{
    memset(spread, 0, sizeof *spread);
    spread->peers = peers;
    spread->links = links;
    spread->rumour_at_us = KITH_NEVER;
    spread->digest_at_us = KITH_NEVER;
}

static void warm(struct kith_spread *spread, const struct kith_turn *turn)
{
    if (spread->rumour_at_us == KITH_NEVER)
        spread->rumour_at_us = turn->now_us + KITH_RUMOUR_WAIT_US;
}

void kith_spread_own(struct kith_spread *spread, struct kith_bytes record, uint64_t seq,
                     const struct kith_turn *turn)
{
    spread->own = record;
    spread->own_seq = seq;
    spread->own_hot = true;
    warm(spread, turn);
    if (spread->digest_at_us == KITH_NEVER)
        spread->digest_at_us = turn->now_us + KITH_DIGEST_EVERY_US;
}

void kith_spread_hot(struct kith_spread *spread, struct kith_peer *peer,
                     const struct kith_turn *turn)
{
    peer->hot = true;
    warm(spread, turn);
}

static void pass_on(struct kith_spread *spread, struct kith_link_slot *slot,
                    const struct kith_turn *turn)
{
    struct parcel parcel = {.link = slot->link, .msg = {.type = KITH_MSG_PEERS}};
    if (spread->own_hot) parcel_add(&parcel, spread->own, turn);
    for (uint32_t i = 0; i < spread->peers->count; i++) {
        const struct kith_peer *peer = kith_peers_nth(spread->peers, i);
        bool theirs = kith_id_eq(&peer->id, &slot->peer);
        if (peer->hot && !theirs && may_pass_on(peer, turn))
            parcel_add(&parcel, record_of(peer), turn);
    }
    parcel_flush(&parcel, turn);
}

static void spread_rumour(struct kith_spread *spread, const struct kith_turn *turn)
{
    struct kith_link_slot *drawn[KITH_RUMOUR_LINKS];
    uint32_t count = kith_links_draw(spread->links, KITH_RUMOUR_LINKS, drawn, turn);
    for (uint32_t i = 0; i < count; i++)
        pass_on(spread, drawn[i], turn);
    spread->own_hot = false;
    for (uint32_t i = 0; i < spread->peers->count; i++)
        kith_peers_nth(spread->peers, i)->hot = false;
    spread->rumour_at_us = KITH_NEVER;
}

/* Positions [from, from + count) of the order that the digest will cover. */
static void digest_window(const struct kith_spread *spread, const struct kith_turn *turn,
                          uint32_t *ret_from, uint32_t *ret_count)
{
    const uint32_t room = KITH_DIGEST_MAX - 1; /* one is ours */
    uint32_t known = spread->peers->count;
    *ret_from = known > room ? kith_rng_below(turn->rng, known - room + 1) : 0;
    *ret_count = known > room ? room : known;
}

static void digest_append(struct kith_msg *msg, uint64_t prefix, uint64_t seq)
{
    msg->digest.entry[msg->digest.count++] = (struct kith_digest_entry){prefix, seq};
}

void kith_spread_digest(struct kith_spread *spread, struct kith_link_slot *slot,
                        const struct kith_turn *turn)
{
    uint32_t from, count;
    struct kith_msg msg = {.type = KITH_MSG_DIGEST};
    digest_window(spread, turn, &from, &count);
    bool from_start = from == 0, to_end = from + count == spread->peers->count;
    msg.digest.first =
        from_start ? 0 : kith_digest_prefix(&kith_peers_nth(spread->peers, from)->id);
    msg.digest.last =
        to_end ? UINT64_MAX
               : kith_digest_prefix(&kith_peers_nth(spread->peers, from + count - 1)->id);

    uint64_t own = kith_digest_prefix(&spread->peers->self);
    bool own_due = spread->own.len && own >= msg.digest.first && own <= msg.digest.last;
    for (uint32_t i = from; i < from + count; i++) {
        const struct kith_peer *peer = kith_peers_nth(spread->peers, i);
        uint64_t prefix = kith_digest_prefix(&peer->id);
        if (own_due && own < prefix) {
            digest_append(&msg, own, spread->own_seq);
            own_due = false;
        }
        if (may_pass_on(peer, turn)) digest_append(&msg, prefix, peer->record.seq);
    }
    if (own_due) digest_append(&msg, own, spread->own_seq);

    uint8_t buffer[KITH_DIGEST_MAX * 16 + 64];
    kith_outbox_send(turn->out, slot->link, kith_msg_encode(&msg, buffer, sizeof buffer));
}

static uint64_t digest_seq_of(const struct kith_msg *msg, uint64_t prefix)
{
    uint32_t low = 0, high = msg->digest.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (msg->digest.entry[middle].prefix < prefix)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < msg->digest.count && msg->digest.entry[low].prefix == prefix;
    return found ? msg->digest.entry[low].seq : 0;
}

/* Send what the far end lacks or has older. */
static void answer_with_records(struct kith_spread *spread, kith_link link,
                                const struct kith_msg *msg, const struct kith_turn *turn)
{
    struct parcel parcel = {.link = link, .msg = {.type = KITH_MSG_PEERS}};
    uint64_t own = kith_digest_prefix(&spread->peers->self);
    bool own_asked = own >= msg->digest.first && own <= msg->digest.last;
    if (spread->own.len && own_asked && digest_seq_of(msg, own) < spread->own_seq)
        parcel_add(&parcel, spread->own, turn);
    uint32_t i = kith_peers_lower(spread->peers, msg->digest.first);
    for (; i < spread->peers->count && parcel.sent < KITH_DIGEST_ANSWER_MAX; i++) {
        const struct kith_peer *peer = kith_peers_nth(spread->peers, i);
        uint64_t prefix = kith_digest_prefix(&peer->id);
        if (prefix > msg->digest.last) break;
        if (!may_pass_on(peer, turn)) continue;
        if (digest_seq_of(msg, prefix) < peer->record.seq)
            parcel_add(&parcel, record_of(peer), turn);
    }
    parcel_flush(&parcel, turn);
}

/* Ask for what the far end has newer. */
static void answer_with_wants(struct kith_spread *spread, kith_link link,
                              const struct kith_msg *msg, const struct kith_turn *turn)
{
    struct kith_msg want = {.type = KITH_MSG_WANT_PEERS};
    uint64_t own = kith_digest_prefix(&spread->peers->self);
    for (uint32_t i = 0; i < msg->digest.count; i++) {
        const struct kith_digest_entry *entry = &msg->digest.entry[i];
        const struct kith_peer *peer = kith_peers_find_prefix(spread->peers, entry->prefix);
        uint64_t known = peer ? peer->record.seq : 0;
        if (entry->prefix == own) known = spread->own_seq;
        if (entry->seq <= known || want.want_peers.count == KITH_WANT_PEERS_MAX) continue;
        want.want_peers.prefix[want.want_peers.count++] = entry->prefix;
    }
    if (want.want_peers.count == 0) return;
    uint8_t buffer[KITH_WANT_PEERS_MAX * 9 + 16];
    kith_outbox_send(turn->out, link, kith_msg_encode(&want, buffer, sizeof buffer));
}

void kith_spread_on_digest(struct kith_spread *spread, struct kith_link_slot *slot,
                           const struct kith_msg *msg, const struct kith_turn *turn)
{
    answer_with_records(spread, slot->link, msg, turn);
    answer_with_wants(spread, slot->link, msg, turn);
}

void kith_spread_on_want(struct kith_spread *spread, struct kith_link_slot *slot,
                         const struct kith_msg *msg, const struct kith_turn *turn)
{
    struct parcel parcel = {.link = slot->link, .msg = {.type = KITH_MSG_PEERS}};
    uint64_t own = kith_digest_prefix(&spread->peers->self);
    for (uint32_t i = 0; i < msg->want_peers.count; i++) {
        uint64_t prefix = msg->want_peers.prefix[i];
        const struct kith_peer *peer = kith_peers_find_prefix(spread->peers, prefix);
        if (prefix == own && spread->own.len)
            parcel_add(&parcel, spread->own, turn);
        else if (peer && may_pass_on(peer, turn))
            parcel_add(&parcel, record_of(peer), turn);
    }
    parcel_flush(&parcel, turn);
}

void kith_spread_on_deadline(struct kith_spread *spread, const struct kith_turn *turn)
{
    if (turn->now_us >= spread->rumour_at_us) spread_rumour(spread, turn);
    if (turn->now_us < spread->digest_at_us) return;
    struct kith_link_slot *slot;
    if (kith_links_draw(spread->links, 1, &slot, turn)) kith_spread_digest(spread, slot, turn);
    uint32_t jitter = kith_rng_below(turn->rng, KITH_DIGEST_EVERY_US / 2);
    spread->digest_at_us = turn->now_us + KITH_DIGEST_EVERY_US * 3 / 4 + jitter;
}

uint64_t kith_spread_deadline_us(const struct kith_spread *spread)
{
    return spread->rumour_at_us < spread->digest_at_us ? spread->rumour_at_us
                                                       : spread->digest_at_us;
}
