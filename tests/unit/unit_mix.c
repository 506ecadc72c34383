/* training/mix: which pulled models are taken, how far, and the momentum that follows. */
#include <math.h>

#include "base/err.h"
#include "base/rng.h"
#include "tests/test.h"
#include "training/codec.h"
#include "training/finite.h"
#include "training/mix.h"

enum { PARAMS = 70, FRAME = KITH_FRAME_HEAD + 4 * PARAMS };

static float own[PARAMS];
static float others[KITH_PULL_MAX][PARAMS];
static uint8_t frames[KITH_PULL_MAX][FRAME];
static struct kith_pulled pulled[KITH_PULL_MAX];
static float decoded[PARAMS], sum[PARAMS];

static float draw(uint64_t key, uint64_t index)
{
    return (float)(kith_rng_at(key, index) >> 40) * 0x1p-23f - 1;
}

/* Own and `count` other models; other j lies `distance[j]` away along a direction of its own. */
static void place(uint32_t count, const double *distances)
{
    for (uint32_t i = 0; i < PARAMS; i++)
        own[i] = draw(1, i);
    for (uint32_t j = 0; j < count; j++) {
        memcpy(others[j], own, sizeof own);
        others[j][j] += (float)distances[j];
        kith_frame_encode(KITH_WIRE_FP32, others[j], PARAMS, 0, frames[j]);
        pulled[j] = (struct kith_pulled){.frame = {frames[j], FRAME}, .weight = 1, .err = 99};
    }
}

static uint32_t mix(uint32_t count)
{
    return kith_mix(own, PARAMS, 1, pulled, count, decoded, sum);
}

static void two_models_meet_in_the_middle(void)
{
    place(1, (double[]){2});
    float before = own[0];
    check_int(mix(1), 1);
    check_int(pulled[0].err, 0);
    check(fabs(pulled[0].distance - 2) < 1e-6);
    check(fabsf(own[0] - (before + 1)) < 1e-6f);
    check(own[1] == others[0][1]);
}

static void nobody_pulled_changes_nothing(void)
{
    place(1, (double[]){2});
    check_int(mix(0), 0);
    for (uint32_t i = 0; i < PARAMS; i++)
        check(own[i] == draw(1, i));
}

/* x' = x + sum w d / (1 + sum w): a weight counts against the own one. */
static void weights_count_against_the_own_one(void)
{
    place(2, (double[]){3, 3});
    pulled[0].weight = 2;
    pulled[1].weight = 0;
    float before[2] = {own[0], own[1]};
    check_int(mix(2), 1);
    check(fabsf(own[0] - (before[0] + 2)) < 1e-6f);
    check(own[1] == before[1]);
    check_int(pulled[1].err, 0);
    check(fabs(pulled[1].distance - 3) < 1e-6);
}

/* From three on the farthest is drawn in to 1.5 times the median; with two it is not. */
static void far_models_are_clipped_from_three_on(void)
{
    place(3, (double[]){1, 1, 5});
    float before = own[2];
    check_int(mix(3), 3);
    check(fabsf(own[2] - (before + 1.5f / 4)) < 1e-5f);

    place(2, (double[]){1, 5});
    before = own[1];
    check_int(mix(2), 2);
    check(fabsf(own[1] - (before + 5.0f / 3)) < 1e-5f);

    place(4, (double[]){1, 2, 4, 8}); /* median 3, tau 4.5 */
    before = own[3];
    check_int(mix(4), 4);
    check(fabsf(own[3] - (before + 4.5f / 5)) < 1e-5f);
}

/* A model that is no good is as if it had never been pulled: neither its place in the mean nor its
 * distance in the median remains. */
static void bad_models_are_left_out_of_the_mean(void)
{
    place(4, (double[]){1, 1, 2, 1e9});
    frames[1][KITH_FRAME_HEAD + 3] = 0x7f; /* an infinity or NaN */
    frames[1][KITH_FRAME_HEAD + 2] = 0x80;
    float before[4] = {own[0], own[1], own[2], own[3]};
    check_int(mix(4), 2);
    check_int(pulled[0].err, 0);
    check_int(pulled[1].err, KITH_ERR_NOT_FINITE);
    check_int(pulled[2].err, 0);
    check_int(pulled[3].err, KITH_ERR_RANGE);
    check(fabsf(own[0] - (before[0] + 1.0f / 3)) < 1e-5f);
    check(own[1] == before[1]);
    check(fabsf(own[2] - (before[2] + 2.0f / 3)) < 1e-5f);
    check(own[3] == before[3]);
}

static void the_norm_bound_is_ten_times_the_own(void)
{
    for (int over = 0; over < 2; over++) {
        place(1, (double[]){0});
        float scale = over ? 10.01f : 9.99f;
        for (uint32_t i = 0; i < PARAMS; i++)
            others[0][i] = own[i] * scale;
        kith_frame_encode(KITH_WIRE_FP32, others[0], PARAMS, 0, frames[0]);
        check_int(mix(1), !over);
        check_int(pulled[0].err, over ? KITH_ERR_RANGE : 0);
    }
}

