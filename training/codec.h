/* training/codec.h: a model's floats as bytes: a frame. Pure.
 *
 * A frame is a head of 16 bytes (magic "kwf1", wire u8, three zero bytes, count of floats u64) and
 * then the floats in their order, little-endian. fp32: as they are. fp16: IEEE halves. int8, int4:
 * chunks of 256 floats (the last may be shorter), each its scale a as fp16 and then, int8: one
 * signed byte a float, the value q * a / 127; int4: with h = half the chunk rounded up, byte i
 * holds float i in its low and float h + i in its high four bits, both plus 8, the value (q - 8) *
 * a / 7. */
#ifndef KITH_TRAINING_CODEC_H
#define KITH_TRAINING_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* How a model's floats travel. Values are part of the wire. */
enum kith_wire { KITH_WIRE_FP32 = 0, KITH_WIRE_INT8 = 1, KITH_WIRE_INT4 = 2, KITH_WIRE_FP16 = 3 };
enum { KITH_WIRES = 4, KITH_QUANT_CHUNK = 256, KITH_FRAME_HEAD = 16 };

/* Bytes of a frame of `params` floats. */
size_t kith_frame_size(enum kith_wire wire, size_t params);
/* Encode into `ret` (kith_frame_size bytes). fp16: to the nearest half, ties to even; one past the
 * largest (65504) gives a frame that no decoder takes. int8, int4, per chunk of 256: a = max |x| as
 * fp16, rounded up, then q = floor(x * m / a + u), m = 127 or 7, u in [0, 1) drawn by (key, index):
 * stochastic rounding, so that the expected value is x. A chunk with a NaN or an infinity gives a
 * frame that no decoder takes; denormals become 0. */
void kith_frame_encode(enum kith_wire wire, const float *x, size_t params, uint64_t key,
                       uint8_t *ret);
/* Untrusted bytes to floats. 0, or TYPE (not a frame, unknown wire), SHAPE (not `params` floats, or
 * not their exact length), NOT_FINITE (a NaN, an infinity or a denormal, none of which an encoder
 * writes). The frame names its own wire. `ret` is scratch on error. */
int kith_frame_decode(struct kith_bytes frame, size_t params, float *ret);
/* The step of quantisation of one chunk of a frame that was decoded well: what lies between two
 * values that its floats can take; 0 for fp32, and for fp16, whose steps are too small to matter.
 */
float kith_frame_step(struct kith_bytes frame, size_t chunk);

#endif
