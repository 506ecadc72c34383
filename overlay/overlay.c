#include "overlay/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mutant.h"

int kith_overlay_init(struct kith_overlay *overlay, const struct kith_overlay_config *config)
{
    memset(overlay, 0, sizeof *overlay);
    overlay->config = *config;
    const struct kith_id *self = &config->keypair->hotkey;
    int err =
        kith_peers_init(&overlay->peers, config->peers_max, self, &config->swarm, config->scheme);
    if (!err) err = kith_links_init(&overlay->links, config->links_max, self);
    if (!err)
        err = kith_objects_init(&overlay->objects, config->big_objects, config->big_len,
                                config->small_objects, config->small_len);
    if (!err) err = kith_partials_init(&overlay->partials, &overlay->objects, config->big_len);
    if (!err) err = kith_serve_init(&overlay->serve, &overlay->objects);
    if (!err)
        err = kith_pulls_init(&overlay->pulls, &overlay->peers, &overlay->links, &overlay->dialer,
                              &overlay->objects, &overlay->serve, &overlay->partials);
    if (!err && config->observer) {
        overlay->status = calloc(1, sizeof *overlay->status);
        if (!overlay->status) err = KITH_ERR_NOMEM;
    }
    if (err) {
        kith_overlay_release(overlay);
        return err;
    }
    kith_dialer_init(&overlay->dialer, &overlay->peers, &overlay->links, config->links_wanted);
    kith_spread_init(&overlay->spread, &overlay->peers, &overlay->links);
    overlay->own_at_us = KITH_NEVER;
    overlay->tick_at_us = KITH_NEVER;
    return 0;
}

void kith_overlay_release(struct kith_overlay *overlay)
{
    kith_peers_release(&overlay->peers);
    kith_spread_release(&overlay->spread);
    kith_links_release(&overlay->links);
    kith_objects_release(&overlay->objects);
    kith_partials_release(&overlay->partials);
    kith_serve_release(&overlay->serve);
    kith_pulls_release(&overlay->pulls);
    kith_dialer_release(&overlay->dialer);
    free(overlay->status);
    free(overlay->facts);
}

size_t kith_overlay_memory(const struct kith_overlay *overlay)
{
    size_t bytes = kith_peers_memory(&overlay->peers) + kith_links_memory(&overlay->links);
    bytes += kith_objects_memory(&overlay->objects) + kith_serve_memory(&overlay->serve);
    bytes += kith_spread_memory(&overlay->spread);
    bytes += kith_pulls_memory(&overlay->pulls) + kith_partials_memory(&overlay->partials);
    bytes += kith_dialer_memory(&overlay->dialer);
    if (overlay->facts) bytes += KITH_OVERLAY_FACTS_MAX * sizeof *overlay->facts;
    return overlay->status ? bytes + sizeof *overlay->status : bytes;
}

/* There for as long as there are facts: a node that has nothing to say holds none. */
static bool reserve_facts(struct kith_overlay *overlay)
{
    if (!overlay->facts) overlay->facts = calloc(KITH_OVERLAY_FACTS_MAX, sizeof *overlay->facts);
    return overlay->facts != NULL;
}

static void add_fact(struct kith_overlay *overlay, const struct kith_overlay_fact *fact)
{
    if (!reserve_facts(overlay)) return;
    if (overlay->fact_count < KITH_OVERLAY_FACTS_MAX) overlay->facts[overlay->fact_count++] = *fact;
}

/* A peer's record or link changed: does it live? In a swarm larger than the view who comes into it
 * and falls out of it is no news of the swarm. */
static void note(struct kith_overlay *overlay, struct kith_peer *peer, const struct kith_turn *turn)
{
    if (!kith_peers_recount(&overlay->peers, peer, turn->wall_ms)) return;
    if (overlay->peers.count == overlay->peers.max) return;
    struct kith_overlay_fact fact = {
        .kind = peer->told ? KITH_FACT_JOINED : KITH_FACT_LEFT,
        .id = peer->id,
    };
    add_fact(overlay, &fact);
}

static void look_at_all(struct kith_overlay *overlay, const struct kith_turn *turn)
{
    for (uint32_t i = 0; i < overlay->peers.count; i++)
        note(overlay, kith_peers_nth(&overlay->peers, i), turn);
    kith_peers_expire(&overlay->peers);
}

