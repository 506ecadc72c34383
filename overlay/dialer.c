#include "overlay/dialer.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mutant.h"

void kith_dialer_init(struct kith_dialer *dialer, struct kith_peers *peers,
                      struct kith_links *links, uint32_t wanted)
{
    memset(dialer, 0, sizeof *dialer);
    dialer->peers = peers;
    dialer->links = links;
    dialer->wanted = wanted;
    dialer->next_number = 1;
    dialer->deadline_us = KITH_NEVER;
}

void kith_dialer_release(struct kith_dialer *dialer)
{
    free(dialer->bootstrap);
    memset(dialer, 0, sizeof *dialer);
}

size_t kith_dialer_memory(const struct kith_dialer *dialer)
{
    return dialer->bootstrap_count * sizeof *dialer->bootstrap;
}

static int reserve_bootstrap(struct kith_dialer *dialer, const struct kith_addr *addr,
                             uint32_t count)
{
    if (count > KITH_BOOTSTRAP_MAX) count = KITH_BOOTSTRAP_MAX;
    free(dialer->bootstrap); /* of an earlier start */
    dialer->bootstrap = NULL;
    dialer->bootstrap_count = 0;
    if (count == 0) return 0;
    dialer->bootstrap = calloc(count, sizeof *dialer->bootstrap);
    if (!dialer->bootstrap) return KITH_ERR_NOMEM;
    dialer->bootstrap_count = count;
    for (uint32_t i = 0; i < count; i++)
        dialer->bootstrap[i].addr = addr[i];
    return 0;
}

int kith_dialer_start(struct kith_dialer *dialer, const struct kith_addr *own, uint32_t own_count,
                      const struct kith_addr *bootstrap, uint32_t bootstrap_count,
                      const struct kith_turn *turn)
{
    for (uint32_t i = 0; i < own_count && i < KITH_OWN_ADDRS_MAX; i++)
        dialer->own[dialer->own_count++] = own[i];
    dialer->feeler_us = turn->now_us + KITH_FEELER_US;
    kith_dialer_hurry(dialer, turn);
    return reserve_bootstrap(dialer, bootstrap, bootstrap_count);
}

void kith_dialer_hurry(struct kith_dialer *dialer, const struct kith_turn *turn)
{
    dialer->deadline_us = turn->now_us;
}

static bool is_own(const struct kith_dialer *dialer, const struct kith_addr *addr)
{
    for (uint32_t i = 0; i < dialer->own_count; i++)
        if (kith_addr_eq(&dialer->own[i], addr)) return true;
    return false;
}

static uint64_t dial(struct kith_dialer *dialer, const struct kith_addr *addr,
                     const struct kith_id *expect, const struct kith_turn *turn)
{
    struct kith_effect effect = {
        .kind = KITH_EFFECT_DIAL,
        .dial = {.number = dialer->next_number, .addr = *addr, .expect = *expect},
    };
    if (!kith_outbox_add(turn->out, &effect)) return 0;
    dialer->under_way++;
    return dialer->next_number++;
}

static uint64_t back_off_us(uint32_t failures, const struct kith_turn *turn)
{
    uint64_t wait = KITH_DIAL_FIRST_US;
    for (uint32_t i = 1; i < failures && wait < KITH_DIAL_LAST_US; i++)
        wait *= 2;
    if (wait > KITH_DIAL_LAST_US) wait = KITH_DIAL_LAST_US;
    return wait * 3 / 4 + kith_rng_below(turn->rng, (uint32_t)(wait / 2));
}

/* The peer's addresses take turns, one a dial. NULL: none that is worth a try. */
static const struct kith_addr *choose_addr(const struct kith_dialer *dialer,
                                           const struct kith_peer *peer)
{
    for (uint32_t i = 0; i < peer->addr_count; i++) {
        const struct kith_addr *addr = &peer->more->addr[(peer->dial_count + i) % peer->addr_count];
        if (kith_addr_kind(addr) != KITH_ADDR_BAD && !is_own(dialer, addr)) return addr;
    }
    return NULL;
}

bool kith_dialer_want(struct kith_dialer *dialer, struct kith_peer *peer,
                      const struct kith_turn *turn)
{
    if (peer->link || peer->dial_number) return true;
    if (peer->banned_until_us > turn->now_us) return false;
    const struct kith_addr *addr = choose_addr(dialer, peer);
    if (!addr) return false;
    peer->dial_number = dial(dialer, addr, &peer->id, turn);
    peer->dial_count++;
    peer->dial_next_us = turn->now_us + back_off_us(peer->dial_count, turn);
    return peer->dial_number != 0;
}

static struct kith_bootstrap *bootstrap_of(struct kith_dialer *dialer, uint64_t number)
{
    for (uint32_t i = 0; i < dialer->bootstrap_count; i++)
        if (number && dialer->bootstrap[i].number == number) return &dialer->bootstrap[i];
    return NULL;
}

static struct kith_peer *peer_of(struct kith_dialer *dialer, uint64_t number)
{
    for (uint32_t i = 0; number && i < dialer->peers->count; i++) {
        struct kith_peer *peer = kith_peers_nth(dialer->peers, i);
        if (peer->dial_number == number) return peer;
    }
    return NULL;
}

void kith_dialer_on_up(struct kith_dialer *dialer, uint64_t number, kith_link link,
                       const struct kith_id *id, const struct kith_turn *turn)
{
    struct kith_bootstrap *bootstrap = bootstrap_of(dialer, number);
    struct kith_peer *dialed = peer_of(dialer, number);
    if (bootstrap || dialed) dialer->under_way--;
    if (bootstrap) {
        bootstrap->number = 0;
        bootstrap->failures = 0;
        bootstrap->link = link;
        bootstrap->peer = *id;
    }
    if (dialed) dialed->dial_number = 0;
    kith_dialer_hurry(dialer, turn);
}

