#include "overlay/partial.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"

/* A head: magic, when it began (unix ms), length of the manifest, the manifest, the index. */
static const char magic[8] = "KTPART1";

enum {
    FIXED_LEN = sizeof magic + 8 + 2,
    HEAD_MAX = FIXED_LEN + KITH_MANIFEST_MAX + KITH_CHUNKS_MAX * KITH_ID_LEN,
};

int kith_partials_init(struct kith_partials *partials, struct kith_objects *objects,
                       uint64_t object_len_max)
{
    memset(partials, 0, sizeof *partials);
    partials->objects = objects;
    if (object_len_max <= (uint64_t)(KITH_PARTIAL_CHUNKS_MIN - 1) * KITH_CHUNK_LEN) return 0;
    partials->owner = calloc(KITH_STORE_CHUNKS, 1);
    partials->head = malloc(HEAD_MAX);
    partials->at = calloc(KITH_STORE_PARTS, sizeof *partials->at);
    if (partials->at) partials->count = KITH_STORE_PARTS;
    bool good = partials->owner && partials->head && partials->at;
    for (uint32_t i = 0; i < partials->count; i++) {
        partials->at[i].saved = calloc(KITH_CHUNKS_MAX, sizeof *partials->at[i].saved);
        good = good && partials->at[i].saved;
    }
    if (good) return 0;
    kith_partials_release(partials);
    return KITH_ERR_NOMEM;
}

void kith_partials_release(struct kith_partials *partials)
{
    for (uint32_t i = 0; i < partials->count; i++)
        free(partials->at[i].saved);
    free(partials->at);
    free(partials->owner);
    free(partials->head);
    memset(partials, 0, sizeof *partials);
}

size_t kith_partials_memory(const struct kith_partials *partials)
{
    if (!partials->owner) return 0;
    size_t each = sizeof *partials->at + KITH_CHUNKS_MAX * sizeof *partials->at->saved;
    return KITH_STORE_CHUNKS + HEAD_MAX + partials->count * each;
}

static void forget(struct kith_partials *partials, uint32_t i)
{
    struct kith_partial *partial = &partials->at[i];
    bool *saved = partial->saved, wipe = partial->head_saved;
    partial->object->pins--;
    for (int slot = 0; slot < KITH_STORE_CHUNKS; slot++)
        if (partials->owner[slot] == i + 1) partials->owner[slot] = 0;
    memset(saved, 0, KITH_CHUNKS_MAX * sizeof *saved);
    *partial = (struct kith_partial){.saved = saved, .wipe = wipe};
}

static bool is_same(const struct kith_manifest *a, const struct kith_manifest *b)
{
    return a->kind == b->kind && kith_id_eq(&a->author, &b->author);
}

/* Free, or the oldest; NULL if that one is fetched at this moment. */
static struct kith_partial *take_place(struct kith_partials *partials)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < KITH_STORE_PARTS; i++) {
        if (!partials->at[i].object) return &partials->at[i];
        if (partials->at[i].wall_ms < partials->at[oldest].wall_ms) oldest = i;
    }
    if (partials->at[oldest].object->pins > 1) return NULL;
    forget(partials, oldest);
    return &partials->at[oldest];
}

static struct kith_partial *begin(struct kith_partials *partials, struct kith_object *object,
                                  const struct kith_manifest *manifest, struct kith_bytes sealed,
                                  uint64_t wall_ms)
{
    struct kith_partial *partial = take_place(partials);
    if (!partial) return NULL;
    partial->object = object;
    partial->object->pins++;
    partial->manifest = *manifest;
    partial->sealed_len = (uint16_t)sealed.len;
    memcpy(partial->sealed, sealed.at, sealed.len);
    partial->wall_ms = wall_ms;
    return partial;
}

void kith_partials_keep(struct kith_partials *partials, struct kith_object *object,
                        const struct kith_manifest *manifest, struct kith_bytes sealed,
                        const struct kith_turn *turn)
{
    if (!partials->owner || object->chunks < KITH_PARTIAL_CHUNKS_MIN) return;
    if (!object->indexed || object->chunks_have == 0 || kith_object_is_whole(object)) return;
    for (uint32_t i = 0; i < KITH_STORE_PARTS; i++)
        if (partials->at[i].object == object) return;
    begin(partials, object, manifest, sealed, turn->wall_ms);
}

void kith_partials_done(struct kith_partials *partials, const struct kith_manifest *manifest)
{
    for (uint32_t i = 0; i < partials->count; i++) {
        const struct kith_partial *partial = &partials->at[i];
        if (!partial->object || !is_same(&partial->manifest, manifest)) continue;
        if (partial->manifest.created_ms <= manifest->created_ms) forget(partials, i);
    }
}

