/* tests/unit/overlay_pair.h: a few overlays in one room: messages arrive at once and in order,
 * dials succeed at once, time moves when a test says so. A test may look at or change a message on
 * its way. */
#ifndef KITH_TESTS_UNIT_OVERLAY_PAIR_H
#define KITH_TESTS_UNIT_OVERLAY_PAIR_H

#include "base/err.h"
#include "overlay/overlay.h"
#include "tests/test.h"

enum { ROOM_MAX = 4, ROOM_QUEUE = 4096, ROOM_PORT = 9000 };

static const struct kith_bytes nothing_stored[KITH_STORE_KEYS];

struct room;
/* Return false to lose the message. `bytes` may be changed in place. */
typedef bool (*room_filter)(struct room *room, int from, int to, uint8_t *bytes, size_t *len);

struct room_letter {
    int from, to;
    kith_link link; /* the receiver's number */
    uint8_t *bytes;
    size_t len;
};

struct room_member {
    struct kith_keypair keypair;
    struct kith_overlay overlay;
    struct kith_rng rng;
    struct kith_outbox out;
    struct kith_stats stats;
    int far[256]; /* far[link]: member at the other end, -1: closed */
    kith_link far_link[256];
    kith_link links;
    bool dead; /* does nothing, refuses dials */
};

struct room {
    int count;
    uint64_t now_us, wall_ms;
    struct kith_id swarm;
    struct room_member at[ROOM_MAX];
    struct room_letter queue[ROOM_QUEUE];
    int head, tail;
    room_filter filter;
};

static struct kith_turn room_turn(struct room *room, int i)
{
    struct room_member *member = &room->at[i];
    return (struct kith_turn){.now_us = room->now_us,
                              .wall_ms = room->wall_ms,
                              .rng = &member->rng,
                              .out = &member->out,
                              .stats = &member->stats};
}

static struct kith_addr room_addr(int i)
{
    return (struct kith_addr){.family = 4, .ip = {127, 0, 0, 1}, .port = (uint16_t)(ROOM_PORT + i)};
}

static void room_flush(struct room *room, int i);

static void room_connect(struct room *room, int from, int to, uint64_t number)
{
    struct room_member *a = &room->at[from], *b = &room->at[to];
    struct kith_turn turn;
    kith_link at_a = ++a->links, at_b = ++b->links;
    a->far[at_a] = to;
    a->far_link[at_a] = at_b;
    b->far[at_b] = from;
    b->far_link[at_b] = at_a;
    struct kith_addr addr_a = room_addr(from), addr_b = room_addr(to);
    turn = room_turn(room, from);
    kith_overlay_on_link_up(&a->overlay, at_a, &b->keypair.hotkey, &addr_b, true, number, &turn);
    turn = room_turn(room, to);
    kith_overlay_on_link_up(&b->overlay, at_b, &a->keypair.hotkey, &addr_a, false, 0, &turn);
    room_flush(room, from);
    room_flush(room, to);
}

static void room_cut(struct room *room, int i, kith_link link)
{
    struct room_member *member = &room->at[i];
    int other = member->far[link];
    if (other < 0) return;
    kith_link far = member->far_link[link];
    member->far[link] = room->at[other].far[far] = -1;
    struct kith_turn turn = room_turn(room, i);
    kith_overlay_on_link_down(&member->overlay, link, &turn);
    turn = room_turn(room, other);
    kith_overlay_on_link_down(&room->at[other].overlay, far, &turn);
    room_flush(room, i);
    room_flush(room, other);
}

static void room_post(struct room *room, int from, const struct kith_effect *effect)
{
    struct room_member *member = &room->at[from];
    kith_link link = effect->send.link;
    if (member->far[link] < 0) return;
    size_t len = effect->send.head.len + effect->send.body.len;
    kith_overlay_count_sent(&member->overlay, effect->send.head, len, &member->stats);
    struct room_letter *letter = &room->queue[room->tail++ % ROOM_QUEUE];
    *letter = (struct room_letter){
        .from = from, .to = member->far[link], .link = member->far_link[link], .len = len};
    letter->bytes = malloc(len + 1);
    memcpy(letter->bytes, effect->send.head.at, effect->send.head.len);
    if (effect->send.body.len)
        memcpy(letter->bytes + effect->send.head.len, effect->send.body.at, effect->send.body.len);
}

static void room_dial(struct room *room, int from, const struct kith_effect *effect)
{
    int to = effect->dial.addr.port - ROOM_PORT;
    if (to >= 0 && to < room->count && !room->at[to].dead) {
        room_connect(room, from, to, effect->dial.number);
        return;
    }
    struct kith_turn turn = room_turn(room, from);
    kith_overlay_on_dial_failed(&room->at[from].overlay, effect->dial.number, KITH_ERR_REFUSED,
                                &turn);
    room_flush(room, from);
}

