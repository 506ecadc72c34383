#include "tools/bench_cell.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "host/spin_pool.h"
#include "tools/bench_serve.h"
#include "tools/fma_peak.h"
#include "training/kernels.h"
#include "training/model.h"

/* Others may use this share of the machine before a sample by the clock is thrown away. */
static const double others_max = 0.2;

enum { PEAK_ROUNDS = 20000 };

/* The products of one layer on arrays of their own, in OpenBLAS's layout. */
struct products {
    float *memory;
    struct kith_gemm_forward forward;
    struct kith_gemm_backward backward;
    struct kith_gemm_update update;
};

struct kith_bench {
    const struct kith_bench_plan *plan;
    struct kith_bench_cell *cell;
    struct kith_spin_pool *pool;
    struct kith_model *models[KITH_CONTESTANTS]; /* NULL for what trains no model */
    struct kith_gemm sgemm;
    struct products products[KITH_LAYERS_MAX];
    uint64_t (*peak)(uint64_t rounds);
    uint32_t *order; /* of the images, shuffled */
    uint32_t next;
    uint64_t units[KITH_CONTESTANTS]; /* steps or calls for one slice; 0: not known yet */
};

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double kith_bench_cpu_s(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

double kith_bench_wall_s(void)
{
    return seconds(CLOCK_MONOTONIC);
}

/* CPU seconds that all processes together have used since start; 0 where there is no /proc. */
static double machine_cpu_s(void)
{
    FILE *file = fopen("/proc/stat", "r");
    if (!file) return 0;
    unsigned long long user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0;
    int read = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
                      &wait, &irq, &soft);
    fclose(file);
    if (read != 7) return 0;
    return (double)(user + nice + system + irq + soft) / (double)sysconf(_SC_CLK_TCK);
}

static void one_step(struct kith_bench *bench, struct kith_model *model)
{
    uint32_t batch = bench->cell->batch;
    if (bench->next + batch > bench->plan->data->count) bench->next = 0;
    struct kith_step step = {
        .rows = {.images = bench->plan->data->images,
                 .indices = bench->order + bench->next,
                 .count = batch},
        .labels = bench->plan->data->labels,
        .rate = 0.01f,
        .momentum = 0.9f,
    };
    bench->next += batch;
    if (bench->next + batch <= bench->plan->data->count) {
        step.next = step.rows;
        step.next.indices += batch;
    }
    struct kith_step_losses losses;
    kith_model_step(model, &step, &losses);
}

static void one_sgemm_step(struct kith_bench *bench)
{
    const struct kith_part whole = {.index = 0, .count = 1};
    uint32_t layers = bench->cell->arch.layers;
    for (uint32_t l = 0; l < layers; l++)
        bench->sgemm.forward(&bench->products[l].forward, whole);
    for (uint32_t l = layers; l-- > 0;) {
        if (l > 0) bench->sgemm.backward(&bench->products[l].backward, whole);
        bench->sgemm.update(&bench->products[l].update, whole);
    }
}

/* Returns what was done: images, or floating-point operations. */
static double run_units(struct kith_bench *bench, enum kith_contestant who, uint64_t units)
{
    if (who == KITH_BENCH_PEAK) return (double)bench->peak(units * PEAK_ROUNDS);
    for (uint64_t i = 0; i < units; i++)
        if (who == KITH_BENCH_SGEMM)
            one_sgemm_step(bench);
        else
            one_step(bench, bench->models[who]);
    return (double)units * bench->cell->batch;
}

static struct kith_sample measure(struct kith_bench *bench, enum kith_contestant who,
                                  uint64_t units)
{
    double machine = machine_cpu_s(), wall = kith_bench_wall_s(), cpu = kith_bench_cpu_s();
    double done = run_units(bench, who, units);
    cpu = kith_bench_cpu_s() - cpu;
    wall = kith_bench_wall_s() - wall;
    double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    double others = (machine_cpu_s() - machine - cpu) / (wall * cores);
    return (struct kith_sample){
        .per_cpu_s = done / cpu,
        .per_wall_s = others < others_max ? done / wall : (double)NAN,
        .others = others > 0 ? others : 0,
    };
}

bool kith_bench_takes_part(const struct kith_bench *bench, enum kith_contestant who)
{
    switch (who) {
    case KITH_BENCH_EXACT:
    case KITH_BENCH_BLAS:
    case KITH_BENCH_SGEMM:
        return true;
    case KITH_BENCH_RIVAL:
        return bench->plan->rival;
    case KITH_BENCH_PEAK:
        return bench->peak;
    case KITH_BENCH_EXACT_PAIR:
    case KITH_BENCH_BLAS_PAIR:
        return bench->plan->pairs;
    case KITH_CONTESTANTS:
        break;
    }
    return false;
}

/* Finds how many units fill a slice, and warms up meanwhile. */
static uint64_t calibrate(struct kith_bench *bench, enum kith_contestant who)
{
    double cpu = 0;
    uint64_t units = 1;
    while (cpu < 1e-3 * bench->plan->slice_ms / 4) {
        units *= 2;
        double before = kith_bench_cpu_s();
        (void)run_units(bench, who, units);
        cpu = kith_bench_cpu_s() - before;
    }
    double wanted = (double)units * 1e-3 * bench->plan->slice_ms / cpu;
    return wanted < 1 ? 1 : (uint64_t)wanted;
}

struct kith_sample kith_bench_measure(struct kith_bench *bench, enum kith_contestant who)
{
    const struct kith_bench_plan *plan = bench->plan;
    if (who == KITH_BENCH_RIVAL)
        return kith_rival_measure(plan->rival, bench->cell, plan->slice_ms);
    if (bench->units[who] == 0) bench->units[who] = calibrate(bench, who);
    return measure(bench, who, bench->units[who]);
}

