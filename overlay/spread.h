/* overlay/spread.h: how peer records travel, at a cost that does not depend on how many nodes there
 * are. Once a tick a node sends one message to one link, the links in turn: its own record if that
 * link has not had the newest, then news, then others of its view in turn, until the message is
 * full. It names the records it wants newer ones of, because theirs end soon, and gives a
 * fingerprint of whom it knows: who knows others answers with a filter and is told (anti-entropy,
 * Demers et al. 1987). News (a hotkey never seen, a goodbye, an own record renewed) also go to a
 * few links at once. Every record sent is paid from one budget, so a crowd of newcomers delays news
 * instead of multiplying messages. Pure. */
#ifndef KITH_OVERLAY_SPREAD_H
#define KITH_OVERLAY_SPREAD_H

#include "base/turn.h"
#include "overlay/links.h"
#include "overlay/overlay_msg.h"
#include "overlay/peers.h"

enum {
    KITH_RECORDS_PER_TICK = 7, /* sent and paid for */
    KITH_RECORDS_SAVED = 24,   /* of the budget for news; more is not saved up */
    KITH_HOT_TIMES = 2,        /* news go first in so many ticks ... */
    KITH_HOT_PER_TICK = 3,     /* ... so many of them in one */
    KITH_NEWS_TIMES = 12,      /* news of peers that are not kept: every link should have them */
    KITH_NEWS_LINKS = 4,       /* that hear news at once ... */
    KITH_NEWS_WAIT_US = 100 * 1000, /* ... after so long, to collect them */
    KITH_NEWS_AGE_S = 60,           /* a record signed longer ago is no news */
    KITH_NEWS_MAX = 32,             /* news of peers that are not kept: bits of a word */
    KITH_SEEN_MAX = 1024,           /* of whom such news were seen lately */
    KITH_WANTS_PER_TICK = 8,
    KITH_WANT_AGE = 60,   /* asked for is whose record has had so many hundredths of its life */
    KITH_WANT_LOOKS = 16, /* peers looked at for that in a tick */
    KITH_FILTER_EVERY_US = 500 * 1000, /* a link's filters are answered no more often */
    KITH_GREET_ALL = 64,               /* a view up to this size is sent to a newcomer whole ... */
    KITH_GREET_SOME = 32,              /* ... else so many of it */
};

/* A record that is passed on and not kept. */
struct kith_news {
    uint8_t times; /* it is still passed on, 0: free */
    uint16_t len;
    uint8_t bytes[KITH_RECORD_LEN_MAX];
};

struct kith_spread {
    struct kith_peers *peers;
    struct kith_links *links;
    struct kith_bytes own; /* our own record, borrowed; empty: none */
    uint64_t own_seq;
    bool own_urgent;
    uint32_t budget;    /* records that may be sent */
    uint32_t next_fill; /* position in the view's order */
    uint32_t next_want;
    struct kith_news *news; /* [KITH_NEWS_MAX], NULL until there are some */
    uint32_t news_left;     /* a bit for each that is still passed on */
    uint32_t news_urgent;   /* a bit for each that waits to be passed on at once */
    uint32_t urgent_peers;  /* marked urgent since the last time */
    uint32_t next_news;
    uint64_t *seen;        /* [KITH_SEEN_MAX], by hash; NULL until there are some */
    uint64_t urgent_at_us; /* KITH_NEVER: nothing is urgent */
};

void kith_spread_init(struct kith_spread *spread, struct kith_peers *peers,
                      struct kith_links *links);
void kith_spread_release(struct kith_spread *spread);
size_t kith_spread_memory(const struct kith_spread *spread);
/* Our own record changed. The bytes stay the caller's and must outlive the spread's use of them.
 * `urgent`: it is news. */
void kith_spread_own(struct kith_spread *spread, struct kith_bytes record, uint64_t seq,
                     bool urgent, const struct kith_turn *turn);
/* A peer's record is new. `urgent`: it is news. */
void kith_spread_hot(struct kith_spread *spread, struct kith_peer *peer, bool urgent,
                     const struct kith_turn *turn);
/* Is this record, of somebody whom the view has no place for, news that was not seen yet? Nothing
 * of it was checked: before it is passed on it must be. */
bool kith_spread_is_news(const struct kith_spread *spread, struct kith_bytes record,
                         const struct kith_turn *turn);
/* Pass it on though it is not kept. */
void kith_spread_news(struct kith_spread *spread, struct kith_bytes record,
                      const struct kith_turn *turn);
/* Send records of the view, drawn at random, to a link that just came up: all to a newcomer if they
 * are few, else as many as `some`. */
void kith_spread_greet(struct kith_spread *spread, struct kith_link_slot *slot, uint32_t some,
                       const struct kith_turn *turn);
/* Answer what a PEERS message asks for: newer records of some, records of others than it knows; and
 * ask likewise if it knows others than we do. */
void kith_spread_on_peers(struct kith_spread *spread, struct kith_link_slot *slot,
                          const struct kith_msg *msg, const struct kith_turn *turn);
/* A tick comes: have the memory for that come. */
void kith_spread_expect(const struct kith_spread *spread);
/* The one message of a tick. */
void kith_spread_tick(struct kith_spread *spread, const struct kith_turn *turn);
void kith_spread_on_deadline(struct kith_spread *spread, const struct kith_turn *turn);
uint64_t kith_spread_deadline_us(const struct kith_spread *spread);

#endif
