#include "tools/bench_learn_rows.h"

#define LEAST(figure_, bound_)                                                                     \
    {                                                                                              \
        .figure = KITH_LEARN_##figure_, .bound = bound_                                            \
    }
#define MOST(figure_, bound_)                                                                      \
    {                                                                                              \
        .figure = KITH_LEARN_##figure_, .is_most = true, .bound = bound_                           \
    }
#define LEAST_BESIDE(row_, bound_)                                                                 \
    {                                                                                              \
        .figure = KITH_LEARN_MEAN, .bound = bound_, .beside = row_                                 \
    }
#define MOST_BESIDE(row_, bound_)                                                                  \
    {                                                                                              \
        .figure = KITH_LEARN_MEAN, .is_most = true, .bound = bound_, .beside = row_                \
    }

/* --- frontier: accuracy against bytes, 20 local epochs of 60,000 images on 16 nodes --- */

#define FRONTIER       "--nodes 16 --model 784-128-10"
#define FRONTIER_QUICK "--synthetic --nodes 6 --model mlp:16 --budget 12 --steps 30"

#define WIRE(wire_)                                                                                \
    {                                                                                              \
        .name = "wire-" wire_, .set = "frontier-wires",                                            \
        .shape = FRONTIER " --budget 26 --steps 117", .quick = FRONTIER_QUICK,                     \
        .flags = "--pulls 1 --share weights --wire " wire_                                         \
    }
#define WIRE_SHARDS(wire_)                                                                         \
    {                                                                                              \
        .name = "wire-" wire_ "-shards", .set = "frontier-wires",                                  \
        .shape = FRONTIER " --budget 26 --steps 117", .quick = FRONTIER_QUICK,                     \
        .flags = "--pulls 1 --share weights --partition shards:2 --wire " wire_                    \
    }
#define LENGTH(budget_, steps_)                                                                    \
    {                                                                                              \
        .name = "rounds-" budget_, .set = "frontier-rounds",                                       \
        .shape = FRONTIER " --budget " budget_ " --steps " steps_, .quick = FRONTIER_QUICK,        \
        .flags = "--wire int4 --pulls 1 --rate 0.2 --share weights"                                \
    }
#define RULE(rule_)                                                                                \
    {                                                                                              \
        .name = "rule-" rule_, .set = "frontier-rules",                                            \
        .shape = FRONTIER " --budget 16 --steps 234", .quick = FRONTIER_QUICK,                     \
        .flags = "--wire int4 --pulls 4 --rate 0.2 --share weights --rule " rule_                  \
    }
#define RULE_SHARDS(rule_)                                                                         \
    {                                                                                              \
        .name = "rule-" rule_ "-shards", .set = "frontier-rules",                                  \
        .shape = FRONTIER " --budget 16 --steps 234", .quick = FRONTIER_QUICK,                     \
        .flags =                                                                                   \
            "--wire int4 --pulls 4 --share weights --partition shards:2 --rate 0.1 --rule " rule_  \
    }

/* --- attack: 25 nodes, 5 of them lie --- */

#define ATTACK                                                                                     \
    "--nodes 25 --pool 2 --model 196-64-10 --partition dirichlet:0.5 --budget 56 --steps 10 "      \
    "--pulls 8"
#define ATTACK_QUICK                                                                               \
    "--synthetic --nodes 8 --model mlp:16 --partition dirichlet:0.5 --budget 12 --steps 30 "       \
    "--pulls 4"
#define ATTACK_LONG                                                                                \
    "--nodes 25 --pool 2 --model 196-64-10 --partition dirichlet:0.5 --rounds 50 --steps 10 "      \
    "--pulls 8"

#define CALM(rule_)                                                                                \
    {                                                                                              \
        .name = "calm-" rule_, .set = "attack", .shape = ATTACK, .quick = ATTACK_QUICK,            \
        .flags = "--share weights --rule " rule_                                                   \
    }
#define LIE(lie_, rule_)                                                                           \
    .name = lie_ "-" rule_, .set = "attack", .shape = ATTACK, .quick = ATTACK_QUICK,               \
    .flags = "--share weights --lie " lie_ " --lie-share 0.2 --rule " rule_
#define HELD(lie_)                                                                                 \
    {                                                                                              \
        LIE(lie_, "score"), .target_count = 2, .target = {                                         \
            LEAST_BESIDE("calm-score", -1.5),                                                      \
            MOST(BEHIND, 5)                                                                        \
        }                                                                                          \
    }
#define SHOWN(lie_, rule_)                                                                         \
    {                                                                                              \
        LIE(lie_, rule_)                                                                           \
    }
#define BROKEN(lie_)                                                                               \
    {                                                                                              \
        LIE(lie_, "mean"), .target_count = 1, .target = { MOST(MEAN, 60) }                         \
    }
#define NO_END(lie_)                                                                               \
    {                                                                                              \
        .name = lie_ "-mean-no-end", .set = "attack", .shape = ATTACK_LONG, .quick = ATTACK_QUICK, \
        .flags = "--share weights --lie " lie_ " --lie-share 0.2 --rule mean"                      \
    }

