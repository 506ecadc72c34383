/* Any bytes as a swarm's rules: refused with one line, or rules that are good and come back the
 * same when they are written and read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/conf_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[KITH_CONF_LEN_MAX];
    struct kith_rules rules;
    struct kith_rules again;
    char error[KITH_CONF_ERROR_MAX] = "";
    const char *field;
    if (kith_conf_parse("f", (struct kith_bytes){data, size}, &rules, error) != 0) {
        if (error[0] == '\0' || strchr(error, '\n')) abort();
        return 0;
    }
    if (kith_rules_check(&rules, &field) != 0) abort();
    FILE *out = fmemopen(text, sizeof text, "w");
    if (!out) return 0;
    kith_conf_write(&rules, out);
    long len = ftell(out);
    fclose(out);
    struct kith_bytes bytes = {(const uint8_t *)text, (size_t)len};
    if (kith_conf_parse("f", bytes, &again, error) != 0) abort();
    struct kith_id a = kith_rules_id(&rules);
    struct kith_id b = kith_rules_id(&again);
    if (!kith_id_eq(&a, &b)) abort();
    return 0;
}
