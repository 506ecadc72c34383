/* sim/scenario_knobs.h: what can be chosen in a scenario, as one table: the keys of its file, the
 * flags of kith sim, their bounds, units and defaults are all made from these rows. */
#ifndef KITH_SIM_SCENARIO_KNOBS_H
#define KITH_SIM_SCENARIO_KNOBS_H

#include "sim/scenario.h"

/* Kinds: U32, U64 whole numbers; REAL, FLOAT; SECONDS kept as microseconds; FLAG true or false, NOT
 * the same turned over; WORD one of the words, kept as its place among them; SPLIT a partition. */

/* X(name, argument, default, kind, member, least, most, words, help), of nodes: for all of them or
 * for a group's. Without a default: what suits the optimizer. */
#define KITH_NODE_KNOBS_MAP(X)                                                                     \
    X("partition", "SPLIT", "iid", SPLIT, partition, 0, 0, "",                                     \
      "how the training images are dealt out")                                                     \
    X("share", "WHAT", "both", WORD, node.share, 0, 0, "none weights labels both",                 \
      "what is exchanged with peers")                                                              \
    X("wire", "FORM", "int8", WORD, node.learner.wire, 0, 0, "fp32 int8 int4 fp16",                \
      "how published weights are written")                                                         \
    X("rule", "RULE", "score", WORD, node.learner.rule, 0, 0, KITH_RULE_NAMES_TEXT,                \
      "how pulled models enter the own one")                                                       \
    X("batch", "B", "32", U32, node.learner.batch, 1, 4096, "", "images of a batch")               \
    X("steps", "H", "20", U32, node.learner.local_steps, 1, 100000, "", "batches of a round")      \
    X("optimizer", "WHICH", "qg", WORD, node.learner.optim, 0, 0, "sgd qg adam",                   \
      "qg: quasi-global momentum, which moves when models are mixed; sgd: heavy ball; adam: Adam") \
    X("rate", "RATE", NULL, FLOAT, node.learner.rate, 0.000001, 10, "",                            \
      "learning rate; 0.1 for qg, 0.03 for sgd, 0.001 for adam")                                   \
    X("momentum", "M", NULL, FLOAT, node.learner.momentum, 0, 0.999, "",                           \
      "momentum; 0.5 for qg, where 0.8 and more diverges, 0.9 for sgd; the first beta of adam, "   \
      "0.9")                                                                                       \
    X("pulls", "S", "2", U32, node.pull_count, 1, KITH_PULL_MAX, "",                               \
      "peers whose weights are mixed in each round")                                               \
    X("teachers", "K", "2", U32, node.teacher_count, 1, KITH_TEACHERS_MAX, "",                     \
      "peers whose soft labels are learned from each round")                                       \
    X("round-time", "SECONDS", "1", SECONDS, node.round_min_us, 0, 86400, "",                      \
      "a round takes at least so much virtual time")                                               \
    X("no-dht", NULL, "false", NOT, node.dht, 0, 0, "", "use links and peer exchange only")        \
    X("links-max", "N", "64", U32, node.links_max, 2, 256, "", "links that a node takes")          \
    X("view", "N", "128", U32, node.peers_max, 8, 4096, "",                                        \
      "peers that a node keeps; of a larger swarm, a sample")                                      \
    X("links-wanted", "N", "8", U32, node.links_wanted, 1, 256, "",                                \
      "links that a node dials and keeps while idle")                                              \
    X("gflops", "G", "1", REAL, gflops, 0.000001, 1e6, "", "how fast a node trains, in GFLOP/s")   \
    X("bandwidth", "MBPS", "0", REAL, bandwidth_mbps, 0, 1e6, "",                                  \
      "of a node each way, in Mbit/s; 0: no limit")                                                \
    X("start", "S", "0", REAL, start_s, 0, 1e8, "", "nodes start at this virtual time ...")        \
    X("start-within", "S", "1", REAL, start_within_s, 0, 3600, "",                                 \
      "... within so many seconds, in an order that is drawn")                                     \
    X("nat", "CLASS", "public", WORD, nat, 0, 0, "public cone symmetric unreachable",              \
      "what stands before a node; nobody can dial one that is not public")                         \
    X("dht", "MODE", "honest", WORD, dht, 0, 0, "honest empty stale lying silent",                 \
      "what a node's DHT gets answer")                                                             \
    X("disk", "STATE", "good", WORD, disk, 0, 0, "good full blank",                                \
      "full: writes fail; blank: they are forgotten")                                              \
    X("skew", "MS", "0", REAL, skew_ms, -1e12, 1e12, "", "a node's wall clock is so far ahead")    \
    X("stragglers", "SHARE", "0", REAL, compute.stragglers, 0, 1, "",                              \
      "of a node's rounds that take longer, by a factor with a heavy tail")                        \
    X("straggler-tail", "A", "1.5", REAL, compute.straggler_tail, 0.1, 100, "",                    \
      "exponent of that factor's Pareto law; less is heavier")                                     \
    X("job-failures", "SHARE", "0", REAL, compute.failures, 0, 1, "",                              \
      "of a node's rounds that give nothing")                                                      \
    X("job-nans", "SHARE", "0", REAL, compute.nans, 0, 1, "",                                      \
      "of a node's rounds whose steps run into NaN")                                               \
    X("lie", "HOW", "none", WORD, lying.lie, 0, 0, KITH_LIE_NAMES,                                 \
      "what liars among the nodes do")                                                             \
    X("lie-share", "SHARE", "1", REAL, lie_share, 0, 1, "",                                        \
      "of the nodes that lie, if --lie says how")                                                  \
    X("lie-strength", "K", "0", REAL, lying.strength, 0, 1e6, "", "0: as is usual for the lie")    \
    X("lie-from", "ROUND", "0", U64, lying.from, 0, 1000000000, "",                                \
      "liars are honest before; 0: as is usual for the lie")                                       \
    X("bootstrap", "WHOM", "first", WORD, bootstrap, 0, 0, "first previous random none",           \
      "the node that each starts from, besides the DHT")

