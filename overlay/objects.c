#include "overlay/objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/hash.h"

static uint32_t chunks_of(uint64_t len)
{
    return (uint32_t)((len + KITH_CHUNK_LEN - 1) / KITH_CHUNK_LEN);
}

static int slot_init(struct kith_object *object, uint64_t room)
{
    uint32_t chunks = chunks_of(room);
    object->room = room;
    object->bytes = malloc(room);
    object->chunk_id = calloc(chunks, sizeof *object->chunk_id);
    object->have = calloc(chunks, sizeof *object->have);
    return object->bytes && object->chunk_id && object->have ? 0 : KITH_ERR_NOMEM;
}

int kith_objects_init(struct kith_objects *objects, uint32_t big, uint64_t big_len, uint32_t small,
                      uint64_t small_len)
{
    memset(objects, 0, sizeof *objects);
    if (chunks_of(big_len) > KITH_CHUNKS_MAX || chunks_of(small_len) > KITH_CHUNKS_MAX)
        return KITH_ERR_RANGE;
    objects->at = calloc((size_t)big + small + 1, sizeof *objects->at);
    if (!objects->at) return KITH_ERR_NOMEM;
    objects->count = big + small;
    for (uint32_t i = 0; i < objects->count; i++) {
        if (slot_init(&objects->at[i], i < small ? small_len : big_len) == 0) continue;
        kith_objects_release(objects);
        return KITH_ERR_NOMEM;
    }
    return 0;
}

void kith_objects_release(struct kith_objects *objects)
{
    for (uint32_t i = 0; i < objects->count; i++) {
        free(objects->at[i].bytes);
        free(objects->at[i].chunk_id);
        free(objects->at[i].have);
    }
    free(objects->at);
    memset(objects, 0, sizeof *objects);
}

size_t kith_objects_memory(const struct kith_objects *objects)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < objects->count; i++) {
        const struct kith_object *object = &objects->at[i];
        size_t chunks = chunks_of(object->room);
        bytes += sizeof *object + object->room;
        bytes += chunks * (sizeof *object->chunk_id + sizeof *object->have);
    }
    return bytes;
}

struct kith_object *kith_objects_find(struct kith_objects *objects, const struct kith_id *id)
{
    for (uint32_t i = 0; i < objects->count; i++)
        if (objects->at[i].used && kith_id_eq(&objects->at[i].id, id)) return &objects->at[i];
    return NULL;
}

/* Whether slot a is the better one to take: a free one, the smallest of them, else the one that was
 * used least recently. Sizes do not part the used ones: models may be smaller than soft labels. */
static bool is_better(const struct kith_object *a, const struct kith_object *b)
{
    if (!b) return true;
    if (a->used != b->used) return !a->used;
    return a->used ? a->used_us < b->used_us : a->room < b->room;
}

static struct kith_object *take_slot(struct kith_objects *objects, uint64_t len)
{
    struct kith_object *best = NULL;
    for (uint32_t i = 0; i < objects->count; i++) {
        struct kith_object *object = &objects->at[i];
        bool fits = !object->pins && object->room >= len;
        if (fits && is_better(object, best)) best = object;
    }
    return best;
}

static struct kith_object *slot_begin(struct kith_objects *objects, uint64_t len, uint64_t now_us)
{
    struct kith_object *object = take_slot(objects, len);
    if (!object) return NULL;
    object->used = true;
    object->kind = 0;
    object->len = len;
    object->chunks = chunks_of(len);
    object->chunks_have = 0;
    object->indexed = false;
    object->used_us = now_us;
    memset(object->have, 0, object->chunks * sizeof *object->have);
    return object;
}

struct kith_bytes kith_object_chunk(const struct kith_object *object, uint32_t chunk)
{
    const uint8_t *at = object->bytes + (uint64_t)chunk * KITH_CHUNK_LEN;
    return (struct kith_bytes){at, (size_t)kith_object_chunk_len(object, chunk)};
}

struct kith_id kith_object_chunk_hash(struct kith_bytes chunk)
{
    return kith_hash_of("kith/chunk/1", chunk);
}

static struct kith_id chunk_hash(const struct kith_object *object, uint32_t chunk)
{
    return kith_object_chunk_hash(kith_object_chunk(object, chunk));
}

static struct kith_id index_hash(const struct kith_object *object)
{
    return kith_hash_of("kith/object/1", kith_object_index(object));
}

uint64_t kith_object_chunk_len(const struct kith_object *object, uint32_t chunk)
{
    kith_assert(chunk < object->chunks);
    uint64_t from = (uint64_t)chunk * KITH_CHUNK_LEN;
    uint64_t left = object->len - from;
    return left < KITH_CHUNK_LEN ? left : KITH_CHUNK_LEN;
}

struct kith_bytes kith_object_index(const struct kith_object *object)
{
    return (struct kith_bytes){(const uint8_t *)object->chunk_id,
                               (size_t)object->chunks * KITH_ID_LEN};
}

struct kith_object *kith_objects_put(struct kith_objects *objects, struct kith_bytes bytes,
                                     uint64_t now_us)
{
    kith_assert(bytes.len > 0);
    struct kith_object *object = slot_begin(objects, bytes.len, now_us);
    if (!object) return NULL;
    memcpy(object->bytes, bytes.at, bytes.len);
    for (uint32_t i = 0; i < object->chunks; i++) {
        object->chunk_id[i] = chunk_hash(object, i);
        object->have[i] = true;
    }
    object->chunks_have = object->chunks;
    object->indexed = true;
    object->id = index_hash(object);
    return object;
}

struct kith_object *kith_objects_begin(struct kith_objects *objects, const struct kith_id *id,
                                       uint64_t len, uint64_t now_us)
{
    struct kith_object *object = kith_objects_find(objects, id);
    if (object && object->len == len) {
        object->used_us = now_us;
        return object;
    }
    if (object || len == 0) return NULL;
    object = slot_begin(objects, len, now_us);
    if (object) object->id = *id;
    return object;
}

bool kith_object_is_whole(const struct kith_object *object)
{
    return object->indexed && object->chunks_have == object->chunks;
}

int kith_object_set_index(struct kith_object *object, struct kith_bytes index)
{
    if (index.len != (size_t)object->chunks * KITH_ID_LEN) return KITH_ERR_SHAPE;
    struct kith_id id = kith_hash_of("kith/object/1", index);
    if (!kith_id_eq(&id, &object->id)) return KITH_ERR_HASH;
    memcpy(object->chunk_id, index.at, index.len);
    object->indexed = true;
    return 0;
}

int kith_object_check_chunk(struct kith_object *object, uint32_t chunk)
{
    if (object->have[chunk]) return 0;
    struct kith_id hash = chunk_hash(object, chunk);
    if (!object->indexed && object->chunks == 1) {
        int err = kith_object_set_index(object, (struct kith_bytes){hash.bytes, KITH_ID_LEN});
        if (err) return err;
    }
    if (!object->indexed || !kith_id_eq(&hash, &object->chunk_id[chunk])) return KITH_ERR_HASH;
    object->have[chunk] = true;
    object->chunks_have++;
    return 0;
}

struct kith_bytes kith_object_block(const struct kith_object *object, uint32_t number)
{
    uint64_t from = (uint64_t)number * KITH_BLOCK_MAX;
    if (from >= object->len) return (struct kith_bytes){NULL, 0};
    uint64_t left = object->len - from;
    size_t len = left < KITH_BLOCK_MAX ? (size_t)left : KITH_BLOCK_MAX;
    return (struct kith_bytes){object->bytes + from, len};
}
