#include "sim/sim_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/sim_rows.h"

enum {
    SERIES_US = 250 * 1000,    /* between points, until they are too many */
    SOON_US = 3 * 1000 * 1000, /* when the first links stand: "the beginning" */
    SOURCES_MAX = 32,
};

static const struct kith_world *world_of(const struct kith_sim_record *record)
{
    return record->config.swarm->world;
}

static uint64_t now_us(const struct kith_sim_record *record)
{
    return kith_world_now_us(world_of(record));
}

static int make_parts(struct kith_sim_record *record)
{
    uint32_t nodes = record->nodes;
    record->node = calloc(nodes, sizeof *record->node);
    record->accuracy = calloc(nodes, sizeof *record->accuracy);
    record->scratch = calloc(nodes, sizeof *record->scratch);
    if (!record->node || !record->accuracy || !record->scratch) return KITH_ERR_NOMEM;
    for (uint32_t i = 0; i < nodes; i++) {
        struct kith_sim_node_record *one = &record->node[i];
        record->accuracy[i] = one->local_loss = one->target_loss = one->distillation_loss = NAN;
    }
    bool learns = record->config.swarm->config->scenario.all.node.learns;
    if (record->config.eval_every_us > 0 && learns) {
        record->examiner = kith_examiner_new(record->config.swarm);
        if (!record->examiner) return KITH_ERR_NOMEM;
    }
    if (!record->config.for_report) return 0;
    record->bins = nodes < KITH_SIM_HEAT_MAX ? nodes : KITH_SIM_HEAT_MAX;
    record->heat = calloc((size_t)record->bins * record->bins, sizeof *record->heat);
    if (!record->heat) return KITH_ERR_NOMEM;
    kith_sim_series_init(&record->series, SERIES_US);
    return kith_sim_bands_init(&record->bands, nodes);
}

int kith_sim_record_new(const struct kith_sim_record_config *config,
                        struct kith_sim_record **ret_record)
{
    struct kith_sim_record *record = calloc(1, sizeof *record);
    if (!record) return KITH_ERR_NOMEM;
    record->config = *config;
    record->nodes = config->swarm->config->scenario.nodes;
    int err = make_parts(record);
    if (err) {
        kith_sim_record_free(record);
        return err;
    }
    if (config->rounds) kith_sim_rows_rounds_head(config->rounds);
    if (config->pulls) kith_sim_rows_pulls_head(config->pulls);
    *ret_record = record;
    return 0;
}

void kith_sim_record_free(struct kith_sim_record *record)
{
    if (!record) return;
    for (uint32_t i = 0; i < record->snap_count; i++)
        kith_sim_snap_release(&record->snap[i]);
    kith_sim_bands_release(&record->bands);
    kith_examiner_free(record->examiner);
    free(record->node);
    free(record->accuracy);
    free(record->scratch);
    free(record->heat);
    free(record);
}

/* --- what happens --- */

static void keep_losses(struct kith_sim_node_record *one, const struct kith_job *job)
{
    if (job->line_count == 0) return;
    const struct kith_job_line *line = &job->lines[job->line_count - 1];
    one->local_loss = line->local_loss;
    one->target_loss = line->target_loss;
    one->distillation_loss = line->distillation_loss > 0 ? line->distillation_loss : NAN;
}

/* The accuracy that this job gave or that is measured now, or NaN. */
static double measure(struct kith_sim_record *record, uint32_t node, const struct kith_job *job)
{
    struct kith_sim_node_record *one = &record->node[node];
    bool is_due = record->examiner && now_us(record) >= one->eval_at_us;
    if (!job->tested && !is_due) return NAN;
    one->eval_at_us = now_us(record) + record->config.eval_every_us;
    if (job->tested) return 100.0 * job->test_correct / job->test_count;
    uint32_t rows = record->config.swarm->task.test.count;
    return 100.0 * kith_examiner_test(record->examiner, node, job->learner, rows) / rows;
}

static void keep_accuracy(struct kith_sim_record *record, uint32_t node, double accuracy)
{
    double *place = &record->accuracy[node];
    if (isnan(accuracy)) return;
    if (isnan(*place))
        record->tested++;
    else
        record->accuracy_sum -= *place;
    record->accuracy_sum += accuracy;
    *place = accuracy;
}

static uint32_t bin_of(const struct kith_sim_record *record, uint32_t node)
{
    return (uint32_t)((uint64_t)node * record->bins / record->nodes);
}

static void keep_pulls(struct kith_sim_record *record, uint32_t node, const struct kith_job *job)
{
    struct kith_node_source source[SOURCES_MAX];
    if (!record->config.pulls && !record->heat) return;
    uint32_t count =
        kith_node_sources(kith_world_node(world_of(record), node), source, SOURCES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t author = kith_world_find(world_of(record), &source[i].manifest.author);
        if (record->config.pulls) kith_sim_rows_pull(record, node, job, &source[i]);
        if (!record->heat || author == UINT32_MAX) continue;
        record->heat[bin_of(record, node) * record->bins + bin_of(record, author)]++;
    }
}

void kith_sim_record_job(struct kith_sim_record *record, uint32_t node, const struct kith_job *job)
{
    if (record->is_over || job->mix_only) return;
    double accuracy = measure(record, node, job);
    keep_losses(&record->node[node], job);
    keep_accuracy(record, node, accuracy);
    keep_pulls(record, node, job);
    if (record->config.rounds) kith_sim_rows_round(record, node, job, accuracy);
}

