/* A model's frame from a peer: decoded, or refused with one of three errors; then mixed. What
 * passes is finite, and so is the mean. The first byte chooses how many floats are expected. */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "training/codec.h"
#include "training/mix.h"

enum { PARAMS_MAX = 3 * 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_and_mix(struct kith_bytes frame, size_t params)
{
    static float own[PARAMS_MAX], got[PARAMS_MAX], decoded[PARAMS_MAX], sum[PARAMS_MAX];
    int err = kith_frame_decode(frame, params, got);
    kith_assert(err == 0 || err == KITH_ERR_TYPE || err == KITH_ERR_SHAPE ||
                err == KITH_ERR_NOT_FINITE);
    for (size_t i = 0; err == 0 && i < params; i++)
        kith_assert(got[i] == 0.0f || isnormal(got[i]));

    for (size_t i = 0; i < params; i++)
        own[i] = (float)i / PARAMS_MAX - 0.4f;
    struct kith_pulled pulled = {.frame = frame, .weight = 1};
    uint32_t mixed = kith_mix(own, params, 1, &pulled, 1, decoded, sum);
    kith_assert(mixed == (pulled.err == 0));
    if (err) kith_assert(pulled.err == err);
    for (size_t i = 0; i < params; i++)
        kith_assert(isfinite(own[i]));
}

/* As it is, and behind a good head with its length made right: the bytes over zeros. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t made[KITH_FRAME_HEAD + 4 * PARAMS_MAX];
    static const float zeros[PARAMS_MAX];
    if (size == 0) return 0;
    size_t params = 3 * (size_t)data[0] + 1;
    struct kith_bytes frame = {data + 1, size - 1};
    decode_and_mix(frame, params);

    enum kith_wire wire = (enum kith_wire)(size % KITH_WIRES);
    struct kith_bytes whole = {made, kith_frame_size(wire, params)};
    kith_frame_encode(wire, zeros, params, 0, made);
    size_t room = whole.len - KITH_FRAME_HEAD;
    memcpy(made + KITH_FRAME_HEAD, frame.at, frame.len < room ? frame.len : room);
    decode_and_mix(whole, params);
    return 0;
}
