/* sim/report_html.h: a run as one HTML page that needs no network, no script and no other file.
 * Equal runs give equal bytes: it has no wall time. */
#ifndef KITH_SIM_REPORT_HTML_H
#define KITH_SIM_REPORT_HTML_H

#include <stdio.h>

#include "sim/sim_record.h"
#include "sim/sim_report.h"

/* 0 or NOMEM; whether `out` took it all is the caller's to ask. The record must be for a report and
 * closed. `correct` as in kith_sim_record_nodes. */
int kith_report_html(const struct kith_sim_run_config *config, const struct kith_sim_result *result,
                     const struct kith_sim_record *record, const uint32_t *correct, FILE *out);

#endif
