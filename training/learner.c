#include "training/learner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/hash.h"

/* A checkpoint, little-endian: magic, swarm, class id, next round u64, epoch u32, position u32,
 * sum of the rates of the steps since the last mix f32, flags u32 (1: has_mixed; the optimizer
 * times 2), params u64, Adam's steps u64, then weights, momentum, the weights after the last mix
 * and Adam's second moments if it is the optimizer, [params] f32 each, and the BLAKE2b-256 of all
 * before. */
static const uint8_t checkpoint_magic[8] = {'k', 'i', 't', 'h', 'c', 'k', 'p', '3'};
enum {
    CHECKPOINT_HEAD = 8 + KITH_ID_LEN + KITH_ARCH_CLASS_LEN + 8 + 4 * 4 + 8 + 8,
    CHECKPOINT_VECTORS = 3,
    FLAG_HAS_MIXED = 1,
    FLAG_OPTIM_SHIFT = 1,
};

static size_t checkpoint_size(enum kith_optim optim, size_t params)
{
    size_t vectors = CHECKPOINT_VECTORS + (optim == KITH_OPTIM_ADAM);
    return CHECKPOINT_HEAD + vectors * sizeof(float) * params + KITH_ID_LEN;
}

/* A round may publish in a finer form than the configured one, but in none finer than int8. */
static size_t frame_room(enum kith_wire wire, size_t params)
{
    size_t own = kith_frame_size(wire, params);
    size_t fine = kith_frame_size(KITH_WIRE_INT8, params);
    return own > fine ? own : fine;
}

static uint32_t rows_of_pass(const struct kith_learner_config *config)
{
    return 2 * config->batch > KITH_EVALUATE_ROWS ? 2 * config->batch : KITH_EVALUATE_ROWS;
}

static bool allocate(struct kith_learner *learner)
{
    const struct kith_learner_config *config = &learner->config;
    const struct kith_task *task = config->task;
    size_t params = config->arch.params;
    uint32_t classes = task->train.classes;
    uint32_t rows = rows_of_pass(config);
    bool pool = kith_pool_init(&learner->pool, task->public_count, classes) == 0;
    learner->model = kith_model_new(&config->arch, config->kernels, rows);
    learner->peer = kith_model_new(&config->arch, config->kernels, rows);
    if (learner->model)
        learner->mixed = malloc(kith_model_raw_floats(learner->model) * sizeof(float));
    learner->plain = malloc(params * sizeof(float));
    learner->decoded = malloc(params * sizeof(float));
    learner->sum = malloc(params * sizeof(float));
    learner->order = malloc(config->shard_count * sizeof(uint32_t));
    learner->test_order = malloc(task->test.count * sizeof(uint32_t) + 1);
    learner->probabilities = malloc((size_t)rows * classes * sizeof(float));
    learner->target = malloc((size_t)rows * classes * sizeof(float));
    learner->frame = malloc(frame_room(config->wire, params));
    learner->labels = malloc(kith_labels_size(KITH_PUBLIC_BATCH, classes));
    learner->checkpoint = malloc(checkpoint_size(config->optim, params));
    bool moments = config->optim != KITH_OPTIM_ADAM ||
                   (learner->model && kith_model_want_adam(learner->model));
    return pool && moments && learner->model && learner->peer && learner->mixed && learner->plain &&
           learner->decoded && learner->sum && learner->order && learner->test_order &&
           learner->probabilities && learner->target && learner->frame && learner->labels &&
           learner->checkpoint;
}

