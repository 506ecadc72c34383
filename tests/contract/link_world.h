/* tests/contract/link_world.h: a few nets on 127.0.0.1 in one loop, for tests that wait for what
 * happens and not for time to pass. */
#ifndef KITH_TESTS_LINK_WORLD_H
#define KITH_TESTS_LINK_WORLD_H

#include <uv.h>

#include "host/net_uv.h"
#include "tests/contract/contract_link.h"

enum { LINK_WORLD_NODES_MAX = 8, LINK_WORLD_LIMIT_MS = 20000 };

struct link_world;

struct link_world_node {
    struct link_world *world;
    uint32_t index;
    struct kith_keypair keypair;
    struct kith_net *net; /* NULL: not there */
    struct kith_addr addr;
    bool is_quiet; /* its events are dropped */
    uint64_t drained;
    char log[256]; /* its last line */
    uint32_t logs;
};

struct link_world_entry {
    struct contract_link_event event;
    struct link_world_entry *next;
};

struct link_world {
    uv_loop_t loop;
    uv_timer_t tick;
    struct kith_net_limits limits; /* of all nodes; set before making */
    uint32_t links_max;            /* 0: 32 */
    uint32_t count;
    struct link_world_node nodes[LINK_WORLD_NODES_MAX];
    struct link_world_entry *first;
    struct link_world_entry **last;
    void (*on_drained)(struct link_world_node *node, kith_link link);
    void (*on_message)(struct link_world_node *node, kith_link link, struct kith_bytes message);
};

/* The config of a node, without a net yet. */
void link_world_config(struct link_world *world, uint32_t node, struct kith_net_config *ret);
bool link_world_make(struct link_world *world, uint32_t nodes);
void link_world_unmake(struct link_world *world);
/* Cut all its connections without a goodbye, and close it. */
void link_world_vanish(struct link_world *world, uint32_t node);
/* The next event; false if none comes within LINK_WORLD_LIMIT_MS. */
bool link_world_next(struct link_world *world, struct contract_link_event *ret);
/* Run the loop until `is_so(context)`; false if it is not within LINK_WORLD_LIMIT_MS. */
bool link_world_until(struct link_world *world, bool (*is_so)(void *context), void *context);

#endif
