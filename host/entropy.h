/* host/entropy.h: secrets from the operating system, and libsodium made ready. */
#ifndef KITH_HOST_ENTROPY_H
#define KITH_HOST_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

/* Once, before anything of libsodium is used. 0 or KITH_ERR_CRYPTO. */
int kith_entropy_start(void);
void kith_entropy_fill(void *ret, size_t len);
/* Overwrite a secret, in a way that no compiler leaves out. */
void kith_entropy_wipe(void *secret, size_t len);

#endif
