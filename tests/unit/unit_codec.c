/* training/codec: frames of floats in three forms. */
#include <math.h>

#include "base/err.h"
#include "base/rng.h"
#include "tests/test.h"
#include "training/codec.h"

enum { PARAMS_MAX = 1500 };

static float drawn[PARAMS_MAX];
static float decoded[PARAMS_MAX];
static uint8_t frame[8 * PARAMS_MAX + KITH_FRAME_HEAD];

/* Floats of mixed sizes, some of them exactly zero. */
static void draw(uint64_t seed, size_t params)
{
    for (size_t i = 0; i < params; i++) {
        uint64_t bits = kith_rng_at(seed, i);
        float size = ldexpf(1.0f, (int)(bits >> 60) - 12);
        drawn[i] = bits % 7 == 0 ? 0 : ((float)(bits >> 40 & 0xffff) / 32768.0f - 1) * size;
    }
}

static int decode(size_t len, size_t params)
{
    return kith_frame_decode((struct kith_bytes){frame, len}, params, decoded);
}

static float chunk_max(size_t at, size_t params)
{
    float largest = 0;
    size_t start = at / KITH_QUANT_CHUNK * KITH_QUANT_CHUNK;
    for (size_t i = start; i < params && i < start + KITH_QUANT_CHUNK; i++)
        largest = fmaxf(largest, fabsf(drawn[i]));
    return largest;
}

static void fp32_is_exact(void)
{
    draw(1, PARAMS_MAX);
    kith_frame_encode(KITH_WIRE_FP32, drawn, PARAMS_MAX, 5, frame);
    check_int(decode(kith_frame_size(KITH_WIRE_FP32, PARAMS_MAX), PARAMS_MAX), 0);
    check(memcmp(drawn, decoded, sizeof drawn) == 0);
}

static float from_half(uint16_t bits)
{
    uint8_t *at = frame + KITH_FRAME_HEAD;
    drawn[0] = 0;
    kith_frame_encode(KITH_WIRE_FP16, drawn, 1, 0, frame);
    at[0] = (uint8_t)bits;
    at[1] = (uint8_t)(bits >> 8);
    return decode(kith_frame_size(KITH_WIRE_FP16, 1), 1) == 0 ? decoded[0] : NAN;
}

static float through_half(float x)
{
    drawn[0] = x;
    kith_frame_encode(KITH_WIRE_FP16, drawn, 1, 0, frame);
    return decode(kith_frame_size(KITH_WIRE_FP16, 1), 1) == 0 ? decoded[0] : NAN;
}

/* Every half is itself, what lies between two goes to the nearer, and the middle to the even one.
 */
static void fp16_is_the_nearest_half(void)
{
    for (uint32_t bits = 0; bits < 0x7bff; bits++) {
        float half = from_half((uint16_t)bits), next = from_half((uint16_t)(bits + 1));
        float middle = half / 2 + next / 2;
        check(half < next);
        check(through_half(half) == half);
        check(through_half(-half) == -half);
        check(through_half(middle) == (bits % 2 ? next : half));
        check(through_half(nextafterf(middle, 0)) == half);
        check(through_half(-nextafterf(middle, INFINITY)) == -next);
    }
    check(from_half(0x3c00) == 1);
    check(from_half(0xc000) == -2);
    check(from_half(1) == 0x1p-24f);
    check(from_half(0x7bff) == 65504);
    check(through_half(65519) == 65504);
    static const float beyond[] = {65520, -1e30f, INFINITY, NAN};
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        drawn[0] = beyond[i];
        kith_frame_encode(KITH_WIRE_FP16, drawn, 1, 0, frame);
        check_int(decode(kith_frame_size(KITH_WIRE_FP16, 1), 1), KITH_ERR_NOT_FINITE);
    }
}

/* At every length around the chunk's: each float is off by at most one step, zeros stay zero, and
 * nothing is written past the frame. */
