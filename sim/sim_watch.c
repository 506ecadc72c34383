#include "sim/sim_watch.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "sim/report_html.h"
#include "sim/scenario_yaml.h"
#include "sim/sim_folder.h"

/* In the folder of a larger run the trace leaves out who lists whom: that grows with the square of
 * the nodes and would take most of the run's time. */
enum { LISTS_NODES_MAX = 100 };

static void on_step(void *context, uint32_t node, const struct kith_event *event,
                    const struct kith_effects *effects)
{
    struct kith_sim_watch *watch = context;
    if (watch->trace) kith_sim_trace_step(watch->trace, node, event, effects);
}

static void on_fault(void *context, const struct kith_fault *fault)
{
    struct kith_sim_watch *watch = context;
    if (watch->trace) kith_sim_trace_fault(watch->trace, fault);
    if (watch->record) kith_sim_record_fault(watch->record, fault);
}

static void on_job(void *context, uint32_t node, const struct kith_job *job)
{
    struct kith_sim_watch *watch = context;
    if (watch->record) kith_sim_record_job(watch->record, node, job);
}

static void on_gone(void *context, uint32_t node)
{
    struct kith_sim_watch *watch = context;
    kith_sim_stats_add(&watch->gone, kith_node_stats(kith_world_node(watch->swarm->world, node)));
    if (watch->record) kith_sim_record_gone(watch->record, node);
}

static bool wants_report(const struct kith_sim_run_config *config)
{
    return config->outputs.folder || config->outputs.report;
}

void kith_sim_watch_hooks(struct kith_sim_watch *watch, const struct kith_sim_run_config *config,
                          struct kith_world_config *world, FILE *err)
{
    memset(watch, 0, sizeof *watch);
    watch->config = config;
    watch->err = err;
    kith_sim_bar_init(&watch->bar, err, config->progress);
    bool has_trace = config->trace_path || config->outputs.folder;
    bool has_record = wants_report(config) || watch->bar.out;
    world->hook_context = watch;
    world->on_step = has_trace ? on_step : NULL;
    world->on_fault = has_trace || has_record ? on_fault : NULL;
    world->on_job = has_record ? on_job : NULL;
    world->on_gone = on_gone;
}

/* --- files --- */

static void complain(const struct kith_sim_watch *watch, const char *path)
{
    fprintf(watch->err, "%s: %s\n", path, strerror(errno));
}

/* Better now than after an hour. An older file stays until the new one is there. */
static int try_file(const struct kith_sim_watch *watch, const char *path)
{
    FILE *file = path ? fopen(path, "a") : NULL;
    if (!path || (file && fclose(file) == 0)) return 0;
    complain(watch, path);
    return KITH_ERR_IO;
}

static void write_line(void *context, const char *text)
{
    fprintf(context, "%s\n", text);
}

static int open_trace(struct kith_sim_watch *watch)
{
    const struct kith_sim_run_config *config = watch->config;
    const char *folder = config->outputs.folder;
    if (!config->trace_path && !folder) return 0;
    if (config->trace_path) {
        watch->trace_file = fopen(config->trace_path, "w");
        if (!watch->trace_file) complain(watch, config->trace_path);
    } else {
        watch->trace_file = kith_sim_folder_open(folder, "trace.txt", watch->err);
    }
    if (!watch->trace_file) return KITH_ERR_IO;
    uint32_t kinds = KITH_SIM_TRACE_ALL & ~(uint32_t)KITH_SIM_TRACE_MESSAGES;
    bool is_large = config->scenario.nodes > LISTS_NODES_MAX;
    if (!config->trace_path && is_large) kinds &= ~(uint32_t)KITH_SIM_TRACE_LISTS;
    watch->trace = kith_sim_trace_new(watch->swarm->world, config->scenario.nodes, kinds,
                                      watch->trace_file, write_line);
    if (watch->trace) return 0;
    fprintf(watch->err, "out of memory\n");
    return KITH_ERR_NOMEM;
}

static int write_command(const struct kith_sim_watch *watch)
{
    const struct kith_sim_outputs *outputs = &watch->config->outputs;
    if (!outputs->command) return 0;
    FILE *file = kith_sim_folder_open(outputs->folder, "command.txt", watch->err);
    if (!file) return KITH_ERR_IO;
    bool is_bad = fprintf(file, "%s\n", outputs->command) < 0;
    if (fclose(file)) is_bad = true;
    return is_bad ? KITH_ERR_IO : 0;
}

static int write_scenario(const struct kith_sim_watch *watch)
{
    const char *folder = watch->config->outputs.folder;
    FILE *file = kith_sim_folder_open(folder, "scenario.yaml", watch->err);
    if (!file) return KITH_ERR_IO;
    kith_scenario_write(&watch->config->scenario, file);
    bool is_bad = ferror(file) != 0;
    if (fclose(file)) is_bad = true;
    return is_bad ? KITH_ERR_IO : 0;
}

static int open_folder(struct kith_sim_watch *watch)
{
    const char *folder = watch->config->outputs.folder;
    if (!folder) return 0;
    int err = kith_sim_folder_make(folder, watch->err);
    if (!err) err = write_command(watch);
    if (!err) err = write_scenario(watch);
    if (err) return err;
    watch->rounds_file = kith_sim_folder_open(folder, "rounds.csv", watch->err);
    if (!watch->rounds_file) return KITH_ERR_IO;
    watch->pulls_file = kith_sim_folder_open(folder, "pulls.csv", watch->err);
    return watch->pulls_file ? 0 : KITH_ERR_IO;
}

