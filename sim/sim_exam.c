/* The final figures of a swarm: every node's own model on the whole test set, and the digest. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "sim/sim_swarm.h"

enum { PASS_ROWS = 250 };

/* What the testing threads share. */
struct exam {
    const struct kith_swarm *swarm;
    uint32_t *correct;
    const uint32_t *rows; /* 0, 1, 2, ... */
    atomic_uint next;     /* node to be tested */
    atomic_int err;
};

static uint32_t count_correct(struct kith_model *model, const struct exam *exam,
                              float *probabilities)
{
    const struct kith_dataset *test = &exam->swarm->test;
    uint32_t correct = 0;
    for (uint32_t first = 0; first < test->count; first += PASS_ROWS) {
        uint32_t left = test->count - first;
        struct kith_rows rows = {
            .images = test->images,
            .indices = exam->rows + first,
            .count = left < PASS_ROWS ? left : PASS_ROWS,
        };
        kith_model_probabilities(model, &rows, 1.0f, probabilities);
        for (uint32_t i = 0; i < rows.count; i++) {
            const float *row = probabilities + (size_t)i * test->classes;
            uint32_t best = 0;
            for (uint32_t c = 1; c < test->classes; c++)
                if (row[c] > row[best]) best = c;
            correct += best == test->labels[first + i];
        }
    }
    return correct;
}

static int test_node(struct exam *exam, uint32_t node)
{
    const struct kith_swarm *swarm = exam->swarm;
    const struct kith_node *one = kith_world_node(swarm->world, node);
    const struct kith_learner *learner = one ? kith_node_learner(one) : NULL;
    exam->correct[node] = UINT32_MAX;
    if (!learner) return 0;
    const struct kith_arch *arch = kith_swarm_arch(swarm, node);
    struct kith_model *model =
        kith_model_new(arch, swarm->config->scenario.all.node.learner.kernels, PASS_ROWS);
    float *weights = malloc(arch->params * sizeof *weights);
    float *probabilities = malloc((size_t)PASS_ROWS * swarm->test.classes * sizeof *probabilities);
    int err = model && weights && probabilities ? 0 : KITH_ERR_NOMEM;
    if (!err) {
        kith_learner_weights(learner, weights);
        kith_model_set_weights(model, weights);
        exam->correct[node] = count_correct(model, exam, probabilities);
    }
    kith_model_free(model);
    free(weights);
    free(probabilities);
    return err;
}

static void *test_nodes(void *context)
{
    struct exam *exam = context;
    uint32_t node;
    while ((node = atomic_fetch_add(&exam->next, 1)) < exam->swarm->config->scenario.nodes) {
        int err = test_node(exam, node);
        if (err) atomic_store(&exam->err, err);
    }
    return NULL;
}

int kith_swarm_test(const struct kith_swarm *swarm, uint32_t threads, uint32_t *ret_correct)
{
    uint32_t *rows = malloc(swarm->test.count * sizeof *rows);
    pthread_t *thread = calloc(threads, sizeof *thread);
    struct exam exam = {.swarm = swarm, .correct = ret_correct, .rows = rows};
    uint32_t started = 0;
    if (rows && thread) {
        for (uint32_t i = 0; i < swarm->test.count; i++)
            rows[i] = i;
        while (started + 1 < threads && !pthread_create(&thread[started], NULL, test_nodes, &exam))
            started++;
        test_nodes(&exam);
    } else {
        atomic_store(&exam.err, KITH_ERR_NOMEM);
    }
    for (uint32_t i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    free(rows);
    free(thread);
    return atomic_load(&exam.err);
}

int kith_swarm_digest(const struct kith_swarm *swarm, struct kith_id *ret_digest)
{
    struct kith_hash hash;
    kith_hash_init(&hash);
    for (uint32_t i = 0; i < swarm->config->scenario.nodes; i++) {
        const struct kith_node *node = kith_world_node(swarm->world, i);
        const struct kith_learner *learner = node ? kith_node_learner(node) : NULL;
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
