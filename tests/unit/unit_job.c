/* training/job: whole rounds of learners on the synthetic set, alone and with each other. */
#include <math.h>

#include "base/err.h"
#include "base/hash.h"
#include "tests/test.h"
#include "training/job.h"
#include "training/partition.h"

enum { TRAIN = 3000, TEST = 500, PUBLIC = 600, INPUTS = 64, CLASSES = 10, PARAMS_MAX = 4096 };

static struct kith_task task;
static uint32_t owners[TRAIN], public_indices[TRAIN], shard[2][TRAIN];
static uint32_t shard_count[2];
static float weights[2][PARAMS_MAX];
static struct kith_job job[2];
static uint8_t held[2][8 * PARAMS_MAX];

static bool make_task(void)
{
    uint8_t seed[KITH_SEED_LEN] = {1};
    struct kith_split_config split = {.seed = 1, .public_count = PUBLIC, .nodes = 1};
    struct kith_class_set low, high;
    task.swarm.bytes[0] = 7;
    if (kith_dataset_synthetic(seed, 0, TRAIN, INPUTS, CLASSES, &task.train)) return false;
    if (kith_dataset_synthetic(seed, 1, TEST, INPUTS, CLASSES, &task.test)) return false;
    if (kith_split_owners(&split, &task.train, owners)) return false;
    task.public_count =
        kith_split_rows(&task.train, owners, KITH_OWNER_PUBLIC, NULL, public_indices);
    task.public_indices = public_indices;
    if (kith_classes_parse("0-4", CLASSES, &low)) return false;
    if (kith_classes_parse("5-9", CLASSES, &high)) return false;
    shard_count[0] = kith_split_rows(&task.train, owners, 0, &low, shard[0]);
    shard_count[1] = kith_split_rows(&task.train, owners, 0, &high, shard[1]);
    return true;
}

/* Node `i`: classes 0-4 or 5-9, small batches, exact kernels. */
static struct kith_learner_config config_of(int i, const char *arch)
{
    struct kith_learner_config config = {
        .task = &task,
        .kernels = KITH_KERNELS_EXACT,
        .wire = KITH_WIRE_FP32,
        .shard = shard[i],
        .shard_count = shard_count[i],
        .batch = 32,
        .local_steps = 10,
        .rate = 0.1f,
        .momentum = 0.5f,
        .optim = KITH_OPTIM_QG,
        .kd_lambda = 1,
        .kd_temperature = 2,
        .init_seed = 11,
        .seed = {(uint8_t)(i + 1)},
    };
    if (kith_arch_parse(arch, INPUTS, CLASSES, PARAMS_MAX, &config.arch)) abort();
    return config;
}

static struct kith_learner *learner_of(const struct kith_learner_config *config)
{
    struct kith_learner *learner = kith_learner_new(config);
    if (!learner) abort();
    return learner;
}

/* A round of one learner that hears nobody. */
static struct kith_job *lone_round(struct kith_learner *learner, uint64_t round)
{
    kith_job_prepare(&job[0], learner, round);
    kith_job_run(&job[0]);
    return &job[0];
}

static bool weights_equal(struct kith_learner *a, struct kith_learner *b, size_t params)
{
    kith_learner_weights(a, weights[0]);
    kith_learner_weights(b, weights[1]);
    return memcmp(weights[0], weights[1], params * sizeof(float)) == 0;
}

static void first_weights_follow_the_swarm_seed(void)
{
    struct kith_learner_config config[2] = {config_of(0, "mlp:16"), config_of(1, "mlp:16")};
    struct kith_learner *a = learner_of(&config[0]), *b = learner_of(&config[1]);
    size_t params = config[0].arch.params;
    check(weights_equal(a, b, params));
    float largest = 0;
    for (size_t i = 0; i < (INPUTS + 1) * 16; i++)
        largest = fmaxf(largest, fabsf(weights[0][i]));
    check(largest <= 0.125f && largest > 0.12f);
    kith_learner_free(b);
    config[1].init_seed++;
    b = learner_of(&config[1]);
    check(!weights_equal(a, b, params));
    kith_learner_free(a);
    kith_learner_free(b);
}

