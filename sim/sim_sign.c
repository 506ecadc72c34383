#include "sim/sim_sign.h"

#include <string.h>

#include "base/hash.h"

void kith_sim_sign_keypair(struct kith_keypair *keypair, const uint8_t seed[static KITH_SEED_LEN])
{
    memset(keypair, 0, sizeof *keypair);
    memcpy(keypair->secret, seed, KITH_SEED_LEN);
    keypair->hotkey = kith_hash_of("kith/sim/hotkey", (struct kith_bytes){seed, KITH_SEED_LEN});
    memcpy(keypair->secret + KITH_SEED_LEN, keypair->hotkey.bytes, KITH_ID_LEN);
}

static struct kith_id tag_of(const struct kith_id *hotkey, const void *bytes, size_t len)
{
    struct kith_hash hash;
    kith_hash_init(&hash);
    kith_hash_add(&hash, hotkey->bytes, KITH_ID_LEN);
    kith_hash_add(&hash, bytes, len);
    return kith_hash_end(&hash);
}

static void sign(const struct kith_keypair *keypair, const void *bytes, size_t len,
                 uint8_t ret[static KITH_SIGNATURE_LEN])
{
    struct kith_id tag = tag_of(&keypair->hotkey, bytes, len);
    memcpy(ret, tag.bytes, KITH_ID_LEN);
    memcpy(ret + KITH_ID_LEN, keypair->hotkey.bytes, KITH_ID_LEN);
}

static bool verify(const struct kith_id *hotkey, const void *bytes, size_t len,
                   const uint8_t signature[static KITH_SIGNATURE_LEN])
{
    if (memcmp(signature + KITH_ID_LEN, hotkey->bytes, KITH_ID_LEN) != 0) return false;
    struct kith_id tag = tag_of(hotkey, bytes, len);
    return memcmp(signature, tag.bytes, KITH_ID_LEN) == 0;
}

const struct kith_scheme kith_sim_sign = {
    .name = "keyed hash (simulation)",
    .sign = sign,
    .verify = verify,
};
