/* overlay/peers.h: everyone this node knows of: the newest valid record of each hotkey, whether it
 * lives, and how to reach it. A peer lives while its own signed record is valid: others only pass
 * records on, so gossip never prolongs a life. The table is bounded; a full one forgets a peer
 * drawn at random among those it needs least. Pure. */
#ifndef KITH_OVERLAY_PEERS_H
#define KITH_OVERLAY_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/turn.h"
#include "identity/record.h"

enum {
    KITH_BAN_S = 3600,
    KITH_VERIFY_PER_S = 400, /* signatures of gossip checked a second, and the burst */
};

struct kith_peer {
    struct kith_id id;
    bool used;
    bool down;    /* it was linked, the link broke and nobody answers; until a newer record comes */
    bool suspect; /* its link broke */
    bool hot;     /* its record waits to be passed on */
    bool told;    /* it was live when somebody last asked what changed */
    uint16_t record_len;
    uint8_t record_bytes[KITH_RECORD_MAX];
    struct kith_peer_record record; /* seq 0: none yet, only addresses */
    uint32_t addr_count;
    struct kith_addr addr[KITH_RECORD_ADDRS_MAX];
    kith_link link;          /* 0: none */
    uint64_t dial_number;    /* of the dial under way, 0: none */
    uint32_t dial_count;     /* dials since the last link */
    uint64_t dial_next_us;   /* not before */
    uint64_t heard_us;       /* when its newest record came, or its link last spoke */
    uint64_t avoid_until_us; /* a pull failed: choose others */
    uint64_t banned_until_us;
    uint64_t head_ms[2]; /* newest manifest seen of weights and labels: created_ms */
};

struct kith_peers {
    struct kith_id self;
    struct kith_id swarm;
    const struct kith_scheme *scheme;
    struct kith_peer *at; /* slots; a peer never moves */
    uint32_t max;
    uint32_t count;
    uint16_t *order;           /* [count] slots sorted by id */
    uint64_t verify_tokens_us; /* token bucket: the instant up to which checks are paid */
};

/* 0 or KITH_ERR_NOMEM. */
int kith_peers_init(struct kith_peers *peers, uint32_t max, const struct kith_id *self,
                    const struct kith_id *swarm, const struct kith_scheme *scheme);
void kith_peers_release(struct kith_peers *peers);
size_t kith_peers_memory(const struct kith_peers *peers);

/* Look at a record from anywhere: full validation, cheapest first. 0 and the peer if it is new
 * knowledge; KITH_ERR_EXISTS if exactly this was known; else why it was refused (counted). A record
 * of our own hotkey gives KITH_ERR_IN_USE and is not stored. */
int kith_peers_accept(struct kith_peers *peers, struct kith_bytes bytes,
                      const struct kith_turn *turn, struct kith_peer **ret);
/* Remember where a hotkey may be reached, without evidence that it lives. NULL if there is no room.
 */
struct kith_peer *kith_peers_contact(struct kith_peers *peers, const struct kith_id *id,
                                     const struct kith_addr *addr, uint32_t addr_count,
                                     const struct kith_turn *turn);
/* Count why a record was refused. */
void kith_peers_count_refusal(struct kith_stats *stats, int err);
struct kith_peer *kith_peers_find(struct kith_peers *peers, const struct kith_id *id);
struct kith_peer *kith_peers_find_prefix(struct kith_peers *peers, uint64_t prefix);
/* The i-th peer in order of hotkeys. */
struct kith_peer *kith_peers_nth(struct kith_peers *peers, uint32_t i);
/* The first position in that order whose prefix is not below `prefix`. */
uint32_t kith_peers_lower(struct kith_peers *peers, uint64_t prefix);

/* A record that can be passed on: valid now (a goodbye too). */
bool kith_peer_is_valid(const struct kith_peer *peer, uint64_t wall_ms);
/* Counted in nP: valid, not leaving, not down. */
bool kith_peer_is_live(const struct kith_peer *peer, uint64_t wall_ms);
uint32_t kith_peers_live(struct kith_peers *peers, uint64_t wall_ms);

#endif