static int make_record(struct kith_sim_watch *watch)
{
    const struct kith_sim_outputs *outputs = &watch->config->outputs;
    bool is_wanted = wants_report(watch->config);
    struct kith_sim_record_config config = {
        .swarm = watch->swarm,
        .rounds = watch->rounds_file,
        .pulls = watch->pulls_file,
        .eval_every_us = is_wanted ? (uint64_t)(outputs->eval_every_s * 1e6) : 0,
        .for_report = is_wanted,
        .snap_count = outputs->graph_count,
    };
    memcpy(config.snap_at_s, outputs->graph_at_s, sizeof config.snap_at_s);
    if (!is_wanted && !watch->bar.out) return 0;
    int err = kith_sim_record_new(&config, &watch->record);
    if (err) fprintf(watch->err, "%s\n", kith_err_text(err));
    return err;
}

int kith_sim_watch_open(struct kith_sim_watch *watch, struct kith_swarm *swarm)
{
    watch->swarm = swarm;
    int err = try_file(watch, watch->config->json_path);
    if (!err) err = try_file(watch, watch->config->outputs.report);
    if (!err) err = open_folder(watch);
    if (!err) err = open_trace(watch);
    if (!err) err = make_record(watch);
    return err;
}

/* --- while it runs --- */

static void draw_bar(struct kith_sim_watch *watch, double done, double wall_s)
{
    const struct kith_world *world = watch->swarm->world;
    uint32_t up = 0;
    struct kith_sim_progress progress = {
        .done = done,
        .virtual_s = (double)kith_world_now_us(world) / 1e6,
        .wall_s = wall_s,
        .accuracy = watch->record ? kith_sim_record_accuracy(watch->record) : NAN,
    };
    for (uint32_t i = 0; i < watch->config->scenario.nodes; i++) {
        if (kith_world_state(world, i) != KITH_WORLD_UP) continue;
        progress.rounds += (double)kith_node_stats(kith_world_node(world, i))->round;
        up++;
    }
    if (up > 0) progress.rounds /= up;
    kith_sim_bar_draw(&watch->bar, &progress);
}

void kith_sim_watch_tick(struct kith_sim_watch *watch, double done, double wall_s)
{
    if (watch->record) kith_sim_record_tick(watch->record, done);
    if (kith_sim_bar_is_due(&watch->bar, wall_s)) draw_bar(watch, done, wall_s);
}

void kith_sim_watch_close(struct kith_sim_watch *watch)
{
    if (watch->record) kith_sim_record_close(watch->record);
    kith_sim_bar_clear(&watch->bar);
}

/* --- at the end --- */

static int write_report(const struct kith_sim_watch *watch, const struct kith_sim_result *result,
                        const uint32_t *correct, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file) {
        complain(watch, path);
        return KITH_ERR_IO;
    }
    int err = kith_report_html(watch->config, result, watch->record, correct, file);
    if (ferror(file)) err = KITH_ERR_IO;
    if (fclose(file) && !err) err = KITH_ERR_IO;
    if (err) fprintf(watch->err, "%s: could not be written: %s\n", path, kith_err_text(err));
    return err;
}

static int write_json(const struct kith_sim_watch *watch, const struct kith_sim_result *result,
                      const char *path)
{
    int err = kith_sim_report_json(watch->config, result, path);
    if (err) complain(watch, path);
    return err;
}

static int write_nodes(const struct kith_sim_watch *watch, const uint32_t *correct)
{
    const char *folder = watch->config->outputs.folder;
    FILE *file = kith_sim_folder_open(folder, "nodes.csv", watch->err);
    if (!file) return KITH_ERR_IO;
    kith_sim_record_nodes(watch->record, correct, file);
    bool is_bad = ferror(file) != 0;
    if (fclose(file)) is_bad = true;
    if (is_bad) fprintf(watch->err, "%s/nodes.csv: could not be written\n", folder);
    return is_bad ? KITH_ERR_IO : 0;
}

int kith_sim_watch_finish(struct kith_sim_watch *watch, const struct kith_sim_result *result,
                          const uint32_t *correct)
{
    const struct kith_sim_run_config *config = watch->config;
    const char *folder = config->outputs.folder;
    char path[KITH_SIM_PATH_MAX];
    int err = watch->record ? watch->record->err : 0;
    if (err) fprintf(watch->err, "%s\n", kith_err_text(err));
    if (!err && config->json_path) err = write_json(watch, result, config->json_path);
    if (!err && config->outputs.report)
        err = write_report(watch, result, correct, config->outputs.report);
    if (err || !folder) return err;
    err = write_nodes(watch, correct);
    if (!err) err = write_json(watch, result, kith_sim_folder_path(folder, "summary.json", path));
    if (!err)
        err =
            write_report(watch, result, correct, kith_sim_folder_path(folder, "report.html", path));
    return err;
}

static int close_file(const struct kith_sim_watch *watch, FILE *file, const char *name)
{
    if (!file) return 0;
    bool is_bad = ferror(file) != 0;
    if (fclose(file)) is_bad = true;
    if (is_bad) fprintf(watch->err, "%s: could not be written\n", name);
    return is_bad ? KITH_ERR_IO : 0;
}

int kith_sim_watch_release(struct kith_sim_watch *watch)
{
    const char *trace = watch->config->trace_path;
    kith_sim_bar_clear(&watch->bar);
    kith_sim_trace_free(watch->trace);
    kith_sim_record_free(watch->record);
    int err = close_file(watch, watch->trace_file, trace ? trace : "trace.txt");
    int rounds_err = close_file(watch, watch->rounds_file, "rounds.csv");
    int pulls_err = close_file(watch, watch->pulls_file, "pulls.csv");
    return err ? err : rounds_err ? rounds_err : pulls_err;
}
