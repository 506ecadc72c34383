#include "sim/baseline_run.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/baseline.h"
#include "training/pace.h"

struct kith_baseline_run {
    const struct kith_sim_run_config *config;
    struct kith_swarm *swarm;
    struct kith_learner **learners; /* [nodes] */
    struct kith_mixing mixing;
    uint32_t *samples; /* [nodes] */
    size_t params;
    float **heard;  /* [nodes][params] what others decode of each node's frame */
    bool *is_good;  /* [nodes] its frame of this round could be decoded */
    float **mixed;  /* [nodes][params]; of a shared model, of node 0 alone */
    uint8_t *frame; /* that a shared model is sent back in */
    uint64_t round;
    struct kith_pace pace;
    enum kith_wire wire; /* of this round */
    struct kith_baseline_result result;
};

/* --- every node, on some threads --- */

struct crew {
    struct kith_baseline_run *run;
    void (*one)(struct kith_baseline_run *run, uint32_t node);
    atomic_uint next;
};

static void *work(void *context)
{
    struct crew *crew = context;
    uint32_t node;
    while ((node = atomic_fetch_add(&crew->next, 1)) < crew->run->config->scenario.nodes)
        crew->one(crew->run, node);
    return NULL;
}

/* Nodes touch nothing of each other's that is written, so the order does not matter. With fewer
 * threads than wished it only takes longer. */
