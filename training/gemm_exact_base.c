/* The exact kernels for whatever the compiler may assume by default. */
enum { TILE_ROWS = 2, TILE_INPUTS = 2 };

#include "training/exact_paths.h"
#include "training/exact_products.h"
#include "training/exact_rows.h"

const struct kith_kernel_set kith_exact_base = {
    .name = "exact (baseline)",
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