/* Uniform in +-1 / sqrt(inputs) for weights and biases alike. */
static void draw_weights(const struct kith_arch *arch, uint64_t init_seed, float *ret)
{
    uint8_t seed[KITH_SEED_LEN] = {0};
    for (int i = 0; i < 8; i++)
        seed[i] = (uint8_t)(init_seed >> (8 * i));
    for (uint32_t layer = 0; layer < arch->layers; layer++) {
        struct kith_rng rng;
        kith_rng_split(&rng, seed, "first weights", layer);
        double bound = 1 / sqrt((double)kith_arch_rows(arch, layer));
        size_t count = ((size_t)kith_arch_rows(arch, layer) + 1) * kith_arch_columns(arch, layer);
        for (size_t i = 0; i < count; i++)
            *ret++ = (float)((2 * kith_rng_unit(&rng) - 1) * bound);
    }
}

float *kith_learner_alloc_bench(const struct kith_learner *learner, size_t models)
{
    return malloc(models * learner->config.arch.params * sizeof(float));
}

void kith_learner_order(struct kith_learner *learner)
{
    const struct kith_learner_config *config = &learner->config;
    struct kith_rng rng;
    kith_rng_split(&rng, config->seed, "order of samples", learner->epoch);
    memcpy(learner->order, config->shard, config->shard_count * sizeof *learner->order);
    for (uint32_t i = config->shard_count; i > 1; i--) {
        uint32_t j = kith_rng_below(&rng, i);
        uint32_t swapped = learner->order[i - 1];
        learner->order[i - 1] = learner->order[j];
        learner->order[j] = swapped;
    }
}

/* Heavy ball sums steps, quasi-global momentum adds the last movement to each, and Adam's are of a
 * length of their own, whatever the gradient's. */
void kith_learner_suit(struct kith_learner_config *config)
{
    static const float rates[] = {
        [KITH_OPTIM_SGD] = 0.03f, [KITH_OPTIM_QG] = 0.1f, [KITH_OPTIM_ADAM] = 0.001f};
    config->rate = rates[config->optim];
    config->momentum = config->optim == KITH_OPTIM_QG ? 0.5f : 0.9f;
}

struct kith_learner *kith_learner_new(const struct kith_learner_config *config)
{
    kith_assert(config->shard_count > 0);
    kith_assert(config->batch > 0);
    kith_assert(config->rate > 0);
    kith_assert(config->task->public_count <= KITH_PUBLIC_MAX);
    kith_assert(config->arch.width[0] == config->task->train.inputs);
    kith_assert(config->arch.width[config->arch.layers] == config->task->train.classes);
    struct kith_learner *learner = calloc(1, sizeof *learner);
    if (!learner) return NULL;
    learner->config = *config;
    if (!allocate(learner)) {
        kith_learner_free(learner);
        return NULL;
    }
    for (uint32_t i = 0; i < config->task->test.count; i++)
        learner->test_order[i] = i;
    draw_weights(&config->arch, config->init_seed, learner->plain);
    kith_model_set_weights(learner->model, learner->plain);
    kith_model_raw_weights(learner->model, learner->mixed);
    kith_learner_order(learner);
    return learner;
}

void kith_learner_free(struct kith_learner *learner)
{
    if (!learner) return;
    kith_model_free(learner->model);
    kith_model_free(learner->peer);
    kith_pool_release(&learner->pool);
    free(learner->mixed);
    free(learner->plain);
    free(learner->decoded);
    free(learner->sum);
    free(learner->order);
    free(learner->test_order);
    free(learner->probabilities);
    free(learner->target);
    free(learner->frame);
    free(learner->labels);
    free(learner->checkpoint);
    free(learner);
}

size_t kith_learner_memory(const struct kith_learner *learner)
{
    const struct kith_learner_config *config = &learner->config;
    const struct kith_task *task = config->task;
    size_t params = config->arch.params;
    uint32_t classes = task->train.classes;
    size_t floats = 3 * params + kith_model_raw_floats(learner->model) +
                    2 * (size_t)rows_of_pass(config) * classes;
    size_t bytes = sizeof *learner + floats * sizeof(float);
    bytes += kith_model_memory(learner->model) + kith_model_memory(learner->peer);
    bytes += kith_pool_memory(&learner->pool);
    bytes += (config->shard_count + (size_t)task->test.count) * sizeof(uint32_t);
    bytes += frame_room(config->wire, params) + kith_labels_size(KITH_PUBLIC_BATCH, classes);
    return bytes + checkpoint_size(config->optim, params);
}

