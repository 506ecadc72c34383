#include "overlay/filter.h"

#include <string.h>

enum { SALT_LEN = 8, BYTES_PER_HOTKEY = 2, BYTES_MAX = KITH_FILTER_MAX - SALT_LEN, PROBES = 4 };

uint64_t kith_filter_set(const struct kith_peers *peers, const struct kith_turn *turn)
{
    uint64_t set = kith_rng_at(0, kith_hotkey_prefix(&peers->self));
    for (uint32_t i = 0; i < peers->count; i++) {
        const struct kith_peer *peer = &peers->at[i];
        if (kith_peer_is_valid(peer, turn->wall_ms))
            set ^= kith_rng_at(0, kith_hotkey_prefix(&peer->id));
    }
    return set ? set : 1;
}

/* One of the filter's bits: the i-th of a hotkey. */
static size_t bit_of(uint64_t salt, const struct kith_id *hotkey, uint32_t i, size_t bytes)
{
    uint64_t hash = kith_rng_at(salt, kith_hotkey_prefix(hotkey));
    return (hash >> (16 * i) & 0xffff) % (8 * bytes);
}

static void add(uint8_t *bits, size_t bytes, uint64_t salt, const struct kith_id *hotkey)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        size_t bit = bit_of(salt, hotkey, i, bytes);
        bits[bit / 8] |= (uint8_t)(1 << bit % 8);
    }
}

struct kith_bytes kith_filter_of(const struct kith_peers *peers, const struct kith_turn *turn,
                                 uint8_t ret[static KITH_FILTER_MAX])
{
    size_t bytes = BYTES_PER_HOTKEY * ((size_t)peers->count + 1);
    if (bytes > BYTES_MAX) bytes = BYTES_MAX;
    uint64_t salt = kith_rng_u64(turn->rng);
    struct kith_writer writer = kith_writer_into(ret, SALT_LEN);
    kith_write_u64(&writer, salt);
    memset(ret + SALT_LEN, 0, bytes);
    add(ret + SALT_LEN, bytes, salt, &peers->self);
    for (uint32_t i = 0; i < peers->count; i++) {
        const struct kith_peer *peer = &peers->at[i];
        if (kith_peer_is_valid(peer, turn->wall_ms)) add(ret + SALT_LEN, bytes, salt, &peer->id);
    }
    return (struct kith_bytes){ret, SALT_LEN + bytes};
}

bool kith_filter_has(struct kith_bytes filter, const struct kith_id *hotkey)
{
    struct kith_reader reader = kith_reader_of(filter);
    uint64_t salt = kith_read_u64(&reader);
    for (uint32_t i = 0; i < PROBES && reader.left > 0; i++) {
        size_t bit = bit_of(salt, hotkey, i, reader.left);
        if (!(reader.at[bit / 8] >> bit % 8 & 1)) return false;
    }
    return true;
}
