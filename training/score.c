#include "training/score.h"

#include <math.h>

#include "base/assert.h"
#include "training/mix.h"

#define UNIQUE_FROM 0.5
#define UNIQUE_OVER 0.3
#define WEIGHT_FROM 0.5f
#define WEIGHT_OVER 0.3f
#define AGE_HALF    4.0f
#define AGE_MAX     8.0f

static double clip(double value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

/* 1 - .8^n, without pow: what the weights of n meetings sum to. */
static float weights_of(uint32_t meetings)
{
    float rest = 1;
    for (uint32_t i = 0; i < meetings && i < 64; i++)
        rest *= KITH_SCORE_KEEP;
    return 1 - rest;
}

float kith_standing_score(const struct kith_standing *standing)
{
    return standing->meetings > 0 ? standing->sum / weights_of(standing->meetings) : 0;
}

void kith_standing_add(struct kith_standing *standing, float evidence)
{
    float before = kith_standing_score(standing);
    standing->sum = KITH_SCORE_KEEP * standing->sum + (1 - KITH_SCORE_KEEP) * evidence;
    standing->meetings++;
    float moved = kith_standing_score(standing) - before;
    bool is_steady = moved < KITH_SCORE_STEADY && moved > -KITH_SCORE_STEADY;
    standing->steady = is_steady ? standing->steady + 1 : 0;
}

bool kith_standing_wants_audit(const struct kith_standing *standing, uint32_t coin)
{
    if (standing->meetings < KITH_SCORE_SURE) return true;
    if (standing->steady >= KITH_SCORE_SURE) return coin % 8 == 0;
    return coin % 2 == 0;
}

void kith_evidence_rank(struct kith_evidence *evidence, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        float below = 0;
        for (uint32_t j = 0; j < count; j++) {
            if (evidence[j].direction < evidence[i].direction) below += 1;
            if (j != i && evidence[j].direction == evidence[i].direction) below += 0.5f;
        }
        float rank = (below + 0.5f) / (float)count;
        evidence[i].value = rank * evidence[i].novelty * evidence[i].uniqueness;
    }
}

/* exp(-|ln rho|) is the smaller of rho and 1 / rho. */
float kith_evidence_novelty(double length, double median_length)
{
    if (!(length > 0 && median_length > 0)) return length == median_length ? 1 : 0;
    return (float)(length < median_length ? length / median_length : median_length / length);
}

float kith_evidence_uniqueness(double largest_cosine)
{
    return (float)(1 - clip((largest_cosine - UNIQUE_FROM) / UNIQUE_OVER));
}

float kith_evidence_direction(const float *loss_behind, const float *loss_ahead, uint32_t classes)
{
    float first = -HUGE_VALF, second = -HUGE_VALF;
    for (uint32_t y = 0; y < classes; y++) {
        float gain = (loss_behind[y] - loss_ahead[y]) / 2;
        if (!(gain > second)) continue;
        second = gain > first ? first : gain;
        first = gain > first ? gain : first;
    }
    if (first == -HUGE_VALF) return 0;
    return second == -HUGE_VALF ? first : (first + second) / 2;
}

float kith_score_weight(float score, float median)
{
    if (!(median > 0)) return 1;
    return (float)clip((double)((score / median - WEIGHT_FROM) / WEIGHT_OVER));
}

float kith_score_median(float *at, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        float inserted = at[i];
        uint32_t slot = i;
        for (; slot > 0 && at[slot - 1] > inserted; slot--)
            at[slot] = at[slot - 1];
        at[slot] = inserted;
    }
    if (count == 0) return 0;
    return count % 2 ? at[count / 2] : (at[count / 2 - 1] + at[count / 2]) / 2;
}

float kith_age_discount(float age)
{
    if (age <= 0) return 1;
    return age > AGE_MAX ? 0 : AGE_HALF / (AGE_HALF + age);
}
