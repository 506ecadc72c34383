#include "base/rng.h"

#include <string.h>

#include <sodium.h>

#include "base/assert.h"
#include "base/hash.h"

void kith_rng_init(struct kith_rng *rng, const uint8_t seed[static KITH_SEED_LEN])
{
    memset(rng, 0, sizeof *rng);
    memcpy(rng->key, seed, KITH_SEED_LEN);
    rng->used = KITH_RNG_BLOCK;
}

void kith_rng_split(struct kith_rng *rng, const uint8_t seed[static KITH_SEED_LEN],
                    const char *name, uint64_t number)
{
    struct kith_hash hash;
    kith_hash_init(&hash);
    kith_hash_add(&hash, "kith/rng/1", 11);
    kith_hash_add(&hash, seed, KITH_SEED_LEN);
    kith_hash_add(&hash, name, strlen(name) + 1);
    kith_hash_add_u64(&hash, number);
    struct kith_id key = kith_hash_end(&hash);
    kith_rng_init(rng, key.bytes);
}

static void refill(struct kith_rng *rng)
{
    uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    uint64_t block = rng->block++;
    for (size_t i = 0; i < sizeof nonce; i++)
        nonce[i] = (uint8_t)(block >> (8 * i));
    crypto_stream_chacha20(rng->buffer, KITH_RNG_BLOCK, nonce, rng->key);
    rng->used = 0;
}

void kith_rng_fill(struct kith_rng *rng, void *ret, size_t len)
{
    uint8_t *out = ret;
    while (len > 0) {
        if (rng->used == KITH_RNG_BLOCK) refill(rng);
        size_t room = KITH_RNG_BLOCK - rng->used;
        size_t take = len < room ? len : room;
        memcpy(out, rng->buffer + rng->used, take);
        rng->used += (uint32_t)take;
        out += take;
        len -= take;
    }
}

uint64_t kith_rng_u64(struct kith_rng *rng)
{
    uint8_t bytes[8];
    kith_rng_fill(rng, bytes, sizeof bytes);
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

uint32_t kith_rng_below(struct kith_rng *rng, uint32_t bound)
{
    kith_assert(bound > 0);
    /* Lemire 2019: multiply, reject the few low products that would bias. */
    uint32_t threshold = (uint32_t)(-bound) % bound;
    for (;;) {
        uint64_t product = (kith_rng_u64(rng) & UINT32_MAX) * bound;
        if ((uint32_t)product >= threshold) return (uint32_t)(product >> 32);
    }
}

double kith_rng_unit(struct kith_rng *rng)
{
    return (double)(kith_rng_u64(rng) >> 11) * 0x1p-53;
}

uint64_t kith_rng_at(uint64_t key, uint64_t index)
{
    uint64_t z = key + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
