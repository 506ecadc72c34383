/* host/dht_child.h: one life of the DHT helper: a process and the socket pair to it, on a libuv
 * loop. What to do with it is dht_pipe's business. */
#ifndef KITH_HOST_DHT_CHILD_H
#define KITH_HOST_DHT_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "host/dht_wire.h"

enum { KITH_DHT_PATH_MAX = 4096 };

struct kith_dht_child;

/* How a life ended. */
struct kith_dht_death {
    int spawn_err;  /* libuv's, if it never began */
    int64_t status; /* of exit() */
    int signal;     /* that killed it, or 0 */
};

struct kith_dht_child_config {
    uv_loop_t *loop;
    const char *path; /* of kith-dht */
    void *context;
    /* A message in order; false: it may not say this, and is killed. */
    bool (*on_message)(void *context, const struct kith_dht_message *message);
    /* Last of all; the child is freed when this returns. */
    void (*on_death)(void *context, const struct kith_dht_death *death);
};

/* Start one. Failure to start is a death too, reported later. 0 or NOMEM. */
int kith_dht_child_new(const struct kith_dht_child_config *config, struct kith_dht_child **ret);
/* 0, or NOMEM if it leaves too much unread, or CLOSED. */
int kith_dht_child_send(struct kith_dht_child *child, const struct kith_dht_message *message);
/* Close the socket: it should end by itself. No message is heard any more. */
void kith_dht_child_hang_up(struct kith_dht_child *child);
void kith_dht_child_kill(struct kith_dht_child *child);
/* 0 if it does not live. */
pid_t kith_dht_child_pid(const struct kith_dht_child *child);

/* Where kith-dht is: beside the running program, in ../host of a build tree, in ../libexec/kith, or
 * where it was to be installed. 0 or NOT_FOUND. */
int kith_dht_child_find(char ret_path[static KITH_DHT_PATH_MAX]);

#endif
