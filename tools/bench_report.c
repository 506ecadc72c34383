#include "tools/bench_report.h"

#include <stdio.h>
#include <unistd.h>

#include <jansson.h>

#include "base/err.h"
#include "training/model.h"

enum verdict { MET, NOT_MET, NO_VERDICT, ELSEWHERE };

static const char *const verdict_names[] = {"met", "not met", "no verdict: others were too busy",
                                            "needs PyTorch: tools/bench_torch.sh"};

struct target {
    const char *id;
    const char *what;
    const struct kith_bench_cell *cell; /* or NULL */
    double goal;
    double got;
    enum verdict verdict;
};

enum { TARGETS_MAX = 64 };

struct targets {
    uint32_t count;
    struct target at[TARGETS_MAX];
};

static const char *const contestants[KITH_CONTESTANTS] = {
    "exact", "blas", "sgemm alone", "fma peak", "exact, 2 threads", "blas, 2 threads"};

static void model_name(const struct kith_bench_cell *cell, char ret[static 64])
{
    int used = 0;
    for (uint32_t l = 0; l <= cell->arch.layers && used < 56; l++)
        used += snprintf(ret + used, 64 - (size_t)used, l ? "-%u" : "%u", cell->arch.width[l]);
}

static void target_add(struct targets *targets, struct target target)
{
    if (targets->count < TARGETS_MAX) targets->at[targets->count++] = target;
}

static void at_least(struct targets *targets, const char *id, const char *what,
                     const struct kith_bench_cell *cell, double goal,
                     const struct kith_quartiles *got)
{
    struct target target = {id, what, cell, goal, got->median, NO_VERDICT};
    if (got->count >= 3) target.verdict = got->median >= goal ? MET : NOT_MET;
    target_add(targets, target);
}

/* Those of performance.md's goals that concern training. */
static void targets_judge(const struct kith_bench_report *report, struct targets *ret)
{
    ret->count = 0;
    for (uint32_t i = 0; i < report->count; i++) {
        const struct kith_bench_cell *cell = &report->cells[i];
        if (cell->per_cpu_s[cell->sgemm].count == 0) continue;
        at_least(ret, "T3", "exact, of the sgemm calls alone", cell, 0.95,
                 &cell->of_sgemm[KITH_BENCH_EXACT]);
    }
    for (uint32_t i = 0; i < report->count; i++) {
        const struct kith_bench_cell *cell = &report->cells[i];
        if (cell->batch < 64 || cell->of_peak[KITH_BENCH_EXACT].count == 0) continue;
        at_least(ret, "T4", "exact, of the FMA peak", cell, 0.85, &cell->of_peak[KITH_BENCH_EXACT]);
    }
    for (uint32_t i = 0; i < report->count && report->pairs; i++) {
        const struct kith_bench_cell *cell = &report->cells[i];
        if (cell->batch < 64) continue;
        at_least(ret, "T7", "exact, 2 threads to 1 by the clock", cell, 1.7,
                 &cell->of_single[KITH_BENCH_EXACT_PAIR]);
    }
    if (report->idle_share >= 0)
        target_add(ret, (struct target){"T8", "share of a core while waiting, at most", NULL,
                                        0.0002, report->idle_share,
                                        report->idle_share <= 0.0002 ? MET : NOT_MET});
    target_add(ret, (struct target){
                        .id = "T1", .what = "784-256-128-10 to PyTorch", .verdict = ELSEWHERE});
    target_add(ret,
               (struct target){.id = "T2", .what = "784-1024-10 to PyTorch", .verdict = ELSEWHERE});
    target_add(ret,
               (struct target){.id = "T2b", .what = "784-32-10 to PyTorch", .verdict = ELSEWHERE});
    target_add(ret, (struct target){.id = "T6",
                                    .what = "accuracy after 10 epochs to PyTorch's",
                                    .verdict = ELSEWHERE});
}

static void rate_print(const struct kith_quartiles *rate)
{
    if (rate->count == 0)
        printf(" %24s", "-");
    else
        printf(" %8.0f [%6.0f, %6.0f]", rate->median, rate->low, rate->high);
}

static void ratio_print(const struct kith_quartiles *ratio, int width)
{
    if (ratio->count == 0)
        printf(" %*s", width, "-");
    else
        printf(" %*.3f", width, ratio->median);
}

static void steps_print(const struct kith_bench_report *report)
{
    printf("\nImages per CPU-second of the whole training step (gather, forward, backward, "
           "update), one thread:\nmedian [quartiles] of %u, in turns; the sgemm calls alone by the "
           "faster of the OpenBLAS cores\n\n",
           report->cells[0].per_cpu_s[KITH_BENCH_EXACT].count);
    printf("%-16s %5s %24s %24s %24s %8s %8s %8s %8s %7s\n", "model", "batch", "exact", "blas",
           "sgemm alone", "exact", "exact", "blas", "GFLOP/s", "others");
    printf("%-16s %5s %24s %24s %24s %8s %8s %8s %8s %7s\n", "", "", "", "", "", "/ sgemm",
           "/ peak", "/ exact", "peak", "used");
    for (uint32_t i = 0; i < report->count; i++) {
        const struct kith_bench_cell *cell = &report->cells[i];
        char name[64];
        model_name(cell, name);
        printf("%-16s %5u", name, cell->batch);
        rate_print(&cell->per_cpu_s[KITH_BENCH_EXACT]);
        rate_print(&cell->per_cpu_s[KITH_BENCH_BLAS]);
        rate_print(&cell->per_cpu_s[cell->sgemm]);
        ratio_print(&cell->of_sgemm[KITH_BENCH_EXACT], 8);
        ratio_print(&cell->of_peak[KITH_BENCH_EXACT], 8);
        printf(" %8.3f",
               cell->per_cpu_s[KITH_BENCH_BLAS].median / cell->per_cpu_s[KITH_BENCH_EXACT].median);
        printf(" %8.1f %6.0f%%\n", cell->per_cpu_s[KITH_BENCH_PEAK].median * 1e-9,
               cell->others.median * 100);
    }
}

