#include "training/codec.h"

#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/rng.h"
#include "training/float_bits.h"

/* 65536ths of a quantisation step: what rounding draws are made of. */
enum { STEP_BITS = 16, DRAWS = 4, SCALE_LEN = 2 };

static const uint8_t frame_magic[4] = {'k', 'w', 'f', '1'};

/* IEEE binary16 of a float that is not negative, rounded up; past the largest finite one it stays
 * there, infinity and NaN stay what they are. */
static uint16_t half_up(float x)
{
    uint32_t bits = kith_bits_of(x);
    if (bits > 0x7f800000) return 0x7e00;
    if (bits == 0x7f800000) return 0x7c00;
    if (bits > 0x477fe000) return 0x7bff; /* 65504 */
    if (bits < 0x38800000) {              /* below 2^-14: a multiple of 2^-24 */
        float steps = x * 0x1p24f;
        uint32_t whole = (uint32_t)steps;
        return (uint16_t)(whole + ((float)whole < steps));
    }
    return (uint16_t)((bits - 0x38000000 + 0x1fff) >> 13);
}

static float half_value(uint16_t half)
{
    uint32_t exponent = half >> 10 & 31;
    uint32_t fraction = half & 1023;
    if (exponent == 31) return kith_float_of(0x7f800000 | fraction << 13);
    if (exponent == 0) return (float)fraction * 0x1p-24f;
    return kith_float_of((exponent + 112) << 23 | fraction << 13);
}