static void a_round_reports_lines_epochs_and_tests(void)
{
    struct kith_learner_config config = config_of(0, "mlp:16");
    config.shard_count = 330; /* 11 batches, the last of 10 samples */
    config.local_steps = 8;
    struct kith_learner *learner = learner_of(&config);
    struct kith_job *done = lone_round(learner, 0);
    check_int(done->line_count, 1);
    check_int(done->lines[0].epoch, 0);
    check_int(done->lines[0].seen, 0);
    check(fabsf(done->lines[0].local_loss - logf(CLASSES)) < 0.3f);
    check(done->lines[0].target_loss == done->lines[0].local_loss);
    check(done->lines[0].distillation_loss == 0.0f);
    check(!done->tested);
    check_int(done->checkpoint.len, 0);

    done = lone_round(learner, 1); /* batches 8, 9, 10, then 0 to 4 of the next epoch */
    check_int(done->line_count, 2);
    check_int(done->lines[0].epoch, 0);
    check_int(done->lines[0].seen, 320);
    check_int(done->lines[1].epoch, 1);
    check_int(done->lines[1].seen, 0);
    check(done->tested);
    check_int(done->test_epoch, 0);
    check_int(done->test_count, TEST);
    check(done->test_correct > 0 && done->test_correct < TEST);
    check(done->test_loss > 0.0f);
    check(done->checkpoint.len > 0);
    kith_learner_free(learner);
}

static void the_frame_is_the_model(void)
{
    struct kith_learner_config config = config_of(0, "mlp:16");
    struct kith_learner *learner = learner_of(&config);
    struct kith_job *done = lone_round(learner, 0);
    check_int(kith_frame_decode(done->frame, config.arch.params, weights[1]), 0);
    kith_learner_weights(learner, weights[0]);
    check(memcmp(weights[0], weights[1], config.arch.params * sizeof(float)) == 0);
    kith_learner_free(learner);
}

/* A shard of one sample: every batch begins an epoch, only the last of a round is tested. */
static void tiny_shards_end_many_epochs(void)
{
    struct kith_learner_config config = config_of(0, "mlp:4");
    config.shard_count = 1;
    config.local_steps = KITH_JOB_LINES_MAX + 10;
    struct kith_learner *learner = learner_of(&config);
    struct kith_job *done = lone_round(learner, 0);
    check_int(done->line_count, KITH_JOB_LINES_MAX);
    check_int(done->lines[KITH_JOB_LINES_MAX - 1].epoch, KITH_JOB_LINES_MAX - 1);
    check(done->tested);
    check_int(done->test_epoch, KITH_JOB_LINES_MAX + 9);
    kith_learner_free(learner);
}

/* An epoch of 64 samples a round, tested and kept once 150 were trained. */
static void small_data_are_not_tested_every_epoch(void)
{
    struct kith_learner_config config = config_of(0, "mlp:4");
    config.shard_count = 64;
    config.local_steps = 2;
    config.look_every = 150;
    struct kith_learner *learner = learner_of(&config);
    for (uint64_t round = 0; round < 9; round++) {
        struct kith_job *done = lone_round(learner, round);
        check(done->tested == (round % 3 == 2));
        check((done->checkpoint.len > 0) == done->tested);
        if (done->tested) check_int(done->test_epoch, round);
    }
    kith_learner_free(learner);
}

static void hold(int i, struct kith_bytes bytes, struct kith_bytes *ret)
{
    if (bytes.len > 0) memcpy(held[i], bytes.at, bytes.len);
    *ret = (struct kith_bytes){held[i], bytes.len};
}

/* Both learn in turns, each hearing what the other gave last; returns the lower correct count of
 * the last tests. */