void kith_overlay_settle(struct kith_overlay *overlay, const struct kith_turn *turn)
{
    if (kith_peers_may_expire(&overlay->peers, turn->wall_ms)) look_at_all(overlay, turn);
    turn->stats->peers = overlay->peers.live + KITH_MUTANT("count_one_more");
    turn->stats->links = overlay->links.count;
}

bool kith_overlay_next_fact(struct kith_overlay *overlay, struct kith_overlay_fact *ret)
{
    if (overlay->fact_count == 0) return false;
    *ret = overlay->facts[0];
    overlay->fact_count--;
    memmove(overlay->facts, overlay->facts + 1, overlay->fact_count * sizeof *overlay->facts);
    if (overlay->fact_count > 0) return true;
    free(overlay->facts);
    overlay->facts = NULL;
    return true;
}

/* How often a record is renewed and how long it lasts depend on how many nodes there are, so that
 * the records a node hears a second do not. */
static void renewal(const struct kith_overlay *overlay, uint32_t *ret_every_s, uint32_t *ret_life_s)
{
    const struct kith_peers *peers = &overlay->peers;
    uint32_t every_s = (peers->live + 1) / KITH_RENEWALS_PER_S;
    bool full = peers->count == peers->max && peers->live >= peers->max - peers->max / 8;
    if (every_s < KITH_RENEWAL_LEAST_S) every_s = KITH_RENEWAL_LEAST_S;
    if (every_s > KITH_RENEWAL_MOST_S || full) every_s = KITH_RENEWAL_MOST_S;
    *ret_every_s = every_s;
    *ret_life_s = full ? KITH_RECORD_LIFETIME_MAX_S : every_s * 9 / 4;
    if (*ret_life_s < KITH_LIFE_LEAST_S) *ret_life_s = KITH_LIFE_LEAST_S;
}

/* The time, later than `last`, which becomes it. But if our clock was so far ahead that nobody took
 * what we signed, that holds nothing up. */
static uint64_t later_ms(uint64_t *last_ms, const struct kith_turn *turn)
{
    uint64_t next_ms = *last_ms + 1;
    bool is_void = next_ms > turn->wall_ms + KITH_RECORD_FUTURE_MAX_S * UINT64_C(1000);
    *last_ms = turn->wall_ms > next_ms || is_void ? turn->wall_ms : next_ms;
    return *last_ms;
}

static void next_seq(struct kith_overlay *overlay, const struct kith_turn *turn)
{
    later_ms(&overlay->own.seq, turn);
}

static void sign_own(struct kith_overlay *overlay, uint8_t flags, const struct kith_turn *turn)
{
    uint32_t every_s, life_s;
    renewal(overlay, &every_s, &life_s);
    next_seq(overlay, turn);
    overlay->own.flags = flags;
    overlay->own.valid_from_s = (uint32_t)(turn->wall_ms / 1000);
    overlay->own.valid_until_s = overlay->own.valid_from_s + life_s;
    struct kith_bytes sealed =
        kith_record_seal(&overlay->own, &overlay->config.swarm, overlay->config.keypair,
                         overlay->config.scheme, overlay->own_bytes);
    overlay->own_len = sealed.len;
    uint64_t every_us = every_s * (uint64_t)KITH_SECOND_US;
    overlay->own_at_us =
        turn->now_us + every_us * 15 / 16 + kith_rng_below(turn->rng, (uint32_t)(every_us / 8));
    if (!overlay->config.observer)
        kith_spread_own(&overlay->spread, sealed, overlay->own.seq, true, turn);
    overlay->urgent = false;
}

int kith_overlay_start(struct kith_overlay *overlay, const struct kith_addr *own,
                       uint32_t own_count, const struct kith_addr *bootstrap,
                       uint32_t bootstrap_count, const struct kith_bytes *stored,
                       const struct kith_turn *turn)
{
    if (!overlay->config.active) return 0;
    overlay->own.hotkey = overlay->config.keypair->hotkey;
    overlay->own.started_ms = turn->wall_ms;
    for (uint32_t i = 0; i < own_count && i < KITH_RECORD_ADDRS_MAX; i++)
        if (kith_addr_kind(&own[i]) != KITH_ADDR_BAD)
            overlay->own.addr[overlay->own.addr_count++] = own[i];
    kith_peers_salt(&overlay->peers, turn->rng);
    overlay->urgent = true;
    sign_own(overlay, overlay->config.observer ? KITH_PEER_OBSERVER : 0, turn);
    kith_overlay_restore_book(overlay, stored[KITH_STORE_PEERS], turn);
    kith_partials_start(&overlay->partials, stored, &overlay->config.swarm, overlay->config.scheme,
                        turn);
    overlay->clock_ms = (int64_t)turn->wall_ms - (int64_t)(turn->now_us / 1000);
    overlay->tick_at_us = turn->now_us + KITH_TICK_US / 2 + kith_rng_below(turn->rng, KITH_TICK_US);
    return kith_dialer_start(&overlay->dialer, own, own_count, bootstrap, bootstrap_count, turn);
}

