/* sim/scenario.h: the description of a whole run as plain data: groups of nodes, each with its own
 * model, data and machines; the network and the DHT between them; what goes wrong and when; what
 * must hold at the end. The only description there is: flags and files fill it in, kith_swarm_new
 * makes a world of it, kith_scenario_schedule puts its faults into that world. */
#ifndef KITH_SIM_SCENARIO_H
#define KITH_SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "node/config.h"
#include "sim/baseline.h"
#include "sim/churn_trace.h"
#include "sim/sim_dht.h"
#include "sim/sim_fault.h"
#include "sim/sim_liar.h"
#include "sim/sim_net.h"
#include "sim/sim_store.h"
#include "sim/world.h"
#include "training/partition.h"

enum {
    KITH_SIM_NODES_MAX = 16384,
    KITH_SIM_MODELS_MAX = 16,
    KITH_SIM_CLASS_SETS_MAX = 16,
    KITH_SCENARIO_GROUPS_MAX = 32,
    KITH_SCENARIO_FAULTS_MAX = 256,
    KITH_SCENARIO_CHECKS_MAX = 32,
    KITH_SCENARIO_NAME_MAX = 32,
    KITH_SCENARIO_TEXT_MAX = 256,
    KITH_SCENARIO_REGIONS_MAX = 16,
};

#define KITH_SCENARIO_S_MAX 1e8 /* the latest virtual time */

/* Where a node starts from, besides the DHT. */
enum kith_scenario_bootstrap {
    KITH_BOOTSTRAP_FIRST,    /* node 0, which itself has nobody */
    KITH_BOOTSTRAP_PREVIOUS, /* the node before it; node 0 from the last: a ring */
    KITH_BOOTSTRAP_RANDOM,   /* one other node, drawn from the seed */
    KITH_BOOTSTRAP_NONE,     /* the DHT alone */
};

/* What is chosen for nodes: for all of them, or for those of one group. */
struct kith_scenario_group {
    char name[KITH_SCENARIO_NAME_MAX];
    uint32_t nodes; /* of a group: how many, at least 1. Of `all`: unused */
    /* Filled in for each node by the simulator: keypair, scheme, rules (those of `all`, changed for
     * the synthetic task), learner.task, .arch, .shard, .init_seed, .seed. */
    struct kith_config node;
    /* Its i-th node has model i % model_count of model[model_first ...], at least 1. */
    uint32_t model_first;
    uint32_t model_count;
    /* Likewise the labels it keeps; 0: every label. */
    uint32_t class_first;
    uint32_t class_count;
    /* Nodes with equal partitions and labels share all data of these labels out among themselves;
     * other nodes take nothing from them. */
    struct kith_partition partition;
    double gflops;         /* > 0: how long training takes in virtual time */
    double bandwidth_mbps; /* each way; 0: no limit */
    double start_s;        /* its nodes start from then on ... */
    double start_within_s; /* ... within so long, in an order drawn from the seed */
    enum kith_scenario_bootstrap bootstrap;
    enum kith_sim_nat nat;
    enum kith_sim_dht_mode dht;
    enum kith_sim_disk disk;
    double skew_ms;
    struct kith_world_compute compute;
    uint32_t region;         /* + 1; 0: none */
    struct kith_lying lying; /* of the liars among them ... */
    double lie_share;        /* ... who are so many, drawn from the seed */
    uint64_t given; /* which knobs were given (sim/scenario_knobs.h): the others are as in `all` */
};

#define KITH_SCENARIO_EVERYONE UINT32_MAX

/* Some nodes. */
struct kith_scenario_who {
    uint32_t group; /* of this group, or KITH_SCENARIO_EVERYONE */
    /* Of these: the nodes [first, first + count), or with count 0 floor(share * nodes) drawn from
     * the seed and the fault's place in the list. */
    uint32_t first;
    uint32_t count;
    double share;
    bool with_first; /* the first of them is drawn in any case */
};

enum kith_scenario_way { KITH_WAY_BOTH, KITH_WAY_IN, KITH_WAY_OUT };