static uint32_t learn_together(struct kith_learner *learner[2], bool by_weights, bool by_labels,
                               uint64_t rounds)
{
    struct kith_bytes given[2] = {{NULL, 0}, {NULL, 0}};
    uint32_t correct[2] = {0, 0};
    for (uint64_t round = 0; round < rounds; round++) {
        for (int i = 0; i < 2; i++) {
            kith_job_prepare(&job[i], learner[i], round);
            job[i].want_labels = by_labels;
            if (given[1 - i].len > 0 && by_weights) {
                job[i].pulled_count = 1;
                job[i].pulled[0] = (struct kith_pulled){.frame = given[1 - i], .weight = 1};
            }
            if (given[1 - i].len > 0 && by_labels) {
                job[i].teacher_count = 1;
                job[i].teachers[0] = (struct kith_teacher){
                    .labels = given[1 - i], .round = i == 0 ? round - 1 : round, .weight = 1};
            }
            kith_job_run(&job[i]);
            if (job[i].pulled[0].err || job[i].teachers[0].err) abort();
            if (job[i].tested) correct[i] = job[i].test_correct;
            hold(i, by_weights ? job[i].frame : job[i].labels, &given[i]);
        }
    }
    return correct[0] < correct[1] ? correct[0] : correct[1];
}

static void mixing_teaches_the_other_classes(void)
{
    for (int wire = 0; wire < KITH_WIRES; wire++) {
        struct kith_learner_config config[2] = {config_of(0, "mlp:32"), config_of(1, "mlp:32")};
        config[0].wire = config[1].wire = (enum kith_wire)wire;
        struct kith_learner *learner[2] = {learner_of(&config[0]), learner_of(&config[1])};
        check(learn_together(learner, true, false, 60) > TEST * 7 / 10);
        kith_learner_free(learner[0]);
        kith_learner_free(learner[1]);
    }
}

static void alone_only_the_own_classes_are_learned(void)
{
    struct kith_learner_config config[2] = {config_of(0, "mlp:32"), config_of(1, "mlp:32")};
    struct kith_learner *learner[2] = {learner_of(&config[0]), learner_of(&config[1])};
    uint32_t correct = learn_together(learner, false, false, 60);
    check(correct <= TEST / 2);
    check(correct > TEST * 4 / 10);
    kith_learner_free(learner[0]);
    kith_learner_free(learner[1]);
}

static void labels_teach_across_architectures(void)
{
    struct kith_learner_config config[2] = {config_of(0, "mlp:32"), config_of(1, "mlp:24,16")};
    struct kith_learner *learner[2] = {learner_of(&config[0]), learner_of(&config[1])};
    check(learn_together(learner, false, true, 120) > TEST * 7 / 10);
    check(job[0].line_count > 0);
    check(job[0].lines[0].distillation_loss > 0.0f);
    kith_learner_free(learner[0]);
    kith_learner_free(learner[1]);
}

/* The mean of two models' probabilities: with the own model as the pulled one it is the own loss,
 * with another one it is not, and the loss is that of the mean, not the mean of losses. */
static void target_loss_is_that_of_the_mean(void)
{
    struct kith_learner_config config = config_of(0, "mlp:16");
    config.rate = 1e-30f; /* stays where it is */
    struct kith_learner *learner = learner_of(&config);
    struct kith_bytes own;
    hold(0, lone_round(learner, 0)->frame, &own);
    kith_job_prepare(&job[0], learner, 1);
    job[0].pulled_count = 2;
    job[0].pulled[0] = (struct kith_pulled){.frame = own, .weight = 0};
    job[0].pulled[1] = (struct kith_pulled){.frame = {held[0], 3}, .weight = 1};
    kith_job_run(&job[0]);
    check_int(job[0].pulled[0].err, 0);
    check_int(job[0].pulled[1].err, KITH_ERR_SHAPE);
    check(job[0].line_count == 1);
    check(fabsf(job[0].lines[0].target_loss - job[0].lines[0].local_loss) < 1e-5f);

    /* Zero weights and biases: every class 1/10. */
    memset(weights[1], 0, sizeof weights[1]);
    kith_frame_encode(KITH_WIRE_FP32, weights[1], config.arch.params, 0, held[1]);
    job[0].pulled[1] = (struct kith_pulled){
        .frame = {held[1], kith_frame_size(KITH_WIRE_FP32, config.arch.params)}, .weight = 0};
    for (job[0].round = 2; job[0].round < 99; job[0].round++) {
        kith_job_run(&job[0]);
        if (job[0].line_count > 0) break;
    }
    check_int(job[0].pulled[1].err, 0);
    check(job[0].line_count > 0);
    check(fabsf(job[0].lines[0].target_loss - job[0].lines[0].local_loss) > 1e-6f);
    kith_learner_free(learner);
}

