#include "tools/values.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity/ss58.h"
#include "training/partition.h"

/* Decimal digits up to `max`; returns how many there were, 0 if none or too large. */
static size_t read_number(const char *text, uint32_t max, uint32_t *ret)
{
    uint64_t value = 0;
    size_t len = 0;
    for (; text[len] >= '0' && text[len] <= '9'; len++) {
        value = value * 10 + (uint64_t)(text[len] - '0');
        if (value > max) return 0;
    }
    *ret = (uint32_t)value;
    return len;
}

bool kith_shard_parse(const char *text, uint32_t *ret_index, uint32_t *ret_count)
{
    uint32_t index;
    uint32_t count;
    size_t first = read_number(text, KITH_NODES_MAX, &index);
    if (first == 0 || text[first] != '/') return false;
    size_t second = read_number(text + first + 1, KITH_NODES_MAX, &count);
    if (second == 0 || text[first + 1 + second] != '\0' || index >= count) return false;
    *ret_index = index;
    *ret_count = count;
    return true;
}

bool kith_ip_parse(const char *text, struct kith_addr *ret)
{
    struct kith_addr addr = {.family = 4};
    if (inet_pton(AF_INET, text, addr.ip) != 1) {
        addr = (struct kith_addr){.family = 6};
        if (inet_pton(AF_INET6, text, addr.ip) != 1) return false;
    }
    *ret = addr;
    return true;
}

static bool layers_from_dashes(const char *text, char ret_arch[static KITH_ARCH_TEXT_MAX],
                               uint32_t *ret_inputs, uint32_t *ret_classes)
{
    uint32_t width[KITH_LAYERS_MAX + 1];
    uint32_t count = 0;
    for (const char *at = text;; at++) {
        size_t len = count <= KITH_LAYERS_MAX ? read_number(at, UINT16_MAX + 1, &width[count]) : 0;
        if (len == 0) return false;
        count++;
        at += len;
        if (*at == '\0') break;
        if (*at != '-') return false;
    }
    if (count < 2) return false;
    char arch[KITH_ARCH_TEXT_MAX];
    int len = snprintf(arch, sizeof arch, "mlp:");
    for (uint32_t i = 1; i + 1 < count; i++) {
        len += snprintf(arch + len, sizeof arch - (size_t)len, i == 1 ? "%u" : ",%u", width[i]);
        if (len >= (int)sizeof arch) return false;
    }
    memcpy(ret_arch, arch, sizeof arch);
    *ret_inputs = width[0];
    *ret_classes = width[count - 1];
    return true;
}

bool kith_layers_parse(const char *text, char ret_arch[static KITH_ARCH_TEXT_MAX],
                       uint32_t *ret_inputs, uint32_t *ret_classes)
{
    bool is_named = strncmp(text, "mlp:", 4) == 0 || strncmp(text, "cnn:", 4) == 0;
    if (!is_named && strcmp(text, "lenet") != 0)
        return layers_from_dashes(text, ret_arch, ret_inputs, ret_classes);
    if (strlen(text) >= KITH_ARCH_TEXT_MAX) return false;
    strcpy(ret_arch, text);
    *ret_inputs = 0;
    *ret_classes = 0;
    return true;
}

bool kith_is_shard(const char *text)
{
    uint32_t index;
    uint32_t count;
    return kith_shard_parse(text, &index, &count);
}

bool kith_is_ip(const char *text)
{
    struct kith_addr addr;
    return kith_ip_parse(text, &addr);
}

bool kith_is_address(const char *text)
{
    struct kith_addr addr;
    return kith_addr_parse(text, &addr) && kith_addr_kind(&addr) != KITH_ADDR_BAD;
}

bool kith_is_place(const char *text)
{
    char name[KITH_HOST_NAME_MAX + 1];
    uint16_t port;
    return kith_is_address(text) || kith_addr_split_name(text, name, &port);
}

/* Whether it can be a model at all; the swarm has a further word. */
bool kith_is_layers(const char *text)
{
    char arch_text[KITH_ARCH_TEXT_MAX];
    struct kith_arch arch;
    uint32_t inputs;
    uint32_t classes;
    if (!kith_layers_parse(text, arch_text, &inputs, &classes)) return false;
    if (inputs == 0) return kith_arch_parse_alone(arch_text, &arch) == 0;
    return kith_arch_parse(arch_text, inputs, classes, (size_t)1 << 28, &arch) == 0;
}

bool kith_is_partition(const char *text)
{
    struct kith_partition partition;
    return kith_partition_parse(text, &partition) == 0;
}

bool kith_is_classes(const char *text)
{
    struct kith_class_set set;
    return kith_classes_parse(text, KITH_CLASSES_MAX, &set) == 0;
}

bool kith_is_hotkey(const char *text)
{
    struct kith_id id;
    return kith_ss58_decode(text, &id) == 0;
}

uint32_t kith_sizes_parse(const char *text, uint32_t ret[static KITH_SIZES_MAX])
{
    for (uint32_t count = 0; count < KITH_SIZES_MAX;) {
        size_t len = read_number(text, KITH_SIZE_MOST, &ret[count]);
        if (len == 0 || ret[count] < KITH_SIZE_LEAST) return 0;
        count++;
        if (text[len] == '\0') return count;
        if (text[len] != ',') return 0;
        text += len + 1;
    }
    return 0;
}

bool kith_is_sizes(const char *text)
{
    uint32_t sizes[KITH_SIZES_MAX];
    return kith_sizes_parse(text, sizes) > 0;
}

uint32_t kith_times_parse(const char *text, double ret[static KITH_TIMES_MAX])
{
    static const char digits[] = "0123456789";
    for (uint32_t count = 0; count < KITH_TIMES_MAX; text++) {
        size_t whole = strspn(text, digits), part = 0;
        if (text[whole] == '.') part = 1 + strspn(text + whole + 1, digits);
        if (whole == 0 || part == 1) return 0;
        double value = strtod(text, NULL);
        if (value > 1e8 || (count > 0 && value <= ret[count - 1])) return 0;
        ret[count++] = value;
        text += whole + part;
        if (*text == '\0') return count;
        if (*text != ',') return 0;
    }
    return 0;
}

bool kith_is_times(const char *text)
{
    double times[KITH_TIMES_MAX];
    return kith_times_parse(text, times) > 0;
}
