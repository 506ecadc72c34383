/* host/dht_helper_join.h: when the helper pings whom and looks what up on its own account. Nodes
 * that start together through one seed leave the DHT split, and a healed partition stays split; a
 * few lookups at the start and pings to known addresses, for ever, cure both. Pure but for its
 * state. */
#ifndef KITH_HOST_DHT_HELPER_JOIN_H
#define KITH_HOST_DHT_HELPER_JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "host/dht_wire.h"

enum {
    KITH_DHT_JOIN_PEERS_MAX = 64,  /* pinged addresses remembered; a new one replaces the oldest */
    KITH_DHT_JOIN_ROUND = 8,       /* addresses of one round of pings */
    KITH_DHT_JOIN_LOOKUPS_MAX = 9, /* the own id and 4 random keys, 30 s later 4 more */
};

struct kith_dht_join {
    struct kith_addr addrs[KITH_DHT_WIRE_SEEDS_MAX + KITH_DHT_JOIN_PEERS_MAX];
    uint32_t seed_count; /* the first of `addrs`, never forgotten */
    uint32_t peer_count; /* behind them */
    uint32_t peer_next;  /* the peer to be replaced next when full */
    uint32_t turn;       /* address with which the next round of pings starts */
    uint64_t started_ms;
    uint64_t ping_ms;    /* next round */
    uint64_t lookups_ms; /* from when on lookups are timed */
    uint32_t lookups;    /* made since then */
    bool is_joined;      /* some ping was answered */
    uint64_t answer_ms;  /* when the last one was */
};

void kith_dht_join_init(struct kith_dht_join *join, const struct kith_addr *seeds,
                        uint32_t seed_count, uint64_t now_ms);
/* Remember a peer; true if it was not known, so that it is pinged at once. */
bool kith_dht_join_add(struct kith_dht_join *join, const struct kith_addr *addr);
/* Pings were answered: the first time, the lookups begin anew. */
void kith_dht_join_on_answer(struct kith_dht_join *join, uint64_t now_ms);
/* Whether nobody answered of late. OpenDHT holds operations back until somebody has replied to it;
 * nodes that only talk to it do not count. So a lonely helper pings whoever talks to it. */
bool kith_dht_join_is_lonely(const struct kith_dht_join *join, uint64_t now_ms);
/* Addresses to ping now; how many. */
uint32_t kith_dht_join_pings(struct kith_dht_join *join, uint64_t now_ms,
                             struct kith_addr ret[static KITH_DHT_JOIN_ROUND]);
/* Whether a lookup is due: of the own id's neighbour (`*ret_own`), or of a random key. Call until
 * false. */
bool kith_dht_join_lookup(struct kith_dht_join *join, uint64_t now_ms, bool *ret_own);
/* When to ask again. */
uint64_t kith_dht_join_deadline_ms(const struct kith_dht_join *join);

#endif
