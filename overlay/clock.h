/* overlay/clock.h: what time it is. Records are valid for less than a minute, so a node whose clock
 * is wrong lists nobody and nobody lists it. Peers tell their own clocks in HELLO and PONG; if most
 * of at least three agree that ours is wrong, their time is used, carried on by the monotonic
 * clock. A minority that lies moves nothing, for the median lies among the others. What a node
 * tells is its own clock, never a corrected one, or a swarm could drift away by itself. Pure. */
#ifndef KITH_OVERLAY_CLOCK_H
#define KITH_OVERLAY_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/turn.h"
#include "overlay/links.h"

enum {
    KITH_CLOCK_PEERS_MIN = 3,
    KITH_CLOCK_OFF_MS = 10 * 1000,        /* further from the peers' median: the own is wrong */
    KITH_CLOCK_NEAR_MS = 5 * 1000,        /* so near to it: right again; and what agreement means */
    KITH_CLOCK_FAR_MS = 7 * 86400 * 1000, /* further off than that nobody is believed */
    KITH_CLOCK_ASK_US = 60 * 1000 * 1000, /* a peer's time is asked for again after so long */
    KITH_CLOCK_HOLD_US = 5 * 1000 * 1000, /* after the own clock jumped the peers are asked first */
    KITH_CLOCK_DOUBT_US = 5 * 1000 * 1000, /* doubts are said if they last so long */
    KITH_CLOCK_HINTS_MAX = 16,             /* addresses taken from untimely records each second */
};

enum kith_clock_news {
    KITH_CLOCK_SAME,
    KITH_CLOCK_OFF,   /* from now on the peers' time is used */
    KITH_CLOCK_RIGHT, /* from now on the own is used again */
    KITH_CLOCK_DOUBT, /* peers say another time, but too few or too far off to go by */
};

struct kith_clock {
    bool began;
    bool off;               /* the peers' time is used */
    bool doubted;           /* the peers heard last say another time than the own clock */
    bool told;              /* a doubt was said and has not ended */
    bool ask;               /* the own clock jumped: what peers told before is no use */
    int64_t own_base_ms;    /* own wall clock = monotonic + this */
    int64_t base_ms;        /* the time used, likewise, while off or held */
    uint64_t hold_until_us; /* until then go on as before the jump */
    uint64_t doubt_us;      /* since when there is doubt */
    int64_t ahead_ms;       /* the own clock is ahead of the peers' by this, when last compared */
    uint32_t peers;         /* of so many, */
    uint32_t near;          /* of whom so many agree with their median */
    int64_t median_ms;
    uint64_t ask_us; /* nobody is asked before */
    uint32_t hints;  /* still allowed in this second */
};

void kith_clock_init(struct kith_clock *clock);
/* The time to use now, from what the own clocks say. With every event, before anything else. */
uint64_t kith_clock_now_ms(struct kith_clock *clock, uint64_t now_us, uint64_t own_wall_ms);
/* What to tell others: the own wall clock. */
uint64_t kith_clock_own_ms(const struct kith_clock *clock, const struct kith_turn *turn);
/* The far end's wall clock says this. */
void kith_clock_hear(struct kith_links *links, struct kith_link_slot *slot, uint64_t wall_ms,
                     const struct kith_turn *turn);
/* Ask those not heard for a while, compare, decide. Once a second. */
enum kith_clock_news kith_clock_tick(struct kith_clock *clock, struct kith_links *links,
                                     const struct kith_turn *turn);
/* May a record whose times do not fit be taken as a hint where to dial? Only while our own clock
 * may be the reason: there is no peer to compare it with, or it differs and too few are linked. */
bool kith_clock_takes_hint(struct kith_clock *clock, const struct kith_links *links);

#endif
