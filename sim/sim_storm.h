/* sim/sim_storm.h: one random run in two phases. First faults drawn from the seed, each run with
 * another subset of kinds and other weights, while every step is checked (sim_check.h,
 * sim_guard.h). Then a core of the nodes is healed, what is outside it goes for good, and the core
 * must come together within a stated time, stay so, learn as well as without faults and hold no
 * more memory than before. The same seed and number of nodes give the same run. */
#ifndef KITH_SIM_SIM_STORM_H
#define KITH_SIM_SIM_STORM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/sim_fault.h"
#include "sim/sim_liar.h"
#include "sim/world.h"

/* name, what it is. */
#define KITH_STORM_KINDS_MAP(X)                                                                    \
    X(delay, "slow or uneven ways")                                                                \
    X(loss, "messages lost everywhere for a while")                                                \
    X(cuts, "links that break by themselves")                                                      \
    X(slow_links, "nodes with little bandwidth")                                                   \
    X(one_way, "a cut one way between two groups")                                                 \
    X(two_way, "a cut both ways between two groups")                                               \
    X(walls, "nodes that cannot be dialled")                                                       \
    X(kills, "nodes killed and started again")                                                     \
    X(lost_stores, "likewise, their last stores lost")                                             \
    X(cut_off, "machines gone and back")                                                           \
    X(stops, "nodes that leave and come back")                                                     \
    X(join_storm, "a share of all nodes joins at once")                                            \
    X(mass_leave, "a share of all nodes goes at once")                                             \
    X(clocks, "clocks that are wrong")                                                             \
    X(dht_slow, "a DHT that is slow and loses")                                                    \
    X(dht_empty, "a DHT that finds nothing")                                                       \
    X(dht_stale, "a DHT that answers as it was")                                                   \
    X(dht_lying, "a DHT that lies")                                                                \
    X(dht_silent, "a DHT that does not answer")                                                    \
    X(disks, "full disks")                                                                         \
    X(slow_compute, "nodes that train slowly")                                                     \
    X(liars, "liars")                                                                              \
    X(pauses, "processes that stand still for a while")

enum kith_storm_kind {
#define X(name, text) KITH_STORM_##name,
    KITH_STORM_KINDS_MAP(X)
#undef X
        KITH_STORM_KINDS,
};

enum {
    KITH_STORM_NODES_MIN = 4,
    KITH_STORM_NODES_MAX = 256,
    KITH_STORM_FAULTS_MAX = 16384,
    KITH_STORM_HEAL_S = 60,        /* when the faults end */
    KITH_STORM_TOGETHER_S = 60,    /* within so long after that the core must be whole */
    KITH_STORM_CALM_S = 30,        /* and stay whole for so long */
    KITH_STORM_ROUND_MIN = 20,     /* rounds after which memory must not grow */
    KITH_STORM_POINTS = 2,         /* accuracy may be so much lower than without faults */
    KITH_STORM_COMPARE_ONE_IN = 8, /* runs in which that is looked at */
    KITH_STORM_ROUNDS_S = 1,       /* virtual time of a round */
    KITH_STORM_GOSSIP_CAP =
        16 * 1024, /* bytes a node and second on who is there, ten seconds' mean */
    KITH_STORM_BYTES_CAP = 48 * 1024, /* likewise of all kinds */
};

struct kith_storm_fault {
    uint64_t at_us;
    struct kith_fault fault;
};

/* What a seed draws. */
struct kith_storm_plan {
    uint64_t seed;
    uint32_t nodes;
    uint32_t kinds;                 /* bits of enum kith_storm_kind */
    bool compares;                  /* accuracy with the run without faults */
    struct kith_world_config world; /* latency, loss, cuts, DHT */
    bool core[KITH_STORM_NODES_MAX];
    struct kith_lying lies[KITH_STORM_NODES_MAX];
    uint64_t start_us[KITH_STORM_NODES_MAX];
    uint32_t drawn; /* of the faults: the first ones; the others heal */
    uint32_t fault_count;
    struct kith_storm_fault fault[KITH_STORM_FAULTS_MAX];
};

/* Draw the plan of a seed. Kinds in `always` are on, those not in `allowed` are off. */
void kith_storm_draw(uint64_t seed, uint32_t nodes, uint32_t always, uint32_t allowed,
                     struct kith_storm_plan *ret);
/* The same nodes without any fault. */
void kith_storm_calm(struct kith_storm_plan *plan);

struct kith_storm_config {
    uint64_t seed;
    uint32_t nodes;    /* KITH_STORM_NODES_MIN to KITH_STORM_NODES_MAX */
    uint32_t always;   /* bits of kinds, for tests; 0 */
    uint32_t allowed;  /* UINT32_MAX */
    enum kith_lie lie; /* for tests: what all liars do; NONE: drawn */
    FILE *trace;       /* NULL: none; else a line for each event */
    double from_s;     /* of these times alone */
    double until_s;    /* the run ends then; 0: at its end */
    uint32_t node;     /* and of this node alone; UINT32_MAX: all */
    bool messages;     /* with a line for each message */
};

void kith_storm_config_default(struct kith_storm_config *ret);

struct kith_storm_result {
    bool is_good;
    char failure[KITH_WORLD_TEXT_MAX]; /* if not */
    uint32_t kinds;
    uint32_t faults;
    uint64_t lies; /* told */
    uint64_t steps;
    double virtual_s;
    double together_s;    /* after healing until the core was whole */
    uint64_t gossip_peak; /* bytes a second, over ten seconds, of the node that sent most */
    uint64_t bytes_peak;
    bool is_compared;
    double accuracy; /* mean of the core, per cent */
    double accuracy_calm;
    int64_t grown; /* the least bytes of memory by which a third of the calm grew */
    struct kith_id trace;
};

/* Run it. 0, or NOMEM or IO: nothing was found out. */
int kith_storm_run(const struct kith_storm_config *config, struct kith_storm_result *ret);
const char *kith_storm_kind_name(enum kith_storm_kind kind);
const char *kith_storm_kind_text(enum kith_storm_kind kind);

#endif