static void mixing_alone_gives_the_mean(void)
{
    struct kith_learner_config config[2] = {config_of(0, "mlp:16"), config_of(1, "mlp:16")};
    struct kith_learner *learner[2] = {learner_of(&config[0]), learner_of(&config[1])};
    struct kith_bytes other;
    hold(0, lone_round(learner[1], 0)->frame, &other);
    lone_round(learner[0], 0);
    kith_learner_weights(learner[0], weights[0]);
    kith_learner_weights(learner[1], weights[1]);
    kith_job_prepare(&job[0], learner[0], 1);
    job[0].mix_only = true;
    job[0].pulled_count = 1;
    job[0].pulled[0] = (struct kith_pulled){.frame = other, .weight = 1};
    kith_job_run(&job[0]);
    check_int(job[0].line_count, 0);
    static float mixed[PARAMS_MAX];
    kith_learner_weights(learner[0], mixed);
    for (size_t i = 0; i < config[0].arch.params; i++)
        check(fabsf(mixed[i] - (weights[0][i] + weights[1][i]) / 2) < 1e-6f);
    kith_learner_free(learner[0]);
    kith_learner_free(learner[1]);
}

/* What a hostile author may publish: each is told by its error, and the round goes as if nobody had
 * been pulled. */
static void hostile_frames_are_never_mixed(void)
{
    static const struct {
        size_t at;
        uint8_t bytes[4];
        int err;
    } cases[] = {
        {16, {0, 0, 0xc0, 0x7f}, KITH_ERR_NOT_FINITE}, /* NaN */
        {20, {0, 0, 0x80, 0xff}, KITH_ERR_NOT_FINITE}, /* -infinity */
        {24, {1, 0, 0, 0}, KITH_ERR_NOT_FINITE},       /* denormal */
        {28, {0, 0, 0x7f, 0x7f}, KITH_ERR_RANGE},      /* 3.4e38 */
        {4, {4, 0, 0, 0}, KITH_ERR_TYPE},              /* unknown wire */
        {4, {1, 0, 0, 0}, KITH_ERR_SHAPE},             /* fp32's length under int8 */
        {8, {1, 2, 3, 4}, KITH_ERR_SHAPE},             /* params */
        {0, {0, 0, 0, 0}, KITH_ERR_TYPE},              /* magic */
    };
    enum { CASES = sizeof cases / sizeof *cases };
    static uint8_t frames[CASES + 2][8 * PARAMS_MAX];
    struct kith_learner_config config = config_of(0, "mlp:16");
    struct kith_learner *hearing = learner_of(&config), *lone = learner_of(&config);
    struct kith_bytes good = lone_round(lone, 0)->frame;
    for (size_t i = 0; i < CASES + 2; i++)
        memcpy(frames[i], good.at, good.len);
    lone_round(hearing, 0);
    lone_round(lone, 1);

    kith_job_prepare(&job[1], hearing, 1);
    job[1].pulled_count = CASES + 2;
    for (size_t i = 0; i < CASES + 2; i++) {
        if (i < CASES) memcpy(frames[i] + cases[i].at, cases[i].bytes, 4);
        job[1].pulled[i] = (struct kith_pulled){.frame = {frames[i], good.len}, .weight = 1};
    }
    job[1].pulled[CASES].frame.len--;
    job[1].pulled[CASES + 1].frame.len = 0;
    kith_job_run(&job[1]);
    for (size_t i = 0; i < CASES; i++)
        check_int(job[1].pulled[i].err, cases[i].err);
    check_int(job[1].pulled[CASES].err, KITH_ERR_SHAPE);
    check_int(job[1].pulled[CASES + 1].err, KITH_ERR_SHAPE);
    check(weights_equal(hearing, lone, config.arch.params));
    kith_learner_free(hearing);
    kith_learner_free(lone);
}