static void quantised_is_within_one_step(void)
{
    for (int wire = KITH_WIRE_INT8; wire <= KITH_WIRE_INT4; wire++) {
        float steps = wire == KITH_WIRE_INT8 ? 127 : 7;
        for (size_t params = 1; params < 600; params += params < 250 || params > 260 ? 7 : 1) {
            draw(params, params);
            size_t size = kith_frame_size((enum kith_wire)wire, params);
            frame[size] = 0xa5;
            kith_frame_encode((enum kith_wire)wire, drawn, params, params, frame);
            check_int(frame[size], 0xa5);
            check_int(decode(size, params), 0);
            for (size_t i = 0; i < params; i++) {
                check(fabsf(decoded[i] - drawn[i]) <= chunk_max(i, params) / steps * 1.002f);
                if (drawn[i] == 0.0f) check(decoded[i] == 0.0f);
            }
        }
    }
}

static void rounding_has_no_bias(void)
{
    enum { PARAMS = 256, TIMES = 4000 };
    static double sums[PARAMS];
    draw(3, PARAMS);
    for (int wire = KITH_WIRE_INT8; wire <= KITH_WIRE_INT4; wire++) {
        memset(sums, 0, sizeof sums);
        for (uint64_t key = 0; key < TIMES; key++) {
            kith_frame_encode((enum kith_wire)wire, drawn, PARAMS, key * 77, frame);
            check_int(decode(kith_frame_size((enum kith_wire)wire, PARAMS), PARAMS), 0);
            for (int i = 0; i < PARAMS; i++)
                sums[i] += decoded[i];
        }
        double step = chunk_max(0, PARAMS) / (wire == KITH_WIRE_INT8 ? 127.0 : 7.0);
        for (int i = 0; i < PARAMS; i++)
            check(fabs(sums[i] / TIMES - drawn[i]) < step * 5 * 0.5 / sqrt(TIMES));
    }
}

/* The scale is rounded up, never down, so that the largest float of a chunk is not cut. */
static void the_largest_float_has_no_bias(void)
{
    enum { TIMES = 4000 };
    double sum = 0;
    memset(drawn, 0, sizeof drawn);
    drawn[0] = 1.0009f; /* fp16 has 1 and 1.00098 */
    for (uint64_t key = 0; key < TIMES; key++) {
        kith_frame_encode(KITH_WIRE_INT8, drawn, 1, key * 77, frame);
        check_int(decode(kith_frame_size(KITH_WIRE_INT8, 1), 1), 0);
        sum += decoded[0];
    }
    check(fabs(sum / TIMES - 1.0009) < 1e-4);
}

static void equal_keys_give_equal_frames(void)
{
    static uint8_t first[2 * PARAMS_MAX];
    draw(4, PARAMS_MAX);
    size_t size = kith_frame_size(KITH_WIRE_INT4, PARAMS_MAX);
    kith_frame_encode(KITH_WIRE_INT4, drawn, PARAMS_MAX, 1, frame);
    memcpy(first, frame, size);
    kith_frame_encode(KITH_WIRE_INT4, drawn, PARAMS_MAX, 1, frame);
    check(memcmp(first, frame, size) == 0);
    kith_frame_encode(KITH_WIRE_INT4, drawn, PARAMS_MAX, 2, frame);
    check(memcmp(first, frame, size) != 0);
}

static void sizes_are_as_promised(void)
{
    check_int(kith_frame_size(KITH_WIRE_FP32, 1000), 16 + 4000);
    check_int(kith_frame_size(KITH_WIRE_FP16, 1000), 16 + 2000);
    check_int(kith_frame_size(KITH_WIRE_INT8, 1000), 16 + 1000 + 4 * 2);
    check_int(kith_frame_size(KITH_WIRE_INT4, 1000), 16 + 500 + 4 * 2);
    check_int(kith_frame_size(KITH_WIRE_INT4, 513), 16 + 2 * 130 + 3);
    check_int(kith_frame_size(KITH_WIRE_INT4, 512), 16 + 2 * 130);
}

static void wrong_heads_and_lengths_are_refused(void)
{
    draw(5, 300);
    for (int wire = 0; wire < KITH_WIRES; wire++) {
        size_t size = kith_frame_size((enum kith_wire)wire, 300);
        kith_frame_encode((enum kith_wire)wire, drawn, 300, 1, frame);
        for (size_t len = 0; len <= size + 1; len++)
            check_int(decode(len, 300), len == size ? 0 : KITH_ERR_SHAPE);
        check_int(decode(size, 299), KITH_ERR_SHAPE);
        check_int(decode(size, 301), KITH_ERR_SHAPE);
        frame[15] = 1;
        check_int(decode(size, 300), KITH_ERR_SHAPE);
        frame[15] = 0;
        frame[4] = KITH_WIRES;
        check_int(decode(size, 300), KITH_ERR_TYPE);
        frame[4] = (uint8_t)wire;
        frame[6] = 1;
        check_int(decode(size, 300), KITH_ERR_TYPE);
        frame[6] = 0;
        frame[0] ^= 1;
        check_int(decode(size, 300), KITH_ERR_TYPE);
    }
}

