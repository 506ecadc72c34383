/* peers, links, spread, filter, dialer: who knows whom, and what is refused. */
#include "overlay/filter.h"
#include "tests/unit/overlay_pair.h"

static struct kith_peer *seen_by(struct room *room, int i, int whom)
{
    return kith_peers_find(&room->at[i].overlay.peers, &room->at[whom].keypair.hotkey);
}

static void all_find_each_other_through_one(void)
{
    struct room *room = room_new(4, 1024);
    room_start(room);
    for (int i = 0; i < 4; i++) {
        check_int(room->at[i].stats.peers, 3);
        check_int(room->at[i].stats.links, 3);
    }
    room_free(room);
}

static void killed_peer_leaves_soon_when_its_links_break(void)
{
    struct room *room = room_new(3, 1024);
    room_start(room);
    room->at[0].dead = true;
    for (kith_link link = 1; link <= room->at[0].links; link++)
        room_cut(room, 0, link);
    struct kith_turn turn = room_turn(room, 1);
    kith_overlay_settle(&room->at[1].overlay, &turn);
    check_int(room->at[1].stats.peers, 1);
    room_free(room);
}

static void a_newcomer_is_not_introduced_to_the_dead(void)
{
    struct room *room = room_new(4, 1024);
    room->at[3].dead = true;
    room_start(room);
    room->at[0].dead = true;
    for (kith_link link = 1; link <= room->at[0].links; link++)
        room_cut(room, 0, link);
    room_pass(room, 2 * KITH_SECOND_US);
    room->at[3].dead = false;
    struct kith_turn turn = room_turn(room, 3);
    struct kith_addr own = room_addr(3), other = room_addr(1);
    kith_overlay_start(&room->at[3].overlay, &own, 1, &other, 1, nothing_stored, &turn);
    room_flush(room, 3);
    room_pass(room, 2 * KITH_SECOND_US);
    check_int(room->at[3].stats.peers, 2);
    check(!seen_by(room, 3, 0));
    room_free(room);
}

static void silent_peer_leaves_within_its_lifetime(void)
{
    /* Its links stay, nothing comes. */
    struct room *room = room_new(3, 1024);
    room_start(room);
    room->at[0].dead = true;
    room_pass(room, 46 * KITH_SECOND_US);
    check_int(room->at[1].stats.peers, 1);
    check_int(room->at[2].stats.peers, 1);
    room_free(room);
}

static void goodbye_leaves_every_list_at_once(void)
{
    struct room *room = room_new(3, 1024);
    room_start(room);
    struct kith_turn turn = room_turn(room, 0);
    kith_overlay_leave(&room->at[0].overlay, &turn);
    room_flush(room, 0);
    room_deliver(room);
    for (int i = 1; i < 3; i++) {
        turn = room_turn(room, i);
        kith_overlay_settle(&room->at[i].overlay, &turn);
        check_int(room->at[i].stats.peers, 1);
    }
    room_free(room);
}

static int accept_at(struct room *room, int i, struct kith_bytes bytes)
{
    struct kith_turn turn = room_turn(room, i);
    struct kith_peer *peer;
    return kith_peers_accept(&room->at[i].overlay.peers, bytes, false, &turn, &peer);
}

static struct kith_peer_record stranger(struct room *room, struct kith_keypair *ret_keypair)
{
    uint8_t seed[KITH_SEED_LEN] = {99};
    kith_keypair_from_seed(ret_keypair, seed);
    return (struct kith_peer_record){
        .hotkey = ret_keypair->hotkey,
        .seq = room->wall_ms,
        .valid_from_s = (uint32_t)(room->wall_ms / 1000),
        .valid_until_s = (uint32_t)(room->wall_ms / 1000) + 45,
        .version_min = 1,
        .version_max = 1,
        .model = "mlp:1",
        .addr_count = 1,
        .addr = {room_addr(9)},
    };
}

