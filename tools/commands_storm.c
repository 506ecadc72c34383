/* kith sim swarm, kith sim replay: their options. */
#include "sim/sim_storms.h"
#include "tools/commands.h"
#include "tools/option_rows.h"

#define STORM_NODES                                                                                \
    INT("nodes", "N", "20", KITH_STORM_NODES_MIN, KITH_STORM_NODES_MAX, "how many nodes in a run")

static const struct kith_option sim_swarm_options[] = {
    INT("runs", "R", "20", 1, KITH_STORMS_MAX, "how many runs"),
    INT("seed", "X", "1", 0, UINT64_MAX,
        "of all runs; each has a seed of its own, derived from it"),
    STORM_NODES,
    INT("threads", "T", "2", 1, KITH_STORMS_AT_ONCE_MAX, "runs at once; changes no result"),
    DIR_OPTION("traces", ".", "where the traces of failed runs go, as kith-sim-SEED.trace"),
    FLAG("quiet", "no bar while it runs"),
    END,
};

const struct kith_command kith_command_sim_swarm = {
    .name = "kith sim swarm",
    .operands = "",
    .summary = "many random runs with faults, all checked",
    .text =
        "Each run draws faults of the network, the DHT, disks, clocks, machines and liars among "
        "the nodes from its seed and checks every step. After a minute of virtual time a core "
        "of the nodes is healed and must come together, stay so, and learn.\n"
        "\n"
        "A run that fails gives one line, a command that replays it, and a trace. The exit "
        "status is then 1.\n"
        "\n"
        "  kith sim swarm --runs 200",
    .options = sim_swarm_options,
};

static const struct kith_option sim_replay_options[] = {
    INT("seed", "X", "1", 0, UINT64_MAX, "of the run, as its line says"),
    STORM_NODES,
    TEXT("build", "ID", NULL, NULL, "a build, as in the line of a failed run",
         "which build ran it; if this is another one it says so"),
    REAL("from", "S", "0", 0, 1e6, "print what happens from this virtual time on"),
    REAL("until", "S", "0", 0, 1e6, "end at this virtual time; 0: when the run ends"),
    INT("node", "I", NULL, 0, KITH_STORM_NODES_MAX - 1, "print what happens at this node alone"),
    FLAG("messages", "print each message too"),
    END,
};

const struct kith_command kith_command_sim_replay = {
    .name = "kith sim replay",
    .operands = "",
    .summary = "a run of kith sim swarm again, step by step",
    .text =
        "Print a line for each event of one run: virtual time, node, what. The same build, seed "
        "and number of nodes give the same lines. If the run fails a check, the last line says "
        "which, and the exit status is 1.\n"
        "\n"
        "  kith sim replay --seed 123 --until 51.5 --node 7",
    .options = sim_replay_options,
};
