/* sim/world.h: the second host of kith_node_step: many nodes in one process, in virtual time. One
 * calendar holds all that will happen; the world takes the earliest item, feeds the event to its
 * node, and applies the effects in order, which puts further items into the calendar. It has the
 * skeleton of the real host: apply never feeds, what completes at once is queued for the next turn.
 * Equal configurations give the same trace hash, on every machine and with any number of threads.
 *
 * A node that is down is its disk and no more. Its hotkey comes from the world's seed and is the
 * same in all its lives; its generator is another in each. */
#ifndef KITH_SIM_WORLD_H
#define KITH_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "node/node.h"
#include "node/report.h"
#include "sim/sim_dht.h"
#include "sim/sim_fault.h"
#include "sim/sim_net.h"

enum {
    KITH_WORLD_BOOTSTRAP_MAX = 8,
    KITH_WORLD_TEXT_MAX = 160,
    KITH_WORLD_STORE_US = 2000,   /* how long a store takes */
    KITH_WORLD_CANCEL_US = 10000, /* how long a cancelled job still takes */
};

/* Unix time at the start of every world: 2026-01-01. */
#define KITH_WORLD_EPOCH_MS UINT64_C(1767225600000)

struct kith_world;

/* What stands between nodes and the world, such as liars (sim/sim_liar.h). Any of the three may be
 * NULL. */
struct kith_world_filter {
    void *context;
    /* An event, times filled in, before its node has it; what it borrows may be exchanged. */
    void (*event)(void *context, uint32_t node, struct kith_event *event);
    /* What the node wants done after that event, before it is done: exchange it at will. What `ret`
     * then borrows must live until the next call. */
    void (*effects)(void *context, uint32_t node, const struct kith_event *event,
                    struct kith_effects *ret);
    /* The time of kith_world_wake has come and the node is up: what is to be done now. */
    void (*woken)(void *context, uint32_t node, struct kith_effects *ret);
};

struct kith_world_config {
    uint32_t nodes; /* 1 to KITH_SIM_NET_NODES_MAX */
    uint8_t seed[KITH_SEED_LEN];
    struct kith_sim_net_config net; /* calendar, tag, context, deliver and nodes are set here */
    struct kith_sim_dht_config dht; /* likewise nodes */
    uint32_t threads;
    double flops;         /* of each node in virtual time, > 0 */
    bool real_signatures; /* Ed25519, else sim/sim_sign */
    bool blank_disks;     /* nobody will restart: keep nothing of what is stored */
    uint32_t check_every; /* look at a node's peers after so many of its steps, 0: never */
    void *context;
    /* Complete what is not set yet in a node's config: keypair and scheme are. The result must pass
     * kith_config_check. What it borrows must outlive the world. */
    void (*configure)(void *context, uint32_t node, struct kith_config *config);
    struct kith_world_filter filter;
    /* The nodes that this one starts from, into `ret`; returns how many. NULL: node 0. */
    void *bootstrap_context;
    uint32_t (*bootstrap)(void *context, uint32_t node,
                          uint32_t ret[static KITH_WORLD_BOOTSTRAP_MAX]);
    void *hook_context; /* of those below, which may be NULL */
    /* After each step, effects applied. */
    void (*on_step)(void *context, uint32_t node, const struct kith_event *event,
                    const struct kith_effects *effects);
    void (*on_fault)(void *context, const struct kith_fault *fault); /* after it */
    /* Before a node gets its job back, which has run: its learner may be looked at, and
     * kith_node_sources says what it learned from. */
    void (*on_job)(void *context, uint32_t node, const struct kith_job *job);
    /* Before a node goes, whose counters were not seen otherwise: killed, or stopped and about to
     * be started again. */
    void (*on_gone)(void *context, uint32_t node);
};

/* A healthy network of small latency, good disks, one thread. */
void kith_world_config_default(struct kith_world_config *ret);
/* 0, RANGE, NOMEM or IO (no thread could be started). No node is up. */
int kith_world_new(const struct kith_world_config *config, struct kith_world **ret_world);
void kith_world_free(struct kith_world *world);

/* Do this at that virtual time, or now if it has passed. */
void kith_world_at(struct kith_world *world, uint64_t at_us, const struct kith_fault *fault);
/* Go on until nothing is left to do up to and including `until_us`, or a check failed; the clock
 * then stands at until_us. False if a check failed. */
bool kith_world_run(struct kith_world *world, uint64_t until_us);
/* For the filter: it is asked again at that time. */
void kith_world_wake(struct kith_world *world, uint32_t node, uint64_t at_us);
/* The next item alone; false if there is none or a check failed. */
bool kith_world_step(struct kith_world *world);

enum kith_world_state { KITH_WORLD_DOWN, KITH_WORLD_UP, KITH_WORLD_STOPPED };

uint64_t kith_world_now_us(const struct kith_world *world);
enum kith_world_state kith_world_state(const struct kith_world *world, uint32_t node);
/* NULL while it is down; after it stopped, until it is started again, as it was. */
const struct kith_node *kith_world_node(const struct kith_world *world, uint32_t node);
const struct kith_id *kith_world_hotkey(const struct kith_world *world, uint32_t node);
/* The node of that hotkey, UINT32_MAX: none. */
uint32_t kith_world_find(const struct kith_world *world, const struct kith_id *hotkey);
/* Since when the node is down, 0 if it is up or never was. */
uint64_t kith_world_down_since_us(const struct kith_world *world, uint32_t node);
/* How a node's jobs go: shares of them, [0, 1], drawn for each by itself. */
struct kith_world_compute {
    double stragglers;     /* take longer, by a factor whose tail is Pareto's ... */
    double straggler_tail; /* ... with this exponent, > 0, and at most 1,000 */
    double failures;       /* come back with nothing */
    double nans;           /* run into NaN or infinity */
};

void kith_world_set_compute(struct kith_world *world, uint32_t node,
                            const struct kith_world_compute *compute);
/* What stands before its machine. */
void kith_world_set_nat(struct kith_world *world, uint32_t node, enum kith_sim_nat nat);
/* Its training runs at so many times the world's flops, > 0. */
void kith_world_set_speed(struct kith_world *world, uint32_t node, double speed);
struct kith_sim_net *kith_world_net(struct kith_world *world);
struct kith_sim_dht *kith_world_dht(struct kith_world *world);
struct kith_id kith_world_hash(const struct kith_world *world);

struct kith_world_counters {
    uint64_t steps;
    uint64_t deadlines;
    uint64_t jobs;
    uint64_t checks;
    uint64_t starts; /* nodes started */
};

const struct kith_world_counters *kith_world_counters(const struct kith_world *world);
/* What a check found, or NULL. The first one stays. */
const char *kith_world_failure(const struct kith_world *world);
/* For checks: keep this as the failure, with time and node before it. */
void kith_world_fail(struct kith_world *world, uint32_t node, const char *form, ...)
    __attribute__((format(printf, 3, 4)));

#endif
