/* overlay/objects.h: published bytes by their hash: what this node made and what it fetched. An
 * object is cut into chunks of 256 KiB; its id is the hash of the list of its chunks' hashes, so a
 * chunk can be checked alone and served as soon as it is whole. All memory is taken at the start.
 */
#ifndef KITH_OVERLAY_OBJECTS_H
#define KITH_OVERLAY_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/id.h"
#include "base/outbox.h"

enum {
    KITH_CHUNK_LEN = 256 * 1024,
    KITH_BLOCKS_PER_CHUNK = KITH_CHUNK_LEN / KITH_BLOCK_MAX,
    /* The index travels in one bulk message, which bounds an object to 512 MiB. */
    KITH_CHUNKS_MAX = KITH_BLOCK_MAX / KITH_ID_LEN,
};

struct kith_object {
    bool used;
    uint8_t kind; /* enum kith_manifest_kind, 0: not said; set by who puts or begins it */
    struct kith_id id;
    uint64_t len;
    uint32_t chunks;
    bool indexed; /* chunk_id is known and hashes to id */
    uint32_t chunks_have;
    uint32_t pins; /* > 0: never evicted */
    uint64_t used_us;
    uint64_t room;            /* bytes that fit this slot */
    uint8_t *bytes;           /* [room] */
    struct kith_id *chunk_id; /* [chunks of room] */
    bool *have;               /* [chunks of room]: verified */
};

struct kith_objects {
    struct kith_object *at;
    uint32_t count;
};

/* `big` slots of big_len bytes and `small` ones of small_len. 0, RANGE or NOMEM. */
int kith_objects_init(struct kith_objects *objects, uint32_t big, uint64_t big_len, uint32_t small,
                      uint64_t small_len);
void kith_objects_release(struct kith_objects *objects);
size_t kith_objects_memory(const struct kith_objects *objects);
struct kith_object *kith_objects_find(struct kith_objects *objects, const struct kith_id *id);
/* Copy bytes in as a whole object. NULL if none of the slots that fit is free of pins. */
struct kith_object *kith_objects_put(struct kith_objects *objects, struct kith_bytes bytes,
                                     uint64_t now_us);
/* A slot for an object that is to be fetched; the one that exists, whole or not, if any. */
struct kith_object *kith_objects_begin(struct kith_objects *objects, const struct kith_id *id,
                                       uint64_t len, uint64_t now_us);
bool kith_object_is_whole(const struct kith_object *object);
/* The index as it came: 0, or SHAPE or HASH. An object of one chunk needs none. */
int kith_object_set_index(struct kith_object *object, struct kith_bytes index);
/* The bytes of a chunk, and what such bytes hash to in an index. */
struct kith_bytes kith_object_chunk(const struct kith_object *object, uint32_t chunk);
struct kith_id kith_object_chunk_hash(struct kith_bytes chunk);
uint64_t kith_object_chunk_len(const struct kith_object *object, uint32_t chunk);
/* All bytes of a chunk are in place: check them. 0 or HASH. */
int kith_object_check_chunk(struct kith_object *object, uint32_t chunk);
/* What block `number` covers; empty past the end. */
struct kith_bytes kith_object_block(const struct kith_object *object, uint32_t number);
struct kith_bytes kith_object_index(const struct kith_object *object);

#endif
