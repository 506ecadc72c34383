/* tests/contract/contract_link.h: what a node relies on in its links, written once and run against
 * net_uv over loopback and against the simulator's model. What surprises us in the one goes in
 * here, and so into the other. */
#ifndef KITH_TESTS_CONTRACT_LINK_H
#define KITH_TESTS_CONTRACT_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/id.h"
#include "base/outbox.h"

enum contract_link_kind {
    CONTRACT_LINK_UP,
    CONTRACT_LINK_DOWN,
    CONTRACT_DIAL_FAILED,
    CONTRACT_MESSAGE,
};

/* What happened to a node: the fields of node/event.h. */
struct contract_link_event {
    enum contract_link_kind kind;
    uint32_t node;
    kith_link link;
    struct kith_id peer; /* of UP */
    bool dialed;         /* of UP */
    uint64_t number;     /* of UP and DIAL_FAILED */
    int err;             /* of DOWN and DIAL_FAILED */
    size_t len;          /* of MESSAGE */
    uint8_t bytes[KITH_MESSAGE_MAX];
};

/* Some nodes, each with a hotkey of its own, that can reach each other. */
struct contract_link {
    void *context;
    bool (*make)(void *context, uint32_t nodes);
    struct kith_id (*hotkey)(void *context, uint32_t node);
    struct kith_addr (*addr)(void *context, uint32_t node);
    /* The effects of base/outbox.h. `expect` zero: whoever answers. */
    void (*dial)(void *context, uint32_t node, uint64_t number, const struct kith_addr *addr,
                 const struct kith_id *expect);
    bool (*send)(void *context, uint32_t node, kith_link link, enum kith_send_class send_class,
                 struct kith_bytes head, struct kith_bytes body);
    void (*hang_up)(void *context, uint32_t node, kith_link link);
    /* It is gone at once and for good, without a goodbye, and gives no more events. */
    void (*vanish)(void *context, uint32_t node);
    /* The next thing that happens to any node, in order; false if nothing does within a minute of
     * the world's time. */
    bool (*next)(void *context, struct contract_link_event *ret);
    void (*unmake)(void *context);
};

/* Run every case; the program's exit status. */
int contract_link_run(const struct contract_link *link);

#endif