static struct kith_bytes seal(struct room *room, const struct kith_peer_record *record,
                              const struct kith_keypair *keypair,
                              uint8_t buffer[static KITH_RECORD_MAX])
{
    return kith_record_seal(record, &room->swarm, keypair, &kith_ed25519, buffer);
}

static void records_are_refused_and_counted(void)
{
    struct room *room = room_new(1, 1024);
    struct kith_keypair keypair;
    uint8_t buffer[KITH_RECORD_MAX];
    struct kith_stats *stats = &room->at[0].stats;
    struct kith_peer_record record = stranger(room, &keypair);

    record.valid_from_s -= 1000;
    record.valid_until_s = record.valid_from_s + 900;
    check_int(accept_at(room, 0, seal(room, &record, &keypair, buffer)), KITH_ERR_EXPIRED);
    check_int(stats->drop_expired, 1);

    record.valid_from_s += 1600;
    record.valid_until_s = record.valid_from_s + 900;
    check_int(accept_at(room, 0, seal(room, &record, &keypair, buffer)), KITH_ERR_FUTURE);
    check_int(stats->drop_future, 1);

    record = stranger(room, &keypair);
    struct kith_bytes good = seal(room, &record, &keypair, buffer);
    buffer[good.len - 1] ^= 1;
    check_int(accept_at(room, 0, good), KITH_ERR_SIGNATURE);
    check_int(stats->drop_signature, 1);
    buffer[good.len - 1] ^= 1;

    struct kith_id swarm = room->swarm;
    room->swarm.bytes[0] ^= 1;
    uint8_t foreign[KITH_RECORD_MAX];
    check_int(accept_at(room, 0, seal(room, &record, &keypair, foreign)), KITH_ERR_SWARM);
    check_int(stats->drop_swarm, 1);
    room->swarm = swarm;

    check_int(accept_at(room, 0, (struct kith_bytes){buffer, 100}), KITH_ERR_TRUNCATED);
    check_int(stats->drop_malformed, 1);
    check_int(room->at[0].overlay.peers.count, 0);
    check_int(accept_at(room, 0, good), 0);
    room_free(room);
}

static void sequence_decides(void)
{
    struct room *room = room_new(1, 1024);
    struct kith_keypair keypair;
    uint8_t first[KITH_RECORD_MAX], second[KITH_RECORD_MAX];
    struct kith_stats *stats = &room->at[0].stats;
    struct kith_peer_record record = stranger(room, &keypair);
    struct kith_bytes old = seal(room, &record, &keypair, first);
    check_int(accept_at(room, 0, old), 0);
    check_int(accept_at(room, 0, old), KITH_ERR_EXISTS);

    record.round = 7; /* other content under the same number */
    check_int(accept_at(room, 0, seal(room, &record, &keypair, second)), KITH_ERR_REPLAY);
    check_int(stats->equivocations, 1);

    record.seq++;
    record.flags = KITH_PEER_LEAVING;
    check_int(accept_at(room, 0, seal(room, &record, &keypair, second)), 0);
    check_int(accept_at(room, 0, old), KITH_ERR_REPLAY);
    check_int(kith_peers_live(&room->at[0].overlay.peers, room->wall_ms), 0);
    check_int(stats->drop_replayed, 2);
    room_free(room);
}

static void gossip_never_prolongs_a_life(void)
{
    struct room *room = room_new(2, 1024);
    room_start(room);
    struct kith_keypair keypair;
    uint8_t buffer[KITH_RECORD_MAX];
    struct kith_peer_record record = stranger(room, &keypair);
    record.addr_count = 0; /* nobody can find out that nobody is there */
    check_int(accept_at(room, 0, seal(room, &record, &keypair, buffer)), 0);
    struct kith_turn turn = room_turn(room, 0);
    kith_spread_hot(&room->at[0].overlay.spread,
                    kith_peers_find(&room->at[0].overlay.peers, &keypair.hotkey), true, &turn);
    room_pass(room, 10 * KITH_SECOND_US);
    check_int(room->at[1].stats.peers, 2);
    room_pass(room, 36 * KITH_SECOND_US);
    check_int(room->at[0].stats.peers, 1);
    check_int(room->at[1].stats.peers, 1);
    room_free(room);
}

