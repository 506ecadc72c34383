#include "sim/sim_rows.h"

#include <math.h>

#include "base/err.h"
#include "sim/sim_csv.h"

enum { TIME_DIGITS = 6, LOSS_DIGITS = 6, ACCURACY_DIGITS = 4 };

static void head(FILE *file, const char *const *names, size_t count)
{
    struct kith_csv csv = {.file = file};
    for (size_t i = 0; i < count; i++)
        kith_csv_text(&csv, names[i]);
    kith_csv_end(&csv);
}

static double now_s(const struct kith_sim_record *record)
{
    return (double)kith_world_now_us(record->config.swarm->world) / 1e6;
}

void kith_sim_rows_rounds_head(FILE *file)
{
    static const char *const names[] = {
        "time_s",
        "node",
        "life",
        "round",
        "epoch",
        "samples_seen",
        "local_loss",
        "target_loss",
        "distillation_loss",
        "test_accuracy",
        "models_mixed",
        "labels_learned",
        "peers",
        "links",
        "sent_bytes",
        "sent_gossip_bytes",
        "sent_weights_bytes",
        "sent_labels_bytes",
        "sent_other_bytes",
        "received_bytes",
        "received_gossip_bytes",
        "received_weights_bytes",
        "received_labels_bytes",
        "received_other_bytes",
    };
    head(file, names, sizeof names / sizeof *names);
}

static void put_bytes(struct kith_csv *csv, const struct kith_sim_bytes *bytes)
{
    kith_csv_real(csv, bytes->all, 0);
    kith_csv_real(csv, bytes->gossip, 0);
    kith_csv_real(csv, bytes->weights, 0);
    kith_csv_real(csv, bytes->labels, 0);
    kith_csv_real(csv, bytes->other, 0);
}

static void put_losses(struct kith_csv *csv, const struct kith_job *job)
{
    if (job->line_count == 0) {
        for (int i = 0; i < 5; i++)
            kith_csv_empty(csv);
        return;
    }
    const struct kith_job_line *line = &job->lines[job->line_count - 1];
    kith_csv_uint(csv, line->epoch);
    kith_csv_uint(csv, line->seen);
    kith_csv_real(csv, line->local_loss, LOSS_DIGITS);
    kith_csv_real(csv, line->target_loss, LOSS_DIGITS);
    bool has_distilled = line->distillation_loss != 0;
    kith_csv_real(csv, has_distilled ? line->distillation_loss : NAN, LOSS_DIGITS);
}

static uint64_t count_good(const struct kith_job *job, bool is_weights)
{
    uint64_t good = 0;
    for (uint32_t i = 0; is_weights && i < job->pulled_count; i++)
        good += job->pulled[i].err == 0;
    for (uint32_t i = 0; !is_weights && i < job->teacher_count; i++)
        good += job->teachers[i].err == 0;
    return good;
}

void kith_sim_rows_round(const struct kith_sim_record *record, uint32_t node,
                         const struct kith_job *job, double accuracy)
{
    struct kith_csv csv = {.file = record->config.rounds};
    struct kith_stats stats;
    kith_sim_record_stats(record, node, &stats);
    struct kith_sim_bytes sent = kith_sim_bytes_sent(&stats);
    struct kith_sim_bytes received = kith_sim_bytes_received(&stats);
    kith_csv_real(&csv, now_s(record), TIME_DIGITS);
    kith_csv_uint(&csv, node);
    kith_csv_uint(&csv, record->node[node].lives_over + 1);
    kith_csv_uint(&csv, job->round);
    put_losses(&csv, job);
    kith_csv_real(&csv, accuracy, ACCURACY_DIGITS);
    kith_csv_uint(&csv, count_good(job, true));
    kith_csv_uint(&csv, count_good(job, false));
    kith_csv_uint(&csv, stats.peers);
    kith_csv_uint(&csv, stats.links);
    put_bytes(&csv, &sent);
    put_bytes(&csv, &received);
    kith_csv_end(&csv);
}

