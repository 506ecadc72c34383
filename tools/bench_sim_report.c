/* What `kith bench sim` found, as a table or as JSON. */
#include <jansson.h>
#include <stdio.h>

#include "base/err.h"
#include "tools/bench_sim.h"

bool kith_bench_goal_is_met(const struct kith_bench_goal *goal, double figure)
{
    return goal->is_most ? figure <= goal->limit : figure >= goal->limit;
}

static void print_goals(const struct kith_bench_sim_row *row,
                        const struct kith_bench_sim_result *result)
{
    for (int i = 0; i < KITH_BENCH_SIM_GOALS_MAX; i++) {
        const struct kith_bench_goal *goal = &row->goal[i];
        if (!goal->what) continue;
        printf("  %-22s %14.1f", goal->what, result->figure[i]);
        if (goal->limit > 0)
            printf("   goal: at %s %.0f: %s", goal->is_most ? "most" : "least", goal->limit,
                   kith_bench_goal_is_met(goal, result->figure[i]) ? "met" : "NOT MET");
        printf("\n");
    }
}

void kith_bench_sim_table(const struct kith_bench_sim_row *rows,
                          const struct kith_bench_sim_result *results, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct kith_bench_sim_result *result = &results[i];
        printf("%s%s: %s (%u nodes)\n", i > 0 ? "\n" : "", rows[i].name, rows[i].text,
               rows[i].nodes);
        if (!result->is_there) {
            printf("  not measured: %s\n", result->error);
            continue;
        }
        print_goals(&rows[i], result);
        if (result->join_virtual_s > 0)
            printf("  joining: %.0f virtual s, %.2f CPU s\n", result->join_virtual_s,
                   result->join_cpu_s);
        printf("  measured: %.1f virtual s, %.3f CPU s; the whole row %.2f CPU s\n",
               result->virtual_s, result->cpu_s, result->all_cpu_s);
        printf("  a node: %.2f steps and %.0f bytes sent a virtual second, lists %.1f peers, holds "
               "%.0f bytes\n",
               result->steps, result->bytes, result->peers, result->node_bytes);
        printf("  peak memory: %.1f MB\n", result->peak_bytes / 1e6);
        if (result->accuracy > 0) printf("  mean accuracy: %.2f %%\n", result->accuracy);
    }
}

static json_t *goals_json(const struct kith_bench_sim_row *row,
                          const struct kith_bench_sim_result *result)
{
    json_t *list = json_array();
    for (int i = 0; result->is_there && i < KITH_BENCH_SIM_GOALS_MAX; i++) {
        const struct kith_bench_goal *goal = &row->goal[i];
        if (!goal->what) continue;
        json_t *one = json_pack("{s:s, s:f}", "what", goal->what, "figure", result->figure[i]);
        if (goal->limit > 0) {
            json_object_set_new(one, goal->is_most ? "at_most" : "at_least",
                                json_real(goal->limit));
            json_object_set_new(one, "met",
                                json_boolean(kith_bench_goal_is_met(goal, result->figure[i])));
        }
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *row_json(const struct kith_bench_sim_row *row,
                        const struct kith_bench_sim_result *result)
{
    json_t *ret = json_pack("{s:s, s:s, s:I, s:b, s:o}", "row", row->name, "text", row->text,
                            "nodes", (json_int_t)row->nodes, "measured", result->is_there, "goals",
                            goals_json(row, result));
    if (!result->is_there) {
        json_object_set_new(ret, "error", json_string(result->error));
        return ret;
    }
    json_t *more = json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "join_virtual_s",
        result->join_virtual_s, "join_cpu_s", result->join_cpu_s, "virtual_s", result->virtual_s,
        "cpu_s", result->cpu_s, "all_cpu_s", result->all_cpu_s, "steps_per_node_s", result->steps,
        "bytes_per_node_s", result->bytes, "peers_mean", result->peers, "node_bytes",
        result->node_bytes, "peak_bytes", result->peak_bytes, "accuracy_mean", result->accuracy);
    json_object_update(ret, more);
    json_decref(more);
    return ret;
}

int kith_bench_sim_json(const struct kith_bench_sim_row *rows,
                        const struct kith_bench_sim_result *results, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(list, row_json(&rows[i], &results[i]));
    json_t *json = json_pack("{s:o}", "rows", list);
    if (!json) return KITH_ERR_NOMEM;
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(json);
    return 0;
}