static void send_hello(struct kith_overlay *overlay, kith_link link, const struct kith_turn *turn)
{
    struct kith_msg msg = {
        .type = KITH_MSG_HELLO,
        .hello = {.record = {overlay->own_bytes, overlay->own_len},
                  .wall_ms = kith_clock_own_ms(&overlay->clock, turn)},
    };
    uint8_t buffer[KITH_RECORD_MAX + 32];
    kith_outbox_send(turn->out, link, kith_msg_encode(&msg, buffer, sizeof buffer));
}

void kith_overlay_describe(struct kith_overlay *overlay, enum kith_peer_state state, uint32_t round,
                           const struct kith_turn *turn)
{
    bool changed = overlay->own.state != state;
    uint64_t soon = turn->now_us + KITH_TICK_US;
    overlay->own.state = (uint8_t)state;
    overlay->own.round = round;
    overlay->urgent |= changed;
    if (changed && overlay->own_at_us != KITH_NEVER && soon < overlay->own_at_us)
        overlay->own_at_us = soon;
}

void kith_overlay_leave(struct kith_overlay *overlay, const struct kith_turn *turn)
{
    if (!overlay->config.active || overlay->own_len == 0) return;
    sign_own(overlay, overlay->config.observer ? KITH_PEER_OBSERVER : KITH_PEER_LEAVING, turn);
    overlay->own_at_us = KITH_NEVER;
    struct kith_msg msg = {
        .type = KITH_MSG_PEERS,
        .peers = {.count = 1, .record[0] = {overlay->own_bytes, overlay->own_len}},
    };
    uint8_t buffer[KITH_RECORD_MAX + 16];
    struct kith_bytes bytes = kith_msg_encode(&msg, buffer, sizeof buffer);
    for (uint32_t i = 0; i < overlay->links.top; i++) {
        const struct kith_link_slot *slot = &overlay->links.at[i];
        if (slot->link && !overlay->config.observer) kith_outbox_send(turn->out, slot->link, bytes);
    }
}

void kith_overlay_on_link_up(struct kith_overlay *overlay, kith_link link, const struct kith_id *id,
                             const struct kith_addr *addr, bool dialed, uint64_t number,
                             const struct kith_turn *turn)
{
    if (!overlay->config.active) {
        kith_outbox_hang_up(turn->out, link, KITH_HANG_UP_DONE);
        return;
    }
    if (dialed) kith_dialer_on_up(&overlay->dialer, number, link, id, turn);
    struct kith_peer *peer = kith_peers_find(&overlay->peers, id);
    if (peer && peer->banned_until_us > turn->now_us) {
        kith_outbox_hang_up(turn->out, link, KITH_HANG_UP_PROTOCOL);
        return;
    }
    kith_link lost;
    struct kith_link_slot *slot =
        kith_links_up(&overlay->links, link, id, addr, dialed, turn, &lost);
    if (lost) kith_pulls_on_down(&overlay->pulls, lost, turn);
    if (!slot) return;
    if (peer) {
        peer->link = link;
        peer->suspect = false;
        if (dialed) peer->hidden = false;
    }
    send_hello(overlay, link, turn);
    slot->own_seq = overlay->own.seq;
}

/* The link to a peer broke. Find out at once whether it lives: a dead one refuses the next dial.
 * But one whose links never last is left to the back-off. */
static void lose_peer(struct kith_overlay *overlay, struct kith_peer *peer, bool was_good,
                      const struct kith_turn *turn)
{
    peer->link = 0;
    peer->suspect = true;
    if (was_good) {
        peer->dial_count = 0;
        peer->dial_next_us = turn->now_us;
    }
    bool ask = kith_peer_is_live(peer, turn->wall_ms) && turn->now_us >= peer->dial_next_us &&
               overlay->links.count < overlay->config.links_wanted;
    if (ask) kith_dialer_want(&overlay->dialer, peer, turn);
}

