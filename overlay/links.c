#include "overlay/links.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "overlay/overlay_msg.h"

enum { ROOM_FIRST = 8 };

int kith_links_init(struct kith_links *links, uint32_t max, const struct kith_id *self)
{
    memset(links, 0, sizeof *links);
    links->self = *self;
    links->max = max;
    return 0;
}

void kith_links_release(struct kith_links *links)
{
    free(links->at);
    free(links->number);
    memset(links, 0, sizeof *links);
}

size_t kith_links_memory(const struct kith_links *links)
{
    return links->room * (sizeof *links->at + sizeof *links->number);
}

struct kith_link_slot *kith_links_find(struct kith_links *links, kith_link link)
{
    for (uint32_t i = 0; i < links->top; i++)
        if (links->number[i] == link) return &links->at[i];
    return NULL;
}

/* NULL: no room, or no memory for more. */
static struct kith_link_slot *slot_room(struct kith_links *links)
{
    struct kith_link_slot *slot = kith_links_find(links, 0);
    if (slot) return slot;
    if (links->top == links->room) {
        uint32_t room = links->room ? 2 * links->room : ROOM_FIRST;
        if (room > links->max) room = links->max;
        if (room == links->room) return NULL;
        void *at = realloc(links->at, room * sizeof *links->at);
        if (!at) return NULL;
        links->at = at;
        void *number = realloc(links->number, room * sizeof *links->number);
        if (!number) return NULL;
        links->number = number;
        links->room = room;
    }
    return &links->at[links->top++];
}

struct kith_link_slot *kith_links_of(struct kith_links *links, const struct kith_id *peer)
{
    for (uint32_t i = 0; i < links->top; i++)
        if (links->at[i].link && kith_id_eq(&links->at[i].peer, peer)) return &links->at[i];
    return NULL;
}

/* Which of two links to one peer stays: see the header. */
static bool newer_wins(const struct kith_links *links, const struct kith_link_slot *old,
                       const struct kith_id *peer, bool dialed)
{
    if (old->dialed == dialed) return true;
    bool we_are_smaller = kith_id_cmp(&links->self, peer) < 0;
    return dialed == we_are_smaller;
}

struct kith_link_slot *kith_links_up(struct kith_links *links, kith_link link,
                                     const struct kith_id *peer, const struct kith_addr *addr,
                                     bool dialed, const struct kith_turn *turn, kith_link *ret_lost)
{
    *ret_lost = 0;
    struct kith_link_slot *slot = kith_links_of(links, peer);
    if (slot && !newer_wins(links, slot, peer, dialed)) {
        kith_outbox_hang_up(turn->out, link, KITH_HANG_UP_DUPLICATE);
        return NULL;
    }
    if (slot) {
        *ret_lost = slot->link;
        kith_outbox_hang_up(turn->out, slot->link, KITH_HANG_UP_DUPLICATE);
        links->count--;
    } else {
        slot = slot_room(links);
    }
    if (!slot) {
        kith_outbox_hang_up(turn->out, link, KITH_HANG_UP_DONE);
        return NULL;
    }
    *slot = (struct kith_link_slot){
        .link = link,
        .peer = *peer,
        .addr = *addr,
        .dialed = dialed,
        .up_us = turn->now_us,
        .heard_us = turn->now_us,
        .used_us = turn->now_us,
    };
    links->number[slot - links->at] = link;
    links->count++;
    links->watch_us = 0;
    links->clocks_differ = true;
    return slot;
}

void kith_links_down(struct kith_links *links, kith_link link)
{
    struct kith_link_slot *slot = link ? kith_links_find(links, link) : NULL;
    if (!slot) return;
    memset(slot, 0, sizeof *slot);
    links->number[slot - links->at] = 0;
    links->count--;
    links->clocks_differ = true;
    while (links->top > 0 && links->at[links->top - 1].link == 0)
        links->top--;
}

void kith_links_ping(struct kith_links *links, struct kith_link_slot *slot,
                     const struct kith_turn *turn)
{
    struct kith_msg msg = {.type = KITH_MSG_PING, .ping = {.number = kith_rng_u64(turn->rng)}};
    uint8_t buffer[32];
    kith_outbox_send(turn->out, slot->link, kith_msg_encode(&msg, buffer, sizeof buffer));
    slot->pinged_us = turn->now_us;
    links->watch_us = 0;
}

