/* The exact kernels for AVX2 and FMA. */
enum { TILE_ROWS = 6, TILE_INPUTS = 6 };

#include "training/exact_paths.h"
#include "training/exact_products.h"
#include "training/exact_rows.h"

const struct kith_kernel_set kith_exact_avx2 = {
    .name = "exact (avx2)",
    .gemm =
        {
            .panels = true,
            .forward = exact_forward,
            .transpose = exact_transpose,
            .backward = exact_backward,
            .update = exact_update,
        },
    .rowwise =
        {
            .gather = exact_gather,
            .cross_entropy = exact_cross_entropy,
            .distillation = exact_distillation,
            .probabilities = exact_probabilities,
        },
};
