/* sim/sim_liar.h: nodes that lie. A liar is a correct node with a filter between it and the world:
 * what happens to it and what it wants done can be passed on, altered, held back or added to. So a
 * lie is small, and all that it does not touch is what a correct node does.
 *
 * All liars of a world are one gang: they know each other, may share memory, and may look at
 * everything, honest nodes' models among it. They cannot sign for others. */
#ifndef KITH_SIM_SIM_LIAR_H
#define KITH_SIM_SIM_LIAR_H

#include "base/outbox.h"
#include "base/rng.h"
#include "sim/world.h"

/* name, what it does. */
#define KITH_LIES_MAP(X)                                                                           \
    X(mute, "takes bulk and never sends any")                                                      \
    X(garble, "flips bytes in what it sends")                                                      \
    X(replay, "sends old messages of others again")                                                \
    X(forge, "sends records of others that it made up")                                            \
    X(nan, "publishes weights that are not numbers")                                               \
    X(scale, "publishes its weights times -1000")

enum kith_lie {
    KITH_LIE_NONE,
#define X(name, text) KITH_LIE_##name,
    KITH_LIES_MAP(X)
#undef X
        KITH_LIES,
};

enum { KITH_LIAR_STATE_MAX = 32 * 1024 };

struct kith_gang;

/* One liar at its turn. */
struct kith_liar {
    struct kith_gang *gang;
    struct kith_world *world; /* all of it: kith_world_node and kith_node_learner give any model */
    uint32_t node;
    enum kith_lie lie;
    const enum kith_lie *lies; /* [nodes]: who else is in the gang */
    uint32_t nodes;
    struct kith_rng *rng;    /* the gang's */
    struct kith_outbox *out; /* what will be done; empty at the beginning of a turn */
    void *state;             /* this liar's own, KITH_LIAR_STATE_MAX bytes, at first zero */
    void *shared;            /* the gang's, likewise */
};

/* What a lie is. Each of the three may be NULL: then everything is passed on. */
struct kith_lie_kind {
    const char *name;
    const char *text;
    /* Something happens to the liar's node: look, and alter what it borrows. */
    void (*event)(struct kith_liar *liar, struct kith_event *event);
    /* The node wants this done: kith_liar_pass it, altered or not, or do not; add to it. */
    void (*effect)(struct kith_liar *liar, const struct kith_effect *effect);
    /* The time of kith_liar_wake has come: add what was held back. */
    void (*woken)(struct kith_liar *liar);
};

extern const struct kith_lie_kind kith_lie_kinds[KITH_LIES];

/* Put the effect into the liar's outbox. */
void kith_liar_pass(struct kith_liar *liar, const struct kith_effect *effect);
/* A copy of the message's bytes that may be altered and lives as long as the turn's effects. */
uint8_t *kith_liar_copy(struct kith_liar *liar, const struct kith_effect *send, size_t *ret_len);
/* Send these bytes, which live as long as the turn's effects. */
void kith_liar_send(struct kith_liar *liar, kith_link link, enum kith_send_class send_class,
                    struct kith_bytes bytes);
/* Be woken so much later. */
void kith_liar_wake(struct kith_liar *liar, uint64_t delay_us);

/* The gang of a world: lies[nodes] says who lies how; copied. NULL if out of memory. */
struct kith_gang *kith_gang_new(const enum kith_lie *lies, uint32_t nodes,
                                const uint8_t seed[static KITH_SEED_LEN]);
void kith_gang_free(struct kith_gang *gang);
/* The filter for the world's config, and then the world itself, before its first step. */
struct kith_world_filter kith_gang_filter(struct kith_gang *gang);
void kith_gang_attach(struct kith_gang *gang, struct kith_world *world);
/* How often a lie was told: something altered, held back or added. */
uint64_t kith_gang_told(const struct kith_gang *gang);
/* To be called by a lie each time. */
void kith_liar_told(struct kith_liar *liar);

#endif
