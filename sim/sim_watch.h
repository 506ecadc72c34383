/* sim/sim_watch.h: everything that looks at a run while it goes and everything it leaves behind:
 * bar, record, trace, folder, report. A run without any of them pays nothing: no hook is set. */
#ifndef KITH_SIM_SIM_WATCH_H
#define KITH_SIM_SIM_WATCH_H

#include "sim/sim_bar.h"
#include "sim/sim_record.h"
#include "sim/sim_report.h"
#include "sim/sim_trace.h"

struct kith_sim_watch {
    const struct kith_sim_run_config *config;
    struct kith_swarm *swarm;
    FILE *err; /* a line for whatever goes wrong */
    struct kith_sim_bar bar;
    struct kith_sim_record *record; /* NULL: none */
    struct kith_sim_trace *trace;   /* NULL: none */
    FILE *trace_file;
    FILE *rounds_file;
    FILE *pulls_file;
    struct kith_stats gone; /* counters of all lives that are over */
};

/* Set the hooks that this run needs; `watch` must stay where it is. */
void kith_sim_watch_hooks(struct kith_sim_watch *watch, const struct kith_sim_run_config *config,
                          struct kith_world_config *world, FILE *err);
/* The swarm is there: make the folder, open what is written to on the way, try what is written at
 * the end. 0, or an error after its line. */
int kith_sim_watch_open(struct kith_sim_watch *watch, struct kith_swarm *swarm);
/* After each stretch of virtual time. */
void kith_sim_watch_tick(struct kith_sim_watch *watch, double done, double wall_s);
/* The run is over, its nodes will be stopped. */
void kith_sim_watch_close(struct kith_sim_watch *watch);
/* Write what is written at the end; `correct` as in kith_sim_record_nodes. 0, or an error after its
 * line. */
int kith_sim_watch_finish(struct kith_sim_watch *watch, const struct kith_sim_result *result,
                          const uint32_t *correct);
/* Close all files. 0, or IO after a line if one of them is not complete. */
int kith_sim_watch_release(struct kith_sim_watch *watch);

#endif
