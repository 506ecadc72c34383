/* sim/scenario_shipped.h: the scenarios that come with kith: sim/scenarios/NAME.yaml, made into a
 * table when kith is built. */
#ifndef KITH_SIM_SCENARIO_SHIPPED_H
#define KITH_SIM_SCENARIO_SHIPPED_H

#include <stddef.h>

struct kith_shipped {
    const char *name;
    const char *text; /* YAML */
};

/* In order of names; ends with a NULL name. */
extern const struct kith_shipped kith_shipped[];

#endif
