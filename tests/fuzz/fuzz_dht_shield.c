/* A datagram. What the shield lets through is looked at once more, by msgpack-c and with none of
 * the shield's code: it must not have one of the shapes that kill OpenDHT. */
#include <msgpack.h>
#include <string.h>

#include "base/assert.h"
#include "host/dht_shield.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_named(const msgpack_object *key, const char *name)
{
    return key->type == MSGPACK_OBJECT_STR && key->via.str.size == strlen(name) &&
           memcmp(key->via.str.ptr, name, strlen(name)) == 0;
}

static void check_fields(const msgpack_object *fields)
{
    kith_assert(fields->type == MSGPACK_OBJECT_MAP);
    for (uint32_t i = 0; i < fields->via.map.size; i++) {
        const msgpack_object_kv *pair = &fields->via.map.ptr[i];
        if (!is_named(&pair->key, "f")) continue;
        kith_assert(pair->val.type == MSGPACK_OBJECT_ARRAY);
        kith_assert(pair->val.via.array.size > 0);
    }
}

static void check_body(const msgpack_object *body)
{
    kith_assert(body->type == MSGPACK_OBJECT_MAP);
    for (uint32_t i = 0; i < body->via.map.size; i++) {
        const msgpack_object_kv *pair = &body->via.map.ptr[i];
        if (is_named(&pair->key, "fileds")) check_fields(&pair->val);
        if (!is_named(&pair->key, "values")) continue;
        kith_assert(pair->val.type == MSGPACK_OBJECT_ARRAY);
        for (uint32_t v = 0; v < pair->val.via.array.size; v++)
            kith_assert(pair->val.via.array.ptr[v].type == MSGPACK_OBJECT_MAP);
    }
}

static void check_message(const msgpack_object *message)
{
    bool has_body = false;
    kith_assert(message->type == MSGPACK_OBJECT_MAP);
    for (uint32_t i = 0; i < message->via.map.size; i++) {
        const msgpack_object_kv *pair = &message->via.map.ptr[i];
        kith_assert(!is_named(&pair->key, "u"));
        kith_assert(!is_named(&pair->key, "p"));
        if (is_named(&pair->key, "e")) {
            kith_assert(pair->val.type == MSGPACK_OBJECT_ARRAY);
            kith_assert(pair->val.via.array.size > 0);
        }
        if (!is_named(&pair->key, "a") && !is_named(&pair->key, "r")) continue;
        check_body(&pair->val);
        has_body = true;
    }
    kith_assert(has_body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > UINT16_MAX) return 0;
    if (kith_dht_shield((struct kith_bytes){data, size}) != KITH_DHT_PASS) return 0;
    msgpack_zone zone;
    msgpack_object object;
    size_t at = 0;
    kith_assert(msgpack_zone_init(&zone, 2048));
    msgpack_unpack_return result = msgpack_unpack((const char *)data, size, &at, &zone, &object);
    kith_assert(result == MSGPACK_UNPACK_SUCCESS);
    kith_assert(at == size);
    check_message(&object);
    msgpack_zone_destroy(&zone);
    return 0;
}
