/* tests/contract/contract_store.h: what a node relies on when it stores something, written once and
 * run against files and against the simulator's model. */
#ifndef KITH_TESTS_CONTRACT_STORE_H
#define KITH_TESTS_CONTRACT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/outbox.h"

struct contract_store {
    void *context;
    bool (*make)(void *context); /* empty */
    void (*unmake)(void *context);
    /* The STORE effect and the error of its STORED. */
    int (*store)(void *context, enum kith_store_key key, struct kith_bytes bytes);
    /* What START would bring, valid until the next call; false if it cannot be read. */
    bool (*read)(void *context, enum kith_store_key key, struct kith_bytes *ret);
    /* The node ends and starts again. */
    bool (*reopen)(void *context);
    /* The node is killed while it stores this, at a moment that `moment` shifts, and starts again.
     */
    bool (*die_storing)(void *context, enum kith_store_key key, struct kith_bytes bytes,
                        uint32_t moment);
    /* From now on the disk takes nothing more, or is good again. */
    void (*set_full)(void *context, bool is_full);
};

/* Run every case; the program's exit status. */
int contract_store_run(const struct contract_store *store);

#endif
