/* tools/fma_peak.h: how fast this core can do fused multiply-adds at all: the ceiling that a bench
 * is measured against. */
#ifndef KITH_TOOLS_FMA_PEAK_H
#define KITH_TOOLS_FMA_PEAK_H

#include <stdint.h>

/* Run `rounds` rounds of independent chains in registers; returns the floating-point operations
 * done, or 0 if the CPU has no instruction for it. */
uint64_t kith_fma_peak_avx2(uint64_t rounds);
uint64_t kith_fma_peak_avx512(uint64_t rounds);

#endif
