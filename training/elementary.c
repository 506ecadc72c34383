#include "training/elementary.h"

#include <math.h>

#define LN_2_HIGH 0x1.62e42fee00000p-1 /* 21 trailing zeros: n * LN_2_HIGH is exact */
#define LN_2_LOW  0x1.a39ef35793c76p-33

enum { LN_TERMS = 12, EXP_TERMS = 16 };

double kith_ln(double x)
{
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0x1.6a09e667f3bcdp-1) { /* keep m within a factor of sqrt 2 of 1 */
        m *= 2;
        exponent--;
    }
    /* ln m = 2 artanh s = 2 (s + s^3/3 + s^5/5 + ...), |s| < 0.172 */
    double s = (m - 1) / (m + 1);
    double square = s * s;
    double sum = 0;
    for (int i = LN_TERMS - 1; i >= 0; i--)
        sum = sum * square + 1.0 / (2 * i + 1);
    return exponent * LN_2_HIGH + (2 * s * sum + exponent * LN_2_LOW);
}

double kith_exp(double x)
{
    if (x < -745.0) return 0;
    if (x > 709.78) return HUGE_VAL;
    double turns = floor(x * 0x1.71547652b82fep+0 + 0.5);
    double rest = (x - turns * LN_2_HIGH) - turns * LN_2_LOW;
    double sum = 1;
    for (int i = EXP_TERMS; i >= 1; i--)
        sum = 1 + sum * rest / i;
    return ldexp(sum, (int)turns);
}
