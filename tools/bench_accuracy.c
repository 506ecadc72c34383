#include "tools/bench_accuracy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"
#include "host/dataset_file.h"
#include "training/model.h"

enum { TEST_ROWS = 250, STREAM_ORDER = 1000 };

struct run {
    const struct kith_accuracy *plan;
    struct kith_dataset train, test;
    struct kith_model *model;
    float *plain;
    struct place {
        uint64_t key;
        uint32_t index;
    } * places;
    uint32_t *order;
    float *probabilities;
};

static uint64_t stream(const struct kith_accuracy *plan, uint64_t number)
{
    return ((uint64_t)plan->seed << 32) + number;
}

static void weights_draw(struct run *run)
{
    const struct kith_arch *arch = &run->plan->arch;
    float *at = run->plain;
    for (uint32_t l = 0; l < arch->layers; l++) {
        float bound = 1.0f / sqrtf((float)kith_arch_rows(arch, l));
        size_t count = ((size_t)kith_arch_rows(arch, l) + 1) * kith_arch_columns(arch, l);
        for (size_t i = 0; i < count; i++) {
            uint64_t drawn = kith_rng_at(stream(run->plan, l), i) >> 40;
            *at++ = ((float)drawn * 0x1p-23f - 1.0f) * bound;
        }
    }
    kith_model_set_weights(run->model, run->plain);
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const struct place *)a)->key, y = ((const struct place *)b)->key;
    return (x > y) - (x < y);
}

static void order_draw(struct run *run, uint32_t epoch)
{
    for (uint32_t i = 0; i < run->train.count; i++)
        run->places[i] = (struct place){kith_rng_at(stream(run->plan, STREAM_ORDER + epoch), i), i};
    qsort(run->places, run->train.count, sizeof *run->places, by_key);
    for (uint32_t i = 0; i < run->train.count; i++)
        run->order[i] = run->places[i].index;
}

static double epoch_train(struct run *run)
{
    uint32_t batch = run->plan->batch, batches = run->train.count / batch;
    double sum = 0;
    for (uint32_t i = 0; i < batches; i++) {
        struct kith_step step = {
            .rows = {.images = run->train.images,
                     .indices = run->order + i * batch,
                     .count = batch},
            .labels = run->train.labels,
            .rate = run->plan->rate,
            .momentum = 0.9f,
        };
        struct kith_step_losses losses;
        kith_model_step(run->model, &step, &losses);
        sum += (double)losses.ce;
    }
    return sum / batches;
}

static bool is_right(const float *p, uint32_t classes, uint8_t label)
{
    for (uint32_t c = 0; c < classes; c++)
        if (p[c] > p[label]) return false;
    return true;
}

static double test_accuracy(struct run *run)
{
    uint32_t classes = run->test.classes, right = 0, count = run->test.count;
    for (uint32_t i = 0; i < count; i++)
        run->order[i] = i;
    for (uint32_t first = 0; first < count; first += TEST_ROWS) {
        uint32_t rows = count - first < TEST_ROWS ? count - first : TEST_ROWS;
        struct kith_rows of = {run->test.images, run->order + first, rows};
        kith_model_probabilities(run->model, &of, 1.0f, run->probabilities);
        for (uint32_t r = 0; r < rows; r++)
            right += is_right(run->probabilities + (size_t)r * classes, classes,
                              run->test.labels[first + r]);
    }
    return (double)right / count;
}

static int run_init(struct run *run)
{
    const struct kith_accuracy *plan = run->plan;
    const char *directory = plan->directory ? plan->directory : KITH_DATASET_DIR_DEFAULT;
    uint32_t classes = plan->arch.width[plan->arch.layers];
    char error[KITH_DATASET_ERROR_MAX];
    int err = kith_dataset_file_load(directory, plan->arch.width[0], classes, &run->train,
                                     &run->test, error);
    if (err) {
        (void)fprintf(stderr, "kith bench train: %s\n", error);
        return err;
    }
    uint32_t rows = plan->batch > TEST_ROWS ? plan->batch : TEST_ROWS, count = run->train.count;
    if (run->test.count > count) count = run->test.count;
    run->model = kith_model_new(&plan->arch, KITH_KERNELS_EXACT, rows);
    run->plain = malloc(plan->arch.params * sizeof *run->plain);
    run->places = malloc(count * sizeof *run->places);
    run->order = malloc(count * sizeof *run->order);
    run->probabilities = malloc((size_t)TEST_ROWS * classes * sizeof *run->probabilities);
    if (run->model && run->plain && run->places && run->order && run->probabilities) return 0;
    (void)fprintf(stderr, "kith bench train: %s\n", kith_err_text(KITH_ERR_NOMEM));
    return KITH_ERR_NOMEM;
}

int kith_accuracy_run(const struct kith_accuracy *plan)
{
    struct run run = {.plan = plan};
    int err = run_init(&run);
    if (!err) weights_draw(&run);
    for (uint32_t epoch = 0; epoch < plan->epochs && !err; epoch++) {
        order_draw(&run, epoch);
        double loss = epoch_train(&run);
        printf("{\"epoch\": %u, \"loss\": %.6f, \"accuracy\": %.4f}\n", epoch + 1, loss,
               test_accuracy(&run));
        (void)fflush(stdout);
    }
    kith_model_free(run.model);
    free(run.plain);
    free(run.places);
    free(run.order);
    free(run.probabilities);
    kith_dataset_release(&run.train);
    kith_dataset_release(&run.test);
    return err;
}
