/* tools/wire_run.h: one run of the wire bench: two threads, each with a loop and one end of a
 * connection over loopback, move a snapshot one way or both ways in frames of 64 KiB. First once to
 * warm up, then once more by the clocks. */
#ifndef KITH_TOOLS_WIRE_RUN_H
#define KITH_TOOLS_WIRE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KITH_WIRE_FRAME = 64 * 1024, KITH_WIRE_WARM = 16 * 1024 * 1024 };

enum kith_wire_use {
    KITH_WIRE_DROP,    /* what arrives is not looked at */
    KITH_WIRE_STORE,   /* it is copied to where it belongs */
    KITH_WIRE_AVERAGE, /* what is there becomes the mean of both */
};

struct kith_wire_plan {
    bool sealed;    /* through net_uv, else over a plain libuv stream */
    bool copied;    /* plain: bodies are copied into frames first, as sealing does; else not */
    bool both_ways; /* else from end 0 to end 1 */
    enum kith_wire_use use;
    size_t frame;      /* bytes of a message's body, 0: KITH_WIRE_FRAME; a multiple of 64 */
    bool in_turns;     /* both ways: a message is sent when one has come, else as there is room */
    size_t bytes;      /* a multiple of 64, at most what own and arrived hold */
    float *own[2];     /* what the ends send: `bytes` and at least KITH_WIRE_WARM each */
    float *arrived[2]; /* where it goes; likewise */
};

struct kith_wire_cost {
    double wall_s;
    double cpu_s[2]; /* of the two threads */
};

/* 0 or a KITH_ERR_*. */
int kith_wire_run(const struct kith_wire_plan *plan, struct kith_wire_cost *ret_cost);

/* mean[i] = (mean[i] + other[i]) / 2; count is a multiple of 16. `other` may be unaligned. */
void kith_wire_average(float *mean, const uint8_t *other, size_t count);
/* CPU seconds of this thread. */
double kith_wire_cpu_s(void);

#endif
