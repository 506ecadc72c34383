#include "sim/sim_recruit.h"
#include "sim/sim_split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"

enum {
    SYNTHETIC_TRAIN = 4000,
    SYNTHETIC_TEST = 1000,
    SYNTHETIC_PUBLIC = 400,
    SYNTHETIC_AUDIT = 200,
};

void kith_swarm_seed(const struct kith_sim_run_config *config, uint8_t ret[static KITH_SEED_LEN])
{
    struct kith_hash hash;
    kith_hash_init(&hash);
    kith_hash_add(&hash, "kith/sim/seed", 14);
    kith_hash_add_u64(&hash, config->scenario.seed);
    memcpy(ret, kith_hash_end(&hash).bytes, KITH_SEED_LEN);
}

void kith_swarm_world_config(const struct kith_sim_run_config *config,
                             struct kith_world_config *ret)
{
    const struct kith_scenario *scenario = &config->scenario;
    kith_world_config_default(ret);
    ret->nodes = config->scenario.nodes;
    kith_swarm_seed(config, ret->seed);
    ret->net.latency = scenario->latency;
    ret->net.latency_sigma = scenario->latency_sigma;
    ret->net.latency_us = (uint32_t)(scenario->latency_ms * 1000);
    ret->net.bytes_per_s = (uint64_t)(scenario->all.bandwidth_mbps * 1e6 / 8);
    ret->net.loss = scenario->loss;
    ret->net.cuts_per_hour = scenario->cuts_per_hour;
    ret->dht = scenario->dht;
    if (ret->dht.values_max < 4 * scenario->nodes) ret->dht.values_max = 4 * scenario->nodes;
    ret->threads = config->threads;
    ret->flops = scenario->all.gflops * 1e9;
    ret->real_signatures = scenario->real_signatures;
    ret->blank_disks = !kith_scenario_restarts(scenario);
    ret->check_every = config->scenario.nodes <= 64 ? 1 : config->scenario.nodes;
}

/* --- the task --- */