void kith_sim_rows_pulls_head(FILE *file)
{
    static const char *const names[] = {
        "time_s", "puller", "round", "author", "author_round", "kind", "bytes", "result",
    };
    head(file, names, sizeof names / sizeof *names);
}

void kith_sim_rows_pull(const struct kith_sim_record *record, uint32_t node,
                        const struct kith_job *job, const struct kith_node_source *source)
{
    struct kith_csv csv = {.file = record->config.pulls};
    const struct kith_manifest *manifest = &source->manifest;
    uint32_t author = kith_world_find(record->config.swarm->world, &manifest->author);
    kith_csv_real(&csv, now_s(record), TIME_DIGITS);
    kith_csv_uint(&csv, node);
    kith_csv_uint(&csv, job->round);
    if (author == UINT32_MAX)
        kith_csv_empty(&csv);
    else
        kith_csv_uint(&csv, author);
    kith_csv_uint(&csv, manifest->round);
    kith_csv_text(&csv, manifest->kind == KITH_MANIFEST_WEIGHTS ? "weights" : "labels");
    kith_csv_uint(&csv, manifest->length);
    kith_csv_text(&csv, source->err ? kith_err_text(source->err) : "ok");
    kith_csv_end(&csv);
}

static const char *state_of(const struct kith_world *world, uint32_t node, bool was_up)
{
    if (was_up) return "up";
    return kith_world_state(world, node) == KITH_WORLD_STOPPED ? "stopped" : "down";
}

static void nodes_head(FILE *file)
{
    struct kith_csv csv = {.file = file};
    static const char *const names[] = {
        "node",  "hotkey",        "model",   "samples",      "state", "lives",
        "round", "test_accuracy", "correct", "test_samples", "peers", "links",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        kith_csv_text(&csv, names[i]);
#define X(name, text) kith_csv_text(&csv, "count_" #name);
    KITH_STATS_COUNTERS_MAP(X)
#undef X
    kith_csv_end(&csv);
}

static void put_node(const struct kith_sim_record *record, uint32_t node, uint32_t correct,
                     FILE *file)
{
    struct kith_csv csv = {.file = file};
    const struct kith_sim_node_record *kept = &record->node[node];
    const struct kith_swarm *swarm = record->config.swarm;
    struct kith_stats stats;
    char hex[2 * KITH_ID_LEN + 1];
    kith_sim_record_stats(record, node, &stats);
    kith_hex_encode(kith_world_hotkey(swarm->world, node)->bytes, KITH_ID_LEN, hex);
    kith_csv_uint(&csv, node);
    kith_csv_text(&csv, hex);
    const struct kith_arch *arch = kith_swarm_arch(swarm, node);
    kith_csv_text(&csv, arch ? arch->text : "");
    kith_csv_uint(&csv, kith_swarm_samples(swarm, node));
    kith_csv_text(&csv, state_of(swarm->world, node, kept->is_up));
    kith_csv_uint(&csv, kept->lives_over + (kith_world_node(swarm->world, node) != NULL));
    kith_csv_uint(&csv, stats.round);
    bool is_tested = correct != UINT32_MAX;
    kith_csv_real(&csv, is_tested ? 100.0 * correct / swarm->test.count : NAN, ACCURACY_DIGITS);
    if (is_tested)
        kith_csv_uint(&csv, correct);
    else
        kith_csv_empty(&csv);
    kith_csv_uint(&csv, swarm->test.count);
    kith_csv_uint(&csv, kept->peers);
    kith_csv_uint(&csv, kept->links);
#define X(name, text) kith_csv_uint(&csv, stats.name);
    KITH_STATS_COUNTERS_MAP(X)
#undef X
    kith_csv_end(&csv);
}

void kith_sim_record_nodes(const struct kith_sim_record *record, const uint32_t *correct,
                           FILE *file)
{
    nodes_head(file);
    for (uint32_t i = 0; i < record->nodes; i++)
        put_node(record, i, correct[i], file);
}
