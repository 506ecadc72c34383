#include "tools/commands.h"

#include "host/dataset_file.h"
#include "tools/option_rows.h"
#include "tools/values.h"
#include "training/aggregate.h"
#include "training/distill.h"
#include "training/mix.h"
#include "training/partition.h"

/* What a learner is, the same for a node and for all nodes of the simulator. */
#define LEARNING                                                                                   \
    FILE_OPTION("swarm", "rules of the swarm to join; the built-in swarm is fashion-mnist"),       \
        DIR_OPTION("data", KITH_DATASET_DIR_DEFAULT,                                               \
                   "where the IDX files of the data set are, gzip or not"),                        \
        FLAG("synthetic", "learn a small synthetic task that needs no file"),                      \
        TEXT("partition", "SPLIT", "iid", kith_is_partition, KITH_PARTITION_ALLOWED,               \
             "how the training images are dealt out"),                                             \
        INT("pool", "N", "1", 1, 8,                                                                \
            "make images so many times smaller each way, as part of the swarm's rules"),           \
        INT("budget", "R", "0", 0, UINT64_C(1) << 32,                                              \
            "the swarm's rounds in all, part of its rules: then the rate falls towards the end "   \
            "and the last 6 rounds only mix; 0: as the rules say"),                                \
        WORD("share", "WHAT", "both", "weights labels both none", "what is exchanged with peers"), \
        WORD("wire", "FORM", "int8", "fp32 int8 int4 fp16", "how published weights are written"),  \
        WORD("rule", "RULE", "score", KITH_RULE_NAMES_TEXT,                                        \
             "how pulled models enter the own one"),                                               \
        WORD("kernels", "WHICH", "exact", "exact blas",                                            \
             "arithmetic: exact gives the same bits on every machine"),                            \
        INT("batch", "B", "32", 1, 4096, "images of a batch"),                                     \
        INT("steps", "H", "20", 1, 100000, "batches of a round"),                                  \
        WORD("optimizer", "WHICH", "qg", "qg sgd adam",                                            \
             "qg: quasi-global momentum, which moves when models are mixed; sgd: heavy ball; "     \
             "adam: Adam"),                                                                        \
        REAL("rate", "RATE", NULL, 0.000001, 10,                                                   \
             "learning rate; 0.1 for qg, 0.03 for sgd, 0.001 for adam"),                           \
        REAL("momentum", "M", NULL, 0, 0.999,                                                      \
             "momentum; 0.5 for qg, where 0.8 and more diverges, 0.9 for sgd; the first beta of "  \
             "adam, 0.9"),                                                                         \
        INT("pulls", "S", "2", 1, KITH_PULL_MAX, "peers whose weights are mixed in each round"),   \
        INT("teachers", "K", "2", 1, KITH_TEACHERS_MAX,                                            \
            "peers whose soft labels are learned from each round")

static const struct kith_option none[] = {END};

static const struct kith_option kith_options[] = {
    FLAG("version", "print the version and end"),
    END,
};

const struct kith_command kith_command_kith = {
    .name = "kith",
    .operands = "COMMAND",
    .operands_max = 1,
    .summary = "nodes that find each other and learn together, without a coordinator",
    .text = "Nodes train on their own data and exchange weights and soft labels with whomever they "
            "find. No node is special.\n"
            "\n"
            "  kith node          train and share\n"
            "  kith up            keep many nodes running on one host\n"
            "  kith up status     how they are\n"
            "  kith up stop       stop them\n"
            "  kith key new       make a hotkey\n"
            "  kith key show      print a hotkey's address\n"
            "  kith swarm show    print a swarm's rules and id\n"
            "  kith sim           run many nodes in virtual time\n"
            "  kith sim swarm     many random runs with faults, all checked\n"
            "  kith sim replay    one of these again, step by step\n"
            "  kith bench train   measure training\n"
            "  kith bench wire    measure links\n"
            "  kith bench overlay measure what knowing each other costs\n"
            "  kith bench sim     measure the simulator\n"
            "  kith bench learn   measure what learning together brings\n"
            "\n"
            "Each takes --help. See also dht-cli --help.",
    .options = kith_options,
};

#define STATE_TEXT "DIR is $XDG_STATE_HOME/kith or ~/.local/state/kith by default."

static const struct kith_option key_new_options[] = {
    FILE_OPTION("out", "write the key there"),
    DIR_OPTION("state", NULL, "write the key into this state directory, where a node looks for it"),
    END,
};

