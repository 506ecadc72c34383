/* host/worker_uv.h: one thread that runs items in the order they came and hands each back on the
 * loop. Training runs on one of these, storing on another, so that the loop only ever serves. */
#ifndef KITH_HOST_WORKER_UV_H
#define KITH_HOST_WORKER_UV_H

#include <uv.h>

struct kith_worker;

struct kith_worker_config {
    uv_loop_t *loop;
    int nice; /* added to the thread's niceness; 0: none */
    void *context;
    void (*run)(void *item);                 /* on the thread */
    void (*done)(void *context, void *item); /* on the loop, in the order of submission */
};

/* 0, NOMEM or IO. */
int kith_worker_new(const struct kith_worker_config *config, struct kith_worker **ret);
/* Hand over an item; it belongs to the worker until it is done. 0 or NOMEM, which cannot be when no
 * other item is under way. */
int kith_worker_submit(struct kith_worker *worker, void *item);
/* Run what is queued to its end, without `done` for it, and close. Blocks until the thread has
 * ended; the memory goes when the loop has closed the handle. NULL is allowed. */
void kith_worker_close(struct kith_worker *worker);

#endif