struct kith_partial *kith_partials_next(struct kith_partials *partials,
                                        enum kith_manifest_kind kind, uint32_t *cursor,
                                        const struct kith_turn *turn)
{
    while (*cursor < partials->count) {
        uint32_t i = (*cursor)++;
        struct kith_partial *partial = &partials->at[i];
        if (!partial->object || partial->manifest.kind != kind) continue;
        if (partial->object->pins > 1) continue; /* is being fetched */
        if (partial->object->chunks_have > partial->had) partial->tries = 0;
        partial->had = partial->object->chunks_have;
        bool old = turn->wall_ms > partial->wall_ms + KITH_PARTIAL_AGE_MS;
        if (!old && partial->tries++ < KITH_PARTIAL_TRIES) return partial;
        forget(partials, i);
    }
    return NULL;
}

/* --- to the disk --- */

static bool store(struct kith_partials *partials, uint32_t key, struct kith_bytes bytes,
                  const struct kith_turn *turn)
{
    struct kith_effect effect = {
        .kind = KITH_EFFECT_STORE,
        .store = {.key = (enum kith_store_key)key, .bytes = bytes},
    };
    if (!kith_outbox_add(turn->out, &effect)) return false;
    partials->flight++;
    return true;
}

static bool save_head(struct kith_partials *partials, uint32_t i, const struct kith_turn *turn)
{
    struct kith_partial *partial = &partials->at[i];
    struct kith_writer writer = kith_writer_into(partials->head, HEAD_MAX);
    struct kith_bytes index = kith_object_index(partial->object);
    kith_write_raw(&writer, magic, sizeof magic);
    kith_write_u64(&writer, partial->wall_ms);
    kith_write_u16(&writer, partial->sealed_len);
    kith_write_raw(&writer, partial->sealed, partial->sealed_len);
    kith_write_raw(&writer, index.at, index.len);
    partial->head_saved = store(partials, KITH_STORE_PART + i, kith_written(&writer), turn);
    partial->wipe = false;
    return partial->head_saved;
}

static bool save_chunk(struct kith_partials *partials, uint32_t i, uint32_t chunk,
                       const struct kith_turn *turn)
{
    struct kith_partial *partial = &partials->at[i];
    uint32_t slot = 0;
    while (slot < KITH_STORE_CHUNKS && partials->owner[slot])
        slot++;
    if (slot == KITH_STORE_CHUNKS) return false; /* the quota */
    if (!store(partials, KITH_STORE_CHUNK + slot, kith_object_chunk(partial->object, chunk), turn))
        return false;
    partials->owner[slot] = (uint8_t)(i + 1);
    partial->saved[chunk] = true;
    return true;
}

static uint32_t next_unsaved(const struct kith_partial *partial)
{
    uint32_t chunk = 0;
    while (chunk < partial->object->chunks &&
           (partial->saved[chunk] || !partial->object->have[chunk]))
        chunk++;
    return chunk;
}

static uint32_t free_slots(const struct kith_partials *partials)
{
    uint32_t count = 0;
    for (int slot = 0; slot < KITH_STORE_CHUNKS; slot++)
        count += partials->owner[slot] == 0;
    return count;
}

void kith_partials_advance(struct kith_partials *partials, const struct kith_turn *turn)
{
    static const uint8_t nothing[1] = {0};
    if (!partials->owner || turn->now_us < partials->rest_until_us) return;
    partials->rest_until_us = 0;
    for (uint32_t i = 0; i < partials->count; i++) {
        struct kith_partial *partial = &partials->at[i];
        const struct kith_bytes none = {nothing, sizeof nothing};
        if (!partial->object && partial->wipe)
            partial->wipe = !store(partials, KITH_STORE_PART + i, none, turn);
        if (!partial->object) continue;
        /* The scratch holds one head at a time, and effects are read before the next step. */
        if (!partial->head_saved) {
            if (partials->flight < KITH_PARTIAL_FLIGHT) save_head(partials, i, turn);
            return;
        }
        uint32_t chunk = next_unsaved(partial);
        while (chunk < partial->object->chunks && partials->flight < KITH_PARTIAL_FLIGHT) {
            if (!save_chunk(partials, i, chunk, turn)) return;
            chunk = next_unsaved(partial);
        }
    }
}

