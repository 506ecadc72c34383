#include "training/exact_paths.h"

#if defined(__x86_64__)
static bool runs_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool runs_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

uint32_t kith_exact_paths(const struct kith_kernel_set *ret[static KITH_PATHS_MAX])
{
    uint32_t count = 0;
#if defined(__x86_64__)
    bool has_avx2 = KITH_EXACT_VECTORS >= 1 && runs_avx2();
    if (KITH_EXACT_VECTORS >= 2 && has_avx2 && runs_avx512()) ret[count++] = &kith_exact_avx512;
    if (has_avx2) ret[count++] = &kith_exact_avx2;
#endif
    ret[count++] = &kith_exact_base;
    return count;
}
