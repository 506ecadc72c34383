/* pull, serve: snapshots travel whole or not at all, and liars are found. */
#include "tests/unit/overlay_pair.h"

enum { LEN = 3 * KITH_CHUNK_LEN + 777 };
static uint8_t content[LEN];

static void fill(void)
{
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)(i * 7 + i / 1000);
}

static struct room *room_with_author(int count, size_t len)
{
    fill();
    struct room *room = room_new(count, LEN);
    room_start(room);
    struct kith_turn turn = room_turn(room, 0);
    kith_overlay_publish(&room->at[0].overlay, KITH_MANIFEST_WEIGHTS, 1, 0,
                         (struct kith_bytes){content, len}, &turn);
    return room;
}

static struct kith_pull_terms terms_for(uint64_t len)
{
    return (struct kith_pull_terms){.kind = KITH_MANIFEST_WEIGHTS, .length_max = len};
}

static bool pull_from(struct room *room, int who, int author, const struct kith_pull_terms *terms)
{
    struct kith_turn turn = room_turn(room, who);
    struct kith_peer *peer =
        kith_peers_find(&room->at[who].overlay.peers, &room->at[author].keypair.hotkey);
    bool begun = kith_pulls_start(&room->at[who].overlay.pulls, peer, terms, &turn);
    room_flush(room, who);
    return begun;
}

static struct kith_pull *ended_at(struct room *room, int who)
{
    return kith_pulls_next_ended(&room->at[who].overlay.pulls);
}

static void pull_brings_the_bytes(void)
{
    static const size_t lens[] = {1, KITH_BLOCK_MAX, KITH_CHUNK_LEN, KITH_CHUNK_LEN + 1, LEN};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        struct room *room = room_with_author(2, lens[i]);
        struct kith_pull_terms terms = terms_for(LEN);
        check(pull_from(room, 1, 0, &terms));
        room_deliver(room);
        struct kith_pull *pull = ended_at(room, 1);
        check(pull && pull->err == 0);
        check_int(pull->object->len, lens[i]);
        check(memcmp(pull->object->bytes, content, lens[i]) == 0);
        kith_pulls_free(pull);
        check_int(room->at[1].overlay.objects.at[0].pins, 0);
        room_free(room);
    }
}

static void nothing_published_is_no_fault(void)
{
    struct room *room = room_new(2, LEN);
    room_start(room);
    struct kith_pull_terms terms = terms_for(LEN);
    check(pull_from(room, 1, 0, &terms));
    room_deliver(room);
    check_int(ended_at(room, 1)->err, KITH_ERR_NOT_FOUND);
    const struct kith_peer *author =
        kith_peers_find(&room->at[1].overlay.peers, &room->at[0].keypair.hotkey);
    check_int(author->more->avoid_until_us, 0);
    room_free(room);
}

static int pull_error(struct room *room, const struct kith_pull_terms *terms)
{
    if (!pull_from(room, 1, 0, terms)) return 1;
    room_deliver(room);
    struct kith_pull *pull = ended_at(room, 1);
    int err = pull ? pull->err : 2;
    if (pull) kith_pulls_free(pull);
    return err;
}

static void manifests_that_do_not_fit_are_refused_before_any_fetch(void)
{
    struct room *room = room_with_author(2, 1000);
    struct kith_pull_terms terms = terms_for(999);
    check_int(pull_error(room, &terms), KITH_ERR_RANGE);
    terms = terms_for(LEN);
    terms.length_of_wire[0] = 1001;
    check_int(pull_error(room, &terms), KITH_ERR_SHAPE);
    terms = terms_for(LEN);
    terms.class_id[0] = 1;
    check_int(pull_error(room, &terms), KITH_ERR_SHAPE);
    check_int(room->at[1].stats.drop_shape, 3);
    check_int(room->at[1].stats.bulk_bytes_in, 0);
    terms = terms_for(LEN);
    check_int(pull_error(room, &terms), 0);
    room_free(room);
}

static int flip_at; /* which byte of a HEAD is flipped */

static bool flip_head(struct room *room, int from, int to, uint8_t *bytes, size_t *len)
{
    (void)room, (void)from, (void)to;
    if (*len > 2 && bytes[1] == KITH_MSG_HEAD) bytes[(size_t)flip_at % *len] ^= 0x10;
    return true;
}

