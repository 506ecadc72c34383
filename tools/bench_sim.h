/* tools/bench_sim.h: the rows of `kith bench sim`: what one measures, and what it found. */
#ifndef KITH_TOOLS_BENCH_SIM_H
#define KITH_TOOLS_BENCH_SIM_H

#include <stdbool.h>
#include <stdint.h>

enum { KITH_BENCH_SIM_GOALS_MAX = 2, KITH_BENCH_SIM_TEXT_MAX = 200 };

/* What a figure is held against. */
struct kith_bench_goal {
    const char *what; /* "virtual s a CPU s" */
    double limit;     /* 0: no goal here */
    bool is_most;     /* at most `limit`, else at least */
};

struct kith_bench_sim_row {
    const char *name;
    const char *text;
    uint32_t nodes;
    bool learns;
    const char *model; /* of learners */
    uint32_t share;    /* likewise: enum kith_share, or-ed */
    uint32_t steps;    /* batches of a round; 0: an epoch of the node's data */
    uint64_t rounds;   /* 0: a span of virtual time is measured, after one of joining */
    double seconds;    /* that span */
    bool alone;        /* nobody has a bootstrap, and the DHT is off */
    bool needs_data;   /* Fashion-MNIST, else synthetic images */
    struct kith_bench_goal goal[KITH_BENCH_SIM_GOALS_MAX];
};

/* Plain data: it comes through a pipe. */
struct kith_bench_sim_result {
    bool is_there;
    char error[KITH_BENCH_SIM_TEXT_MAX]; /* "" or why nothing was measured */
    double figure[KITH_BENCH_SIM_GOALS_MAX];
    double join_virtual_s; /* until all nodes had met */
    double join_cpu_s;
    double virtual_s; /* measured */
    double cpu_s;
    double all_cpu_s;  /* of the whole row */
    double steps;      /* a node and virtual second */
    double bytes;      /* sent, likewise */
    double peers;      /* listed by a node, on average, at the end */
    double node_bytes; /* that a node holds by its own account, on average, at the end */
    double peak_bytes; /* resident, of the whole process */
    double accuracy;   /* mean over nodes, per cent; 0: not tested */
};

/* True if the figure keeps the goal. */
bool kith_bench_goal_is_met(const struct kith_bench_goal *goal, double figure);
void kith_bench_sim_table(const struct kith_bench_sim_row *rows,
                          const struct kith_bench_sim_result *results, uint32_t count);
/* 0 or KITH_ERR_NOMEM. */
int kith_bench_sim_json(const struct kith_bench_sim_row *rows,
                        const struct kith_bench_sim_result *results, uint32_t count);

#endif
