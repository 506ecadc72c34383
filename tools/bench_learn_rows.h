/* tools/bench_learn_rows.h: the rows of kith bench learn: what is run, as flags of kith sim, and
 * what must come out. Plain data. */
#ifndef KITH_TOOLS_BENCH_LEARN_ROWS_H
#define KITH_TOOLS_BENCH_LEARN_ROWS_H

#include <stdbool.h>
#include <stdint.h>

enum { KITH_LEARN_TARGETS_MAX = 3 };

/* What is taken from each run: constant, name in files, what it says. Accuracy in per cent, of each
 * honest node's own model on the full test set. Bytes are those that nodes send, membership
 * included. What a run does not have is not a number. */
#define KITH_LEARN_FIGURES_MAP(X)                                                                  \
    X(MEAN, "mean", "accuracy, mean over nodes")                                                   \
    X(WORST, "worst", "accuracy of the worst node")                                                \
    X(BEHIND, "behind", "points from the mean to the worst node")                                  \
    X(NODE_KB, "node_kb", "kB sent a node")                                                        \
    X(TOTAL_MB, "total_mb", "MB sent in all")                                                      \
    X(ROUND_KB, "round_kb", "kB sent a node and round")                                            \
    X(WEIGHT, "liars_weight", "the liars' share of the mixing weight, per cent")                   \
    X(AUC, "auc", "share of pairs in which the honest peer has the higher score")                  \
    X(LATE, "late", "points from the others' median to the newcomers' mean")                       \
    X(ROUNDS, "rounds", "rounds of the node with the fewest")                                      \
    X(CPU_S, "cpu_s", "CPU seconds")

enum kith_learn_figure {
#define X(constant, name, text) KITH_LEARN_##constant,
    KITH_LEARN_FIGURES_MAP(X)
#undef X
        KITH_LEARN_FIGURES
};

/* At least or at most `bound`, more or less: of the mean over seeds; WORST, BEHIND and LATE of the
 * worst seed. */
struct kith_learn_target {
    enum kith_learn_figure figure;
    bool is_most;
    double bound;
    const char *beside; /* the bound is added to this row's mean accuracy; NULL: it stands alone */
};

struct kith_learn_row {
    const char *name;
    const char *set;
    const char *shape;  /* nodes, model, data, length: flags of kith sim, words quoted with ' */
    const char *quick;  /* the same, small */
    const char *flags;  /* all else */
    uint32_t late_from; /* > 0: the last nodes from this one on are the newcomers ... */
    uint32_t quick_late_from;
    uint32_t target_count;
    struct kith_learn_target target[KITH_LEARN_TARGETS_MAX];
};

extern const struct kith_learn_row kith_learn_rows[];
extern const uint32_t kith_learn_row_count;

#endif
