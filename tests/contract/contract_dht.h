/* tests/contract/contract_dht.h: what kith relies on in a DHT, written once and run against OpenDHT
 * (the helper, over loopback) and against the simulator's model. What surprises us in the one goes
 * in here, and so into the other. */
#ifndef KITH_TESTS_CONTRACT_DHT_H
#define KITH_TESTS_CONTRACT_DHT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/outbox.h"

/* What a get brought. */
struct contract_dht_found {
    int err;
    uint32_t count;
    struct {
        uint8_t bytes[KITH_DHT_VALUE_MAX];
        size_t len;
    } values[KITH_DHT_VALUES_MAX];
};

/* One DHT of several nodes. Every call returns when its operation is done. */
struct contract_dht {
    void *context;
    /* A new DHT of `nodes` nodes that know each other; false if it could not be made. */
    bool (*make)(void *context, uint32_t nodes);
    int (*put)(void *context, uint32_t node, const uint8_t key[static KITH_DHT_KEY_LEN],
               struct kith_bytes value);
    void (*get)(void *context, uint32_t node, const uint8_t key[static KITH_DHT_KEY_LEN],
                struct contract_dht_found *ret);
    /* Without warning, for good. */
    void (*kill_node)(void *context, uint32_t node);
    void (*unmake)(void *context);
};

/* Run every case; the program's exit status. */
int contract_dht_run(const struct contract_dht *dht);

#endif