void kith_overlay_on_link_down(struct kith_overlay *overlay, kith_link link,
                               const struct kith_turn *turn)
{
    struct kith_link_slot *slot = kith_links_find(&overlay->links, link);
    kith_dialer_on_down(&overlay->dialer, link, turn);
    if (!slot) return;
    struct kith_peer *peer = kith_peers_find(&overlay->peers, &slot->peer);
    bool was_good = turn->now_us >= slot->up_us + KITH_LINK_GOOD_US;
    kith_links_down(&overlay->links, link);
    if (peer) lose_peer(overlay, peer, was_good, turn);
    kith_pulls_on_down(&overlay->pulls, link, turn);
}

void kith_overlay_on_dial_failed(struct kith_overlay *overlay, uint64_t number, int err,
                                 const struct kith_turn *turn)
{
    turn->stats->dial_failures++;
    struct kith_peer *peer = kith_dialer_on_failed(&overlay->dialer, number, err, turn);
    const struct kith_addr *silent = kith_dialer_next_silent(&overlay->dialer);
    if (silent) {
        struct kith_overlay_fact fact = {.kind = KITH_FACT_BOOTSTRAP_SILENT, .addr = *silent};
        add_fact(overlay, &fact);
    }
    if (!peer) return;
    /* Nobody listens where it says it is, or its link broke and nobody answers: gone, until a newer
     * record says otherwise. */
    bool is_answer = err == KITH_ERR_CLOSED || err == KITH_ERR_FULL; /* it, or we, had no room */
    bool is_silent = err == KITH_ERR_REFUSED || (peer->suspect && !is_answer);
    if (!peer->link && is_silent) kith_peer_found_dead(peer, turn);
    note(overlay, peer, turn);
    kith_pulls_on_unreachable(&overlay->pulls, &peer->id, turn);
}

/* Our clock may be wrong: a record that came at the wrong time may still say where its node is, and
 * more peers to compare with is what is lacking. */
static void take_hint(struct kith_overlay *overlay, struct kith_bytes bytes,
                      const struct kith_turn *turn)
{
    struct kith_peer_record record;
    const struct kith_overlay_config *config = &overlay->config;
    if (!kith_clock_takes_hint(&overlay->clock, &overlay->links)) return;
    if (kith_record_open(bytes, &config->swarm, &record) != 0) return;
    if (kith_record_verify(bytes, &config->swarm, &record.hotkey, config->scheme) != 0) return;
    struct kith_peer *peer =
        kith_peers_contact(&overlay->peers, &record.hotkey, record.addr, record.addr_count, turn);
    bool room = overlay->links.count + overlay->dialer.under_way < config->links_wanted;
    if (peer && room && turn->now_us >= peer->dial_next_us)
        kith_dialer_want(&overlay->dialer, peer, turn);
}

/* Somebody else signs with our hotkey, or we did in an earlier life. */
static void take_own(struct kith_overlay *overlay, struct kith_bytes bytes,
                     const struct kith_turn *turn)
{
    struct kith_peer_record record;
    if (kith_record_open(bytes, &overlay->config.swarm, &record) != 0) return;
    if (record.seq <= overlay->own.seq) return;
    struct kith_overlay_fact fact = {.kind = KITH_FACT_SAME_HOTKEY,
                                     .started_ms = record.started_ms};
    add_fact(overlay, &fact);
    overlay->own.seq = record.seq;
    overlay->own_at_us = turn->now_us;
    overlay->urgent = true;
}

/* News of a stranger whom a full view has no place for: others may have one. */
static void take_unkept(struct kith_overlay *overlay, struct kith_bytes bytes,
                        const struct kith_turn *turn)
{
    if (kith_peers_check(&overlay->peers, bytes, turn) == 0)
        kith_spread_news(&overlay->spread, bytes, turn);
}