static void who_is_not_where_it_says_is_not_live(void)
{
    struct room *room = room_new(2, 1024);
    room_start(room);
    struct kith_keypair keypair;
    uint8_t buffer[KITH_RECORD_MAX];
    struct kith_peer_record record = stranger(room, &keypair);
    check_int(accept_at(room, 0, seal(room, &record, &keypair, buffer)), 0);
    room_pass(room, 3 * KITH_SECOND_US);
    check_int(room->at[0].stats.peers, 1);
    record.seq++; /* it lives after all: it signs anew */
    check_int(accept_at(room, 0, seal(room, &record, &keypair, buffer)), 0);
    check_int(kith_peers_live(&room->at[0].overlay.peers, room->wall_ms), 2);
    room_free(room);
}

/* A dial to this peer, which fails. */
static void fail_dial(struct room *room, struct kith_peer *peer, int err)
{
    struct kith_turn turn = room_turn(room, 0);
    struct kith_overlay *overlay = &room->at[0].overlay;
    peer->dial_number = overlay->dialer.next_number++;
    overlay->dialer.under_way++;
    kith_overlay_on_dial_failed(overlay, peer->dial_number, err, &turn);
    kith_outbox_reset(&room->at[0].out);
}

static bool is_live_at(struct room *room, const struct kith_peer *peer)
{
    return kith_peer_is_live(peer, room->wall_ms);
}

static void who_signs_and_cannot_be_dialled_stays_live(void)
{
    struct room *room = room_new(1, 1024);
    struct kith_keypair keypair;
    uint8_t buffer[KITH_RECORD_MAX];
    struct kith_peer_record record = stranger(room, &keypair);
    check_int(accept_at(room, 0, seal(room, &record, &keypair, buffer)), 0);
    struct kith_peer *peer = kith_peers_find(&room->at[0].overlay.peers, &keypair.hotkey);
    fail_dial(room, peer, KITH_ERR_REFUSED);
    check(!is_live_at(room, peer));
    /* Signed before nobody answered: says nothing of now. */
    record.seq++;
    check_int(accept_at(room, 0, seal(room, &record, &keypair, buffer)), 0);
    fail_dial(room, peer, KITH_ERR_REFUSED);
    check(!is_live_at(room, peer));
    /* Signed afterwards: it lives behind a NAT. */
    room->wall_ms += 5000;
    record.seq++;
    record.valid_from_s += 5;
    check_int(accept_at(room, 0, seal(room, &record, &keypair, buffer)), 0);
    fail_dial(room, peer, KITH_ERR_REFUSED);
    check(is_live_at(room, peer));
    record.seq++;
    check_int(accept_at(room, 0, seal(room, &record, &keypair, buffer)), 0);
    fail_dial(room, peer, KITH_ERR_REFUSED);
    check(is_live_at(room, peer));
    /* Another life may be reachable, and so be found dead. */
    record.started_ms += 5000;
    record.seq++;
    check_int(accept_at(room, 0, seal(room, &record, &keypair, buffer)), 0);
    fail_dial(room, peer, KITH_ERR_REFUSED);
    check(!is_live_at(room, peer));
    room_free(room);
}

static void who_has_no_room_is_not_dead(void)
{
    struct room *room = room_new(1, 1024);
    struct kith_keypair keypair;
    uint8_t buffer[KITH_RECORD_MAX];
    struct kith_peer_record record = stranger(room, &keypair);
    check_int(accept_at(room, 0, seal(room, &record, &keypair, buffer)), 0);
    struct kith_peer *peer = kith_peers_find(&room->at[0].overlay.peers, &keypair.hotkey);
    peer->suspect = true; /* a link to it broke */
    fail_dial(room, peer, KITH_ERR_CLOSED);
    check(is_live_at(room, peer));
    fail_dial(room, peer, KITH_ERR_TIMEOUT);
    check(!is_live_at(room, peer));
    room_free(room);
}

