/* tools/dispatch.h: from a program's command line to one of its commands. */
#ifndef KITH_TOOLS_DISPATCH_H
#define KITH_TOOLS_DISPATCH_H

#include "tools/options.h"

/* Run a command whose line was read; returns the exit status. */
typedef int kith_run(const struct kith_args *args);

struct kith_entry {
    const struct kith_command *command;
    kith_run *run;
};

/* The command whose name is program's and then the first words of the line. `entries` ends with a
 * NULL command; the first one is the program itself, for --version, --help and errors. Prints help,
 * version and usage errors; returns the exit status. */
int kith_dispatch(const struct kith_entry *entries, int argc, char **argv);

/* The commands, each in a file of its own. */
int kith_cmd_key_new(const struct kith_args *args);
int kith_cmd_key_show(const struct kith_args *args);
int kith_cmd_swarm_show(const struct kith_args *args);
int kith_cmd_node(const struct kith_args *args);
int kith_cmd_up(const struct kith_args *args);
int kith_cmd_up_status(const struct kith_args *args);
int kith_cmd_up_stop(const struct kith_args *args);
int kith_cmd_sim(const struct kith_args *args);
int kith_cmd_sim_swarm(const struct kith_args *args);
int kith_cmd_sim_replay(const struct kith_args *args);
int kith_cmd_bench_train(const struct kith_args *args);
int kith_cmd_bench_wire(const struct kith_args *args);
int kith_cmd_bench_overlay(const struct kith_args *args);
int kith_cmd_bench_sim(const struct kith_args *args);
int kith_cmd_bench_learn(const struct kith_args *args);

/* One line on standard error: "COMMAND: ...". Returns 1, the exit status of a failure. */
__attribute__((format(printf, 2, 3))) int kith_fail(const struct kith_args *args, const char *form,
                                                    ...);

#endif
