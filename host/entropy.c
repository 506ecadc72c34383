#include "host/entropy.h"

#include <sodium.h>

#include "base/err.h"

int kith_entropy_start(void)
{
    return sodium_init() < 0 ? KITH_ERR_CRYPTO : 0;
}

void kith_entropy_fill(void *ret, size_t len)
{
    randombytes_buf(ret, len);
}

void kith_entropy_wipe(void *secret, size_t len)
{
    sodium_memzero(secret, len);
}
