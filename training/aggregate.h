/* training/aggregate.h: rules by which a node makes one model of its own and those it pulled. Each
 * stands in a paper; b is how many of the pulled ones the rule may take for hostile. All work on
 * whole models in a fixed order of operations, so equal inputs give equal bits. Pure. */
#ifndef KITH_TRAINING_AGGREGATE_H
#define KITH_TRAINING_AGGREGATE_H

#include <stddef.h>
#include <stdint.h>

#define KITH_RULES_MAP(X)                                                                          \
    X(SCORE, "score", "weights from first-hand evidence, distances clipped")                       \
    X(MEAN, "mean", "plain mean")                                                                  \
    X(TRIMMED_MEAN, "trimmed-mean", "per number, without the b least and b greatest")              \
    X(MEDIAN, "median", "per number, the median")                                                  \
    X(GEOMETRIC_MEDIAN, "geometric-median", "the point of least summed distance")                  \
    X(KRUM, "krum", "the one model nearest to its neighbours")                                     \
    X(CENTRED_CLIP, "centred-clip", "the mean of clipped differences, three times")                \
    X(CLIPPED_GOSSIP, "clipped-gossip", "differences clipped at their median")                     \
    X(NNA, "nna", "mean without the b farthest from the own")                                      \
    X(REMOVE_CLIP, "remove-clip", "without the b farthest, the rest clipped at their median")      \
    X(NNM_TRIMMED, "nnm-trimmed", "nearest-neighbour mixing, then the trimmed mean")

enum kith_rule {
#define X(name, text, help) KITH_RULE_##name,
    KITH_RULES_MAP(X)
#undef X
        KITH_RULES,
};

/* All names, for help and errors. */
#define KITH_RULE_NAMES_TEXT                                                                       \
    "score mean trimmed-mean median geometric-median krum centred-clip clipped-gossip nna "        \
    "remove-clip nnm-trimmed"

enum {
    KITH_AGGREGATE_MAX = 17, /* the own model and 16 pulled ones */
    KITH_CENTRED_CLIP_STEPS = 3,
    KITH_WEISZFELD_STEPS = 100,
};
/* Weiszfeld's iteration ends when a step is shorter than this share of the mean distance. */
#define KITH_WEISZFELD_TOLERANCE 1e-6

const char *kith_rule_name(enum kith_rule rule);
/* 0 or INVALID. */
int kith_rule_parse(const char *text, enum kith_rule *ret);
/* How many hostile ones are assumed among `pulled` models: pulled / 2 - 1, at least 0, so that the
 * rules keep a majority. */
uint32_t kith_rule_hostile(uint32_t pulled);
/* How many models of scratch a rule needs for `count` of them, the own one included. */
uint32_t kith_aggregate_scratch(enum kith_rule rule, uint32_t count);

/* One model out of `count` (1 to KITH_AGGREGATE_MAX), the own one first, each [params] and finite;
 * into `ret` [params], which is none of them. With n = count and f = b:
 *   mean              (1/n) sum x_j
 *   trimmed mean      per coordinate without the f least and f greatest (Yin et al. 2018)
 *   median            per coordinate (Yin et al. 2018)
 *   geometric median  argmin_z sum |x_j - z|, Weiszfeld 1937, from the mean
 *   krum              the x_j of least summed squared distance to its n - f - 2 nearest others
 *                     (Blanchard et al. 2017); the first of equals
 *   centred clip      v <- v + (1/n) sum (x_j - v) min(1, tau / |x_j - v|), from v = own, tau the
 *                     median distance (Karimireddy et al. 2021, eq. 8)
 *   clipped gossip    the same, one step (He et al. 2022, eq. 4)
 *   nna               mean of the n - f nearest to the own, itself included (Farhadkhani et al.
 *                     2023, MoNNA)
 *   remove, clip      without the f farthest, one clipped step at the median of the rest
 *   nnm, trimmed      x_j replaced by the mean of its n - f nearest (Allouah et al. 2023), then the
 *                     trimmed mean
 * `b` is lowered to what n allows. The rule is not KITH_RULE_SCORE: that one is kith_mix. */
void kith_aggregate(enum kith_rule rule, const float *const *models, uint32_t count, size_t params,
                    uint32_t b, float *ret, float *scratch);

#endif
