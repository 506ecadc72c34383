/* training/codec.h: models and soft labels as bytes. Pure. */
#ifndef KITH_TRAINING_CODEC_H
#define KITH_TRAINING_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* How a model's floats travel. Values are part of the wire. */
enum kith_wire { KITH_WIRE_FP32 = 0, KITH_WIRE_INT8 = 1, KITH_WIRE_INT4 = 2 };
enum { KITH_WIRES = 3, KITH_QUANT_CHUNK = 256 };

/* Bytes of a frame of `params` floats. */
size_t kith_frame_size(enum kith_wire wire, size_t params);
/* Encode into `ret` (kith_frame_size bytes). Per chunk of 256: a = max |x| as fp16, then
 * q = floor(x * m / a + u), m = 127 or 7, u in [0, 1) drawn by (key, index): stochastic rounding.
 */
void kith_frame_encode(enum kith_wire wire, const float *x, size_t params, uint64_t key,
                       uint8_t *ret);
/* Untrusted bytes to floats. 0, or TYPE (unknown wire), SHAPE (not `params` floats), NOT_FINITE.
 * The frame names its own wire. `ret` is scratch on error. */
int kith_frame_decode(struct kith_bytes frame, size_t params, float *ret);

#endif
