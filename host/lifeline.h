/* host/lifeline.h: a node's end of the socket to whoever supervises it, its standard input. While
 * the far end is there the node reports a line on it each second; when it closes, the node is to
 * stop, so that nothing outlives a supervisor that was killed. */
#ifndef KITH_HOST_LIFELINE_H
#define KITH_HOST_LIFELINE_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct kith_lifeline;

enum { KITH_PULSE_MAX = 8 * 1024, KITH_PULSE_MS = 1000 };

struct kith_lifeline_config {
    uv_loop_t *loop;
    int fd;
    void *context;
    /* The far end closed; once. */
    void (*on_gone)(void *context);
    /* Write one line, without its end, of at most KITH_PULSE_MAX - 1 bytes; its length. */
    size_t (*write)(void *context, char ret[static KITH_PULSE_MAX]);
};

/* 0; TYPE: no stream socket; NOMEM; IO. */
int kith_lifeline_new(const struct kith_lifeline_config *config, struct kith_lifeline **ret);
/* Report now. A line that the far end has no room for is dropped: it reads no more. */
void kith_lifeline_pulse(struct kith_lifeline *lifeline);
/* No call is allowed after this one. NULL is allowed. */
void kith_lifeline_close(struct kith_lifeline *lifeline);

#endif
