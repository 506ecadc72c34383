/* base/hash.h: BLAKE2b-256 (RFC 7693, unkeyed), the one content hash of kith. Pure. */
#ifndef KITH_BASE_HASH_H
#define KITH_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/id.h"

struct kith_hash {
    uint64_t opaque[56]; /* libsodium's 384-byte state, aligned inside; never copy or move */
};

void kith_hash_init(struct kith_hash *hash);
void kith_hash_add(struct kith_hash *hash, const void *bytes, size_t len);
/* Add `value` as 8 little-endian bytes. */
void kith_hash_add_u64(struct kith_hash *hash, uint64_t value);
/* The hash of all that was added. The state is spent. */
struct kith_id kith_hash_end(struct kith_hash *hash);
/* All at once: the hash of `domain` with its final NUL, then the bytes. Domains keep one use's
 * hashes from standing in for another's. */
struct kith_id kith_hash_of(const char *domain, struct kith_bytes bytes);

enum { KITH_SHORT_KEY_LEN = 16 };
/* SipHash-2-4: a keyed hash for tables and samples that strangers must not be able to steer. */
uint64_t kith_hash_short(const uint8_t key[static KITH_SHORT_KEY_LEN], const void *bytes,
                         size_t len);

#endif
