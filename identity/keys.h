/* identity/keys.h: a node's hotkey (ed25519) and how bytes are signed with it. Pure. */
#ifndef KITH_IDENTITY_KEYS_H
#define KITH_IDENTITY_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/rng.h"

enum { KITH_SIGNATURE_LEN = 64, KITH_SECRET_LEN = 64 };

struct kith_keypair {
    struct kith_id hotkey; /* the public key */
    uint8_t secret[KITH_SECRET_LEN];
};

/* A signature scheme. The real one is kith_ed25519; the simulator may put a keyed hash in its
 * place, which is forgeable by construction, so that thousands of nodes fit a core. */
struct kith_scheme {
    const char *name;
    void (*sign)(const struct kith_keypair *keypair, const void *bytes, size_t len,
                 uint8_t ret[static KITH_SIGNATURE_LEN]);
    bool (*verify)(const struct kith_id *hotkey, const void *bytes, size_t len,
                   const uint8_t signature[static KITH_SIGNATURE_LEN]);
};

/* RFC 8032 through libsodium: S >= L, small-order keys and malleated signatures are refused. */
extern const struct kith_scheme kith_ed25519;

/* The key pair of a 32-byte secret seed: equal seeds give equal pairs. */
void kith_keypair_from_seed(struct kith_keypair *keypair, const uint8_t seed[static KITH_SEED_LEN]);
/* Overwrite the secret half. */
void kith_keypair_wipe(struct kith_keypair *keypair);

#endif
