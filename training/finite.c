#include "training/finite.h"

#include <stdint.h>
#include <string.h>

/* An exponent of all ones carries into the sign's place. Three simple operations a float, so that
 * any compiler takes several at a time. */
bool kith_all_finite(const float *x, size_t count)
{
    const uint32_t exponent = 0x7f800000, least = 0x00800000;
    uint32_t any = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        any |= (bits & exponent) + least;
    }
    return any >> 31 == 0;
}
