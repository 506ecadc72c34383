/* kith sim: from the command line to a run of the simulator. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim/baseline_run.h"
#include "sim/scenario_shipped.h"
#include "sim/scenario_yaml.h"
#include "sim/sim_run.h"
#include "tools/command_line.h"
#include "tools/dispatch.h"
#include "tools/scenario_file.h"
#include "tools/values.h"

struct setup {
    const struct kith_args *args;
    struct kith_sim_run_config run;
    struct kith_dataset train;
    struct kith_dataset test;
    struct kith_churn *churn;
    char error[KITH_LEARNING_ERROR_MAX];
};

_Static_assert((int)KITH_TIMES_MAX <= (int)KITH_SIM_SNAPS_MAX, "the times of --graph-at have room");

static void read_outputs(struct setup *setup)
{
    const struct kith_args *args = setup->args;
    struct kith_sim_run_config *run = &setup->run;
    run->threads = (uint32_t)kith_args_int(args, "threads");
    run->progress = isatty(STDERR_FILENO) && !kith_args_has(args, "quiet");
    run->json_path = kith_args_text(args, "json");
    run->trace_path = kith_args_text(args, "trace");
    run->outputs.folder = kith_args_text(args, "out");
    run->outputs.report = kith_args_text(args, "report");
    if (kith_args_has(args, "graph-at"))
        run->outputs.graph_count =
            kith_times_parse(kith_args_text(args, "graph-at"), run->outputs.graph_at_s);
    run->outputs.eval_every_s = kith_args_real(args, "eval-every");
}

static int read_data(struct setup *setup)
{
    struct kith_sim_run_config *run = &setup->run;
    const struct kith_scenario *scenario = &run->scenario;
    if (scenario->synthetic || !scenario->all.node.learns) return 0;
    run->train = &setup->train;
    run->test = &setup->test;
    return kith_learning_data(setup->args, &scenario->all.node.rules, &setup->train, &setup->test,
                              setup->error);
}

static int list_shipped(void)
{
    for (const struct kith_shipped *one = kith_shipped; one->name; one++)
        printf("%s\n", one->name);
    return 0;
}

/* What only the nodes themselves can give. */
static int check_outputs(struct setup *setup)
{
    static const char *const nodes_only[] = {"out", "report", "trace"};
    if (setup->run.scenario.baseline.algorithm == KITH_ALGORITHM_KITH) return 0;
    for (size_t i = 0; i < sizeof nodes_only / sizeof *nodes_only; i++) {
        if (!kith_args_has(setup->args, nodes_only[i])) continue;
        snprintf(setup->error, sizeof setup->error,
                 "kith sim: --%s: not with --algorithm, which has a table and --json",
                 nodes_only[i]);
        return KITH_EXIT_USAGE;
    }
    return 0;
}

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

/* The first Ctrl+C ends the run in order, with its table and files; the second at once. */
static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

enum { EXIT_INTERRUPTED = 130 };

static int run_nodes(struct setup *setup)
{
    watch_signals();
    setup->run.stop = &stop;
    int status = kith_sim_run(&setup->run, stdout, stderr);
    return status == 0 && stop ? EXIT_INTERRUPTED : status;
}

int kith_cmd_sim(const struct kith_args *args)
{
    static struct setup setup;
    static const char *const without[] = {"out",   "json",    "trace", "report",
                                          "quiet", "threads", NULL};
    setup.args = args;
    if (kith_args_has(args, "list")) return list_shipped();
    kith_sim_run_config_default(&setup.run);
    int status = kith_scenario_file_load(args, &setup.run.scenario, setup.error);
    if (status == 0) status = kith_scenario_file_override(args, &setup.run.scenario, setup.error);
    if (status == 0 && kith_args_has(args, "show")) {
        kith_scenario_write(&setup.run.scenario, stdout);
        return 0;
    }
    if (status == 0)
        status = kith_scenario_file_churn(args, &setup.run.scenario, &setup.churn, setup.error);
    char *line = kith_command_line(args, without);
    read_outputs(&setup);
    setup.run.outputs.command = line;
    if (status == 0) status = check_outputs(&setup);
    if (status == 0) status = read_data(&setup);
    if (status)
        fprintf(stderr, "%s\n", setup.error);
    else if (setup.run.scenario.baseline.algorithm != KITH_ALGORITHM_KITH)
        status = kith_baseline_sim(&setup.run, stdout, stderr);
    else
        status = run_nodes(&setup);
    free(line);
    free(setup.churn);
    kith_dataset_release(&setup.train);
    kith_dataset_release(&setup.test);
    return status;
}
