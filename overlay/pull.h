/* overlay/pull.h: get the newest snapshot or soft labels of a peer: reach it, ask for its manifest,
 * fetch the object in blocks, check each chunk. If the author falls silent another link is asked
 * for what is missing; a source that sends wrong bytes is cut off. Pure.
 *
 *   LINKING -> HEAD -> INDEX -> BLOCKS -> done        (INDEX only for objects of several chunks) */
#ifndef KITH_OVERLAY_PULL_H
#define KITH_OVERLAY_PULL_H

#include "base/turn.h"
#include "overlay/arrivals.h"
#include "overlay/dialer.h"
#include "overlay/links.h"
#include "overlay/objects.h"
#include "overlay/overlay_msg.h"
#include "overlay/partial.h"
#include "overlay/peers.h"
#include "overlay/serve.h"

enum {
    KITH_PULLS_MAX = 32,
    KITH_PULL_WINDOW = 8,                 /* blocks asked for and not yet here */
    KITH_PULL_REACH_US = 3 * 1000 * 1000, /* to get a link and a manifest, at first */
    KITH_PULL_REACH_LEAST_US = 1000 * 1000,
    KITH_PULL_REACH_MOST_US = 30 * 1000 * 1000,
    KITH_PULL_STALL_US = 5 * 1000 * 1000, /* without a block, at first: try another source */
    KITH_PULL_STALL_LEAST_US = 2 * 1000 * 1000,
    KITH_PULL_STALL_MOST_US = 60 * 1000 * 1000,
    KITH_PULL_SOURCES = 4, /* sources tried before giving up */
    KITH_PULL_AVOID_US = 10 * 1000 * 1000,
    KITH_PULL_RATE_MIN = 64 * 1024, /* bytes a second that a source must average over 10 s */
};

enum kith_pull_phase {
    KITH_PULL_FREE,
    KITH_PULL_LINKING,
    KITH_PULL_HEAD,
    KITH_PULL_INDEX,
    KITH_PULL_BLOCKS,
    KITH_PULL_ENDED, /* waits to be taken */
    KITH_PULL_TAKEN, /* its object is in use */
};

/* What the asker will accept. */
struct kith_pull_terms {
    enum kith_manifest_kind kind;
    bool any_class;
    uint8_t class_id[KITH_CLASS_LEN];
    uint64_t length_max;
    uint64_t length_of_wire[4]; /* the exact length by wire; 0: any up to length_max */
};

struct kith_pull {
    enum kith_pull_phase phase;
    struct kith_id author;
    struct kith_pull_terms terms;
    kith_link source;
    uint32_t sources; /* tried so far */
    uint32_t ask;     /* next block to ask for */
    uint32_t expect;  /* next block to come */
    uint32_t waiting; /* asked for and not here */
    uint64_t since_us;
    uint64_t progress_us;
    int err; /* of an ended pull */
    struct kith_manifest manifest;
    uint16_t sealed_len;
    uint8_t sealed[KITH_MANIFEST_MAX];
    struct kith_object *object; /* pinned while set */
};

/* How long manifests and blocks took to come. */
struct kith_pulls_seen {
    struct kith_arrivals reach;
    struct kith_arrivals block;
};

struct kith_pulls {
    struct kith_peers *peers;
    struct kith_links *links;
    struct kith_dialer *dialer;
    struct kith_objects *objects;
    struct kith_serve *serve;
    struct kith_partials *partials;
    uint32_t count; /* KITH_PULLS_MAX, or 0: there is room for no object */
    struct kith_pull *at;
    struct kith_pulls_seen *seen; /* NULL as `at` */
};

/* 0 or KITH_ERR_NOMEM. */
int kith_pulls_init(struct kith_pulls *pulls, struct kith_peers *peers, struct kith_links *links,
                    struct kith_dialer *dialer, struct kith_objects *objects,
                    struct kith_serve *serve, struct kith_partials *partials);
void kith_pulls_release(struct kith_pulls *pulls);
size_t kith_pulls_memory(const struct kith_pulls *pulls);
/* False if the author cannot be reached, is pulled from already, or all pulls are busy. */
bool kith_pulls_start(struct kith_pulls *pulls, struct kith_peer *author,
                      const struct kith_pull_terms *terms, const struct kith_turn *turn);
/* Go on with what was interrupted, in this life or an earlier one, from whoever is linked. */
void kith_pulls_resume(struct kith_pulls *pulls, const struct kith_pull_terms *terms,
                       const struct kith_turn *turn);
/* An ended pull, NULL: none. Free it with kith_pulls_free when done with its object. */
struct kith_pull *kith_pulls_next_ended(struct kith_pulls *pulls);
void kith_pulls_free(struct kith_pull *pull);
/* End all that are under way with `err`. */
void kith_pulls_cancel(struct kith_pulls *pulls, int err, const struct kith_turn *turn);
uint32_t kith_pulls_under_way(const struct kith_pulls *pulls);

void kith_pulls_on_ready(struct kith_pulls *pulls, const struct kith_link_slot *slot,
                         const struct kith_turn *turn);
void kith_pulls_on_unreachable(struct kith_pulls *pulls, const struct kith_id *author,
                               const struct kith_turn *turn);
void kith_pulls_on_down(struct kith_pulls *pulls, kith_link link, const struct kith_turn *turn);
void kith_pulls_on_head(struct kith_pulls *pulls, const struct kith_link_slot *slot,
                        const struct kith_msg *msg, const struct kith_turn *turn);
void kith_pulls_on_block(struct kith_pulls *pulls, const struct kith_link_slot *slot,
                         const struct kith_msg *msg, const struct kith_turn *turn);
void kith_pulls_on_nope(struct kith_pulls *pulls, const struct kith_link_slot *slot,
                        const struct kith_msg *msg, const struct kith_turn *turn);
void kith_pulls_on_deadline(struct kith_pulls *pulls, const struct kith_turn *turn);
uint64_t kith_pulls_deadline_us(const struct kith_pulls *pulls);

#endif