const struct kith_command kith_command_key_new = {
    .name = "kith key new",
    .operands = "",
    .summary = "make an ed25519 hotkey",
    .text = "Write a new secret key to a file with mode 0600 and print its SS58 address (prefix "
            "42). A file that exists is never overwritten.\n"
            "\n"
            "Without --out the key goes to DIR/hotkey. " STATE_TEXT,
    .options = key_new_options,
};

static const struct kith_option key_show_options[] = {
    FILE_OPTION("key", "the key's file"),
    DIR_OPTION("state", NULL, "show the key of this state directory"),
    END,
};

const struct kith_command kith_command_key_show = {
    .name = "kith key show",
    .operands = "",
    .summary = "print a hotkey's address",
    .text = "Print the SS58 address of a key file. A file that others can read is refused.\n"
            "\n"
            "Without --key it is DIR/hotkey. " STATE_TEXT,
    .options = key_show_options,
};

const struct kith_command kith_command_swarm_show = {
    .name = "kith swarm show",
    .operands = "[FILE]",
    .operands_max = 1,
    .summary = "print a swarm's rules and id",
    .text = "Check a swarm's rules and print them in full, as a file that can be used again, with "
            "the swarm's id. Without FILE: the built-in swarm.",
    .options = none,
};

#define NODE_BOOTSTRAP                                                                             \
    TEXTS("bootstrap", "HOST:PORT", kith_is_place,                                                 \
          "a host and a port, as 192.0.2.1:8120, [2001:db8::1]:8120 or name:8120",                 \
          "a node to begin with")

/* How long a node learns, and what it says: the same for one and for many. */
#define NODE_LIFE                                                                                  \
    INT("epochs", "N", "0", 0, 1000000, "end after so many epochs of the own data; 0: never"),     \
        INT("rounds", "N", "0", 0, 1000000000, "end after so many rounds; 0: never"),              \
        REAL("round-time", "SECONDS", "0", 0, 86400,                                               \
             "a round takes at least so long; 0: as fast as it goes"),                             \
        FLAG("stay", "after the last epoch or round keep serving peers")

#define NODE_REPORTS                                                                               \
    WORD("log", "FORM", "text", "text json", "how reports are printed"),                           \
        WORD("log-level", "LEVEL", "info", "debug info warning error", "the least level printed"), \
        FLAG("no-peers", "learn alone"),                                                           \
        FLAG("no-dht", "use the given addresses and peer exchange only"),                          \
        INT("view", "N", "128", 8, 4096, "peers that are kept; of a larger swarm, a sample")

static const struct kith_option node_options[] = {
    {.name = "port",
     .argument = "PORT",
     .kind = KITH_OPTION_INT,
     .min = 1,
     .max = 65535,
     .allowed = PORT_ALLOWED,
     .help = "listen on this TCP and UDP port; without it, on a free one, which is printed"},
    TEXT("bind", "IP", "0.0.0.0", kith_is_ip, "a numeric IPv4 or IPv6 address",
         "listen on this address only"),
    TEXTS("address", "IP:PORT", kith_is_address,
          "an address that can be reached, as 192.0.2.1:8120 or [2001:db8::1]:8120",
          "where others reach this node; found out without it"),
    NODE_BOOTSTRAP,
    LEARNING,
    TEXT("model", "LAYERS", "784-256-128-10", kith_is_layers, LAYERS_ALLOWED, "the model's layers"),
    TEXT("shard", "I/N", "0/1", kith_is_shard,
         "a part I of N, as in 0/4, I below N, N at most 65536",
         "this node's part of the training images, counted from 0"),
    TEXT("classes", "SET", NULL, kith_is_classes, KITH_CLASSES_ALLOWED,
         "only these labels of the part"),
    NODE_LIFE,
    DIR_OPTION("state", NULL,
               "holds the key, the checkpoint and known peers; one node uses it at a time"),
    FILE_OPTION("key", "the hotkey; without it, the state directory's, made if there is none"),
    NODE_REPORTS,
    FLAG("supervised",
         "standard input is a socket of a supervisor, as of kith up: report the state "
         "on it, and end when it closes"),
    INT("seed", "N", NULL, 0, UINT64_MAX, "of this node's own draws; without it, from the system"),
    END,
};

