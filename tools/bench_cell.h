/* tools/bench_cell.h: one cell of the training bench: a model at a batch size, every contestant
 * measured in turns within the same seconds, so that what disturbs the machine disturbs them
 * all. */
#ifndef KITH_TOOLS_BENCH_CELL_H
#define KITH_TOOLS_BENCH_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "training/arch.h"
#include "training/dataset.h"

enum { KITH_BENCH_REPS_MAX = 101 };

enum kith_contestant {
    KITH_BENCH_EXACT,      /* whole training steps */
    KITH_BENCH_BLAS,       /* the same over OpenBLAS */
    KITH_BENCH_SGEMM,      /* only the step's products, by OpenBLAS */
    KITH_BENCH_PEAK,       /* nothing but fused multiply-adds in registers */
    KITH_BENCH_EXACT_PAIR, /* two threads */
    KITH_BENCH_BLAS_PAIR,
    KITH_CONTESTANTS,
};

/* Medians and quartiles of `count` samples; all zero if there are none. */
struct kith_quartiles {
    double low;
    double median;
    double high;
    uint32_t count;
};

struct kith_bench_plan {
    const struct kith_dataset *data;
    uint32_t reps;     /* 1 to KITH_BENCH_REPS_MAX */
    uint32_t slice_ms; /* of CPU time, for one sample of one contestant */
    bool pairs;        /* measure two threads too */
};

struct kith_bench_cell {
    struct kith_arch arch;
    uint32_t batch;
    uint64_t flops; /* of one image's training: 2 for each multiply-add of the products */
    /* Images per CPU-second; of KITH_BENCH_PEAK floating-point operations per CPU-second. */
    struct kith_quartiles per_cpu_s[KITH_CONTESTANTS];
    /* Images per second by the clock, from samples during which others used less than a fifth of
     * the machine. */
    struct kith_quartiles per_wall_s[KITH_CONTESTANTS];
    struct kith_quartiles of_sgemm[KITH_CONTESTANTS]; /* of the sgemm calls alone */
    struct kith_quartiles of_peak[KITH_CONTESTANTS];
    struct kith_quartiles of_single[KITH_CONTESTANTS]; /* pairs: by the clock, to one thread's */
    struct kith_quartiles others; /* share of the machine that other processes used */
};

/* Measure one cell; `cell->arch` and `cell->batch` are given. 0 or KITH_ERR_NOMEM. */
int kith_bench_cell_run(const struct kith_bench_plan *plan, struct kith_bench_cell *cell);

/* CPU seconds this process has used, all its threads; seconds by the clock. */
double kith_bench_cpu_s(void);
double kith_bench_wall_s(void);

#endif
