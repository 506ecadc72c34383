/* sim/sim_guard.h: what must hold in a world whatever is done to it, told from outside the nodes:
 * the guard keeps a book of its own of every record that a node really signed, and looks at a node
 * after each of its steps. What does not hold becomes the world's failure; its text begins with the
 * check's name. Liars may do what they like; nothing is asked of them.
 *
 *   record        a record that a node newly holds was signed by its author, is newer than the one
 *                 before it, and has not run out
 *   dead          nobody lists a node longer than its last record lives
 *   contribution  nothing counts twice in a mix, and nobody learns from itself
 *   bytes         a node sends no more than so many bytes a second, over any ten
 *
 * After healing:
 *
 *   graph         links join all nodes of the core
 *   knows         each of them lists every other
 *
 * Lists and limits are looked at by sim_check.h. */
#ifndef KITH_SIM_SIM_GUARD_H
#define KITH_SIM_SIM_GUARD_H

#include "sim/world.h"

enum {
    KITH_GUARD_WINDOW_US = 10 * 1000 * 1000,
    KITH_GUARD_LATE_US = 3 * 1000 * 1000, /* a list may lag so long behind the end of a record */
    KITH_GUARD_NODES_MAX = 1024,
};

struct kith_guard_config {
    uint32_t nodes;      /* of the world, at most KITH_GUARD_NODES_MAX */
    const bool *is_liar; /* [nodes], borrowed */
    const struct kith_scheme *scheme;
    uint64_t gossip_cap; /* bytes a node and second on who is there */
    uint64_t bytes_cap;  /* of all kinds */
};

struct kith_guard;

/* NULL if out of memory. */
struct kith_guard *kith_guard_new(const struct kith_guard_config *config);
void kith_guard_free(struct kith_guard *guard);
/* The world it looks at, and its nodes' swarm; before the world's first step. */
void kith_guard_attach(struct kith_guard *guard, struct kith_world *world,
                       const struct kith_id *swarm);
/* After each fault. Nodes' clocks, and what they take for the time, lie between the extremes that
 * any clock was set to. */
void kith_guard_fault(struct kith_guard *guard, const struct kith_fault *fault);
/* After each step of a node. */
void kith_guard_step(struct kith_guard *guard, uint32_t node, const struct kith_event *event,
                     const struct kith_effects *effects);
/* Whether links join all nodes of the core (bool [nodes]) and each lists every other, or has
 * `view_bound` peers; if not, what is missing goes into `ret_lack`. */
bool kith_guard_is_whole(struct kith_guard *guard, const bool *core, uint32_t view_bound,
                         char ret_lack[static KITH_WORLD_TEXT_MAX]);
/* The most bytes a second that an honest node sent over ten seconds: on who is there, in all. */
void kith_guard_peaks(const struct kith_guard *guard, uint64_t *ret_gossip, uint64_t *ret_bytes);

#endif
