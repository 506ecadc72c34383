#include "training/job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "training/audit.h"
#include "training/explog.h"
#include "training/learner.h"

static bool cancelled(struct kith_job *job)
{
    return atomic_load_explicit(&job->cancel, memory_order_relaxed);
}

/* By one of the rules that look at all models at once. */
static uint32_t aggregate(struct kith_job *job)
{
    struct kith_learner *learner = job->learner;
    size_t params = learner->config.arch.params;
    enum kith_rule rule = learner->config.rule;
    uint32_t count = 1, most = job->pulled_count + 1;
    const float *models[KITH_AGGREGATE_MAX] = {learner->plain};
    size_t scratch = kith_aggregate_scratch(rule, most);
    float *room = kith_learner_alloc_bench(learner, job->pulled_count + scratch);
    double norm = kith_mix_distance(learner->plain, NULL, params);
    for (uint32_t i = 0; i < job->pulled_count; i++) {
        float *model = room ? room + (scratch + count - 1) * params : learner->decoded;
        kith_mix_open(&job->pulled[i], learner->plain, norm, params, model);
        if (!room) job->pulled[i].err = KITH_ERR_NOMEM;
        if (job->pulled[i].err == 0) models[count++] = model;
    }
    if (count > 1) {
        kith_aggregate(rule, models, count, params, kith_rule_hostile(count - 1), learner->sum,
                       room);
        memcpy(learner->plain, learner->sum, params * sizeof *learner->plain);
    }
    free(room);
    return count - 1;
}

/* The pulled models enter `plain`, the own one; returns how many. */
static uint32_t enter_pulled(struct kith_job *job)
{
    struct kith_learner *learner = job->learner;
    if (learner->config.rule != KITH_RULE_SCORE) return aggregate(job);
    kith_audit(job, learner->plain);
    return kith_mix(learner->plain, learner->config.arch.params, job->own_weight, job->pulled,
                    job->pulled_count, learner->decoded, learner->sum);
}

/* Steps 2, 4 and 5: mix, then let the momentum follow the movement since the last mix. */
static void mix(struct kith_job *job)
{
    struct kith_learner *learner = job->learner;
    const struct kith_learner_config *config = &learner->config;
    if (job->pulled_count > 0) {
        kith_model_get_weights(learner->model, learner->plain);
        if (enter_pulled(job) > 0) kith_model_set_weights(learner->model, learner->plain);
    }
    bool moved = learner->has_mixed && learner->length > 0;
    if (config->optim == KITH_OPTIM_QG && moved && !job->mix_only)
        kith_model_follow(learner->model, learner->mixed, config->momentum, learner->length);
    kith_model_raw_weights(learner->model, learner->mixed);
    learner->has_mixed = true;
    learner->length = 0;
}

static void hear_teachers(struct kith_job *job)
{
    struct kith_learner *learner = job->learner;
    kith_assert(job->teacher_count <= KITH_TEACHERS_MAX);
    kith_pool_clear(&learner->pool);
    for (uint32_t i = 0; i < job->teacher_count; i++)
        kith_pool_add(&learner->pool, &learner->config.task->swarm, &job->teachers[i]);
    struct kith_rng rng;
    kith_rng_split(&rng, learner->config.seed, "distillation", job->round);
    kith_pool_end(&learner->pool, &rng);
    for (uint32_t i = 0; i < learner->pool.count; i++)
        learner->pool.positions[i] =
            learner->config.task->public_indices[learner->pool.positions[i]];
}

/* The cross-entropy on the rows of the mean of what the own and the pulled models say. */
static float target_loss(struct kith_job *job, const struct kith_rows *rows)
{
    struct kith_learner *learner = job->learner;
    uint32_t classes = learner->pool.classes;
    size_t numbers = (size_t)rows->count * classes;
    float weights = 1;
    kith_model_probabilities(learner->model, rows, 1, learner->target);
    for (uint32_t i = 0; i < job->pulled_count; i++) {
        float weight = job->pulled[i].weight;
        if (job->pulled[i].err || weight <= 0) continue;
        int err =
            kith_frame_decode(job->pulled[i].frame, learner->config.arch.params, learner->decoded);
        kith_assert(err == 0);
        kith_model_set_weights(learner->peer, learner->decoded);
        kith_model_probabilities(learner->peer, rows, 1, learner->probabilities);
        for (size_t j = 0; j < numbers; j++)
            learner->target[j] += weight * learner->probabilities[j];
        weights += weight;
    }
    double sum = 0;
    for (uint32_t i = 0; i < rows->count; i++) {
        uint8_t label = learner->config.task->train.labels[rows->indices[i]];
        sum += kith_cross_entropy(learner->target[(size_t)i * classes + label] / weights);
    }
    return (float)(sum / rows->count);
}

static uint32_t pulled_well(const struct kith_job *job)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < job->pulled_count; i++)
        count += job->pulled[i].err == 0;
    return count;
}

