/* overlay/serve.h: answers to what others ask of published objects: newest manifests (our own and
 * those we pulled) and pieces of objects. Pure. */
#ifndef KITH_OVERLAY_SERVE_H
#define KITH_OVERLAY_SERVE_H

#include "base/turn.h"
#include "identity/record.h"
#include "overlay/links.h"
#include "overlay/objects.h"
#include "overlay/overlay_msg.h"

enum { KITH_HEADS_MAX = 64 };

struct kith_head {
    struct kith_id author;
    enum kith_manifest_kind kind;
    struct kith_id object;
    uint64_t used; /* higher: later */
    uint16_t len;
    uint8_t bytes[KITH_MANIFEST_MAX];
};

struct kith_serve {
    struct kith_objects *objects;
    uint32_t count;
    uint64_t uses;
    struct kith_head *head; /* [KITH_HEADS_MAX] */
};

/* Without room for any object nothing is ever published. 0 or KITH_ERR_NOMEM. */
int kith_serve_init(struct kith_serve *serve, struct kith_objects *objects);
void kith_serve_release(struct kith_serve *serve);
size_t kith_serve_memory(const struct kith_serve *serve);
/* This sealed manifest is now the newest of its author and kind. */
void kith_serve_publish(struct kith_serve *serve, const struct kith_manifest *manifest,
                        struct kith_bytes sealed);
void kith_serve_on_head_want(struct kith_serve *serve, const struct kith_link_slot *slot,
                             const struct kith_msg *msg, const struct kith_turn *turn);
void kith_serve_on_want(struct kith_serve *serve, const struct kith_link_slot *slot,
                        const struct kith_msg *msg, const struct kith_turn *turn);

#endif
