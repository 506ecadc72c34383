#include "tools/fma_peak.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* Enough chains to fill two pipes of five cycles' latency. */
enum { CHAINS = 12 };

/* The barriers keep the compiler from folding the loop and from dropping its result. */
#define PEAK(name, isa, type, fma, splat, lanes)                                                   \
    __attribute__((target(isa))) static uint64_t name(uint64_t rounds)                             \
    {                                                                                              \
        type a = splat(0.5f), b = a, c = a, d = a, e = a, f = a;                                   \
        type g = a, h = a, i = a, j = a, k = a, l = a, m = splat(0.75f), n = splat(0.125f);        \
        __asm__ volatile("" : "+x"(m), "+x"(n));                                                   \
        for (uint64_t round = 0; round < rounds; round++) {                                        \
            a = fma(a, m, n), b = fma(b, m, n), c = fma(c, m, n), d = fma(d, m, n);                \
            e = fma(e, m, n), f = fma(f, m, n), g = fma(g, m, n), h = fma(h, m, n);                \
            i = fma(i, m, n), j = fma(j, m, n), k = fma(k, m, n), l = fma(l, m, n);                \
            __asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d), "+x"(e), "+x"(f));           \
            __asm__ volatile("" : "+x"(g), "+x"(h), "+x"(i), "+x"(j), "+x"(k), "+x"(l));           \
        }                                                                                          \
        return rounds * CHAINS * (lanes)*2;                                                        \
    }

PEAK(peak_avx2, "avx2,fma", __m256, _mm256_fmadd_ps, _mm256_set1_ps, 8)
PEAK(peak_avx512, "avx512f", __m512, _mm512_fmadd_ps, _mm512_set1_ps, 16)

uint64_t kith_fma_peak_avx2(uint64_t rounds)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
    return peak_avx2(rounds);
}

uint64_t kith_fma_peak_avx512(uint64_t rounds)
{
    return __builtin_cpu_supports("avx512f") ? peak_avx512(rounds) : 0;
}
#else
uint64_t kith_fma_peak_avx2(uint64_t rounds)
{
    (void)rounds;
    return 0;
}

uint64_t kith_fma_peak_avx512(uint64_t rounds)
{
    (void)rounds;
    return 0;
}
#endif