static struct kith_matrix plain_rows(float **at, uint32_t rows, uint32_t columns)
{
    /* An odd number of cache lines apart, as the models' own matrices are. */
    size_t stride = (kith_panels_of(columns) | 1u) * (size_t)KITH_PANEL;
    struct kith_matrix m = {.at = *at,
                            .rows = rows,
                            .columns = columns,
                            .row_stride = stride,
                            .panel_stride = KITH_PANEL};
    *at += rows * stride;
    return m;
}

static bool products_init(struct products *products, uint32_t rows, uint32_t in, uint32_t out)
{
    size_t floats = (2 * (size_t)rows + in) * (in + out + 64) + 2 * (size_t)in * (out + 32);
    floats += -floats % KITH_PANEL;
    float *at = aligned_alloc(KITH_MATRIX_ALIGN, floats * sizeof *at);
    if (!at) return false;
    products->memory = at;
    for (size_t i = 0; i < floats; i++)
        at[i] = (float)(kith_rng_at(1, i) >> 40) * 0x1p-24f - 0.5f;
    struct kith_matrix x = plain_rows(&at, rows, in), y = plain_rows(&at, rows, out);
    struct kith_matrix w = plain_rows(&at, in, out), dx = plain_rows(&at, rows, in);
    products->forward = (struct kith_gemm_forward){.x = x, .w = w, .y = y};
    products->backward = (struct kith_gemm_backward){.dy = y, .w = w, .x = x, .dx = dx};
    products->update = (struct kith_gemm_update){.x = x, .dy = y, .scratch = at};
    return true;
}

static void weights_draw(struct kith_model *model, const struct kith_arch *arch, float *plain)
{
    float *at = plain;
    for (uint32_t l = 0; l < arch->layers; l++) {
        float bound = 1.0f / sqrtf((float)kith_arch_rows(arch, l));
        size_t count = ((size_t)kith_arch_rows(arch, l) + 1) * kith_arch_columns(arch, l);
        for (size_t i = 0; i < count; i++)
            at[i] = ((float)(kith_rng_at(l, i) >> 40) * 0x1p-23f - 1.0f) * bound;
        at += count;
    }
    kith_model_set_weights(model, plain);
}

static bool trains(enum kith_contestant who)
{
    return who != KITH_BENCH_SGEMM && who != KITH_BENCH_RIVAL && who != KITH_BENCH_PEAK;
}

static bool models_init(struct kith_bench *bench)
{
    const struct kith_arch *arch = &bench->cell->arch;
    float *plain = malloc(arch->params * sizeof *plain);
    bool ok = plain;
    for (uint32_t who = 0; who < KITH_CONTESTANTS && ok; who++) {
        if (!trains(who) || !kith_bench_takes_part(bench, who)) continue;
        bool exact = who == KITH_BENCH_EXACT || who == KITH_BENCH_EXACT_PAIR;
        bench->models[who] = kith_model_new(arch, exact ? KITH_KERNELS_EXACT : KITH_KERNELS_BLAS,
                                            bench->cell->batch);
        ok = bench->models[who];
        if (!ok) break;
        weights_draw(bench->models[who], arch, plain);
        if (who == KITH_BENCH_EXACT_PAIR || who == KITH_BENCH_BLAS_PAIR)
            kith_model_set_parallel(bench->models[who], kith_spin_pool_parallel(bench->pool));
    }
    free(plain);
    return ok;
}

static bool order_init(struct kith_bench *bench)
{
    uint32_t count = bench->plan->data->count;
    bench->order = malloc(count * sizeof *bench->order);
    if (!bench->order) return false;
    const uint8_t seed[KITH_SEED_LEN] = {1};
    struct kith_rng rng;
    kith_rng_init(&rng, seed);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = kith_rng_below(&rng, i + 1);
        bench->order[i] = bench->order[j];
        bench->order[j] = i;
    }
    return true;
}

static bool bench_init(struct kith_bench *bench)
{
    const struct kith_arch *arch = &bench->cell->arch;
    bench->sgemm = kith_blas_products();
    bench->peak = kith_fma_peak_avx512(1) ? kith_fma_peak_avx512 : kith_fma_peak_avx2;
    if (!kith_fma_peak_avx2(1)) bench->peak = NULL;
    bench->pool = bench->plan->pairs ? kith_spin_pool_new(2) : NULL;
    if (bench->plan->pairs && !bench->pool) return false;
    if (!order_init(bench)) return false;
    bench->cell->flops = 0;
    for (uint32_t l = 0; l < arch->layers; l++) {
        uint32_t in = arch->width[l], out = arch->width[l + 1];
        bench->cell->flops += (l > 0 ? 6u : 4u) * (uint64_t)in * out;
        if (!products_init(&bench->products[l], bench->cell->batch, in, out)) return false;
    }
    return models_init(bench);
}

struct kith_bench *kith_bench_new(const struct kith_bench_plan *plan, struct kith_bench_cell *cell)
{
    struct kith_bench *bench = calloc(1, sizeof *bench);
    if (!bench) return NULL;
    bench->plan = plan;
    bench->cell = cell;
    if (bench_init(bench)) return bench;
    kith_bench_free(bench);
    return NULL;
}

void kith_bench_free(struct kith_bench *bench)
{
    if (!bench) return;
    for (uint32_t who = 0; who < KITH_CONTESTANTS; who++)
        kith_model_free(bench->models[who]);
    for (uint32_t l = 0; l < KITH_LAYERS_MAX; l++)
        free(bench->products[l].memory);
    kith_spin_pool_free(bench->pool);
    free(bench->order);
    free(bench);
}
