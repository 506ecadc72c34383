#include "training/audit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "training/explog.h"

/* One audit under way. Of the pulled models only the sound ones take part. */
struct audit {
    struct kith_job *job;
    struct kith_learner *learner;
    const float *x;
    size_t params;
    uint32_t count;
    uint32_t at[KITH_PULL_MAX];   /* positions in job->pulled */
    float *model[KITH_PULL_MAX];  /* [params] each; from `centre` on: residuals r_j */
    double length[KITH_PULL_MAX]; /* |r_j| */
    float *centre;                /* c */
    float *probe;
    uint32_t rows[KITH_AUDIT_BATCH];
    uint32_t row_count;
};

static uint32_t coin_of(const struct kith_job *job)
{
    struct kith_rng rng;
    kith_rng_split(&rng, job->learner->config.seed, "audit", job->round);
    return (uint32_t)kith_rng_u64(&rng);
}

bool kith_audit_is_due(const struct kith_job *job)
{
    const struct kith_learner_config *config = &job->learner->config;
    if (config->rule != KITH_RULE_SCORE || config->task->audit_count == 0) return false;
    uint32_t coin = coin_of(job);
    for (uint32_t i = 0; i < job->pulled_count; i++)
        if (kith_standing_wants_audit(&job->pulled[i].standing, coin)) return true;
    return false;
}

/* --- the audit --- */

/* Labelled rows that nobody can foresee: drawn by this node's own seed. */
static void draw_rows(struct audit *audit)
{
    const struct kith_task *task = audit->learner->config.task;
    struct kith_rng rng;
    kith_rng_split(&rng, audit->learner->config.seed, "audit batch", audit->job->round);
    uint32_t seen = 0, max = KITH_AUDIT_BATCH;
    for (; seen < task->audit_count; seen++) {
        uint32_t place = seen < max ? seen : kith_rng_below(&rng, seen + 1);
        if (place < max) audit->rows[place] = task->audit_indices[seen];
    }
    audit->row_count = seen < max ? seen : max;
}

static double median_of(const double *at, uint32_t count)
{
    double sorted[KITH_PULL_MAX];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = i;
        for (; slot > 0 && sorted[slot - 1] > at[i]; slot--)
            sorted[slot] = sorted[slot - 1];
        sorted[slot] = at[i];
    }
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static void add_difference(float *ret, const float *a, const float *b, size_t count, float factor)
{
    for (size_t i = 0; i < count; i++)
        ret[i] += factor * (a[i] - b[i]);
}

/* The mean of all, the own one included, with far ones pulled to the median distance. */
static void find_centre(struct audit *audit)
{
    double distance[KITH_PULL_MAX];
    for (uint32_t j = 0; j < audit->count; j++)
        distance[j] = audit->job->pulled[audit->at[j]].distance;
    double median = median_of(distance, audit->count);
    memcpy(audit->centre, audit->x, audit->params * sizeof *audit->centre);
    for (uint32_t j = 0; j < audit->count; j++) {
        double part = distance[j] > median ? median / distance[j] : 1;
        add_difference(audit->centre, audit->model[j], audit->x, audit->params,
                       (float)(part / (audit->count + 1)));
    }
    for (uint32_t j = 0; j < audit->count; j++) {
        float *model = audit->model[j];
        for (size_t i = 0; i < audit->params; i++)
            model[i] -= audit->centre[i];
        audit->length[j] = kith_mix_distance(model, NULL, audit->params);
    }
}

/* Mean loss of each class at centre + factor * r_j; NaN for a class without rows. */
static void class_losses(struct audit *audit, uint32_t j, float factor, float *ret)
{
    struct kith_learner *learner = audit->learner;
    const struct kith_dataset *train = &learner->config.task->train;
    uint32_t seen[KITH_CLASSES_MAX] = {0}, classes = train->classes;
    double sum[KITH_CLASSES_MAX] = {0};
    for (size_t i = 0; i < audit->params; i++)
        audit->probe[i] = audit->centre[i] + factor * audit->model[j][i];
    kith_model_set_weights(learner->peer, audit->probe);
    struct kith_rows rows = {train->images, audit->rows, audit->row_count};
    kith_model_probabilities(learner->peer, &rows, 1, learner->probabilities);
    for (uint32_t i = 0; i < audit->row_count; i++) {
        uint8_t label = train->labels[audit->rows[i]];
        sum[label] += kith_cross_entropy(learner->probabilities[(size_t)i * classes + label]);
        seen[label]++;
    }
    for (uint32_t y = 0; y < classes; y++)
        ret[y] = seen[y] > 0 ? (float)(sum[y] / seen[y]) : NAN;
}

