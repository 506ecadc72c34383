/* kith sim: from the command line to a run of the simulator. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/sim_run.h"
#include "tools/command_line.h"
#include "tools/dispatch.h"
#include "tools/learning.h"

struct setup {
    const struct kith_args *args;
    struct kith_sim_run_config run;
    struct kith_dataset train;
    struct kith_dataset test;
    char error[KITH_LEARNING_ERROR_MAX];
};

static int refuse(struct setup *setup, const char *name, const char *allowed)
{
    kith_args_refuse(setup->args, name, allowed, setup->error);
    return KITH_EXIT_USAGE;
}

/* The flags of the first kind of fault there was: some are killed at once and may come back. */
static void read_kill(const struct kith_args *args, struct kith_scenario *scenario)
{
    double after_s = kith_args_real(args, "restart-after");
    struct kith_scenario_fault kill = {
        .kind = KITH_FAULT_KILL,
        .at_s = kith_args_real(args, "kill-at"),
        .who = {.group = KITH_SCENARIO_EVERYONE,
                .share = kith_args_real(args, "kill-share"),
                .with_first = kith_args_has(args, "kill-first")},
    };
    if (after_s > 0) kill.until_s = kill.at_s + after_s;
    if (kill.who.share > 0) kith_scenario_add_fault(scenario, &kill);
}

static void read_world(struct setup *setup)
{
    const struct kith_args *args = setup->args;
    struct kith_scenario *scenario = &setup->run.scenario;
    scenario->nodes = (uint32_t)kith_args_int(args, "nodes");
    scenario->seed = kith_args_int(args, "seed");
    if (kith_args_has(args, "seconds")) scenario->rounds = 0;
    uint64_t budget = scenario->all.node.rules.budget.rounds;
    if (budget > 0) scenario->rounds = budget;
    if (kith_args_has(args, "rounds")) scenario->rounds = kith_args_int(args, "rounds");
    scenario->virtual_s = kith_args_real(args, "seconds");
    scenario->latency_ms = kith_args_real(args, "latency");
    scenario->loss = kith_args_real(args, "loss");
    scenario->real_signatures = kith_args_has(args, "real-signatures");
    scenario->all.bandwidth_mbps = kith_args_real(args, "bandwidth");
    scenario->all.gflops = kith_args_real(args, "gflops");
    scenario->all.node.round_min_us = (uint64_t)(kith_args_real(args, "round-time") * 1e6);
    scenario->all.node.learns = !kith_args_has(args, "no-training");
    read_kill(args, scenario);
}

static void read_outputs(struct setup *setup)
{
    const struct kith_args *args = setup->args;
    struct kith_sim_run_config *run = &setup->run;
    run->threads = (uint32_t)kith_args_int(args, "threads");
    run->progress = isatty(STDERR_FILENO) && !kith_args_has(args, "quiet");
    run->json_path = kith_args_text(args, "json");
    run->trace_path = kith_args_text(args, "trace");
    run->outputs.folder = kith_args_text(args, "out");
    run->outputs.eval_every_s = kith_args_real(args, "eval-every");
}

static int read_models(struct setup *setup)
{
    const char *text[KITH_OPTION_REPEATS_MAX];
    struct kith_scenario *scenario = &setup->run.scenario;
    uint32_t count = kith_args_all(setup->args, "model", text);
    if (count > KITH_SIM_MODELS_MAX) return refuse(setup, "model", "one of at most 16");
    for (uint32_t i = 0; i < count || i == 0; i++) {
        struct kith_arch arch;
        int status = kith_learning_model(setup->args, count ? text[i] : NULL,
                                         &scenario->all.node.rules, &arch, setup->error);
        if (status) return status;
        strcpy(scenario->model[i], arch.text);
        scenario->model_count = scenario->all.model_count = i + 1;
    }
    return 0;
}

static int read_classes(struct setup *setup)
{
    const char *text[KITH_OPTION_REPEATS_MAX];
    struct kith_scenario *scenario = &setup->run.scenario;
    scenario->class_set_count = kith_args_all(setup->args, "classes", text);
    if (scenario->class_set_count > KITH_SIM_CLASS_SETS_MAX)
        return refuse(setup, "classes", "one of at most 16");
    for (uint32_t i = 0; i < scenario->class_set_count; i++)
        if (kith_classes_parse(text[i], scenario->all.node.rules.classes,
                               &scenario->class_set[i]) != 0)
            return refuse(setup, "classes", "a set of the swarm's classes");
    scenario->all.class_count = scenario->class_set_count;
    return 0;
}

static int read_all(struct setup *setup)
{
    const struct kith_args *args = setup->args;
    struct kith_sim_run_config *run = &setup->run;
    const char *field;
    const char *allowed;
    kith_sim_run_config_default(run);
    int status = kith_learning_rules(args, &run->scenario.all.node.rules, setup->error);
    if (status) return status;
    kith_learning_settings(args, &run->scenario.all.node);
    kith_partition_parse(kith_args_text(args, "partition"), &run->scenario.all.partition);
    read_world(setup);
    read_outputs(setup);
    status = read_models(setup);
    if (status == 0) status = read_classes(setup);
    if (status) return status;
    if (kith_scenario_check(&run->scenario, &field, &allowed) != 0) {
        snprintf(setup->error, sizeof setup->error, "%s: --%s: must be %s", args->command->name,
                 field, allowed);
        return KITH_EXIT_USAGE;
    }
    if (kith_args_has(args, "synthetic") || !run->scenario.all.node.learns) return 0;
    status = kith_learning_data(args, &run->scenario.all.node.rules, &setup->train, &setup->test,
                                setup->error);
    run->train = &setup->train;
    run->test = &setup->test;
    return status;
}

int kith_cmd_sim(const struct kith_args *args)
{
    static struct setup setup;
    static const char *const without[] = {"out", "json", "trace", "quiet", NULL};
    char *line = kith_command_line(args, without);
    setup.args = args;
    int status = read_all(&setup);
    setup.run.outputs.command = line;
    if (status)
        fprintf(stderr, "%s\n", setup.error);
    else
        status = kith_sim_run(&setup.run, stdout, stderr);
    free(line);
    kith_dataset_release(&setup.train);
    kith_dataset_release(&setup.test);
    return status;
}
