#include "training/mix.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "training/codec.h"

/* Sums are split over so many lanes, which a compiler can keep in vectors without reordering. */
enum { LANES = 16 };

double kith_mix_distance(const float *x, const float *y, size_t params)
{
    double lanes[LANES] = {0};
    size_t whole = params - params % LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            double d = (double)x[i + lane] - (y ? (double)y[i + lane] : 0);
            lanes[lane] += d * d;
        }
    }
    for (size_t i = whole; i < params; i++) {
        double d = (double)x[i] - (y ? (double)y[i] : 0);
        lanes[i - whole] += d * d;
    }
    double sum = 0;
    for (size_t lane = 0; lane < LANES; lane++)
        sum += lanes[lane];
    return sqrt(sum);
}

double kith_mix_dot(const float *x, const float *y, size_t params)
{
    double lanes[LANES] = {0};
    size_t whole = params - params % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += (double)x[i + lane] * (double)y[i + lane];
    for (size_t i = whole; i < params; i++)
        lanes[i - whole] += (double)x[i] * (double)y[i];
    double sum = 0;
    for (size_t lane = 0; lane < LANES; lane++)
        sum += lanes[lane];
    return sum;
}

void kith_mix_settle(struct kith_bytes frame, const float *x, size_t params, float *decoded)
{
    for (size_t start = 0; start < params; start += KITH_QUANT_CHUNK) {
        double step = (double)kith_frame_step(frame, start / KITH_QUANT_CHUNK);
        if (step == 0) continue;
        size_t count = params - start < KITH_QUANT_CHUNK ? params - start : KITH_QUANT_CHUNK;
        double distance = kith_mix_distance(decoded + start, x + start, count);
        double explained = (double)count * step * step / 12;
        double square = distance * distance;
        float gain = square > explained ? (float)(1 - explained / square) : 0;
        for (size_t i = start; i < start + count; i++)
            decoded[i] = x[i] + gain * (decoded[i] - x[i]);
    }
}

void kith_mix_open(struct kith_pulled *pulled, const float *x, double norm, size_t params,
                   float *decoded)
{
    pulled->err = kith_frame_decode(pulled->frame, params, decoded);
    if (pulled->err) return;
    if (!(kith_mix_distance(decoded, NULL, params) <= KITH_NORM_RATIO_MAX * norm)) {
        pulled->err = KITH_ERR_RANGE;
        return;
    }
    kith_mix_settle(pulled->frame, x, params, decoded);
    pulled->distance = kith_mix_distance(decoded, x, params);
}

static bool is_mixed(const struct kith_pulled *pulled)
{
    return pulled->err == 0 && pulled->weight > 0;
}

static double median(double *at, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        double inserted = at[i];
        uint32_t slot = i;
        for (; slot > 0 && at[slot - 1] > inserted; slot--)
            at[slot] = at[slot - 1];
        at[slot] = inserted;
    }
    return count % 2 ? at[count / 2] : (at[count / 2 - 1] + at[count / 2]) / 2;
}

static double clip_distance(const struct kith_pulled *pulled, uint32_t count)
{
    double distances[KITH_PULL_MAX];
    uint32_t mixed = 0;
    for (uint32_t i = 0; i < count; i++)
        if (is_mixed(&pulled[i])) distances[mixed++] = pulled[i].distance;
    return mixed < KITH_CLIP_FROM ? HUGE_VAL : 1.5 * median(distances, mixed);
}

static void add_difference(float *sum, const float *x, const float *other, size_t params,
                           float factor)
{
    for (size_t i = 0; i < params; i++)
        sum[i] += factor * (other[i] - x[i]);
}

static void add_scaled(float *x, const float *sum, size_t params, float factor)
{
    for (size_t i = 0; i < params; i++)
        x[i] += factor * sum[i];
}

uint32_t kith_mix(float *x, size_t params, float own, struct kith_pulled *pulled, uint32_t count,
                  float *decoded, float *sum)
{
    kith_assert(count <= KITH_PULL_MAX);
    double norm = kith_mix_distance(x, NULL, params);
    for (uint32_t i = 0; i < count; i++)
        kith_mix_open(&pulled[i], x, norm, params, decoded);

    memset(sum, 0, params * sizeof *sum);
    double tau = clip_distance(pulled, count);
    double weights = (double)own;
    uint32_t mixed = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_mixed(&pulled[i])) continue;
        bool decoded_last = i + 1 == count;
        if (!decoded_last || mixed > 0) {
            int err = kith_frame_decode(pulled[i].frame, params, decoded);
            kith_assert(err == 0);
            kith_mix_settle(pulled[i].frame, x, params, decoded);
        }
        double shortened = pulled[i].distance > tau ? tau / pulled[i].distance : 1;
        add_difference(sum, x, decoded, params, (float)(pulled[i].weight * shortened));
        weights += pulled[i].weight;
        mixed++;
    }
    if (mixed > 0) add_scaled(x, sum, params, (float)(1 / weights));
    return mixed;
}

void kith_mix_momentum(float *m, const float *before, const float *x, size_t params, float mu,
                       float length)
{
    kith_assert(length > 0);
    float factor = (1 - mu) / length;
    for (size_t i = 0; i < params; i++)
        m[i] = mu * m[i] + factor * (before[i] - x[i]);
}
