#include "base/id.h"

bool kith_id_is_zero(const struct kith_id *id)
{
    uint8_t any = 0;
    for (int i = 0; i < KITH_ID_LEN; i++)
        any = any | id->bytes[i];
    return any == 0;
}
