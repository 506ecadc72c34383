/* training/finite.h: whether floats are numbers. Pure. */
#ifndef KITH_TRAINING_FINITE_H
#define KITH_TRAINING_FINITE_H

#include <stdbool.h>
#include <stddef.h>

/* No NaN and no infinity among them. */
bool kith_all_finite(const float *x, size_t count);

#endif