/* The i-th of many strangers, sealed. */
static struct kith_bytes many(struct room *room, uint32_t i, struct kith_id *ret_hotkey,
                              uint8_t buffer[static KITH_RECORD_MAX])
{
    uint8_t seed[KITH_SEED_LEN] = {7, (uint8_t)i, (uint8_t)(i >> 8)};
    struct kith_keypair keypair;
    struct kith_peer_record record = stranger(room, &keypair);
    kith_keypair_from_seed(&keypair, seed);
    record.hotkey = keypair.hotkey;
    record.started_ms = room->wall_ms - 1000;
    *ret_hotkey = keypair.hotkey;
    return seal(room, &record, &keypair, buffer);
}

static void a_full_view_keeps_the_linked_and_the_least_scores(void)
{
    struct room *room = room_new(2, 1024);
    room_start(room);
    struct kith_peers *peers = &room->at[0].overlay.peers;
    uint64_t least_lost = UINT64_MAX, most_kept = 0;
    struct kith_id hotkey[100];
    for (uint32_t i = 0; i < 100; i++) {
        uint8_t buffer[KITH_RECORD_MAX];
        int err = accept_at(room, 0, many(room, i, &hotkey[i], buffer));
        check(err == 0 || (i >= 15 && err == KITH_ERR_NOT_FOUND));
    }
    check_int(peers->count, 16);
    check(seen_by(room, 0, 1) != NULL);
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t score = kith_hash_short(peers->key, hotkey[i].bytes, KITH_ID_LEN);
        bool kept = kith_peers_find(peers, &hotkey[i]) != NULL;
        if (kept && score > most_kept) most_kept = score;
        if (!kept && score < least_lost) least_lost = score;
    }
    check(most_kept < least_lost);
    for (uint32_t i = 1; i < 16; i++)
        check(kith_id_cmp(&kith_peers_nth(peers, i - 1)->id, &kith_peers_nth(peers, i)->id) < 0);
    /* Refused before its signature was looked at. */
    check_int(room->at[0].stats.drop_signature, 0);
    /* 102 nodes: the estimate from 15 of them is rough. */
    struct kith_turn turn = room_turn(room, 0);
    uint64_t size = kith_peers_swarm_size(peers, &turn);
    check(size > 50 && size < 200);
    room_free(room);
}

static void news_of_strangers_pass_through_a_full_view_once(void)
{
    struct room *room = room_new(2, 1024);
    struct kith_id hotkey, last = {{0}};
    uint8_t buffer[KITH_RECORD_MAX], encoded[1024];
    struct kith_bytes record = {NULL, 0};
    room_start(room);
    uint32_t i = 0;
    do {
        record = many(room, i, &last, buffer);
    } while (accept_at(room, 0, record) == 0 && ++i < 200);
    struct kith_overlay *overlay = &room->at[0].overlay;
    check(!kith_peers_find(&overlay->peers, &last)); /* its view had no place for this one */
    check(kith_peers_find(&room->at[1].overlay.peers, &last) == NULL);

    struct kith_msg msg = {.type = KITH_MSG_PEERS};
    msg.peers.count = 1;
    msg.peers.record[0] = record;
    struct kith_turn turn = room_turn(room, 0);
    kith_link link = seen_by(room, 0, 1)->link;
    for (int times = 0; times < 3; times++)
        kith_overlay_on_message(overlay, link, kith_msg_encode(&msg, encoded, sizeof encoded),
                                &turn);
    check_int(__builtin_popcount(overlay->spread.news_left), 1);
    room_pass(room, KITH_SECOND_US / 2);
    check(kith_peers_find(&room->at[1].overlay.peers, &last) != NULL);

    buffer[record.len - 1] ^= 1; /* another's forgery goes nowhere */
    record = many(room, i + 1, &hotkey, buffer);
    buffer[record.len - 1] ^= 1;
    uint64_t forged = room->at[0].stats.drop_signature;
    msg.peers.record[0] = record;
    kith_overlay_on_message(overlay, link, kith_msg_encode(&msg, encoded, sizeof encoded), &turn);
    check(__builtin_popcount(overlay->spread.news_left) <= 1);
    check(room->at[0].stats.drop_signature <= forged + 1);
    room_free(room);
}

