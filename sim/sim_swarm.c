#include "sim/sim_swarm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"

enum {
    SYNTHETIC_TRAIN = 4000,
    SYNTHETIC_TEST = 1000,
    SYNTHETIC_PUBLIC = 400,
};

static void world_seed(const struct kith_sim_run_config *config, uint8_t ret[static KITH_SEED_LEN])
{
    struct kith_hash hash;
    kith_hash_init(&hash);
    kith_hash_add(&hash, "kith/sim/seed", 14);
    kith_hash_add_u64(&hash, config->seed);
    memcpy(ret, kith_hash_end(&hash).bytes, KITH_SEED_LEN);
}

void kith_swarm_world_config(const struct kith_sim_run_config *config,
                             struct kith_world_config *ret)
{
    kith_world_config_default(ret);
    ret->nodes = config->nodes;
    world_seed(config, ret->seed);
    ret->net.latency_us = (uint32_t)(config->latency_ms * 1000);
    ret->net.bytes_per_s = (uint64_t)(config->bandwidth_mbps * 1e6 / 8);
    ret->net.loss = config->loss;
    ret->threads = config->threads;
    ret->flops = config->gflops * 1e9;
    ret->real_signatures = config->real_signatures;
    ret->blank_disks = config->restart_after_s <= 0;
    ret->check_every = config->nodes <= 64 ? 1 : config->nodes;
}

/* --- the task --- */

static int make_synthetic(struct kith_swarm *swarm)
{
    uint8_t seed[KITH_SEED_LEN];
    world_seed(swarm->config, seed);
    swarm->rules.inputs = KITH_SIM_SYNTHETIC_INPUTS;
    swarm->rules.classes = KITH_SIM_SYNTHETIC_CLASSES;
    swarm->rules.public_count = SYNTHETIC_PUBLIC;
    uint32_t count = SYNTHETIC_TRAIN;
    uint32_t wanted = SYNTHETIC_PUBLIC + swarm->config->nodes * KITH_NODE_ROWS_MIN;
    if (count < wanted) count = wanted;
    int err = kith_dataset_synthetic(seed, 0, count, swarm->rules.inputs, swarm->rules.classes,
                                     &swarm->synthetic_train);
    if (err) return err;
    swarm->task.train = swarm->synthetic_train;
    err = kith_dataset_synthetic(seed, 1, SYNTHETIC_TEST, swarm->rules.inputs, swarm->rules.classes,
                                 &swarm->synthetic_test);
    swarm->test = swarm->synthetic_test;
    return err;
}

static int make_task(struct kith_swarm *swarm)
{
    const struct kith_sim_run_config *config = swarm->config;
    swarm->rules = config->node.rules;
    if (!config->node.learns) return 0;
    if (config->train) {
        swarm->task.train = *config->train;
        swarm->test = *config->test;
    } else {
        int err = make_synthetic(swarm);
        if (err) return err;
    }
    swarm->task.swarm = kith_rules_id(&swarm->rules);
    swarm->task.test = swarm->test;
    if (swarm->task.test.count > KITH_SIM_TEST_ROWS) swarm->task.test.count = KITH_SIM_TEST_ROWS;
    return 0;
}

/* Nodes with the same classes share all the data of these classes out among themselves. */
static uint32_t set_count(const struct kith_swarm *swarm)
{
    uint32_t count = swarm->config->class_set_count;
    return count > 0 ? count : 1;
}

static int deal_shards(struct kith_swarm *swarm, const uint32_t *owners, char *ret_error)
{
    const struct kith_sim_run_config *config = swarm->config;
    const struct kith_dataset *train = &swarm->task.train;
    uint32_t sets = set_count(swarm), used = 0;
    size_t room = (size_t)train->count * (sets + 1);
    swarm->rows = malloc(room * sizeof *swarm->rows);
    swarm->first_row = calloc(config->nodes + 1, sizeof *swarm->first_row);
    if (!swarm->rows || !swarm->first_row) return KITH_ERR_NOMEM;
    for (uint32_t i = 0; i < config->nodes; i++) {
        const struct kith_class_set *classes =
            config->class_set_count > 0 ? &config->class_set[i % sets] : NULL;
        uint32_t count = kith_split_rows(train, owners, i / sets, classes, swarm->rows + used);
        if (count == 0) {
            snprintf(ret_error, KITH_SIM_SWARM_TEXT_MAX, "node %u would have no data", i);
            return KITH_ERR_RANGE;
        }
        used += count;
        swarm->first_row[i + 1] = used;
    }
    return 0;
}

