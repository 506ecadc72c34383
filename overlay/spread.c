#include "overlay/spread.h"

#include <stdlib.h>
#include <string.h>

#include "overlay/filter.h"

enum {
    BUDGET_MAX = KITH_RECORDS_SAVED + KITH_RECORDS_PER_TICK,
    MESSAGE_ROOM = KITH_PEERS_PER_MSG * (KITH_RECORD_LEN_MAX + 3) + 16 * KITH_WANTS_MAX + 48,
};

/* Records gathered for one link and sent in as few PEERS messages as they need. */
struct parcel {
    kith_link link;
    struct kith_msg msg;
};

static void parcel_flush(struct parcel *parcel, const struct kith_turn *turn)
{
    uint8_t buffer[MESSAGE_ROOM];
    if (parcel->msg.peers.count == 0 && parcel->msg.peers.want_count == 0 &&
        parcel->msg.peers.set == 0)
        return;
    kith_outbox_send(turn->out, parcel->link, kith_msg_encode(&parcel->msg, buffer, sizeof buffer));
    parcel->msg.peers.count = 0;
    parcel->msg.peers.want_count = 0;
    parcel->msg.peers.set = 0;
}

static void parcel_begin(struct parcel *parcel, const struct kith_link_slot *slot)
{
    parcel->link = slot->link;
    parcel->msg.type = KITH_MSG_PEERS;
    parcel->msg.peers.count = 0;
    parcel->msg.peers.want_count = 0;
    parcel->msg.peers.set = 0;
    parcel->msg.peers.filter = (struct kith_bytes){NULL, 0};
}

static void parcel_add(struct parcel *parcel, struct kith_bytes record,
                       const struct kith_turn *turn)
{
    parcel->msg.peers.record[parcel->msg.peers.count++] = record;
    if (parcel->msg.peers.count == KITH_PEERS_PER_MSG) parcel_flush(parcel, turn);
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
    spread->budget = BUDGET_MAX;
    spread->urgent_at_us = KITH_NEVER;
}

void kith_spread_release(struct kith_spread *spread)
{
    free(spread->news);
    free(spread->seen);
    spread->news = NULL;
    spread->seen = NULL;
}

size_t kith_spread_memory(const struct kith_spread *spread)
{
    size_t bytes = spread->news ? KITH_NEWS_MAX * sizeof *spread->news : 0;
    return spread->seen ? bytes + KITH_SEEN_MAX * sizeof *spread->seen : bytes;
}

/* --- what is new --- */

static void hurry(struct kith_spread *spread, const struct kith_turn *turn)
{
    if (spread->urgent_at_us == KITH_NEVER) spread->urgent_at_us = turn->now_us + KITH_NEWS_WAIT_US;
}

void kith_spread_own(struct kith_spread *spread, struct kith_bytes record, uint64_t seq,
                     bool urgent, const struct kith_turn *turn)
{
    spread->own = record;
    spread->own_seq = seq;
    if (!urgent) return;
    spread->own_urgent = true;
    hurry(spread, turn);
}

void kith_spread_hot(struct kith_spread *spread, struct kith_peer *peer, bool urgent,
                     const struct kith_turn *turn)
{
    if (!urgent) return;
    kith_peers_heat(spread->peers, peer, KITH_HOT_TIMES);
    peer->urgent = true;
    spread->urgent_peers++;
    hurry(spread, turn);
}

static uint64_t *seen_place(const struct kith_spread *spread, const struct kith_id *hotkey,
                            uint64_t *ret_mark, bool is_goodbye)
{
    uint64_t mark = kith_hash_short(spread->peers->key, hotkey->bytes, KITH_ID_LEN) | 1;
    *ret_mark = is_goodbye ? mark ^ 2 : mark;
    return &spread->seen[(mark >> 8) % KITH_SEEN_MAX];
}

bool kith_spread_is_news(const struct kith_spread *spread, struct kith_bytes record,
                         const struct kith_turn *turn)
{
    struct kith_record_claim claim;
    if (!kith_record_peek(record, &claim)) return false;
    if (turn->wall_ms / 1000 > (uint64_t)claim.valid_from_s + KITH_NEWS_AGE_S) return false;
    bool is_goodbye = claim.flags & KITH_PEER_LEAVING;
    bool is_newcomer = claim.seq < claim.started_ms + KITH_NEWS_AGE_S * UINT64_C(1000);
    if (!is_goodbye && !is_newcomer) return false;
    if (!spread->seen) return true;
    uint64_t mark;
    const uint64_t *place = seen_place(spread, &claim.hotkey, &mark, is_goodbye);
    return *place != mark;
}