size_t kith_learner_params(const struct kith_learner *learner)
{
    return learner->config.arch.params;
}

void kith_learner_mixed(const struct kith_learner *learner, float *ret)
{
    kith_model_raw_plain(learner->model, learner->mixed, ret);
}

void kith_learner_set_weights(struct kith_learner *learner, const float *weights)
{
    kith_model_set_weights(learner->model, weights);
}

void kith_learner_weights(const struct kith_learner *learner, float *ret)
{
    kith_model_get_weights(learner->model, ret);
}

static void write_floats(struct kith_writer *writer, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        kith_write_f32(writer, x[i]);
}

struct kith_bytes kith_learner_checkpoint(struct kith_learner *learner, uint64_t round)
{
    const struct kith_learner_config *config = &learner->config;
    size_t params = config->arch.params;
    bool by_adam = config->optim == KITH_OPTIM_ADAM;
    size_t size = checkpoint_size(config->optim, params);
    struct kith_writer writer = kith_writer_into(learner->checkpoint, size);
    kith_write_raw(&writer, checkpoint_magic, sizeof checkpoint_magic);
    kith_write_raw(&writer, config->task->swarm.bytes, KITH_ID_LEN);
    kith_write_raw(&writer, config->arch.class_id, KITH_ARCH_CLASS_LEN);
    kith_write_u64(&writer, round);
    kith_write_u32(&writer, learner->epoch);
    kith_write_u32(&writer, learner->position);
    kith_write_f32(&writer, learner->length);
    kith_write_u32(&writer, (learner->has_mixed ? FLAG_HAS_MIXED : 0) | (uint32_t)config->optim
                                                                            << FLAG_OPTIM_SHIFT);
    kith_write_u64(&writer, params);
    kith_write_u64(&writer, by_adam ? kith_model_get_moments(learner->model, learner->decoded) : 0);
    kith_model_get_weights(learner->model, learner->plain);
    kith_model_get_momentum(learner->model, learner->sum);
    write_floats(&writer, learner->plain, params);
    write_floats(&writer, learner->sum, params);
    kith_learner_mixed(learner, learner->plain);
    write_floats(&writer, learner->plain, params);
    if (by_adam) write_floats(&writer, learner->decoded, params);
    struct kith_id hash = kith_hash_of("kith/checkpoint/1", kith_written(&writer));
    kith_write_raw(&writer, hash.bytes, KITH_ID_LEN);
    kith_assert(!writer.failed);
    return kith_written(&writer);
}

struct checkpoint {
    uint64_t round;
    uint32_t epoch;
    uint32_t position;
    float length;
    bool has_mixed;
    enum kith_optim optim;
    uint64_t adam_steps;
};

static int read_head(const struct kith_learner *learner, struct kith_reader *reader,
                     struct checkpoint *ret)
{
    const struct kith_learner_config *config = &learner->config;
    uint8_t magic[sizeof checkpoint_magic];
    uint8_t class_id[KITH_ARCH_CLASS_LEN];
    struct kith_id swarm;
    kith_read_raw(reader, magic, sizeof magic);
    kith_read_raw(reader, swarm.bytes, sizeof swarm.bytes);
    kith_read_raw(reader, class_id, sizeof class_id);
    ret->round = kith_read_u64(reader);
    ret->epoch = kith_read_u32(reader);
    ret->position = kith_read_u32(reader);
    ret->length = kith_read_f32(reader);
    uint32_t flags = kith_read_u32(reader);
    uint64_t params = kith_read_u64(reader);
    ret->adam_steps = kith_read_u64(reader);
    ret->has_mixed = flags & FLAG_HAS_MIXED;
    ret->optim = flags >> FLAG_OPTIM_SHIFT;
    if (reader->failed) return KITH_ERR_TRUNCATED;
    if (memcmp(magic, checkpoint_magic, sizeof magic) != 0) return KITH_ERR_VERSION;
    if (!kith_id_eq(&swarm, &config->task->swarm)) return KITH_ERR_SWARM;
    if (memcmp(class_id, config->arch.class_id, sizeof class_id) != 0) return KITH_ERR_SHAPE;
    if (params != config->arch.params) return KITH_ERR_SHAPE;
    if (flags >> FLAG_OPTIM_SHIFT > KITH_OPTIM_ADAM) return KITH_ERR_VERSION;
    if (!(ret->length >= 0 && isfinite(ret->length))) return KITH_ERR_NOT_FINITE;
    return 0;
}

