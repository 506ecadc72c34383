/* training/exact_paths.h: the sets of exact kernels there are in this build. All but the base need
 * a CPU that can run them: see kith_exact_paths. Pure. */
#ifndef KITH_TRAINING_EXACT_PATHS_H
#define KITH_TRAINING_EXACT_PATHS_H

#include "training/kernels.h"

extern const struct kith_kernel_set kith_exact_base;
extern const struct kith_kernel_set kith_exact_avx2;   /* x86-64 only */
extern const struct kith_kernel_set kith_exact_avx512; /* x86-64 only */

#endif
