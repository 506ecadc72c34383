#include "host/dht_helper_join.h"

#include <string.h>

#include "base/assert.h"

enum {
    LOOKUP_FIRST_MS = 500,
    LOOKUP_PERIOD_MS = 500,
    LOOKUP_AGAIN = 5, /* lookups before the pause */
    LOOKUP_PAUSE_MS = 30 * 1000,
    YOUNG_MS = 2 * 60 * 1000,
    PING_SEARCHING_MS = 1000, /* while no ping was answered, at first ... */
    SEARCHING_MS = 20 * 1000,
    PING_LONELY_MS = 5 * 1000, /* ... and later */
    PING_YOUNG_MS = 15 * 1000,
    PING_OLD_MS = 60 * 1000,
    LONELY_MS = 2 * PING_OLD_MS, /* two rounds without an answer */
};

void kith_dht_join_init(struct kith_dht_join *join, const struct kith_addr *seeds,
                        uint32_t seed_count, uint64_t now_ms)
{
    kith_assert(seed_count <= KITH_DHT_WIRE_SEEDS_MAX);
    *join = (struct kith_dht_join){.started_ms = now_ms, .ping_ms = now_ms, .lookups_ms = now_ms};
    if (seed_count > 0) memcpy(join->addrs, seeds, seed_count * sizeof *seeds);
    join->seed_count = seed_count;
}

static uint32_t known(const struct kith_dht_join *join)
{
    return join->seed_count + join->peer_count;
}

bool kith_dht_join_add(struct kith_dht_join *join, const struct kith_addr *addr)
{
    for (uint32_t i = 0; i < known(join); i++)
        if (kith_addr_eq(&join->addrs[i], addr)) return false;
    uint32_t slot = join->peer_next;
    join->addrs[join->seed_count + slot] = *addr;
    join->peer_next = (slot + 1) % KITH_DHT_JOIN_PEERS_MAX;
    if (slot >= join->peer_count) join->peer_count = slot + 1;
    return true;
}

void kith_dht_join_on_answer(struct kith_dht_join *join, uint64_t now_ms)
{
    join->answer_ms = now_ms;
    if (join->is_joined) return;
    join->is_joined = true;
    join->lookups = 0;
    join->lookups_ms = now_ms;
}

bool kith_dht_join_is_lonely(const struct kith_dht_join *join, uint64_t now_ms)
{
    return !join->is_joined || now_ms - join->answer_ms > LONELY_MS;
}

static uint64_t ping_period_ms(const struct kith_dht_join *join, uint64_t now_ms)
{
    uint64_t age_ms = now_ms - join->started_ms;
    if (!join->is_joined && age_ms < SEARCHING_MS) return PING_SEARCHING_MS;
    if (!join->is_joined && age_ms < YOUNG_MS) return PING_LONELY_MS;
    return age_ms < YOUNG_MS ? PING_YOUNG_MS : PING_OLD_MS;
}

uint32_t kith_dht_join_pings(struct kith_dht_join *join, uint64_t now_ms,
                             struct kith_addr ret[static KITH_DHT_JOIN_ROUND])
{
    if (now_ms < join->ping_ms) return 0;
    join->ping_ms = now_ms + ping_period_ms(join, now_ms);
    uint32_t all = known(join);
    uint32_t count = all < KITH_DHT_JOIN_ROUND ? all : KITH_DHT_JOIN_ROUND;
    for (uint32_t i = 0; i < count; i++)
        ret[i] = join->addrs[(join->turn + i) % all];
    join->turn = all > 0 ? (join->turn + count) % all : 0;
    return count;
}

static uint64_t lookup_ms(const struct kith_dht_join *join)
{
    if (join->lookups >= KITH_DHT_JOIN_LOOKUPS_MAX) return UINT64_MAX;
    uint64_t pause_ms = join->lookups >= LOOKUP_AGAIN ? LOOKUP_PAUSE_MS : 0;
    return join->lookups_ms + LOOKUP_FIRST_MS + join->lookups * LOOKUP_PERIOD_MS + pause_ms;
}

bool kith_dht_join_lookup(struct kith_dht_join *join, uint64_t now_ms, bool *ret_own)
{
    if (now_ms < lookup_ms(join)) return false;
    *ret_own = join->lookups == 0;
    join->lookups++;
    return true;
}

uint64_t kith_dht_join_deadline_ms(const struct kith_dht_join *join)
{
    uint64_t next_ms = lookup_ms(join);
    return join->ping_ms < next_ms ? join->ping_ms : next_ms;
}