void kith_sim_record_gone(struct kith_sim_record *record, uint32_t node)
{
    kith_sim_stats_add(&record->node[node].ended,
                       kith_node_stats(kith_world_node(world_of(record), node)));
    record->node[node].lives_over++;
}

void kith_sim_record_fault(struct kith_sim_record *record, const struct kith_fault *fault)
{
    if (record->is_over || !record->config.for_report) return;
    kith_sim_bands_fault(&record->bands, fault, (double)now_us(record) / 1e6);
}

/* --- points over time --- */

static void spread_nodes(struct kith_sim_record *record, struct kith_sim_point *point)
{
    for (uint32_t i = 0; i < record->nodes; i++) {
        bool is_up = kith_world_state(world_of(record), i) == KITH_WORLD_UP;
        if (is_up && !isnan(record->accuracy[i]))
            record->scratch[point->tested++] = record->accuracy[i];
    }
    if (point->tested > 0) point->accuracy = kith_sim_spread_of(record->scratch, point->tested);
    for (uint32_t i = 0; i < record->nodes; i++) {
        bool is_up = kith_world_state(world_of(record), i) == KITH_WORLD_UP;
        if (is_up && isfinite(record->node[i].local_loss))
            record->scratch[point->trained++] = record->node[i].local_loss;
    }
    if (point->trained > 0) point->loss = kith_sim_spread_of(record->scratch, point->trained);
}

static void add_node(const struct kith_sim_record *record, uint32_t node,
                     struct kith_sim_point *point, uint32_t *distilled)
{
    struct kith_stats stats;
    const struct kith_sim_node_record *one = &record->node[node];
    kith_sim_record_stats(record, node, &stats);
    struct kith_sim_bytes sent = kith_sim_bytes_sent(&stats);
    point->sent.all += sent.all / record->nodes;
    point->sent.gossip += sent.gossip / record->nodes;
    point->sent.weights += sent.weights / record->nodes;
    point->sent.labels += sent.labels / record->nodes;
    point->sent.other += sent.other / record->nodes;
    if (kith_world_state(world_of(record), node) != KITH_WORLD_UP) return;
    point->up++;
    point->rounds += (double)stats.round;
    point->peers += (double)stats.peers;
    if (isfinite(one->target_loss)) point->target_loss += one->target_loss;
    if (!isfinite(one->distillation_loss)) return;
    point->distillation_loss += one->distillation_loss;
    (*distilled)++;
}

static void add_point(struct kith_sim_record *record)
{
    struct kith_sim_point point = {.time_s = (double)now_us(record) / 1e6};
    uint32_t distilled = 0;
    spread_nodes(record, &point);
    for (uint32_t i = 0; i < record->nodes; i++)
        add_node(record, i, &point, &distilled);
    if (point.up > 0) {
        point.rounds /= point.up;
        point.peers /= point.up;
    }
    point.target_loss = point.trained > 0 ? point.target_loss / point.trained : NAN;
    point.distillation_loss = distilled > 0 ? point.distillation_loss / distilled : NAN;
    kith_sim_series_add(&record->series, now_us(record), &point);
}

static void take_snap(struct kith_sim_record *record)
{
    int err = kith_sim_snap_take(world_of(record), record->nodes, record->accuracy,
                                 &record->snap[record->snap_count]);
    if (err)
        record->err = err;
    else
        record->snap_count++;
}

/* Without chosen times: soon after the start and in the middle; the end is taken by close. */
static bool is_snap_due(const struct kith_sim_record *record, double progress)
{
    const struct kith_sim_record_config *config = &record->config;
    uint32_t taken = record->snap_count;
    if (config->snap_count > 0)
        return taken < config->snap_count &&
               (double)now_us(record) / 1e6 >= config->snap_at_s[taken];
    if (taken == 0) return now_us(record) >= SOON_US;
    return taken == 1 && progress >= 0.5;
}

void kith_sim_record_tick(struct kith_sim_record *record, double progress)
{
    if (!record->config.for_report || record->is_over) return;
    if (kith_sim_series_is_due(&record->series, now_us(record))) add_point(record);
    if (is_snap_due(record, progress)) take_snap(record);
}

void kith_sim_record_close(struct kith_sim_record *record)
{
    if (record->is_over) return;
    for (uint32_t i = 0; i < record->nodes; i++) {
        struct kith_sim_node_record *one = &record->node[i];
        one->is_up = kith_world_state(world_of(record), i) == KITH_WORLD_UP;
        if (!one->is_up) continue;
        const struct kith_stats *stats = kith_node_stats(kith_world_node(world_of(record), i));
        one->peers = stats->peers;
        one->links = stats->links;
    }
    if (record->config.for_report) {
        add_point(record);
        if (record->config.snap_count == 0) take_snap(record);
    }
    record->is_over = true;
}

/* --- what came out --- */

double kith_sim_record_accuracy(const struct kith_sim_record *record)
{
    return record->tested > 0 ? record->accuracy_sum / record->tested : NAN;
}

void kith_sim_record_stats(const struct kith_sim_record *record, uint32_t node,
                           struct kith_stats *ret)
{
    const struct kith_node *one = kith_world_node(world_of(record), node);
    *ret = record->node[node].ended;
    if (one) kith_sim_stats_add(ret, kith_node_stats(one));
}
