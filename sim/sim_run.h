/* sim/sim_run.h: everything `kith sim` does: builds a world of nodes as configured, runs it in
 * virtual time on real training, and reports. Equal configurations give equal trace hashes, and
 * with exact kernels equal weights, whatever the number of threads. */
#ifndef KITH_SIM_SIM_RUN_H
#define KITH_SIM_SIM_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/scenario.h"
#include "sim/sim_outputs.h"
#include "training/dataset.h"

enum {
    KITH_SIM_THREADS_MAX = 64,
    KITH_SIM_SYNTHETIC_INPUTS = 64, /* of a sample of the small synthetic task */
    KITH_SIM_SYNTHETIC_CLASSES = 10,
};

struct kith_sim_result;

struct kith_sim_run_config {
    /* With the synthetic task, rules.inputs, .classes and .public_count are replaced. */
    struct kith_scenario scenario;
    /* Borrowed; both NULL: a small synthetic task that needs no file. Not looked at if the nodes do
     * not learn (node.learns of `all`). */
    const struct kith_dataset *train;
    const struct kith_dataset *test;
    uint32_t threads;       /* that train at once, 1 to KITH_SIM_THREADS_MAX */
    bool progress;          /* a bar on `err` while it runs, if that is a terminal */
    const char *json_path;  /* NULL: none */
    const char *trace_path; /* NULL: none; one line an event, for people */
    struct kith_sim_outputs outputs;
    /* Becomes nonzero when the run shall end early, in order, with all that it showed so far; NULL:
     * it will not. */
    const volatile sig_atomic_t *stop;
    /* For a caller that wants figures: filled in when the run is over, unless NULL. */
    struct kith_sim_result *result;
    double *accuracy; /* [nodes] per cent, of liars too; NaN: it has no model */
};

/* The default scenario on the synthetic task, 1 thread, no outputs. */
void kith_sim_run_config_default(struct kith_sim_run_config *ret);

/* Run. The table goes to `out` (NULL: none), the bar and one line for any error to `err`. Returns
 * the exit status: 0; 1: a file could not be written, memory ran out, a check of the simulator
 * failed (then with a line that replays it), or a check of the scenario did (with a line for each).
 * The scenario must pass kith_scenario_check. */
int kith_sim_run(const struct kith_sim_run_config *config, FILE *out, FILE *err);

#endif