/* A record from anywhere; `linked`: from its author, over its link. */
static void take_record(struct kith_overlay *overlay, struct kith_bytes bytes, bool linked,
                        const struct kith_turn *turn)
{
    struct kith_peer *peer = NULL;
    bool is_news = kith_spread_is_news(&overlay->spread, bytes, turn);
    int err = kith_peers_accept(&overlay->peers, bytes, linked, turn, &peer);
    if (err == KITH_ERR_IN_USE) take_own(overlay, bytes, turn);
    if (err == KITH_ERR_NOT_FOUND && is_news) take_unkept(overlay, bytes, turn);
    if (err == KITH_ERR_EXPIRED || err == KITH_ERR_FUTURE) take_hint(overlay, bytes, turn);
    if (err) return;
    bool was_live = peer->told;
    const struct kith_link_slot *slot = kith_links_of(&overlay->links, &peer->id);
    peer->link = slot ? slot->link : 0;
    note(overlay, peer, turn);
    kith_spread_hot(&overlay->spread, peer, is_news && peer->told != was_live, turn);
    if (overlay->links.count + overlay->dialer.under_way < overlay->config.links_wanted)
        kith_dialer_hurry(&overlay->dialer, turn);
}

/* The observer's record is for us alone: it is checked, and neither kept nor passed on. */
static bool is_observer(const struct kith_overlay *overlay, const struct kith_id *peer,
                        struct kith_bytes bytes)
{
    struct kith_peer_record record;
    if (kith_record_open(bytes, &overlay->config.swarm, &record) != 0) return false;
    return (record.flags & KITH_PEER_OBSERVER) && kith_id_eq(&record.hotkey, peer);
}

static void send_status_want(struct kith_overlay *overlay, const struct kith_link_slot *slot,
                             const struct kith_turn *turn)
{
    struct kith_msg msg = {.type = KITH_MSG_STATUS_WANT};
    uint8_t buffer[16];
    overlay->status_wanted = (struct kith_id){{0}};
    kith_outbox_send(turn->out, slot->link, kith_msg_encode(&msg, buffer, sizeof buffer));
}

void kith_overlay_ask_status(struct kith_overlay *overlay, const struct kith_id *id,
                             const struct kith_turn *turn)
{
    struct kith_peer *peer = kith_peers_find(&overlay->peers, id);
    const struct kith_link_slot *slot = kith_links_of(&overlay->links, id);
    overlay->status_wanted = *id;
    if (slot && slot->hello)
        send_status_want(overlay, slot, turn);
    else if (peer)
        kith_dialer_want(&overlay->dialer, peer, turn);
}

/* The far end's own record. Somebody whom we did not know, or had given up, may know as little of
 * us: it gets our view, or some of it. */
static void meet(struct kith_overlay *overlay, struct kith_link_slot *slot, struct kith_bytes bytes,
                 const struct kith_turn *turn)
{
    const struct kith_peer *known = kith_peers_find(&overlay->peers, &slot->peer);
    bool was_live = known && known->told;
    bool is_newcomer = kith_spread_is_news(&overlay->spread, bytes, turn);
    take_record(overlay, bytes, true, turn);
    if (was_live) return;
    kith_spread_greet(&overlay->spread, slot, is_newcomer ? KITH_GREET_SOME : KITH_RECORDS_PER_TICK,
                      turn);
}

/* Who introduces itself with an older record than we know had a clock ahead of ours in an earlier
 * life: shown that record, it signs a newer one. */
static void tell_newer(struct kith_overlay *overlay, const struct kith_link_slot *slot,
                       struct kith_bytes bytes, const struct kith_turn *turn)
{
    struct kith_peer_record record;
    const struct kith_peer *known = kith_peers_find(&overlay->peers, &slot->peer);
    if (!known || kith_record_open(bytes, &overlay->config.swarm, &record) != 0) return;
    if (record.seq >= known->seq || !kith_peer_is_valid(known, turn->wall_ms)) return;
    struct kith_msg msg = {
        .type = KITH_MSG_PEERS,
        .peers = {.count = 1, .record[0] = kith_peer_record_bytes(known)},
    };
    uint8_t buffer[KITH_RECORD_MAX + 16];
    kith_outbox_send(turn->out, slot->link, kith_msg_encode(&msg, buffer, sizeof buffer));
}