static void pairs_print(const struct kith_bench_report *report)
{
    printf("\nTwo threads, images per second by the clock and per CPU-second, and by the clock to "
           "one thread\n(by the clock: only samples while others used less than a fifth of the "
           "machine)\n\n");
    printf("%-16s %5s %24s %24s %8s %7s %24s %24s %8s %7s\n", "model", "batch", "exact, clock",
           "exact, CPU", "to 1", "samples", "blas, clock", "blas, CPU", "to 1", "samples");
    for (uint32_t i = 0; i < report->count; i++) {
        const struct kith_bench_cell *cell = &report->cells[i];
        char name[64];
        model_name(cell, name);
        printf("%-16s %5u", name, cell->batch);
        for (uint32_t who = KITH_BENCH_EXACT_PAIR; who <= KITH_BENCH_BLAS_PAIR; who++) {
            rate_print(&cell->per_wall_s[who]);
            rate_print(&cell->per_cpu_s[who]);
            ratio_print(&cell->of_single[who], 8);
            printf(" %7u", cell->of_single[who].count);
        }
        printf("\n");
    }
}

static void targets_print(const struct kith_bench_report *report)
{
    struct targets targets;
    targets_judge(report, &targets);
    printf("\nTargets (goals)\n\n");
    for (uint32_t i = 0; i < targets.count; i++) {
        const struct target *target = &targets.at[i];
        char name[64] = "", of_cell[96] = "";
        if (target->cell) {
            model_name(target->cell, name);
            (void)snprintf(of_cell, sizeof of_cell, "%s, batch %u", name, target->cell->batch);
        }
        printf("%-4s %-40s %-26s", target->id, target->what, of_cell);
        if (target->verdict == MET || target->verdict == NOT_MET)
            printf(" goal %-7g got %-8.4f", target->goal, target->got);
        printf(" %s\n", verdict_names[target->verdict]);
    }
}

void kith_bench_report_table(const struct kith_bench_report *report)
{
    printf("kernels: %s; %s\n", kith_kernels_name(KITH_KERNELS_EXACT),
           kith_kernels_name(KITH_KERNELS_BLAS));
    if (report->rival) printf("sgemm alone also by: %s\n", report->rival);
    printf("cores: %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
    steps_print(report);
    if (report->pairs) pairs_print(report);
    if (report->idle_share >= 0)
        printf("\nWaiting for %.0f s after all this: %.4f %% of a core\n", report->idle_s,
               report->idle_share * 100);
    targets_print(report);
}

static json_t *quartiles_json(const struct kith_quartiles *q)
{
    if (q->count == 0) return json_null();
    return json_pack("{s:f, s:f, s:f, s:i}", "median", q->median, "low", q->low, "high", q->high,
                     "samples", (int)q->count);
}

static json_t *cell_json(const struct kith_bench_cell *cell)
{
    char name[64];
    model_name(cell, name);
    json_t *json = json_pack("{s:s, s:s, s:i, s:I, s:o}", "model", name, "arch", cell->arch.text,
                             "batch", (int)cell->batch, "flops_per_image", (json_int_t)cell->flops,
                             "others_share", quartiles_json(&cell->others));
    for (uint32_t who = 0; who < KITH_CONTESTANTS; who++) {
        if (cell->per_cpu_s[who].count == 0) continue;
        json_t *rates = json_pack(
            "{s:o, s:o, s:o, s:o, s:o}", "per_cpu_s", quartiles_json(&cell->per_cpu_s[who]),
            "per_wall_s", quartiles_json(&cell->per_wall_s[who]), "of_sgemm",
            quartiles_json(&cell->of_sgemm[who]), "of_peak", quartiles_json(&cell->of_peak[who]),
            "of_one_thread", quartiles_json(&cell->of_single[who]));
        json_object_set_new(json, contestants[who], rates);
    }
    return json;
}

static json_t *target_json(const struct target *target)
{
    json_t *json = json_pack("{s:s, s:s, s:s}", "id", target->id, "what", target->what, "verdict",
                             verdict_names[target->verdict]);
    if (target->cell) {
        char name[64];
        model_name(target->cell, name);
        json_object_set_new(json, "model", json_string(name));
        json_object_set_new(json, "batch", json_integer(target->cell->batch));
    }
    if (target->verdict == MET || target->verdict == NOT_MET) {
        json_object_set_new(json, "goal", json_real(target->goal));
        json_object_set_new(json, "got", json_real(target->got));
    }
    return json;
}

int kith_bench_report_json(const struct kith_bench_report *report)
{
    struct targets targets;
    targets_judge(report, &targets);
    json_t *cells = json_array(), *judged = json_array();
    for (uint32_t i = 0; i < report->count; i++)
        json_array_append_new(cells, cell_json(&report->cells[i]));
    for (uint32_t i = 0; i < targets.count; i++)
        json_array_append_new(judged, target_json(&targets.at[i]));
    json_t *json = json_pack(
        "{s:s, s:s, s:i, s:o, s:o, s:f}", "exact", kith_kernels_name(KITH_KERNELS_EXACT), "blas",
        kith_kernels_name(KITH_KERNELS_BLAS), "cores", (int)sysconf(_SC_NPROCESSORS_ONLN), "cells",
        cells, "targets", judged, "idle_share", report->idle_share);
    if (!json) return KITH_ERR_NOMEM;
    int err = json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(json);
    if (err) return KITH_ERR_NOMEM;
    printf("\n");
    return 0;
}
