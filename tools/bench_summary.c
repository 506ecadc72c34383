/* The samples of one cell and what is made of them. */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "tools/bench_cell.h"

struct samples {
    struct kith_sample at[KITH_CONTESTANTS][KITH_BENCH_REPS_MAX];
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of what is a number. */
static struct kith_quartiles quartiles_of(double *x, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!isnan(x[i])) x[kept++] = x[i];
    if (kept == 0) return (struct kith_quartiles){.count = 0};
    qsort(x, kept, sizeof *x, by_value);
    return (struct kith_quartiles){
        .low = x[kept / 4],
        .median = kept % 2 ? x[kept / 2] : (x[kept / 2 - 1] + x[kept / 2]) / 2,
        .high = x[kept - 1 - kept / 4],
        .count = kept,
    };
}

/* Quartiles of one contestant's samples divided by another's, pair by pair; `clock`: by the clock,
 * else by CPU time. */
static struct kith_quartiles ratios_of(const struct kith_sample *own, const struct kith_sample *to,
                                       double scale, bool clock, uint32_t count)
{
    double ratio[KITH_BENCH_REPS_MAX];
    for (uint32_t i = 0; i < count; i++)
        ratio[i] = scale * (clock ? own[i].per_wall_s / to[i].per_wall_s
                                  : own[i].per_cpu_s / to[i].per_cpu_s);
    return quartiles_of(ratio, count);
}

static void rates_of(const struct samples *samples, uint32_t count, struct kith_bench_cell *ret)
{
    double cpu[KITH_BENCH_REPS_MAX], wall[KITH_BENCH_REPS_MAX];
    for (uint32_t who = 0; who < KITH_CONTESTANTS; who++) {
        for (uint32_t i = 0; i < count; i++) {
            cpu[i] = samples->at[who][i].per_cpu_s;
            wall[i] = samples->at[who][i].per_wall_s;
        }
        ret->per_cpu_s[who] = quartiles_of(cpu, count);
        ret->per_wall_s[who] = quartiles_of(wall, count);
    }
}

static void summarise(const struct samples *samples, uint32_t count, struct kith_bench_cell *ret)
{
    static const enum kith_contestant single[KITH_CONTESTANTS] = {
        [KITH_BENCH_EXACT_PAIR] = KITH_BENCH_EXACT,
        [KITH_BENCH_BLAS_PAIR] = KITH_BENCH_BLAS,
    };
    rates_of(samples, count, ret);
    bool rival = ret->per_cpu_s[KITH_BENCH_RIVAL].median > ret->per_cpu_s[KITH_BENCH_SGEMM].median;
    ret->sgemm = rival ? KITH_BENCH_RIVAL : KITH_BENCH_SGEMM;
    const struct kith_sample *sgemm = samples->at[ret->sgemm];
    for (uint32_t who = 0; who < KITH_CONTESTANTS; who++) {
        const struct kith_sample *own = samples->at[who];
        ret->of_sgemm[who] = ratios_of(own, sgemm, 1, false, count);
        ret->of_peak[who] =
            ratios_of(own, samples->at[KITH_BENCH_PEAK], (double)ret->flops, false, count);
        ret->of_single[who] = ratios_of(own, samples->at[single[who]], 1, true, count);
    }
}

static void samples_take(struct kith_bench *bench, uint32_t count, struct samples *ret,
                         struct kith_quartiles *ret_others)
{
    double others[KITH_BENCH_REPS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        others[i] = 0;
        for (uint32_t who = 0; who < KITH_CONTESTANTS; who++) {
            ret->at[who][i] = (struct kith_sample){(double)NAN, (double)NAN, 0};
            if (!kith_bench_takes_part(bench, who)) continue;
            ret->at[who][i] = kith_bench_measure(bench, who);
            others[i] = fmax(others[i], ret->at[who][i].others);
        }
    }
    *ret_others = quartiles_of(others, count);
}

int kith_bench_cell_run(const struct kith_bench_plan *plan, struct kith_bench_cell *cell)
{
    struct samples *samples = malloc(sizeof *samples);
    struct kith_bench *bench = samples ? kith_bench_new(plan, cell) : NULL;
    if (bench) {
        samples_take(bench, plan->reps, samples, &cell->others);
        summarise(samples, plan->reps, cell);
    }
    int err = bench ? 0 : KITH_ERR_NOMEM;
    kith_bench_free(bench);
    free(samples);
    return err;
}
