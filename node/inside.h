/* node/inside.h: what the files of node/ share. Nobody else includes it. */
#ifndef KITH_NODE_INSIDE_H
#define KITH_NODE_INSIDE_H

#include "dht/directory.h"
#include "node/config.h"
#include "node/node.h"
#include "node/report.h"
#include "node/scores.h"
#include "overlay/overlay.h"
#include "training/job.h"

/* A round is pulled, then computed. Allowed moves:
 *   IDLE -> PULLING -> COMPUTING -> IDLE or DONE;  IDLE -> COMPUTING (nobody to pull from)
 *   IDLE, PULLING, DONE -> SAVING (a last job that only writes the checkpoint) -> SAVED */
enum kith_phase {
    KITH_PHASE_OFF, /* not started, or no learner */
    KITH_PHASE_IDLE,
    KITH_PHASE_PULLING,
    KITH_PHASE_COMPUTING,
    KITH_PHASE_DONE,
    KITH_PHASE_SAVING,
    KITH_PHASE_SAVED,
};

/* What goes out with a job. Apart from the rest, since many simulated nodes have none. */
struct kith_lent {
    struct kith_job job;
    struct kith_pull *source[KITH_PULLS_MAX]; /* what the job borrows, in its order */
    uint32_t source_count;
    float others[KITH_SCORE_OTHERS_MAX]; /* what the job borrows too */
};

struct kith_rounds {
    enum kith_phase phase;
    struct kith_learner *learner; /* NULL if the node has none */
    struct kith_lent *lent;       /* likewise */
    struct kith_scores scores;    /* of those whose weights were pulled */
    uint64_t round;
    uint64_t begun_us;
    uint64_t length_us;    /* of a round, the mean of the last few; 0: unknown */
    struct kith_pace pace; /* of the present round */
    uint64_t next_us;      /* when the next round may begin */
    uint64_t warned_us;    /* last time that a failed round was said; 0: never */
};

struct kith_node {
    struct kith_config config;
    struct kith_rng rng;
    struct kith_stats stats;
    struct kith_overlay overlay;
    struct kith_directory directory;
    struct kith_rounds rounds;
    uint8_t *contact; /* [KITH_RECORD_LEN_MAX] the record last put into the DHT; NULL: none is */
    size_t contact_len;
    uint64_t contact_us; /* when it was signed */
    uint64_t book_at_us;
    uint32_t twins;     /* times that an older node signed with our hotkey after us */
    uint64_t warned_us; /* last time of a warning that somebody else has our hotkey */
    uint32_t storing;   /* stores under way */
    bool stopping;
    bool stopped;
    int error;
};

/* Say something to a person. */
__attribute__((format(printf, 4, 5))) void kith_node_say(struct kith_node *node,
                                                         const struct kith_turn *turn,
                                                         enum kith_level level, const char *form,
                                                         ...);
void kith_node_report(const struct kith_turn *turn, const struct kith_report *report);
void kith_node_store(struct kith_node *node, enum kith_store_key key, struct kith_bytes bytes,
                     const struct kith_turn *turn);
/* Begin to stop: goodbye, last checkpoint, address book. */
void kith_node_stop(struct kith_node *node, const struct kith_turn *turn);

/* node/choose.c: whom to learn from, what each of them weighs, and what that taught about them. */
void kith_choose_weights(struct kith_node *node, const struct kith_turn *turn);
void kith_choose_labels(struct kith_node *node, const struct kith_turn *turn);
/* A pull has ended. */
void kith_choose_came(struct kith_node *node, const struct kith_pull *pull);
/* Put ages, standings and the own weight into the job. */
void kith_choose_weigh(struct kith_node *node, const struct kith_turn *turn);
/* The job is back: keep what it found out. */
void kith_choose_learned(struct kith_node *node);

/* node/rounds.c: learning. */
int kith_rounds_init(struct kith_rounds *rounds, const struct kith_config *config);
void kith_rounds_release(struct kith_rounds *rounds);
size_t kith_rounds_memory(const struct kith_rounds *rounds);
/* 0, or why the checkpoint cannot be used. */
int kith_rounds_start(struct kith_node *node, struct kith_bytes checkpoint,
                      const struct kith_turn *turn);
/* Do what the present phase allows: begin, compute, save. */
void kith_rounds_advance(struct kith_node *node, const struct kith_turn *turn);
void kith_rounds_on_computed(struct kith_node *node, const struct kith_turn *turn);
/* No further rounds: end the present one early and save. */
void kith_rounds_stop(struct kith_node *node, const struct kith_turn *turn);
uint64_t kith_rounds_deadline_us(const struct kith_node *node);

#endif
