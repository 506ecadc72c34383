/* sim/churn_trace.h: who came and went when, as measured somewhere: lines "time,node,up" or
 * "time,node,down", times in seconds, not falling, nodes counted from 0. A first line
 * "time,node,state", empty lines and lines that begin with # are passed over. */
#ifndef KITH_SIM_CHURN_TRACE_H
#define KITH_SIM_CHURN_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    KITH_CHURN_LEN_MAX = 64 * 1024 * 1024,
    KITH_CHURN_ERROR_MAX = 256,
};

struct kith_churn {
    double at_s;
    uint32_t node;
    bool is_up;
};

/* 0 with an array of *ret_count > 0 that the caller frees, or NOMEM, or INVALID with "NAME:LINE:
 * what is allowed" in ret_error. Nodes are below nodes_max, times up to 10^8. */
int kith_churn_parse(const char *name, struct kith_bytes text, uint32_t nodes_max,
                     struct kith_churn **ret, uint32_t *ret_count,
                     char ret_error[static KITH_CHURN_ERROR_MAX]);

#endif
