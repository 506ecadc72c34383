#include "training/explog.h"

#include <float.h>
#include <math.h>
#include <stdint.h>

#include "training/float_bits.h"

/* Both reductions and both polynomials are those of the Cephes library (Moshier 1992). */

float kith_exp(float x)
{
    if (!(x >= -87.0f)) return x < -87.0f ? 0.0f : x;
    if (x > 88.7f) return INFINITY;
    /* Adding 1.5 * 2^23 rounds to an integer, which then sits in the low bits. */
    float shifted = fmaf(x, 1.44269504f, 12582912.0f);
    float n = shifted - 12582912.0f;
    float r = fmaf(n, -0.693359375f, x);
    r = fmaf(n, 2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    p = fmaf(p, r, 1.3981999507e-3f);
    p = fmaf(p, r, 8.3334519073e-3f);
    p = fmaf(p, r, 4.1665795894e-2f);
    p = fmaf(p, r, 1.6666665459e-1f);
    p = fmaf(p, r, 5.0000001201e-1f);
    p = fmaf(p, r * r, r) + 1.0f;
    return kith_float_of(kith_bits_of(p) + (kith_bits_of(shifted) << 23));
}

float kith_log(float x)
{
    uint32_t bits = kith_bits_of(x);
    if (bits << 1 < 0x01000000u) return -INFINITY;
    if (bits >= 0x7f800000u) return bits == 0x7f800000u ? x : NAN;
    /* x = m 2^e with m in [sqrt(1/2), sqrt(2)). */
    uint32_t offset = bits - 0x3f3504f3u;
    float e = (float)((int32_t)offset >> 23);
    float f = kith_float_of((offset & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    float p = 7.0376836292e-2f;
    p = fmaf(p, f, -1.1514610310e-1f);
    p = fmaf(p, f, 1.1676998740e-1f);
    p = fmaf(p, f, -1.2420140846e-1f);
    p = fmaf(p, f, 1.4249322787e-1f);
    p = fmaf(p, f, -1.6668057665e-1f);
    p = fmaf(p, f, 2.0000714765e-1f);
    p = fmaf(p, f, -2.4999993993e-1f);
    p = fmaf(p, f, 3.3333331174e-1f);
    float z = f * f;
    float y = f * z * p;
    y = fmaf(e, -2.12194440e-4f, y);
    y = fmaf(z, -0.5f, y);
    return fmaf(e, 0.693359375f, f + y);
}

double kith_cross_entropy(float p)
{
    return -(double)kith_log(p < FLT_MIN ? FLT_MIN : p);
}