/* The next rows of the pool, in turns; fewer than a batch at its end. */
static struct kith_rows next_pool_rows(const struct kith_learner *learner, uint32_t *cursor)
{
    const struct kith_pool *pool = &learner->pool;
    if (*cursor >= pool->count) *cursor = 0;
    uint32_t left = pool->count - *cursor;
    uint32_t count = left < learner->config.batch ? left : learner->config.batch;
    return (struct kith_rows){.images = learner->config.task->train.images,
                              .indices = count > 0 ? pool->positions + *cursor : NULL,
                              .count = count};
}

/* The batch that begins at this position of the epoch; empty at its end. */
static struct kith_rows own_rows(const struct kith_learner *learner, uint32_t position)
{
    uint32_t left = learner->config.shard_count - position;
    return (struct kith_rows){.images = learner->config.task->train.images,
                              .indices = learner->order + position,
                              .count = left < learner->config.batch ? left : learner->config.batch};
}

/* One optimiser step on the next batch; `cursor` walks the pool of soft labels. */
static void train_batch(struct kith_job *job, uint32_t *cursor, float *distillation_loss)
{
    struct kith_learner *learner = job->learner;
    const struct kith_learner_config *config = &learner->config;
    struct kith_rows kd_rows = next_pool_rows(learner, cursor);
    size_t kd_at = (size_t)*cursor * learner->pool.classes;
    struct kith_step step = {
        .rows = own_rows(learner, learner->position),
        .labels = config->task->train.labels,
        .kd_rows = kd_rows,
        .kd_targets = kd_rows.count > 0 ? learner->pool.targets + kd_at : NULL,
        .kd_lambda = config->kd_lambda,
        .kd_temperature = config->kd_temperature,
        .rate = config->rate * job->rate,
        .momentum = config->momentum,
        .optim = config->optim,
    };
    step.next = own_rows(learner, learner->position + step.rows.count);
    bool line = learner->position / config->batch % KITH_LINE_BATCHES == 0 &&
                job->line_count < KITH_JOB_LINES_MAX;
    bool heard = line && pulled_well(job) > 0;
    float target = heard ? target_loss(job, &step.rows) : 0;

    struct kith_step_losses losses;
    kith_model_step(learner->model, &step, &losses);
    if (step.kd_rows.count > 0) *distillation_loss = losses.kd;
    if (line)
        job->lines[job->line_count++] = (struct kith_job_line){
            .epoch = learner->epoch,
            .seen = learner->position,
            .local_loss = losses.ce,
            .target_loss = heard ? target : losses.ce,
            .distillation_loss = *distillation_loss,
        };
    *cursor += step.kd_rows.count;
    learner->position += step.rows.count;
}

/* Average cross-entropy and correct count over the whole test set; nothing if cancelled midway. */
static void test(struct kith_job *job)
{
    struct kith_learner *learner = job->learner;
    const struct kith_dataset *set = &learner->config.task->test;
    uint32_t classes = set->classes;
    uint32_t correct = 0;
    double loss = 0;
    for (uint32_t done = 0; done < set->count; done += KITH_EVALUATE_ROWS) {
        if (cancelled(job)) return;
        uint32_t left = set->count - done;
        struct kith_rows rows = {.images = set->images,
                                 .indices = learner->test_order + done,
                                 .count = left < KITH_EVALUATE_ROWS ? left : KITH_EVALUATE_ROWS};
        kith_model_probabilities(learner->model, &rows, 1, learner->probabilities);
        for (uint32_t i = 0; i < rows.count; i++) {
            const float *p = learner->probabilities + (size_t)i * classes;
            uint32_t best = 0;
            for (uint32_t label = 1; label < classes; label++)
                if (p[label] > p[best]) best = label;
            uint8_t label = set->labels[done + i];
            loss += kith_cross_entropy(p[label]);
            correct += best == label;
        }
    }
    if (set->count == 0) return;
    job->tested = true;
    job->test_epoch = learner->epoch;
    job->test_loss = (float)(loss / set->count);
    job->test_correct = correct;
    job->test_count = set->count;
}

static uint32_t batches_of(uint32_t samples, uint32_t batch)
{
    return samples / batch + (samples % batch != 0);
}

/* Whether the epoch that ends now, with so many steps of the round left, is tested: the last of a
 * round, and not too soon after the one before. */
static bool is_looked_at(const struct kith_learner *learner, uint32_t left)
{
    uint32_t per_epoch = batches_of(learner->config.shard_count, learner->config.batch);
    return left - 1 < per_epoch && learner->unseen >= learner->config.look_every;
}

