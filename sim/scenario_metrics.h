/* sim/scenario_metrics.h: what a scenario's checks look at, and whether they hold. */
#ifndef KITH_SIM_SCENARIO_METRICS_H
#define KITH_SIM_SCENARIO_METRICS_H

#include <stdio.h>

#include "sim/sim_report.h"
#include "sim/world.h"

/* What the nodes know of each other now: alive, peers, unlisted, lacking, components. 0 or NOMEM.
 */
int kith_scenario_look(struct kith_world *world, struct kith_sim_result *result);

const char *kith_scenario_metric_name(enum kith_scenario_metric metric);
double kith_scenario_metric_of(const struct kith_sim_result *result,
                               enum kith_scenario_metric metric);
/* "accuracy-mean >= 80", "components <= 1". False: not of this form. */
bool kith_scenario_check_parse(const char *text, struct kith_scenario_check *ret);
/* The same text again, into `ret`. */
void kith_scenario_check_text(const struct kith_scenario_check *check, char *ret, size_t size);
/* How many checks do not hold; a line for each goes to `err`. */
uint32_t kith_scenario_judge(const struct kith_scenario *scenario,
                             const struct kith_sim_result *result, FILE *err);

#endif
