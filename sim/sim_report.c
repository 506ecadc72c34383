#include "sim/sim_report.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

static int compare(const void *a, const void *b)
{
    double first, second;
    memcpy(&first, a, sizeof first);
    memcpy(&second, b, sizeof second);
    return (first > second) - (first < second);
}

struct kith_sim_spread kith_sim_spread_of(double *values, uint32_t count)
{
    double sum = 0;
    qsort(values, count, sizeof *values, compare);
    for (uint32_t i = 0; i < count; i++)
        sum += values[i];
    return (struct kith_sim_spread){
        .mean = sum / count,
        .worst = values[0],
        .tenth = values[(count + 9) / 10 - 1],
        .best = values[count - 1],
    };
}

/* Bytes as people read them, into `ret`. */
static const char *human(double bytes, char ret[static 32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (bytes >= 1000 && unit + 1 < sizeof units / sizeof *units) {
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

void kith_sim_report_table(const struct kith_sim_run_config *config,
                           const struct kith_sim_result *result, FILE *out)
{
    char a[32], b[32], c[32], hex[2 * KITH_ID_LEN + 1];
    fprintf(out, "nodes               %u, %u at the end, seed %llu\n", result->nodes, result->alive,
            (unsigned long long)config->scenario.seed);
    if (result->learners > 0)
        fprintf(out,
                "accuracy            mean %.2f %%   worst %.2f %%   10th percentile %.2f %%   "
                "best %.2f %%\n",
                result->accuracy.mean, result->accuracy.worst, result->accuracy.tenth,
                result->accuracy.best);
    if (config->scenario.all.node.learns)
        fprintf(out, "rounds a node       mean %.1f   least %llu   most %llu\n",
                result->rounds_mean, (unsigned long long)result->rounds_least,
                (unsigned long long)result->rounds_most);
    fprintf(out, "peers listed (nP)   mean %.1f   least %llu\n", result->peers_mean,
            (unsigned long long)result->peers_least);
    fprintf(out, "bytes a node        sent %s   received %s   models and labels sent %s\n",
            human(result->sent_per_node, a), human(result->received_per_node, b),
            human(result->bulk_sent_per_node, c));
    fprintf(out, "messages            %llu\n", (unsigned long long)result->messages);
    if (config->scenario.all.node.learns)
        fprintf(out, "learned from peers  %llu models mixed in, %llu sets of soft labels\n",
                (unsigned long long)result->mixed, (unsigned long long)result->taught);
    fprintf(out, "dropped             %llu messages and records\n",
            (unsigned long long)result->dropped);
    fprintf(out, "time                %.3f virtual s   %.2f wall s   %.2f CPU s   %llu steps\n",
            result->virtual_s, result->wall_s, result->cpu_s, (unsigned long long)result->steps);
    fprintf(out, "trace hash          %s\n", hex_of(&result->trace, hex));
    if (!config->scenario.all.node.learns) return;
    fprintf(out, "weight digest       %s%s\n", hex_of(&result->digest, hex),
            config->scenario.all.node.learner.kernels == KITH_KERNELS_EXACT
                ? ""
                : "  (not exact kernels: good on this machine only)");
}

static json_t *spread_json(const struct kith_sim_spread *spread)
{
    return json_pack("{s:f,s:f,s:f,s:f}", "mean", spread->mean, "worst", spread->worst, "p10",
                     spread->tenth, "best", spread->best);
}

static json_t *result_json(const struct kith_sim_run_config *config,
                           const struct kith_sim_result *result)
{
    char trace[2 * KITH_ID_LEN + 1], digest[2 * KITH_ID_LEN + 1];
    hex_of(&result->trace, trace);
    hex_of(&result->digest, digest);
    return json_pack("{s:I,s:I,s:I,s:o,s:{s:f,s:I,s:I},s:{s:f,s:I},s:{s:f,s:f,s:f},s:I,s:I,s:I,s:I,"
                     "s:I,s:f,s:f,s:f,s:s,s:s}",
                     "nodes", (json_int_t)result->nodes, "alive", (json_int_t)result->alive, "seed",
                     (json_int_t)config->scenario.seed, "accuracy", spread_json(&result->accuracy),
                     "rounds", "mean", result->rounds_mean, "least",
                     (json_int_t)result->rounds_least, "most", (json_int_t)result->rounds_most,
                     "peers", "mean", result->peers_mean, "least", (json_int_t)result->peers_least,
                     "bytes_per_node", "sent", result->sent_per_node, "received",
                     result->received_per_node, "bulk_sent", result->bulk_sent_per_node, "messages",
                     (json_int_t)result->messages, "mixed", (json_int_t)result->mixed, "taught",
                     (json_int_t)result->taught, "dropped", (json_int_t)result->dropped, "steps",
                     (json_int_t)result->steps, "virtual_s", result->virtual_s, "wall_s",
                     result->wall_s, "cpu_s", result->cpu_s, "trace", trace, "digest", digest);
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
