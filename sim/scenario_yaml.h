/* sim/scenario_yaml.h: a scenario as a YAML file (docs/SIMULATION.md). Text in, text out: no files
 * are opened here. */
#ifndef KITH_SIM_SCENARIO_YAML_H
#define KITH_SIM_SCENARIO_YAML_H

#include <stdio.h>

#include "base/bytes.h"
#include "sim/scenario.h"

enum { KITH_SCENARIO_LEN_MAX = 64 * 1024, KITH_SCENARIO_ERROR_MAX = 512 };

/* Read a scenario; what it does not say is as in kith_scenario_default. Refused: unknown and
 * repeated keys, values out of bounds, a second document, more than KITH_SCENARIO_LEN_MAX bytes. 0,
 * NOMEM, or INVALID with "NAME:LINE: key: what is allowed" in ret_error. `ret` is written on
 * success; call kith_knobs_settle after the last change and kith_scenario_check before it is used.
 */
int kith_scenario_parse(const char *name, struct kith_bytes text, struct kith_scenario *ret,
                        char ret_error[static KITH_SCENARIO_ERROR_MAX]);
/* One more group, fault or check as a flow mapping or text: "{at: 10, kind: kill, share: 0.3}". As
 * above; a first group takes the place of "all nodes alike". */
enum kith_scenario_item { KITH_ITEM_GROUP, KITH_ITEM_FAULT, KITH_ITEM_CHECK, KITH_ITEM_REGIONS };
int kith_scenario_add(const char *name, enum kith_scenario_item item, const char *text,
                      struct kith_scenario *scenario,
                      char ret_error[static KITH_SCENARIO_ERROR_MAX]);
/* Write a settled scenario in full, so that kith_scenario_parse gives the same one again. */
void kith_scenario_write(const struct kith_scenario *scenario, FILE *out);

#endif
