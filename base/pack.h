/* base/pack.h: msgpack for messages between peers. Only what kith speaks: arrays, unsigned
 * integers, byte strings, text, booleans. The writer is msgpack-c's packer into a fixed buffer; the
 * reader is a cursor that allocates nothing, recurses never and believes no count: an array cannot
 * announce more elements than bytes are left. Pure. */
#ifndef KITH_BASE_PACK_H
#define KITH_BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct kith_pack {
    struct kith_writer out;
};

struct kith_pack kith_pack_into(void *buffer, size_t size);
void kith_pack_array(struct kith_pack *pack, uint32_t count);
void kith_pack_uint(struct kith_pack *pack, uint64_t value);
void kith_pack_bin(struct kith_pack *pack, struct kith_bytes bytes);
/* The header of a byte string of `len` bytes that the caller sends after what was packed. */
void kith_pack_bin_head(struct kith_pack *pack, size_t len);
void kith_pack_str(struct kith_pack *pack, const char *text);
void kith_pack_bool(struct kith_pack *pack, bool value);
/* What was packed; an empty range if it did not fit. */
struct kith_bytes kith_packed(const struct kith_pack *pack);

/* After the first error `err` (a KITH_ERR_*) stays set and every read gives zero or empty. */
struct kith_unpack {
    struct kith_reader in;
    int err;
};

struct kith_unpack kith_unpack_of(struct kith_bytes bytes);
/* The element count, which must be in [min, max] and at most the bytes left. */
uint32_t kith_unpack_array(struct kith_unpack *unpack, uint32_t min, uint32_t max);
uint64_t kith_unpack_uint(struct kith_unpack *unpack, uint64_t max);
/* Borrowed, of min to max bytes. */
struct kith_bytes kith_unpack_bin(struct kith_unpack *unpack, size_t min, size_t max);
/* Copied out with a NUL, `size` bytes with it; must be printable ASCII. */
void kith_unpack_str(struct kith_unpack *unpack, char *ret, size_t size);
bool kith_unpack_bool(struct kith_unpack *unpack);
/* 0 if all reads succeeded and nothing is left over, else the error. */
int kith_unpack_end(const struct kith_unpack *unpack);

#endif