static void hostile_labels_teach_nothing(void)
{
    static uint8_t zeros[KITH_LABELS_HEAD + KITH_PUBLIC_BATCH * CLASSES];
    struct kith_learner_config config = config_of(0, "mlp:16");
    struct kith_learner *hearing = learner_of(&config), *lone = learner_of(&config);
    kith_job_prepare(&job[1], hearing, 0);
    job[1].want_labels = true;
    kith_job_run(&job[1]);
    lone_round(lone, 0);
    hold(1, job[1].labels, &job[1].teachers[0].labels);
    memcpy(zeros, held[1], KITH_LABELS_HEAD);
    job[1].round = 1;
    job[1].teacher_count = 3;
    job[1].teachers[0].labels.len--;
    job[1].teachers[0].weight = 1;
    job[1].teachers[1] = (struct kith_teacher){.labels = {held[0], 0}, .weight = 1};
    job[1].teachers[2] = (struct kith_teacher){.labels = {zeros, sizeof zeros}, .weight = 1};
    kith_job_run(&job[1]);
    check_int(job[1].teachers[0].err, KITH_ERR_SHAPE);
    check_int(job[1].teachers[1].err, KITH_ERR_SHAPE);
    check_int(job[1].teachers[2].err, 0);
    lone_round(lone, 1);
    check(weights_equal(hearing, lone, config.arch.params));
    kith_learner_free(hearing);
    kith_learner_free(lone);
}

static void cancel_ends_the_round_early_and_soundly(void)
{
    struct kith_learner_config config = config_of(0, "mlp:16");
    struct kith_learner *learner = learner_of(&config);
    kith_learner_weights(learner, weights[0]);
    kith_job_prepare(&job[0], learner, 0);
    job[0].want_labels = job[0].want_checkpoint = true;
    atomic_store(&job[0].cancel, true);
    kith_job_run(&job[0]);
    check_int(job[0].line_count, 0);
    check_int(kith_frame_decode(job[0].frame, config.arch.params, weights[1]), 0);
    check(memcmp(weights[0], weights[1], config.arch.params * sizeof(float)) == 0);
    check(job[0].labels.len == kith_labels_size(KITH_PUBLIC_BATCH, CLASSES));
    check(job[0].checkpoint.len > 0);
    kith_learner_free(learner);
}

static void a_diverged_round_is_undone(void)
{
    struct kith_learner_config config = config_of(0, "mlp:16");
    config.rate = 1e30f;
    struct kith_learner *learner = learner_of(&config);
    kith_learner_weights(learner, weights[0]);
    struct kith_job *done = lone_round(learner, 0);
    kith_learner_weights(learner, weights[1]);
    check(memcmp(weights[0], weights[1], config.arch.params * sizeof(float)) == 0);
    check_int(kith_frame_decode(done->frame, config.arch.params, weights[1]), 0);
    kith_learner_free(learner);
}

/* A learner killed after a checkpoint and one that went on agree bit for bit, in the middle of an
 * epoch and past its end. */
static void a_checkpoint_continues_bit_for_bit(void)
{
    for (enum kith_optim optim = KITH_OPTIM_SGD; optim <= KITH_OPTIM_ADAM; optim++) {
        struct kith_learner_config config = config_of(0, "mlp:16");
        config.optim = optim;
        kith_learner_suit(&config);
        struct kith_learner *first = learner_of(&config), *second = learner_of(&config);
        for (uint64_t round = 0; round < 3; round++)
            lone_round(first, round);
        kith_job_prepare(&job[1], first, 3);
        job[1].want_checkpoint = true;
        kith_job_run(&job[1]);
        uint64_t next = 0;
        check_int(kith_learner_restore(second, job[1].checkpoint, &next), 0);
        check_int(next, 4);
        check(weights_equal(first, second, config.arch.params));
        for (uint64_t round = next; round < 12; round++) {
            lone_round(first, round);
            uint32_t seen = job[0].line_count > 0 ? job[0].lines[0].seen : 0;
            lone_round(second, round);
            check_int(job[0].line_count > 0 ? job[0].lines[0].seen : 0, seen);
            check(weights_equal(first, second, config.arch.params));
        }
        kith_learner_free(first);
        kith_learner_free(second);
    }
}

