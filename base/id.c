#include "base/id.h"

#include <string.h>

bool kith_id_eq(const struct kith_id *a, const struct kith_id *b)
{
    return memcmp(a->bytes, b->bytes, KITH_ID_LEN) == 0;
}

int kith_id_cmp(const struct kith_id *a, const struct kith_id *b)
{
    return memcmp(a->bytes, b->bytes, KITH_ID_LEN);
}

bool kith_id_is_zero(const struct kith_id *id)
{
    uint8_t any = 0;
    for (int i = 0; i < KITH_ID_LEN; i++)
        any = any | id->bytes[i];
    return any == 0;
}
