/* base/id.h: 32-byte identifiers: hotkeys, swarm ids, content hashes. Pure. */
#ifndef KITH_BASE_ID_H
#define KITH_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { KITH_ID_LEN = 32 };

struct kith_id {
    uint8_t bytes[KITH_ID_LEN];
};

static inline bool kith_id_eq(const struct kith_id *a, const struct kith_id *b)
{
    return memcmp(a->bytes, b->bytes, KITH_ID_LEN) == 0;
}

/* Byte order, as memcmp: negative, 0 or positive. */
static inline int kith_id_cmp(const struct kith_id *a, const struct kith_id *b)
{
    return memcmp(a->bytes, b->bytes, KITH_ID_LEN);
}

bool kith_id_is_zero(const struct kith_id *id);

#endif
