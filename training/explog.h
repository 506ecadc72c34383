/* training/explog.h: exponential and logarithm whose bits do not depend on the C library:
 * polynomials evaluated by Horner's rule with explicit fma. Pure. */
#ifndef KITH_TRAINING_EXPLOG_H
#define KITH_TRAINING_EXPLOG_H

/* e^x within 1.01 ulp for x in [-87, 88]; below -87 exactly 0, above 88.7 infinity. */
float kith_exp(float x);
/* ln x within 1 ulp for positive normal x; -infinity for 0 and subnormals, NaN below 0. */
float kith_log(float x);
/* -ln p, with p no less than the smallest normal float. */
double kith_cross_entropy(float p);

#endif