static bool reserve_news(struct kith_spread *spread)
{
    if (!spread->news) spread->news = calloc(KITH_NEWS_MAX, sizeof *spread->news);
    if (!spread->seen) spread->seen = calloc(KITH_SEEN_MAX, sizeof *spread->seen);
    return spread->news && spread->seen;
}

void kith_spread_news(struct kith_spread *spread, struct kith_bytes record,
                      const struct kith_turn *turn)
{
    struct kith_record_claim claim;
    if (!reserve_news(spread) || !kith_record_peek(record, &claim)) return;
    uint64_t mark;
    uint64_t *place = seen_place(spread, &claim.hotkey, &mark, claim.flags & KITH_PEER_LEAVING);
    *place = mark;
    /* Past the maximum the oldest gives way. */
    uint32_t at = spread->next_news++ % KITH_NEWS_MAX;
    struct kith_news *news = &spread->news[at];
    spread->news_left |= UINT32_C(1) << at;
    spread->news_urgent |= UINT32_C(1) << at;
    news->times = KITH_NEWS_TIMES;
    news->len = (uint16_t)record.len;
    memcpy(news->bytes, record.at, record.len);
    hurry(spread, turn);
}

/* --- at once --- */

static bool add_paid(struct kith_spread *spread, struct parcel *parcel, struct kith_bytes record,
                     const struct kith_turn *turn)
{
    if (spread->budget == 0) return false;
    spread->budget--;
    parcel_add(parcel, record, turn);
    return true;
}

static void add_own(struct kith_spread *spread, struct parcel *parcel, struct kith_link_slot *slot,
                    const struct kith_turn *turn)
{
    if (spread->own.len == 0 || slot->own_seq == spread->own_seq) return;
    if (add_paid(spread, parcel, spread->own, turn)) slot->own_seq = spread->own_seq;
}

static void add_urgent(struct kith_spread *spread, struct parcel *parcel,
                       const struct kith_turn *turn)
{
    for (uint32_t left = spread->news_urgent & spread->news_left; left; left &= left - 1) {
        const struct kith_news *news = &spread->news[__builtin_ctz(left)];
        if (!add_paid(spread, parcel, (struct kith_bytes){news->bytes, news->len}, turn)) return;
    }
    if (spread->urgent_peers == 0) return;
    for (uint32_t at = spread->peers->hot_first; at && spread->budget > 0;
         at = spread->peers->at[at - 1].hot_next) {
        const struct kith_peer *peer = &spread->peers->at[at - 1];
        if (!peer->urgent || peer->link == parcel->link || !may_pass_on(peer, turn)) continue;
        add_paid(spread, parcel, kith_peer_record_bytes(peer), turn);
    }
}

static void send_urgent(struct kith_spread *spread, struct kith_link_slot *slot,
                        const struct kith_turn *turn)
{
    struct parcel parcel;
    parcel_begin(&parcel, slot);
    if (spread->own_urgent) add_own(spread, &parcel, slot, turn);
    add_urgent(spread, &parcel, turn);
    parcel_flush(&parcel, turn);
}

static void forget_urgent(struct kith_spread *spread)
{
    spread->news_urgent = 0;
    if (spread->urgent_peers == 0) return;
    for (uint32_t at = spread->peers->hot_first; at; at = spread->peers->at[at - 1].hot_next)
        spread->peers->at[at - 1].urgent = false;
    spread->urgent_peers = 0;
}

/* What the budget did not reach stays hot and goes with the ticks. */
static void spread_urgent(struct kith_spread *spread, const struct kith_turn *turn)
{
    struct kith_link_slot *drawn[KITH_NEWS_LINKS];
    uint32_t count = kith_links_draw(spread->links, KITH_NEWS_LINKS, drawn, turn);
    for (uint32_t i = 0; i < count && spread->budget > 0; i++)
        send_urgent(spread, drawn[i], turn);
    spread->own_urgent = false;
    forget_urgent(spread);
    spread->urgent_at_us = KITH_NEVER;
}

/* --- the tick --- */