static void no_flipped_manifest_is_believed(void)
{
    struct room *room = room_with_author(2, 1000);
    struct kith_pull_terms terms = terms_for(LEN);
    room->filter = flip_head;
    for (flip_at = 2; flip_at < 250; flip_at += 3) {
        struct kith_turn turn = room_turn(room, 1);
        if (!pull_from(room, 1, 0, &terms)) return;
        room_deliver(room);
        struct kith_pull *pull = ended_at(room, 1);
        check(!pull || pull->err != 0);
        if (pull) kith_pulls_free(pull);
        kith_pulls_cancel(&room->at[1].overlay.pulls, KITH_ERR_CLOSED, &turn);
        if (ended_at(room, 1)) kith_pulls_free(ended_at(room, 1));
        kith_peers_find(&room->at[1].overlay.peers, &room->at[0].keypair.hotkey)
            ->more->avoid_until_us = 0;
    }
    check_int(room->at[1].stats.bulk_bytes_in, 0);
    room_free(room);
}

static void older_manifest_is_a_replay(void)
{
    struct room *room = room_with_author(2, 1000);
    struct kith_pull_terms terms = terms_for(LEN);
    check_int(pull_error(room, &terms), 0);
    kith_peers_find(&room->at[1].overlay.peers, &room->at[0].keypair.hotkey)->more->head_ms[0]++;
    check_int(pull_error(room, &terms), KITH_ERR_REPLAY);
    check_int(room->at[1].stats.drop_replayed, 1);
    room_free(room);
}

/* Member 0 changes one byte of what it sends of the second chunk. */
static bool spoil_chunk(struct room *room, int from, int to, uint8_t *bytes, size_t *len)
{
    (void)room, (void)to;
    if (from == 0 && bytes[1] == KITH_MSG_BLOCK && bytes[2 + 34 + 1] == KITH_BLOCKS_PER_CHUNK)
        bytes[*len - 1] ^= 1;
    return true;
}

static void bad_chunk_bans_its_sender_and_comes_from_another(void)
{
    struct room *room = room_with_author(3, LEN);
    struct kith_pull_terms terms = terms_for(LEN);
    /* Member 2 holds the object already and publishes its author's manifest. */
    check(pull_from(room, 2, 0, &terms));
    room_deliver(room);
    check_int(ended_at(room, 2)->err, 0);

    room->filter = spoil_chunk;
    check(pull_from(room, 1, 0, &terms));
    room_deliver(room);
    struct kith_pull *pull = ended_at(room, 1);
    check(pull && pull->err == 0);
    check(memcmp(pull->object->bytes, content, LEN) == 0);
    check_int(room->at[1].stats.drop_content, 1);
    struct kith_peers *peers = &room->at[1].overlay.peers;
    check(kith_peers_find(peers, &room->at[0].keypair.hotkey)->banned_until_us > 0);
    check_int(kith_peers_find(peers, &room->at[2].keypair.hotkey)->banned_until_us, 0);
    room_free(room);
}

static bool spoil_index(struct room *room, int from, int to, uint8_t *bytes, size_t *len)
{
    (void)room, (void)to;
    if (from == 0 && bytes[1] == KITH_MSG_BLOCK && bytes[2 + 34] == KITH_PIECE_INDEX)
        bytes[*len - 1] ^= 1;
    return true;
}

static void wrong_index_bans_its_sender(void)
{
    struct room *room = room_with_author(2, LEN);
    struct kith_pull_terms terms = terms_for(LEN);
    room->filter = spoil_index;
    check_int(pull_error(room, &terms), KITH_ERR_HASH);
    struct kith_peers *peers = &room->at[1].overlay.peers;
    check(kith_peers_find(peers, &room->at[0].keypair.hotkey)->banned_until_us > 0);
    check_int(room->at[1].stats.drop_content, 1);
    room_free(room);
}

static int blocks_let_through;

static bool stop_after(struct room *room, int from, int to, uint8_t *bytes, size_t *len)
{
    (void)room, (void)to, (void)len;
    if (from != 0 || bytes[1] != KITH_MSG_BLOCK) return true;
    return blocks_let_through-- > 0;
}

static void silent_source_is_replaced_and_whole_chunks_are_kept(void)
{
    struct room *room = room_with_author(3, LEN);
    struct kith_pull_terms terms = terms_for(LEN);
    check(pull_from(room, 2, 0, &terms));
    room_deliver(room);
    kith_pulls_free(ended_at(room, 2));

    blocks_let_through = 1 + 2 * KITH_BLOCKS_PER_CHUNK + 1; /* index, two chunks, one block */
    room->filter = stop_after;
    check(pull_from(room, 1, 0, &terms));
    room_deliver(room);
    check(!ended_at(room, 1));
    room_pass(room, 6 * KITH_SECOND_US);
    struct kith_pull *pull = ended_at(room, 1);
    check(pull && pull->err == 0);
    check(memcmp(pull->object->bytes, content, LEN) == 0);
    /* Nothing but the unfinished chunk came twice. */
    check(room->at[1].stats.bulk_bytes_in <= LEN + 4 * KITH_ID_LEN + KITH_BLOCK_MAX);
    room_free(room);
}