struct kith_scenario_fault {
    /* Of sim_fault.h, without GROUP and OPEN: a KITH_FAULT_CLOSE is given by two sets of nodes, and
     * ends by itself. */
    enum kith_fault_kind kind;
    double at_s;
    /* When it is undone: nodes start again, ways open, values are the group's again. 0: never. */
    double until_s;
    struct kith_scenario_who who;
    /* CLOSE: `who` and these hear nothing of each other any more; nodes in both are of `who` alone.
     * IN: nothing from these gets to `who`, OUT: the other way round, BOTH. */
    struct kith_scenario_who from;
    enum kith_scenario_way way;
    bool lose_last; /* KILL, CUT_OFF: the last stored value of each key is lost too */
    /* PAUSE ends at until_s, which it needs. SPEED: times the group's, 0.001 to 1,000. BANDWIDTH:
     * Mbit/s each way. LOSS: of all messages of all nodes, whoever `who` is. SKEW: ms. DISK, DHT:
     * the enum's. */
    double value;
};

/* What can be bounded at the end of a run: name, what it says. Over nodes that are up. */
#define KITH_SCENARIO_METRICS_MAP(X)                                                               \
    X(ACCURACY_MEAN, "accuracy-mean", "mean accuracy on the full test set, per cent")              \
    X(ACCURACY_WORST, "accuracy-worst", "the worst node's accuracy, per cent")                     \
    X(ACCURACY_P10, "accuracy-p10", "10th percentile of the accuracy, per cent")                   \
    X(ALIVE, "alive", "nodes that are up at the end")                                              \
    X(ROUNDS_MEAN, "rounds-mean", "rounds a node")                                                 \
    X(ROUNDS_LEAST, "rounds-least", "rounds of the node with the fewest")                          \
    X(PEERS_MEAN, "peers-mean", "peers a node lists")                                              \
    X(PEERS_LEAST, "peers-least", "peers of the node that lists the fewest")                       \
    X(UNLISTED, "unlisted", "pairs of nodes of which the first does not list the second")          \
    X(LACKING, "lacking", "peers that nodes lack of all others or of 15/16 of a view")             \
    X(COMPONENTS, "components", "parts that no link joins")                                        \
    X(MIXED, "mixed", "models mixed in, all nodes")                                                \
    X(TAUGHT, "taught", "sets of soft labels learned from, all nodes")                             \
    X(DROPPED, "dropped", "messages and records that nodes dropped")                               \
    X(SENT, "sent", "bytes sent a node and virtual second")

enum kith_scenario_metric {
#define X(constant, name, text) KITH_METRIC_##constant,
    KITH_SCENARIO_METRICS_MAP(X)
#undef X
        KITH_METRICS
};

struct kith_scenario_check {
    enum kith_scenario_metric metric;
    bool is_most; /* at most `bound`, else at least */
    double bound;
};

struct kith_scenario {
    char name[KITH_SCENARIO_NAME_MAX]; /* "" or [a-z0-9-]+ */
    char text[KITH_SCENARIO_TEXT_MAX]; /* one line for people, may be empty */
    uint32_t nodes;                    /* in all, 1 to KITH_SIM_NODES_MAX */
    uint64_t seed;
    /* The run ends when every node that is up has done so many rounds and nothing is left to go
     * wrong, or at this virtual time, whichever is first; 0: no such end, one must be set. */
    uint64_t rounds;
    double virtual_s;
    struct kith_baseline baseline; /* who learns how: the nodes themselves, or something known */

    uint64_t given;                 /* which knobs of the run were given */
    struct kith_scenario_group all; /* of nodes that are in no group */
    /* 0: all nodes are `all`'s. Else the groups' nodes, one group behind the other, are all. */
    uint32_t group_count;
    struct kith_scenario_group group[KITH_SCENARIO_GROUPS_MAX];
    uint32_t model_count;
    char model[KITH_SIM_MODELS_MAX][KITH_ARCH_TEXT_MAX];
    uint32_t class_set_count;
    struct kith_class_set class_set[KITH_SIM_CLASS_SETS_MAX];