const struct kith_command kith_command_node = {
    .name = "kith node",
    .operands = "",
    .summary = "train on the own data and learn from peers",
    .text = "Train at once, alone as well as with others, print a line every 10 batches and the "
            "accuracy on the test set once an epoch. Peers are found through --bootstrap, through "
            "the peers known before, and through the DHT.\n"
            "\n"
            "Without --state the first node of a user takes $XDG_STATE_HOME/kith or "
            "~/.local/state/kith, a second one at the same time kith-2 beside it, and so on.\n"
            "\n"
            "Ctrl+C or SIGTERM saves a checkpoint, says goodbye and ends; the next start goes on "
            "from there. Again, it ends at once.\n"
            "\n"
            "  kith node --port 8120\n"
            "  kith node --bootstrap 127.0.0.1:8120",
    .options = node_options,
};

#define UP_DIR                                                                                     \
    DIR_OPTION("dir", NULL,                                                                        \
               "the run folder; without it, $XDG_STATE_HOME/kith-up or ~/.local/state/kith-up")

static const struct kith_option up_options[] = {
    INT("nodes", "N", "4", 1, 256, "how many nodes"),
    {.name = "port",
     .argument = "PORT",
     .kind = KITH_OPTION_INT,
     .min = 1,
     .max = 65535,
     .allowed = PORT_ALLOWED,
     .help = "the first node's TCP and UDP port, the others take the next free ones; without it, "
             "free ones from 8120 on"},
    TEXT("bind", "IP", "0.0.0.0", kith_is_ip, "a numeric IPv4 or IPv6 address",
         "listen on this address only"),
    NODE_BOOTSTRAP,
    LEARNING,
    TEXTS("model", "LAYERS", kith_is_layers, LAYERS_ALLOWED,
          "the models' layers, dealt out in turn; without it 784-256-128-10"),
    TEXT("shard", "I/N", NULL, kith_is_shard,
         "a part I of N, as in 0/4, I below N, N at most 65536",
         "the first node's part of the training images, the others take the next ones; without it "
         "0 of as many as there are nodes"),
    TEXTS("classes", "SET", kith_is_classes, KITH_CLASSES_ALLOWED,
          "only these labels of a node's part, dealt out in turn"),
    NODE_LIFE,
    NODE_REPORTS,
    INT("seed", "N", NULL, 0, UINT64_MAX / 2,
        "of the first node's own draws, the others take the next ones; without it, from the "
        "system"),
    UP_DIR,
    FLAG("detach", "go to the background once the nodes can start"),
    FLAG("no-restart", "a node that dies stays dead"),
    END,
};

const struct kith_command kith_command_up = {
    .name = "kith up",
    .operands = "",
    .summary = "keep many nodes running on one host",
    .text =
        "Start nodes, each a process of its own with its own hotkey, port, part of the data and "
        "state directory, and keep them running: one that dies is started again after half a "
        "second, then twice as long each time, at most 10 s; after 5 deaths within a minute it is "
        "given up and the others go on. Without --bootstrap the nodes begin with each other.\n"
        "\n"
        "All they print comes on standard output, the node's name before each line, and goes to "
        "DIR/node-00.log and so on (16 MiB, then node-00.log.1). DIR/node-00 is the first one's "
        "state directory, DIR/status.json says each second how they are.\n"
        "\n"
        "Ctrl+C or SIGTERM stops all nodes as it stops one, and kills what is left after 4 s; a "
        "second time, at once. Should kith up itself be killed, its nodes end by themselves.\n"
        "\n"
        "  kith up --nodes 20 --port 8120 --shard 0/40\n"
        "  kith up --nodes 20 --bootstrap 192.0.2.1:8120 --shard 20/40 --detach\n"
        "  kith up status\n"
        "  kith up stop",
    .options = up_options,
};

static const struct kith_option up_status_options[] = {
    UP_DIR,
    FLAG("json", "print one JSON value, with every counter"),
    END,
};

const struct kith_command kith_command_up_status = {
    .name = "kith up status",
    .operands = "",
    .summary = "how the nodes of kith up are",
    .text = "Print each node's state, process, port, restarts, finished rounds, live peers, last "
            "loss, last accuracy and hotkey, at most a second old. Exit status 1 if nothing runs "
            "there.",
    .options = up_status_options,
};

static const struct kith_option up_stop_options[] = {UP_DIR, END};

const struct kith_command kith_command_up_stop = {
    .name = "kith up stop",
    .operands = "",
    .summary = "stop the nodes of kith up",
    .text =
        "Stop the nodes and their kith up, and return when all are gone, within 5 s. Exit status "
        "1 if nothing runs there.",
    .options = up_stop_options,
    .exits = "3 it had to be killed",
};

