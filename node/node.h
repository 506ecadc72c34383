/* node/node.h: one peer. Pure: no I/O, no clock, no threads. Time, randomness and bytes come in
 * with events; what must happen leaves as effects. Both hosts drive this same interface. */
#ifndef KITH_NODE_NODE_H
#define KITH_NODE_NODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/outbox.h"
#include "base/rng.h"
#include "base/turn.h"
#include "identity/record.h"
#include "node/config.h"
#include "node/event.h"
#include "node/scores.h"

struct kith_node;

/* The host lends a step the memory of its effects: an outbox of this many effects and bytes. One
 * may serve any number of nodes, one step after the other. */
enum { KITH_STEP_EFFECTS_MAX = 1024, KITH_STEP_BYTES_MAX = 512 * 1024 };

/* What a step wants done, in order. Valid until the outbox is lent to the next step. */
struct kith_effects {
    const struct kith_effect *at;
    size_t count;
};

/* A node, or NULL if there is not enough memory. `config` must pass kith_config_check.
 * Equal seeds and equal events give equal effects. */
struct kith_node *kith_node_new(const struct kith_config *config,
                                const uint8_t seed[static KITH_SEED_LEN]);
/* No job may be lent out. NULL is allowed. */
void kith_node_free(struct kith_node *node);

/* Take one event. Its memory stays the caller's and is not looked at afterwards, nor is `outbox`,
 * which is emptied first. Cannot fail: what a peer sends is counted and dropped if bad, what we do
 * wrong is an assertion. */
void kith_node_step(struct kith_node *node, const struct kith_event *event,
                    struct kith_outbox *outbox, struct kith_effects *ret);

/* When to feed DEADLINE next, KITH_NEVER if nothing waits. Changes only in a step. */
uint64_t kith_node_deadline_us(const struct kith_node *node);

/* A step comes soon: have the memory for that come, where many nodes share a process. Changes
 * nothing. */
void kith_node_expect(const struct kith_node *node);

/* All memory that the node holds now, in bytes: itself, what it knows of others, what it publishes
 * and its learner. */
size_t kith_node_memory(const struct kith_node *node);
/* Counters and gauges, for people, metrics and the simulator's checks. */
const struct kith_stats *kith_node_stats(const struct kith_node *node);
/* The hotkeys of all live remote peers, at most `max`; returns how many there are (nP). */
uint32_t kith_node_peers(const struct kith_node *node, struct kith_id *ret, uint32_t max);
/* One peer as a node sees it: for tools. */
struct kith_peer_view {
    struct kith_peer_record record; /* the newest; seq 0: only an address is known */
    bool live;
    bool linked;
    uint64_t heard_us; /* when its newest record came */
};
/* All peers known, in order of hotkeys, at most `max`; returns how many were written. */
uint32_t kith_node_view(const struct kith_node *node, uint64_t wall_ms, struct kith_peer_view *ret,
                        uint32_t max);
/* The last answer to ASK_STATUS: counters in the order of KITH_STATS_MAP, at most `max`; returns
 * how many came, 0 if none from this peer yet. */
uint32_t kith_node_status(const struct kith_node *node, const struct kith_id *peer,
                          char ret_version[static 32], uint64_t *ret, uint32_t max);
/* The far ends of the links that are ready, at most `max`; returns how many there are. */
uint32_t kith_node_links(const struct kith_node *node, struct kith_id *ret, uint32_t max);
/* What the node's job under way, or just come back, learns from; in the order of pulls. */
struct kith_node_source {
    struct kith_manifest manifest; /* author, kind, round, length */
    int err;                       /* of the job that has run: 0, or why it was left out */
};
/* At most `max`; returns how many were written. */
uint32_t kith_node_sources(const struct kith_node *node, struct kith_node_source *ret,
                           uint32_t max);
/* What this node has seen of others' models; empty without a learner. Valid until the next step. */
const struct kith_scores *kith_node_scores(const struct kith_node *node);
/* Why the node refused to start (a stored checkpoint it cannot use), else 0. */
int kith_node_error(const struct kith_node *node);
/* The learner, while no job is lent out, else NULL. For digests and final tests. */
struct kith_learner *kith_node_learner(const struct kith_node *node);

#endif
