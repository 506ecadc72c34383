/* The options of kith sim: a flag for each knob of a scenario, made from the same rows. */
#include "host/dataset_file.h"
#include "sim/scenario_knobs.h"
#include "tools/commands.h"
#include "tools/option_rows.h"
#include "tools/values.h"

#define KNOB_U32(name, argument, fallback, low, high, words, help)                                 \
    INT(name, argument, fallback, low, high, help)
#define KNOB_U64(name, argument, fallback, low, high, words, help)                                 \
    INT(name, argument, fallback, low, high, help)
#define KNOB_REAL(name, argument, fallback, low, high, words, help)                                \
    REAL(name, argument, fallback, low, high, help)
#define KNOB_FLOAT(name, argument, fallback, low, high, words, help)                               \
    REAL(name, argument, fallback, low, high, help)
#define KNOB_SECONDS(name, argument, fallback, low, high, words, help)                             \
    REAL(name, argument, fallback, low, high, help)
#define KNOB_FLAG(name, argument, fallback, low, high, words, help) FLAG(name, help)
#define KNOB_NOT(name, argument, fallback, low, high, words, help)  FLAG(name, help)
#define KNOB_WORD(name, argument, fallback, low, high, words, help)                                \
    WORD(name, argument, fallback, words, help)
#define KNOB_BIT(name, argument, fallback, low, high, words, help)                                 \
    WORD(name, argument, fallback, words, help)
#define KNOB_SPLIT(name, argument, fallback, low, high, words, help)                               \
    TEXT(name, argument, fallback, kith_is_partition, KITH_PARTITION_ALLOWED, help)

#define X(name, argument, fallback, kind, member, low, high, words, help)                          \
    KNOB_##kind(name, argument, fallback, low, high, words, help),

static const struct kith_option sim_options[] = {
    KITH_RUN_KNOBS_MAP(X) KITH_NODE_KNOBS_MAP(X)
        TEXTS("model", "LAYERS", kith_is_layers, LAYERS_ALLOWED,
              "the models' layers, dealt out in turn; without it 784-256-128-10"),
    TEXTS("classes", "SET", kith_is_classes, KITH_CLASSES_ALLOWED,
          "only these labels of a node's part, dealt out in turn"),
    TEXTS("group", "{...}", NULL, "a group as in a scenario file",
          "a group of nodes, as {name: slow, nodes: 2, gflops: 0.1}"),
    TEXTS("fault", "{...}", NULL, "a fault as in a scenario file",
          "what goes wrong, as {at: 10, until: 40, kind: kill, share: 0.3}"),
    TEXT("regions", "{...}", NULL, NULL, "regions as in a scenario file",
         "mean latencies in ms, as {eu: {eu: 10, us: 45}, us: {us: 15}}; groups say their region"),
    FILE_OPTION("churn", "nodes come and go as this trace says: lines of time,node,up or down"),
    TEXTS("check", "CHECK", NULL, "a check as in a scenario file",
          "what must hold at the end, as \"unlisted <= 0\""),
    REAL("kill-share", "SHARE", "0", 0, 1, "of the nodes that are killed"),
    REAL("kill-at", "S", "0", 0, 1e8, "virtual time at which they are killed"),
    REAL("restart-after", "S", "0", 0, 1e8, "virtual time until they start again; 0: never"),
    FLAG("kill-first", "the node that the others start from is among them"),
    FILE_OPTION("swarm", "rules of the swarm; the built-in swarm is fashion-mnist"),
    DIR_OPTION("data", KITH_DATASET_DIR_DEFAULT,
               "where the IDX files of the data set are, gzip or not"),
    INT("threads", "N", "1", 1, 64, "that train at once; changes no result"),
    FLAG("list", "print the names of the scenarios that come with kith, and end"),
    FLAG("show", "print the whole scenario as a file that can be used again, and end"),
    FLAG("quiet", "no bar while it runs"),
    FILE_OPTION("json", "write the report there as JSON"),
    FILE_OPTION("trace", "write a line for each event there"),
    DIR_OPTION("out", NULL,
               "make this folder and write all there is to know about the run into it"),
    FILE_OPTION("report", "write a page with charts there, one HTML file"),
    TEXT("graph-at", "S,S,...", NULL, kith_is_times, KITH_TIMES_ALLOWED,
         "virtual seconds at which the report draws the overlay; without it three times"),
    REAL("eval-every", "S", "5", 0, 1e8,
         "virtual seconds between a node's tests for --out and --report; 0: once an epoch"),
    END,
};

const struct kith_command kith_command_sim = {
    .name = "kith sim",
    .operands = "[SCENARIO]",
    .operands_max = 1,
    .summary = "run many nodes in virtual time",
    .text = "Run the same nodes as kith node with a simulated network, DHT and clock and with real "
            "training, then print a summary and a hash of all that happened. Equal options give "
            "equal hashes.\n"
            "\n"
            "  kith sim --nodes 32 --partition dirichlet:0.1 --seed 1\n"
            "  kith sim churn-30 --seed 2\n"
            "  kith sim my.yaml --nodes 100\n"
            "\n"
            "SCENARIO is a YAML file (docs/SIMULATION.md) or the name of one that comes with kith "
            "(--list). Its keys are the names of the options below; an option overrides the file, "
            "for all nodes. If a check of the scenario does not hold, the exit status is 1.",
    .options = sim_options,
};