static void a_model_that_is_not_finite_takes_nobody(void)
{
    place(2, (double[]){1, 1});
    own[5] = NAN;
    check_int(mix(2), 0);
    check_int(pulled[0].err, KITH_ERR_RANGE);
}

/* The last model's frame is decoded once, the others' twice: the mean does not depend on it. */
static void every_position_counts_alike(void)
{
    for (uint32_t bad = 0; bad < 5; bad++) {
        place(5, (double[]){1, 1, 1, 1, 1});
        float before[5];
        memcpy(before, own, sizeof before);
        pulled[bad].frame.len--;
        check_int(mix(5), 4);
        for (uint32_t i = 0; i < 5; i++)
            check(fabsf(own[i] - (before[i] + (i == bad ? 0.0f : 0.2f))) < 1e-5f);
    }
}

/* A frame of the own model differs from it by its rounding alone and hardly moves it; one of a
 * model far away is nearly what it says; fp32 is exactly what it says, and fp16 hardly rounds. */
static void rounding_is_not_mixed_in(void)
{
    enum { MANY = 2560 };
    static float x[MANY], other[MANY], got[MANY];
    static uint8_t frame[KITH_FRAME_HEAD + 4 * MANY];
    for (int wire = 0; wire < KITH_WIRES; wire++) {
        struct kith_bytes bytes = {frame, kith_frame_size((enum kith_wire)wire, MANY)};
        for (size_t i = 0; i < MANY; i++) {
            x[i] = draw(5, i);
            other[i] = x[i] + 20 * draw(6, i);
        }
        kith_frame_encode((enum kith_wire)wire, x, MANY, 9, frame);
        check_int(kith_frame_decode(bytes, MANY, got), 0);
        double rounding = kith_mix_distance(got, x, MANY);
        kith_mix_settle(bytes, x, MANY, got);
        bool is_coarse = wire == KITH_WIRE_INT8 || wire == KITH_WIRE_INT4;
        check(kith_mix_distance(got, x, MANY) <= (is_coarse ? rounding * 0.65 : rounding));
        if (wire != KITH_WIRE_FP32) check(rounding > 0);

        kith_frame_encode((enum kith_wire)wire, other, MANY, 9, frame);
        check_int(kith_frame_decode(bytes, MANY, got), 0);
        double before = kith_mix_distance(got, x, MANY);
        kith_mix_settle(bytes, x, MANY, got);
        check(kith_mix_distance(got, x, MANY) >= before * 0.98);
        if (wire == KITH_WIRE_FP32) check(memcmp(got, other, sizeof got) == 0);
    }
}

static void momentum_follows_the_movement(void)
{
    float m[3] = {1, 2, 3}, before[3] = {5, 5, 5}, after[3] = {5, 4, 6};
    kith_mix_momentum(m, before, after, 3, 0.9f, 2);
    check(fabsf(m[0] - 0.9f) < 1e-6f);
    check(fabsf(m[1] - 1.85f) < 1e-6f);
    check(fabsf(m[2] - 2.65f) < 1e-6f);
}

static void distances_are_euclidean_at_every_length(void)
{
    for (size_t n = 0; n <= PARAMS; n++) {
        double expect = 0;
        for (size_t i = 0; i < n; i++) {
            own[i] = draw(2, i);
            others[0][i] = draw(3, i);
            expect +=
                ((double)own[i] - (double)others[0][i]) * ((double)own[i] - (double)others[0][i]);
        }
        check(fabs(kith_mix_distance(own, others[0], n) - sqrt(expect)) < 1e-12);
    }
}

static void one_float_that_is_no_number_is_found_anywhere(void)
{
    const float bad[] = {NAN, -NAN, HUGE_VALF, -HUGE_VALF};
    const float good[] = {0, -0.0f, 3.4e38f, -3.4e38f, 1e-45f, -1e-45f, 1};
    float x[67];
    for (size_t i = 0; i < 67; i++)
        x[i] = good[i % 7];
    for (size_t count = 0; count <= 67; count++)
        check(kith_all_finite(x, count));
    for (size_t i = 0; i < 67; i++) {
        float kept = x[i];
        x[i] = bad[i % 4];
        check(!kith_all_finite(x, 67));
        check(kith_all_finite(x, i));
        x[i] = kept;
    }
}

int main(void)
{
    run(one_float_that_is_no_number_is_found_anywhere);
    run(two_models_meet_in_the_middle);
    run(nobody_pulled_changes_nothing);
    run(weights_count_against_the_own_one);
    run(far_models_are_clipped_from_three_on);
    run(bad_models_are_left_out_of_the_mean);
    run(the_norm_bound_is_ten_times_the_own);
    run(a_model_that_is_not_finite_takes_nobody);
    run(every_position_counts_alike);
    run(rounding_is_not_mixed_in);
    run(momentum_follows_the_movement);
    run(distances_are_euclidean_at_every_length);
    return test_end();
}