static void records_sent_are_bounded_whatever_comes(void)
{
    /* A crowd of newcomers at one of two nodes, and nothing else for ten seconds. */
    struct room *room = room_new(2, 1024);
    room_start(room);
    uint64_t before = room->at[0].stats.bytes_out;
    for (uint32_t i = 0; i < 300; i++) {
        struct kith_id hotkey;
        uint8_t buffer[KITH_RECORD_MAX], encoded[1024];
        struct kith_msg msg = {.type = KITH_MSG_PEERS};
        msg.peers.count = 1;
        msg.peers.record[0] = many(room, i, &hotkey, buffer);
        struct kith_turn turn = room_turn(room, 0);
        kith_overlay_on_message(&room->at[0].overlay, seen_by(room, 0, 1)->link,
                                kith_msg_encode(&msg, encoded, sizeof encoded), &turn);
    }
    room_pass(room, 10 * KITH_SECOND_US);
    uint64_t records = KITH_RECORDS_SAVED + 11 * KITH_RECORDS_PER_TICK;
    check(room->at[0].stats.bytes_out - before < records * 240 + 11 * 200);
    room_free(room);
}

static void lives_grow_with_the_swarm(void)
{
    static const struct {
        uint32_t live, life_s, every_s;
    } rows[] = {{1, 45, 15}, {15, 45, 15}, {63, 45, 16}, {99, 56, 25}, {999, 562, 250}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct room *room = room_new(1, 64);
        room_start(room);
        struct kith_overlay *overlay = &room->at[0].overlay;
        struct kith_turn turn = room_turn(room, 0);
        overlay->peers.live = rows[i].live;
        overlay->own_at_us = room->now_us;
        kith_overlay_on_deadline(overlay, &turn);
        check_int(overlay->own.valid_until_s - overlay->own.valid_from_s, rows[i].life_s);
        uint64_t every_us = overlay->own_at_us - room->now_us;
        check(every_us >= rows[i].every_s * KITH_SECOND_US * 15 / 16);
        check(every_us <= rows[i].every_s * KITH_SECOND_US * 17 / 16);
        room_free(room);
    }
}

/* What one of two missed, though nothing is hot any more, the other finds out and sends. */
static void who_lacks_a_record_is_found_out(void)
{
    struct room *room = room_new(2, 1024);
    room_start(room);
    room_pass(room, 5 * KITH_SECOND_US);
    struct kith_id hotkey;
    uint8_t buffer[KITH_RECORD_MAX];
    room->at[0].overlay.spread.next_fill = UINT32_MAX;
    check_int(accept_at(room, 0, many(room, 1, &hotkey, buffer)), 0);
    kith_peers_find(&room->at[0].overlay.peers, &hotkey)->addr_count = 0; /* never dialled */
    room->at[0].overlay.spread.budget = 0;
    room_pass(room, 3 * KITH_SECOND_US);
    check(kith_peers_find(&room->at[1].overlay.peers, &hotkey) != NULL);
    room_free(room);
}

