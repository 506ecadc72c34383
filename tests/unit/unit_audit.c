/* training/audit: a crowd of honest learners, among them some that are not, as one of them sees
 * them: who is heard and who is not; and the other rules at the same table. */
#include <math.h>
#include <stdlib.h>

#include "tests/test.h"
#include "training/audit.h"
#include "training/partition.h"

enum {
    INPUTS = 32,
    CLASSES = 6,
    TRAIN = 3000,
    AUDIT = 400,
    CROWD = 8, /* learners */
    ROUNDS = 24,
    PARAMS_MAX = 4096,
};

enum trade { HONEST, FLIPS, NOISE, COPIES, SENDS_NAN, TRADES };

static struct kith_task task;
static uint32_t rows[TRAIN];
static struct kith_learner *crowd[CROWD];
static struct kith_job job[CROWD];
static uint8_t frames[CROWD][KITH_FRAME_HEAD + 4 * PARAMS_MAX];
static size_t frame_len;
static float before[CROWD][PARAMS_MAX], after[PARAMS_MAX];
static struct kith_standing standing[CROWD];
static float weight[CROWD];

static void make_task(uint32_t audit_count)
{
    const uint8_t seed[KITH_SEED_LEN] = {7};
    if (task.train.count == 0) {
        if (kith_dataset_synthetic(seed, 0, TRAIN, INPUTS, CLASSES, &task.train)) abort();
        if (kith_dataset_synthetic(seed, 1, 500, INPUTS, CLASSES, &task.test)) abort();
        for (uint32_t i = 0; i < TRAIN; i++)
            rows[i] = i;
    }
    task.audit_indices = rows;
    task.audit_count = audit_count;
}

static void begin(enum kith_rule rule, uint32_t audit_count)
{
    make_task(audit_count);
    for (uint32_t i = 0; i < CROWD; i++) {
        uint32_t share = (TRAIN - AUDIT) / CROWD;
        struct kith_learner_config config = {
            .task = &task,
            .kernels = KITH_KERNELS_EXACT,
            .wire = KITH_WIRE_FP32,
            .shard = rows + AUDIT + i * share,
            .shard_count = share,
            .batch = 16,
            .local_steps = 10,
            .rate = 0.1f,
            .momentum = 0.5f,
            .optim = KITH_OPTIM_QG,
            .rule = rule,
            .kd_lambda = 1,
            .kd_temperature = 2,
            .init_seed = 3,
            .seed = {(uint8_t)(i + 1)},
        };
        if (kith_arch_parse("mlp:16", INPUTS, CLASSES, PARAMS_MAX, &config.arch)) abort();
        crowd[i] = kith_learner_new(&config);
        if (!crowd[i]) abort();
        kith_learner_weights(crowd[i], before[i]);
        frame_len = kith_frame_size(KITH_WIRE_FP32, config.arch.params);
    }
    memset(standing, 0, sizeof standing);
}

/* What learner i sends of the model it has. */
static void publish(uint32_t i, enum trade trade, uint64_t round, size_t params)
{
    kith_learner_weights(crowd[i], after);
    for (size_t k = 0; k < params; k++) {
        float moved = after[k] - before[i][k];
        float noise = (float)(kith_rng_at(round * CROWD + i, k) >> 40) * 0x1p-23f - 1;
        if (trade == FLIPS) after[k] = before[i][k] - 3 * moved;
        if (trade == NOISE) after[k] += noise / 2;
        if (trade == SENDS_NAN && k == params / 2) after[k] = NAN;
    }
    kith_learner_weights(crowd[i], before[i]);
    if (trade == COPIES)
        memcpy(frames[i], frames[1], frame_len);
    else
        kith_frame_encode(KITH_WIRE_FP32, after, params, 0, frames[i]);
}

/* All pull from all; the last `liars` of the crowd ply the trade. */
static void live(enum kith_rule rule, uint32_t audit_count, enum trade trade, uint32_t liars)
{
    begin(rule, audit_count);
    size_t params = (frame_len - KITH_FRAME_HEAD) / 4;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < CROWD; i++) {
            kith_job_prepare(&job[i], crowd[i], round);
            for (uint32_t k = 0; round > 0 && k < CROWD; k++)
                if (k != i)
                    job[i].pulled[job[i].pulled_count++] =
                        (struct kith_pulled){.frame = {frames[k], frame_len}, .weight = 1};
            for (uint32_t k = 1; i == 0 && round > 0 && k < CROWD; k++)
                job[i].pulled[k - 1].standing = standing[k];
        }
        for (uint32_t i = 0; i < CROWD; i++)
            kith_job_run(&job[i]);
        for (uint32_t k = 1; round > 0 && k < CROWD; k++) {
            standing[k] = job[0].pulled[k - 1].standing;
            weight[k] = job[0].pulled[k - 1].err ? 0 : job[0].pulled[k - 1].weight;
        }
        for (uint32_t i = 0; i < CROWD; i++)
            publish(i, i >= CROWD - liars ? trade : HONEST, round, params);
    }
}

