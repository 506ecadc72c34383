/* The final figures of a swarm: every node's own model on the whole test set, and the digest. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "sim/sim_swarm.h"

enum { PASS_ROWS = 250 };

struct kith_examiner {
    const struct kith_swarm *swarm;
    struct kith_model *model[KITH_SIM_MODELS_MAX];
    float *weights;
    float *probabilities;
    uint32_t *rows; /* 0, 1, 2, ... */
};

/* NULL: there is none now. */
static const struct kith_learner *learner_of(const struct kith_swarm *swarm, uint32_t node)
{
    if (swarm->learners) return swarm->learners[node];
    const struct kith_node *one = kith_world_node(swarm->world, node);
    return one ? kith_node_learner(one) : NULL;
}

struct kith_examiner *kith_examiner_new(const struct kith_swarm *swarm)
{
    struct kith_examiner *examiner = calloc(1, sizeof *examiner);
    if (!examiner) return NULL;
    size_t params = 0;
    bool is_good = true;
    examiner->swarm = swarm;
    for (uint32_t i = 0; i < swarm->config->scenario.model_count; i++) {
        const struct kith_arch *arch = &swarm->arch[i];
        if (arch->layers == 0) continue;
        examiner->model[i] =
            kith_model_new(arch, swarm->config->scenario.all.node.learner.kernels, PASS_ROWS);
        if (!examiner->model[i]) is_good = false;
        if (arch->params > params) params = arch->params;
    }
    examiner->weights = malloc(params * sizeof *examiner->weights);
    examiner->probabilities =
        malloc((size_t)PASS_ROWS * swarm->test.classes * sizeof *examiner->probabilities);
    examiner->rows = malloc(swarm->test.count * sizeof *examiner->rows);
    if (is_good && examiner->weights && examiner->probabilities && examiner->rows) {
        for (uint32_t i = 0; i < swarm->test.count; i++)
            examiner->rows[i] = i;
        return examiner;
    }
    kith_examiner_free(examiner);
    return NULL;
}

void kith_examiner_free(struct kith_examiner *examiner)
{
    if (!examiner) return;
    for (uint32_t i = 0; i < KITH_SIM_MODELS_MAX; i++)
        kith_model_free(examiner->model[i]);
    free(examiner->weights);
    free(examiner->probabilities);
    free(examiner->rows);
    free(examiner);
}

static uint32_t best_class(const float *row, uint32_t classes)
{
    uint32_t best = 0;
    for (uint32_t c = 1; c < classes; c++)
        if (row[c] > row[best]) best = c;
    return best;
}

static uint32_t count_correct(struct kith_examiner *examiner, struct kith_model *model,
                              uint32_t count)
{
    const struct kith_dataset *test = &examiner->swarm->test;
    uint32_t correct = 0;
    for (uint32_t first = 0; first < count; first += PASS_ROWS) {
        uint32_t left = count - first;
        struct kith_rows rows = {
            .images = test->images,
            .indices = examiner->rows + first,
            .count = left < PASS_ROWS ? left : PASS_ROWS,
        };
        kith_model_probabilities(model, &rows, 1.0f, examiner->probabilities);
        for (uint32_t i = 0; i < rows.count; i++) {
            const float *row = examiner->probabilities + (size_t)i * test->classes;
            correct += best_class(row, test->classes) == test->labels[first + i];
        }
    }
    return correct;
}

uint32_t kith_examiner_test(struct kith_examiner *examiner, uint32_t node,
                            const struct kith_learner *learner, uint32_t rows)
{
    const struct kith_swarm *swarm = examiner->swarm;
    struct kith_model *model = examiner->model[kith_swarm_arch(swarm, node) - swarm->arch];
    kith_learner_weights(learner, examiner->weights);
    kith_model_set_weights(model, examiner->weights);
    return count_correct(examiner, model, rows < swarm->test.count ? rows : swarm->test.count);
}

/* What the testing threads share. */
struct exam {
    const struct kith_swarm *swarm;
    uint32_t *correct;
    atomic_uint next; /* node to be tested */
    atomic_int err;
};

static void *test_nodes(void *context)
{
    struct exam *exam = context;
    const struct kith_swarm *swarm = exam->swarm;
    struct kith_examiner *examiner = kith_examiner_new(swarm);
    uint32_t node;
    if (!examiner) atomic_store(&exam->err, KITH_ERR_NOMEM);
    while (examiner && (node = atomic_fetch_add(&exam->next, 1)) < swarm->config->scenario.nodes) {
        const struct kith_learner *learner = learner_of(swarm, node);
        exam->correct[node] =
            learner ? kith_examiner_test(examiner, node, learner, swarm->test.count) : UINT32_MAX;
    }
    kith_examiner_free(examiner);
    return NULL;
}