/* --- attack-field: 16 nodes, some send their weights times -1000 --- */

#define FIELD       "--nodes 16 --model 784-128-10 --budget 26 --steps 117 --pulls 4"
#define FIELD_QUICK "--synthetic --nodes 8 --model mlp:16 --budget 12 --steps 30 --pulls 4"

/* --- unlike: three architectures --- */

#define UNLIKE                                                                                     \
    "--nodes 24 --pool 2 --model 196-64-10 --model 196-128-32-10 --model 196-10 --steps 10 "       \
    "--budget 66 --rate 0.2"
#define UNLIKE_QUICK                                                                               \
    "--synthetic --nodes 6 --model mlp:16 --model mlp:24,12 --model 64-10 --steps 30 --budget 12"

/* --- churn --- */

#define CHURN       "--pool 2 --model 196-64-10 --partition dirichlet:0.5 --steps 10"
#define CHURN_QUICK "--synthetic --model mlp:16 --partition dirichlet:0.5 --steps 30"
#define TROUBLE                                                                                    \
    " --group '{name: stay, nodes: 20}' --group '{name: late, nodes: 6, start: 30}' --fault "      \
    "'{at: 30, kind: kill, group: stay, share: 0.3}'"
#define TROUBLE_QUICK                                                                              \
    " --group '{name: stay, nodes: 7}' --group '{name: late, nodes: 2, start: 6}' --fault "        \
    "'{at: 6, kind: kill, group: stay, share: 0.3}'"

