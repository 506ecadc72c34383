/* training/mix.h: how pulled models enter the own one, and the momentum that follows from it. Sums
 * over all parameters are taken in a fixed order, so that they give the same bits everywhere. Pure.
 */
#ifndef KITH_TRAINING_MIX_H
#define KITH_TRAINING_MIX_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "training/score.h"

enum {
    KITH_PULL_MAX = 16,
    KITH_NORM_RATIO_MAX = 10, /* a pulled model's norm over the own one's */
    KITH_CLIP_FROM = 3,       /* pulled models from which on distances are clipped */
};

struct kith_pulled {
    struct kith_bytes frame; /* as its author published it; untrusted */
    float weight; /* w_j, >= 0; 1 for equal weights; 0: checked and asked for its opinion, not mixed
                   */
    float age;    /* rounds since it was published */
    struct kith_standing standing; /* of its author, so far; out: after this meeting */
    bool audited;                  /* out: `evidence` is new */
    struct kith_evidence evidence;
    int err;         /* out: 0, or why it was left out of the mean */
    double distance; /* out, without an error: |x_j - x| before the mix */
};

/* Move a decoded model, in place, towards `x` by what rounding explains of their difference, chunk
 * by chunk: decoded <- x + g (decoded - x), g = max(0, 1 - v / (2 d)), where d is the mean square
 * of the difference and v = step^2 / 6 the mean variance of stochastic rounding. The positive-part
 * shrinkage of James and Stein (1961), halved. Without it the rounding of every mix stays in the
 * models, their largest weights and so the steps grow, and at four bits two nodes diverge within
 * 1,000 rounds. */
void kith_mix_settle(struct kith_bytes frame, const float *x, size_t params, float *decoded);

/* Decode one pulled model into `decoded` [params], settled, and check it: sets its err and distance
 * as kith_mix does. `norm` is that of x. */
void kith_mix_open(struct kith_pulled *pulled, const float *x, double norm, size_t params,
                   float *decoded);

/* Check each pulled model, then move the own one, `x` [params], towards those that passed:
 *   x' = x + sum_j w_j (x_j - x) min(1, tau / |x_j - x|) / (own + sum_j w_j)
 * with own, 0 to 1, what the own model weighs: 1 but for a newcomer, and tau = 1.5 times the median
 * distance from KITH_CLIP_FROM models of a weight above 0 on, and without that bound below, x_j
 * being what kith_mix_settle makes of the decoded model. What did not pass is left out, as if never
 * pulled: err is that of kith_frame_decode, or RANGE for a norm of more than KITH_NORM_RATIO_MAX
 * times the own one. A model x that is not finite passes nobody. Returns how many were mixed in.
 * `decoded` and `sum` are scratch of [params]. */
uint32_t kith_mix(float *x, size_t params, float own, struct kith_pulled *pulled, uint32_t count,
                  float *decoded, float *sum);

/* Quasi-global momentum (Lin et al. 2021, algorithm 1): the movement from mix to mix, local steps
 * included: m <- mu m + (1 - mu) (before - x) / length, with length = rate * local steps. */
void kith_mix_momentum(float *m, const float *before, const float *x, size_t params, float mu,
                       float length);

/* The Euclidean norm of x - y, or of x with y NULL. */
double kith_mix_distance(const float *x, const float *y, size_t params);
double kith_mix_dot(const float *x, const float *y, size_t params);

#endif
