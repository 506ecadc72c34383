/* host/net_guard.h: how many connections strangers may open in a short time: token buckets for all
 * together, for each address and for each network of its kind (/24, /48). The clock is an argument.
 */
#ifndef KITH_HOST_NET_GUARD_H
#define KITH_HOST_NET_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

enum { KITH_NET_GUARD_SOURCES = 256 };

struct kith_net_bucket {
    struct kith_addr source; /* port 0 */
    uint64_t filled_ms;
    uint64_t tokens_milli; /* 1,000 for each connection */
};

struct kith_net_guard {
    uint32_t per_s;    /* in all; bursts of twice as many */
    uint32_t per_ip_s; /* of one address; a network may have four times as many */
    struct kith_net_bucket all;
    struct kith_net_bucket ip[KITH_NET_GUARD_SOURCES];
    struct kith_net_bucket prefix[KITH_NET_GUARD_SOURCES];
};

void kith_net_guard_init(struct kith_net_guard *guard, uint32_t per_s, uint32_t per_ip_s);
/* True, and counted, if one more connection from `addr` may be taken now. Loopback always may: it
 * is this machine, which may hold a whole swarm. */
bool kith_net_guard_take(struct kith_net_guard *guard, const struct kith_addr *addr,
                         uint64_t now_ms);
/* The network an address is in: its first 24 or 48 bits; all of loopback is one. */
struct kith_addr kith_net_guard_prefix(const struct kith_addr *addr);

#endif
