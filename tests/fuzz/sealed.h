/* tests/fuzz/sealed.h: what the targets of signed records share: a swarm, a scheme that signs
 * nothing, and the check that what was opened has one encoding. */
#ifndef KITH_TESTS_SEALED_H
#define KITH_TESTS_SEALED_H

#include <string.h>

#include "base/assert.h"
#include "identity/record.h"

static const struct kith_id swarm = {{1, 2, 3, 4, 5, 6, 7, 8, 9}};

static void sign_nothing(const struct kith_keypair *keypair, const void *bytes, size_t len,
                         uint8_t ret[static KITH_SIGNATURE_LEN])
{
    (void)keypair, (void)bytes, (void)len;
    memset(ret, 0, KITH_SIGNATURE_LEN);
}

static const struct kith_scheme nothing = {.name = "nothing", .sign = sign_nothing};

/* What was read from `bytes`, sealed again, is the same but for who signed. */
static void must_be_same(struct kith_bytes sealed, struct kith_bytes bytes)
{
    kith_assert(sealed.len == bytes.len);
    kith_assert(memcmp(sealed.at, bytes.at, bytes.len - KITH_SIGNATURE_LEN) == 0);
}

#endif
