/* sim/sim_sign.h: signatures for big worlds: a hash of the hotkey and the bytes. Anyone who knows
 * the hotkey can make one, so it is forgeable by construction and no liar of the simulator forges
 * it; it costs next to nothing beside Ed25519 and has the same sizes. */
#ifndef KITH_SIM_SIM_SIGN_H
#define KITH_SIM_SIM_SIGN_H

#include "identity/keys.h"

extern const struct kith_scheme kith_sim_sign;

/* The key pair of a 32-byte secret seed under this scheme. */
void kith_sim_sign_keypair(struct kith_keypair *keypair, const uint8_t seed[static KITH_SEED_LEN]);

#endif