const struct kith_learn_row kith_learn_rows[] = {
    {
        .name = "frontier-iid",
        .set = "frontier",
        .shape = FRONTIER " --budget 16 --steps 234",
        .quick = FRONTIER_QUICK,
        .flags = "--wire int4 --pulls 1 --rate 0.2 --share weights",
        .target_count = 2,
        .target = {LEAST(MEAN, 84.5), MOST(TOTAL_MB, 20)},
    },
    {
        .name = "frontier-shards",
        .set = "frontier",
        .shape = FRONTIER " --partition shards:2 --budget 26 --steps 117",
        .quick = FRONTIER_QUICK,
        .flags = "--wire int4 --pulls 1 --teachers 6 --rate 0.1",
        .target_count = 2,
        .target = {LEAST(MEAN, 77), MOST(TOTAL_MB, 40)},
    },
    WIRE("fp32"),
    WIRE("fp16"),
    WIRE("int8"),
    WIRE("int4"),
    WIRE_SHARDS("fp32"),
    WIRE_SHARDS("fp16"),
    WIRE_SHARDS("int8"),
    WIRE_SHARDS("int4"),
    LENGTH("8", "1170"),
    LENGTH("11", "468"),
    LENGTH("26", "117"),
    LENGTH("46", "59"),
    RULE("score"),
    RULE("mean"),
    RULE("trimmed-mean"),
    RULE("median"),
    RULE("geometric-median"),
    RULE("krum"),
    RULE("centred-clip"),
    RULE("clipped-gossip"),
    RULE("nna"),
    RULE("remove-clip"),
    RULE("nnm-trimmed"),
    RULE_SHARDS("score"),
    RULE_SHARDS("mean"),
    RULE_SHARDS("trimmed-mean"),
    RULE_SHARDS("median"),
    RULE_SHARDS("geometric-median"),
    RULE_SHARDS("krum"),
    RULE_SHARDS("centred-clip"),
    RULE_SHARDS("clipped-gossip"),
    RULE_SHARDS("nna"),
    RULE_SHARDS("remove-clip"),
    RULE_SHARDS("nnm-trimmed"),
    {
        .name = "skew",
        .set = "skew",
        .shape = "--nodes 32 --pool 2 --model 196-64-10 --partition dirichlet:0.1 --budget 36 "
                 "--steps 40",
        .quick = "--synthetic --nodes 8 --model mlp:16 --partition dirichlet:0.1 --budget 12 "
                 "--steps 30",
        .flags = "--wire int4 --pulls 1 --teachers 2 --rate 0.15",
        .target_count = 3,
        .target = {LEAST(MEAN, 80), LEAST(WORST, 78), MOST(NODE_KB, 600)},
    },
    {
        .name = "calm-score",
        .set = "attack",
        .shape = ATTACK,
        .quick = ATTACK_QUICK,
        .flags = "--share weights --rule score",
        .target_count = 1,
        .target = {LEAST_BESIDE("calm-mean", -1)},
    },
    CALM("mean"),
    HELD("sign-flip"),
    HELD("alie"),
    HELD("ipm"),
    HELD("noise"),
    HELD("label-pairs"),
    HELD("foe"),
    HELD("dissensus"),
    SHOWN("sign-flip", "mean"),
    SHOWN("alie", "mean"),
    SHOWN("ipm", "mean"),
    SHOWN("noise", "mean"),
    SHOWN("label-pairs", "mean"),
    BROKEN("foe"),
    BROKEN("dissensus"),
    NO_END("foe"),
    NO_END("dissensus"),
    CALM("trimmed-mean"),
    CALM("median"),
    CALM("geometric-median"),
    CALM("krum"),
    CALM("centred-clip"),
    CALM("clipped-gossip"),
    CALM("nna"),
    CALM("remove-clip"),
    CALM("nnm-trimmed"),
    SHOWN("foe", "trimmed-mean"),
    SHOWN("foe", "median"),
    SHOWN("foe", "geometric-median"),
    SHOWN("foe", "krum"),
    SHOWN("foe", "centred-clip"),
    SHOWN("foe", "clipped-gossip"),
    SHOWN("foe", "nna"),
    SHOWN("foe", "remove-clip"),
    SHOWN("foe", "nnm-trimmed"),
    SHOWN("dissensus", "trimmed-mean"),
    SHOWN("dissensus", "median"),
    SHOWN("dissensus", "geometric-median"),
    SHOWN("dissensus", "krum"),
    SHOWN("dissensus", "centred-clip"),
    SHOWN("dissensus", "clipped-gossip"),
    SHOWN("dissensus", "nna"),
    SHOWN("dissensus", "remove-clip"),
    SHOWN("dissensus", "nnm-trimmed"),
    {
        .name = "field-calm",
        .set = "attack-field",
        .shape = FIELD,
        .quick = FIELD_QUICK,
        .flags = "--share weights",
    },
    {
        .name = "field-3",
        .set = "attack-field",
        .shape = FIELD,
        .quick = FIELD_QUICK,
        .flags = "--share weights --lie scale --lie-share 0.19",
        .target_count = 1,
        .target = {LEAST(MEAN, 82)},
    },
    {
        .name = "field-7",
        .set = "attack-field",
        .shape = FIELD,
        .quick = FIELD_QUICK,
        .flags = "--share weights --lie scale --lie-share 0.44",
        .target_count = 1,
        .target = {LEAST(MEAN, 80)},
    },
    {
        .name = "field-7-mean",
        .set = "attack-field",
        .shape = FIELD,
        .quick = FIELD_QUICK,
        .flags = "--share weights --lie scale --lie-share 0.44 --rule mean",
    },
    {
        .name = "unlike-alone",
        .set = "unlike",
        .shape = UNLIKE,
        .quick = UNLIKE_QUICK,
        .flags = "--partition dirichlet:0.1 --share none",
    },
    {
        .name = "unlike-weights",
        .set = "unlike",
        .shape = UNLIKE,
        .quick = UNLIKE_QUICK,
        .flags = "--partition dirichlet:0.1 --share weights",
    },
    {
        .name = "unlike-labels",
        .set = "unlike",
        .shape = UNLIKE,
        .quick = UNLIKE_QUICK,
        .flags = "--partition dirichlet:0.1 --share labels --teachers 4",
        .target_count = 2,
        .target = {LEAST(MEAN, 69), MOST(ROUND_KB, 15)},
    },
    {
        .name = "unlike-both",
        .set = "unlike",
        .shape = UNLIKE,
        .quick = UNLIKE_QUICK,
        .flags = "--partition dirichlet:0.1 --share both --teachers 4",
        .target_count = 1,
        .target = {LEAST_BESIDE("unlike-weights", 3)},
    },
    {
        .name = "unlike-control",
        .set = "unlike",
        .shape = UNLIKE,
        .quick = UNLIKE_QUICK,
        .flags = "--partition dirichlet:0.1 --share both --teachers 4 --lie soft-labels",
        .target_count = 1,
        .target = {MOST_BESIDE("unlike-weights", 0.5)},
    },
    {
        .name = "churn-calm",
        .set = "churn",
        .shape = CHURN " --nodes 26 --budget 66",
        .quick = CHURN_QUICK " --nodes 9 --budget 12",
        .flags = "--share both",
    },
    {
        .name = "churn",
        .set = "churn",
        .shape = CHURN " --budget 66" TROUBLE,
        .quick = CHURN_QUICK " --budget 12" TROUBLE_QUICK,
        .flags = "--share both --loss 0.1",
        .late_from = 20,
        .quick_late_from = 7,
        .target_count = 1,
        .target = {LEAST_BESIDE("churn-calm", -2)},
    },
    {
        .name = "churn-newcomers",
        .set = "churn",
        .shape = CHURN " --seconds 37.5" TROUBLE,
        .quick = CHURN_QUICK " --seconds 12.5" TROUBLE_QUICK,
        .flags = "--share both --loss 0.1",
        .late_from = 20,
        .quick_late_from = 7,
        .target_count = 2,
        .target = {MOST(LATE, 3), MOST(ROUNDS, 5)},
    },
};

const uint32_t kith_learn_row_count = sizeof kith_learn_rows / sizeof *kith_learn_rows;
