#include <math.h>
#include <stdint.h>

#include "tests/test.h"
#include "training/explog.h"

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Distance from the exact value in units of the last place of a float. */
static double ulps(float got, double exact)
{
    double place = ldexp(1.0, (int)fmax(floor(log2(fabs(exact))), -126) - 23);
    return fabs((double)got - exact) / place;
}

static void exp_is_within_about_an_ulp(void)
{
    for (int i = -870000; i <= 880000; i++) {
        float x = (float)i * 1e-4f;
        check(ulps(kith_exp(x), exp((double)x)) < 1.01);
    }
    check(kith_exp(0) == 1.0f);
}

static void exp_ends_at_zero_and_infinity(void)
{
    check(kith_exp(-87.1f) == 0);
    check(kith_exp(-INFINITY) == 0);
    check(isinf(kith_exp(89.0f)));
    check(isinf(kith_exp(INFINITY)));
    check(isnan(kith_exp(NAN)));
}

static void log_is_within_an_ulp(void)
{
    for (uint32_t bits = 0x00800000u; bits < 0x7f800000u; bits += 997)
        check(bits == 0x3f800000u ||
              ulps(kith_log(float_of(bits)), log((double)float_of(bits))) < 1.0);
    check(kith_log(1.0f) == 0);
}

static void log_of_what_is_no_positive_normal_number(void)
{
    check(kith_log(0.0f) == -INFINITY);
    check(kith_log(-0.0f) == -INFINITY);
    check(kith_log(0x1p-130f) == -INFINITY);
    check(kith_log(INFINITY) == INFINITY);
    check(isnan(kith_log(-1.0f)));
    check(isnan(kith_log(NAN)));
}

int main(void)
{
    run(exp_is_within_about_an_ulp);
    run(exp_ends_at_zero_and_infinity);
    run(log_is_within_an_ulp);
    run(log_of_what_is_no_positive_normal_number);
    return test_end();
}
