/* host/net_uv.h: authenticated, encrypted links over TCP on a libuv loop: listens, dials, and moves
 * whole messages. A link exists once the far end has proved its hotkey (identity/handshake) and has
 * found ours good; everything on it is sealed in frames (host/frame). docs/PROTOCOL.md, "Links and
 * frames", says what goes over the wire.
 *
 * All calls belong to the loop's thread. Callbacks come from the loop, never from inside a call,
 * and may make any call here. Ignore SIGPIPE before the first net is made.
 *
 * Sending is bounded: a link holds at most limits.control_max bytes of control messages and
 * limits.bulk_max bytes of bulk messages. A bulk message that does not fit is dropped and counted,
 * whoever asked for it asks again; a control message that does not fit closes the link with
 * KITH_ERR_FULL, because its peer has stopped reading. Waiting control messages always go before
 * waiting bulk messages; within a class the order is kept. */
#ifndef KITH_HOST_NET_UV_H
#define KITH_HOST_NET_UV_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/id.h"
#include "base/outbox.h"
#include "identity/keys.h"

struct kith_net;

/* 0 means the value given behind each. */
struct kith_net_limits {
    uint32_t half_open_max;        /* 256: accepted, not yet authenticated, in all */
    uint32_t half_open_per_ip_max; /* 4: of one address; loopback is exempt */
    uint32_t accepts_per_s;        /* 50, and bursts of twice as many; loopback is exempt */
    uint32_t accepts_per_ip_per_s; /* 5, likewise */
    uint32_t dials_max;            /* 64: under way at once */
    uint32_t control_max;          /* KITH_LINK_CONTROL_MAX: bytes waiting on a link */
    uint32_t bulk_max;             /* KITH_LINK_BULK_MAX: likewise */
    uint32_t connect_ms;           /* 5,000: until TCP answers a dial */
    uint32_t first_byte_ms;        /* 2,000: until whoever connected says anything */
    uint32_t handshake_ms;         /* 5,000: until it is authenticated */
    uint32_t frame_ms;             /* 10,000: from the first to the last byte of a frame */
    uint32_t stall_ms;             /* 30,000: the far end takes none of the bytes waiting for it;
                                    * also TCP_USER_TIMEOUT */
    uint32_t linger_ms;            /* 500: for the BYE to leave after a hang-up */
};

struct kith_net_config {
    uv_loop_t *loop;
    const struct kith_keypair *keypair; /* must outlive the net */
    const struct kith_scheme *scheme;
    struct kith_id swarm;
    struct kith_addr bind; /* port 0: any; family 0: no listener, the net only dials */
    uint32_t links_max;    /* 1 to 1,024, those just being dialled not counted */
    uint8_t version_min;   /* protocol versions spoken; both 0: KITH_PROTOCOL_VERSION */
    uint8_t version_max;
    struct kith_net_limits limits;
    void *context;
    /* dialed: by us, and `number` is that of the dial, else 0. */
    void (*on_link_up)(void *context, kith_link link, const struct kith_id *peer,
                       const struct kith_addr *addr, bool dialed, uint64_t number);
    /* After it nothing comes from this link; comes also after our hang-up. CLOSED: either side hung
     * up in good order; TRUNCATED: the connection ended without a goodbye; TIMEOUT: stalled;
     * CRYPTO: a frame was forged, lost, repeated or reordered; RANGE, TYPE: a frame that cannot be;
     * FULL: see above; IO. */
    void (*on_link_down)(void *context, kith_link link, int err);
    /* SIGNATURE: another hotkey answered than the one expected; SELF: our own did; INVALID: no
     * address that can be dialled; VERSION; TIMEOUT; FULL: too many dials or links; REFUSED:
     * nobody listens there; CLOSED: hung up during the handshake; CRYPTO: not a kith of this swarm;
     * IO: no way there.
     */
    void (*on_dial_failed)(void *context, uint64_t number, int err);
    /* Whole, 1 to KITH_MESSAGE_MAX bytes; borrowed for the call. */
    void (*on_message)(void *context, kith_link link, struct kith_bytes message);
    /* No bulk message waits on this link any more and there is room for more: for whoever sends as
     * fast as the link takes it. May be NULL. */
    void (*on_drained)(void *context, kith_link link);
    /* One line for a person, borrowed; rare. May be NULL. */
    void (*on_log)(void *context, const char *line);
};