static void put_float(size_t index, uint32_t bits)
{
    for (int i = 0; i < 4; i++)
        frame[KITH_FRAME_HEAD + 4 * index + (size_t)i] = (uint8_t)(bits >> (8 * i));
}

static void odd_floats_are_refused(void)
{
    static const uint32_t odd[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xffffffff,
                                   0x00000001, 0x807fffff, 0x7f800001};
    static const uint32_t fine[] = {0, 0x80000000, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x3f800000};
    draw(6, 300);
    size_t size = kith_frame_size(KITH_WIRE_FP32, 300);
    kith_frame_encode(KITH_WIRE_FP32, drawn, 300, 1, frame);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        put_float(299 - i, odd[i]);
        check_int(decode(size, 300), KITH_ERR_NOT_FINITE);
        put_float(299 - i, 0);
    }
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        put_float(i, fine[i]);
        check_int(decode(size, 300), 0);
    }
}

static void odd_scales_are_refused(void)
{
    static const uint16_t odd[] = {0x7c00, 0xfc00, 0x7e00, 0x7c01, 0x8000, 0xbc00};
    draw(7, 300);
    for (int wire = KITH_WIRE_INT8; wire <= KITH_WIRE_INT4; wire++) {
        size_t size = kith_frame_size((enum kith_wire)wire, 300);
        size_t last = KITH_FRAME_HEAD + 2 + (wire == KITH_WIRE_INT8 ? 256 : 128);
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
            kith_frame_encode((enum kith_wire)wire, drawn, 300, 1, frame);
            frame[last] = (uint8_t)odd[i];
            frame[last + 1] = (uint8_t)(odd[i] >> 8);
            check_int(decode(size, 300), KITH_ERR_NOT_FINITE);
        }
    }
}

static void a_diverged_model_gives_a_frame_nobody_takes(void)
{
    static const float odd[] = {INFINITY, -INFINITY, NAN};
    for (int wire = 0; wire < KITH_WIRES; wire++) {
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
            draw(8, 300);
            drawn[270] = odd[i];
            kith_frame_encode((enum kith_wire)wire, drawn, 300, 1, frame);
            check_int(decode(kith_frame_size((enum kith_wire)wire, 300), 300), KITH_ERR_NOT_FINITE);
        }
    }
}

static void extreme_floats_stay_in_bounds(void)
{
    static const float extremes[] = {3e38f, -3e38f, 65504, 65505, 1e-30f, 6e-8f, 1e-40f, -1e-7f};
    for (int wire = 0; wire < KITH_WIRES; wire++) {
        for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
            memset(drawn, 0, sizeof drawn);
            drawn[3] = extremes[i];
            kith_frame_encode((enum kith_wire)wire, drawn, 10, 1, frame);
            int err = decode(kith_frame_size((enum kith_wire)wire, 10), 10);
            bool fits = wire != KITH_WIRE_FP16 || fabsf(extremes[i]) < 65520;
            check_int(err, fits ? 0 : KITH_ERR_NOT_FINITE);
            if (!fits) continue;
            check(decoded[0] == 0.0f);
            check(fabsf(decoded[3]) <= fabsf(extremes[i]) * 1.001f + 0x1p-24f);
            check(decoded[3] * extremes[i] >= 0.0f);
        }
    }
}

int main(void)
{
    run(fp32_is_exact);
    run(fp16_is_the_nearest_half);
    run(quantised_is_within_one_step);
    run(rounding_has_no_bias);
    run(the_largest_float_has_no_bias);
    run(equal_keys_give_equal_frames);
    run(sizes_are_as_promised);
    run(wrong_heads_and_lengths_are_refused);
    run(odd_floats_are_refused);
    run(odd_scales_are_refused);
    run(a_diverged_model_gives_a_frame_nobody_takes);
    run(extreme_floats_stay_in_bounds);
    return test_end();
}
