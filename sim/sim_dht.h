/* sim/sim_dht.h: a model of OpenDHT in virtual time: what a put stores, what a get sees, and how
 * long it takes. It keeps no queue: the answer to an operation is fixed when it is asked for, and
 * the world delivers it `delay_us` later. Equal seeds and equal calls give equal answers.
 *
 * A value lives on the eight nodes nearest to its key among those up and in the putter's group when
 * it was put; a reader sees it while one of them is up and in the reader's group. */
#ifndef KITH_SIM_SIM_DHT_H
#define KITH_SIM_SIM_DHT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/outbox.h"
#include "base/rng.h"

struct kith_sim_dht;

/* What a node's gets answer. */
enum kith_sim_dht_mode {
    KITH_SIM_DHT_HONEST,
    KITH_SIM_DHT_EMPTY,  /* nothing is ever found, and puts store nothing, though both say 0 */
    KITH_SIM_DHT_STALE,  /* the state of stale_us ago, so also values expired since */
    KITH_SIM_DHT_LYING,  /* true values among altered, foreign, cut and random ones */
    KITH_SIM_DHT_SILENT, /* every operation times out */
};

struct kith_sim_dht_config {
    uint32_t nodes;        /* how many there can be, at least 1 */
    uint32_t values_max;   /* that the whole DHT holds; past it the oldest goes */
    uint64_t delay_min_us; /* of an operation, uniform ... */
    uint64_t delay_max_us; /* ... up to this */
    uint64_t visible_us;   /* a value is seen so long after its put was asked for */
    uint64_t stale_us;     /* of KITH_SIM_DHT_STALE */
    uint64_t expiry_us;    /* of a value */
    double loss;           /* share of operations that time out, and of puts that store nothing */
    uint64_t get_limit_us; /* how long a get that times out takes */
    uint64_t put_limit_us; /* likewise a put */
    uint32_t garbage;      /* values of strangers among those of each key that a get looks at */
    uint32_t rate_limit;   /* of a node's operations in a second, more time out; 0: none */
    uint32_t key_limit;    /* values a get hands up, 1 to KITH_DHT_VALUES_MAX; more is FULL */
};

/* What an operation will answer. */
struct kith_sim_dht_answer {
    uint64_t delay_us;                             /* from the call to DHT_VALUEs and DHT_DONE */
    int err;                                       /* of DHT_DONE: 0, TIMEOUT, FULL, RANGE */
    uint32_t count;                                /* of a get; no two values have equal bytes */
    struct kith_bytes values[KITH_DHT_VALUES_MAX]; /* valid until the next call: copy them */
};

/* 10 ms to 300 ms, 600 s expiry, 8 s and 15 s limits, no loss, no limit of operations: a healthy
 * DHT. */
void kith_sim_dht_config_default(struct kith_sim_dht_config *ret);
/* All nodes are up, in group 0 and HONEST. 0, RANGE or NOMEM. */
int kith_sim_dht_new(const struct kith_sim_dht_config *config,
                     const uint8_t seed[static KITH_SEED_LEN], struct kith_sim_dht **ret_dht);
void kith_sim_dht_free(struct kith_sim_dht *dht);

/* now_us is never less than in an earlier call. `node` is an index below config.nodes; while it is
 * down its operations time out. */
void kith_sim_dht_put(struct kith_sim_dht *dht, uint32_t node,
                      const uint8_t key[static KITH_DHT_KEY_LEN], struct kith_bytes value,
                      uint64_t now_us, struct kith_sim_dht_answer *ret);
void kith_sim_dht_get(struct kith_sim_dht *dht, uint32_t node,
                      const uint8_t key[static KITH_DHT_KEY_LEN], uint64_t now_us,
                      struct kith_sim_dht_answer *ret);

/* Whether others can reach it, so that it may hold values; at first all can. */
void kith_sim_dht_set_reachable(struct kith_sim_dht *dht, uint32_t node, bool is_reachable);
/* A node that goes down forgets what it held. */
void kith_sim_dht_set_up(struct kith_sim_dht *dht, uint32_t node, bool is_up);
/* Nodes in different groups do not reach each other: a partition, until it is set back. */
void kith_sim_dht_set_group(struct kith_sim_dht *dht, uint32_t node, uint32_t group);
void kith_sim_dht_set_mode(struct kith_sim_dht *dht, uint32_t node, enum kith_sim_dht_mode mode);
/* Values held now, expired ones left out at the last look. */
uint32_t kith_sim_dht_stored(const struct kith_sim_dht *dht);

#endif
