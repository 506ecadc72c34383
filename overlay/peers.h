/* overlay/peers.h: whom this node knows: the newest valid record of each hotkey in its view,
 * whether it lives, and how to reach it. A peer lives while its own signed record is valid: others
 * only pass records on, so gossip never prolongs a life.
 *
 * The view is bounded. A full one keeps linked peers and, of the live ones, those whose hotkeys
 * have the least hashes under a key of this node's own: a sample that no flood of hotkeys can steer
 * and that is another one at every node (min-wise sampling, as in Brahms; Bortnikov et al. 2009).
 * Pure. */
#ifndef KITH_OVERLAY_PEERS_H
#define KITH_OVERLAY_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mutant.h"
#include "base/turn.h"
#include "identity/record.h"

enum {
    KITH_BAN_S = 3600,
    KITH_VERIFY_PER_S = 400, /* signatures of gossip checked a second, and the burst */
    KITH_PEER_ALIGN = 64,    /* a cache line */
};

/* What is looked at rarely. */
struct kith_peer_more {
    uint8_t record_bytes[KITH_RECORD_LEN_MAX];
    uint8_t class_id[KITH_CLASS_LEN];
    uint32_t round;
    uint64_t heard_us;       /* when its newest record came, or its link last spoke */
    uint64_t avoid_until_us; /* a pull failed: choose others */
    uint64_t head_ms[2];     /* newest manifest seen of weights and labels: created_ms */
    struct kith_addr addr[KITH_RECORD_ADDRS_MAX];
};

/* The first cache line has what the look-up of a record that came reads. */
struct kith_peer {
    _Alignas(KITH_PEER_ALIGN) struct kith_id id;
    uint64_t seq;  /* of its newest record, 0: none yet, only addresses */
    uint64_t mark; /* of that record, see kith_record_claim */
    uint32_t valid_from_s;
    uint32_t valid_until_s;
    uint16_t chain; /* slot + 1 of the next of its bucket */
    uint8_t flags;  /* enum kith_peer_flag */
    bool down;    /* it was linked, the link broke and nobody answers; until a newer record comes */
    bool told;    /* counted as live */
    bool suspect; /* its link broke */
    bool urgent;  /* its record waits to be passed on at once */
    uint8_t hot;  /* how often its record is still passed on before others; > 0: in the hot list */
    kith_link link;        /* 0: none */
    uint64_t dial_number;  /* of the dial under way, 0: none */
    uint64_t dial_next_us; /* not before */
    uint64_t score;        /* the less, the rather kept */
    uint64_t banned_until_us;
    uint32_t dial_count; /* dials since the last link */
    uint32_t down_s;     /* when it was found dead */
    uint16_t hot_next;
    uint16_t record_len;
    bool
        hidden; /* it signed a record after we had found it dead: it lives, and cannot be dialled */
    uint8_t share;
    uint8_t addr_count;
    struct kith_peer_more *more;
};

_Static_assert(sizeof(struct kith_peer) <= 2 * KITH_PEER_ALIGN, "two cache lines a peer");

struct kith_peers {
    struct kith_id self;
    struct kith_id swarm;
    const struct kith_scheme *scheme;
    uint8_t key[KITH_SHORT_KEY_LEN]; /* of the scores */
    struct kith_peer *at;            /* [room] slots, of which [0, count) are in use; the other */
                                     /* arrays lie behind it */
    struct kith_peer_more *more;     /* [room] */
    uint32_t max;
    uint32_t room; /* grows by doubling to max */
    uint32_t count;
    uint16_t *order;  /* [room]: slots sorted by id, [0, count) in use */
    uint16_t *bucket; /* [2 room, a power of two]: slot + 1 of the first of each chain */
    uint16_t hot_first, hot_last; /* slot + 1; the hot list */
    uint32_t live;                /* peers told */
    uint32_t serving;             /* of these, with something to share */
    uint32_t expiry_s;            /* no live peer's record ends before */
    uint64_t bar;                 /* worst score of those that could be forgotten, or above it */
    uint64_t bar_us;              /* when that was looked up; 0: never */
    uint64_t verify_tokens_us;    /* token bucket: the instant up to which checks are paid */
};

/* 0 or KITH_ERR_NOMEM. */
int kith_peers_init(struct kith_peers *peers, uint32_t max, const struct kith_id *self,
                    const struct kith_id *swarm, const struct kith_scheme *scheme);
