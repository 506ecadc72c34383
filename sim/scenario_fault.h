/* sim/scenario_fault.h: the names of a scenario's faults and of what they take. */
#ifndef KITH_SIM_SCENARIO_FAULT_H
#define KITH_SIM_SCENARIO_FAULT_H

#include "sim/scenario_knobs.h"

#define KITH_FAULT_KINDS_ALLOWED                                                                   \
    "start, kill, machine-gone, stop, cut, wall, bandwidth, loss, disk, dht, skew, "               \
    "pause, speed"

/* False: no kind of that name. */
bool kith_scenario_fault_kind(const char *name, enum kith_fault_kind *ret);
/* NULL for what no scenario has. */
const char *kith_scenario_fault_name(enum kith_fault_kind kind);
/* Whether a kind takes a value, and the value as text: words for disk (good full blank) and dht
 * (honest empty stale lying silent), else a number. */
bool kith_scenario_fault_has_value(enum kith_fault_kind kind);
bool kith_scenario_fault_value(enum kith_fault_kind kind, const char *text, double *ret);
void kith_scenario_fault_value_text(const struct kith_scenario_fault *fault,
                                    char ret[static KITH_KNOB_TEXT_MAX]);

#endif
