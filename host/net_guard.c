#include "host/net_guard.h"

#include <string.h>

enum { MILLI = 1000, PREFIX_FACTOR = 4, BURST_FACTOR = 2 };

void kith_net_guard_init(struct kith_net_guard *guard, uint32_t per_s, uint32_t per_ip_s)
{
    memset(guard, 0, sizeof *guard);
    guard->per_s = per_s;
    guard->per_ip_s = per_ip_s;
    guard->all.tokens_milli = (uint64_t)per_s * BURST_FACTOR * MILLI;
}

struct kith_addr kith_net_guard_prefix(const struct kith_addr *addr)
{
    struct kith_addr prefix = {.family = addr->family};
    size_t len = addr->family == 4 ? 3 : 6;
    if (kith_addr_kind(addr) == KITH_ADDR_LOOPBACK) len = addr->family == 4 ? 1 : 16;
    memcpy(prefix.ip, addr->ip, len);
    return prefix;
}

static void bucket_fill(struct kith_net_bucket *bucket, uint32_t per_s, uint64_t now_ms)
{
    uint64_t full = (uint64_t)per_s * BURST_FACTOR * MILLI;
    uint64_t elapsed_ms = now_ms - bucket->filled_ms;
    uint64_t full_after_ms = BURST_FACTOR * MILLI;
    uint64_t tokens =
        elapsed_ms >= full_after_ms ? full : bucket->tokens_milli + elapsed_ms * per_s;
    bucket->tokens_milli = tokens < full ? tokens : full;
    bucket->filled_ms = now_ms;
}

/* The bucket of a source, filled up to now. A new source takes the place of the one that has been
 * quiet for longest, and starts full. */
static struct kith_net_bucket *bucket_of(struct kith_net_bucket *table,
                                         const struct kith_addr *source, uint32_t per_s,
                                         uint64_t now_ms)
{
    struct kith_net_bucket *oldest = &table[0];
    for (uint32_t i = 0; i < KITH_NET_GUARD_SOURCES; i++) {
        if (kith_addr_eq(&table[i].source, source)) {
            bucket_fill(&table[i], per_s, now_ms);
            return &table[i];
        }
        if (table[i].filled_ms < oldest->filled_ms) oldest = &table[i];
    }
    *oldest = (struct kith_net_bucket){*source, now_ms, (uint64_t)per_s * BURST_FACTOR * MILLI};
    return oldest;
}

bool kith_net_guard_take(struct kith_net_guard *guard, const struct kith_addr *addr,
                         uint64_t now_ms)
{
    if (kith_addr_kind(addr) == KITH_ADDR_LOOPBACK) return true;
    struct kith_addr source = *addr, network = kith_net_guard_prefix(addr);
    source.port = 0;
    struct kith_net_bucket *ip = bucket_of(guard->ip, &source, guard->per_ip_s, now_ms);
    struct kith_net_bucket *prefix =
        bucket_of(guard->prefix, &network, guard->per_ip_s * PREFIX_FACTOR, now_ms);
    bucket_fill(&guard->all, guard->per_s, now_ms);
    if (ip->tokens_milli < MILLI) return false;
    if (prefix->tokens_milli < MILLI) return false;
    if (guard->all.tokens_milli < MILLI) return false;
    ip->tokens_milli -= MILLI;
    prefix->tokens_milli -= MILLI;
    guard->all.tokens_milli -= MILLI;
    return true;
}
