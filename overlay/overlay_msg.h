/* overlay/overlay_msg.h: every message between peers, as msgpack arrays [type, fields...] read by
 * the bounded reader. docs/PROTOCOL.md gives the fields and limits. Decoded byte ranges are
 * borrowed from the message. Pure. */
#ifndef KITH_OVERLAY_OVERLAY_MSG_H
#define KITH_OVERLAY_OVERLAY_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/id.h"
#include "base/outbox.h"
#include "identity/record.h"

enum { KITH_OVERLAY_VERSION = 1 }; /* of these messages: the protocol's version */

enum kith_msg_type {
    KITH_MSG_HELLO = 1,     /* my peer record and clock: the first message of a link, both ways */
    KITH_MSG_PING = 2,      /* answer me */
    KITH_MSG_PONG = 3,      /* the answer, with the ping's number and my clock */
    KITH_MSG_PEERS = 4,     /* peer records, and of whom I want newer ones */
    KITH_MSG_HEAD_WANT = 5, /* send me the newest manifest of this author */
    KITH_MSG_HEAD = 6,      /* the manifest, or empty: none */
    KITH_MSG_WANT = 7,      /* send me a piece of an object */
    KITH_MSG_BLOCK = 8,     /* the piece */
    KITH_MSG_NOPE = 9,      /* I do not hold that object */
    KITH_MSG_STATUS_WANT = 10, /* send me your counters */
    KITH_MSG_STATUS = 11,      /* the counters, in the order of base/stats.h */
};

enum {
    KITH_MSG_TYPES = 12,
    KITH_PEERS_PER_MSG = 16,
    KITH_WANTS_MAX = 8,        /* of one PEERS */
    KITH_FILTER_MAX = 8 + 256, /* bytes of a filter: a salt and the bits */
    KITH_HOTKEY_PREFIX = 8,    /* leading bytes of a hotkey that name it in a want */
    KITH_STATUS_MAX = 64,      /* counters of a status message */
};

/* Send me the record of this hotkey if yours is newer. */
struct kith_want {
    uint64_t prefix; /* first 8 bytes of the hotkey, big-endian */
    uint64_t seq;    /* what I have */
};

/* Which piece of an object: its index (the chunk hashes) or a block of its bytes. */
enum kith_piece { KITH_PIECE_INDEX = 0, KITH_PIECE_BLOCK = 1 };

struct kith_msg {
    enum kith_msg_type type;
    union {
        struct {
            struct kith_bytes record;
            uint64_t wall_ms; /* the sender's own clock */
        } hello;
        struct {
            uint64_t number;
            uint64_t wall_ms; /* of PONG: the sender's own clock */
        } ping;               /* and pong */
        struct {
            uint32_t count;
            uint32_t want_count;
            struct kith_bytes record[KITH_PEERS_PER_MSG];
            struct kith_want want[KITH_WANTS_MAX];
            uint64_t set; /* fingerprint of the hotkeys known; 0: none given, ask for nothing */
            struct kith_bytes filter; /* of the hotkeys known: send me others; empty: none */
        } peers;
        struct {
            enum kith_manifest_kind kind;
            struct kith_id author;
            struct kith_bytes manifest; /* of HEAD */
        } head;                         /* HEAD_WANT, HEAD */
        struct {
            struct kith_id object;
            enum kith_piece piece;
            uint32_t number;        /* block number; 0 for an index */
            struct kith_bytes data; /* of BLOCK, 1 to KITH_BLOCK_MAX bytes */
        } piece;                    /* WANT, BLOCK, NOPE (object only) */
        struct {
            char version[32];
            uint32_t count;
            uint64_t value[KITH_STATUS_MAX];
        } status;
    };
};

/* 0, or TYPE, RANGE, TRUNCATED, TRAILING, INVALID. `ret` is scratch on error. */
int kith_msg_decode(struct kith_bytes bytes, struct kith_msg *ret);
/* Encode any message but BLOCK into `buffer`; an empty range if it does not fit. */
struct kith_bytes kith_msg_encode(const struct kith_msg *msg, void *buffer, size_t size);
/* The head of a BLOCK whose data the caller sends as the message's body. */
struct kith_bytes kith_msg_encode_block_head(const struct kith_msg *msg, void *buffer, size_t size);
/* True for the classes of messages that carry bulk. */
bool kith_msg_is_bulk(enum kith_msg_type type);

/* What a message's bytes are spent on. */
enum kith_purpose { KITH_PURPOSE_OTHER, KITH_PURPOSE_GOSSIP, KITH_PURPOSE_PULL };
/* Told from the first bytes of a message, which is not decoded: HELLO to PEERS are gossip.
 * Messages of a pull give the manifest's kind in *ret_kind, or 0 there and the object in
 * *ret_object. */
enum kith_purpose kith_msg_purpose(struct kith_bytes head, uint8_t *ret_kind,
                                   struct kith_id *ret_object);
/* "HELLO", "PING", ...; "?" for no type. */
const char *kith_msg_name(uint32_t type);

/* The name of a hotkey in a want. */
static inline uint64_t kith_hotkey_prefix(const struct kith_id *hotkey)
{
    uint64_t prefix = 0;
    for (int i = 0; i < KITH_HOTKEY_PREFIX; i++)
        prefix = prefix << 8 | hotkey->bytes[i];
    return prefix;
}

#endif
