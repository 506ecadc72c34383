/* overlay/spread.h: how peer records travel: what is new is passed on at once to a few links
 * (rumour), and what a rumour missed is found by comparing digests with one random link at a time
 * (anti-entropy; Demers et al. 1987). Pure. */
#ifndef KITH_OVERLAY_SPREAD_H
#define KITH_OVERLAY_SPREAD_H

#include "base/turn.h"
#include "overlay/links.h"
#include "overlay/overlay_msg.h"
#include "overlay/peers.h"

enum {
    KITH_RUMOUR_LINKS = 4,
    KITH_RUMOUR_WAIT_US = 100 * 1000, /* collect what is new before passing it on */
    KITH_DIGEST_EVERY_US = 5 * 1000 * 1000,
    KITH_DIGEST_ANSWER_MAX = 64, /* records sent for one digest */
};

struct kith_spread {
    struct kith_peers *peers;
    struct kith_links *links;
    struct kith_bytes own; /* our own record, borrowed; empty: none */
    uint64_t own_seq;
    bool own_hot;
    uint64_t rumour_at_us; /* KITH_NEVER: nothing is hot */
    uint64_t digest_at_us;
};

void kith_spread_init(struct kith_spread *spread, struct kith_peers *peers,
                      struct kith_links *links);
/* Our own record changed: it is passed on. The bytes stay the caller's and must outlive the
 * spread's use of them. */
void kith_spread_own(struct kith_spread *spread, struct kith_bytes record, uint64_t seq,
                     const struct kith_turn *turn);
/* A peer's record is new: pass it on. */
void kith_spread_hot(struct kith_spread *spread, struct kith_peer *peer,
                     const struct kith_turn *turn);
/* Compare notes with this link now. */
void kith_spread_digest(struct kith_spread *spread, struct kith_link_slot *slot,
                        const struct kith_turn *turn);
void kith_spread_on_digest(struct kith_spread *spread, struct kith_link_slot *slot,
                           const struct kith_msg *msg, const struct kith_turn *turn);
void kith_spread_on_want(struct kith_spread *spread, struct kith_link_slot *slot,
                         const struct kith_msg *msg, const struct kith_turn *turn);
void kith_spread_on_deadline(struct kith_spread *spread, const struct kith_turn *turn);
uint64_t kith_spread_deadline_us(const struct kith_spread *spread);

#endif
