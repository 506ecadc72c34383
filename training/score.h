/* training/score.h: what a node thinks of a peer's models, from first-hand evidence alone: does the
 * peer's own movement lead to lower losses on labelled samples that nobody chose (direction), is it
 * as long as that of others (novelty), and is it its own (uniqueness). No report of others enters
 * here. A plain loss would rank those above honest peers who only average others' work. Pure. */
#ifndef KITH_TRAINING_SCORE_H
#define KITH_TRAINING_SCORE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    KITH_AUDIT_BATCH = 200,      /* labelled samples of one audit */
    KITH_AUDIT_MAX = 65536,      /* of an audit pool */
    KITH_SCORE_OTHERS_MAX = 256, /* standings that a median is taken over */
    KITH_SCORE_WARM_UP = 5,      /* rounds before standings decide */
    KITH_SCORE_SURE = 3,         /* meetings after which an audit may be left out */
};
#define KITH_SCORE_KEEP     0.8f  /* of a standing at a meeting */
#define KITH_SCORE_MIN      0.02f /* weight in the draw of whom to meet, at least */
#define KITH_SCORE_EXPLORE  0.25f /* share of draws that ask for no score */
#define KITH_SCORE_NEWCOMER 0.1f  /* the most that who was never audited weighs */
#define KITH_SCORE_STEADY   0.02f /* a standing that moves less is steady */

/* What one meeting showed. */
struct kith_evidence {
    float direction;  /* D: mean of the two largest class gains along its movement */
    float novelty;    /* N = exp(-|ln rho|), rho its length over the median length */
    float uniqueness; /* U = 1 - clip((largest cosine - .5) / .3, 0, 1) */
    float value;      /* e = rank(D) N U, 0 to 1 */
};

/* What all meetings together say. Zero: never met. */
struct kith_standing {
    float sum;         /* .8 of itself plus .2 of the evidence at each meeting */
    uint32_t meetings; /* with an audit */
    uint32_t steady;   /* the last so many moved it less than KITH_SCORE_STEADY */
};

/* The standing as a score, 0 to 1: the weighted mean of the evidence so far, the latest weighing
 * most; 0 for who was never met. */
float kith_standing_score(const struct kith_standing *standing);
void kith_standing_add(struct kith_standing *standing, float evidence);
/* Whether this meeting needs an audit: always for the little known, every second time (by `coin`)
 * for others, never while steady, but for one time in eight. */
bool kith_standing_wants_audit(const struct kith_standing *standing, uint32_t coin);

/* Evidence values from directions, novelties and uniquenesses of `count` pulled models: the rank of
 * D within them, the i-th least of n counting (i + 1/2) / n, equals alike. */
void kith_evidence_rank(struct kith_evidence *evidence, uint32_t count);
float kith_evidence_novelty(double length, double median_length);
float kith_evidence_uniqueness(double largest_cosine);
/* D from the class losses at c - rh and c + rh; classes without samples hold NaN. */
float kith_evidence_direction(const float *loss_behind, const float *loss_ahead, uint32_t classes);

/* w = clip((score / median - .5) / .3, 0, 1); 1 if the median is 0: nobody has shown anything. */
float kith_score_weight(float score, float median);
/* The median of `count` scores, 0 of none; `at` is sorted. */
float kith_score_median(float *at, uint32_t count);
/* What a snapshot's age leaves of its weight: 1 / (1 + age / 4), nothing past 8; `age` in rounds.
 */
float kith_age_discount(float age);

#endif