static void add_news(struct kith_spread *spread, struct parcel *parcel,
                     const struct kith_turn *turn)
{
    for (uint32_t left = spread->news_left; left; left &= left - 1) {
        struct kith_news *news = &spread->news[__builtin_ctz(left)];
        if (parcel->msg.peers.count >= KITH_HOT_PER_TICK) return;
        if (!add_paid(spread, parcel, (struct kith_bytes){news->bytes, news->len}, turn)) return;
        if (--news->times == 0) spread->news_left &= ~(left & -left);
    }
}

static void add_hot(struct kith_spread *spread, struct parcel *parcel, kith_link link,
                    const struct kith_turn *turn)
{
    for (uint32_t looks = 0; looks < KITH_PEERS_PER_MSG; looks++) {
        if (parcel->msg.peers.count >= KITH_HOT_PER_TICK || spread->budget == 0) return;
        struct kith_peer *peer = kith_peers_next_hot(spread->peers);
        if (!peer) return;
        if (peer->link != link && may_pass_on(peer, turn))
            add_paid(spread, parcel, kith_peer_record_bytes(peer), turn);
    }
}

/* The rest of the view in turn, from the part of the budget that is not saved for news. */
static void add_fill(struct kith_spread *spread, struct parcel *parcel, kith_link link,
                     const struct kith_turn *turn)
{
    uint32_t count = spread->peers->count;
    for (uint32_t looks = 0; looks < count && looks < 2 * KITH_RECORDS_PER_TICK; looks++) {
        if (parcel->msg.peers.count >= KITH_RECORDS_PER_TICK) return;
        if (spread->budget <= KITH_RECORDS_SAVED) return;
        if (spread->next_fill >= count) spread->next_fill = 0;
        const struct kith_peer *peer = kith_peers_nth(spread->peers, spread->next_fill++);
        if (peer->link != link && may_pass_on(peer, turn))
            add_paid(spread, parcel, kith_peer_record_bytes(peer), turn);
    }
}

/* Whose record has had its half is asked for: it should have been renewed, and was missed. */
static void add_wants(struct kith_spread *spread, struct kith_msg *msg,
                      const struct kith_turn *turn)
{
    uint32_t count = spread->peers->count;
    uint64_t now_s = turn->wall_ms / 1000;
    for (uint32_t looks = 0; looks < count && looks < KITH_WANT_LOOKS; looks++) {
        if (msg->peers.want_count == KITH_WANTS_PER_TICK) return;
        if (spread->next_want >= count) spread->next_want = 0;
        const struct kith_peer *peer = kith_peers_nth(spread->peers, spread->next_want++);
        uint64_t life_s = peer->valid_until_s - peer->valid_from_s;
        if (!peer->told || now_s <= peer->valid_from_s + life_s * KITH_WANT_AGE / 100) continue;
        msg->peers.want[msg->peers.want_count++] =
            (struct kith_want){kith_hotkey_prefix(&peer->id), peer->seq};
    }
}

void kith_spread_expect(const struct kith_spread *spread)
{
    const struct kith_peers *peers = spread->peers;
    for (uint32_t i = 0; i < KITH_RECORDS_PER_TICK && spread->next_fill + i < peers->count; i++) {
        uint16_t slot = peers->order[spread->next_fill + i];
        const uint8_t *peer = (const uint8_t *)&peers->at[slot];
        const uint8_t *record = peers->more[slot].record_bytes;
        __builtin_prefetch(peer);
        __builtin_prefetch(peer + KITH_PEER_ALIGN);
        for (int line = 0; line < 4; line++)
            __builtin_prefetch(record + line * KITH_PEER_ALIGN);
    }
    for (uint32_t i = 0; i < KITH_WANT_LOOKS && spread->next_want + i < peers->count; i++)
        __builtin_prefetch(&peers->at[peers->order[spread->next_want + i]]);
}

void kith_spread_tick(struct kith_spread *spread, const struct kith_turn *turn)
{
    struct parcel parcel;
    spread->budget += KITH_RECORDS_PER_TICK;
    if (spread->budget > BUDGET_MAX) spread->budget = BUDGET_MAX;
    struct kith_link_slot *slot = kith_links_next(spread->links);
    if (!slot) return;
    parcel_begin(&parcel, slot);
    add_own(spread, &parcel, slot, turn);
    add_news(spread, &parcel, turn);
    add_hot(spread, &parcel, slot->link, turn);
    add_fill(spread, &parcel, slot->link, turn);
    add_wants(spread, &parcel.msg, turn);
    if (!kith_peers_are_full(spread->peers))
        parcel.msg.peers.set = kith_filter_set(spread->peers, turn);
    parcel_flush(&parcel, turn);
}

