/* host/dht_pipe.h: the node's side of the DHT helper: starts `kith-dht`, watches it, starts it
 * again when it dies or hangs, and carries operations to it over a socket pair. The helper may be
 * gone for a minute at any time; whatever happens, every operation ends with exactly one on_done.
 *
 * All calls belong to the loop's thread. Callbacks come from the loop, never from inside a call,
 * and may call anything here but kith_dht_pipe_close twice. */
#ifndef KITH_HOST_DHT_PIPE_H
#define KITH_HOST_DHT_PIPE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/outbox.h"
#include "host/dht_wire.h"

struct kith_dht_pipe;

enum {
    KITH_DHT_SEEDS_MAX = 32,
    KITH_DHT_OPEN_MAX = 256, /* operations under way; one more ends with KITH_ERR_NOMEM */
};

enum kith_dht_state {
    KITH_DHT_UP,         /* the helper runs and has its UDP port */
    KITH_DHT_DOWN,       /* it is gone and will be started again, with back-off */
    KITH_DHT_ATTACKED,   /* it died too often: no DHT for a while (attacked_ms) */
    KITH_DHT_PORT_TAKEN, /* another program has the UDP port; tried again with back-off */
    KITH_DHT_MISSING,    /* the helper cannot be started at all (text says why); tried again */
};

/* Milliseconds; 0 means the value given behind each. Tests shorten them. */
struct kith_dht_times {
    uint32_t get_ms;           /* 8,000: a get ends with KITH_ERR_TIMEOUT */
    uint32_t put_ms;           /* 15,000: likewise a put */
    uint32_t stats_ms;         /* 1,000: how often the helper is asked for its counters */
    uint32_t hung_ms;          /* 20,000: a helper that answers nothing for so long is killed */
    uint32_t restart_first_ms; /* 500: pause before the first restart, doubling ... */
    uint32_t restart_max_ms;   /* 30,000: ... up to this */
    uint32_t restart_reset_ms; /* 300,000: after so long a life the pause is the first again */
    uint32_t attack_window_ms; /* 600,000: more than 5 deaths within it are an attack ... */
    uint32_t attacked_ms;      /* 600,000: ... and for so long there is no DHT */
    uint32_t kill_ms;          /* 500: after close, how long the helper may take to end itself */
};

struct kith_dht_pipe_config {
    uv_loop_t *loop;
    const char *helper_path;       /* of kith-dht; NULL: found beside the running program */
    uint16_t port;                 /* UDP, 1 to 65535: the same number as the TCP listener's */
    bool loopback_only;            /* bind 127.0.0.1 and ::1 instead of every address */
    bool shield_off;               /* let hostile datagrams through to OpenDHT: for tests */
    uint32_t net32;                /* OpenDHT's network number */
    const struct kith_addr *seeds; /* copied; those of kind BAD are left out */
    uint32_t seed_count;           /* 0 to KITH_DHT_SEEDS_MAX */
    struct kith_dht_times times;
    void *context;
    /* A value of a get, before its on_done; at most KITH_DHT_VALUES_MAX, no two with equal bytes.
     * Borrowed for the call. */
    void (*on_value)(void *context, uint64_t number, struct kith_bytes value);
    /* 0; TIMEOUT; FULL: a get found more values than it hands up; CLOSED: the helper is not there;
     * RANGE: the value is empty or larger than KITH_DHT_VALUE_MAX; NOMEM: too many under way;
     * IO: no other node took the put, as in a node that is alone. 0 for a put is no promise that it
     * is stored. */
    void (*on_done)(void *context, uint64_t number, int err);
    /* Each change of state; `text` is one line for a person, borrowed. May be NULL. */
    void (*on_state)(void *context, enum kith_dht_state state, const char *text);
};

/* Counters of the helper that runs now, as last heard, and of the supervision. */
struct kith_dht_stats {
    struct kith_dht_traffic traffic;
    uint64_t pings_answered; /* pings to seeds and peers that were answered */
    uint32_t open;           /* operations under way in the helper */
    uint32_t restarts;       /* starts after the first, since kith_dht_pipe_new */
    enum kith_dht_state state;
};

/* Start the helper. 0; RANGE: too many seeds; INVALID: no loop, port or callback; NOT_FOUND: no
 * kith-dht there; NOMEM; IO. Operations may follow at once: they wait for the helper's start. */
int kith_dht_pipe_new(const struct kith_dht_pipe_config *config, struct kith_dht_pipe **ret_pipe);

/* Store `value` (copied) under `key` for ten minutes. `number` is the caller's, unlike that of any
 * other operation under way, and comes back in on_done. */
void kith_dht_pipe_put(struct kith_dht_pipe *pipe, uint64_t number,
                       const uint8_t key[static KITH_DHT_KEY_LEN], struct kith_bytes value);
/* Read what is stored under `key`. */
void kith_dht_pipe_get(struct kith_dht_pipe *pipe, uint64_t number,
                       const uint8_t key[static KITH_DHT_KEY_LEN]);
/* This address runs a DHT node too (its UDP port): ping it now and again, also after a restart. The
 * last 64 addresses are remembered. No answer comes. */
void kith_dht_pipe_ping(struct kith_dht_pipe *pipe, const struct kith_addr *addr);

void kith_dht_pipe_stats(const struct kith_dht_pipe *pipe, struct kith_dht_stats *ret);
/* What came and went through all helpers so far, as last heard. */
struct kith_dht_traffic kith_dht_pipe_traffic(const struct kith_dht_pipe *pipe);
/* The helper's process, 0 while there is none: for tests. */
pid_t kith_dht_pipe_pid(const struct kith_dht_pipe *pipe);

/* End the helper. What is under way ends with KITH_ERR_CLOSED, then on_closed (may be NULL) is
 * called and the pipe is freed; no call is allowed after this one. */
void kith_dht_pipe_close(struct kith_dht_pipe *pipe, void (*on_closed)(void *context),
                         void *context);

#endif