#define KITH_NET_COUNTERS_MAP(X)                                                                   \
    X(raw_bytes_in, "bytes received, frames and handshakes included")                              \
    X(raw_bytes_out, "bytes sent, likewise")                                                       \
    X(messages_in, "messages received")                                                            \
    X(messages_out, "messages handed to TCP")                                                      \
    X(writes, "writes, each of one or more frames")                                                \
    X(accepted, "connections accepted")                                                            \
    X(handshakes, "handshakes completed")                                                          \
    X(links, "links now")                                                                          \
    X(half_open, "accepted connections not yet authenticated, now")                                \
    X(refused_half_open, "connections refused or dropped: too many not yet authenticated")         \
    X(refused_rate, "connections refused: too many in a short time")                               \
    X(refused_links, "connections refused: all links in use")                                      \
    X(refused_silent, "handshakes given up: nothing came, or too slowly")                          \
    X(refused_garbage, "handshakes refused: not our protocol or swarm, or altered on the way")     \
    X(refused_version, "handshakes refused: no common protocol version")                           \
    X(refused_hotkey, "dials given up: another hotkey answered")                                   \
    X(refused_self, "connections to ourselves")                                                    \
    X(accept_failed, "connections lost for want of descriptors or memory")                         \
    X(bad_frames, "links closed: a frame was malformed, forged or out of order")                   \
    X(cut, "links that ended without a goodbye")                                                   \
    X(stalled, "links closed: the far end took or finished nothing for too long")                  \
    X(overrun, "links closed: too many control messages waiting")                                  \
    X(bulk_dropped, "bulk messages dropped: the queue was full")

struct kith_net_counters {
#define X(name, text) uint64_t name;
    KITH_NET_COUNTERS_MAP(X)
#undef X
};

/* 0; IN_USE: the port is taken; PERMISSION; INVALID: no loop, key, callback or such address on this
 * machine; RANGE: links_max; NOMEM; IO. After an error the loop must turn once more, if it is to be
 * closed. */
int kith_net_new(const struct kith_net_config *config, struct kith_net **ret_net);
/* The port listened on, 0 without a listener. */
uint16_t kith_net_port(const struct kith_net *net);

/* Dial; at most 1,024 times in one turn of the loop (asserted). Exactly one on_link_up or
 * on_dial_failed with this number follows, unless the net is closed first. `expect` NULL or zero:
 * whoever answers. */
void kith_net_dial(struct kith_net *net, uint64_t number, const struct kith_addr *addr,
                   const struct kith_id *expect);
/* Send head then body as one message of 1 to KITH_MESSAGE_MAX bytes (asserted), copied or sealed
 * before the call returns. False if it was dropped: the link is gone, or the queue is full. */
bool kith_net_send(struct kith_net *net, kith_link link, enum kith_send_class send_class,
                   struct kith_bytes head, struct kith_bytes body);
/* How many bytes of frames this link takes now, on a fast link straight from the sender's memory
 * without a copy into a queue: for whoever streams from on_drained. 0 for a link that is gone. */
size_t kith_net_room(const struct kith_net *net, kith_link link);
/* Say goodbye, after what already waits in the control queue, and close. What waits in the bulk
 * queue is dropped. on_link_down follows. */
void kith_net_hang_up(struct kith_net *net, kith_link link, enum kith_hang_up_reason reason);

/* Hang up all links and close. on_closed (may be NULL) comes within about limits.linger_ms; no
 * other callback comes after this call, and no call is allowed but kith_net_counters until
 * on_closed returns, when the net is freed. */
void kith_net_close(struct kith_net *net, void (*on_closed)(void *context), void *context);
const struct kith_net_counters *kith_net_counters(const struct kith_net *net);

#endif