    enum kith_sim_latency latency;
    double latency_ms;    /* one way, mean over pairs */
    double latency_sigma; /* of LOGNORMAL */
    uint32_t region_count;
    char region[KITH_SCENARIO_REGIONS_MAX][KITH_SCENARIO_NAME_MAX];
    /* [a * region_count + b] one way, mean over pairs, in the place of latency_ms. */
    uint32_t region_us[KITH_SCENARIO_REGIONS_MAX * KITH_SCENARIO_REGIONS_MAX];
    double loss;          /* share of messages sent twice or more, and of dials that fail, [0, 1) */
    double cuts_per_hour; /* how often a link breaks by itself */
    struct kith_sim_dht_config dht; /* .nodes and .values_max are set by the world */
    bool synthetic;                 /* a small synthetic task that needs no file */
    bool real_signatures;           /* Ed25519; false: a keyed hash, which is far cheaper */

    uint32_t fault_count;
    struct kith_scenario_fault fault[KITH_SCENARIO_FAULTS_MAX];
    /* Who comes and goes by a trace, in order of time; nodes named there start by it alone.
     * Borrowed. The path is whom to ask for it, empty: none. */
    char churn_path[KITH_SCENARIO_TEXT_MAX];
    const struct kith_churn *churn;
    uint32_t churn_count;
    uint32_t check_count;
    struct kith_scenario_check check[KITH_SCENARIO_CHECKS_MAX];
};

/* 8 nodes, iid, 784-256-128-10, 20 rounds of at least a virtual second each (nodes with fast models
 * would be done before they have met), all started within a second, 50 ms uniform, 1 GFLOP/s, the
 * keyed hash. No groups, faults or checks. */
void kith_scenario_default(struct kith_scenario *ret);
/* 0, or RANGE with the field's name as a flag or a file has it in *ret_field and what is allowed in
 * *ret_allowed (both static). */
int kith_scenario_check(const struct kith_scenario *scenario, const char **ret_field,
                        const char **ret_allowed);

/* A further fault or check; false if there is no room. */
bool kith_scenario_add_fault(struct kith_scenario *scenario,
                             const struct kith_scenario_fault *fault);
bool kith_scenario_add_check(struct kith_scenario *scenario, enum kith_scenario_metric metric,
                             bool is_most, double bound);
/* So many nodes in all; the groups keep their shares, at least one node each. The result must still
 * pass kith_scenario_check. */
void kith_scenario_resize(struct kith_scenario *scenario, uint32_t nodes);

/* What is chosen for a node, and which of its group's nodes it is. */
const struct kith_scenario_group *kith_scenario_of(const struct kith_scenario *scenario,
                                                   uint32_t node, uint32_t *ret_place);
/* A group's nodes are [first, first + count). */
void kith_scenario_range(const struct kith_scenario *scenario, uint32_t group, uint32_t *ret_first,
                         uint32_t *ret_count);
/* When the last thing has begun, ended or started, in virtual seconds. */
double kith_scenario_settled_s(const struct kith_scenario *scenario);
/* Whether a node may be started a second time, so that what it stores matters. */
bool kith_scenario_restarts(const struct kith_scenario *scenario);

struct kith_world;

/* Put the starts and the faults of a scenario into a new world of its nodes. 0, NOMEM, or RANGE:
 * its cuts divide the nodes into more than KITH_SIM_GROUPS_MAX parts. */
int kith_scenario_schedule(const struct kith_scenario *scenario, struct kith_world *world,
                           const uint8_t seed[static KITH_SEED_LEN]);
/* The nodes of `who`, true in ret_is_in[scenario->nodes]; another `number` draws others. Returns
 * how many. */
uint32_t kith_scenario_pick(const struct kith_scenario *scenario,
                            const struct kith_scenario_who *who,
                            const uint8_t seed[static KITH_SEED_LEN], uint32_t number,
                            bool *ret_is_in);

#endif