static void a_filter_knows_its_own(void)
{
    struct room *room = room_new(2, 1024);
    struct kith_turn turn = room_turn(room, 0);
    struct kith_id hotkey[40];
    uint8_t buffer[KITH_RECORD_MAX], bytes[KITH_FILTER_MAX];
    for (uint32_t i = 0; i < 40; i++)
        many(room, i, &hotkey[i], buffer);
    for (uint32_t i = 0; i < 12; i++) {
        struct kith_id id;
        check_int(accept_at(room, 0, many(room, i, &id, buffer)), 0);
        check_int(accept_at(room, 1, many(room, 11 - i, &id, buffer)), 0);
    }
    struct kith_peers *peers = &room->at[0].overlay.peers, *others = &room->at[1].overlay.peers;
    /* They differ in their own hotkeys alone. */
    uint64_t mine = kith_filter_set(peers, &turn) ^
                    kith_rng_at(0, kith_hotkey_prefix(&room->at[0].keypair.hotkey));
    uint64_t theirs = kith_filter_set(others, &turn) ^
                      kith_rng_at(0, kith_hotkey_prefix(&room->at[1].keypair.hotkey));
    check(mine == theirs);
    uint32_t wrong = 0;
    for (int times = 0; times < 100; times++) {
        struct kith_bytes filter = kith_filter_of(peers, &turn, bytes);
        check(kith_filter_has(filter, &room->at[0].keypair.hotkey));
        for (uint32_t i = 0; i < 12; i++)
            check(kith_filter_has(filter, &hotkey[i]));
        for (uint32_t i = 12; i < 40; i++)
            wrong += kith_filter_has(filter, &hotkey[i]);
    }
    check(wrong < 100 * 28 / 50);
    room_free(room);
}

static void flood_of_records_is_checked_at_a_bounded_rate(void)
{
    struct room *room = room_new(1, 1024);
    struct kith_keypair keypair;
    uint8_t buffer[KITH_RECORD_MAX];
    struct kith_peer_record record = stranger(room, &keypair);
    uint32_t refused = 0;
    for (uint32_t i = 0; i < 2 * KITH_VERIFY_PER_S; i++) {
        record.seq++;
        refused += accept_at(room, 0, seal(room, &record, &keypair, buffer)) == KITH_ERR_FULL;
    }
    check(refused >= KITH_VERIFY_PER_S - 2 && refused <= KITH_VERIFY_PER_S + 2);
    check_int(room->at[0].stats.drop_rate, refused);
    room_free(room);
}

static void a_flood_of_strangers_leaves_room_for_who_is_known(void)
{
    struct room *room = room_new(2, 1024);
    room_start(room);
    room_pass(room, 2 * KITH_SECOND_US);
    struct kith_keypair keypair;
    uint8_t buffer[KITH_RECORD_MAX];
    struct kith_peer_record record = stranger(room, &keypair);
    uint32_t checked = 0;
    for (uint32_t i = 0; i < 2 * KITH_VERIFY_PER_S; i++) {
        struct kith_bytes bytes = seal(room, &record, &keypair, buffer);
        buffer[bytes.len - 1] ^= 1;
        checked += accept_at(room, 0, bytes) == KITH_ERR_SIGNATURE;
    }
    check(checked > KITH_VERIFY_PER_S / 2 && checked < KITH_VERIFY_PER_S);
    struct kith_peer_record own;
    struct kith_bytes known = kith_peer_record_bytes(seen_by(room, 0, 1));
    check_int(kith_record_open(known, &room->swarm, &own), 0);
    own.seq++;
    check_int(accept_at(room, 0, seal(room, &own, &room->at[1].keypair, buffer)), 0);
    room_free(room);
}

static void simultaneous_dials_leave_one_link(void)
{
    struct room *room = room_new(2, 1024);
    room_start(room);
    for (int i = 0; i < 10; i++) {
        room_connect(room, i % 2, 1 - i % 2, 0);
        room_deliver(room);
        check_int(room->at[0].overlay.links.count, 1);
        check_int(room->at[1].overlay.links.count, 1);
    }
    kith_link a = seen_by(room, 0, 1)->link, b = seen_by(room, 1, 0)->link;
    check_int(room->at[0].far_link[a], b);
    room_free(room);
}

static bool lose_hello(struct room *room, int from, int to, uint8_t *bytes, size_t *len)
{
    (void)room, (void)from, (void)to, (void)len;
    return bytes[1] != KITH_MSG_HELLO;
}

static void who_never_says_hello_is_hung_up(void)
{
    struct room *room = room_new(2, 1024);
    room->filter = lose_hello;
    room_start(room);
    check_int(room->at[0].overlay.links.count, 1);
    room->at[1].dead = true; /* so that it does not come back */
    room_pass(room, 11 * KITH_SECOND_US);
    check_int(room->at[0].overlay.links.count, 0);
    check_int(room->at[0].stats.peers, 0);
    room_free(room);
}