static const struct kith_option bench_train_options[] = {
    FLAG("json", "print JSON instead of a table"),
    FLAG("serve", "measure on request, line by line, as tools/bench_torch.sh asks"),
    TEXT("cell", "ARCH/BATCH", NULL, NULL, "a model and a batch, as mlp:256,128/32",
         "measure only this one; without it 784-256-128-10, 784-1024-10 and 784-32-10, each at 32, "
         "64 and 128"),
    INT("reps", "N", "9", 3, 101, "samples of each contestant"),
    INT("slice-ms", "MS", "40", 5, 2000, "CPU time of a sample"),
    INT("threads", "N", "2", 1, 2, "2 measures two threads as well"),
    TEXT("openblas-core", "NAME", NULL, NULL, "a core of OpenBLAS, or auto",
         "what OpenBLAS takes the processor for; without it Haswell if there is AVX2"),
    INT("epochs", "N", NULL, 1, 100,
        "train the cell on Fashion-MNIST and print the accuracy after each epoch instead"),
    REAL("rate", "RATE", "0.02", 0.000001, 10, "its learning rate"),
    INT("seed", "N", "1", 0, 1000000, "of its first weights and its order"),
    DIR_OPTION("data", KITH_DATASET_DIR_DEFAULT, "its IDX files"),
    END,
};

const struct kith_command kith_command_bench_train = {
    .name = "kith bench train",
    .operands = "",
    .summary = "measure training",
    .text = "Measure whole training steps in images per CPU-second, of both kernels, beside the "
            "matrix products alone and the processor's peak in the same run.",
    .options = bench_train_options,
};

static const struct kith_option bench_wire_options[] = {
    FLAG("json", "print JSON instead of a table"),
    FLAG("quick", "10 MB only, and 3 samples"),
    INT("reps", "N", "9", 3, 101, "samples of each contestant"),
    END,
};

const struct kith_command kith_command_bench_wire = {
    .name = "kith bench wire",
    .operands = "",
    .summary = "measure links",
    .text =
        "Measure snapshots of 10 MB and 100 MB over loopback, sealed, from node to node and both "
        "ways with averaging, beside a plain TCP stream, the cipher alone, averaging alone and "
        "memcpy in the same run.",
    .options = bench_wire_options,
};

static const struct kith_option bench_sim_options[] = {
    FLAG("json", "print JSON instead of a table"),
    WORD("row", "NAME", NULL, "thousand ten-thousand training exchange sixteen idle",
         "measure only this row"),
    INT("nodes", "N", NULL, 2, 16384, "so many nodes instead of the row's own number"),
    INT("seconds", "S", "0", 0, 100000, "virtual seconds measured; 0: as the row has it"),
    DIR_OPTION("data", KITH_DATASET_DIR_DEFAULT, "the IDX files of Fashion-MNIST"),
    FLAG("quiet", "no line on standard error while it runs"),
    END,
};

const struct kith_command kith_command_bench_sim = {
    .name = "kith bench sim",
    .operands = "",
    .summary = "measure the simulator",
    .text = "Run worlds of 1,000 and 10,000 nodes, with and without training, and measure virtual "
            "seconds per CPU-second and memory, each row in a process of its own.",
    .options = bench_sim_options,
};

static const struct kith_option bench_learn_options[] = {
    TEXTS("row", "NAME", NULL, "a row or a set of rows, see --list",
          "run only this row, or the rows of this set"),
    FLAG("list", "print the sets and their rows, and end"),
    INT("seeds", "N", "3", 1, 16, "runs of each row, each with a seed of its own"),
    INT("seed", "X", "1", 0, UINT64_C(1) << 62, "the first of the seeds"),
    FLAG("quick", "small sizes on a synthetic task: shows that rows run, says nothing of targets"),
    INT("threads", "N", "1", 1, 64, "that train at once; changes no result"),
    DIR_OPTION("data", KITH_DATASET_DIR_DEFAULT, "the IDX files of Fashion-MNIST"),
    FILE_OPTION("csv", "write a line for each run there"),
    FILE_OPTION("json", "write all figures there as JSON"),
    FILE_OPTION("report", "write the table there as one HTML file"),
    FLAG("quiet", "no line on standard error while it runs"),
    END,
};

const struct kith_command kith_command_bench_learn = {
    .name = "kith bench learn",
    .operands = "",
    .summary = "measure what nodes learn, and what it costs",
    .text =
        "Run rows of learning swarms in virtual time, each with several seeds: accuracy against "
        "bytes, skewed data, attackers, unlike models, churn. Print accuracy (mean over nodes, "
        "standard deviation over seeds, worst node), bytes that nodes send, how much liars weigh, "
        "and whether the row's targets are met. Each row is a line of flags for kith sim, which "
        "the JSON and the HTML show.\n"
        "\n"
        "  kith bench learn --row frontier --report frontier.html\n"
        "  kith bench learn --row foe-score --seeds 5",
    .options = bench_learn_options,
    .exits = "3 a target is not met",
};

