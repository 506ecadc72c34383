/* base/outbox.h: effects, the only way anything leaves the core, collected during one step. Plain
 * data. The order of effects is the order in which the host applies them. Pure. */
#ifndef KITH_BASE_OUTBOX_H
#define KITH_BASE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/id.h"

enum {
    KITH_CONTROL_MAX = 16 * 1024,            /* bytes of a control message */
    KITH_BLOCK_MAX = 64 * 1024,              /* bytes of content in one bulk message */
    KITH_MESSAGE_MAX = KITH_BLOCK_MAX + 256, /* bytes of any message: one frame of a link */
    /* What waits on a link for its peer to take it. Past it a bulk message is dropped; past the
     * other the link closes. Bulk: the windows of a few pulls (overlay/pull.h), both ways at once.
     */
    KITH_LINK_CONTROL_MAX = 256 * 1024,
    KITH_LINK_BULK_MAX = 2 * 1024 * 1024,
    KITH_DHT_KEY_LEN = 20,
    KITH_DHT_VALUE_MAX = 560, /* one datagram of OpenDHT */
    KITH_DHT_VALUES_MAX = 64, /* values a get hands up */
};

/* A link is one authenticated connection. The host numbers links from 1 and never reuses a number.
 */
typedef uint64_t kith_link;

enum kith_send_class { KITH_SEND_CONTROL, KITH_SEND_BULK };

enum kith_hang_up_reason {
    KITH_HANG_UP_DONE,      /* no longer needed */
    KITH_HANG_UP_DUPLICATE, /* another link to the same peer is kept */
    KITH_HANG_UP_SELF,      /* the far end is ourselves */
    KITH_HANG_UP_PROTOCOL,  /* the far end broke the protocol */
    KITH_HANG_UP_SILENT,    /* the far end no longer answers */
    KITH_HANG_UP_STOPPING,
};

enum { KITH_STORE_PARTS = 2, KITH_STORE_CHUNKS = 240 };

enum kith_store_key {
    KITH_STORE_CHECKPOINT,
    KITH_STORE_PEERS,
    KITH_STORE_PART, /* KITH_STORE_PARTS of these: downloads that were interrupted ... */
    KITH_STORE_CHUNK = KITH_STORE_PART + KITH_STORE_PARTS, /* ... and KITH_STORE_CHUNKS of theirs */
    KITH_STORE_KEYS = KITH_STORE_CHUNK + KITH_STORE_CHUNKS,
};

enum kith_effect_kind {
    KITH_EFFECT_DIAL,
    KITH_EFFECT_SEND,
    KITH_EFFECT_HANG_UP,
    KITH_EFFECT_DHT_PUT,
    KITH_EFFECT_DHT_GET,
    KITH_EFFECT_DHT_PING,
    KITH_EFFECT_COMPUTE,
    KITH_EFFECT_STORE,
    KITH_EFFECT_REPORT,
    KITH_EFFECT_STOPPED,
};

struct kith_job;    /* training/job.h */
struct kith_report; /* node/report.h */

struct kith_effect {
    enum kith_effect_kind kind;
    union {
        struct {
            uint64_t number; /* comes back in LINK_UP or DIAL_FAILED */
            struct kith_addr addr;
            struct kith_id expect; /* zero: whoever answers */
        } dial;
        struct {
            kith_link link;
            enum kith_send_class send_class;
            struct kith_bytes head; /* the message is head then body */
            struct kith_bytes body;
        } send;
        struct {
            kith_link link;
            enum kith_hang_up_reason reason;
        } hang_up;
        struct {
            uint64_t number; /* comes back in DHT_VALUE and DHT_DONE */
            uint8_t key[KITH_DHT_KEY_LEN];
            struct kith_bytes value; /* of a put */
        } dht;                       /* DHT_PUT, DHT_GET */
        struct {
            struct kith_addr addr;
        } dht_ping;
        struct {
            struct kith_job *job; /* lent until COMPUTED */
        } compute;
        struct {
            enum kith_store_key key;
            struct kith_bytes bytes; /* replaces what was stored, atomically */
        } store;
        struct {
            const struct kith_report *report;
        } report;
    };
};

/* Effects and the bytes they borrow, until the next reset. Past its size an effect is dropped and
 * counted: the protocol survives a lost message, the process does not survive unbounded memory. */
struct kith_outbox {
    struct kith_effect *effects;
    uint32_t count;
    uint32_t effects_max;
    uint8_t *arena;
    size_t arena_used;
    size_t arena_size;
    uint64_t dropped;
};

/* 0 or KITH_ERR_NOMEM. */
int kith_outbox_init(struct kith_outbox *outbox, uint32_t effects_max, size_t arena_size);
void kith_outbox_release(struct kith_outbox *outbox);
void kith_outbox_reset(struct kith_outbox *outbox);
/* Append; false, and counted, if full. */
bool kith_outbox_add(struct kith_outbox *outbox, const struct kith_effect *effect);
/* Room that lives as long as the effects, aligned for any type, or NULL (counted). */
void *kith_outbox_room(struct kith_outbox *outbox, size_t size);
/* A control message, copied. */
void kith_outbox_send(struct kith_outbox *outbox, kith_link link, struct kith_bytes message);
void kith_outbox_hang_up(struct kith_outbox *outbox, kith_link link,
                         enum kith_hang_up_reason reason);

#endif
