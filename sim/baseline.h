/* sim/baseline.h: known algorithms to compare with, as what they have in common: in each round some
 * nodes train, then each node's model becomes a weighted mean of models. Pure but for its memory.
 */
#ifndef KITH_SIM_BASELINE_H
#define KITH_SIM_BASELINE_H

#include "sim/topology.h"

enum kith_algorithm {
    KITH_ALGORITHM_KITH,       /* no baseline: the nodes themselves */
    KITH_ALGORITHM_ALONE,      /* nobody hears anybody */
    KITH_ALGORITHM_ALL_REDUCE, /* everybody has the mean of all */
    KITH_ALGORITHM_FEDAVG,     /* McMahan et al. 2017: a server, some clients a round */
    KITH_ALGORITHM_D_PSGD,     /* Lian et al. 2017: Metropolis-Hastings weights on a graph */
    KITH_ALGORITHM_EL_LOCAL,   /* de Vos et al. 2023: push to `degree` random nodes */
    KITH_ALGORITHM_EL_ORACLE,  /* the same: a random `degree`-regular graph each round */
    KITH_ALGORITHM_GOSSIP,     /* Ormandi et al. 2013: push to one, merge by age */
};
#define KITH_ALGORITHM_NAMES "kith alone all-reduce fedavg d-psgd el-local el-oracle gossip-push"

struct kith_baseline {
    enum kith_algorithm algorithm;
    enum kith_topology topology; /* of D_PSGD */
    uint32_t degree;             /* of its random graphs, and of EL_LOCAL and EL_ORACLE */
    double clients;              /* of FEDAVG: the share of the nodes that trains in a round */
};

/* One round: who trains, and then x_i <- sum over j of weight[i * nodes + j] x_j. */
struct kith_mixing {
    struct kith_baseline baseline;
    uint32_t nodes;
    uint8_t seed[KITH_SEED_LEN];
    struct kith_graph graph;
    const uint32_t *samples; /* [nodes] borrowed: the weights of FEDAVG */
    bool *trains;            /* [nodes] */
    double *weight;          /* [nodes * nodes] rows sum to 1 */
    bool is_shared;          /* all rows are as row 0: one model is sent back to all */
    uint64_t *age;           /* [nodes] of GOSSIP: rounds of training in the model */
    uint64_t *sent_age;      /* [nodes] scratch */
    uint64_t frames;         /* that this round sends, in all */
};

/* 0, or RANGE with the option's name in *ret_field and what is allowed in *ret_allowed (static). */
int kith_baseline_check(const struct kith_baseline *baseline, uint32_t nodes,
                        const char **ret_field, const char **ret_allowed);
/* The baseline must pass its check. 0, NOMEM, or RANGE: no connected graph of that degree. */
int kith_mixing_init(struct kith_mixing *mixing, const struct kith_baseline *baseline,
                     uint32_t nodes, const uint32_t *samples,
                     const uint8_t seed[static KITH_SEED_LEN]);
void kith_mixing_release(struct kith_mixing *mixing);
/* Set trains, weight and frames for a round. Rounds are asked for in their order, from 0 on. 0, or
 * RANGE as above. */
int kith_mixing_round(struct kith_mixing *mixing, uint64_t round);

#endif
