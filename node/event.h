/* node/event.h: all that can happen to a node. Plain data, borrowed for the call. Pure. */
#ifndef KITH_NODE_EVENT_H
#define KITH_NODE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/id.h"
#include "base/outbox.h"
#include "base/stats.h"

enum kith_event_kind {
    KITH_EVENT_START,
    KITH_EVENT_LINK_UP,
    KITH_EVENT_LINK_DOWN,
    KITH_EVENT_DIAL_FAILED,
    KITH_EVENT_MESSAGE,
    KITH_EVENT_DEADLINE,
    KITH_EVENT_DHT_VALUE,
    KITH_EVENT_DHT_DONE,
    KITH_EVENT_COMPUTED,
    KITH_EVENT_STORED,
    KITH_EVENT_ASK_STATUS,
    KITH_EVENT_STOP,
};

struct kith_event {
    enum kith_event_kind kind;
    uint64_t now_us;                    /* monotonic, never less than in the event before */
    uint64_t wall_ms;                   /* unix time; decides only the validity of records */
    const struct kith_traffic *traffic; /* what the host has counted so far, or NULL */
    union {
        struct {
            const struct kith_bytes *stored; /* [KITH_STORE_KEYS]; empty: nothing was stored */
            const struct kith_addr *own;     /* where others may reach us */
            uint32_t own_count;
            const struct kith_addr *bootstrap;
            uint32_t bootstrap_count;
        } start;
        struct {
            kith_link link;
            struct kith_id peer;   /* the hotkey that the far end proved */
            struct kith_addr addr; /* the far end's, as seen here */
            bool dialed;           /* by us */
            uint64_t number;       /* of the DIAL, if dialed */
        } link_up;
        struct {
            kith_link link;
            int err; /* KITH_ERR_* */
        } link_down; /* after it nothing comes from this link; also after our HANG_UP */
        struct {
            uint64_t number;
            int err; /* KITH_ERR_*; SIGNATURE: another hotkey answered; REFUSED: nobody listens
                        there */
        } dial_failed;
        struct {
            kith_link link;
            struct kith_bytes bytes; /* whole, 1 to KITH_MESSAGE_MAX */
        } message;
        struct {
            uint64_t number;
            struct kith_bytes value; /* of DHT_VALUE: at most KITH_DHT_VALUE_MAX */
            int err;                 /* of DHT_DONE: 0, TIMEOUT, FULL (crowded), CLOSED */
        } dht;
        struct {
            struct kith_job *job; /* given back */
        } computed;
        struct {
            enum kith_store_key key;
            int err;
        } stored;
        struct {
            struct kith_id peer; /* whose counters are wanted; it is dialled if need be */
        } ask_status;
    };
};

#endif