/* The nearest half, ties to even; NaN and what rounds past the largest one to infinity. */
static uint16_t half_near(float x)
{
    uint32_t sign = kith_bits_of(x) >> 16 & 0x8000, size = kith_bits_of(x) & 0x7fffffff;
    uint32_t normal = (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13;
    /* Below 2^-14 halves are multiples of 2^-24, and so are floats between 0.5 and 1. */
    uint32_t small = kith_bits_of(kith_float_of(size) + 0.5f) - 0x3f000000;
    uint32_t half = size < 0x38800000 ? small : normal;
    if (size >= 0x477ff000) half = 0x7c00; /* 65520 */
    return (uint16_t)(sign | half);
}

static size_t chunk_size(enum kith_wire wire, size_t count)
{
    return SCALE_LEN + (wire == KITH_WIRE_INT8 ? count : (count + 1) / 2);
}

size_t kith_frame_size(enum kith_wire wire, size_t params)
{
    if (wire == KITH_WIRE_FP32) return KITH_FRAME_HEAD + 4 * params;
    if (wire == KITH_WIRE_FP16) return KITH_FRAME_HEAD + 2 * params;
    size_t rest = params % KITH_QUANT_CHUNK;
    size_t size = KITH_FRAME_HEAD + params / KITH_QUANT_CHUNK * chunk_size(wire, KITH_QUANT_CHUNK);
    return rest ? size + chunk_size(wire, rest) : size;
}

static void encode_fp32(const float *x, size_t params, uint8_t *ret)
{
    for (size_t i = 0; i < params; i++) {
        uint32_t bits = kith_bits_of(x[i]);
        if ((bits & 0x7f800000) == 0) bits = 0;
        uint8_t *at = ret + 4 * i; /* four stores by name: compilers make one of them */
        at[0] = (uint8_t)bits;
        at[1] = (uint8_t)(bits >> 8);
        at[2] = (uint8_t)(bits >> 16);
        at[3] = (uint8_t)(bits >> 24);
    }
}

static void encode_fp16(const float *x, size_t params, uint8_t *ret)
{
    for (size_t i = 0; i < params; i++) {
        uint16_t half = half_near(x[i]);
        ret[2 * i] = (uint8_t)half;
        ret[2 * i + 1] = (uint8_t)(half >> 8);
    }
}

/* The largest |x|; an integer maximum over the bits, which a compiler can vectorise and which puts
 * infinity above every number and NaN above infinity. */
static float chunk_max(const float x[static KITH_QUANT_CHUNK])
{
    uint32_t largest = 0;
    for (int i = 0; i < KITH_QUANT_CHUNK; i++) {
        uint32_t bits = kith_bits_of(x[i]) & 0x7fffffff;
        largest = bits > largest ? bits : largest;
    }
    return kith_float_of(largest);
}

static void draw_chunk(uint64_t key, uint64_t chunk, uint16_t ret[static KITH_QUANT_CHUNK])
{
    uint64_t first = chunk * (KITH_QUANT_CHUNK / DRAWS);
    for (uint32_t i = 0; i < KITH_QUANT_CHUNK / DRAWS; i++) {
        uint64_t bits = kith_rng_at(key, first + i);
        for (uint32_t draw = 0; draw < DRAWS; draw++)
            ret[DRAWS * i + draw] = (uint16_t)(bits >> (16 * draw));
    }
}

/* q = floor(x * steps / a + u), plus 128 so that nothing is negative; the clip is only for what the
 * product's own rounding adds. */
static void quantise_chunk(const float x[static KITH_QUANT_CHUNK], float scale, int32_t steps,
                           const uint16_t u[static KITH_QUANT_CHUNK],
                           uint8_t ret[static KITH_QUANT_CHUNK])
{
    float factor = scale > 0 ? (float)(steps << STEP_BITS) / scale : 0;
    float bound = (float)(steps << STEP_BITS);
    for (int i = 0; i < KITH_QUANT_CHUNK; i++) {
        float y = x[i] * factor;
        y = y > bound ? bound : y;
        y = y < -bound ? -bound : y;
        int32_t floored = ((int32_t)y + u[i] + (128 << STEP_BITS)) >> STEP_BITS;
        ret[i] = (uint8_t)floored;
    }
}

static void pack_chunk(enum kith_wire wire, const uint8_t *q, size_t count, uint8_t *ret)
{
    if (wire == KITH_WIRE_INT8) {
        for (size_t i = 0; i < count; i++)
            ret[i] = q[i] ^ 128;
        return;
    }
    size_t half = (count + 1) / 2;
    for (size_t i = 0; i < count / 2; i++)
        ret[i] = (uint8_t)((q[i] - 120) | (q[half + i] - 120) << 4);
    if (count % 2) ret[half - 1] = (uint8_t)(q[half - 1] - 120);
}

/* One chunk of 256 floats, of which the last ones may be padding that is not written. */
static void encode_chunk(enum kith_wire wire, const float x[static KITH_QUANT_CHUNK], size_t count,
                         uint64_t key, uint64_t chunk, uint8_t *ret)
{
    float largest = chunk_max(x);
    uint16_t half = half_up(largest);
    bool finite = half < 0x7c00;
    uint8_t q[KITH_QUANT_CHUNK];
    uint16_t u[KITH_QUANT_CHUNK];
    ret[0] = (uint8_t)half;
    ret[1] = (uint8_t)(half >> 8);
    if (finite) {
        draw_chunk(key, chunk, u);
        quantise_chunk(x, half_value(half), wire == KITH_WIRE_INT8 ? 127 : 7, u, q);
    } else {
        memset(q, 128, sizeof q);
    }
    pack_chunk(wire, q, count, ret + SCALE_LEN);
}

static void encode_quantised(enum kith_wire wire, const float *x, size_t params, uint64_t key,
                             uint8_t *ret)
{
    size_t whole = params / KITH_QUANT_CHUNK;
    size_t size = chunk_size(wire, KITH_QUANT_CHUNK);
    for (size_t i = 0; i < whole; i++)
        encode_chunk(wire, x + i * KITH_QUANT_CHUNK, KITH_QUANT_CHUNK, key, i, ret + i * size);
    size_t rest = params % KITH_QUANT_CHUNK;
    if (rest == 0) return;

    float padded[KITH_QUANT_CHUNK] = {0};
    memcpy(padded, x + whole * KITH_QUANT_CHUNK, rest * sizeof *x);
    encode_chunk(wire, padded, rest, key, whole, ret + whole * size);
}

void kith_frame_encode(enum kith_wire wire, const float *x, size_t params, uint64_t key,
                       uint8_t *ret)
{
    struct kith_writer head = kith_writer_into(ret, KITH_FRAME_HEAD);
    kith_write_raw(&head, frame_magic, sizeof frame_magic);
    kith_write_u32(&head, wire);
    kith_write_u64(&head, params);
    kith_assert(!head.failed);
    if (wire == KITH_WIRE_FP32)
        encode_fp32(x, params, ret + KITH_FRAME_HEAD);
    else if (wire == KITH_WIRE_FP16)
        encode_fp16(x, params, ret + KITH_FRAME_HEAD);
    else
        encode_quantised(wire, x, params, key, ret + KITH_FRAME_HEAD);
}

/* Zero or normal: an exponent that is neither all zeros (but for 0 itself) nor all ones. */
static uint32_t is_odd(uint32_t bits)
{
    uint32_t magnitude = bits & 0x7fffffff;
    return (uint32_t)(magnitude - 1 < 0x007fffff) | (uint32_t)(magnitude >= 0x7f800000);
}

static int decode_fp32(const uint8_t *at, size_t params, float *ret)
{
    uint32_t odd = 0;
    for (size_t i = 0; i < params; i++) {
        const uint8_t *b = at + 4 * i;
        uint32_t bits = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        odd |= is_odd(bits);
        ret[i] = kith_float_of(bits);
    }
    return odd ? KITH_ERR_NOT_FINITE : 0;
}

static int decode_fp16(const uint8_t *at, size_t params, float *ret)
{
    uint32_t odd = 0;
    for (size_t i = 0; i < params; i++) {
        uint32_t half = at[2 * i] | (uint32_t)at[2 * i + 1] << 8;
        float size = half_value(half & 0x7fff);
        odd |= (half & 0x7c00) == 0x7c00;
        ret[i] = half & 0x8000 ? -size : size;
    }
    return odd ? KITH_ERR_NOT_FINITE : 0;
}

static void unpack_int8(const uint8_t *at, size_t count, float unit, float *ret)
{
    for (size_t i = 0; i < count; i++)
        ret[i] = (float)((at[i] ^ 128) - 128) * unit;
}

static void unpack_int4(const uint8_t *at, size_t count, float unit, float *ret)
{
    size_t half = (count + 1) / 2;
    for (size_t i = 0; i < half; i++)
        ret[i] = (float)((at[i] & 15) - 8) * unit;
    for (size_t i = 0; i < count / 2; i++)
        ret[half + i] = (float)((at[i] >> 4) - 8) * unit;
}

static int decode_chunk(enum kith_wire wire, const uint8_t *at, size_t count, float *ret)
{
    uint16_t half = (uint16_t)(at[0] | at[1] << 8);
    if (half >= 0x7c00) return KITH_ERR_NOT_FINITE; /* infinity, NaN, or a sign */
    float scale = half_value(half);
    if (wire == KITH_WIRE_INT8)
        unpack_int8(at + SCALE_LEN, count, scale / 127, ret);
    else
        unpack_int4(at + SCALE_LEN, count, scale / 7, ret);
    return 0;
}

static int decode_quantised(enum kith_wire wire, const uint8_t *at, size_t params, float *ret)
{
    size_t size = chunk_size(wire, KITH_QUANT_CHUNK);
    for (size_t done = 0; done < params; done += KITH_QUANT_CHUNK, at += size) {
        size_t left = params - done;
        size_t count = left < KITH_QUANT_CHUNK ? left : KITH_QUANT_CHUNK;
        int err = decode_chunk(wire, at, count, ret + done);
        if (err) return err;
    }
    return 0;
}

int kith_frame_decode(struct kith_bytes frame, size_t params, float *ret)
{
    struct kith_reader reader = kith_reader_of(frame);
    struct kith_bytes magic = kith_read_view(&reader, sizeof frame_magic);
    uint32_t wire = kith_read_u32(&reader);
    uint64_t count = kith_read_u64(&reader);
    if (reader.failed) return KITH_ERR_SHAPE;
    if (memcmp(magic.at, frame_magic, sizeof frame_magic) != 0) return KITH_ERR_TYPE;
    if (wire >= KITH_WIRES) return KITH_ERR_TYPE;
    if (count != params) return KITH_ERR_SHAPE;
    if (frame.len != kith_frame_size((enum kith_wire)wire, params)) return KITH_ERR_SHAPE;
    if (wire == KITH_WIRE_FP32) return decode_fp32(reader.at, params, ret);
    if (wire == KITH_WIRE_FP16) return decode_fp16(reader.at, params, ret);
    return decode_quantised((enum kith_wire)wire, reader.at, params, ret);
}

float kith_frame_step(struct kith_bytes frame, size_t chunk)
{
    enum kith_wire wire = (enum kith_wire)frame.at[sizeof frame_magic];
    if (wire == KITH_WIRE_FP32 || wire == KITH_WIRE_FP16) return 0;
    const uint8_t *at = frame.at + KITH_FRAME_HEAD + chunk * chunk_size(wire, KITH_QUANT_CHUNK);
    float scale = half_value((uint16_t)(at[0] | at[1] << 8));
    return scale / (wire == KITH_WIRE_INT8 ? 127 : 7);
}