/* --- answers --- */

static void send_wanted(struct kith_spread *spread, struct kith_link_slot *slot,
                        const struct kith_msg *msg, const struct kith_turn *turn)
{
    struct parcel parcel;
    uint64_t own = kith_hotkey_prefix(&spread->peers->self);
    parcel_begin(&parcel, slot);
    for (uint32_t i = 0; i < msg->peers.want_count; i++) {
        const struct kith_want *want = &msg->peers.want[i];
        if (want->prefix == own && spread->own_seq > want->seq)
            add_own(spread, &parcel, slot, turn);
        const struct kith_peer *peer = kith_peers_find_prefix(spread->peers, want->prefix);
        if (peer && peer->seq > want->seq && may_pass_on(peer, turn))
            add_paid(spread, &parcel, kith_peer_record_bytes(peer), turn);
    }
    parcel_flush(&parcel, turn);
}

/* Up to one message of records that the far end's filter does not hold. Not paid for: there are
 * none once all know the same. */
static void send_unknown(struct kith_spread *spread, struct kith_link_slot *slot,
                         struct kith_bytes filter, const struct kith_turn *turn)
{
    struct parcel parcel;
    uint32_t count = spread->peers->count;
    if (count == 0 || turn->now_us < slot->filled_us + KITH_FILTER_EVERY_US) return;
    slot->filled_us = turn->now_us;
    uint32_t first = kith_rng_below(turn->rng, count);
    parcel_begin(&parcel, slot);
    for (uint32_t i = 0; i < count && parcel.msg.peers.count < KITH_PEERS_PER_MSG - 1; i++) {
        const struct kith_peer *peer = kith_peers_nth(spread->peers, (first + i) % count);
        if (peer->link == slot->link || !may_pass_on(peer, turn)) continue;
        if (!kith_filter_has(filter, &peer->id))
            parcel_add(&parcel, kith_peer_record_bytes(peer), turn);
    }
    parcel_flush(&parcel, turn);
}

static void send_filter(const struct kith_spread *spread, const struct kith_link_slot *slot,
                        const struct kith_turn *turn)
{
    uint8_t filter[KITH_FILTER_MAX], buffer[KITH_FILTER_MAX + 32];
    struct kith_msg msg = {.type = KITH_MSG_PEERS};
    msg.peers.filter = kith_filter_of(spread->peers, turn, filter);
    kith_outbox_send(turn->out, slot->link, kith_msg_encode(&msg, buffer, sizeof buffer));
}

void kith_spread_on_peers(struct kith_spread *spread, struct kith_link_slot *slot,
                          const struct kith_msg *msg, const struct kith_turn *turn)
{
    if (msg->peers.want_count > 0) send_wanted(spread, slot, msg, turn);
    if (msg->peers.filter.len > 0) send_unknown(spread, slot, msg->peers.filter, turn);
    if (msg->peers.set == 0 || kith_peers_are_full(spread->peers)) return;
    if (msg->peers.set != kith_filter_set(spread->peers, turn)) send_filter(spread, slot, turn);
}

void kith_spread_greet(struct kith_spread *spread, struct kith_link_slot *slot, uint32_t some,
                       const struct kith_turn *turn)
{
    struct parcel parcel;
    uint32_t count = spread->peers->count, sent = 0;
    if (count == 0) return;
    uint32_t most = count <= KITH_GREET_ALL || slot->observer ? count : some;
    uint32_t first = kith_rng_below(turn->rng, count);
    parcel_begin(&parcel, slot);
    for (uint32_t i = 0; i < count && sent < most; i++) {
        const struct kith_peer *peer = kith_peers_nth(spread->peers, (first + i) % count);
        if (peer->link == slot->link || !may_pass_on(peer, turn)) continue;
        parcel_add(&parcel, kith_peer_record_bytes(peer), turn);
        sent++;
    }
    parcel_flush(&parcel, turn);
}

void kith_spread_on_deadline(struct kith_spread *spread, const struct kith_turn *turn)
{
    if (turn->now_us >= spread->urgent_at_us) spread_urgent(spread, turn);
}

uint64_t kith_spread_deadline_us(const struct kith_spread *spread)
{
    return spread->urgent_at_us;
}
