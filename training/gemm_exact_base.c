/* The exact kernels for whatever the compiler may assume by default. */
enum { TILE_ROWS = 2, TILE_INPUTS = 2, TILE_PANELS = 1 };

#include "training/exact_paths.h"
#include "training/exact_set.h"

const struct kith_kernel_set kith_exact_base = EXACT_SET("exact (baseline)");
