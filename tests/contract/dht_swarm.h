/* tests/contract/dht_swarm.h: a few DHT nodes on 127.0.0.1, each a real kith-dht behind a pipe, for
 * tests that wait for what happens and not for time to pass. */
#ifndef KITH_TESTS_DHT_SWARM_H
#define KITH_TESTS_DHT_SWARM_H

#include <stdbool.h>
#include <stdint.h>

#include "host/dht_pipe.h"
#include "tests/contract/contract_dht.h"

enum { SWARM_NODES_MAX = 16, SWARM_STATES_MAX = 64 };

struct swarm_node {
    struct kith_dht_pipe *pipe; /* NULL: not there */
    uint16_t port;
    bool is_closed;
    enum kith_dht_state state;           /* last said */
    uint32_t said[KITH_DHT_MISSING + 1]; /* how often each state was said */
    char text[256];                      /* of the last */
    uint32_t done_count;                 /* operations that ended */
    /* The operation under way that is looked at; one at a time. */
    bool is_done;
    uint64_t number;
    struct contract_dht_found found;
};

struct swarm {
    const char *helper_path;
    struct kith_dht_times times;
    bool shield_off;
    uint32_t net32;
    uint32_t count;
    struct swarm_node nodes[SWARM_NODES_MAX];
    uint64_t number;
};

/* A UDP port on 127.0.0.1 that was free just now. */
uint16_t swarm_free_port(void);
/* Start node `index` on `port`, with these seeds. The error of kith_dht_pipe_new. */
int swarm_start(struct swarm *swarm, uint32_t index, uint16_t port, const struct kith_addr *seeds,
                uint32_t seed_count);
/* `count` nodes, each with all earlier ones as seeds, each answered by one of them. */
bool swarm_make(struct swarm *swarm, uint32_t count);
struct kith_addr swarm_addr(uint16_t port);
/* Wait until the helper of `node` has had an answer from some other node. */
bool swarm_joined(struct swarm *swarm, uint32_t node);
/* Run the loop until `is_so(context)` or for `limit_ms`; what is_so says in the end. */
bool swarm_until(bool (*is_so)(void *context), void *context, uint64_t limit_ms);
int swarm_put(struct swarm *swarm, uint32_t node, const uint8_t key[static KITH_DHT_KEY_LEN],
              struct kith_bytes value);
void swarm_get(struct swarm *swarm, uint32_t node, const uint8_t key[static KITH_DHT_KEY_LEN],
               struct contract_dht_found *ret);
/* Begin an operation without waiting for it. */
void swarm_begin_get(struct swarm *swarm, uint32_t node,
                     const uint8_t key[static KITH_DHT_KEY_LEN]);
bool swarm_await(struct swarm *swarm, uint32_t node, uint64_t limit_ms);
void swarm_close(struct swarm *swarm, uint32_t node);
void swarm_unmake(struct swarm *swarm);

#endif
