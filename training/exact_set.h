/* training/exact_set.h: all exact kernels of one translation unit as a set. Included by one for
 * each instruction set, after the constants that exact_products.h wants. Pure. */
#ifndef KITH_TRAINING_EXACT_SET_H
#define KITH_TRAINING_EXACT_SET_H

#include "training/exact_products.h"
#include "training/exact_rows.h"

#define EXACT_SET(set_name)                                                                        \
    {                                                                                              \
        .name = (set_name),                                                                        \
        .gemm =                                                                                    \
            {                                                                                      \
                .panels = true,                                                                    \
                .forward = exact_forward,                                                          \
                .transpose = exact_transpose,                                                      \
                .backward = exact_backward,                                                        \
                .update = exact_update,                                                            \
            },                                                                                     \
        .rowwise = {                                                                               \
            .gather = exact_gather,                                                                \
            .cross_entropy = exact_cross_entropy,                                                  \
            .distillation = exact_distillation,                                                    \
            .probabilities = exact_probabilities,                                                  \
            .adam = exact_adam,                                                                    \
            .descend = exact_descend,                                                              \
        },                                                                                         \
    }

#endif