static void on_hello(struct kith_overlay *overlay, struct kith_link_slot *slot,
                     const struct kith_msg *msg, const struct kith_turn *turn)
{
    struct kith_bytes bytes = msg->hello.record;
    slot->hello = true;
    kith_clock_hear(&overlay->links, slot, msg->hello.wall_ms, turn);
    slot->observer = is_observer(overlay, &slot->peer, bytes);
    overlay->links.clocks_differ = true;
    if (slot->observer && kith_links_observers(&overlay->links) > KITH_OBSERVERS_MAX) {
        kith_outbox_hang_up(turn->out, slot->link, KITH_HANG_UP_DONE);
        return;
    }
    if (slot->observer) {
        kith_spread_greet(&overlay->spread, slot, overlay->peers.count, turn);
    } else {
        meet(overlay, slot, bytes, turn);
        tell_newer(overlay, slot, bytes, turn);
    }
    if (kith_id_eq(&slot->peer, &overlay->status_wanted)) send_status_want(overlay, slot, turn);
    kith_pulls_on_ready(&overlay->pulls, slot, turn);
    const size_t too_long = KITH_CONTROL_MAX + 1;
    void *room = KITH_MUTANT("oversized") ? kith_outbox_room(turn->out, too_long) : NULL;
    if (room) kith_outbox_send(turn->out, slot->link, (struct kith_bytes){room, too_long});
}

static void on_ping(const struct kith_overlay *overlay, const struct kith_link_slot *slot,
                    const struct kith_msg *msg, const struct kith_turn *turn)
{
    struct kith_msg pong = {
        .type = KITH_MSG_PONG,
        .ping = {.number = msg->ping.number, .wall_ms = kith_clock_own_ms(&overlay->clock, turn)},
    };
    uint8_t buffer[32];
    kith_outbox_send(turn->out, slot->link, kith_msg_encode(&pong, buffer, sizeof buffer));
}

static void on_status_want(const struct kith_link_slot *slot, const struct kith_turn *turn)
{
    struct kith_msg msg = {.type = KITH_MSG_STATUS, .status = {.version = KITH_VERSION}};
#define X(name, text) msg.status.value[msg.status.count++] = turn->stats->name;
    KITH_STATS_MAP(X)
#undef X
    uint8_t buffer[KITH_STATUS_MAX * 9 + 64];
    kith_outbox_send(turn->out, slot->link, kith_msg_encode(&msg, buffer, sizeof buffer));
}

static void on_status(struct kith_overlay *overlay, const struct kith_link_slot *slot,
                      const struct kith_msg *msg, const struct kith_turn *turn)
{
    if (!overlay->config.observer) {
        turn->stats->drop_unexpected++;
        return;
    }
    *overlay->status = *msg;
    overlay->status_from = slot->peer;
    struct kith_overlay_fact fact = {.kind = KITH_FACT_STATUS, .id = slot->peer};
    add_fact(overlay, &fact);
}

/* Requests cost the answerer: they are paid from the link's bucket. */
static bool is_request(enum kith_msg_type type)
{
    return type != KITH_MSG_BLOCK && type != KITH_MSG_HEAD && type != KITH_MSG_PONG;
}

static void dispatch(struct kith_overlay *overlay, struct kith_link_slot *slot,
                     const struct kith_msg *msg, const struct kith_turn *turn)
{
    switch (msg->type) {
    case KITH_MSG_HELLO:
        on_hello(overlay, slot, msg, turn);
        return;
    case KITH_MSG_PING:
        on_ping(overlay, slot, msg, turn);
        return;
    case KITH_MSG_PONG:
        slot->pinged_us = 0;
        kith_clock_hear(&overlay->links, slot, msg->ping.wall_ms, turn);
        return;
    case KITH_MSG_PEERS:
        kith_peers_expect(&overlay->peers, msg->peers.record, msg->peers.count);
        for (uint32_t i = 0; i < msg->peers.count; i++)
            take_record(overlay, msg->peers.record[i], false, turn);
        kith_spread_on_peers(&overlay->spread, slot, msg, turn);
        return;
    case KITH_MSG_HEAD_WANT:
        kith_serve_on_head_want(&overlay->serve, slot, msg, turn);
        return;
    case KITH_MSG_HEAD:
        kith_pulls_on_head(&overlay->pulls, slot, msg, turn);
        return;
    case KITH_MSG_WANT:
        kith_serve_on_want(&overlay->serve, slot, msg, turn);
        return;
    case KITH_MSG_BLOCK:
        kith_pulls_on_block(&overlay->pulls, slot, msg, turn);
        return;
    case KITH_MSG_NOPE:
        kith_pulls_on_nope(&overlay->pulls, slot, msg, turn);
        return;
    case KITH_MSG_STATUS_WANT:
        on_status_want(slot, turn);
        return;
    case KITH_MSG_STATUS:
        on_status(overlay, slot, msg, turn);
        return;
    }
}

