/* partial: a download that was interrupted goes on after a restart from what was stored, and only
 * what verifies counts. */
#include "tests/unit/overlay_pair.h"

enum { CHUNKS = 6, LEN = (CHUNKS - 1) * KITH_CHUNK_LEN + 70000, FETCHER = 1, HOLDER = 2 };

static uint8_t content[LEN];
static int blocks_left;

/* What the fetcher has on disk. */
static struct disk {
    uint8_t *at[KITH_STORE_KEYS];
    struct kith_bytes view[KITH_STORE_KEYS];
    uint64_t written;
    bool full;
} disk;

static void disk_clear(void)
{
    for (int key = 0; key < KITH_STORE_KEYS; key++)
        free(disk.at[key]);
    memset(&disk, 0, sizeof disk);
}

static int disk_put(enum kith_store_key key, struct kith_bytes bytes)
{
    if (disk.full) return KITH_ERR_IO;
    free(disk.at[key]);
    disk.at[key] = malloc(bytes.len);
    memcpy(disk.at[key], bytes.at, bytes.len);
    disk.view[key] = (struct kith_bytes){disk.at[key], bytes.len};
    disk.written += bytes.len;
    return 0;
}

static struct kith_partials *partials_of(struct room *room)
{
    return &room->at[FETCHER].overlay.partials;
}

/* Let the fetcher store what it wants to store. */
static void save(struct room *room)
{
    struct kith_partials *partials = partials_of(room);
    for (int i = 0; i < 100 && !kith_partials_is_idle(partials); i++) {
        struct kith_turn turn = room_turn(room, FETCHER);
        kith_partials_advance(partials, &turn);
        uint32_t count = turn.out->count, stores = 0;
        int err[16];
        for (uint32_t k = 0; k < count; k++) {
            const struct kith_effect *effect = &turn.out->effects[k];
            if (effect->kind == KITH_EFFECT_STORE && stores < 16)
                err[stores++] = disk_put(effect->store.key, effect->store.bytes);
        }
        room_flush(room, FETCHER);
        for (uint32_t k = 0; k < stores; k++)
            kith_partials_on_stored(partials, err[k], &turn);
    }
}

/* The fetcher's process is gone, and another one starts. */
static void restart(struct room *room)
{
    struct room_member *member = &room->at[FETCHER];
    struct kith_overlay_config config = member->overlay.config;
    member->dead = true;
    for (kith_link link = 1; link <= member->links; link++)
        if (member->far[link] >= 0) room_cut(room, FETCHER, link);
    kith_overlay_release(&member->overlay);
    memset(&member->stats, 0, sizeof member->stats);
    kith_outbox_reset(&member->out);
    kith_overlay_init(&member->overlay, &config);
    member->overlay.own.version_min = member->overlay.own.version_max = 1;
    member->overlay.own.share = 3;
    member->dead = false;
    struct kith_turn turn = room_turn(room, FETCHER);
    struct kith_addr own = room_addr(FETCHER), other = room_addr(HOLDER);
    kith_overlay_start(&member->overlay, &own, 1, &other, 1, disk.view, &turn);
    room_flush(room, FETCHER);
    room_pass(room, 2 * KITH_SECOND_US);
}

static bool stop_after(struct room *room, int from, int to, uint8_t *bytes, size_t *len)
{
    (void)room, (void)from, (void)len;
    if (to != FETCHER || bytes[1] != KITH_MSG_BLOCK) return true;
    return blocks_left-- > 0;
}

static const struct kith_pull_terms terms = {.kind = KITH_MANIFEST_WEIGHTS, .length_max = LEN};

static struct kith_pull *ended_at(struct room *room, int who)
{
    return kith_pulls_next_ended(&room->at[who].overlay.pulls);
}