void kith_peers_release(struct kith_peers *peers);
size_t kith_peers_memory(const struct kith_peers *peers);
/* Draw the key of the scores. The table must be empty. */
void kith_peers_salt(struct kith_peers *peers, struct kith_rng *rng);

/* A pointer to a peer holds until the next call of _accept or _contact. */

/* Look at a record from anywhere: full validation, cheapest first. 0 and the peer if it is new
 * knowledge; KITH_ERR_EXISTS if exactly this was known; KITH_ERR_NOT_FOUND if it is of somebody
 * whom the full view has no place for (nothing of it was checked); else why it was refused
 * (counted). A record of our own hotkey gives KITH_ERR_IN_USE and is not stored. `linked`: it comes
 * from its author, to whom there is a link: a full view makes room for it. */
int kith_peers_accept(struct kith_peers *peers, struct kith_bytes bytes, bool linked,
                      const struct kith_turn *turn, struct kith_peer **ret);
/* The same checks, for a record that will not be kept. */
int kith_peers_check(struct kith_peers *peers, struct kith_bytes bytes,
                     const struct kith_turn *turn);
/* Remember where a hotkey may be reached, without evidence that it lives. NULL if there is no room.
 */
struct kith_peer *kith_peers_contact(struct kith_peers *peers, const struct kith_id *id,
                                     const struct kith_addr *addr, uint32_t addr_count,
                                     const struct kith_turn *turn);
/* Count why a record was refused. */
void kith_peers_count_refusal(struct kith_stats *stats, int err);
struct kith_peer *kith_peers_find(struct kith_peers *peers, const struct kith_id *id);
struct kith_peer *kith_peers_find_prefix(struct kith_peers *peers, uint64_t prefix);
/* No stranger is kept but in another's place. */
bool kith_peers_are_full(const struct kith_peers *peers);
/* The i-th peer in order of hotkeys. */
static inline struct kith_peer *kith_peers_nth(const struct kith_peers *peers, uint32_t i)
{
    kith_assert(i < peers->count);
    return &peers->at[peers->order[i]];
}

/* These records will be looked up now: have the memory for that come. */
void kith_peers_expect(const struct kith_peers *peers, const struct kith_bytes *records,
                       uint32_t count);

/* A dial to this peer failed, and we have no link to it. What found a dead one before and was wrong
 * does not find it dead again: behind a NAT it lives while its record does. */
void kith_peer_found_dead(struct kith_peer *peer, const struct kith_turn *turn);
/* Something about this peer changed: does it live now? True if that is news. */
bool kith_peers_recount(struct kith_peers *peers, struct kith_peer *peer, uint64_t wall_ms);
/* Has the record of a live peer ended since the last kith_peers_expire? */
bool kith_peers_may_expire(const struct kith_peers *peers, uint64_t wall_ms);
/* Look up anew when the next record ends, after every peer was recounted. */
void kith_peers_expire(struct kith_peers *peers);
/* How many nodes the swarm has, ourselves included: counted while the view has room, then estimated
 * from the worst score kept (k-minimum values; Bar-Yossef et al. 2002). */
uint64_t kith_peers_swarm_size(struct kith_peers *peers, const struct kith_turn *turn);

/* The hot list: peers whose records are passed on before others, first in, first out. */
void kith_peers_heat(struct kith_peers *peers, struct kith_peer *peer, uint8_t times);
/* The first, one time less hot; it goes to the end if it still is. NULL: none. */
struct kith_peer *kith_peers_next_hot(struct kith_peers *peers);

/* A record that can be passed on: valid now (a goodbye too). */
static inline bool kith_peer_is_valid(const struct kith_peer *peer, uint64_t wall_ms)
{
    if (KITH_MUTANT("keep_dead")) return peer->seq != 0;
    uint64_t now_s = wall_ms / 1000;
    return peer->seq != 0 && now_s <= peer->valid_until_s &&
           now_s + KITH_RECORD_FUTURE_MAX_S >= peer->valid_from_s;
}

/* Counted in nP: valid, not leaving, not down. */
static inline bool kith_peer_is_live(const struct kith_peer *peer, uint64_t wall_ms)
{
    if (peer->down || (peer->flags & KITH_PEER_LEAVING)) return false;
    return kith_peer_is_valid(peer, wall_ms);
}

uint32_t kith_peers_live(struct kith_peers *peers, uint64_t wall_ms);
struct kith_bytes kith_peer_record_bytes(const struct kith_peer *peer);

#endif