void kith_partials_on_stored(struct kith_partials *partials, int err, const struct kith_turn *turn)
{
    if (partials->flight > 0) partials->flight--;
    if (err == 0) return;
    /* The disk takes no more: the download goes on in memory, and is stored when it does again. */
    partials->rest_until_us = turn->now_us + KITH_PARTIAL_REST_US;
    for (uint32_t i = 0; i < partials->count; i++) {
        struct kith_partial *partial = &partials->at[i];
        partial->head_saved = false;
        memset(partial->saved, 0, KITH_CHUNKS_MAX * sizeof *partial->saved);
    }
    memset(partials->owner, 0, KITH_STORE_CHUNKS);
}

bool kith_partials_is_idle(const struct kith_partials *partials)
{
    if (partials->flight > 0) return false;
    bool resting = !partials->owner || partials->rest_until_us > 0;
    for (uint32_t i = 0; i < partials->count && !resting; i++) {
        const struct kith_partial *partial = &partials->at[i];
        if (partial->wipe) return false;
        if (!partial->object) continue;
        bool wants = next_unsaved(partial) < partial->object->chunks && free_slots(partials) > 0;
        if (!partial->head_saved || wants) return false;
    }
    return true;
}

/* --- from the disk --- */

/* Into the first free place, which is another than the file's if a head before it was no good. */
static void restore_head(struct kith_partials *partials, struct kith_bytes head,
                         const struct kith_id *swarm, const struct kith_scheme *scheme,
                         const struct kith_turn *turn)
{
    struct kith_manifest manifest;
    struct kith_reader reader = kith_reader_of(head);
    struct kith_bytes start = kith_read_view(&reader, sizeof magic);
    uint64_t wall_ms = kith_read_u64(&reader);
    struct kith_bytes sealed = kith_read_view(&reader, kith_read_u16(&reader));
    if (reader.failed || memcmp(start.at, magic, sizeof magic) != 0) return;
    if (wall_ms > turn->wall_ms || turn->wall_ms > wall_ms + KITH_PARTIAL_AGE_MS) return;
    if (kith_manifest_open(sealed, swarm, &manifest) != 0) return;
    if (kith_manifest_verify(sealed, swarm, &manifest.author, scheme) != 0) return;
    struct kith_object *object =
        kith_objects_begin(partials->objects, &manifest.object, manifest.length, turn->now_us);
    if (!object) return;
    /* The same head twice: the one that is there. */
    bool known = object->pins > 0;
    object->kind = (uint8_t)manifest.kind;
    struct kith_bytes index = kith_read_view(&reader, reader.left);
    if (known || kith_object_set_index(object, index) != 0) return;
    begin(partials, object, &manifest, sealed, wall_ms);
}

/* Whose chunk is this? */
static bool restore_chunk(struct kith_partial *partial, struct kith_bytes bytes,
                          const struct kith_id *hash)
{
    struct kith_object *object = partial->object;
    for (uint32_t chunk = 0; chunk < object->chunks; chunk++) {
        if (object->have[chunk] || !kith_id_eq(&object->chunk_id[chunk], hash)) continue;
        if (kith_object_chunk_len(object, chunk) != bytes.len) continue;
        memcpy(object->bytes + (uint64_t)chunk * KITH_CHUNK_LEN, bytes.at, bytes.len);
        if (kith_object_check_chunk(object, chunk) != 0) return false;
        partial->saved[chunk] = true;
        return true;
    }
    return false;
}

void kith_partials_start(struct kith_partials *partials, const struct kith_bytes *stored,
                         const struct kith_id *swarm, const struct kith_scheme *scheme,
                         const struct kith_turn *turn)
{
    if (!partials->owner) return;
    for (uint32_t i = 0; i < partials->count; i++) {
        struct kith_bytes head = stored[KITH_STORE_PART + i];
        restore_head(partials, head, swarm, scheme, turn);
        partials->at[i].head_saved = partials->at[i].object != NULL;
        partials->at[i].wipe = !partials->at[i].object && head.len > 1;
    }
    for (int slot = 0; slot < KITH_STORE_CHUNKS; slot++) {
        struct kith_bytes bytes = stored[KITH_STORE_CHUNK + slot];
        if (bytes.len == 0 || bytes.len > KITH_CHUNK_LEN) continue;
        if (!partials->at[0].object) return; /* nothing they could belong to */
        struct kith_id hash = kith_object_chunk_hash(bytes);
        for (uint32_t i = 0; i < partials->count && !partials->owner[slot]; i++)
            if (partials->at[i].object && restore_chunk(&partials->at[i], bytes, &hash))
                partials->owner[slot] = (uint8_t)(i + 1);
    }
}
