/* training/lanes.h: vectors of floats with a true fused multiply-add, as wide as the translation
 * unit's instruction set: the same source compiled for each of them gives the same bits. Included
 * by the kernels only. Pure. */
#ifndef KITH_TRAINING_LANES_H
#define KITH_TRAINING_LANES_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>

#include "training/gemm.h"

#if FLT_EVAL_METHOD != 0
#error "the exact kernels need arithmetic in the type's own precision"
#endif

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX2__) && defined(__FMA__)
#define LANES 8
#else
#define LANES 4
#endif

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
/* A loop of constant length, unrolled so that what it indexes may live in registers. */
#define EACH(i, count) UNROLL for (uint32_t i = 0; i < (count); i++)

enum { LANE_VECTORS = KITH_PANEL / LANES };

#define LANES_INLINE static inline __attribute__((always_inline, unused))

typedef float lanes __attribute__((vector_size(LANES * 4)));
typedef int32_t lanes_int __attribute__((vector_size(LANES * 4)));
typedef uint32_t lanes_bits __attribute__((vector_size(LANES * 4)));
/* For access at any multiple of 4 bytes, whatever the type of what is there. */
typedef float lanes_any __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

LANES_INLINE lanes lanes_load(const float *at)
{
    return *(const lanes_any *)at;
}

LANES_INLINE void lanes_store(float *at, lanes x)
{
    *(lanes_any *)at = x;
}

/* A subtraction, because 0 + x is a real addition where x may be -0, and x - 0 is only a copy. */
LANES_INLINE lanes lanes_all(float x)
{
    return x - (lanes){0};
}

/* All ones, a NaN, where the mask is all ones, else x. */
LANES_INLINE lanes lanes_or(lanes_bits mask, lanes x)
{
    return (lanes)(mask | (lanes_bits)x);
}

/* x where the mask is all ones, else 0. */
LANES_INLINE lanes lanes_where(lanes_bits mask, lanes x)
{
    return (lanes)(mask & (lanes_bits)x);
}

/* a where the mask is all ones, else b. */
LANES_INLINE lanes lanes_choose(lanes_bits mask, lanes a, lanes b)
{
    return (lanes)((mask & (lanes_bits)a) | (~mask & (lanes_bits)b));
}

#if LANES == 16
LANES_INLINE lanes lanes_of_bytes(const uint8_t *at)
{
    return (lanes)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)at)));
}
#elif LANES == 8
LANES_INLINE lanes lanes_of_bytes(const uint8_t *at)
{
    return (lanes)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)at)));
}
#else
LANES_INLINE lanes lanes_of_bytes(const uint8_t *at)
{
    lanes ret;
    for (int i = 0; i < LANES; i++)
        ret[i] = (float)at[i];
    return ret;
}
#endif

#if LANES == 16
LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return (lanes)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
#elif LANES == 8
LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return (lanes)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
#elif defined(__FP_FAST_FMAF) || defined(__aarch64__)
LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    for (int i = 0; i < LANES; i++)
        c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
}
#else
typedef float two __attribute__((vector_size(8)));
typedef double two_double __attribute__((vector_size(16)));
typedef int64_t two_long __attribute__((vector_size(16)));
typedef uint32_t two_halves __attribute__((vector_size(16)));

/* Without the instruction: the product of two floats is exact in double, and their sum rounded to
 * double and then to float is what one rounding gives, unless it is a tie of the second rounding
 * that the first one may have made, or subnormal, where that rounding is at another place. */
LANES_INLINE two_long fma_doubtful(two_double sum)
{
    const two_halves low_bits = {0x1fffffff, 0, 0x1fffffff, 0},
                     low_tie = {0x10000000, 1, 0x10000000, 1};
    two_halves tie = (two_halves)(((two_halves)sum & low_bits) == low_tie);
    two_double size = (two_double)((two_long)sum & INT64_MAX);
    return (two_long)tie | ((size < 0x1p-126) & (size > 0));
}

/* Then the sum is rounded to odd (Boldo, Melquiond 2008): its last bit is set unless it is exact,
 * so that the second rounding sees on which side of a tie it was. */
LANES_INLINE two_double sum_to_odd(two_double product, two_double addend)
{
    two_double sum = product + addend, rest = sum - product;
    two_double error = (product - (sum - rest)) + (addend - rest);
    two_long bits = (two_long)sum, even = (bits & 1) - 1;
    two_long inexact = (error > 0) | (error < 0), inwards = (error < 0) ^ (sum < 0);
    bits += ((inwards << 1) | 1) & inexact & even;
    return (two_double)bits;
}

