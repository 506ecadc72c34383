/* sim/sim_outputs.h: what a run leaves behind besides its table: the folder, the report. Plain
 * data. */
#ifndef KITH_SIM_SIM_OUTPUTS_H
#define KITH_SIM_SIM_OUTPUTS_H

#include <stdint.h>

#include "sim/sim_snap.h"

struct kith_sim_outputs {
    const char *folder;   /* NULL: none; made by the run, must not exist */
    const char *command;  /* the command line that gives this run again; NULL: not known */
    const char *report;   /* HTML file; NULL: none, but for the one in the folder */
    double eval_every_s;  /* each node tests itself so often, in virtual time; 0: once an epoch */
    uint32_t graph_count; /* 0: the overlay is drawn at the beginning, in the middle, at the end */
    double graph_at_s[KITH_SIM_SNAPS_MAX]; /* ascending */
};

#endif