static int split(struct kith_swarm *swarm, char *ret_error)
{
    if (!swarm->config->node.learns) return 0;
    const struct kith_dataset *train = &swarm->task.train;
    uint32_t sets = set_count(swarm);
    struct kith_split_config config = {
        .partition = swarm->config->partition,
        .seed = swarm->rules.seed,
        .public_count = swarm->rules.public_count,
        .nodes = (swarm->config->nodes + sets - 1) / sets,
    };
    uint32_t *owners = calloc(train->count, sizeof *owners);
    swarm->public_indices = calloc(train->count, sizeof *swarm->public_indices);
    int err = owners && swarm->public_indices ? 0 : KITH_ERR_NOMEM;
    if (!err) err = kith_split_owners(&config, train, owners);
    if (err == KITH_ERR_RANGE)
        snprintf(ret_error, KITH_SIM_SWARM_TEXT_MAX, "%u samples are too few for %u nodes",
                 train->count, swarm->config->nodes);
    if (!err) {
        swarm->task.public_indices = swarm->public_indices;
        swarm->task.public_count =
            kith_split_rows(train, owners, KITH_OWNER_PUBLIC, NULL, swarm->public_indices);
        err = deal_shards(swarm, owners, ret_error);
    }
    free(owners);
    return err;
}

static int parse_models(struct kith_swarm *swarm, char *ret_error)
{
    for (uint32_t i = 0; i < swarm->config->model_count; i++) {
        int err = kith_arch_parse(swarm->config->model[i], swarm->rules.inputs,
                                  swarm->rules.classes, swarm->rules.params_max, &swarm->arch[i]);
        if (!err) continue;
        snprintf(ret_error, KITH_SIM_SWARM_TEXT_MAX, "model %s: %s", swarm->config->model[i],
                 kith_err_text(err));
        return err;
    }
    return 0;
}

/* --- nodes --- */

const struct kith_arch *kith_swarm_arch(const struct kith_swarm *swarm, uint32_t node)
{
    return &swarm->arch[node % swarm->config->model_count];
}

uint32_t kith_swarm_samples(const struct kith_swarm *swarm, uint32_t node)
{
    if (!swarm->first_row) return 0;
    return swarm->first_row[node + 1] - swarm->first_row[node];
}

static void give_learner(const struct kith_swarm *swarm, uint32_t node, struct kith_config *own)
{
    struct kith_rng rng;
    uint8_t seed[KITH_SEED_LEN];
    own->learner.task = &swarm->task;
    own->learner.arch = *kith_swarm_arch(swarm, node);
    own->learner.shard = swarm->rows + swarm->first_row[node];
    own->learner.shard_count = kith_swarm_samples(swarm, node);
    own->learner.init_seed = swarm->rules.seed;
    world_seed(swarm->config, seed);
    kith_rng_split(&rng, seed, "learner", node);
    kith_rng_fill(&rng, own->learner.seed, KITH_SEED_LEN);
}

static void configure(void *context, uint32_t node, struct kith_config *config)
{
    const struct kith_swarm *swarm = context;
    struct kith_config own = swarm->config->node;
    own.keypair = config->keypair;
    own.scheme = config->scheme;
    own.rules = swarm->rules;
    own.stay = true;
    own.rounds_max = swarm->config->rounds;
    if (own.learns) give_learner(swarm, node, &own);
    *config = own;
}

int kith_swarm_new(const struct kith_sim_run_config *config, struct kith_world_config *world,
                   struct kith_swarm **ret_swarm, char ret_error[static KITH_SIM_SWARM_TEXT_MAX])
{
    ret_error[0] = '\0';
    struct kith_swarm *swarm = calloc(1, sizeof *swarm);
    if (!swarm) return KITH_ERR_NOMEM;
    swarm->config = config;
    int err = make_task(swarm);
    if (!err) err = parse_models(swarm, ret_error);
    if (!err) err = split(swarm, ret_error);
    world->context = swarm;
    world->configure = configure;
    if (!err) err = kith_world_new(world, &swarm->world);
    if (!err) {
        *ret_swarm = swarm;
        return 0;
    }
    if (ret_error[0] == '\0')
        snprintf(ret_error, KITH_SIM_SWARM_TEXT_MAX, "%s", kith_err_text(err));
    kith_swarm_free(swarm);
    return err;
}

void kith_swarm_free(struct kith_swarm *swarm)
{
    if (!swarm) return;
    kith_world_free(swarm->world);
    kith_dataset_release(&swarm->synthetic_train);
    kith_dataset_release(&swarm->synthetic_test);
    free(swarm->public_indices);
    free(swarm->rows);
    free(swarm->first_row);
    free(swarm);
}
