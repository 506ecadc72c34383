/* Runs a fuzz target over its corpus as an ordinary test: `fuzz_NAME DIRECTORY [-m COUNT]`. Each
 * file is a case; with -m so many seeded mutations of the files are one more. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

enum { FILES_MAX = 4096, INPUT_MAX = 128 * 1024, EDITS_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    char *name;
    uint8_t *bytes;
    size_t len;
};

static struct input inputs[FILES_MAX];
static uint32_t input_count;

_Noreturn static void bail(const char *what, const char *name)
{
    printf("Bail out! %s %s\n", what, name);
    exit(1);
}

static void load(const char *directory, const char *name)
{
    static uint8_t buffer[INPUT_MAX];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (!file) bail("cannot open", path);
    struct input *input = &inputs[input_count++];
    input->len = fread(buffer, 1, sizeof buffer, file);
    fclose(file);
    /* Exactly as long as the input, so that a sanitizer sees a read behind its end. */
    input->name = strdup(name);
    input->bytes = malloc(input->len ? input->len : 1);
    if (!input->name || !input->bytes) bail("no memory for", path);
    memcpy(input->bytes, buffer, input->len);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct input *)a)->name, ((const struct input *)b)->name);
}

static void load_all(const char *directory)
{
    DIR *listing = opendir(directory);
    if (!listing) bail("no corpus at", directory);
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing))
        if (entry->d_name[0] != '.' && input_count < FILES_MAX) load(directory, entry->d_name);
    closedir(listing);
    if (input_count == 0) bail("an empty corpus at", directory);
    qsort(inputs, input_count, sizeof inputs[0], by_name);
}

static size_t edit(struct kith_rng *rng, uint8_t *bytes, size_t len)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xc0, 0xd9, 0xdc, 0xde, 0xdf, 0xff};
    uint32_t at = len > 0 ? kith_rng_below(rng, (uint32_t)len) : 0;
    uint32_t span = 1 + kith_rng_below(rng, 16);
    switch (kith_rng_below(rng, 5)) {
    case 0:
        if (len > 0) bytes[at] ^= (uint8_t)(1u << kith_rng_below(rng, 8));
        return len;
    case 1:
        if (len > 0) bytes[at] = edges[kith_rng_below(rng, sizeof edges)];
        return len;
    case 2: /* cut out */
        if (at + span > len) return len;
        memmove(bytes + at, bytes + at + span, len - at - span);
        return len - span;
    case 3: /* double */
        if (at + span > len || len + span > INPUT_MAX) return len;
        memmove(bytes + at + span, bytes + at, len - at);
        return len + span;
    default: /* cut short */
        return at;
    }
}

static size_t splice(struct kith_rng *rng, uint8_t *bytes, size_t len)
{
    const struct input *other = &inputs[kith_rng_below(rng, input_count)];
    if (len == 0 || other->len == 0) return len;
    size_t keep = kith_rng_below(rng, (uint32_t)len);
    size_t from = kith_rng_below(rng, (uint32_t)other->len);
    size_t added = other->len - from;
    if (keep + added > INPUT_MAX) return len;
    memcpy(bytes + keep, other->bytes + from, added);
    return keep + added;
}

static void run_mutation(struct kith_rng *rng)
{
    static uint8_t buffer[INPUT_MAX];
    const struct input *input = &inputs[kith_rng_below(rng, input_count)];
    size_t len = input->len;
    memcpy(buffer, input->bytes, len);
    if (kith_rng_below(rng, 4) == 0) len = splice(rng, buffer, len);
    for (uint32_t edits = 1 + kith_rng_below(rng, EDITS_MAX); edits > 0; edits--)
        len = edit(rng, buffer, len);
    uint8_t *exact = malloc(len ? len : 1);
    if (!exact) bail("no memory for", "a mutation");
    memcpy(exact, buffer, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

int main(int argc, char **argv)
{
    static const uint8_t seed[KITH_SEED_LEN] = {1};
    if (argc != 2 && !(argc == 4 && strcmp(argv[2], "-m") == 0))
        bail("usage:", "fuzz_NAME DIRECTORY [-m COUNT]");
    load_all(argv[1]);
    for (uint32_t i = 0; i < input_count; i++) {
        LLVMFuzzerTestOneInput(inputs[i].bytes, inputs[i].len);
        printf("ok %u - %s\n", i + 1, inputs[i].name);
        fflush(stdout);
    }
    unsigned long mutations = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    struct kith_rng rng;
    kith_rng_init(&rng, seed);
    for (unsigned long i = 0; i < mutations; i++)
        run_mutation(&rng);
    if (mutations > 0) printf("ok %u - %lu mutations\n", input_count + 1, mutations);
    printf("1..%u\n", input_count + (mutations > 0));
    for (uint32_t i = 0; i < input_count; i++) {
        free(inputs[i].name);
        free(inputs[i].bytes);
    }
    return 0;
}