static double cosine(const struct audit *audit, uint32_t j, uint32_t k)
{
    double product = audit->length[j] * audit->length[k];
    if (!(product > 0)) return 0;
    return kith_mix_dot(audit->model[j], audit->model[k], audit->params) / product;
}

static void find_evidence(struct audit *audit)
{
    struct kith_evidence evidence[KITH_PULL_MAX] = {0};
    double median = median_of(audit->length, audit->count);
    uint32_t classes = audit->learner->config.task->train.classes;
    for (uint32_t j = 0; j < audit->count; j++) {
        float behind[KITH_CLASSES_MAX], ahead[KITH_CLASSES_MAX];
        double nearest = -1, scale = audit->length[j] > 0 ? median / audit->length[j] : 0;
        class_losses(audit, j, -(float)scale, behind);
        class_losses(audit, j, (float)scale, ahead);
        for (uint32_t k = 0; k < audit->count; k++)
            if (k != j) nearest = fmax(nearest, cosine(audit, j, k));
        evidence[j].direction = kith_evidence_direction(behind, ahead, classes);
        evidence[j].novelty = kith_evidence_novelty(audit->length[j], median);
        evidence[j].uniqueness = kith_evidence_uniqueness(nearest);
    }
    kith_evidence_rank(evidence, audit->count);
    for (uint32_t j = 0; j < audit->count; j++) {
        struct kith_pulled *pulled = &audit->job->pulled[audit->at[j]];
        pulled->evidence = evidence[j];
        pulled->audited = true;
        kith_standing_add(&pulled->standing, evidence[j].value);
    }
}

static void run_audit(struct audit *audit, double norm)
{
    struct kith_job *job = audit->job;
    float *room = kith_learner_alloc_bench(audit->learner, job->pulled_count + 2);
    if (!room) return;
    audit->centre = room;
    audit->probe = room + audit->params;
    for (uint32_t i = 0; i < job->pulled_count; i++) {
        float *model = room + (2 + audit->count) * audit->params;
        kith_mix_open(&job->pulled[i], audit->x, norm, audit->params, model);
        if (job->pulled[i].err) continue;
        audit->model[audit->count] = model;
        audit->at[audit->count++] = i;
    }
    if (audit->count > 0) {
        draw_rows(audit);
        find_centre(audit);
        find_evidence(audit);
    }
    free(room);
}

/* --- weights --- */

static void weigh_alike(struct kith_job *job, const float *x, double norm, float *decoded)
{
    uint32_t sound = 0;
    for (uint32_t i = 0; i < job->pulled_count; i++) {
        kith_mix_open(&job->pulled[i], x, norm, job->learner->config.arch.params, decoded);
        job->pulled[i].weight = kith_age_discount(job->pulled[i].age);
        sound += job->pulled[i].err == 0;
    }
    for (uint32_t left = kith_rule_hostile(sound); left > 0; left--) {
        struct kith_pulled *farthest = NULL;
        for (uint32_t i = 0; i < job->pulled_count; i++) {
            struct kith_pulled *pulled = &job->pulled[i];
            if (pulled->err || pulled->weight == 0) continue;
            if (!farthest || pulled->distance > farthest->distance) farthest = pulled;
        }
        if (farthest) farthest->weight = 0;
    }
}

static void weigh_by_standing(struct kith_job *job)
{
    float scores[KITH_SCORE_OTHERS_MAX + KITH_PULL_MAX];
    uint32_t count = job->other_count;
    kith_assert(count <= KITH_SCORE_OTHERS_MAX);
    if (count > 0) memcpy(scores, job->others, count * sizeof *scores);
    for (uint32_t i = 0; i < job->pulled_count; i++)
        if (job->pulled[i].standing.meetings > 0)
            scores[count++] = kith_standing_score(&job->pulled[i].standing);
    float median = kith_score_median(scores, count);
    for (uint32_t i = 0; i < job->pulled_count; i++) {
        struct kith_pulled *pulled = &job->pulled[i];
        float weight = kith_score_weight(kith_standing_score(&pulled->standing), median);
        bool is_known = pulled->standing.meetings > 0;
        if (!is_known && weight > KITH_SCORE_NEWCOMER) weight = KITH_SCORE_NEWCOMER;
        pulled->weight = weight * kith_age_discount(pulled->age);
    }
}

void kith_audit(struct kith_job *job, const float *x)
{
    struct kith_learner *learner = job->learner;
    size_t params = learner->config.arch.params;
    double norm = kith_mix_distance(x, NULL, params);
    struct audit audit = {.job = job, .learner = learner, .x = x, .params = params};
    if (kith_audit_is_due(job)) run_audit(&audit, norm);
    bool is_early = job->round < KITH_SCORE_WARM_UP || learner->config.task->audit_count == 0;
    if (is_early)
        weigh_alike(job, x, norm, learner->decoded);
    else
        weigh_by_standing(job);
}
