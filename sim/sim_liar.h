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

/* name, as people write it, strength without another, what it does: lies about what was learned
 * (sim/sim_zoo). x is the liar's model after its honest local steps, u its way there since the last
 * mix, the mean, spread and others those of the honest models that the gang has pulled. */
#define KITH_ZOO_MAP(X)                                                                            \
    X(sign_flip, "sign-flip", 3, "x - (1 + strength) u: its own way backwards")                    \
    X(scaled, "scaled", 10, "x + (strength - 1) u: its own way, too far")                          \
    X(noise, "noise", 5, "x and normal noise of strength times the spread")                        \
    X(zero, "zero", 0, "all zeros")                                                                \
    X(label_pairs, "label-pairs", 0, "learns label 9 for 0, 8 for 1 and so on")                    \
    X(label_random, "label-random", 0, "learns a wrong label, drawn for each image")               \
    X(alie, "alie", 1.5, "mean - strength spreads (Baruch et al. 2019)")                           \
    X(ipm, "ipm", 0.5, "the mean step backwards, times strength (Xie et al. 2020)")                \
    X(foe, "foe", 0.1, "- strength times the mean model (Xie et al. 2020, fall of empires)")       \
    X(dissensus, "dissensus", 1.5, "away from the mean, strength times (He et al. 2022)")          \
    X(mimic, "mimic", 0, "all the gang sends one honest node's model (Karimireddy et al. 2022)")   \
    X(stale, "stale", 0, "its first model, for ever")                                              \
    X(lazy, "lazy", 0, "the mean of others' models, without a step of its own")                    \
    X(half, "half", 0.5, "strength times its own step")                                            \
    X(copier, "copier", 0, "an honest node's model, each liar another's")                          \
    X(copier_noise, "copier-noise", 0.5, "the same, with noise of strength spreads")               \
    X(soft_labels, "soft-labels", 0, "soft labels of the wrong classes")                           \
    X(turncoat, "turncoat", 3, "honest at first, then as sign-flip")

enum kith_lie {
    KITH_LIE_NONE,
#define X(name, text) KITH_LIE_##name,
    KITH_LIES_MAP(X)
#undef X
        KITH_LIES_PLAIN, /* below: lies about messages, and weights that nobody can take */
    KITH_LIES_ZOO = KITH_LIES_PLAIN - 1,
#define X(name, word, strength, text) KITH_LIE_##name,
    KITH_ZOO_MAP(X)
#undef X
        KITH_LIES,
};

/* Their names in this order. */
#define KITH_LIE_NAMES                                                                             \
    "none mute garble replay forge nan scale sign-flip scaled noise zero label-pairs "             \
    "label-random alie ipm foe dissensus mimic stale lazy half copier copier-noise soft-labels "   \
    "turncoat"

/* How a liar goes about it. */
struct kith_lying {
    enum kith_lie lie;
    double strength; /* 0: the lie's own */
    uint64_t from;   /* the first round in which it is told; 0: the lie's own */
};

enum { KITH_LIAR_STATE_MAX = 32 * 1024 };

struct kith_gang;
struct kith_zoo;

/* One liar at its turn. */
struct kith_liar {
    struct kith_gang *gang;
    struct kith_world *world; /* all of it: kith_world_node and kith_node_learner give any model */
    uint32_t node;
    struct kith_lying lying;
    const struct kith_lying *lies; /* [nodes]: who else is in the gang */
    struct kith_zoo *zoo;          /* what the gang knows of models */
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
    double strength; /* unless another is given */
    uint64_t from;   /* likewise the first round */
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

/* The lie of that name (kith_lie_kinds), KITH_LIES: there is none. */
enum kith_lie kith_lie_named(const char *name);
/* The gang of a world: lies[nodes] says who lies how; copied. NULL if out of memory. */
struct kith_gang *kith_gang_new(const struct kith_lying *lies, uint32_t nodes,
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
