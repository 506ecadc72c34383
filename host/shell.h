/* host/shell.h: the real world around one node: a libuv loop that turns links, the DHT helper, a
 * training thread, a storing thread, signals and one timer into events, and effects into calls. It
 * decides nothing. */
#ifndef KITH_HOST_SHELL_H
#define KITH_HOST_SHELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "host/lifeline.h"
#include "host/net_uv.h"
#include "host/store_posix.h"
#include "node/node.h"
#include "node/report.h"

enum { KITH_SHELL_ERROR_MAX = 768, KITH_SHELL_BOOTSTRAP_MAX = 32, KITH_RESOLVE_MS = 3000 };

struct kith_shell_config {
    const struct kith_config *node;
    struct kith_addr bind;           /* port 0: any free one */
    const struct kith_addr *address; /* where others reach us; none: found out */
    uint32_t address_count;
    const char *const *bootstrap; /* HOST:PORT, [IPv6]:PORT or NAME:PORT */
    uint32_t bootstrap_count;     /* at most KITH_SHELL_BOOTSTRAP_MAX */
    struct kith_store *store;     /* NULL: nothing is kept */
    const char *dht_helper;       /* path; NULL: found beside the program */
    bool signals;                 /* SIGINT and SIGTERM stop the node */
    bool supervised;              /* standard input is a lifeline (host/lifeline.h) */
    void *context;
    /* The line for the lifeline's far end; may be NULL if there is none. */
    size_t (*on_pulse)(void *context, const struct kith_stats *stats,
                       char ret[static KITH_PULSE_MAX]);
    /* The listener is up: the node's port, 0 without peers. May be NULL. */
    void (*on_started)(void *context, uint16_t port);
    /* What the node says. Its counters are as they are now. */
    void (*on_report)(void *context, const struct kith_report *report,
                      const struct kith_stats *stats);
    /* After every event, for tools that watch an observer; may be NULL. Returning false stops the
     * node. A hotkey written to ret_ask is asked for its counters. */
    bool (*on_event)(void *context, struct kith_node *node, struct kith_id *ret_ask);
};

/* Run until the node has stopped. 0, or 1 with one line in ret_error. */
int kith_shell_run(const struct kith_shell_config *config,
                   char ret_error[static KITH_SHELL_ERROR_MAX]);

#endif