/* Apply a member's effects. */
static void room_flush(struct room *room, int i)
{
    struct kith_outbox *out = &room->at[i].out;
    if (room->at[i].dead) {
        kith_outbox_reset(out);
        return;
    }
    struct kith_effect effects[256];
    uint32_t count = out->count < 256 ? out->count : 256;
    memcpy(effects, out->effects, count * sizeof *effects);
    for (uint32_t k = 0; k < count; k++)
        if (effects[k].kind == KITH_EFFECT_SEND) room_post(room, i, &effects[k]);
    kith_outbox_reset(out);
    for (uint32_t k = 0; k < count; k++) {
        if (effects[k].kind == KITH_EFFECT_DIAL) room_dial(room, i, &effects[k]);
        if (effects[k].kind == KITH_EFFECT_HANG_UP) room_cut(room, i, effects[k].hang_up.link);
    }
}

/* Deliver all that is on its way, and what that causes. */
static void room_deliver(struct room *room)
{
    while (room->head != room->tail) {
        struct room_letter letter = room->queue[room->head++ % ROOM_QUEUE];
        struct room_member *member = &room->at[letter.to];
        bool open = member->far[letter.link] >= 0 && !member->dead;
        bool keep =
            !room->filter || room->filter(room, letter.from, letter.to, letter.bytes, &letter.len);
        if (open && keep) {
            struct kith_turn turn = room_turn(room, letter.to);
            kith_overlay_on_message(&member->overlay, letter.link,
                                    (struct kith_bytes){letter.bytes, letter.len}, &turn);
            room_flush(room, letter.to);
        }
        free(letter.bytes);
    }
}

/* Let `us` of time pass in steps of at most 100 ms. */
static void room_pass(struct room *room, uint64_t us)
{
    uint64_t end = room->now_us + us;
    while (room->now_us < end) {
        uint64_t step = end - room->now_us < 100000 ? end - room->now_us : 100000;
        room->now_us += step;
        room->wall_ms += step / 1000;
        for (int i = 0; i < room->count; i++) {
            struct kith_turn turn = room_turn(room, i);
            kith_overlay_on_deadline(&room->at[i].overlay, &turn);
            kith_overlay_settle(&room->at[i].overlay, &turn);
            room_flush(room, i);
            room_deliver(room);
        }
    }
}

static struct room *room_new(int count, uint64_t object_len)
{
    struct room *room = calloc(1, sizeof *room);
    room->count = count;
    room->now_us = 10 * KITH_SECOND_US;
    room->wall_ms = UINT64_C(1700000000000);
    room->swarm.bytes[0] = 42;
    for (int i = 0; i < count; i++) {
        struct room_member *member = &room->at[i];
        uint8_t seed[KITH_SEED_LEN] = {(uint8_t)(i + 1)};
        kith_keypair_from_seed(&member->keypair, seed);
        kith_rng_init(&member->rng, seed);
        kith_outbox_init(&member->out, 256, 1 << 20);
        memset(member->far, 0xff, sizeof member->far);
        struct kith_overlay_config config = {
            .keypair = &member->keypair,
            .scheme = &kith_ed25519,
            .swarm = room->swarm,
            .active = true,
            .peers_max = 16,
            .links_max = 16,
            .links_wanted = 8,
            .big_objects = 4,
            .big_len = object_len,
            .small_objects = 1,
            .small_len = 16,
        };
        kith_overlay_init(&member->overlay, &config);
        member->overlay.own.version_min = member->overlay.own.version_max = 1;
        member->overlay.own.share = 3;
        strcpy(member->overlay.own.model, "mlp:1");
    }
    return room;
}

/* Everybody starts; all but the first bootstrap to the first. */
static void room_start(struct room *room)
{
    struct kith_addr first = room_addr(0);
    for (int i = 0; i < room->count; i++) {
        struct kith_turn turn = room_turn(room, i);
        struct kith_addr own = room_addr(i);
        kith_overlay_start(&room->at[i].overlay, &own, 1, &first, i > 0, nothing_stored, &turn);
        room_flush(room, i);
    }
    room_pass(room, 2 * KITH_SECOND_US);
}

static void room_free(struct room *room)
{
    while (room->head != room->tail)
        free(room->queue[room->head++ % ROOM_QUEUE].bytes);
    for (int i = 0; i < room->count; i++) {
        kith_overlay_release(&room->at[i].overlay);
        kith_outbox_release(&room->at[i].out);
    }
    free(room);
}

#endif
