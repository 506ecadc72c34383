/* Any bytes as a trace of who comes and goes: refused with one line, or times that do not fall and
 * nodes that are there. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/churn_trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kith_churn *churn;
    uint32_t count;
    char error[KITH_CHURN_ERROR_MAX] = "";
    int err = kith_churn_parse("f", (struct kith_bytes){data, size}, 100, &churn, &count, error);
    if (err) {
        if (error[0] == '\0' || strchr(error, '\n')) abort();
        return 0;
    }
    if (count == 0) abort();
    for (uint32_t i = 0; i < count; i++) {
        if (churn[i].node >= 100 || !(churn[i].at_s >= 0 && churn[i].at_s <= 1e8)) abort();
        if (i > 0 && churn[i].at_s < churn[i - 1].at_s) abort();
    }
    free(churn);
    return 0;
}
