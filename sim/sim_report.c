#include "sim/sim_report.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

const char *kith_sim_human(double bytes, char ret[static 32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (bytes >= 999.995 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1000;
        unit++;
    }
    snprintf(ret, 32, unit == 0 ? "%.0f %s" : "%.2f %s", bytes, units[unit]);
    return ret;
}

static const char *hex_of(const struct kith_id *id, char ret[static 2 * KITH_ID_LEN + 1])
{
    kith_hex_encode(id->bytes, KITH_ID_LEN, ret);
    return ret;
}

/* --- the table --- */

static void print_accuracy(const struct kith_sim_result *result, FILE *out)
{
    const struct kith_sim_spread *accuracy = &result->accuracy;
    if (result->learners == 0) return;
    fprintf(out, "accuracy       mean %.2f %%   worst %.2f %%   best %.2f %%\n", accuracy->mean,
            accuracy->worst, accuracy->best);
    fprintf(out, "               10th percentile %.2f %%   spread (standard deviation) %.2f\n",
            accuracy->tenth, accuracy->deviation);
    const struct kith_sim_average *average = &result->average;
    if (average->models < 2) return;
    fprintf(out, "average model  %.2f %% (diagnostic: no node has it)   distance from it %.2f %%\n",
            average->accuracy, 100 * average->relative);
}

static void print_bytes_of(const char *label, double sent, double received, FILE *out)
{
    char a[32], b[32];
    fprintf(out, "  %-13s%12s%14s\n", label, kith_sim_human(sent, a), kith_sim_human(received, b));
}

static void print_bytes(const struct kith_sim_result *result, FILE *out)
{
    const struct kith_sim_bytes *sent = &result->sent, *received = &result->received;
    fprintf(out, "bytes a node           sent      received\n");
    print_bytes_of("membership", sent->gossip, received->gossip, out);
    print_bytes_of("weights", sent->weights, received->weights, out);
    print_bytes_of("soft labels", sent->labels, received->labels, out);
    print_bytes_of("other", sent->other, received->other, out);
    print_bytes_of("all messages", sent->all, received->all, out);
    double lived = result->lived > 0 ? result->lived : 1;
    fprintf(out, "DHT a node     %.1f puts   %.1f gets   (their bytes are not modelled)\n",
            (double)result->all.dht_puts / lived, (double)result->all.dht_gets / lived);
}

static void print_trust(const struct kith_sim_result *result, FILE *out)
{
    const struct kith_sim_trust *trust = &result->trust;
    fprintf(out, "liars          %u, not counted in the accuracy; %.1f %% of the mixing weight\n",
            trust->liars, 100 * trust->weight);
    if (trust->auc >= 0)
        fprintf(out, "               AUC of honest over lying by score %.3f\n", trust->auc);
}

void kith_sim_report_table(const struct kith_sim_run_config *config,
                           const struct kith_sim_result *result, FILE *out)
{
    char hex[2 * KITH_ID_LEN + 1];
    const struct kith_stats *all = &result->all;
    fprintf(out, "nodes          %u, %u at the end, seed %llu\n", result->nodes, result->alive,
            (unsigned long long)config->scenario.seed);
    if (result->trust.liars > 0) print_trust(result, out);
    print_accuracy(result, out);
    bool learns = config->scenario.all.node.learns;
    if (learns)
        fprintf(out, "rounds a node  mean %.1f   least %llu   most %llu\n", result->rounds_mean,
                (unsigned long long)result->rounds_least, (unsigned long long)result->rounds_most);
    fprintf(out, "peers (nP)     mean %.1f   least %llu\n", result->peers_mean,
            (unsigned long long)result->peers_least);
    print_bytes(result, out);
    fprintf(out, "messages       %llu sent, %llu received, %llu dropped (records included)\n",
            (unsigned long long)all->messages_out, (unsigned long long)all->messages_in,
            (unsigned long long)kith_sim_stats_dropped(all));
    if (learns)
        fprintf(out, "learned from   %llu models mixed in, %llu sets of soft labels\n",
                (unsigned long long)all->mixed, (unsigned long long)all->taught);
    fprintf(out, "time           %.3f virtual s   %.2f wall s   %.2f CPU s\n", result->virtual_s,
            result->wall_s, result->cpu_s);
    fprintf(out, "steps          %llu\n", (unsigned long long)result->steps);
    fprintf(out, "trace hash     %s\n", hex_of(&result->trace, hex));
    if (!learns) return;
    fprintf(out, "weight digest  %s\n", hex_of(&result->digest, hex));
    if (config->scenario.all.node.learner.kernels != KITH_KERNELS_EXACT)
        fprintf(out, "               (not exact kernels: good on this machine only)\n");
}

/* --- JSON --- */

static json_t *spread_json(const struct kith_sim_spread *spread)
{
    return json_pack("{s:f,s:f,s:f,s:f,s:f,s:f}", "mean", spread->mean, "worst", spread->worst,
                     "p10", spread->tenth, "p90", spread->ninetieth, "best", spread->best, "sd",
                     spread->deviation);
}

static json_t *average_json(const struct kith_sim_average *average)
{
    return json_pack("{s:I,s:f,s:f,s:f}", "models", (json_int_t)average->models, "accuracy",
                     average->accuracy, "distance", average->distance, "relative_distance",
                     average->relative);
}

static json_t *purposes_json(const struct kith_sim_bytes *bytes)
{
    return json_pack("{s:f,s:f,s:f,s:f}", "gossip", bytes->gossip, "weights", bytes->weights,
                     "labels", bytes->labels, "other", bytes->other);
}

static json_t *bytes_json(const struct kith_sim_result *result)
{
    double lived = result->lived > 0 ? result->lived : 1;
    return json_pack("{s:f,s:f,s:f,s:o,s:o}", "sent", result->sent.all, "received",
                     result->received.all, "bulk_sent", (double)result->all.bulk_bytes_out / lived,
                     "sent_for", purposes_json(&result->sent), "received_for",
                     purposes_json(&result->received));
}

static json_t *counters_json(const struct kith_stats *all)
{
    json_t *object = json_object();
#define X(name, text) json_object_set_new(object, #name, json_integer((json_int_t)all->name));
    KITH_STATS_COUNTERS_MAP(X)
#undef X
    return object;
}

static json_t *result_json(const struct kith_sim_run_config *config,
                           const struct kith_sim_result *result)
{
    char trace[2 * KITH_ID_LEN + 1], digest[2 * KITH_ID_LEN + 1];
    const struct kith_stats *all = &result->all;
    hex_of(&result->trace, trace);
    hex_of(&result->digest, digest);
    return json_pack(
        "{s:I,s:I,s:I,s:I,s:o,s:o,s:{s:f,s:I,s:I},s:{s:f,s:I},s:o,s:I,s:I,s:I,s:I,s:o,s:I,s:f,s:f,"
        "s:f,s:s,s:s}",
        "nodes", (json_int_t)result->nodes, "alive", (json_int_t)result->alive, "lived",
        (json_int_t)result->lived, "seed", (json_int_t)config->scenario.seed, "accuracy",
        spread_json(&result->accuracy), "average_model_diagnostic", average_json(&result->average),
        "rounds", "mean", result->rounds_mean, "least", (json_int_t)result->rounds_least, "most",
        (json_int_t)result->rounds_most, "peers", "mean", result->peers_mean, "least",
        (json_int_t)result->peers_least, "bytes_per_node", bytes_json(result), "messages",
        (json_int_t)all->messages_out, "mixed", (json_int_t)all->mixed, "taught",
        (json_int_t)all->taught, "dropped", (json_int_t)kith_sim_stats_dropped(all), "counters",
        counters_json(all), "steps", (json_int_t)result->steps, "virtual_s", result->virtual_s,
        "wall_s", result->wall_s, "cpu_s", result->cpu_s, "trace", trace, "digest", digest);
}

int kith_sim_report_json(const struct kith_sim_run_config *config,
                         const struct kith_sim_result *result, const char *path)
{
    json_t *root = result_json(config, result);
    if (!root) return KITH_ERR_NOMEM;
    FILE *file = fopen(path, "w");
    int err = file ? 0 : KITH_ERR_IO;
    if (file && json_dumpf(root, file, JSON_INDENT(2))) err = KITH_ERR_IO;
    if (file && fputc('\n', file) == EOF) err = KITH_ERR_IO;
    if (file && fclose(file)) err = KITH_ERR_IO;
    json_decref(root);
    return err;
}