LANES_INLINE two two_fma(two a, two b, two c)
{
    two_double product =
        __builtin_convertvector(a, two_double) * __builtin_convertvector(b, two_double);
    two_double addend = __builtin_convertvector(c, two_double), sum = product + addend;
    two_long doubtful = fma_doubtful(sum);
    if (__builtin_expect((doubtful[0] | doubtful[1]) != 0, 0)) sum = sum_to_odd(product, addend);
    return __builtin_convertvector(sum, two);
}

LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    two low = two_fma(__builtin_shufflevector(a, a, 0, 1), __builtin_shufflevector(b, b, 0, 1),
                      __builtin_shufflevector(c, c, 0, 1));
    two high = two_fma(__builtin_shufflevector(a, a, 2, 3), __builtin_shufflevector(b, b, 2, 3),
                       __builtin_shufflevector(c, c, 2, 3));
    return __builtin_shufflevector(low, high, 0, 1, 2, 3);
}
#endif

/* Correctly rounded. */
LANES_INLINE lanes lanes_sqrt(lanes x)
{
#if LANES == 16
    return (lanes)_mm512_sqrt_ps((__m512)x);
#elif LANES == 8
    return (lanes)_mm256_sqrt_ps((__m256)x);
#else
    for (int i = 0; i < LANES; i++)
        x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
}

/* As kith_exp, for x <= 0 or NaN. */
LANES_INLINE lanes lanes_exp(lanes x)
{
    lanes shifted = lanes_fma(x, lanes_all(1.44269504f), lanes_all(12582912.0f));
    lanes n = shifted - lanes_all(12582912.0f);
    lanes r = lanes_fma(n, lanes_all(-0.693359375f), x);
    r = lanes_fma(n, lanes_all(2.12194440e-4f), r);
    lanes p = lanes_all(1.9875691500e-4f);
    p = lanes_fma(p, r, lanes_all(1.3981999507e-3f));
    p = lanes_fma(p, r, lanes_all(8.3334519073e-3f));
    p = lanes_fma(p, r, lanes_all(4.1665795894e-2f));
    p = lanes_fma(p, r, lanes_all(1.6666665459e-1f));
    p = lanes_fma(p, r, lanes_all(5.0000001201e-1f));
    p = lanes_fma(p, r * r, r) + lanes_all(1.0f);
    lanes_bits y = (lanes_bits)p + ((lanes_bits)shifted << 23);
    lanes_bits small = (lanes_bits)(x < lanes_all(-87.0f));
    return lanes_or((lanes_bits)(x != x), (lanes)(y & ~small));
}

/* As kith_log, for finite x >= 2^-126 and for NaN; any other x gives some number. */
LANES_INLINE lanes lanes_log(lanes x)
{
    lanes_bits offset = (lanes_bits)x - 0x3f3504f3u;
    lanes e = __builtin_convertvector((lanes_int)offset >> 23, lanes);
    lanes f = (lanes)((offset & 0x007fffffu) + 0x3f3504f3u) - lanes_all(1.0f);
    lanes p = lanes_all(7.0376836292e-2f);
    p = lanes_fma(p, f, lanes_all(-1.1514610310e-1f));
    p = lanes_fma(p, f, lanes_all(1.1676998740e-1f));
    p = lanes_fma(p, f, lanes_all(-1.2420140846e-1f));
    p = lanes_fma(p, f, lanes_all(1.4249322787e-1f));
    p = lanes_fma(p, f, lanes_all(-1.6668057665e-1f));
    p = lanes_fma(p, f, lanes_all(2.0000714765e-1f));
    p = lanes_fma(p, f, lanes_all(-2.4999993993e-1f));
    p = lanes_fma(p, f, lanes_all(3.3333331174e-1f));
    lanes z = f * f;
    lanes y = f * z * p;
    y = lanes_fma(e, lanes_all(-2.12194440e-4f), y);
    y = lanes_fma(z, lanes_all(-0.5f), y);
    y = lanes_fma(e, lanes_all(0.693359375f), f + y);
    return lanes_or((lanes_bits)(x != x), y);
}

typedef float four __attribute__((vector_size(16)));
typedef float four_any __attribute__((vector_size(16), aligned(4), may_alias));

/* to[j * to_row + i] = from[i * from_row + j] for i and j below 4. */
LANES_INLINE void transpose_four(const float *from, size_t from_row, float *to, size_t to_row)
{
    four a = *(const four_any *)from, b = *(const four_any *)(from + from_row);
    four c = *(const four_any *)(from + 2 * from_row), d = *(const four_any *)(from + 3 * from_row);
    four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(four_any *)to = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    *(four_any *)(to + to_row) = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    *(four_any *)(to + 2 * to_row) = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    *(four_any *)(to + 3 * to_row) = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

#endif
