/* sim/sim_run.h: everything `kith sim` does: builds a world of nodes as configured, runs it in
 * virtual time on real training, and reports. Equal configurations give equal trace hashes, and
 * with exact kernels equal weights, whatever the number of threads. */
#ifndef KITH_SIM_SIM_RUN_H
#define KITH_SIM_SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "node/config.h"
#include "training/dataset.h"
#include "training/partition.h"

enum {
    KITH_SIM_NODES_MAX = 16384,
    KITH_SIM_MODELS_MAX = 16,
    KITH_SIM_CLASS_SETS_MAX = 16,
    KITH_SIM_THREADS_MAX = 64,
    KITH_SIM_SYNTHETIC_INPUTS = 64, /* of a sample of the small synthetic task */
    KITH_SIM_SYNTHETIC_CLASSES = 10,
};

struct kith_sim_run_config {
    uint32_t nodes; /* 1 to KITH_SIM_NODES_MAX */
    uint64_t seed;
    /* What all nodes share: rules, share, pulls, teachers, limits, learner settings. Filled in for
     * each node by the simulator: keypair, scheme, learner.task, .arch, .shard, .init_seed, .seed.
     * With the synthetic task, rules.inputs, .classes and .public_count are replaced. */
    struct kith_config node;
    /* Borrowed; both NULL: a small synthetic task that needs no file. Not looked at if the nodes do
     * not learn (node.learns). */
    const struct kith_dataset *train;
    const struct kith_dataset *test;
    struct kith_partition partition;
    uint32_t class_set_count; /* 0: every class; else node i keeps set i % count of its shard */
    struct kith_class_set class_set[KITH_SIM_CLASS_SETS_MAX];
    uint32_t model_count; /* at least 1; node i has model i % count */
    char model[KITH_SIM_MODELS_MAX][KITH_ARCH_TEXT_MAX];
    /* The run ends when every node that is up has done so many rounds, or at this virtual time,
     * whichever is first; 0 means no such end, and one of the two must be set. */
    uint64_t rounds;
    double virtual_s;

    double latency_ms;     /* one way, mean over pairs, uniform between half and 1.5 times it */
    double bandwidth_mbps; /* of each node, each way; 0: no limit */
    double loss;       /* share of messages sent twice or more, and of dials that fail, [0, 1) */
    double gflops;     /* of each node, > 0: how long its training takes in virtual time */
    double kill_share; /* so many of the nodes are killed, [0, 1] ... */
    double kill_at_s;  /* ... at this virtual time ... */
    double restart_after_s; /* ... and started again so long after; 0: never */
    bool kill_first;        /* node 0, the one that the others start from, is among them */

    uint32_t threads;       /* that train at once, 1 to KITH_SIM_THREADS_MAX */
    bool real_signatures;   /* Ed25519; false: a keyed hash, which is far cheaper */
    bool progress;          /* a bar on `err` while it runs, if that is a terminal */
    const char *json_path;  /* NULL: none */
    const char *trace_path; /* NULL: none; one line an event, for people */
};

/* 8 nodes, iid, 784-256-128-10, 20 rounds of at least a virtual second each (nodes with fast models
 * would be done before they have met), 50 ms, 1 GFLOP/s, 1 thread, the keyed hash. */
void kith_sim_run_config_default(struct kith_sim_run_config *ret);
/* 0, or RANGE or INVALID with the field's name as a flag has it ("nodes", "loss", "kill-share") in
 * *ret_field and what is allowed in *ret_allowed (both static). */
int kith_sim_run_config_check(const struct kith_sim_run_config *config, const char **ret_field,
                              const char **ret_allowed);

/* Run. The table goes to `out`, the bar and one line for any error to `err`. Returns the exit
 * status: 0; 1: a file could not be written, memory ran out, or a check of the simulator failed
 * (then with a line that replays it). The config must pass kith_sim_run_config_check. */
int kith_sim_run(const struct kith_sim_run_config *config, FILE *out, FILE *err);

#endif
