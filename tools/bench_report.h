/* tools/bench_report.h: what `kith bench train` found, as a table or as JSON, and held against the
 * project's targets. */
#ifndef KITH_TOOLS_BENCH_REPORT_H
#define KITH_TOOLS_BENCH_REPORT_H

#include "tools/bench_cell.h"

enum { KITH_BENCH_CELLS_MAX = 9 };

struct kith_bench_report {
    uint32_t count;
    struct kith_bench_cell cells[KITH_BENCH_CELLS_MAX];
    bool pairs;
    const char *rival; /* its OpenBLAS; NULL: there was none */
    double idle_share; /* of a core, by this process while it waits; negative: not measured */
    double idle_s;     /* for how long it waited */
};

void kith_bench_report_table(const struct kith_bench_report *report);
/* 0 or KITH_ERR_NOMEM. */
int kith_bench_report_json(const struct kith_bench_report *report);

#endif
