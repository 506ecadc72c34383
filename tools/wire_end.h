/* tools/wire_end.h: what wire_run.c and its two kinds of connection share. */
#ifndef KITH_TOOLS_WIRE_END_H
#define KITH_TOOLS_WIRE_END_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/bytes.h"
#include "host/net_uv.h"
#include "tools/wire_run.h"

struct kith_wire_end;

/* A kind of connection. Messages are as in net_uv: one of a single byte is a control message. */
struct kith_wire_kind {
    /* Listen (end 1) or dial ends[0].port (end 0); leads to kith_wire_up. */
    int (*open)(struct kith_wire_end *end);
    /* Bytes that can be sent now without a queue; kith_wire_room is called when there is more. */
    size_t (*room)(struct kith_wire_end *end);
    void (*send)(struct kith_wire_end *end, struct kith_bytes head, struct kith_bytes body);
    /* All that is to be sent for now was given to send. */
    void (*flush)(struct kith_wire_end *end);
    void (*close)(struct kith_wire_end *end);
};

extern const struct kith_wire_kind kith_wire_sealed;
extern const struct kith_wire_kind kith_wire_plain;

struct kith_wire_plain_link;

struct kith_wire_end {
    const struct kith_wire_plan *plan;
    const struct kith_wire_kind *kind;
    uint32_t index;
    struct kith_wire_end *other; /* only its port, once it is set */
    pthread_barrier_t *listens;
    uint16_t port;
    int err;

    uv_loop_t loop;
    uv_timer_t timer; /* ends what does not come to an end */
    struct kith_keypair keypair;
    struct kith_net *net;
    kith_link link;
    struct kith_wire_plain_link *plain;

    uint32_t round; /* 0: to warm up */
    size_t sent;
    size_t received;
    bool may_speak;     /* in turns: it is ours */
    bool has_all;       /* of this round, and said so */
    bool other_has_all; /* and said so */
    double began_cpu_s;
    uint64_t began_ns;
    struct kith_wire_cost cost; /* its own thread's CPU time in cpu_s[0] */
};

/* Called by the connection. */
void kith_wire_up(struct kith_wire_end *end);
void kith_wire_message(struct kith_wire_end *end, struct kith_bytes message);
void kith_wire_room(struct kith_wire_end *end);
void kith_wire_fail(struct kith_wire_end *end, int err);

#endif