/* Add a message's bytes to the counter of its purpose, if it has one. */
static void count_purpose(struct kith_overlay *overlay, struct kith_bytes head, size_t len,
                          uint64_t *gossip, uint64_t *weights, uint64_t *labels)
{
    uint8_t kind;
    struct kith_id id;
    enum kith_purpose purpose = kith_msg_purpose(head, &kind, &id);
    if (purpose == KITH_PURPOSE_GOSSIP) *gossip += len;
    if (purpose != KITH_PURPOSE_PULL) return;
    const struct kith_object *object = kind ? NULL : kith_objects_find(&overlay->objects, &id);
    if (object) kind = object->kind;
    if (kind == KITH_MANIFEST_WEIGHTS) *weights += len;
    if (kind == KITH_MANIFEST_LABELS) *labels += len;
}

void kith_overlay_count_sent(struct kith_overlay *overlay, struct kith_bytes head, size_t len,
                             struct kith_stats *stats)
{
    stats->messages_out++;
    stats->bytes_out += len;
    count_purpose(overlay, head, len, &stats->gossip_bytes_out, &stats->weights_bytes_out,
                  &stats->labels_bytes_out);
}

void kith_overlay_on_message(struct kith_overlay *overlay, kith_link link, struct kith_bytes bytes,
                             const struct kith_turn *turn)
{
    struct kith_link_slot *slot = link ? kith_links_find(&overlay->links, link) : NULL;
    struct kith_stats *stats = turn->stats;
    stats->messages_in++;
    stats->bytes_in += bytes.len;
    count_purpose(overlay, bytes, bytes.len, &stats->gossip_bytes_in, &stats->weights_bytes_in,
                  &stats->labels_bytes_in);
    if (!slot) return;
    slot->heard_us = turn->now_us;
    struct kith_msg msg;
    if (kith_msg_decode(bytes, &msg) != 0) {
        turn->stats->drop_malformed++;
        return;
    }
    /* HELLO comes first and once. */
    if (slot->hello == (msg.type == KITH_MSG_HELLO)) {
        turn->stats->drop_unexpected++;
        return;
    }
    if (is_request(msg.type) && !kith_links_pay(slot, turn)) return;
    dispatch(overlay, slot, &msg, turn);
}

void kith_overlay_on_contact(struct kith_overlay *overlay, struct kith_bytes bytes,
                             const struct kith_turn *turn)
{
    struct kith_peer_record record;
    int err = kith_record_open(bytes, &overlay->config.swarm, &record);
    if (!err && !(record.flags & KITH_PEER_CONTACT)) err = KITH_ERR_INVALID;
    if (!err) err = kith_record_check_times(&record, turn->wall_ms);
    if (!err && kith_id_eq(&record.hotkey, &overlay->config.keypair->hotkey)) return;
    if (!err)
        err = kith_record_verify(bytes, &overlay->config.swarm, &record.hotkey,
                                 overlay->config.scheme);
    if (err) {
        kith_peers_count_refusal(turn->stats, err);
        bool untimely = err == KITH_ERR_EXPIRED || err == KITH_ERR_FUTURE;
        if (untimely) take_hint(overlay, bytes, turn);
        return;
    }
    kith_peers_contact(&overlay->peers, &record.hotkey, record.addr, record.addr_count, turn);
    kith_dialer_hurry(&overlay->dialer, turn);
}

/* The time we sign with has changed: say who we are anew. The life of this node began when it
 * began, by whatever clock. */
static void on_new_time(struct kith_overlay *overlay, enum kith_clock_news news,
                        const struct kith_turn *turn)
{
    struct kith_overlay_fact fact = {.kind = KITH_FACT_CLOCK, .clock = news};
    add_fact(overlay, &fact);
    if (news == KITH_CLOCK_DOUBT) return;
    int64_t by_ms = news == KITH_CLOCK_OFF ? -overlay->clock.ahead_ms : overlay->clock.ahead_ms;
    int64_t started_ms = (int64_t)overlay->own.started_ms + by_ms;
    overlay->own.started_ms = started_ms > 0 ? (uint64_t)started_ms : 0;
    overlay->own_at_us = turn->now_us + 1;
}

/* Lives end by the wall clock: when that jumps, all are looked at. */
static bool clock_was_set(struct kith_overlay *overlay, const struct kith_turn *turn)
{
    int64_t clock_ms = (int64_t)turn->wall_ms - (int64_t)(turn->now_us / 1000);
    int64_t jump_ms = clock_ms - overlay->clock_ms;
    overlay->clock_ms = clock_ms;
    return jump_ms > 1000 || jump_ms < -1000;
}

