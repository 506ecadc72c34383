#include "tools/learning.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "host/conf_file.h"
#include "host/dataset_file.h"
#include "tools/values.h"
#include "training/distill.h"

#define HIDDEN_DEFAULT "mlp:256,128"

static void synthetic_rules(struct kith_rules *rules)
{
    strcpy(rules->name, "synthetic");
    rules->inputs = KITH_SYNTHETIC_INPUTS;
    rules->classes = KITH_SYNTHETIC_CLASSES;
    rules->public_count = KITH_SYNTHETIC_PUBLIC;
    rules->audit_count = KITH_SYNTHETIC_AUDIT;
}

static int one_of_them(const struct kith_args *args, const char *other,
                       char ret_error[static KITH_LEARNING_ERROR_MAX])
{
    snprintf(ret_error, KITH_LEARNING_ERROR_MAX, "%s: --synthetic and --%s: give one of them",
             args->command->name, other);
    return KITH_EXIT_USAGE;
}

static int named_rules(const struct kith_args *args, struct kith_rules *ret,
                       char ret_error[static KITH_LEARNING_ERROR_MAX])
{
    char error[KITH_CONF_ERROR_MAX];
    const char *path = kith_args_text(args, "swarm");
    bool is_synthetic = kith_args_has(args, "synthetic");
    if (path && is_synthetic) return one_of_them(args, "swarm", ret_error);
    kith_rules_default(ret);
    if (is_synthetic) synthetic_rules(ret);
    if (!path || kith_conf_load(path, ret, error) == 0) return 0;
    snprintf(ret_error, KITH_LEARNING_ERROR_MAX, "%s: %s", args->command->name, error);
    return 1;
}

int kith_learning_pool(const struct kith_args *args, uint32_t pool, struct kith_rules *rules,
                       char ret_error[static KITH_LEARNING_ERROR_MAX])
{
    uint32_t inputs = rules->inputs * rules->pool * rules->pool;
    bool is_synthetic = kith_args_has(args, "synthetic");
    if (pool == rules->pool) return 0;
    if (pool > 0 && inputs % (pool * pool) == 0 && !is_synthetic) {
        rules->pool = pool;
        rules->inputs = inputs / (pool * pool);
        return 0;
    }
    snprintf(ret_error, KITH_LEARNING_ERROR_MAX,
             "%s: --pool: %u does not divide images of %u numbers into smaller ones",
             args->command->name, pool, inputs);
    return KITH_EXIT_USAGE;
}

int kith_learning_swarm(const struct kith_args *args, struct kith_rules *ret,
                        char ret_error[static KITH_LEARNING_ERROR_MAX])
{
    int status = named_rules(args, ret, ret_error);
    uint64_t rounds = kith_args_int(args, "budget");
    if (status) return status;
    if (rounds > 0) ret->budget.rounds = rounds;
    if (!kith_args_has(args, "pool")) return 0;
    return kith_learning_pool(args, (uint32_t)kith_args_int(args, "pool"), ret, ret_error);
}

int kith_learning_rules(const struct kith_args *args, struct kith_rules *ret,
                        char ret_error[static KITH_LEARNING_ERROR_MAX])
{
    if (kith_args_has(args, "synthetic") && kith_args_has(args, "data"))
        return one_of_them(args, "data", ret_error);
    return kith_learning_swarm(args, ret, ret_error);
}

static bool is(const struct kith_args *args, const char *name, const char *word)
{
    return strcmp(kith_args_text(args, name), word) == 0;
}

void kith_learning_settings(const struct kith_args *args, struct kith_config *config)
{
    struct kith_learner_config *learner = &config->learner;
    config->share = 0;
    if (is(args, "share", "weights") || is(args, "share", "both"))
        config->share |= KITH_SHARE_WEIGHTS;
    if (is(args, "share", "labels") || is(args, "share", "both"))
        config->share |= KITH_SHARE_LABELS;
    config->pull_count = (uint32_t)kith_args_int(args, "pulls");
    config->teacher_count = (uint32_t)kith_args_int(args, "teachers");
    learner->kernels = is(args, "kernels", "blas") ? KITH_KERNELS_BLAS : KITH_KERNELS_EXACT;
    kith_rule_parse(kith_args_text(args, "rule"), &learner->rule);
    learner->wire = KITH_WIRE_FP32;
    if (is(args, "wire", "int8")) learner->wire = KITH_WIRE_INT8;
    if (is(args, "wire", "int4")) learner->wire = KITH_WIRE_INT4;
    if (is(args, "wire", "fp16")) learner->wire = KITH_WIRE_FP16;
    learner->batch = (uint32_t)kith_args_int(args, "batch");
    learner->local_steps = (uint32_t)kith_args_int(args, "steps");
    learner->optim = KITH_OPTIM_QG;
    if (is(args, "optimizer", "sgd")) learner->optim = KITH_OPTIM_SGD;
    if (is(args, "optimizer", "adam")) learner->optim = KITH_OPTIM_ADAM;
    kith_learner_suit(learner);
    if (kith_args_has(args, "rate")) learner->rate = (float)kith_args_real(args, "rate");
    if (kith_args_has(args, "momentum"))
        learner->momentum = (float)kith_args_real(args, "momentum");
}

