#include "node/rules.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hash.h"

enum { RULES_ENCODED_MAX = 512 };

void kith_rules_default(struct kith_rules *ret)
{
    memset(ret, 0, sizeof *ret);
    strcpy(ret->name, "fashion-mnist");
    ret->protocol = KITH_PROTOCOL_VERSION;
    ret->inputs = 784;
    ret->pool = 1;
    ret->classes = 10;
    ret->seed = 1;
    ret->public_count = 3000;
    ret->audit_count = 1000;
    ret->family_count = 2;
    strcpy(ret->family[0], "mlp");
    strcpy(ret->family[1], "cnn");
    ret->params_max = UINT64_C(1) << 24;
    ret->object_max = UINT64_C(1) << 27;
    ret->budget.cooldown = 6;
}

static bool name_is_good(const char *name)
{
    size_t len = strnlen(name, KITH_RULES_NAME_MAX);
    if (len == 0 || len == KITH_RULES_NAME_MAX) return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool is_family(const char *text)
{
    return strcmp(text, "mlp") == 0 || strcmp(text, "cnn") == 0;
}

static bool families_are_good(const struct kith_rules *rules)
{
    if (rules->family_count == 0 || rules->family_count > KITH_FAMILIES_MAX) return false;
    for (uint32_t i = 0; i < rules->family_count; i++)
        if (!is_family(rules->family[i])) return false;
    return true;
}

static bool times_are_good(const struct kith_budget *budget)
{
    if (budget->end_ms == 0) return budget->begin_ms == 0;
    return budget->begin_ms < budget->end_ms && budget->end_ms <= KITH_RULES_TIME_MAX_MS;
}

static bool digest_is_good(const char *digest)
{
    uint8_t raw[KITH_ID_LEN];
    return digest[0] == '\0' || kith_hex_decode(digest, raw, sizeof raw);
}

bool kith_rules_allow(const struct kith_rules *rules, const char *model)
{
    size_t len = strcspn(model, ":");
    for (uint32_t i = 0; i < rules->family_count; i++)
        if (strlen(rules->family[i]) == len && memcmp(rules->family[i], model, len) == 0)
            return true;
    return false;
}

int kith_rules_check(const struct kith_rules *rules, const char **ret_field)
{
    struct {
        const char *field;
        bool good;
        int err;
    } rows[] = {
        {"name", name_is_good(rules->name), KITH_ERR_INVALID},
        {"protocol", rules->protocol == KITH_PROTOCOL_VERSION, KITH_ERR_RANGE},
        {"inputs", rules->inputs >= 1 && rules->inputs <= 65536, KITH_ERR_RANGE},
        {"pool", rules->pool >= 1 && rules->pool <= 8, KITH_ERR_RANGE},
        {"classes", rules->classes >= 2 && rules->classes <= 256, KITH_ERR_RANGE},
        {"public", rules->public_count <= 65536, KITH_ERR_RANGE},
        {"audit", rules->audit_count <= 65536, KITH_ERR_RANGE},
        {"families", families_are_good(rules), KITH_ERR_INVALID},
        {"params-max", rules->params_max >= 1 && rules->params_max <= UINT64_C(1) << 28,
         KITH_ERR_RANGE},
        {"object-max", rules->object_max >= 1024 && rules->object_max <= UINT64_C(1) << 30,
         KITH_ERR_RANGE},
        {"budget-rounds", rules->budget.rounds <= UINT64_C(1) << 32, KITH_ERR_RANGE},
        {"budget-end", times_are_good(&rules->budget), KITH_ERR_RANGE},
        {"cooldown", rules->budget.cooldown <= KITH_COOLDOWN_MAX, KITH_ERR_RANGE},
        {"data", digest_is_good(rules->data_digest), KITH_ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].good) continue;
        *ret_field = rows[i].field;
        return rows[i].err;
    }
    return 0;
}

static void write_text(struct kith_writer *writer, const char *text)
{
    size_t len = strlen(text);
    kith_write_u16(writer, (uint16_t)len);
    kith_write_raw(writer, text, len);
}

struct kith_id kith_rules_id(const struct kith_rules *rules)
{
    uint8_t buffer[RULES_ENCODED_MAX];
    struct kith_writer writer = kith_writer_into(buffer, sizeof buffer);
    write_text(&writer, rules->name);
    kith_write_u32(&writer, rules->protocol);
    kith_write_u32(&writer, rules->inputs);
    kith_write_u32(&writer, rules->pool);
    kith_write_u32(&writer, rules->classes);
    kith_write_u64(&writer, rules->seed);
    kith_write_u32(&writer, rules->public_count);
    kith_write_u32(&writer, rules->audit_count);
    kith_write_u32(&writer, rules->family_count);
    for (uint32_t i = 0; i < rules->family_count; i++)
        write_text(&writer, rules->family[i]);
    kith_write_u64(&writer, rules->params_max);
    kith_write_u64(&writer, rules->object_max);
    kith_write_u64(&writer, rules->budget.rounds);
    kith_write_u64(&writer, rules->budget.begin_ms);
    kith_write_u64(&writer, rules->budget.end_ms);
    kith_write_u32(&writer, rules->budget.cooldown);
    write_text(&writer, rules->data_digest);
    return kith_hash_of("kith/swarm/2", kith_written(&writer));
}
