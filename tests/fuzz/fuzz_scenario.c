/* Any bytes as a scenario's file: refused with one line, or a scenario that, if it is one that can
 * be, comes back the same when it is written and read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario_yaml.h"

enum { TEXT_MAX = 4 * KITH_SCENARIO_LEN_MAX };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t text_of(const struct kith_scenario *scenario, char *text)
{
    FILE *out = fmemopen(text, TEXT_MAX, "w");
    if (!out) abort();
    kith_scenario_write(scenario, out);
    long len = ftell(out);
    fclose(out);
    return (size_t)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[TEXT_MAX], again_text[TEXT_MAX];
    static struct kith_scenario scenario, again;
    char error[KITH_SCENARIO_ERROR_MAX] = "";
    const char *field, *allowed;
    if (kith_scenario_parse("f", (struct kith_bytes){data, size}, &scenario, error) != 0) {
        if (error[0] == '\0' || strchr(error, '\n')) abort();
        return 0;
    }
    if (kith_scenario_check(&scenario, &field, &allowed) != 0) return 0;
    size_t len = text_of(&scenario, text);
    if (len > KITH_SCENARIO_LEN_MAX) return 0;
    if (kith_scenario_parse("f", (struct kith_bytes){(const uint8_t *)text, len}, &again, error))
        abort();
    if (kith_scenario_check(&again, &field, &allowed) != 0) abort();
    size_t again_len = text_of(&again, again_text);
    if (again_len != len || memcmp(text, again_text, len) != 0) abort();
    return 0;
}
