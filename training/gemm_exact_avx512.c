/* The exact kernels for AVX-512. */
enum { TILE_ROWS = 12, TILE_INPUTS = 16, TILE_PANELS = 2 };

#include "training/exact_paths.h"
#include "training/exact_set.h"

const struct kith_kernel_set kith_exact_avx512 = EXACT_SET("exact (avx512)");
