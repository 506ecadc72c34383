#include "node/config.h"

#include <string.h>

#include "base/err.h"

void kith_config_default(struct kith_config *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->scheme = &kith_ed25519;
    kith_rules_default(&ret->rules);
    ret->learner.kernels = KITH_KERNELS_EXACT;
    ret->learner.wire = KITH_WIRE_INT8;
    ret->learner.batch = 32;
    ret->learner.local_steps = 20;
    ret->learner.rate = 0.1f;
    ret->learner.momentum = 0.5f;
    ret->learner.optim = KITH_OPTIM_QG;
    ret->learner.kd_lambda = 1.0f;
    ret->learner.kd_temperature = 2.0f;
    ret->share = KITH_SHARE_WEIGHTS | KITH_SHARE_LABELS;
    ret->peers = true;
    ret->learns = true;
    ret->dht = true;
    ret->pull_count = 2;
    ret->teacher_count = 2;
    ret->peers_max = 128;
    ret->links_max = 64;
    ret->links_wanted = 8;
}

bool kith_config_has_learner(const struct kith_config *config)
{
    return config->learns && !config->observer;
}

static bool learner_is_complete(const struct kith_learner_config *learner)
{
    return learner->task && learner->shard && learner->shard_count > 0;
}

int kith_config_check(const struct kith_config *config, const char **ret_field)
{
    const struct kith_learner_config *learner = &config->learner;
    bool learns = kith_config_has_learner(config);
    int err = kith_rules_check(&config->rules, ret_field);
    if (err) return err;
    struct {
        const char *field;
        bool good;
    } rows[] = {
        {"scheme", config->scheme != NULL},
        {"learner", !learns || learner_is_complete(learner)},
        {"batch", !learns || (learner->batch >= 1 && learner->batch <= 4096)},
        {"steps", !learns || (learner->local_steps >= 1 && learner->local_steps <= 100000)},
        {"rate", !learns || (learner->rate > 0.0f && learner->rate <= 10.0f)},
        {"momentum", !learns || (learner->momentum >= 0.0f && learner->momentum < 1.0f)},
        {"share", config->share <= (KITH_SHARE_WEIGHTS | KITH_SHARE_LABELS)},
        {"pulls", config->pull_count >= 1 && config->pull_count <= KITH_PULL_MAX},
        {"teachers", config->teacher_count >= 1 && config->teacher_count <= KITH_TEACHERS_MAX},
        {"peers-max", config->peers_max >= 2 && config->peers_max <= 4096},
        {"links-max", config->links_max >= 2 && config->links_max <= 256},
        {"links-wanted", config->links_wanted >= 1 && config->links_wanted <= config->links_max},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].good) continue;
        *ret_field = rows[i].field;
        return KITH_ERR_RANGE;
    }
    return 0;
}
