/* overlay/links.h: the links of this node: one kept for each peer, watched by pings. Pure. */
#ifndef KITH_OVERLAY_LINKS_H
#define KITH_OVERLAY_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/turn.h"

enum {
    KITH_QUIET_US = 15 * 1000 * 1000,  /* nothing heard for so long: ping */
    KITH_SILENT_US = 10 * 1000 * 1000, /* a ping unanswered for so long: hang up */
    KITH_OBSERVERS_MAX = 8,            /* links of observers at once */
    KITH_HELLO_US = 10 * 1000 * 1000,  /* a link whose HELLO has not come by then is hung up */
    KITH_REQUESTS_PER_S = 2000, /* control messages served a second and link, and the burst */
};

struct kith_link_slot {
    kith_link link; /* 0: free */
    struct kith_id peer;
    struct kith_addr addr; /* the far end's, as seen here */
    bool dialed;           /* by us */
    bool hello;            /* its HELLO came: it may be used */
    bool observer;
    uint64_t own_seq; /* of our own record that went there last */
    uint64_t up_us;
    uint64_t heard_us;
    uint64_t used_us;   /* last time we wanted something of it */
    uint64_t pinged_us; /* 0: no ping unanswered */
    uint64_t paid_us;   /* token bucket of requests */
    int64_t clock_ms;   /* its wall clock = our monotonic one + this, */
    uint64_t clock_us;  /* as it was told then; 0: not told */
    uint64_t filled_us; /* last time that a filter of it was answered */
};

struct kith_links {
    struct kith_id self;
    struct kith_link_slot *at; /* [room], of which [0, top) may be in use */
    kith_link *number;         /* [room], those of the slots: to be searched */
    uint32_t max;
    uint32_t room; /* grows by doubling to max */
    uint32_t top;
    uint32_t count;
    uint32_t turn;      /* whose turn it is in kith_links_next */
    bool clocks_differ; /* from those that were last compared */
    uint64_t watch_us;  /* nothing of a link is due before */
};

/* A pointer to a slot holds until the next kith_links_up. */

int kith_links_init(struct kith_links *links, uint32_t max, const struct kith_id *self);
void kith_links_release(struct kith_links *links);
size_t kith_links_memory(const struct kith_links *links);

struct kith_link_slot *kith_links_find(struct kith_links *links, kith_link link);
/* The link to a peer, NULL if none. */
struct kith_link_slot *kith_links_of(struct kith_links *links, const struct kith_id *peer);

/* A link came up. The slot it got; NULL if it was hung up because a better one to the same peer
 * exists or there is no room. Of two links the one that the smaller hotkey dialled is kept, so that
 * both ends keep the same one; of two dialled by the same side the newer. If an older link lost,
 * *ret_lost is its number (hung up here), else 0. */
struct kith_link_slot *kith_links_up(struct kith_links *links, kith_link link,
                                     const struct kith_id *peer, const struct kith_addr *addr,
                                     bool dialed, const struct kith_turn *turn,
                                     kith_link *ret_lost);
void kith_links_down(struct kith_links *links, kith_link link);

/* Ping what is quiet, hang up what is silent. `lag_us`: by how much this node itself was late, so
 * that a node that slept does not accuse everybody. */
void kith_links_watch(struct kith_links *links, uint64_t lag_us, const struct kith_turn *turn);
/* Ask for a sign of life, and the time. */
void kith_links_ping(struct kith_links *links, struct kith_link_slot *slot,
                     const struct kith_turn *turn);
/* Hang up the least recently used links until at most `keep` are left. */
void kith_links_trim(struct kith_links *links, uint32_t keep, const struct kith_turn *turn);
/* How many links observers have. */
uint32_t kith_links_observers(const struct kith_links *links);
/* May this link be served one more request now? Counted as over its rate if not. */
bool kith_links_pay(struct kith_link_slot *slot, const struct kith_turn *turn);
/* The next usable link (HELLO seen, no observer); they take turns. NULL: none. */
struct kith_link_slot *kith_links_next(struct kith_links *links);
/* Up to `max` different usable links (HELLO seen, no observer), drawn at random. */
uint32_t kith_links_draw(struct kith_links *links, uint32_t max, struct kith_link_slot **ret,
                         const struct kith_turn *turn);

#endif