/* Restored under another optimizer, the weights stay and the gathered moments do not. */
static void a_checkpoint_of_another_optimizer_leaves_only_weights(void)
{
    static float first[PARAMS_MAX];
    for (enum kith_optim optim = KITH_OPTIM_SGD; optim <= KITH_OPTIM_ADAM; optim++) {
        struct kith_learner_config config = config_of(0, "mlp:16"), other = config;
        config.optim = optim;
        other.optim = optim == KITH_OPTIM_ADAM ? KITH_OPTIM_SGD : optim + 1;
        kith_learner_suit(&config);
        kith_learner_suit(&other);
        struct kith_learner *learner = learner_of(&config), *later = learner_of(&other);
        lone_round(learner, 0);
        kith_job_prepare(&job[1], learner, 1);
        job[1].want_checkpoint = true;
        kith_job_run(&job[1]);
        uint64_t next;
        lone_round(later, 0);
        check_int(kith_learner_restore(later, job[1].checkpoint, &next), 0);
        check(weights_equal(learner, later, config.arch.params));
        kith_job_prepare(&job[0], later, 2);
        job[0].want_checkpoint = true;
        job[0].mix_only = true;
        kith_job_run(&job[0]);
        const uint8_t *momentum = job[0].checkpoint.at + 88 + 4 * config.arch.params;
        memset(first, 0, sizeof first);
        check(memcmp(momentum, first, 4 * config.arch.params) == 0);
        kith_learner_free(learner);
        kith_learner_free(later);
    }
}

/* The hash of a checkpoint made right again after a change. */
static void rehash(uint8_t *checkpoint, size_t len)
{
    struct kith_id hash =
        kith_hash_of("kith/checkpoint/1", (struct kith_bytes){checkpoint, len - KITH_ID_LEN});
    memcpy(checkpoint + len - KITH_ID_LEN, hash.bytes, KITH_ID_LEN);
}

static void damaged_checkpoints_change_nothing(void)
{
    struct kith_learner_config config = config_of(0, "mlp:16"), other = config_of(0, "mlp:17");
    struct kith_learner *learner = learner_of(&config), *stranger = learner_of(&other);
    kith_job_prepare(&job[1], learner, 0);
    job[1].want_checkpoint = true;
    kith_job_run(&job[1]);
    static uint8_t bytes[16 * PARAMS_MAX];
    size_t len = job[1].checkpoint.len;
    memcpy(bytes, job[1].checkpoint.at, len);
    struct kith_learner *fresh = learner_of(&config), *untouched = learner_of(&config);
    uint64_t round = 77;
    for (size_t cut = 0; cut < len; cut += cut < 100 ? 1 : 997)
        check_int(kith_learner_restore(fresh, (struct kith_bytes){bytes, cut}, &round),
                  KITH_ERR_TRUNCATED);
    check_int(kith_learner_restore(fresh, (struct kith_bytes){bytes, len + 1}, &round),
              KITH_ERR_TRAILING);
    check_int(kith_learner_restore(stranger, (struct kith_bytes){bytes, len}, &round),
              KITH_ERR_SHAPE);
    const struct {
        size_t at;
        bool rehashed;
        int err;
    } cases[] = {
        {0, true, KITH_ERR_VERSION}, {7, true, KITH_ERR_VERSION}, {8, true, KITH_ERR_SWARM},
        {40, true, KITH_ERR_SHAPE},  {48, false, KITH_ERR_HASH},  {68, true, KITH_ERR_VERSION},
        {72, true, KITH_ERR_SHAPE},  {80, false, KITH_ERR_HASH},  {len - 1, false, KITH_ERR_HASH}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t saved[KITH_ID_LEN];
        memcpy(saved, bytes + len - KITH_ID_LEN, KITH_ID_LEN);
        bytes[cases[i].at] ^= 0x40;
        if (cases[i].rehashed) rehash(bytes, len);
        check_int(kith_learner_restore(fresh, (struct kith_bytes){bytes, len}, &round),
                  cases[i].err);
        bytes[cases[i].at] ^= 0x40;
        memcpy(bytes + len - KITH_ID_LEN, saved, KITH_ID_LEN);
    }
    memcpy(bytes + 88 + 4 * config.arch.params, (uint8_t[]){0, 0, 0xc0, 0x7f}, 4);
    rehash(bytes, len);
    check_int(kith_learner_restore(fresh, (struct kith_bytes){bytes, len}, &round),
              KITH_ERR_NOT_FINITE);
    check_int(round, 77);
    check(weights_equal(fresh, untouched, config.arch.params));
    kith_learner_free(learner);
    kith_learner_free(stranger);
    kith_learner_free(fresh);
    kith_learner_free(untouched);
}

