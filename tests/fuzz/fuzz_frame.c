/* A stream of frames under a known key: whatever opens must be what sealing gives. */
#include <string.h>

#include "base/assert.h"
#include "host/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_all(struct kith_frame_key *open, struct kith_frame_key *seal, const uint8_t *data,
                     size_t size)
{
    static uint8_t frame[KITH_FRAME_MAX], again[KITH_FRAME_MAX];
    for (;;) {
        size_t len = 0;
        uint8_t type = 0;
        struct kith_bytes body = {0};
        if (kith_frame_length(data, size, &len) != 0) return;
        if (len == 0 || len > size) return;
        kith_assert(len <= KITH_FRAME_MAX);
        memcpy(frame, data, len);
        if (kith_frame_open(open, frame, len, &type, &body) != 0) return;
        kith_assert(body.len == len - KITH_FRAME_OVERHEAD);
        size_t again_len = kith_frame_seal(seal, type, body, (struct kith_bytes){0}, again);
        kith_assert(again_len == len);
        kith_assert(memcmp(again, data, len) == 0);
        data += len;
        size -= len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[KITH_FRAME_KEY_LEN] = "the corpus is sealed with this k";
    struct kith_frame_key open, seal;
    int err = kith_frame_key_init(&open, secret, false);
    kith_assert(err == 0);
    err = kith_frame_key_init(&seal, secret, true);
    kith_assert(err == 0);
    open_all(&open, &seal, data, size);
    kith_frame_key_release(&open);
    kith_frame_key_release(&seal);
    return 0;
}
