/* tools/observe.h: look at a swarm from outside: an observer connects to the bootstrap addresses,
 * hears who is there, and is asked after each event whether that is enough. */
#ifndef KITH_TOOLS_OBSERVE_H
#define KITH_TOOLS_OBSERVE_H

#include <jansson.h>

#include "node/node.h"
#include "tools/options.h"

enum { KITH_OBSERVE_PEERS_MAX = 1024, KITH_EXIT_SILENT = 3 };

struct kith_observed {
    uint64_t now_ms;   /* unix time */
    uint64_t spent_ms; /* since the start */
    uint32_t links;    /* nodes that answered and are still there */
    uint32_t count;
    struct kith_peer_view view[KITH_OBSERVE_PEERS_MAX];
};

struct kith_observer {
    const struct kith_args *args;
    void *context;
    /* Whether to go on. A hotkey written to ret_ask is asked for its counters. */
    bool (*look)(void *context, struct kith_node *node, const struct kith_observed *seen,
                 struct kith_id *ret_ask);
    struct kith_observed seen; /* as it was last */
};

/* Run until `look` has enough, or --timeout. The exit status: 0, 1 or 2 with a line on standard
 * error, or KITH_EXIT_SILENT, likewise, if nobody ever answered. */
int kith_observe(struct kith_observer *observer);

/* A peer for people and as JSON. */
const char *kith_state_name(uint8_t state);
json_t *kith_peer_json(const struct kith_peer_view *view, uint64_t now_ms);
/* Seconds since the peer signed its newest record. */
uint64_t kith_peer_age_s(const struct kith_peer_view *view, uint64_t now_ms);
/* Print and free. The exit status. */
int kith_print_json(json_t *value);

#endif
