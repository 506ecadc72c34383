#include "dht/dht_key.h"

#include <string.h>

#include "base/hash.h"

enum { KIND_PEER = 1, KIND_DIRECTORY = 2, RECORDS_PER_KEY = 24, LOWER_BITS_AT = 8 };

static void begin(struct kith_hash *hash, const struct kith_id *swarm, uint8_t kind)
{
    kith_hash_init(hash);
    kith_hash_add(hash, "kith/dht/1", 11);
    kith_hash_add(hash, swarm->bytes, KITH_ID_LEN);
    kith_hash_add(hash, &kind, 1);
}

static void end(struct kith_hash *hash, uint8_t ret[static KITH_DHT_KEY_LEN])
{
    struct kith_id id = kith_hash_end(hash);
    memcpy(ret, id.bytes, KITH_DHT_KEY_LEN);
}

void kith_dht_key_peer(const struct kith_id *swarm, const struct kith_id *hotkey,
                       uint8_t ret[static KITH_DHT_KEY_LEN])
{
    struct kith_hash hash;
    begin(&hash, swarm, KIND_PEER);
    kith_hash_add(&hash, hotkey->bytes, KITH_ID_LEN);
    end(&hash, ret);
}

void kith_dht_key_directory(const struct kith_id *swarm, uint32_t epoch, uint8_t level,
                            uint32_t prefix, uint8_t ret[static KITH_DHT_KEY_LEN])
{
    struct kith_hash hash;
    uint32_t kept = level == 0 ? 0 : prefix >> (32 - level);
    begin(&hash, swarm, KIND_DIRECTORY);
    kith_hash_add_u64(&hash, epoch);
    kith_hash_add(&hash, &level, 1);
    kith_hash_add_u64(&hash, kept);
    end(&hash, ret);
}

struct kith_id kith_dht_place(const struct kith_id *swarm, uint32_t epoch,
                              const struct kith_id *hotkey)
{
    struct kith_hash hash;
    kith_hash_init(&hash);
    kith_hash_add(&hash, "kith/dht/place/1", 17);
    kith_hash_add(&hash, swarm->bytes, KITH_ID_LEN);
    kith_hash_add_u64(&hash, epoch);
    kith_hash_add(&hash, hotkey->bytes, KITH_ID_LEN);
    return kith_hash_end(&hash);
}

static uint32_t first_bits(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

uint32_t kith_dht_place_prefix(const struct kith_id *place)
{
    return first_bits(place->bytes);
}

bool kith_dht_announces(const struct kith_id *place, uint8_t depth, uint8_t level)
{
    if (level >= depth) return level == depth;
    return first_bits(place->bytes + LOWER_BITS_AT) >> (32 - (depth - level)) == 0;
}

uint8_t kith_dht_depth(uint64_t n)
{
    uint8_t depth = 0;
    while (depth < KITH_DEPTH_MAX && n >> (depth + 1) >= RECORDS_PER_KEY)
        depth++;
    return depth;
}