/* Another shard or batch after a restart: the model is kept, the place in the epoch made to fit. */
static void a_checkpoint_fits_another_shard(void)
{
    struct kith_learner_config config = config_of(0, "mlp:16");
    struct kith_learner *learner = learner_of(&config);
    kith_job_prepare(&job[1], learner, 0);
    job[1].want_checkpoint = true;
    kith_job_run(&job[1]);
    config.batch = 7;
    struct kith_learner *finer = learner_of(&config);
    uint64_t round;
    check_int(kith_learner_restore(finer, job[1].checkpoint, &round), 0);
    lone_round(finer, round);
    check_int(job[0].lines[0].seen, 350); /* 320 were done: 45 batches, the next line is at 50 */
    kith_learner_free(finer);
    config.shard_count = 40;
    struct kith_learner *smaller = learner_of(&config);
    check_int(kith_learner_restore(smaller, job[1].checkpoint, &round), 0);
    lone_round(smaller, round);
    check_int(job[0].lines[0].seen, 0);
    kith_learner_free(learner);
    kith_learner_free(smaller);
}

static void cost_grows_with_the_work(void)
{
    struct kith_learner_config config = config_of(0, "mlp:16");
    struct kith_learner *learner = learner_of(&config);
    kith_job_prepare(&job[0], learner, 0);
    uint64_t plain = kith_job_cost(&job[0]);
    check(plain >= 6ull * config.arch.params * config.batch * config.local_steps);
    job[0].pulled_count = 2;
    uint64_t pulling = kith_job_cost(&job[0]);
    job[0].teacher_count = 1;
    uint64_t taught = kith_job_cost(&job[0]);
    job[0].mix_only = true;
    check(pulling > plain);
    check(taught >= pulling + 6ull * config.arch.params * config.batch * config.local_steps);
    check(kith_job_cost(&job[0]) < plain / 10);
    kith_learner_free(learner);
}

int main(void)
{
    if (!make_task()) return 1;
    run(first_weights_follow_the_swarm_seed);
    run(a_round_reports_lines_epochs_and_tests);
    run(the_frame_is_the_model);
    run(tiny_shards_end_many_epochs);
    run(small_data_are_not_tested_every_epoch);
    run(alone_only_the_own_classes_are_learned);
    run(mixing_teaches_the_other_classes);
    run(labels_teach_across_architectures);
    run(target_loss_is_that_of_the_mean);
    run(mixing_alone_gives_the_mean);
    run(hostile_frames_are_never_mixed);
    run(hostile_labels_teach_nothing);
    run(cancel_ends_the_round_early_and_soundly);
    run(a_diverged_round_is_undone);
    run(a_checkpoint_continues_bit_for_bit);
    run(a_checkpoint_of_another_optimizer_leaves_only_weights);
    run(damaged_checkpoints_change_nothing);
    run(a_checkpoint_fits_another_shard);
    run(cost_grows_with_the_work);
    kith_dataset_release(&task.train);
    kith_dataset_release(&task.test);
    return test_end();
}
