/* node/scores.h: what this node itself has seen of each peer's models: the standing by which it
 * weighs them and chooses whom to meet. Bounded: a full table forgets whom it met longest ago.
 * Pure.
 */
#ifndef KITH_NODE_SCORES_H
#define KITH_NODE_SCORES_H

#include <stdbool.h>

#include "base/id.h"
#include "training/score.h"

enum { KITH_SCORES_MAX = 1024 };

struct kith_score {
    struct kith_id id;
    struct kith_standing standing;
    struct kith_evidence last; /* of the latest audit */
    float available;           /* share of pulls that came, the latest weighing most */
    float weight;              /* in the latest mean */
    uint64_t met_round;        /* the latest round it was pulled in, ours */
};

struct kith_scores {
    struct kith_score *at; /* [count] sorted by id */
    uint32_t count;
    uint32_t room;
};

void kith_scores_release(struct kith_scores *scores);
/* NULL: never met. Valid until the next _touch. */
struct kith_score *kith_scores_find(const struct kith_scores *scores, const struct kith_id *id);
/* The entry of this peer, made if there is none; NULL if out of memory. */
struct kith_score *kith_scores_touch(struct kith_scores *scores, const struct kith_id *id,
                                     uint64_t round);
/* A pull of this peer's model came or failed. */
void kith_score_note_pull(struct kith_score *score, bool came);
/* The scores of all audited peers but for the `except_count` given, at most `max`. */
uint32_t kith_scores_others(const struct kith_scores *scores, const struct kith_id *except,
                            uint32_t except_count, float *ret, uint32_t max);
/* How much a peer weighs in the draw of whom to meet: its score times its availability, at least
 * KITH_SCORE_MIN; who was never met counts as `median`. */
float kith_scores_draw_weight(const struct kith_scores *scores, const struct kith_id *id,
                              float median);

#endif
