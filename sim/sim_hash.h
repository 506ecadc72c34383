/* sim/sim_hash.h: the trace hash of a world: a chain of BLAKE2b-256 over every event and effect in
 * the order in which they happened. Long byte strings enter as a 64-bit digest of their own, which
 * is as good for finding a difference and some ten times faster. */
#ifndef KITH_SIM_SIM_HASH_H
#define KITH_SIM_SIM_HASH_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/id.h"
#include "node/event.h"

enum { KITH_SIM_HASH_WORDS = 512 };

struct kith_sim_hash {
    struct kith_id chain; /* of all before `words` */
    uint32_t used;
    uint64_t words[KITH_SIM_HASH_WORDS];
};

void kith_sim_hash_init(struct kith_sim_hash *trace);
void kith_sim_hash_event(struct kith_sim_hash *trace, uint64_t now_us, uint32_t node,
                         const struct kith_event *event);
void kith_sim_hash_effect(struct kith_sim_hash *trace, const struct kith_effect *effect);
/* The hash of all so far; the trace may go on. */
struct kith_id kith_sim_hash_now(const struct kith_sim_hash *trace);
/* Not cryptographic; the same on every machine of little-endian order. */
uint64_t kith_sim_digest(struct kith_bytes bytes);

#endif
