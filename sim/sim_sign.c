#include "sim/sim_sign.h"

#include <string.h>

#include "base/hash.h"
#include "sim/sim_hash.h"

void kith_sim_sign_keypair(struct kith_keypair *keypair, const uint8_t seed[static KITH_SEED_LEN])
{
    memset(keypair, 0, sizeof *keypair);
    memcpy(keypair->secret, seed, KITH_SEED_LEN);
    keypair->hotkey = kith_hash_of("kith/sim/hotkey", (struct kith_bytes){seed, KITH_SEED_LEN});
    memcpy(keypair->secret + KITH_SEED_LEN, keypair->hotkey.bytes, KITH_ID_LEN);
}

/* Each word of the tag hangs on all of the text and on the hotkey. */
static struct kith_id tag_of(const struct kith_id *hotkey, const void *bytes, size_t len)
{
    struct kith_id tag;
    uint64_t words[2 * KITH_ID_LEN / 8] = {kith_sim_digest((struct kith_bytes){bytes, len})};
    for (size_t i = 0; i < KITH_ID_LEN; i += 8) {
        memcpy(&words[1], hotkey->bytes, KITH_ID_LEN);
        words[1 + KITH_ID_LEN / 8] = i;
        uint64_t word = kith_sim_digest((struct kith_bytes){(const uint8_t *)words, 48});
        memcpy(tag.bytes + i, &word, 8);
    }
    return tag;
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