/* H steps. A tiny shard may end several epochs in one round. Returns whether one was tested. */
static bool local_steps(struct kith_job *job)
{
    struct kith_learner *learner = job->learner;
    const struct kith_learner_config *config = &learner->config;
    uint32_t cursor = 0;
    float distillation_loss = 0;
    bool looked = false;
    uint32_t left = config->local_steps;
    for (; left > 0 && !cancelled(job); left--) {
        train_batch(job, &cursor, &distillation_loss);
        if (learner->position < config->shard_count) continue;
        learner->unseen += config->shard_count;
        if (is_looked_at(learner, left)) {
            looked = true;
            learner->unseen = 0;
            test(job);
        }
        learner->epoch++;
        learner->position = 0;
        kith_learner_order(learner);
    }
    learner->length += config->rate * job->rate * (float)(config->local_steps - left);
    return looked;
}

static bool undo_divergence(struct kith_learner *learner)
{
    size_t params = learner->config.arch.params;
    if (kith_model_is_finite(learner->model)) return false;
    kith_learner_mixed(learner, learner->plain);
    memset(learner->sum, 0, params * sizeof *learner->sum);
    kith_model_set_weights(learner->model, learner->plain);
    kith_model_set_momentum(learner->model, learner->sum);
    if (learner->config.optim == KITH_OPTIM_ADAM)
        kith_model_set_moments(learner->model, learner->sum, 0);
    return true;
}

static void publish_frame(struct kith_job *job)
{
    struct kith_learner *learner = job->learner;
    const struct kith_learner_config *config = &learner->config;
    struct kith_rng rng;
    kith_rng_split(&rng, config->seed, "rounding", job->round);
    kith_model_get_weights(learner->model, learner->plain);
    kith_frame_encode(job->wire, learner->plain, config->arch.params, kith_rng_u64(&rng),
                      learner->frame);
    job->frame =
        (struct kith_bytes){learner->frame, kith_frame_size(job->wire, config->arch.params)};
}

static void publish_labels(struct kith_job *job)
{
    struct kith_learner *learner = job->learner;
    const struct kith_task *task = learner->config.task;
    uint32_t batch[KITH_PUBLIC_BATCH];
    uint32_t count = kith_public_batch(&task->swarm, job->round, task->public_count, batch);
    for (uint32_t i = 0; i < count; i++)
        batch[i] = task->public_indices[batch[i]];
    struct kith_rows rows = {.images = task->train.images, .indices = batch, .count = count};
    if (count > 0)
        kith_model_probabilities(learner->model, &rows, learner->config.kd_temperature,
                                 learner->probabilities);
    uint32_t classes = task->train.classes;
    kith_labels_encode(learner->probabilities, count, classes, learner->labels);
    job->labels = (struct kith_bytes){learner->labels, kith_labels_size(count, classes)};
}

void kith_job_prepare(struct kith_job *job, struct kith_learner *learner, uint64_t round)
{
    memset(job, 0, sizeof *job);
    job->learner = learner;
    job->round = round;
    job->rate = 1;
    job->own_weight = 1;
    job->wire = learner->config.wire;
    job->want_frame = true;
    atomic_store(&job->cancel, false);
}

void kith_job_run(struct kith_job *job)
{
    struct kith_learner *learner = job->learner;
    job->frame = job->labels = job->checkpoint = (struct kith_bytes){NULL, 0};
    job->line_count = 0;
    job->tested = job->diverged = false;

    mix(job);
    bool looked = false;
    if (!job->mix_only) {
        hear_teachers(job);
        looked = local_steps(job);
        job->diverged = undo_divergence(learner);
    }
    if (job->want_frame) publish_frame(job);
    if (job->want_labels) publish_labels(job);
    if (job->want_checkpoint || looked)
        job->checkpoint = kith_learner_checkpoint(learner, job->round + 1);
}

/* Forward is 2 flops a multiply-add of a row, forward and backward and update 6; Adam's move about
 * 16 a weight and step. */
uint64_t kith_job_cost(const struct kith_job *job)
{
    const struct kith_learner *learner = job->learner;
    const struct kith_learner_config *config = &learner->config;
    uint64_t params = config->arch.params, products = config->arch.products;
    uint64_t flops = params * (4 + 10 * (uint64_t)job->pulled_count); /* mix, encode */
    if (kith_audit_is_due(job))
        flops += 4 * products * KITH_AUDIT_BATCH * (uint64_t)job->pulled_count;
    if (job->want_labels) flops += 2 * products * KITH_PUBLIC_BATCH;
    if (job->mix_only) return flops;

    uint64_t rows = (uint64_t)config->local_steps * config->batch;
    flops += 6 * products * rows * (job->teacher_count > 0 ? 2 : 1);
    if (config->optim == KITH_OPTIM_ADAM) flops += 16 * params * config->local_steps;
    if (job->pulled_count > 0)
        flops += 2 * products * (1 + job->pulled_count) * (rows / KITH_LINE_BATCHES);
    uint32_t left = config->shard_count - learner->position;
    bool is_seen = learner->unseen + config->shard_count >= config->look_every;
    if (is_seen && batches_of(left, config->batch) <= config->local_steps)
        flops += 2 * products * config->task->test.count;
    return flops;
}
