/* The exact kernels for AVX2 and FMA. */
enum { TILE_ROWS = 6, TILE_INPUTS = 6, TILE_PANELS = 1 };

#include "training/exact_paths.h"
#include "training/exact_set.h"

const struct kith_kernel_set kith_exact_avx2 = EXACT_SET("exact (avx2)");