/* The same of the whole run. */
#define KITH_RUN_KNOBS_MAP(X)                                                                      \
    X("nodes", "N", "8", U32, nodes, 1, KITH_SIM_NODES_MAX, "",                                    \
      "how many nodes; groups keep their proportions")                                             \
    X("seed", "X", "1", U64, seed, 0, UINT64_MAX, "", "of everything that is drawn")               \
    X("rounds", "N", NULL, U64, rounds, 1, 1000000000, "",                                         \
      "end when all have done so many; without this and --seconds, 20")                            \
    X("seconds", "S", "0", REAL, virtual_s, 0, 1e8, "",                                            \
      "end at this virtual time; 0: by rounds only")                                               \
    X("algorithm", "NAME", "kith", WORD, baseline.algorithm, 0, 0, KITH_ALGORITHM_NAMES,           \
      "kith: the nodes of kith node; the others are known algorithms on the same task, split, "    \
      "models and seeds, in step and without a network")                                           \
    X("topology", "GRAPH", "regular", WORD, baseline.topology, 0, 0, KITH_TOPOLOGY_NAMES,          \
      "on which d-psgd mixes")                                                                     \
    X("degree", "K", "4", U32, baseline.degree, 1, KITH_TOPOLOGY_NODES_MAX - 1, "",                \
      "of the graphs regular, erdos-renyi (on average) and watts-strogatz, and to how many "       \
      "el-local and el-oracle send")                                                               \
    X("clients", "SHARE", "1", REAL, baseline.clients, 0, 1, "",                                   \
      "of the nodes that train in a round of fedavg, at least one")                                \
    X("budget", "R", "0", U64, all.node.rules.budget.rounds, 0, UINT64_C(1) << 32, "",             \
      "the swarm's rounds in all, part of its rules: then the rate falls towards the end and "     \
      "the last 6 rounds only mix; 0: as the rules say")                                           \
    X("pool", "N", "1", U32, all.node.rules.pool, 1, 8, "",                                        \
      "make images so many times smaller each way, as part of the swarm's rules")                  \
    X("synthetic", NULL, "false", FLAG, synthetic, 0, 0, "",                                       \
      "learn a small synthetic task that needs no file")                                           \
    X("no-training", NULL, "false", NOT, all.node.learns, 0, 0, "",                                \
      "nodes without models and data: membership alone; needs --seconds")                          \
    X("kernels", "WHICH", "exact", WORD, all.node.learner.kernels, 0, 0, "exact blas",             \
      "arithmetic: exact gives the same bits on every machine")                                    \
    X("real-signatures", NULL, "false", FLAG, real_signatures, 0, 0, "",                           \
      "Ed25519 instead of a cheap keyed hash")                                                     \
    X("latency", "MS", "50", REAL, latency_ms, 0, 10000, "",                                       \
      "of a message one way, on average over pairs")                                               \
    X("latency-form", "FORM", "uniform", WORD, latency, 0, 0, "constant uniform tailed lognormal", \
      "how it differs between pairs: not, half to one and a half of it, exponentially, or as "     \
      "latency-sigma says")                                                                        \
    X("latency-sigma", "S", "0.5", REAL, latency_sigma, 0, 3, "",                                  \
      "of the logarithm of a lognormal latency")                                                   \
    X("loss", "SHARE", "0", REAL, loss, 0, 0.9, "",                                                \
      "of messages sent again and of dials that "                                                  \
      "fail")                                                                                      \
    X("cuts-per-hour", "N", "0", REAL, cuts_per_hour, 0, 100000, "",                               \
      "how often a link breaks by itself")                                                         \
    X("dht-delay-min", "S", "0.01", SECONDS, dht.delay_min_us, 0, 600, "",                         \
      "of a DHT operation, uniform from this ...")                                                 \
    X("dht-delay-max", "S", "0.3", SECONDS, dht.delay_max_us, 0, 600, "", "... to this")           \
    X("dht-loss", "SHARE", "0", REAL, dht.loss, 0, 1, "",                                          \
      "of DHT operations that time out, and of puts that store nothing")                           \
    X("dht-visible", "S", "0", SECONDS, dht.visible_us, 0, 3600, "",                               \
      "until others see a value that was put")                                                     \
    X("dht-stale", "S", "60", SECONDS, dht.stale_us, 0, 3600, "",                                  \
      "how old what a stale DHT shows is")                                                         \
    X("dht-expiry", "S", "600", SECONDS, dht.expiry_us, 1, 86400, "", "life of a DHT value")       \
    X("dht-rate", "N", "1024", U32, dht.rate_limit, 0, 1000000, "",                                \
      "DHT operations of a node that are answered in a second; 0: all")                            \
    X("dht-garbage", "N", "0", U32, dht.garbage, 0, KITH_DHT_VALUES_MAX, "",                       \
      "values of strangers under each key")                                                        \
    X("dht-values", "N", "64", U32, dht.key_limit, 1, KITH_DHT_VALUES_MAX, "",                     \
      "values that a DHT get hands up")