static int make_synthetic(struct kith_swarm *swarm)
{
    uint8_t seed[KITH_SEED_LEN];
    kith_swarm_seed(swarm->config, seed);
    swarm->rules.inputs = KITH_SIM_SYNTHETIC_INPUTS;
    swarm->rules.classes = KITH_SIM_SYNTHETIC_CLASSES;
    swarm->rules.public_count = SYNTHETIC_PUBLIC;
    swarm->rules.audit_count = SYNTHETIC_AUDIT;
    uint32_t count = SYNTHETIC_TRAIN;
    uint32_t wanted =
        SYNTHETIC_PUBLIC + SYNTHETIC_AUDIT + swarm->config->scenario.nodes * KITH_NODE_ROWS_MIN;
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
    swarm->rules = config->scenario.all.node.rules;
    if (!config->scenario.all.node.learns) return 0;
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

static bool is_used(const struct kith_scenario *scenario, uint32_t model)
{
    for (uint32_t i = 0; i <= scenario->group_count; i++) {
        const struct kith_scenario_group *group = &scenario->group[i];
        if (i == scenario->group_count) group = &scenario->all;
        if (i == scenario->group_count && i > 0) return false; /* nobody is of `all` */
        if (model >= group->model_first && model < group->model_first + group->model_count)
            return true;
    }
    return false;
}

static int parse_models(struct kith_swarm *swarm, char *ret_error)
{
    const struct kith_scenario *scenario = &swarm->config->scenario;
    for (uint32_t i = 0; i < scenario->model_count; i++) {
        if (!is_used(scenario, i)) continue;
        int err = kith_arch_parse(scenario->model[i], swarm->rules.inputs, swarm->rules.classes,
                                  swarm->rules.params_max, &swarm->arch[i]);
        if (!err && !kith_rules_allow(&swarm->rules, swarm->arch[i].text)) err = KITH_ERR_INVALID;
        if (!err) continue;
        snprintf(ret_error, KITH_SIM_SWARM_TEXT_MAX, "model %s: %s", scenario->model[i],
                 kith_err_text(err));
        return err;
    }
    return 0;
}

/* --- nodes --- */

const struct kith_arch *kith_swarm_arch(const struct kith_swarm *swarm, uint32_t node)
{
    uint32_t place;
    const struct kith_scenario_group *group =
        kith_scenario_of(&swarm->config->scenario, node, &place);
    return &swarm->arch[group->model_first + place % group->model_count];
}

uint32_t kith_swarm_samples(const struct kith_swarm *swarm, uint32_t node)
{
    if (!swarm->first_row) return 0;
    return swarm->first_row[node + 1] - swarm->first_row[node];
}

void kith_swarm_learner_config(const struct kith_swarm *swarm, uint32_t node,
                               struct kith_learner_config *ret)
{
    struct kith_rng rng;
    uint8_t seed[KITH_SEED_LEN];
    uint32_t place;
    *ret = kith_scenario_of(&swarm->config->scenario, node, &place)->node.learner;
    ret->task = kith_swarm_task(swarm, node);
    ret->arch = *kith_swarm_arch(swarm, node);
    ret->shard = swarm->rows + swarm->first_row[node];
    ret->shard_count = kith_swarm_samples(swarm, node);
    ret->look_every = KITH_SIM_TEST_ROWS;
    ret->init_seed = swarm->rules.seed;
    kith_swarm_seed(swarm->config, seed);
    kith_rng_split(&rng, seed, "learner", node);
    kith_rng_fill(&rng, ret->seed, KITH_SEED_LEN);
}

static void configure(void *context, uint32_t node, struct kith_config *config)
{
    const struct kith_swarm *swarm = context;
    uint32_t place;
    struct kith_config own = kith_scenario_of(&swarm->config->scenario, node, &place)->node;
    own.keypair = config->keypair;
    own.scheme = config->scheme;
    own.rules = swarm->rules;
    own.stay = true;
    own.learns = swarm->config->scenario.all.node.learns;
    own.rounds_max = swarm->config->scenario.rounds;
    if (own.learns) kith_swarm_learner_config(swarm, node, &own.learner);
    *config = own;
}

static uint32_t bootstrap(void *context, uint32_t node,
                          uint32_t ret[static KITH_WORLD_BOOTSTRAP_MAX])
{
    const struct kith_swarm *swarm = context;
    const struct kith_scenario *scenario = &swarm->config->scenario;
    struct kith_rng rng;
    uint8_t seed[KITH_SEED_LEN];
    uint32_t place, nodes = scenario->nodes;
    ret[0] = 0;
    switch (kith_scenario_of(scenario, node, &place)->bootstrap) {
    case KITH_BOOTSTRAP_FIRST:
        return node != 0;
    case KITH_BOOTSTRAP_PREVIOUS:
        ret[0] = (node + nodes - 1) % nodes;
        return nodes > 1;
    case KITH_BOOTSTRAP_RANDOM:
        kith_swarm_seed(swarm->config, seed);
        kith_rng_split(&rng, seed, "bootstrap", node);
        if (nodes > 1) ret[0] = (node + 1 + kith_rng_below(&rng, nodes - 1)) % nodes;
        return nodes > 1;
    case KITH_BOOTSTRAP_NONE:
        break;
    }
    return 0;
}

/* Error `err`, in words if there are none yet. */
static int fail(struct kith_swarm *swarm, int err, char *ret_error)
{
    if (ret_error[0] == '\0')
        snprintf(ret_error, KITH_SIM_SWARM_TEXT_MAX, "%s", kith_err_text(err));
    kith_swarm_free(swarm);
    return err;
}

int kith_swarm_prepare(const struct kith_sim_run_config *config, struct kith_swarm **ret_swarm,
                       char ret_error[static KITH_SIM_SWARM_TEXT_MAX])
{
    ret_error[0] = '\0';
    struct kith_swarm *swarm = calloc(1, sizeof *swarm);
    if (!swarm) return KITH_ERR_NOMEM;
    swarm->config = config;
    int err = make_task(swarm);
    if (!err) err = parse_models(swarm, ret_error);
    if (!err) err = kith_swarm_split(swarm, ret_error);
    if (err) return fail(swarm, err, ret_error);
    *ret_swarm = swarm;
    return 0;
}

int kith_swarm_new(const struct kith_sim_run_config *config, struct kith_world_config *world,
                   struct kith_swarm **ret_swarm, char ret_error[static KITH_SIM_SWARM_TEXT_MAX])
{
    struct kith_swarm *swarm;
    int err = kith_swarm_prepare(config, &swarm, ret_error);
    if (err) return err;
    world->context = swarm;
    world->configure = configure;
    if (!world->bootstrap) {
        world->bootstrap = bootstrap;
        world->bootstrap_context = swarm;
    }
    err = kith_swarm_recruit(swarm, world);
    if (!err) err = kith_world_new(world, &swarm->world);
    if (err) return fail(swarm, err, ret_error);
    if (swarm->gang) kith_gang_attach(swarm->gang, swarm->world);
    *ret_swarm = swarm;
    return 0;
}

void kith_swarm_free(struct kith_swarm *swarm)
{
    if (!swarm) return;
    kith_world_free(swarm->world);
    kith_swarm_dismiss(swarm);
    kith_dataset_release(&swarm->synthetic_train);
    kith_dataset_release(&swarm->synthetic_test);
    free(swarm->public_indices);
    free(swarm->rows);
    free(swarm->first_row);
    free(swarm);
}