static void tick(struct kith_overlay *overlay, const struct kith_turn *turn)
{
    uint64_t lag_us = turn->now_us - overlay->tick_at_us;
    if (lag_us < KITH_TICK_US) lag_us = 0;
    overlay->tick_at_us = turn->now_us + KITH_TICK_US;
    kith_spread_expect(&overlay->spread);
    kith_links_watch(&overlay->links, lag_us, turn);
    kith_links_trim(&overlay->links, overlay->config.links_wanted + KITH_LINKS_SPARE, turn);
    enum kith_clock_news news = kith_clock_tick(&overlay->clock, &overlay->links, turn);
    if (news != KITH_CLOCK_SAME) on_new_time(overlay, news, turn);
    if (clock_was_set(overlay, turn)) look_at_all(overlay, turn);
    kith_dialer_hurry(&overlay->dialer, turn);
    if (!overlay->config.observer) kith_spread_tick(&overlay->spread, turn);
    for (int i = 0; KITH_MUTANT("chatter") && i < 60; i++)
        kith_spread_tick(&overlay->spread, turn);
}

void kith_overlay_on_deadline(struct kith_overlay *overlay, const struct kith_turn *turn)
{
    if (!overlay->config.active) return;
    if (turn->now_us >= overlay->tick_at_us) tick(overlay, turn);
    if (turn->now_us >= overlay->own_at_us)
        sign_own(overlay, overlay->config.observer ? KITH_PEER_OBSERVER : 0, turn);
    kith_dialer_on_deadline(&overlay->dialer, turn);
    kith_spread_on_deadline(&overlay->spread, turn);
    kith_pulls_on_deadline(&overlay->pulls, turn);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t kith_overlay_deadline_us(const struct kith_overlay *overlay)
{
    uint64_t at = least(overlay->tick_at_us, overlay->own_at_us);
    at = least(at, kith_dialer_deadline_us(&overlay->dialer));
    at = least(at, kith_spread_deadline_us(&overlay->spread));
    return least(at, kith_pulls_deadline_us(&overlay->pulls));
}

/* What others may ask us for is never evicted by what we pull. */
static void keep_own(struct kith_overlay *overlay, enum kith_manifest_kind kind,
                     struct kith_object *object)
{
    struct kith_object **own = &overlay->published[kind - 1];
    object->pins++;
    if (*own) (*own)->pins--;
    *own = object;
}

int kith_overlay_publish(struct kith_overlay *overlay, enum kith_manifest_kind kind, uint64_t round,
                         uint8_t wire, struct kith_bytes bytes, const struct kith_turn *turn)
{
    struct kith_object *object = kith_objects_put(&overlay->objects, bytes, turn->now_us);
    if (!object) return KITH_ERR_FULL;
    object->kind = (uint8_t)kind;
    keep_own(overlay, kind, object);
    struct kith_manifest manifest = {
        .kind = kind,
        .author = overlay->config.keypair->hotkey,
        .round = round,
        .created_ms = later_ms(&overlay->created_ms[kind - 1], turn),
        .wire = wire,
        .length = bytes.len,
        .object = object->id,
    };
    memcpy(manifest.class_id, overlay->own.class_id, KITH_CLASS_LEN);
    uint8_t buffer[KITH_MANIFEST_MAX];
    struct kith_bytes sealed = kith_manifest_seal(
        &manifest, &overlay->config.swarm, overlay->config.keypair, overlay->config.scheme, buffer);
    kith_serve_publish(&overlay->serve, &manifest, sealed);
    return 0;
}

struct kith_bytes kith_overlay_contact(struct kith_overlay *overlay, uint8_t depth,
                                       uint32_t lifetime,
                                       uint8_t buffer[static KITH_RECORD_LEN_MAX],
                                       const struct kith_turn *turn)
{
    next_seq(overlay, turn);
    struct kith_peer_record record = overlay->own;
    record.flags = KITH_PEER_CONTACT;
    record.depth = depth;
    record.valid_from_s = (uint32_t)(turn->wall_ms / 1000);
    record.valid_until_s = record.valid_from_s + lifetime;
    return kith_record_seal(&record, &overlay->config.swarm, overlay->config.keypair,
                            overlay->config.scheme, buffer);
}
