/* training/float_bits.h: a float as its bits and back. Pure. */
#ifndef KITH_TRAINING_FLOAT_BITS_H
#define KITH_TRAINING_FLOAT_BITS_H

#include <stdint.h>
#include <string.h>

static inline uint32_t kith_bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float kith_float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#endif