int kith_swarm_test(const struct kith_swarm *swarm, uint32_t threads, uint32_t *ret_correct)
{
    pthread_t *thread = calloc(threads, sizeof *thread);
    struct exam exam = {.swarm = swarm, .correct = ret_correct};
    uint32_t started = 0;
    if (thread) {
        while (started + 1 < threads && !pthread_create(&thread[started], NULL, test_nodes, &exam))
            started++;
        test_nodes(&exam);
    } else {
        atomic_store(&exam.err, KITH_ERR_NOMEM);
    }
    for (uint32_t i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    free(thread);
    return atomic_load(&exam.err);
}

/* --- the average model --- */

/* The architecture that most learners have, the first of equals; how many in *ret_count. */
static const struct kith_arch *common_arch(const struct kith_swarm *swarm, uint32_t *ret_count)
{
    uint32_t count[KITH_SIM_MODELS_MAX] = {0}, best = 0;
    for (uint32_t i = 0; i < swarm->config->scenario.nodes; i++)
        if (learner_of(swarm, i)) count[kith_swarm_arch(swarm, i) - swarm->arch]++;
    for (uint32_t i = 1; i < KITH_SIM_MODELS_MAX; i++)
        if (count[i] > count[best]) best = i;
    *ret_count = count[best];
    return &swarm->arch[best];
}

/* Add the squared distance of each from `mean`, or with NULL add all up in `sum`. */
static double pass(struct kith_examiner *examiner, const struct kith_arch *arch, const double *mean,
                   double *sum)
{
    double squares = 0;
    const struct kith_swarm *swarm = examiner->swarm;
    for (uint32_t i = 0; i < swarm->config->scenario.nodes; i++) {
        const struct kith_learner *learner = learner_of(swarm, i);
        if (!learner || kith_swarm_arch(swarm, i) != arch) continue;
        kith_learner_weights(learner, examiner->weights);
        for (size_t k = 0; k < arch->params; k++) {
            double value = examiner->weights[k];
            if (mean)
                squares += (value - mean[k]) * (value - mean[k]);
            else
                sum[k] += value;
        }
    }
    return squares;
}

static void average_with(struct kith_examiner *examiner, const struct kith_arch *arch,
                         uint32_t count, double *mean, struct kith_sim_average *ret)
{
    double length = 0;
    const struct kith_swarm *swarm = examiner->swarm;
    pass(examiner, arch, NULL, mean);
    for (size_t k = 0; k < arch->params; k++) {
        mean[k] /= count;
        length += mean[k] * mean[k];
    }
    ret->models = count;
    ret->distance = sqrt(pass(examiner, arch, mean, NULL) / count);
    ret->relative = length > 0 ? ret->distance / sqrt(length) : 0;
    for (size_t k = 0; k < arch->params; k++)
        examiner->weights[k] = (float)mean[k];
    struct kith_model *model = examiner->model[arch - swarm->arch];
    kith_model_set_weights(model, examiner->weights);
    ret->accuracy = 100.0 * count_correct(examiner, model, swarm->test.count) / swarm->test.count;
}

int kith_swarm_average(const struct kith_swarm *swarm, struct kith_sim_average *ret)
{
    uint32_t count;
    const struct kith_arch *arch = common_arch(swarm, &count);
    memset(ret, 0, sizeof *ret);
    if (count < 2) return 0;
    struct kith_examiner *examiner = kith_examiner_new(swarm);
    double *mean = calloc(arch->params, sizeof *mean);
    int err = examiner && mean ? 0 : KITH_ERR_NOMEM;
    if (!err) average_with(examiner, arch, count, mean, ret);
    kith_examiner_free(examiner);
    free(mean);
    return err;
}

int kith_swarm_digest(const struct kith_swarm *swarm, struct kith_id *ret_digest)
{
    struct kith_hash hash;
    kith_hash_init(&hash);
    for (uint32_t i = 0; i < swarm->config->scenario.nodes; i++) {
        const struct kith_learner *learner = learner_of(swarm, i);
        kith_hash_add_u64(&hash, learner != NULL);
        if (!learner) continue;
        size_t params = kith_swarm_arch(swarm, i)->params;
        float *weights = malloc(params * sizeof *weights);
        if (!weights) return KITH_ERR_NOMEM;
        kith_learner_weights(learner, weights);
        kith_hash_add(&hash, weights, params * sizeof *weights);
        free(weights);
    }
    *ret_digest = kith_hash_end(&hash);
    return 0;
}
