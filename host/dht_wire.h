/* host/dht_wire.h: what a node and its DHT helper say to each other over their socket pair: frames
 * of a u16 length and that many bytes, a u8 kind first. Both ends use this one reader and writer,
 * and neither trusts the other. Pure. */
#ifndef KITH_HOST_DHT_WIRE_H
#define KITH_HOST_DHT_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/outbox.h"

enum {
    KITH_DHT_WIRE_SEEDS_MAX = 32,
    KITH_DHT_FRAME_MAX = 2 + 640, /* the longest frame with its length field, rounded up */
    KITH_DHT_STREAM_SIZE = 8 * 1024,
};

enum kith_dht_kind {
    /* From the node. START comes first and once. */
    KITH_DHT_START = 1,
    KITH_DHT_PUT = 2,
    KITH_DHT_GET = 3,
    KITH_DHT_PING = 4,
    KITH_DHT_ASK_STATS = 5,
    /* From the helper. */
    KITH_DHT_STARTED = 65,
    KITH_DHT_VALUE = 66,
    KITH_DHT_DONE = 67,
    KITH_DHT_STATS = 68,
};

enum kith_dht_start_flag { KITH_DHT_LOOPBACK_ONLY = 1, KITH_DHT_SHIELD_OFF = 2 };

/* Counted since the helper's start. */
struct kith_dht_traffic {
    uint64_t datagrams;     /* received, dropped ones included */
    uint64_t dropped;       /* of these, by the shield */
    uint64_t bytes;         /* of all received */
    uint64_t datagrams_out; /* sent */
    uint64_t bytes_out;
};

struct kith_dht_message {
    enum kith_dht_kind kind;
    union {
        struct {
            uint32_t net32;
            uint16_t port; /* not 0 */
            uint8_t flags; /* enum kith_dht_start_flag, or-ed */
            uint8_t seed_count;
            struct kith_addr seeds[KITH_DHT_WIRE_SEEDS_MAX]; /* none of kind BAD */
        } start;
        struct {
            uint64_t number;
            uint8_t key[KITH_DHT_KEY_LEN];
            struct kith_bytes value; /* 1 to KITH_DHT_VALUE_MAX bytes */
        } put;
        struct {
            uint64_t number;
            uint8_t key[KITH_DHT_KEY_LEN];
            uint8_t values_max; /* 1 to KITH_DHT_VALUES_MAX */
        } get;
        struct {
            struct kith_addr addr; /* not of kind BAD */
        } ping;
        struct {
            uint16_t port; /* that is bound; 0 if err */
            int err;       /* 0 or KITH_ERR_*; after an error the helper ends */
        } started;
        struct {
            uint64_t number;
            struct kith_bytes value; /* 1 to KITH_DHT_VALUE_MAX bytes */
        } value;
        struct {
            uint64_t number;
            int err; /* 0 or KITH_ERR_* */
        } done;
        struct {
            struct kith_dht_traffic traffic;
            uint64_t pings_answered;
            uint32_t open;
        } stats;
    };
};

/* One frame's bytes without the length field. Views borrow from `frame`. 0, TRUNCATED, TRAILING,
 * TYPE (no such kind), RANGE or INVALID. */
int kith_dht_wire_decode(struct kith_bytes frame, struct kith_dht_message *ret);
/* A whole frame, length field included, into a buffer of KITH_DHT_FRAME_MAX bytes; its length. The
 * message must be one that decode would accept. */
size_t kith_dht_wire_encode(const struct kith_dht_message *message,
                            uint8_t ret[static KITH_DHT_FRAME_MAX]);

/* Bytes from the socket until they are whole frames. Zeroed is empty. */
struct kith_dht_stream {
    size_t start;
    size_t len;
    uint8_t bytes[KITH_DHT_STREAM_SIZE];
};

/* Where to read to, and how much at most (never 0 if every whole frame was taken). */
uint8_t *kith_dht_stream_room(struct kith_dht_stream *stream, size_t *ret_size);
void kith_dht_stream_filled(struct kith_dht_stream *stream, size_t len);
/* 1: the next message, its views valid until the next kith_dht_stream_room; 0: no whole frame yet;
 * KITH_ERR_*: the far end broke the protocol, and nothing more can be read. */
int kith_dht_stream_next(struct kith_dht_stream *stream, struct kith_dht_message *ret);

#endif
