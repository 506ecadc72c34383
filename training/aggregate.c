#include "training/aggregate.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "training/mix.h"

struct bench {
    const float *const *models;
    uint32_t count;
    size_t params;
    uint32_t b;
    float *ret;
    float *scratch;
};

static const char *const names[KITH_RULES] = {
#define X(name, text, help) text,
    KITH_RULES_MAP(X)
#undef X
};

const char *kith_rule_name(enum kith_rule rule)
{
    return names[rule];
}

int kith_rule_parse(const char *text, enum kith_rule *ret)
{
    for (uint32_t i = 0; i < KITH_RULES; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *ret = (enum kith_rule)i;
        return 0;
    }
    return KITH_ERR_INVALID;
}

uint32_t kith_rule_hostile(uint32_t pulled)
{
    return pulled / 2 > 1 ? pulled / 2 - 1 : 0;
}

uint32_t kith_aggregate_scratch(enum kith_rule rule, uint32_t count)
{
    return rule == KITH_RULE_NNM_TRIMMED ? count : 1;
}

/* --- small helpers --- */

static void sort(double *at, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        double inserted = at[i];
        uint32_t slot = i;
        for (; slot > 0 && at[slot - 1] > inserted; slot--)
            at[slot] = at[slot - 1];
        at[slot] = inserted;
    }
}

