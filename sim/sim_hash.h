/* sim/sim_hash.h: the trace hash of a world: every event and effect in the order in which they
 * happened, as 64-bit words that go in turn into four lanes. It finds a difference, and by chance
 * misses one in 2^64; it is not cryptographic: nobody attacks a simulator. Long byte strings enter
 * as a 64-bit digest of their own. */
#ifndef KITH_SIM_SIM_HASH_H
#define KITH_SIM_SIM_HASH_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/id.h"
#include "node/event.h"

enum { KITH_SIM_HASH_LANES = 4 };

struct kith_sim_hash {
    uint64_t lane[KITH_SIM_HASH_LANES];
    uint64_t count; /* of words */
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
