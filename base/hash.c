#include "base/hash.h"

#include <string.h>

#include <sodium.h>

_Static_assert(sizeof(struct kith_hash) >= sizeof(crypto_generichash_blake2b_state) + 64,
               "the opaque state holds libsodium's at its alignment");

static crypto_generichash_blake2b_state *state_of(struct kith_hash *hash)
{
    uintptr_t at = ((uintptr_t)hash->opaque + 63) & ~(uintptr_t)63;
    return (crypto_generichash_blake2b_state *)at;
}

void kith_hash_init(struct kith_hash *hash)
{
    memset(hash, 0, sizeof *hash);
    crypto_generichash_blake2b_init(state_of(hash), NULL, 0, KITH_ID_LEN);
}

void kith_hash_add(struct kith_hash *hash, const void *bytes, size_t len)
{
    if (len) crypto_generichash_blake2b_update(state_of(hash), bytes, len);
}

void kith_hash_add_u64(struct kith_hash *hash, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    kith_hash_add(hash, bytes, sizeof bytes);
}

struct kith_id kith_hash_end(struct kith_hash *hash)
{
    struct kith_id id;
    crypto_generichash_blake2b_final(state_of(hash), id.bytes, KITH_ID_LEN);
    return id;
}

struct kith_id kith_hash_of(const char *domain, struct kith_bytes bytes)
{
    struct kith_hash hash;
    kith_hash_init(&hash);
    kith_hash_add(&hash, domain, strlen(domain) + 1);
    kith_hash_add(&hash, bytes.at, bytes.len);
    return kith_hash_end(&hash);
}

uint64_t kith_hash_short(const uint8_t key[static KITH_SHORT_KEY_LEN], const void *bytes,
                         size_t len)
{
    uint8_t out[crypto_shorthash_BYTES];
    crypto_shorthash(out, bytes, len, key);
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof out; i++)
        value |= (uint64_t)out[i] << (8 * i);
    return value;
}