static void end(void)
{
    for (uint32_t i = 0; i < CROWD; i++)
        kith_learner_free(crowd[i]);
}

static uint32_t correct_of(uint32_t i)
{
    kith_job_prepare(&job[i], crowd[i], 1000);
    uint32_t good = 0;
    float probabilities[CLASSES];
    kith_learner_weights(crowd[i], after);
    struct kith_model *model = kith_model_new(&crowd[i]->config.arch, KITH_KERNELS_EXACT, 1);
    kith_model_set_weights(model, after);
    for (uint32_t row = 0; row < task.test.count; row++) {
        struct kith_rows one = {task.test.images, &row, 1};
        kith_model_probabilities(model, &one, 1, probabilities);
        uint32_t best = 0;
        for (uint32_t y = 1; y < CLASSES; y++)
            if (probabilities[y] > probabilities[best]) best = y;
        good += best == task.test.labels[row];
    }
    kith_model_free(model);
    return good;
}

static void among_the_honest_all_are_heard(void)
{
    live(KITH_RULE_SCORE, AUDIT, HONEST, 0);
    float heard = 0;
    for (uint32_t k = 1; k < CROWD; k++) {
        check(standing[k].meetings >= KITH_SCORE_SURE);
        check(kith_standing_score(&standing[k]) > 0.2f);
        heard += weight[k];
    }
    check(heard > 0.7f * (CROWD - 1));
    end();
}

static void liars_are_found_and_not_heard(void)
{
    for (enum trade trade = FLIPS; trade <= COPIES; trade++) {
        live(KITH_RULE_SCORE, AUDIT, trade, 2);
        for (uint32_t k = CROWD - 2; k < CROWD; k++) {
            check(weight[k] < 0.05f);
            for (uint32_t honest = 2; honest < CROWD - 2; honest++)
                check(kith_standing_score(&standing[k]) < kith_standing_score(&standing[honest]));
        }
        end();
    }
}

static void who_sends_no_numbers_has_no_standing(void)
{
    live(KITH_RULE_SCORE, AUDIT, SENDS_NAN, 2);
    for (uint32_t k = CROWD - 2; k < CROWD; k++) {
        check_int(standing[k].meetings, 0);
        check(weight[k] == 0);
    }
    end();
}

static void sign_flippers_ruin_the_mean_and_not_the_score(void)
{
    live(KITH_RULE_MEAN, AUDIT, FLIPS, 3);
    uint32_t mean = correct_of(0);
    end();
    live(KITH_RULE_SCORE, AUDIT, FLIPS, 3);
    uint32_t score = correct_of(0);
    end();
    live(KITH_RULE_SCORE, AUDIT, HONEST, 0);
    uint32_t calm = correct_of(0);
    end();
    check(score + 25 > calm);
    check(mean + 50 < score);
}

static void without_a_pool_the_farthest_are_left_out(void)
{
    live(KITH_RULE_SCORE, 0, NOISE, 2);
    for (uint32_t k = 1; k < CROWD; k++) {
        check_int(standing[k].meetings, 0);
        check(weight[k] == (k < CROWD - 2 ? 1 : 0));
    }
    end();
}

static void every_rule_learns_among_the_honest(void)
{
    live(KITH_RULE_MEAN, AUDIT, HONEST, 0);
    uint32_t mean = correct_of(0);
    end();
    for (uint32_t rule = KITH_RULE_MEAN; rule < KITH_RULES; rule++) {
        live((enum kith_rule)rule, AUDIT, HONEST, 0);
        check(correct_of(0) + 60 > mean);
        end();
    }
}

int main(void)
{
    run(among_the_honest_all_are_heard);
    run(liars_are_found_and_not_heard);
    run(who_sends_no_numbers_has_no_standing);
    run(sign_flippers_ruin_the_mean_and_not_the_score);
    run(without_a_pool_the_farthest_are_left_out);
    run(every_rule_learns_among_the_honest);
    kith_dataset_release(&task.train);
    kith_dataset_release(&task.test);
    return test_end();
}