/* An observer's link as its node's overlay sees it: up, then a HELLO with the observer's flag. */
static void observe(struct room *room, uint32_t i)
{
    uint8_t seed[KITH_SEED_LEN] = {55, (uint8_t)i}, sealed[KITH_RECORD_MAX], buffer[1024];
    struct kith_keypair keypair;
    struct kith_peer_record record = stranger(room, &keypair);
    struct kith_addr addr = room_addr(9);
    struct kith_turn turn = room_turn(room, 0);
    kith_keypair_from_seed(&keypair, seed);
    record.hotkey = keypair.hotkey;
    record.flags = KITH_PEER_OBSERVER;
    struct kith_msg msg = {.type = KITH_MSG_HELLO,
                           .hello = {.record = seal(room, &record, &keypair, sealed)}};
    kith_overlay_on_link_up(&room->at[0].overlay, 100 + i, &keypair.hotkey, &addr, false, 0, &turn);
    kith_overlay_on_message(&room->at[0].overlay, 100 + i,
                            kith_msg_encode(&msg, buffer, sizeof buffer), &turn);
}

static void observers_are_few_and_never_listed(void)
{
    struct room *room = room_new(1, 1024);
    for (uint32_t i = 0; i < KITH_OBSERVERS_MAX; i++)
        observe(room, i);
    kith_outbox_reset(&room->at[0].out);
    observe(room, KITH_OBSERVERS_MAX);
    uint32_t hung_up = 0;
    for (uint32_t i = 0; i < room->at[0].out.count; i++)
        hung_up += room->at[0].out.effects[i].kind == KITH_EFFECT_HANG_UP;
    check_int(hung_up, 1);
    check_int(room->at[0].overlay.peers.count, 0);
    room_free(room);
}

static void a_sleeper_accuses_nobody(void)
{
    struct room *room = room_new(2, 1024);
    room_start(room);
    room->now_us += 60 * KITH_SECOND_US; /* member 0 was stopped; member 1 is looked at later */
    struct kith_turn turn = room_turn(room, 0);
    kith_overlay_on_deadline(&room->at[0].overlay, &turn);
    for (uint32_t i = 0; i < room->at[0].out.count; i++)
        check(room->at[0].out.effects[i].kind != KITH_EFFECT_HANG_UP);
    room_free(room);
}

static void messages_out_of_place_are_dropped_and_counted(void)
{
    struct room *room = room_new(2, 1024);
    room_start(room);
    struct kith_stats *stats = &room->at[0].stats;
    struct kith_turn turn = room_turn(room, 0);
    kith_link link = seen_by(room, 0, 1)->link;
    static const uint8_t noise[] = {0xc1, 2, 3};
    kith_overlay_on_message(&room->at[0].overlay, link, (struct kith_bytes){noise, 3}, &turn);
    check_int(stats->drop_malformed, 1);
    struct kith_msg msg = {
        .type = KITH_MSG_HELLO,
        .hello = {.record = {room->at[1].overlay.own_bytes, room->at[1].overlay.own_len}}};
    uint8_t buffer[1024];
    struct kith_bytes bytes = kith_msg_encode(&msg, buffer, sizeof buffer);
    kith_overlay_on_message(&room->at[0].overlay, link, bytes, &turn);
    check_int(stats->drop_unexpected, 1);
    room_free(room);
}

static void book_survives_and_rubbish_is_ignored(void)
{
    struct room *room = room_new(3, 1024);
    room_start(room);
    static uint8_t book[KITH_BOOK_LEN_MAX];
    size_t len = kith_overlay_book(&room->at[2].overlay, book, sizeof book);
    check(len > 64);
    struct room *next = room_new(3, 1024);
    struct kith_turn turn = room_turn(next, 2);
    kith_overlay_restore_book(&next->at[2].overlay, (struct kith_bytes){book, len}, &turn);
    check_int(next->at[2].overlay.peers.count, 2);
    check_int(kith_peers_live(&next->at[2].overlay.peers, next->wall_ms), 0);
    for (size_t cut = 0; cut < len; cut++) {
        struct room *other = room_new(1, 64);
        turn = room_turn(other, 0);
        kith_overlay_restore_book(&other->at[0].overlay, (struct kith_bytes){book, cut}, &turn);
        check(other->at[0].overlay.peers.count <= 1);
        room_free(other);
    }
    room_free(next);
    room_free(room);
}

