/* The bounded msgpack reader. The first half of the input chooses what is asked for, the second is
 * read: views stay inside it, bounds hold, and an error is final. Then the whole input is read
 * beside msgpack-c. */
#include <string.h>

#include "base/assert.h"
#include "base/pack.h"
#include "tests/pack_tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct kith_unpack *unpack, uint8_t what, struct kith_bytes whole)
{
    char text[32];
    size_t bound = (size_t)1 << (what >> 3);
    size_t left = unpack->in.left;
    int before = unpack->err;
    switch (what % 5) {
    case 0: {
        uint32_t count = kith_unpack_array(unpack, 0, (uint32_t)bound);
        kith_assert(count <= bound && count <= left);
        break;
    }
    case 1:
        kith_assert(kith_unpack_uint(unpack, bound) <= bound);
        break;
    case 2: {
        struct kith_bytes bytes = kith_unpack_bin(unpack, 0, bound);
        kith_assert(bytes.len <= bound && bytes.len <= left);
        if (bytes.len)
            kith_assert(bytes.at >= whole.at && bytes.at + bytes.len <= whole.at + whole.len);
        break;
    }
    case 3:
        kith_unpack_str(unpack, text, 1 + (what >> 3));
        kith_assert(strlen(text) <= (size_t)(what >> 3));
        break;
    default:
        kith_unpack_bool(unpack);
    }
    kith_assert(unpack->in.left <= left);
    if (before) kith_assert(unpack->err == before && unpack->in.left == left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t half = size / 2;
    bool taken;
    struct kith_bytes message = {data + half, size - half};
    struct kith_unpack unpack = kith_unpack_of(message);
    for (size_t i = 0; i < half; i++)
        ask(&unpack, data[i], message);
    int end = kith_unpack_end(&unpack);
    kith_assert(end <= 0);
    kith_assert(readers_agree((struct kith_bytes){data, size}, &taken));
    return 0;
}