int kith_learning_model(const struct kith_args *args, const char *text,
                        const struct kith_rules *rules, struct kith_arch *ret,
                        char ret_error[static KITH_LEARNING_ERROR_MAX])
{
    char quoted[KITH_LEARNING_ERROR_MAX / 4];
    char arch[KITH_ARCH_TEXT_MAX] = HIDDEN_DEFAULT;
    uint32_t inputs = 0;
    uint32_t classes = 0;
    bool good = !text || kith_layers_parse(text, arch, &inputs, &classes);
    good = good && (inputs == 0 || (inputs == rules->inputs && classes == rules->classes));
    int err = KITH_ERR_INVALID;
    if (good) err = kith_arch_parse(arch, rules->inputs, rules->classes, rules->params_max, ret);
    if (!err && kith_rules_allow(rules, ret->text)) return 0;
    kith_quote(text ? text : arch, quoted, sizeof quoted);
    int len = snprintf(ret_error, KITH_LEARNING_ERROR_MAX,
                       "%s: --model: %s is not a model of the "
                       "swarm %s: ",
                       args->command->name, quoted, rules->name);
    size_t left = KITH_LEARNING_ERROR_MAX - (size_t)len;
    if (!err)
        snprintf(ret_error + len, left, "its families do not name that kind");
    else if (err == KITH_ERR_SHAPE)
        snprintf(ret_error + len, left,
                 "%u inputs are not a square or too small for its kernels and pools; take smaller "
                 "ones, or an mlp:",
                 rules->inputs);
    else
        snprintf(ret_error + len, left, "%u inputs, %u classes, at most %llu parameters",
                 rules->inputs, rules->classes, (unsigned long long)rules->params_max);
    return KITH_EXIT_USAGE;
}

static int synthetic_data(const struct kith_rules *rules, struct kith_dataset *ret_train,
                          struct kith_dataset *ret_test)
{
    uint8_t seed[KITH_SEED_LEN] = {0};
    struct kith_writer writer = kith_writer_into(seed, sizeof seed);
    kith_write_u64(&writer, rules->seed);
    int err = kith_dataset_synthetic(seed, 0, KITH_SYNTHETIC_TRAIN, rules->inputs, rules->classes,
                                     ret_train);
    if (err) return err;
    err = kith_dataset_synthetic(seed, 1, KITH_SYNTHETIC_TEST, rules->inputs, rules->classes,
                                 ret_test);
    if (err) kith_dataset_release(ret_train);
    return err;
}

/* Whether these are the data that the rules want: BLAKE2b-256 of "kith/data/1", the count and the
 * inputs of an image as 8 bytes each, all images, all labels. */
static bool digest_fits(const struct kith_rules *rules, const struct kith_dataset *train,
                        char ret_hex[static 2 * KITH_ID_LEN + 1])
{
    struct kith_hash hash;
    kith_hash_init(&hash);
    kith_hash_add(&hash, "kith/data/1", sizeof "kith/data/1");
    kith_hash_add_u64(&hash, train->count);
    kith_hash_add_u64(&hash, train->inputs);
    kith_hash_add(&hash, train->images, (size_t)train->count * train->inputs);
    kith_hash_add(&hash, train->labels, train->count);
    struct kith_id digest = kith_hash_end(&hash);
    kith_hex_encode(digest.bytes, sizeof digest.bytes, ret_hex);
    uint8_t wanted[KITH_ID_LEN];
    return kith_hex_decode(rules->data_digest, wanted, sizeof wanted) &&
           memcmp(wanted, digest.bytes, sizeof wanted) == 0;
}

static bool make_smaller(uint32_t pool, struct kith_dataset *train, struct kith_dataset *test)
{
    return kith_dataset_pool(train, pool) == 0 && kith_dataset_pool(test, pool) == 0;
}

int kith_learning_data(const struct kith_args *args, const struct kith_rules *rules,
                       struct kith_dataset *ret_train, struct kith_dataset *ret_test,
                       char ret_error[static KITH_LEARNING_ERROR_MAX])
{
    const char *command = args->command->name;
    char error[KITH_DATASET_ERROR_MAX];
    char hex[2 * KITH_ID_LEN + 1];
    if (kith_args_has(args, "synthetic")) {
        int err = synthetic_data(rules, ret_train, ret_test);
        if (err)
            snprintf(ret_error, KITH_LEARNING_ERROR_MAX, "%s: %s", command, kith_err_text(err));
        return err ? 1 : 0;
    }
    const char *dir = kith_args_text(args, "data");
    uint32_t inputs = rules->inputs * rules->pool * rules->pool;
    if (kith_dataset_file_load(dir, inputs, rules->classes, ret_train, ret_test, error)) {
        snprintf(ret_error, KITH_LEARNING_ERROR_MAX, "%s: %s", command, error);
        return 1;
    }
    bool fits = rules->data_digest[0] == '\0' || digest_fits(rules, ret_train, hex);
    if (fits && (rules->pool == 1 || make_smaller(rules->pool, ret_train, ret_test))) return 0;
    if (fits)
        snprintf(ret_error, KITH_LEARNING_ERROR_MAX,
                 "%s: %s: images of %u pixels are not square or cannot be made %u times smaller",
                 command, dir, inputs, rules->pool);
    else
        snprintf(ret_error, KITH_LEARNING_ERROR_MAX,
                 "%s: %s: not the data of the swarm %s: their digest is %s", command, dir,
                 rules->name, hex);
    kith_dataset_release(ret_train);
    kith_dataset_release(ret_test);
    return 1;
}
