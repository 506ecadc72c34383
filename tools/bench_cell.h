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
    KITH_BENCH_RIVAL,      /* the same by another process, whose OpenBLAS chose its own kernels */
    KITH_BENCH_PEAK,       /* nothing but fused multiply-adds in registers */
    KITH_BENCH_EXACT_PAIR, /* two threads */
    KITH_BENCH_BLAS_PAIR,
    KITH_CONTESTANTS,
};

/* What one contestant did in one slice of time. */
struct kith_sample {
    double per_cpu_s;  /* images, or of KITH_BENCH_PEAK operations, per CPU-second */
    double per_wall_s; /* NAN if others used a fifth of the machine or more meanwhile */
    double others;     /* share of the machine */
};

/* Medians and quartiles of `count` samples; all zero if there are none. */
struct kith_quartiles {
    double low;
    double median;
    double high;
    uint32_t count;
};

struct kith_rival;

struct kith_bench_plan {
    const struct kith_dataset *data;
    struct kith_rival *rival; /* or NULL: nobody measures KITH_BENCH_RIVAL */
    uint32_t reps;            /* 1 to KITH_BENCH_REPS_MAX */
    uint32_t slice_ms;        /* of CPU time, for one sample of one contestant */
    bool pairs;               /* measure two threads too */
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
    enum kith_contestant sgemm; /* whose sgemm calls alone were the faster ones */
    struct kith_quartiles of_sgemm[KITH_CONTESTANTS]; /* to those */
    struct kith_quartiles of_peak[KITH_CONTESTANTS];
    struct kith_quartiles of_single[KITH_CONTESTANTS]; /* pairs: by the clock, to one thread's */
    struct kith_quartiles others; /* share of the machine that other processes used */
};

/* The contestants of one cell, ready to run; `cell->arch` and `cell->batch` are given, its `flops`
 * are set. NULL if out of memory. Borrows both arguments. */
struct kith_bench *kith_bench_new(const struct kith_bench_plan *plan, struct kith_bench_cell *cell);
void kith_bench_free(struct kith_bench *bench);
/* Whether this contestant is there at all. */
bool kith_bench_takes_part(const struct kith_bench *bench, enum kith_contestant who);
/* One sample. The first of a contestant also warms it up. */
struct kith_sample kith_bench_measure(struct kith_bench *bench, enum kith_contestant who);

/* Measure one cell, `plan->reps` samples of all in turns; 0 or KITH_ERR_NOMEM. */
int kith_bench_cell_run(const struct kith_bench_plan *plan, struct kith_bench_cell *cell);

/* CPU seconds this process has used, all its threads; seconds by the clock. */
double kith_bench_cpu_s(void);
double kith_bench_wall_s(void);

#endif