/* When a link that stays as it is must be looked at again. */
static uint64_t watch_us_of(const struct kith_link_slot *slot)
{
    if (!slot->hello) return slot->up_us + KITH_HELLO_US;
    return slot->pinged_us ? 0 : slot->heard_us + KITH_QUIET_US;
}

void kith_links_watch(struct kith_links *links, uint64_t lag_us, const struct kith_turn *turn)
{
    if (lag_us == 0 && turn->now_us < links->watch_us) return;
    uint64_t next_us = KITH_NEVER;
    for (uint32_t i = 0; i < links->top; i++) {
        struct kith_link_slot *slot = &links->at[i];
        if (!slot->link) continue;
        slot->heard_us += lag_us;
        if (slot->heard_us > turn->now_us) slot->heard_us = turn->now_us;
        if (slot->pinged_us) slot->pinged_us += lag_us;
        if (!slot->hello) slot->up_us += lag_us;
        if (slot->pinged_us && slot->heard_us >= slot->pinged_us) slot->pinged_us = 0;
        if (!slot->hello && turn->now_us >= slot->up_us + KITH_HELLO_US)
            kith_outbox_hang_up(turn->out, slot->link, KITH_HANG_UP_PROTOCOL);
        else if (slot->pinged_us && turn->now_us >= slot->pinged_us + KITH_SILENT_US)
            kith_outbox_hang_up(turn->out, slot->link, KITH_HANG_UP_SILENT);
        else if (!slot->pinged_us && turn->now_us >= slot->heard_us + KITH_QUIET_US)
            kith_links_ping(links, slot, turn);
        uint64_t watch_us = watch_us_of(slot);
        if (watch_us < next_us) next_us = watch_us;
    }
    links->watch_us = next_us;
}

void kith_links_trim(struct kith_links *links, uint32_t keep, const struct kith_turn *turn)
{
    uint32_t count = links->count;
    uint64_t bound = 0; /* links used before this instant have been hung up */
    while (count > keep) {
        struct kith_link_slot *oldest = NULL;
        for (uint32_t i = 0; i < links->top; i++) {
            struct kith_link_slot *slot = &links->at[i];
            if (!slot->link || slot->used_us < bound) continue;
            if (!oldest || slot->used_us < oldest->used_us) oldest = slot;
        }
        if (!oldest) return;
        bound = oldest->used_us + 1;
        kith_outbox_hang_up(turn->out, oldest->link, KITH_HANG_UP_DONE);
        count--;
    }
}

uint32_t kith_links_observers(const struct kith_links *links)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < links->top; i++)
        count += links->at[i].link && links->at[i].observer;
    return count;
}

bool kith_links_pay(struct kith_link_slot *slot, const struct kith_turn *turn)
{
    const uint64_t price_us = KITH_SECOND_US / KITH_REQUESTS_PER_S;
    uint64_t oldest = turn->now_us > KITH_SECOND_US ? turn->now_us - KITH_SECOND_US : 0;
    if (slot->paid_us < oldest) slot->paid_us = oldest;
    if (slot->paid_us > turn->now_us) {
        turn->stats->drop_rate++;
        return false;
    }
    slot->paid_us += price_us;
    return true;
}

static bool is_usable(const struct kith_link_slot *slot)
{
    return slot->link && slot->hello && !slot->observer;
}

struct kith_link_slot *kith_links_next(struct kith_links *links)
{
    for (uint32_t i = 0; i < links->top; i++) {
        links->turn = links->turn + 1 < links->top ? links->turn + 1 : 0;
        if (is_usable(&links->at[links->turn])) return &links->at[links->turn];
    }
    return NULL;
}

uint32_t kith_links_draw(struct kith_links *links, uint32_t max, struct kith_link_slot **ret,
                         const struct kith_turn *turn)
{
    uint32_t seen = 0; /* reservoir sampling: each usable link equally likely */
    for (uint32_t i = 0; i < links->top; i++) {
        struct kith_link_slot *slot = &links->at[i];
        if (!is_usable(slot)) continue;
        uint32_t place = seen < max ? seen : kith_rng_below(turn->rng, seen + 1);
        if (place < max) ret[place] = slot;
        seen++;
    }
    return seen < max ? seen : max;
}