/* Two links from one end might each be hung up by one of the ends. */
static void a_bootstrap_in_the_book_is_dialled_once(void)
{
    struct room *room = room_new(2, 1024);
    room_start(room);
    static uint8_t book[KITH_BOOK_LEN_MAX];
    size_t len = kith_overlay_book(&room->at[1].overlay, book, sizeof book);
    struct room *next = room_new(2, 1024);
    struct room_member *member = &next->at[1];
    struct kith_turn turn = room_turn(next, 1);
    struct kith_addr first = room_addr(0), own = room_addr(1);
    struct kith_bytes stored[KITH_STORE_KEYS] = {[KITH_STORE_PEERS] = {book, len}};
    kith_overlay_start(&member->overlay, &own, 1, &first, 1, stored, &turn);
    check_int(member->overlay.peers.count, 1);
    kith_overlay_on_deadline(&member->overlay, &turn);
    uint32_t dials = 0;
    for (uint32_t i = 0; i < member->out.count; i++)
        dials += member->out.effects[i].kind == KITH_EFFECT_DIAL;
    check_int(dials, 1);
    /* If nobody answers there, the peer gets its own dial. */
    next->at[0].dead = true;
    room_flush(next, 1);
    next->at[0].dead = false;
    turn = room_turn(next, 0);
    kith_overlay_start(&next->at[0].overlay, &first, 1, NULL, 0, nothing_stored, &turn);
    room_pass(next, 2 * KITH_SECOND_US);
    check_int(member->overlay.links.count, 1);
    room_free(next);
    room_free(room);
}

static void a_book_names_nobody_without_an_address(void)
{
    static const uint8_t book[8 + KITH_ID_LEN + 1] = "KTBOOK1\0somebody";
    struct room *room = room_new(1, 64);
    struct kith_turn turn = room_turn(room, 0);
    kith_overlay_restore_book(&room->at[0].overlay, (struct kith_bytes){book, sizeof book}, &turn);
    check_int(room->at[0].overlay.peers.count, 0);
    room_free(room);
}

int main(void)
{
    run(all_find_each_other_through_one);
    run(killed_peer_leaves_soon_when_its_links_break);
    run(a_newcomer_is_not_introduced_to_the_dead);
    run(silent_peer_leaves_within_its_lifetime);
    run(goodbye_leaves_every_list_at_once);
    run(records_are_refused_and_counted);
    run(sequence_decides);
    run(gossip_never_prolongs_a_life);
    run(who_is_not_where_it_says_is_not_live);
    run(who_signs_and_cannot_be_dialled_stays_live);
    run(who_has_no_room_is_not_dead);
    run(a_full_view_keeps_the_linked_and_the_least_scores);
    run(news_of_strangers_pass_through_a_full_view_once);
    run(records_sent_are_bounded_whatever_comes);
    run(lives_grow_with_the_swarm);
    run(who_lacks_a_record_is_found_out);
    run(a_filter_knows_its_own);
    run(flood_of_records_is_checked_at_a_bounded_rate);
    run(a_flood_of_strangers_leaves_room_for_who_is_known);
    run(simultaneous_dials_leave_one_link);
    run(who_never_says_hello_is_hung_up);
    run(observers_are_few_and_never_listed);
    run(a_sleeper_accuses_nobody);
    run(messages_out_of_place_are_dropped_and_counted);
    run(book_survives_and_rubbish_is_ignored);
    run(a_bootstrap_in_the_book_is_dialled_once);
    run(a_book_names_nobody_without_an_address);
    return test_end();
}