static double median_of(const double *at, uint32_t count)
{
    double sorted[KITH_AGGREGATE_MAX];
    if (count == 0) return 0;
    memcpy(sorted, at, count * sizeof *at);
    sort(sorted, count);
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static void add_scaled(float *x, const float *y, size_t params, float factor)
{
    for (size_t i = 0; i < params; i++)
        x[i] += factor * y[i];
}

static void add_difference(float *x, const float *y, const float *z, size_t params, float factor)
{
    for (size_t i = 0; i < params; i++)
        x[i] += factor * (y[i] - z[i]);
}

/* The mean of those that `is_in` names, in their order. */
static void mean_of(const struct bench *bench, const bool *is_in, float *ret)
{
    uint32_t count = 0;
    for (uint32_t j = 0; j < bench->count; j++)
        count += !is_in || is_in[j];
    memset(ret, 0, bench->params * sizeof *ret);
    for (uint32_t j = 0; j < bench->count; j++)
        if (!is_in || is_in[j])
            add_scaled(ret, bench->models[j], bench->params, 1.0f / (float)count);
}

static void distances_to(const struct bench *bench, const float *x, double *ret)
{
    for (uint32_t j = 0; j < bench->count; j++)
        ret[j] = bench->models[j] == x ? 0 : kith_mix_distance(bench->models[j], x, bench->params);
}

/* The `keep` least distances, the first of equals first. */
static void nearest(const double *distance, uint32_t count, uint32_t keep, bool *ret)
{
    for (uint32_t j = 0; j < count; j++) {
        uint32_t before = 0;
        for (uint32_t k = 0; k < count; k++)
            before += distance[k] < distance[j] || (distance[k] == distance[j] && k < j);
        ret[j] = before < keep;
    }
}

/* --- rules --- */

/* Per coordinate the mean of what is left without the `cut` least and greatest. */
static void trimmed(const float *const *models, uint32_t count, size_t params, uint32_t cut,
                    float *ret)
{
    for (size_t i = 0; i < params; i++) {
        float sorted[KITH_AGGREGATE_MAX];
        for (uint32_t j = 0; j < count; j++) {
            float value = models[j][i];
            uint32_t slot = j;
            for (; slot > 0 && sorted[slot - 1] > value; slot--)
                sorted[slot] = sorted[slot - 1];
            sorted[slot] = value;
        }
        double sum = 0;
        for (uint32_t j = cut; j < count - cut; j++)
            sum += (double)sorted[j];
        ret[i] = (float)(sum / (count - 2 * cut));
    }
}

static void geometric_median(const struct bench *bench)
{
    float *next = bench->scratch;
    mean_of(bench, NULL, bench->ret);
    for (uint32_t step = 0; step < KITH_WEISZFELD_STEPS; step++) {
        double distance[KITH_AGGREGATE_MAX], far = 0, weights = 0;
        distances_to(bench, bench->ret, distance);
        for (uint32_t j = 0; j < bench->count; j++)
            far += distance[j] / bench->count;
        if (far == 0) return;
        for (uint32_t j = 0; j < bench->count; j++)
            weights += 1 / fmax(distance[j], KITH_WEISZFELD_TOLERANCE * far);
        memset(next, 0, bench->params * sizeof *next);
        for (uint32_t j = 0; j < bench->count; j++) {
            double weight = 1 / fmax(distance[j], KITH_WEISZFELD_TOLERANCE * far) / weights;
            add_scaled(next, bench->models[j], bench->params, (float)weight);
        }
        double moved = kith_mix_distance(next, bench->ret, bench->params);
        memcpy(bench->ret, next, bench->params * sizeof *next);
        if (moved <= KITH_WEISZFELD_TOLERANCE * far) return;
    }
}

static void krum(const struct bench *bench)
{
    uint32_t best = 0, others = bench->count - 1;
    uint32_t taken = others > bench->b + 1 ? others - bench->b - 1 : others > 0;
    double least = HUGE_VAL;
    for (uint32_t j = 0; j < bench->count; j++) {
        double distance[KITH_AGGREGATE_MAX], score = 0;
        distances_to(bench, bench->models[j], distance);
        sort(distance, bench->count); /* its own 0 comes first */
        for (uint32_t k = 1; k <= taken; k++)
            score += distance[k] * distance[k];
        if (score >= least) continue;
        least = score;
        best = j;
    }
    memcpy(bench->ret, bench->models[best], bench->params * sizeof *bench->ret);
}

/* ret <- ret + (1/n) sum over those that are in of (x_j - ret) min(1, tau / |x_j - ret|), tau being
 * their median distance; `own` is where no distance counts. n is of all that are in. */
static void clipped_step(const struct bench *bench, const bool *is_in)
{
    double distance[KITH_AGGREGATE_MAX], others[KITH_AGGREGATE_MAX];
    uint32_t in = 1, count = 0;
    float *from = bench->scratch;
    distances_to(bench, bench->ret, distance);
    for (uint32_t j = 1; j < bench->count; j++) {
        if (is_in && !is_in[j]) continue;
        others[count++] = distance[j];
        in++;
    }
    double tau = median_of(others, count);
    memcpy(from, bench->ret, bench->params * sizeof *from);
    for (uint32_t j = 0; j < bench->count; j++) {
        if (j > 0 && is_in && !is_in[j]) continue;
        double part = distance[j] > tau ? tau / distance[j] : 1;
        add_difference(bench->ret, bench->models[j], from, bench->params, (float)(part / in));
    }
}

static void start_from_own(const struct bench *bench)
{
    memcpy(bench->ret, bench->models[0], bench->params * sizeof *bench->ret);
}

static void centred_clip(const struct bench *bench)
{
    start_from_own(bench);
    for (int step = 0; step < KITH_CENTRED_CLIP_STEPS; step++)
        clipped_step(bench, NULL);
}

static void without_the_farthest(const struct bench *bench, bool clips)
{
    double distance[KITH_AGGREGATE_MAX];
    bool is_in[KITH_AGGREGATE_MAX];
    distances_to(bench, bench->models[0], distance);
    nearest(distance, bench->count, bench->count - bench->b, is_in);
    if (!clips) {
        mean_of(bench, is_in, bench->ret);
        return;
    }
    start_from_own(bench);
    clipped_step(bench, is_in);
}

static void nnm_trimmed(const struct bench *bench)
{
    const float *mixed[KITH_AGGREGATE_MAX];
    for (uint32_t j = 0; j < bench->count; j++) {
        double distance[KITH_AGGREGATE_MAX];
        bool is_in[KITH_AGGREGATE_MAX];
        float *row = bench->scratch + j * bench->params;
        distances_to(bench, bench->models[j], distance);
        nearest(distance, bench->count, bench->count - bench->b, is_in);
        mean_of(bench, is_in, row);
        mixed[j] = row;
    }
    trimmed(mixed, bench->count, bench->params, bench->b, bench->ret);
}

void kith_aggregate(enum kith_rule rule, const float *const *models, uint32_t count, size_t params,
                    uint32_t b, float *ret, float *scratch)
{
    kith_assert(count >= 1 && count <= KITH_AGGREGATE_MAX && rule != KITH_RULE_SCORE);
    uint32_t most = (count - 1) / 2;
    struct bench bench = {models, count, params, b < most ? b : most, ret, scratch};
    switch (rule) {
    case KITH_RULE_MEAN:
        mean_of(&bench, NULL, ret);
        return;
    case KITH_RULE_TRIMMED_MEAN:
        trimmed(models, count, params, bench.b, ret);
        return;
    case KITH_RULE_MEDIAN:
        trimmed(models, count, params, most, ret);
        return;
    case KITH_RULE_GEOMETRIC_MEDIAN:
        geometric_median(&bench);
        return;
    case KITH_RULE_KRUM:
        krum(&bench);
        return;
    case KITH_RULE_CENTRED_CLIP:
        centred_clip(&bench);
        return;
    case KITH_RULE_CLIPPED_GOSSIP:
        start_from_own(&bench);
        clipped_step(&bench, NULL);
        return;
    case KITH_RULE_NNA:
    case KITH_RULE_REMOVE_CLIP:
        without_the_farthest(&bench, rule == KITH_RULE_REMOVE_CLIP);
        return;
    case KITH_RULE_NNM_TRIMMED:
        nnm_trimmed(&bench);
        return;
    case KITH_RULE_SCORE:
    case KITH_RULES:
        return;
    }
}