static bool pull(struct room *room, int who)
{
    struct kith_turn turn = room_turn(room, who);
    struct kith_overlay *overlay = &room->at[who].overlay;
    struct kith_peer *peer = kith_peers_find(&overlay->peers, &room->at[0].keypair.hotkey);
    bool begun = peer && kith_pulls_start(&overlay->pulls, peer, &terms, &turn);
    room_flush(room, who);
    room_deliver(room);
    return begun;
}

/* The holder has the object; the fetcher has so many whole chunks of it and a block, every source
 * is silent from then on, the fetcher stores what it has, and the author is gone. */
static struct room *room_interrupted(int chunks)
{
    disk_clear();
    for (size_t i = 0; i < LEN; i++)
        content[i] = (uint8_t)(i * 7 + i / 1000);
    struct room *room = room_new(3, LEN);
    room_start(room);
    struct kith_turn turn = room_turn(room, 0);
    kith_overlay_publish(&room->at[0].overlay, KITH_MANIFEST_WEIGHTS, 1, 0,
                         (struct kith_bytes){content, LEN}, &turn);
    pull(room, HOLDER);
    kith_pulls_free(ended_at(room, HOLDER));
    room->filter = stop_after;
    blocks_left = 1 + chunks * KITH_BLOCKS_PER_CHUNK + 1; /* the index first */
    pull(room, FETCHER);
    room_pass(room, 30 * KITH_SECOND_US);
    if (ended_at(room, FETCHER)) kith_pulls_free(ended_at(room, FETCHER));
    save(room);
    room->at[0].dead = true;
    room->filter = NULL;
    return room;
}

/* Fetch the rest: 0, and how many bytes that took. */
static int fetch_rest(struct room *room, uint64_t *ret_bytes)
{
    struct kith_turn turn = room_turn(room, FETCHER);
    kith_pulls_resume(&room->at[FETCHER].overlay.pulls, &terms, &turn);
    room_flush(room, FETCHER);
    room_deliver(room);
    if (!ended_at(room, FETCHER)) room_pass(room, 2 * KITH_PULL_STALL_US);
    struct kith_pull *ended = ended_at(room, FETCHER);
    *ret_bytes = room->at[FETCHER].stats.bulk_bytes_in;
    if (!ended) return KITH_ERR_NOT_FOUND;
    int err = ended->err;
    if (!err && memcmp(ended->object->bytes, content, LEN) != 0) err = KITH_ERR_HASH;
    kith_pulls_free(ended);
    return err;
}

static uint64_t missing_after(int chunks)
{
    return LEN - (uint64_t)chunks * KITH_CHUNK_LEN;
}

static void a_restart_fetches_only_what_is_missing_from_another(void)
{
    for (int chunks = 1; chunks < CHUNKS; chunks++) {
        struct room *room = room_interrupted(chunks);
        check_int(disk.written / KITH_CHUNK_LEN, chunks); /* each chunk once */
        restart(room);
        uint64_t bytes;
        check_int(fetch_rest(room, &bytes), 0);
        check_int(bytes, missing_after(chunks));
        room_free(room);
    }
}

static void the_same_life_goes_on_from_what_it_has(void)
{
    struct room *room = room_interrupted(3);
    uint64_t before = room->at[FETCHER].stats.bulk_bytes_in, bytes;
    check_int(fetch_rest(room, &bytes), 0);
    check_int(bytes - before, missing_after(3));
    room_free(room);
}

static void a_flipped_bit_on_the_disk_is_found_and_fetched_anew(void)
{
    for (int chunk = 0; chunk < 4; chunk++) {
        struct room *room = room_interrupted(4);
        disk.at[KITH_STORE_CHUNK + chunk][(size_t)chunk * 70000] ^= 4;
        restart(room);
        const struct kith_object *object = partials_of(room)->at[0].object;
        check(object && !object->have[chunk]); /* so nobody gets it from here */
        check_int(object->chunks_have, 3);
        uint64_t bytes;
        check_int(fetch_rest(room, &bytes), 0);
        check_int(bytes, missing_after(3));
        room_free(room);
    }
}