static void for_each_node(struct kith_baseline_run *run,
                          void (*one)(struct kith_baseline_run *run, uint32_t node))
{
    pthread_t thread[KITH_SIM_THREADS_MAX];
    struct crew crew = {.run = run, .one = one};
    uint32_t started = 0;
    while (started + 1 < run->config->threads &&
           !pthread_create(&thread[started], NULL, work, &crew))
        started++;
    work(&crew);
    for (uint32_t i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
}

/* --- one round --- */

/* Local steps; then the frame, as the others will decode it. */
static void train(struct kith_baseline_run *run, uint32_t node)
{
    struct kith_job job;
    run->is_good[node] = false;
    if (!run->mixing.trains[node]) return;
    kith_job_prepare(&job, run->learners[node], run->round);
    job.rate = run->pace.rate;
    job.mix_only = run->pace.phase != KITH_PACE_TRAIN;
    job.wire = run->wire;
    kith_job_run(&job);
    run->is_good[node] = kith_frame_decode(job.frame, run->params, run->heard[node]) == 0;
}

static void add(float *sum, const float *x, size_t params, float weight)
{
    for (size_t i = 0; i < params; i++)
        sum[i] += weight * x[i];
}

/* The mean, in the order of the nodes, of one's own model as it is and the others' as decoded. What
 * could not be decoded counts as the own one. */
static void mix(struct kith_baseline_run *run, uint32_t node)
{
    uint32_t nodes = run->config->scenario.nodes;
    const double *weight = run->mixing.weight + (size_t)node * nodes;
    float *mixed = run->mixed[node];
    double own = 1;
    for (uint32_t j = 0; j < nodes; j++)
        if (j != node && run->is_good[j]) own -= weight[j];
    kith_learner_weights(run->learners[node], mixed);
    for (size_t i = 0; i < run->params; i++)
        mixed[i] *= (float)own;
    for (uint32_t j = 0; j < nodes; j++)
        if (j != node && run->is_good[j] && weight[j] > 0)
            add(mixed, run->heard[j], run->params, (float)weight[j]);
    kith_learner_set_weights(run->learners[node], mixed);
}

static void take_shared(struct kith_baseline_run *run, uint32_t node)
{
    kith_learner_set_weights(run->learners[node], run->mixed[0]);
}

/* One mean of all that was decoded, which goes back to everybody as a frame too. False: nothing
 * could be decoded. */
static bool reduce(struct kith_baseline_run *run)
{
    const double *weight = run->mixing.weight;
    float *mean = run->mixed[0];
    double sum = 0;
    struct kith_rng rng;
    for (uint32_t j = 0; j < run->config->scenario.nodes; j++)
        if (run->is_good[j]) sum += weight[j];
    if (sum <= 0) return false;
    memset(mean, 0, run->params * sizeof *mean);
    for (uint32_t j = 0; j < run->config->scenario.nodes; j++)
        if (run->is_good[j]) add(mean, run->heard[j], run->params, (float)(weight[j] / sum));
    kith_rng_split(&rng, run->mixing.seed, "frame of the mean", run->round);
    kith_frame_encode(run->wire, mean, run->params, kith_rng_u64(&rng), run->frame);
    struct kith_bytes frame = {run->frame, kith_frame_size(run->wire, run->params)};
    return kith_frame_decode(frame, run->params, mean) == 0;
}

/* As for the nodes: what is only mixed travels in eight bits or better. */
static void set_pace(struct kith_baseline_run *run)
{
    const struct kith_scenario *scenario = &run->config->scenario;
    run->pace = kith_pace_of(&scenario->all.node.rules.budget, run->round, 0, 0);
    run->wire = scenario->all.node.learner.wire;
    if (run->pace.phase != KITH_PACE_TRAIN && run->wire == KITH_WIRE_INT4)
        run->wire = KITH_WIRE_INT8;
}

static void count_round(struct kith_baseline_run *run)
{
    struct kith_baseline_result *result = &run->result;
    result->rounds++;
    result->frames += run->mixing.frames;
    result->bytes += (double)run->mixing.frames * (double)kith_frame_size(run->wire, run->params);
    for (uint32_t i = 0; i < run->config->scenario.nodes; i++)
        result->frames_bad += run->mixing.trains[i] && !run->is_good[i];
}

int kith_baseline_run_round(struct kith_baseline_run *run)
{
    int err = kith_mixing_round(&run->mixing, run->round);
    if (err) return err;
    set_pace(run);
    for_each_node(run, train);
    if (run->mixing.is_shared) {
        if (reduce(run)) for_each_node(run, take_shared);
    } else if (run->mixing.frames > 0) {
        for_each_node(run, mix);
    }
    count_round(run);
    run->round++;
    return 0;
}

/* --- from the beginning to the end --- */

static float **new_models(uint32_t count, size_t params)
{
    float **models = calloc(count, sizeof *models);
    for (uint32_t i = 0; models && i < count; i++) {
        models[i] = malloc(params * sizeof **models);
        if (models[i]) continue;
        while (i-- > 0)
            free(models[i]);
        free(models);
        return NULL;
    }
    return models;
}

static void free_models(float **models, uint32_t count)
{
    for (uint32_t i = 0; models && i < count; i++)
        free(models[i]);
    free(models);
}

static int make_learners(struct kith_baseline_run *run)
{
    uint32_t nodes = run->config->scenario.nodes;
    run->learners = calloc(nodes, sizeof *run->learners);
    run->samples = calloc(nodes, sizeof *run->samples);
    if (!run->learners || !run->samples) return KITH_ERR_NOMEM;
    run->swarm->learners = run->learners;
    for (uint32_t i = 0; i < nodes; i++) {
        struct kith_learner_config config;
        kith_swarm_learner_config(run->swarm, i, &config);
        config.look_every = UINT32_MAX; /* only the end is tested */
        run->learners[i] = kith_learner_new(&config);
        if (!run->learners[i]) return KITH_ERR_NOMEM;
        run->samples[i] = config.shard_count;
    }
    return 0;
}

static int make_room(struct kith_baseline_run *run)
{
    uint32_t nodes = run->config->scenario.nodes;
    uint8_t seed[KITH_SEED_LEN];
    run->params = kith_learner_params(run->learners[0]);
    run->heard = new_models(nodes, run->params);
    run->mixed = new_models(nodes, run->params);
    run->is_good = calloc(nodes, sizeof *run->is_good);
    run->frame = malloc(kith_frame_size(KITH_WIRE_FP32, run->params));
    if (!run->heard || !run->mixed || !run->is_good || !run->frame) return KITH_ERR_NOMEM;
    kith_swarm_seed(run->config, seed);
    return kith_mixing_init(&run->mixing, &run->config->scenario.baseline, nodes, run->samples,
                            seed);
}

int kith_baseline_run_new(const struct kith_sim_run_config *config,
                          struct kith_baseline_run **ret_run,
                          char ret_error[static KITH_SIM_SWARM_TEXT_MAX])
{
    ret_error[0] = '\0';
    struct kith_baseline_run *run = calloc(1, sizeof *run);
    if (!run) return KITH_ERR_NOMEM;
    run->config = config;
    int err = kith_swarm_prepare(config, &run->swarm, ret_error);
    if (!err) err = make_learners(run);
    if (!err) err = make_room(run);
    if (!err) {
        run->result.frame_bytes =
            kith_frame_size(config->scenario.all.node.learner.wire, run->params);
        *ret_run = run;
        return 0;
    }
    if (ret_error[0] == '\0')
        snprintf(ret_error, KITH_SIM_SWARM_TEXT_MAX, "%s",
                 err == KITH_ERR_RANGE ? "no connected graph was found: take a larger --degree"
                                       : kith_err_text(err));
    kith_baseline_run_free(run);
    return err;
}

void kith_baseline_run_free(struct kith_baseline_run *run)
{
    if (!run) return;
    uint32_t nodes = run->config->scenario.nodes;
    for (uint32_t i = 0; run->learners && i < nodes; i++)
        kith_learner_free(run->learners[i]);
    free(run->learners);
    free(run->samples);
    free_models(run->heard, nodes);
    free_models(run->mixed, nodes);
    free(run->is_good);
    free(run->frame);
    kith_mixing_release(&run->mixing);
    kith_swarm_free(run->swarm);
    free(run);
}

struct kith_learner *kith_baseline_run_learner(struct kith_baseline_run *run, uint32_t node)
{
    return run->learners[node];
}

int kith_baseline_run_result(struct kith_baseline_run *run, struct kith_baseline_result *ret)
{
    uint32_t nodes = run->config->scenario.nodes;
    uint32_t *correct = calloc(nodes, sizeof *correct);
    double *values = calloc(nodes, sizeof *values);
    int err = correct && values ? 0 : KITH_ERR_NOMEM;
    *ret = run->result;
    if (run->config->scenario.baseline.algorithm == KITH_ALGORITHM_FEDAVG) {
        /* Whoever was no client of the last round gets the final model too. */
        ret->frames += nodes;
        ret->bytes += nodes * (double)kith_frame_size(run->wire, run->params);
    }
    if (!err) err = kith_swarm_test(run->swarm, run->config->threads, correct);
    for (uint32_t i = 0; !err && i < nodes; i++)
        values[i] = 100.0 * correct[i] / run->swarm->test.count;
    if (!err) ret->accuracy = kith_sim_spread_of(values, nodes);
    if (!err) err = kith_swarm_average(run->swarm, &ret->average);
    if (!err) err = kith_swarm_digest(run->swarm, &ret->digest);
    free(correct);
    free(values);
    return err;
}