void kith_dialer_on_down(struct kith_dialer *dialer, kith_link link, const struct kith_turn *turn)
{
    for (uint32_t i = 0; i < dialer->bootstrap_count; i++) {
        if (dialer->bootstrap[i].link != link) continue;
        dialer->bootstrap[i].link = 0;
        dialer->bootstrap[i].next_us = turn->now_us + back_off_us(1, turn);
    }
    kith_dialer_hurry(dialer, turn);
}

struct kith_peer *kith_dialer_on_failed(struct kith_dialer *dialer, uint64_t number, int err,
                                        const struct kith_turn *turn)
{
    struct kith_bootstrap *bootstrap = bootstrap_of(dialer, number);
    struct kith_peer *peer = peer_of(dialer, number);
    if (bootstrap || peer) dialer->under_way--;
    if (peer) peer->dial_number = 0;
    if (!bootstrap) return peer;

    bootstrap->number = 0;
    bootstrap->failures++;
    bootstrap->next_us = turn->now_us + back_off_us(bootstrap->failures, turn);
    /* Our own address among the bootstrap addresses is no news and never worth another dial. */
    if (err == KITH_ERR_SELF) bootstrap->next_us = KITH_NEVER;
    if (!bootstrap->told && err != KITH_ERR_SELF) bootstrap->failed_untold = true;
    return NULL;
}

const struct kith_addr *kith_dialer_next_silent(struct kith_dialer *dialer)
{
    for (uint32_t i = 0; i < dialer->bootstrap_count; i++) {
        struct kith_bootstrap *bootstrap = &dialer->bootstrap[i];
        if (!bootstrap->failed_untold) continue;
        bootstrap->failed_untold = false;
        bootstrap->told = true;
        return &bootstrap->addr;
    }
    return NULL;
}

static void dial_bootstrap(struct kith_dialer *dialer, const struct kith_turn *turn)
{
    static const struct kith_id anyone;
    for (uint32_t i = 0; i < dialer->bootstrap_count; i++) {
        struct kith_bootstrap *bootstrap = &dialer->bootstrap[i];
        if (bootstrap->link || bootstrap->number || turn->now_us < bootstrap->next_us) continue;
        if (kith_links_of(dialer->links, &bootstrap->peer)) continue;
        if (dialer->under_way >= KITH_DIALS_MAX) return;
        if (is_own(dialer, &bootstrap->addr)) {
            bootstrap->next_us = KITH_NEVER;
            continue;
        }
        /* Among friends a lost bootstrap is only a way to find others after a partition. */
        bool lonely = dialer->links->count == 0;
        bootstrap->next_us = turn->now_us + (lonely ? KITH_DIAL_FIRST_US : KITH_DIAL_LAST_US);
        bootstrap->number = dial(dialer, &bootstrap->addr, &anyone, turn);
    }
}

static bool may_dial(const struct kith_peer *peer, const struct kith_turn *turn)
{
    return !peer->link && !peer->dial_number && turn->now_us >= peer->dial_next_us &&
           peer->addr_count > 0;
}

/* A bootstrap address where it may be is being dialled. Two links from one end have no order that
 * both ends see alike: each may hang up the one that the other keeps. */
static bool is_at_bootstrap(const struct kith_dialer *dialer, const struct kith_peer *peer)
{
    for (uint32_t i = 0; i < dialer->bootstrap_count; i++)
        for (uint32_t a = 0; dialer->bootstrap[i].number && a < peer->addr_count; a++)
            if (kith_addr_eq(&dialer->bootstrap[i].addr, &peer->more->addr[a])) return true;
    return false;
}

/* Dial up to `room` peers that are live (or are not, as asked), from a random place on. */
static void dial_some(struct kith_dialer *dialer, bool live, uint32_t room,
                      const struct kith_turn *turn)
{
    uint32_t count = dialer->peers->count;
    if (count == 0) return;
    uint32_t start = kith_rng_below(turn->rng, count);
    for (uint32_t i = 0; i < count && room > 0; i++) {
        struct kith_peer *peer = kith_peers_nth(dialer->peers, (start + i) % count);
        if (kith_peer_is_live(peer, turn->wall_ms) != live || !may_dial(peer, turn)) continue;
        if ((peer->flags & KITH_PEER_LEAVING) || is_at_bootstrap(dialer, peer)) continue;
        if (kith_dialer_want(dialer, peer, turn)) room--;
    }
}

void kith_dialer_on_deadline(struct kith_dialer *dialer, const struct kith_turn *turn)
{
    if (turn->now_us < dialer->deadline_us) return;
    dialer->deadline_us = KITH_NEVER;
    if (KITH_MUTANT("no_redial") && dialer->next_number > 6) return;
    dial_bootstrap(dialer, turn);

    uint32_t room = dialer->under_way < KITH_DIALS_MAX ? KITH_DIALS_MAX - dialer->under_way : 0;
    uint32_t have = dialer->links->count + dialer->under_way;
    uint32_t lack = have < dialer->wanted ? dialer->wanted - have : 0;
    dial_some(dialer, true, lack < room ? lack : room, turn);

    have = dialer->links->count + dialer->under_way;
    if (dialer->links->count == 0 && have < dialer->wanted && have < KITH_DIALS_MAX)
        dial_some(dialer, false, KITH_DIALS_MAX - have, turn);
    if (turn->now_us < dialer->feeler_us) return;
    dialer->feeler_us = turn->now_us + KITH_FEELER_US;
    dial_some(dialer, false, 1, turn);
}

uint64_t kith_dialer_deadline_us(const struct kith_dialer *dialer)
{
    return dialer->deadline_us;
}
