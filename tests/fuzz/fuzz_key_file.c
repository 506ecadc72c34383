/* The text of a key file: what is read as a seed is exactly what that seed is written as. */
#include <string.h>

#include "base/assert.h"
#include "host/key_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t seed[KITH_SEED_LEN];
    struct kith_key_text text;
    if (kith_key_text_parse((struct kith_bytes){data, size}, seed) != 0) return 0;
    kith_key_text_write(seed, &text);
    kith_assert(text.len == size);
    kith_assert(memcmp(text.bytes, data, size) == 0);
    return 0;
}
