/* identity/ss58.h: hotkeys as people read them: SS58 addresses with prefix 42, 48 characters that
 * start with 5. Base58(prefix || key || first 2 bytes of BLAKE2b-512("SS58PRE" || prefix || key)),
 * as Substrate defines it. Pure. */
#ifndef KITH_IDENTITY_SS58_H
#define KITH_IDENTITY_SS58_H

#include "base/id.h"

enum { KITH_SS58_PREFIX = 42, KITH_SS58_MAX = 49 };

void kith_ss58_encode(const struct kith_id *hotkey, char ret[static KITH_SS58_MAX]);
/* 0, or INVALID (not base58), RANGE (wrong length or prefix), HASH (checksum). */
int kith_ss58_decode(const char *text, struct kith_id *ret);

#endif