static void a_damaged_head_restores_nothing(void)
{
    struct room *room = room_interrupted(4);
    size_t len = disk.view[KITH_STORE_PART].len;
    uint8_t *head = disk.at[KITH_STORE_PART];
    for (size_t i = 0; i < len; i += 17) {
        if (i >= 8 && i < 16) continue; /* when it began, which is only looked at */
        head[i] ^= 1;
        disk.view[KITH_STORE_PART].len = i % 2 ? len : i;
        restart(room);
        check(!partials_of(room)->at[0].object);
        head[i] ^= 1;
    }
    disk.view[KITH_STORE_PART].len = len;
    restart(room);
    check(partials_of(room)->at[0].object != NULL);
    room_free(room);
}

static void old_ones_are_forgotten(void)
{
    struct room *room = room_interrupted(4);
    room->wall_ms += KITH_PARTIAL_AGE_MS + 1000;
    restart(room);
    check(!partials_of(room)->at[0].object);
    room_free(room);
}

static void what_nobody_has_any_more_is_given_up(void)
{
    struct room *room = room_interrupted(4);
    uint64_t bytes;
    for (uint32_t i = 0; i < room->at[HOLDER].overlay.objects.count; i++)
        room->at[HOLDER].overlay.objects.at[i].used = false;
    restart(room);
    for (int i = 0; i < KITH_PARTIAL_TRIES + 1; i++)
        check(fetch_rest(room, &bytes) != 0);
    check(!partials_of(room)->at[0].object);
    for (uint32_t i = 0; i < room->at[FETCHER].overlay.objects.count; i++)
        check_int(room->at[FETCHER].overlay.objects.at[i].pins, 0);
    save(room);
    restart(room);
    check(!partials_of(room)->at[0].object); /* on the disk neither */
    room_free(room);
}

static void what_is_whole_is_not_fetched_again(void)
{
    struct room *room = room_interrupted(4);
    uint64_t bytes;
    restart(room);
    check_int(fetch_rest(room, &bytes), 0);
    save(room);
    restart(room);
    check(!partials_of(room)->at[0].object);
    check(fetch_rest(room, &bytes) != 0);
    check_int(bytes, 0);
    room_free(room);
}

static void a_full_disk_only_makes_it_forgetful(void)
{
    disk_clear();
    struct room *room = room_interrupted(2);
    disk_clear();
    disk.full = true;
    struct kith_turn turn = room_turn(room, FETCHER);
    kith_partials_on_stored(partials_of(room), KITH_ERR_IO, &turn);
    save(room);
    check(kith_partials_is_idle(partials_of(room)));
    disk.full = false;
    room_pass(room, KITH_PARTIAL_REST_US);
    turn = room_turn(room, FETCHER);
    kith_partials_advance(partials_of(room), &turn); /* which begins again */
    for (uint32_t k = 0; k < turn.out->count; k++)
        if (turn.out->effects[k].kind == KITH_EFFECT_STORE)
            check_int(disk_put(turn.out->effects[k].store.key, turn.out->effects[k].store.bytes),
                      0);
    kith_outbox_reset(turn.out);
    kith_partials_on_stored(partials_of(room), 0, &turn);
    save(room);
    restart(room);
    uint64_t bytes;
    check_int(fetch_rest(room, &bytes), 0);
    check_int(bytes, missing_after(2));
    room_free(room);
}

int main(void)
{
    run(a_restart_fetches_only_what_is_missing_from_another);
    run(the_same_life_goes_on_from_what_it_has);
    run(a_flipped_bit_on_the_disk_is_found_and_fetched_anew);
    run(a_damaged_head_restores_nothing);
    run(old_ones_are_forgotten);
    run(what_nobody_has_any_more_is_given_up);
    run(what_is_whole_is_not_fetched_again);
    run(a_full_disk_only_makes_it_forgetful);
    disk_clear();
    return test_end();
}