enum kith_knob_kind {
    KITH_KNOB_U32,
    KITH_KNOB_U64,
    KITH_KNOB_REAL,
    KITH_KNOB_FLOAT,
    KITH_KNOB_SECONDS,
    KITH_KNOB_FLAG,
    KITH_KNOB_NOT,
    KITH_KNOB_WORD,
    KITH_KNOB_SPLIT,
};

struct kith_knob {
    const char *name;
    const char *fallback; /* NULL: none */
    enum kith_knob_kind kind;
    size_t offset; /* in a kith_scenario_group or a kith_scenario */
    double low;
    double high;
    uint64_t min;
    uint64_t max;
    const char *words;
};

enum { KITH_KNOB_TEXT_MAX = 384 };

extern const struct kith_knob kith_node_knobs[];
extern const struct kith_knob kith_run_knobs[];
extern const size_t kith_node_knob_count;
extern const size_t kith_run_knob_count;

/* Bits of `given` that are no knob's. */
#define KITH_GIVEN_REGION  (UINT64_C(1) << 61)
#define KITH_GIVEN_MODEL   (UINT64_C(1) << 62)
#define KITH_GIVEN_CLASSES (UINT64_C(1) << 63)

/* The knob of that name, NULL: none. */
const struct kith_knob *kith_node_knob(const char *name);
const struct kith_knob *kith_run_knob(const char *name);
/* Read a value from text into a kith_scenario_group or a kith_scenario and note that it was given.
 * False, and nothing is changed: not what kith_knob_allowed says. */
bool kith_knob_read(const struct kith_knob *knob, const char *text, void *at, uint64_t *given);
bool kith_knob_is_given(const struct kith_knob *knob, uint64_t given);
void kith_knob_allowed(const struct kith_knob *knob, char ret[static KITH_KNOB_TEXT_MAX]);
/* The value as text that kith_knob_read takes. */
void kith_knob_write(const struct kith_knob *knob, const void *at,
                     char ret[static KITH_KNOB_TEXT_MAX]);
void kith_knob_real_text(double value, char ret[static KITH_KNOB_TEXT_MAX]);
/* The first of these knobs whose value is out of bounds, or NULL. */
const struct kith_knob *kith_knobs_check(const struct kith_knob *knobs, size_t count,
                                         const void *at);
/* A value for all nodes, whatever their groups said before. */
bool kith_knob_read_all(const struct kith_knob *knob, const char *text,
                        struct kith_scenario *scenario);
/* All defaults. */
void kith_knobs_default(struct kith_scenario *scenario);
/* What was given is complete: groups get what they did not choose from `all`, rate and momentum
 * follow the optimizer, the rounds the rest. Call it after the last change. */
void kith_knobs_settle(struct kith_scenario *scenario);

#endif
