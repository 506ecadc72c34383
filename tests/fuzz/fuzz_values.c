/* Values of options, as people type them: what is taken lies in its bounds, and its normal form is
 * taken as the same. What a flag lets through the code behind it takes too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "host/resolve_uv.h"
#include "tools/options.h"
#include "tools/values.h"
#include "training/partition.h"

enum { INPUTS = 784, CLASSES = 10, PARAMS_MAX = 1 << 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_layers(const char *text)
{
    struct kith_arch arch, again;
    char form[KITH_ARCH_TEXT_MAX];
    uint32_t inputs, classes;
    if (!kith_layers_parse(text, form, &inputs, &classes)) return;
    kith_assert(strlen(form) < sizeof form);
    kith_assert((inputs == 0) == (text[0] > '9') || text[0] == '0');
    if (kith_arch_parse(form, INPUTS, CLASSES, PARAMS_MAX, &arch) != 0) return;
    size_t params = 0;
    kith_assert(arch.layers >= 1 && arch.layers <= KITH_LAYERS_MAX);
    kith_assert(arch.width[0] == INPUTS && arch.width[arch.layers] == CLASSES);
    for (uint32_t l = 0; l < arch.layers; l++) {
        kith_assert(arch.width[l] >= 1 && arch.width[l] <= KITH_WIDTH_MAX);
        params += ((size_t)kith_arch_rows(&arch, l) + 1) * kith_arch_columns(&arch, l);
    }
    kith_assert(arch.params == params && params <= PARAMS_MAX);
    kith_assert(kith_arch_parse(arch.text, INPUTS, CLASSES, PARAMS_MAX, &again) == 0);
    kith_assert(memcmp(again.class_id, arch.class_id, sizeof arch.class_id) == 0);
    kith_assert(strcmp(again.text, arch.text) == 0);
    kith_assert(kith_is_layers(arch.text));
}

static void try_partition(const char *text)
{
    struct kith_partition partition, again;
    char form[64];
    if (kith_partition_parse(text, &partition) != 0) return;
    kith_assert(kith_is_partition(text));
    if (partition.kind == KITH_PARTITION_DIRICHLET) {
        kith_assert(partition.alpha >= 0.001 && partition.alpha <= 1000);
        return;
    }
    if (partition.kind == KITH_PARTITION_IID) return;
    kith_assert(partition.shards >= 1 && partition.shards <= KITH_SHARDS_MAX);
    snprintf(form, sizeof form, "shards:%u", partition.shards);
    kith_assert(kith_partition_parse(form, &again) == 0 && again.shards == partition.shards);
}

static void try_classes(const char *text)
{
    struct kith_class_set set, again;
    char form[4 * KITH_CLASSES_MAX + 1] = "";
    size_t len = 0;
    if (kith_classes_parse(text, CLASSES, &set) != 0) return;
    for (uint32_t i = 0; i < KITH_CLASSES_MAX; i++) {
        if (!set.has[i]) continue;
        kith_assert(i < CLASSES);
        len += (size_t)snprintf(form + len, sizeof form - len, len ? ",%u" : "%u", i);
    }
    kith_assert(len > 0);
    kith_assert(kith_classes_parse(form, CLASSES, &again) == 0);
    kith_assert(memcmp(&set, &again, sizeof set) == 0);
}

static void try_shard(const char *text)
{
    uint32_t index, count, again[2];
    char form[32];
    if (!kith_shard_parse(text, &index, &count)) return;
    kith_assert(index < count && count <= KITH_NODES_MAX);
    snprintf(form, sizeof form, "%u/%u", index, count);
    kith_assert(kith_shard_parse(form, &again[0], &again[1]));
    kith_assert(again[0] == index && again[1] == count);
}

static void try_places(const char *text)
{
    struct kith_addr addr;
    if (kith_ip_parse(text, &addr)) kith_assert(addr.port == 0 && addr.family != 0);
    if (kith_is_address(text)) kith_assert(kith_is_place(text));
    if (kith_is_place(text)) kith_assert(kith_resolve_is_good(text));
}

static void try_quote(const char *text)
{
    char quoted[16];
    kith_quote(text, quoted, sizeof quoted);
    size_t len = strlen(quoted);
    kith_assert(len >= 2 && len < sizeof quoted);
    kith_assert(quoted[0] == '"' && quoted[len - 1] == '"');
    for (size_t i = 0; i < len; i++)
        kith_assert((unsigned char)quoted[i] >= 0x20 && quoted[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    try_layers(text);
    try_partition(text);
    try_classes(text);
    try_shard(text);
    try_places(text);
    try_quote(text);
    free(text);
    return 0;
}
