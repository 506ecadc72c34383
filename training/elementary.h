/* training/elementary.h: logarithm and exponential whose arithmetic is defined here, so that equal
 * inputs give equal bits under every C library. About as accurate as a double can be; not fast.
 * Pure. */
#ifndef KITH_TRAINING_ELEMENTARY_H
#define KITH_TRAINING_ELEMENTARY_H

/* The natural logarithm of a finite x > 0. */
double kith_ln(double x);
/* e to the x: 0 below -745, infinity above 709.78; x is not NaN. */
double kith_exp(double x);

#endif