static bool hash_matches(struct kith_bytes checkpoint)
{
    struct kith_bytes hashed = {checkpoint.at, checkpoint.len - KITH_ID_LEN};
    struct kith_id hash = kith_hash_of("kith/checkpoint/1", hashed);
    return memcmp(hash.bytes, checkpoint.at + hashed.len, KITH_ID_LEN) == 0;
}

static bool read_floats(struct kith_reader *reader, float *ret, size_t count)
{
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        ret[i] = kith_read_f32(reader);
        finite = finite && isfinite(ret[i]);
    }
    return finite;
}

/* What is read lands in scratch first: the learner changes only when all of it is sound. */
int kith_learner_restore(struct kith_learner *learner, struct kith_bytes checkpoint,
                         uint64_t *ret_round)
{
    const struct kith_learner_config *config = &learner->config;
    size_t params = config->arch.params;
    struct kith_reader reader = kith_reader_of(checkpoint);
    struct checkpoint head;
    int err = read_head(learner, &reader, &head);
    if (err) return err;
    size_t size = checkpoint_size(head.optim, params);
    if (checkpoint.len < size) return KITH_ERR_TRUNCATED;
    if (checkpoint.len > size) return KITH_ERR_TRAILING;
    if (!hash_matches(checkpoint)) return KITH_ERR_HASH;
    bool finite = read_floats(&reader, learner->plain, params);
    finite = read_floats(&reader, learner->sum, params) && finite;
    finite = read_floats(&reader, learner->decoded, params) && finite;
    struct kith_reader moments = reader;
    for (size_t i = 0; head.optim == KITH_OPTIM_ADAM && i < params; i++) {
        float moment = kith_read_f32(&reader);
        finite = finite && isfinite(moment) && moment >= 0;
    }
    if (!finite) return KITH_ERR_NOT_FINITE;

    kith_model_set_weights(learner->model, learner->decoded);
    kith_model_raw_weights(learner->model, learner->mixed);
    kith_model_set_weights(learner->model, learner->plain);
    /* What another optimizer gathered is of no use to this one. */
    if (head.optim != config->optim) memset(learner->sum, 0, params * sizeof *learner->sum);
    kith_model_set_momentum(learner->model, learner->sum);
    if (config->optim == KITH_OPTIM_ADAM) {
        bool goes_on = head.optim == KITH_OPTIM_ADAM;
        memset(learner->decoded, 0, params * sizeof *learner->decoded);
        if (goes_on) read_floats(&moments, learner->decoded, params);
        kith_model_set_moments(learner->model, learner->decoded, goes_on ? head.adam_steps : 0);
    }
    learner->has_mixed = head.has_mixed;
    learner->length = head.length;
    learner->epoch = head.epoch;
    /* The shard or the batch may be another one than when the checkpoint was made. */
    bool inside = head.position < config->shard_count;
    learner->position = inside ? head.position - head.position % config->batch : 0;
    kith_learner_order(learner);
    *ret_round = head.round;
    return 0;
}
