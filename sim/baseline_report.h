/* sim/baseline_report.h: what a baseline showed, as a table for people and as JSON for programs. */
#ifndef KITH_SIM_BASELINE_REPORT_H
#define KITH_SIM_BASELINE_REPORT_H

#include "sim/baseline_run.h"

/* "d-psgd on ring", "el-local to 4", "fedavg with 25.0 % of the nodes". Returns `ret`. */
const char *kith_baseline_title(const struct kith_baseline *baseline, char ret[static 128]);
void kith_baseline_table(const struct kith_sim_run_config *config,
                         const struct kith_baseline_result *result, FILE *out);
/* 0, NOMEM, or IO with errno set. */
int kith_baseline_json(const struct kith_sim_run_config *config,
                       const struct kith_baseline_result *result, const char *path);

#endif