static const struct kith_option bench_overlay_options[] = {
    FLAG("json", "print JSON instead of tables"),
    TEXT("nodes", "LIST", "16,64,256,1024,4096", kith_is_sizes,
         "a list as 16,64,256: at most 16 numbers, each 2 to 16383", "sizes of the swarm"),
    INT("settle", "S", "120", 0, 100000, "virtual seconds after the last start, not measured"),
    INT("seconds", "S", "60", 1, 100000, "virtual seconds measured"),
    INT("seed", "X", "1", 0, UINT64_MAX, "of everything that is drawn"),
    FLAG("quiet", "no line on standard error while it runs"),
    END,
};

const struct kith_command kith_command_bench_overlay = {
    .name = "kith bench overlay",
    .operands = "",
    .summary = "measure what membership costs",
    .text =
        "Run swarms of several sizes in virtual time, without training or DHT: what the nodes send "
        "a second, whom they list, how far news of one further node travel and how fast, and what "
        "the simulation costs in CPU time.",
    .options = bench_overlay_options,
};

#define BOOTSTRAP                                                                                  \
    TEXTS("bootstrap", "HOST:PORT", kith_is_place,                                                 \
          "a host and a port, as 192.0.2.1:8120, [2001:db8::1]:8120 or name:8120",                 \
          "a node to ask; without it, 127.0.0.1:8120")

#define OBSERVER                                                                                   \
    BOOTSTRAP, FILE_OPTION("swarm", "rules of the swarm; the built-in swarm is fashion-mnist"),    \
        FLAG("synthetic", "the swarm of nodes that were started with --synthetic"),                \
        INT("budget", "R", "0", 0, UINT64_C(1) << 32,                                              \
            "the --budget that its nodes were given; 0: as the rules say"),                        \
        INT("pool", "N", "1", 1, 8, "the --pool that its nodes were given"),                       \
        FLAG("json", "print one JSON value"),                                                      \
        REAL("timeout", "S", "5", 0.1, 600, "seconds to wait for answers")

static const struct kith_option dht_cli_options[] = {
    FLAG("version", "print the version and end"),
    BOOTSTRAP,
    END,
};

const struct kith_command kith_command_dht_cli = {
    .name = "dht-cli",
    .operands = "VERB",
    .operands_max = 1,
    .summary = "look at a swarm from outside",
    .text = "Ask the nodes of a swarm what they know. Takes no part in learning.\n"
            "\n"
            "  dht-cli peers           who is there\n"
            "  dht-cli whois HOTKEY    one node and its counters\n"
            "\n"
            "Options may stand before the verb. Each verb takes --help.",
    .options = dht_cli_options,
    .exits = "3 nobody answered",
};

static const struct kith_option peers_options[] = {OBSERVER, END};

const struct kith_command kith_command_dht_cli_peers = {
    .name = "dht-cli peers",
    .operands = "",
    .summary = "who is there",
    .text = "Print each live node: hotkey, address, model, when it was last seen, round, state.",
    .options = peers_options,
    .exits = "3 nobody answered",
};

static const struct kith_option whois_options[] = {OBSERVER, END};

const struct kith_command kith_command_dht_cli_whois = {
    .name = "dht-cli whois",
    .operands = "HOTKEY",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "one node and its counters",
    .text = "Find the node with this hotkey (an SS58 address), connect to it, and print its record "
            "and what it counted.",
    .options = whois_options,
    .exits = "3 nobody answered",
};

const struct kith_command *const kith_commands[KITH_COMMANDS_MAX] = {
    &kith_command_kith,          &kith_command_node,          &kith_command_key_new,
    &kith_command_key_show,      &kith_command_swarm_show,    &kith_command_up,
    &kith_command_up_status,     &kith_command_up_stop,       &kith_command_sim,
    &kith_command_sim_swarm,     &kith_command_sim_replay,    &kith_command_bench_train,
    &kith_command_bench_wire,    &kith_command_bench_overlay, &kith_command_bench_sim,
    &kith_command_bench_learn,   &kith_command_dht_cli,       &kith_command_dht_cli_peers,
    &kith_command_dht_cli_whois,
};
