/* base/rng.h: the only source of randomness in the pure layers: ChaCha20 keyed by a seed.
 * Equal seeds give equal draws on every machine. Safe for nonces and keys when the seed is. Pure.
 */
#ifndef KITH_BASE_RNG_H
#define KITH_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

enum { KITH_SEED_LEN = 32, KITH_RNG_BLOCK = 256 };

struct kith_rng {
    uint8_t key[KITH_SEED_LEN];
    uint64_t block; /* number of the next block of key stream */
    uint32_t used;  /* bytes of `buffer` already given out */
    uint8_t buffer[KITH_RNG_BLOCK];
};

void kith_rng_init(struct kith_rng *rng, const uint8_t seed[static KITH_SEED_LEN]);
/* A generator for one purpose, derived from a seed and a name and number: splits never overlap. */
void kith_rng_split(struct kith_rng *rng, const uint8_t seed[static KITH_SEED_LEN],
                    const char *name, uint64_t number);
void kith_rng_fill(struct kith_rng *rng, void *ret, size_t len);
uint64_t kith_rng_u64(struct kith_rng *rng);
/* Uniform in [0, bound), without bias; bound > 0. */
uint32_t kith_rng_below(struct kith_rng *rng, uint32_t bound);
/* Uniform in [0, 1), 53 bits. */
double kith_rng_unit(struct kith_rng *rng);

/* Counter generator for what must be drawn at any index without order (stochastic rounding, the
 * public batch): SplitMix64's finaliser over key + index (Steele et al. 2014). Not for secrets. */
uint64_t kith_rng_at(uint64_t key, uint64_t index);

#endif
