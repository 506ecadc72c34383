#include "sim/baseline_report.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sim/sim_report.h"

/* One of the words of a list. */
static const char *word_of(const char *words, uint32_t place, char ret[static 32])
{
    for (; place > 0; place--)
        words += strcspn(words, " ") + 1;
    snprintf(ret, 32, "%.*s", (int)strcspn(words, " "), words);
    return ret;
}

const char *kith_baseline_title(const struct kith_baseline *baseline, char ret[static 128])
{
    char name[32], graph[32];
    word_of(KITH_ALGORITHM_NAMES, baseline->algorithm, name);
    word_of(KITH_TOPOLOGY_NAMES, baseline->topology, graph);
    switch (baseline->algorithm) {
    case KITH_ALGORITHM_KITH:
    case KITH_ALGORITHM_ALONE:
    case KITH_ALGORITHM_ALL_REDUCE:
    case KITH_ALGORITHM_GOSSIP:
        snprintf(ret, 128, "%s", name);
        return ret;
    case KITH_ALGORITHM_FEDAVG:
        snprintf(ret, 128, "%s with %.1f %% of the nodes", name, 100 * baseline->clients);
        return ret;
    case KITH_ALGORITHM_EL_LOCAL:
    case KITH_ALGORITHM_EL_ORACLE:
        snprintf(ret, 128, "%s to %u", name, baseline->degree);
        return ret;
    case KITH_ALGORITHM_D_PSGD:
        break;
    }
    bool has_degree = baseline->topology == KITH_TOPOLOGY_REGULAR ||
                      baseline->topology == KITH_TOPOLOGY_ERDOS_RENYI ||
                      baseline->topology == KITH_TOPOLOGY_WATTS_STROGATZ;
    if (has_degree)
        snprintf(ret, 128, "%s on %s, degree %u", name, graph, baseline->degree);
    else
        snprintf(ret, 128, "%s on %s", name, graph);
    return ret;
}

static const char *hex_of(const struct kith_id *id, char ret[static 2 * KITH_ID_LEN + 1])
{
    kith_hex_encode(id->bytes, KITH_ID_LEN, ret);
    return ret;
}

void kith_baseline_table(const struct kith_sim_run_config *config,
                         const struct kith_baseline_result *result, FILE *out)
{
    const struct kith_scenario *scenario = &config->scenario;
    const struct kith_sim_spread *accuracy = &result->accuracy;
    char title[128], a[32], b[32], c[32], hex[2 * KITH_ID_LEN + 1];
    fprintf(out, "algorithm      %s\n", kith_baseline_title(&scenario->baseline, title));
    fprintf(out, "nodes          %u, seed %llu\n", scenario->nodes,
            (unsigned long long)scenario->seed);
    fprintf(out, "accuracy       mean %.2f %%   worst %.2f %%   best %.2f %%\n", accuracy->mean,
            accuracy->worst, accuracy->best);
    fprintf(out, "               10th percentile %.2f %%   spread (standard deviation) %.2f\n",
            accuracy->tenth, accuracy->deviation);
    if (result->average.models > 1)
        fprintf(out,
                "average model  %.2f %% (diagnostic: no node has it)   distance from it %.2f %%\n",
                result->average.accuracy, 100 * result->average.relative);
    fprintf(out, "rounds a node  %llu, all in step\n", (unsigned long long)result->rounds);
    fprintf(out, "bytes sent     %s in all, %s a node, in %llu frames of %s\n",
            kith_sim_human(result->bytes, a), kith_sim_human(result->bytes / scenario->nodes, b),
            (unsigned long long)result->frames, kith_sim_human((double)result->frame_bytes, c));
    fprintf(out, "               frames of models alone: no network, no membership, no loss\n");
    if (result->frames_bad > 0)
        fprintf(out, "               %llu models had no frame that can be decoded: left out\n",
                (unsigned long long)result->frames_bad);
    fprintf(out, "time           %.2f wall s   %.2f CPU s\n", result->wall_s, result->cpu_s);
    fprintf(out, "weight digest  %s\n", hex_of(&result->digest, hex));
    if (scenario->all.node.learner.kernels != KITH_KERNELS_EXACT)
        fprintf(out, "               (not exact kernels: good on this machine only)\n");
}

static json_t *result_json(const struct kith_sim_run_config *config,
                           const struct kith_baseline_result *result)
{
    const struct kith_scenario *scenario = &config->scenario;
    const struct kith_sim_spread *accuracy = &result->accuracy;
    char name[32], title[128], digest[2 * KITH_ID_LEN + 1];
    return json_pack(
        "{s:s,s:s,s:I,s:I,s:{s:f,s:f,s:f,s:f,s:f,s:f},s:{s:I,s:f,s:f,s:f},s:I,s:f,s:f,s:I,s:I,s:I,"
        "s:f,s:f,s:s}",
        "algorithm", word_of(KITH_ALGORITHM_NAMES, scenario->baseline.algorithm, name), "title",
        kith_baseline_title(&scenario->baseline, title), "nodes", (json_int_t)scenario->nodes,
        "seed", (json_int_t)scenario->seed, "accuracy", "mean", accuracy->mean, "worst",
        accuracy->worst, "p10", accuracy->tenth, "p90", accuracy->ninetieth, "best", accuracy->best,
        "sd", accuracy->deviation, "average_model_diagnostic", "models",
        (json_int_t)result->average.models, "accuracy", result->average.accuracy, "distance",
        result->average.distance, "relative_distance", result->average.relative, "rounds",
        (json_int_t)result->rounds, "bytes_sent", result->bytes, "bytes_sent_per_node",
        result->bytes / scenario->nodes, "frames", (json_int_t)result->frames, "frame_bytes",
        (json_int_t)result->frame_bytes, "frames_bad", (json_int_t)result->frames_bad, "wall_s",
        result->wall_s, "cpu_s", result->cpu_s, "digest", hex_of(&result->digest, digest));
}

int kith_baseline_json(const struct kith_sim_run_config *config,
                       const struct kith_baseline_result *result, const char *path)
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

/* --- all of it --- */

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run_rounds(struct kith_baseline_run *run, uint64_t rounds)
{
    int err = 0;
    for (uint64_t round = 0; !err && round < rounds; round++)
        err = kith_baseline_run_round(run);
    return err;
}

int kith_baseline_sim(const struct kith_sim_run_config *config, FILE *out, FILE *err)
{
    struct kith_baseline_run *run;
    struct kith_baseline_result result;
    char error[KITH_SIM_SWARM_TEXT_MAX];
    double wall_s = seconds_of(CLOCK_MONOTONIC), cpu_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    if (kith_baseline_run_new(config, &run, error)) {
        fprintf(err, "%s\n", error);
        return 1;
    }
    int status = run_rounds(run, config->scenario.rounds);
    if (!status) status = kith_baseline_run_result(run, &result);
    kith_baseline_run_free(run);
    if (status) {
        fprintf(err, "%s\n", kith_err_text(status));
        return 1;
    }
    result.wall_s = seconds_of(CLOCK_MONOTONIC) - wall_s;
    result.cpu_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_s;
    kith_baseline_table(config, &result, out);
    if (!config->json_path) return 0;
    status = kith_baseline_json(config, &result, config->json_path);
    if (status)
        fprintf(err, "%s: %s\n", config->json_path,
                status == KITH_ERR_IO ? strerror(errno) : kith_err_text(status));
    return status ? 1 : 0;
}