static void unasked_block_is_dropped_and_counted(void)
{
    struct room *room = room_with_author(2, 1000);
    struct kith_turn turn = room_turn(room, 1);
    struct kith_msg msg = {.type = KITH_MSG_BLOCK,
                           .piece = {.piece = KITH_PIECE_BLOCK, .data = {content, 10}}};
    uint8_t buffer[256];
    struct kith_bytes head = kith_msg_encode_block_head(&msg, buffer, sizeof buffer);
    memcpy(buffer + head.len, content, 10);
    kith_link link = kith_links_of(&room->at[1].overlay.links, &room->at[0].keypair.hotkey)->link;
    kith_overlay_on_message(&room->at[1].overlay, link, (struct kith_bytes){buffer, head.len + 10},
                            &turn);
    check_int(room->at[1].stats.drop_unexpected, 1);
    room_free(room);
}

static void author_that_never_answers_is_left_out(void)
{
    struct room *room = room_with_author(2, 1000);
    struct kith_pull_terms terms = terms_for(LEN);
    blocks_let_through = 0;
    room->filter = stop_after;
    check(pull_from(room, 1, 0, &terms));
    room_deliver(room);
    room_pass(room, 7 * KITH_SECOND_US);
    struct kith_pull *pull = ended_at(room, 1);
    check(pull && pull->err == KITH_ERR_TIMEOUT);
    const struct kith_peer *author =
        kith_peers_find(&room->at[1].overlay.peers, &room->at[0].keypair.hotkey);
    check(author->more->avoid_until_us > room->now_us);
    room_free(room);
}

/* Both ends count the same bytes for the same purpose, and nothing is of two. */
static void bytes_are_counted_by_purpose(void)
{
    for (int kind = KITH_MANIFEST_WEIGHTS; kind <= KITH_MANIFEST_LABELS; kind++) {
        struct room *room = room_with_author(2, LEN);
        struct kith_turn turn = room_turn(room, 0);
        struct kith_bytes bytes = {content, kind == KITH_MANIFEST_LABELS ? 10 : LEN};
        kith_overlay_publish(&room->at[0].overlay, (enum kith_manifest_kind)kind, 2, 0, bytes,
                             &turn);
        struct kith_stats before = room->at[0].stats;
        const struct kith_stats *author = &room->at[0].stats, *puller = &room->at[1].stats;
        check(before.gossip_bytes_out > 0 && before.gossip_bytes_out == before.bytes_out);
        struct kith_pull_terms terms = terms_for(LEN);
        terms.kind = (enum kith_manifest_kind)kind;
        check(pull_from(room, 1, 0, &terms));
        room_deliver(room);
        check_int(ended_at(room, 1)->err, 0);
        bool is_weights = kind == KITH_MANIFEST_WEIGHTS;
        check_int(author->weights_bytes_out - before.weights_bytes_out,
                  is_weights ? author->bytes_out - before.bytes_out : 0);
        check_int(author->labels_bytes_out, is_weights ? 0 : author->bytes_out - before.bytes_out);
        check(author->bytes_out - before.bytes_out > bytes.len);
        check_int(puller->weights_bytes_in, author->weights_bytes_out);
        check_int(puller->labels_bytes_in, author->labels_bytes_out);
        check_int(puller->weights_bytes_out, author->weights_bytes_in);
        check_int(puller->labels_bytes_out, author->labels_bytes_in);
        check_int(puller->gossip_bytes_in, author->gossip_bytes_out);
        check_int(puller->bytes_in,
                  puller->gossip_bytes_in + puller->weights_bytes_in + puller->labels_bytes_in);
        room_free(room);
    }
}

int main(void)
{
    run(pull_brings_the_bytes);
    run(nothing_published_is_no_fault);
    run(manifests_that_do_not_fit_are_refused_before_any_fetch);
    run(no_flipped_manifest_is_believed);
    run(older_manifest_is_a_replay);
    run(bad_chunk_bans_its_sender_and_comes_from_another);
    run(wrong_index_bans_its_sender);
    run(silent_source_is_replaced_and_whole_chunks_are_kept);
    run(unasked_block_is_dropped_and_counted);
    run(author_that_never_answers_is_left_out);
    run(bytes_are_counted_by_purpose);
    return test_end();
}
