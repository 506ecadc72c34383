/* host/net_conn.h: what net_uv.c, net_conn.c and net_send.c share: the net, and one TCP connection
 * of it from connect or accept to the end. Private to these three. */
#ifndef KITH_HOST_NET_CONN_H
#define KITH_HOST_NET_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/addr.h"
#include "base/rng.h"
#include "host/channel.h"
#include "host/net_guard.h"
#include "host/net_uv.h"
#include "host/send_queue.h"

enum {
    /* Bytes of frames handed to libuv at once: at first, from where on bulk messages go whole, and
     * on a link that takes that much within milliseconds. Waking a receiver costs as much as some
     * 30 KiB, hence so many. */
    KITH_NET_BATCH_FIRST = 16 * 1024,
    KITH_NET_BATCH_WHOLE = 64 * 1024,
    KITH_NET_BATCH_MAX = 512 * 1024,
    /* A batch ends with the frame that fills it, a hang-up adds one. */
    KITH_NET_OUT_SIZE = KITH_NET_BATCH_MAX + KITH_FRAME_MAX + KITH_CHANNEL_SIGNAL_LEN,
    KITH_NET_RECEIVE_SIZE = 256 * 1024 + KITH_FRAME_MAX,
    KITH_NET_POOL_MAX = 4,      /* buffers kept while nobody needs them */
    KITH_NET_FAILED_MAX = 1024, /* dials that fail at once, in one turn of the loop */
    KITH_NET_SCRATCH_SIZE = 16 * 1024,
};

enum kith_conn_phase {
    KITH_CONN_CONNECTING, /* a dial that TCP has not answered */
    KITH_CONN_SHAKING,
    KITH_CONN_OPEN,      /* a link */
    KITH_CONN_LINGERING, /* hung up by us: the goodbye is on its way */
    KITH_CONN_CLOSING,   /* libuv closes its handles */
};

struct kith_conn {
    struct kith_net *net;
    uint32_t index; /* in net->conns */
    enum kith_conn_phase phase;
    bool dialed;
    uint64_t number; /* of the dial */
    kith_link link;  /* 0 until on_link_up was called */
    int err;         /* why it closes */
    struct kith_addr addr;
    struct kith_id expect; /* of a dial */
    struct kith_channel channel;

    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    uint32_t handles; /* open ones of libuv */

    uint8_t *in;    /* of net->receive, while a read or a frame is under way on an open link */
    size_t offered; /* room given for the read under way */
    bool is_reading;
    bool has_read;   /* anything at all */
    bool is_full;    /* read all it was offered: the others' turn */
    bool is_blocked; /* not read because it does not read us */
    bool is_held;    /* what was received is not all taken, for the same reason */

    uint8_t *out; /* of net->send, while there is something in it: frames sealed */
    size_t out_len;
    size_t batch_max; /* how many bytes to seal ahead of the network */
    bool is_writing;  /* `out` is libuv's */
    bool is_limited;  /* TCP did not take it all at once */
    uint64_t write_began_ns;
    struct kith_send_queue control;
    struct kith_send_queue bulk;
    size_t bulk_sent; /* of its first message, in parts */
    uint8_t bye_code;
    bool has_said_bye;

    /* Loop time, ms. */
    uint64_t began_ms;    /* this phase */
    uint64_t frame_ms;    /* the frame under way began */
    uint64_t progress_ms; /* the far end last took bytes */
    size_t waiting;       /* bytes libuv held then */
    uint64_t armed_ms;    /* when the timer fires, 0: it does not */
    bool is_overdue;      /* a deadline has passed; judged after the sockets were looked at */

    bool is_dirty; /* in net->dirty */
    struct kith_conn *dirty_next;
};

/* Large buffers that links lend each other, so that idle links hold none. */
struct kith_net_pool {
    size_t size;
    uint32_t count;
    uint8_t *free[KITH_NET_POOL_MAX];
};

struct kith_net_failed {
    uint64_t number;
    int err;
};

struct kith_net {
    struct kith_net_config config; /* limits filled in */
    struct kith_net_counters counters;
    struct kith_net_guard guard;
    struct kith_net_pool receive; /* of KITH_NET_RECEIVE_SIZE */
    struct kith_net_pool send;    /* of KITH_NET_OUT_SIZE */
    uint8_t static_secret[KITH_SEED_LEN];
    uint16_t port;
    uv_tcp_t listener;
    uv_prepare_t prepare; /* runs while something is to be done before the loop waits */
    uv_idle_t idle;       /* keeps the loop from waiting */
    uv_tcp_t spare;       /* takes a connection that there is no room for */
    bool is_shedding;     /* it is in use */
    bool must_shed;       /* one more connection waits for it */
    uint32_t handles;     /* open ones of these */
    bool is_closing;
    void (*on_closed)(void *context);
    void *closed_context;

    struct kith_conn **conns; /* [0, conn_count), in no order */
    kith_link *links;         /* their numbers, side by side for the search */
    uint32_t conn_count;
    uint32_t conns_max;
    uint32_t dialing; /* connections that we dialled and that are no links yet */
    kith_link last_link;
    struct kith_conn *dirty;
    struct kith_net_failed failed[KITH_NET_FAILED_MAX];
    uint32_t failed_count;
    uint64_t logged_ms; /* when on_log was last called */
    uint8_t scratch[KITH_NET_SCRATCH_SIZE];
};

/* Of a libuv error. */
int kith_net_err(int uv_err);
/* A line for a person, unless there was one in the last minute: lines that peers cause must not
 * flood. */
void kith_net_log(struct kith_net *net, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Before the loop waits next, kith_conn_turn. */
void kith_net_mark(struct kith_net *net, struct kith_conn *conn);

/* A buffer, NULL without memory; *buffer becomes NULL. */
uint8_t *kith_net_borrow(struct kith_net_pool *pool);
void kith_net_give_back(struct kith_net_pool *pool, uint8_t **buffer);

/* A connection with its handles, in the net's table, in phase CONNECTING; NULL without memory. */
struct kith_conn *kith_conn_new(struct kith_net *net, bool dialed, const struct kith_addr *addr);
/* TCP is there: begin the handshake. */
void kith_conn_start(struct kith_conn *conn);
/* Close at once; the callbacks that are due come when libuv is done. The first error counts. */
void kith_conn_close(struct kith_conn *conn, int err);
/* Say goodbye, then close. Only before LINGERING. */
void kith_conn_hang_up(struct kith_conn *conn, uint8_t code, int err);
bool kith_conn_send(struct kith_conn *conn, enum kith_send_class send_class, struct kith_bytes head,
                    struct kith_bytes body);
/* Bytes that may be sealed at once. */
size_t kith_conn_room(const struct kith_conn *conn);
/* Once in a turn of the loop: take what was held back, read on, write what was gathered. */
void kith_conn_turn(struct kith_conn *conn);

/* Between net_conn.c and net_send.c. */

/* Seal the listener's welcome, to be written in this turn; false without memory. */
bool kith_conn_welcome(struct kith_conn *conn);
/* The phase is OPEN or LINGERING: write what is sealed and what waits, unless libuv still writes.
 */
void kith_conn_flush(struct kith_conn *conn);
/* Start or stop reading as is_full and is_blocked say. */
void kith_conn_read_update(struct kith_conn *conn);
/* The connection broke: `uv_err` from reading or writing. */
void kith_conn_broken(struct kith_conn *conn, int uv_err);
/* Have the timer fire at the earliest deadline. */
void kith_conn_watch(struct kith_conn *conn);

#endif
