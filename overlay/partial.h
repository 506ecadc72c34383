/* overlay/partial.h: downloads that outlive what interrupts them. When the source of a large object
 * is lost, or the download is slow, its verified chunks are stored one by one, each once, and a
 * later start brings them back: what is fetched then, from whoever holds the object, is the rest. A
 * stored chunk has no name: it belongs to the object whose index holds its hash, and if a bit of it
 * flipped, to none. Pure. */
#ifndef KITH_OVERLAY_PARTIAL_H
#define KITH_OVERLAY_PARTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/turn.h"
#include "identity/record.h"
#include "overlay/objects.h"

enum {
    KITH_PARTIAL_CHUNKS_MIN = 4, /* smaller objects are fetched anew */
    KITH_PARTIAL_SLOW_US =
        5 * 1000 * 1000,                  /* a download that takes so long is stored as it comes */
    KITH_PARTIAL_AGE_MS = 60 * 60 * 1000, /* older ones are of no use any more */
    KITH_PARTIAL_TRIES = 3,               /* without a new chunk: nobody has it any more */
    KITH_PARTIAL_FLIGHT = 4,              /* stores under way */
    KITH_PARTIAL_REST_US = 60 * 1000 * 1000, /* after a store failed */
};

struct kith_partial {
    struct kith_object *object; /* pinned; NULL: free */
    struct kith_manifest manifest;
    uint16_t sealed_len;
    uint8_t sealed[KITH_MANIFEST_MAX];
    uint64_t wall_ms; /* when it began */
    uint32_t tries;   /* since the last new chunk */
    uint32_t had;     /* chunks at the last try */
    bool head_saved;
    bool wipe;   /* the head of one that was forgotten is still stored */
    bool *saved; /* [KITH_CHUNKS_MAX] */
};

struct kith_partials {
    struct kith_objects *objects;
    uint32_t count;          /* KITH_STORE_PARTS, or 0: keeps nothing */
    struct kith_partial *at; /* [count] */
    uint8_t
        *owner; /* [KITH_STORE_CHUNKS] 0: free, else 1 + whose chunk it is; NULL: keeps nothing */
    uint8_t *head; /* [KITH_PARTIAL_HEAD_MAX] scratch, and a head on its way to the disk */
    uint32_t flight;
    uint64_t rest_until_us;
};

/* `object_len_max` decides whether there is anything to keep. 0 or NOMEM. */
int kith_partials_init(struct kith_partials *partials, struct kith_objects *objects,
                       uint64_t object_len_max);
void kith_partials_release(struct kith_partials *partials);
size_t kith_partials_memory(const struct kith_partials *partials);
/* What an earlier life stored, [KITH_STORE_KEYS]; whatever does not verify is ignored. */
void kith_partials_start(struct kith_partials *partials, const struct kith_bytes *stored,
                         const struct kith_id *swarm, const struct kith_scheme *scheme,
                         const struct kith_turn *turn);
/* Keep the verified chunks of this object, which has an index, from now on. */
void kith_partials_keep(struct kith_partials *partials, struct kith_object *object,
                        const struct kith_manifest *manifest, struct kith_bytes sealed,
                        const struct kith_turn *turn);
/* An object of this author and kind is whole: what was kept of it, or of an older one, is
 * forgotten. */
void kith_partials_done(struct kith_partials *partials, const struct kith_manifest *manifest);
/* The i-th that is worth another try now, NULL: no more. Each call for i = 0 counts as the try of
 * all. */
struct kith_partial *kith_partials_next(struct kith_partials *partials,
                                        enum kith_manifest_kind kind, uint32_t *cursor,
                                        const struct kith_turn *turn);
/* Store what waits, a little at a time. */
void kith_partials_advance(struct kith_partials *partials, const struct kith_turn *turn);
void kith_partials_on_stored(struct kith_partials *partials, int err, const struct kith_turn *turn);
/* Nothing waits to be stored or is on its way. */
bool kith_partials_is_idle(const struct kith_partials *partials);

#endif
