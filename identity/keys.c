#include "identity/keys.h"

#include <sodium.h>

#include "base/assert.h"

_Static_assert(KITH_SIGNATURE_LEN == crypto_sign_ed25519_BYTES, "libsodium's signature");
_Static_assert(KITH_SECRET_LEN == crypto_sign_ed25519_SECRETKEYBYTES, "libsodium's secret key");
_Static_assert(KITH_ID_LEN == crypto_sign_ed25519_PUBLICKEYBYTES, "a hotkey is a public key");
_Static_assert(KITH_SEED_LEN == crypto_sign_ed25519_SEEDBYTES, "libsodium's seed");

static void sign(const struct kith_keypair *keypair, const void *bytes, size_t len,
                 uint8_t ret[static KITH_SIGNATURE_LEN])
{
    int err = crypto_sign_ed25519_detached(ret, NULL, bytes, len, keypair->secret);
    kith_assert(err == 0);
}

static bool verify(const struct kith_id *hotkey, const void *bytes, size_t len,
                   const uint8_t signature[static KITH_SIGNATURE_LEN])
{
    return crypto_sign_ed25519_verify_detached(signature, bytes, len, hotkey->bytes) == 0;
}

const struct kith_scheme kith_ed25519 = {.name = "ed25519", .sign = sign, .verify = verify};

void kith_keypair_from_seed(struct kith_keypair *keypair, const uint8_t seed[static KITH_SEED_LEN])
{
    int err = crypto_sign_ed25519_seed_keypair(keypair->hotkey.bytes, keypair->secret, seed);
    kith_assert(err == 0);
}

void kith_keypair_wipe(struct kith_keypair *keypair)
{
    sodium_memzero(keypair->secret, sizeof keypair->secret);
}
