#include "sim/report_html.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sim/report_chart.h"
#include "sim/report_graph.h"
#include "sim/report_heat.h"
#include "sim/report_style.h"
#include "sim/report_svg.h"

enum { NODE_ROWS = 64 };

/* Columns of the series, for charts. */
enum column {
    TIME,
    BYTES,
    ACCURACY,
    ACCURACY_LOW,
    ACCURACY_HIGH,
    ACCURACY_WORST,
    LOSS,
    LOSS_LOW,
    LOSS_HIGH,
    LOSS_WORST,
    TARGET_LOSS,
    DISTILLATION_LOSS,
    SENT_GOSSIP,
    SENT_WEIGHTS,
    SENT_LABELS,
    SENT_OTHER,
    UP,
    PEERS,
    COLUMNS,
};

struct page {
    const struct kith_sim_run_config *config;
    const struct kith_sim_result *result;
    const struct kith_sim_record *record;
    const uint32_t *correct;
    FILE *out;
    uint32_t count; /* of points */
    double *column[COLUMNS];
    struct kith_chart_unit time;
    struct kith_chart_unit bytes;
};

/* --- the series as columns --- */

static void fill_point(struct page *page, uint32_t i)
{
    const struct kith_sim_point *point = &page->record->series.at[i];
    double bytes = page->bytes.factor;
    bool is_tested = point->tested > 0, is_trained = point->trained > 0;
    const double values[COLUMNS] = {
        [TIME] = point->time_s * page->time.factor,
        [BYTES] = point->sent.all * bytes,
        [ACCURACY] = is_tested ? point->accuracy.mean : NAN,
        [ACCURACY_LOW] = is_tested ? point->accuracy.tenth : NAN,
        [ACCURACY_HIGH] = is_tested ? point->accuracy.ninetieth : NAN,
        [ACCURACY_WORST] = is_tested ? point->accuracy.worst : NAN,
        [LOSS] = is_trained ? point->loss.mean : NAN,
        [LOSS_LOW] = is_trained ? point->loss.tenth : NAN,
        [LOSS_HIGH] = is_trained ? point->loss.ninetieth : NAN,
        [LOSS_WORST] = is_trained ? point->loss.best : NAN, /* the most is the worst */
        [TARGET_LOSS] = point->target_loss,
        [DISTILLATION_LOSS] = point->distillation_loss,
        [SENT_GOSSIP] = point->sent.gossip * bytes,
        [SENT_WEIGHTS] = point->sent.weights * bytes,
        [SENT_LABELS] = point->sent.labels * bytes,
        [SENT_OTHER] = point->sent.other * bytes,
        [UP] = point->up,
        [PEERS] = point->up > 0 ? point->peers : NAN,
    };
    for (int k = 0; k < COLUMNS; k++)
        page->column[k][i] = values[k];
}

static int fill_columns(struct page *page)
{
    const struct kith_sim_series *series = &page->record->series;
    const struct kith_sim_point *last = series->count ? &series->at[series->count - 1] : NULL;
    page->count = series->count;
    page->time = kith_chart_time_unit(last ? last->time_s : 0);
    page->bytes = kith_chart_bytes_unit(last ? last->sent.all : 0);
    for (int k = 0; k < COLUMNS; k++) {
        page->column[k] = calloc(series->count + 1, sizeof **page->column);
        if (!page->column[k]) return KITH_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < series->count; i++)
        fill_point(page, i);
    return 0;
}

/* --- the head --- */

static void put_head(const struct page *page)
{
    FILE *out = page->out;
    const struct kith_scenario *scenario = &page->config->scenario;
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          out);
    fprintf(out, "kith sim: %u nodes, seed %llu</title>\n<style>\n%s</style></head><body>\n",
            scenario->nodes, (unsigned long long)scenario->seed, kith_report_style);
    fputs("<h1>kith sim", out);
    if (scenario->name[0]) {
        fputs(": ", out);
        kith_svg_text(out, scenario->name);
    }
    fprintf(out, ", %u nodes, seed %llu</h1>\n", scenario->nodes,
            (unsigned long long)scenario->seed);
    if (scenario->text[0]) {
        fputs("<p>", out);
        kith_svg_text(out, scenario->text);
        fputs("</p>\n", out);
    }
    if (page->config->outputs.command) {
        fputs("<p class=\"soft\"><code>", out);
        kith_svg_text(out, page->config->outputs.command);
        fputs("</code></p>\n", out);
    }
}

__attribute__((format(printf, 4, 5))) static void card(FILE *out, const char *name,
                                                       const char *note, const char *form, ...)
{
    va_list list;
    fprintf(out, "<div><dt>%s</dt><dd>", name);
    va_start(list, form);
    vfprintf(out, form, list);
    va_end(list);
    fprintf(out, " <small>%s</small></dd></div>\n", note);
}

static void put_cards(const struct page *page)
{
    FILE *out = page->out;
    char text[32], note[64];
    const struct kith_sim_result *result = page->result;
    fputs("<dl class=\"cards\">\n", out);
    if (result->learners > 0) {
        snprintf(note, sizeof note, "&plusmn; %.2f over nodes", result->accuracy.deviation);
        card(out, "Mean accuracy", note, "%.2f %%", result->accuracy.mean);
        card(out, "Worst node", "", "%.2f %%", result->accuracy.worst);
        card(out, "10th percentile", "", "%.2f %%", result->accuracy.tenth);
        card(out, "Best node", "", "%.2f %%", result->accuracy.best);
    }
    snprintf(note, sizeof note, "%llu to %llu", (unsigned long long)result->rounds_least,
             (unsigned long long)result->rounds_most);
    if (page->config->scenario.all.node.learns)
        card(out, "Rounds a node", note, "%.1f", result->rounds_mean);
    snprintf(note, sizeof note, "of %u", result->nodes);
    card(out, "Up at the end", note, "%u", result->alive);
    snprintf(note, sizeof note, "least %llu", (unsigned long long)result->peers_least);
    card(out, "Peers listed", note, "%.1f", result->peers_mean);
    card(out, "Sent a node", "", "%s", kith_sim_human(result->sent.all, text));
    card(out, "Virtual time", "", "%.1f s", result->virtual_s);
    fputs("</dl>\n", out);
}

/* --- charts --- */

static struct kith_chart chart_over(const struct page *page, bool is_over_time)
{
    static char names[2][64]; /* both live as long as the page is written */
    snprintf(names[0], sizeof names[0], "virtual time, %s", page->time.name);
    snprintf(names[1], sizeof names[1], "sent a node so far, %s", page->bytes.name);
    return (struct kith_chart){
        .count = page->count,
        .x = page->column[is_over_time ? TIME : BYTES],
        .x_name = names[!is_over_time],
        .bands = is_over_time ? &page->record->bands : NULL,
        .bands_scale = page->time.factor,
    };
}

static void put_accuracy(const struct page *page, bool is_over_time)
{
    struct kith_chart chart = chart_over(page, is_over_time);
    chart.title = is_over_time ? "Accuracy over time" : "Accuracy over bytes";
    chart.text = is_over_time ? "Each node's own model on the first test samples." : NULL;
    chart.y_name = "test accuracy, %";
    chart.line_count = 2;
    chart.line[0] = (struct kith_chart_line){"mean", page->column[ACCURACY]};
    chart.line[1] = (struct kith_chart_line){"worst node", page->column[ACCURACY_WORST]};
    chart.low = page->column[ACCURACY_LOW];
    chart.high = page->column[ACCURACY_HIGH];
    chart.area_name = "10th to 90th percentile";
    kith_chart_draw(&chart, page->out);
}

static void put_loss(const struct page *page, bool is_over_time)
{
    struct kith_chart chart = chart_over(page, is_over_time);
    chart.title = is_over_time ? "Loss over time" : "Loss over bytes";
    chart.text = is_over_time ? "Each node's last reported batch of its own data." : NULL;
    chart.y_name = "loss, nats";
    chart.line_count = is_over_time ? 4 : 2;
    chart.line[0] = (struct kith_chart_line){"local, mean", page->column[LOSS]};
    chart.line[1] = (struct kith_chart_line){"local, worst node", page->column[LOSS_WORST]};
    chart.line[2] =
        (struct kith_chart_line){"with pulled models (target), mean", page->column[TARGET_LOSS]};
    chart.line[3] = (struct kith_chart_line){"distillation, mean", page->column[DISTILLATION_LOSS]};
    chart.low = page->column[LOSS_LOW];
    chart.high = page->column[LOSS_HIGH];
    chart.area_name = "local, 10th to 90th percentile";
    chart.from_zero = true;
    kith_chart_draw(&chart, page->out);
}

static void put_traffic(const struct page *page)
{
    char name[64];
    struct kith_chart chart = chart_over(page, true);
    snprintf(name, sizeof name, "sent a node so far, %s", page->bytes.name);
    chart.title = "Bytes sent, by purpose";
    chart.y_name = name;
    chart.line_count = 4;
    chart.line[0] = (struct kith_chart_line){"membership", page->column[SENT_GOSSIP]};
    chart.line[1] = (struct kith_chart_line){"weights", page->column[SENT_WEIGHTS]};
    chart.line[2] = (struct kith_chart_line){"soft labels", page->column[SENT_LABELS]};
    chart.line[3] = (struct kith_chart_line){"other", page->column[SENT_OTHER]};
    chart.from_zero = true;
    kith_chart_draw(&chart, page->out);
}

static void put_membership(const struct page *page)
{
    struct kith_chart chart = chart_over(page, true);
    chart.title = "Nodes up and peers listed";
    chart.y_name = "nodes";
    chart.line_count = 2;
    chart.line[0] = (struct kith_chart_line){"nodes up", page->column[UP]};
    chart.line[1] = (struct kith_chart_line){"peers a node lists, mean", page->column[PEERS]};
    chart.from_zero = true;
    kith_chart_draw(&chart, page->out);
}

static void put_charts(const struct page *page)
{
    fputs("<h2>Over time, over bytes</h2>\n<div class=\"grid2\">\n", page->out);
    if (page->config->scenario.all.node.learns) {
        put_accuracy(page, true);
        put_accuracy(page, false);
        put_loss(page, true);
        put_loss(page, false);
    }
    put_traffic(page);
    put_membership(page);
    fputs("</div>\n", page->out);
}

static void put_bands(const struct page *page)
{
    FILE *out = page->out;
    const struct kith_sim_bands *bands = &page->record->bands;
    if (bands->count == 0) return;
    fputs("<h2>Faults</h2>\n<div class=\"wide\"><table><thead><tr><th scope=\"col\">number</th>"
          "<th scope=\"col\" class=\"text\">what</th><th scope=\"col\">from, s</th>"
          "<th scope=\"col\">to, s</th><th scope=\"col\">at most at once</th></tr></thead><tbody>"
          "\n",
          out);
    for (uint32_t i = 0; i < bands->count; i++) {
        const struct kith_sim_band *band = &bands->at[i];
        fprintf(out, "<tr><td>%u</td><td class=\"text\">%s</td><td>%.1f</td>", i + 1,
                kith_sim_band_name(band->kind), band->from_s);
        if (isfinite(band->to_s))
            fprintf(out, "<td>%.1f</td>", band->to_s);
        else
            fputs("<td>the end</td>", out);
        fprintf(out, "<td>%u</td></tr>\n", band->most);
    }
    fputs("</tbody></table></div>\n", out);
    if (bands->left_out > 0)
        fprintf(out, "<p class=\"soft\">%u more are left out.</p>\n", bands->left_out);
}

/* --- overlay and pulls --- */

static void put_graphs(const struct page *page)
{
    struct kith_graph_point at[KITH_SIM_SNAP_NODES_MAX];
    const struct kith_sim_record *record = page->record;
    double low = HUGE_VAL, high = -HUGE_VAL;
    if (record->snap_count == 0) return;
    for (uint32_t i = 0; i < record->nodes; i++) {
        if (isnan(record->accuracy[i])) continue;
        if (record->accuracy[i] < low) low = record->accuracy[i];
        if (record->accuracy[i] > high) high = record->accuracy[i];
    }
    fputs("<h2>The overlay</h2>\n<p class=\"soft\">Nodes are near those they have links to. ",
          page->out);
    if (low <= high)
        fprintf(page->out,
                "The stronger the blue, the higher the last test's accuracy, from %.1f %% and less "
                "to %.1f %%. ",
                low, high);
    fputs("A dashed ring is a node that is down.</p>\n<div class=\"grid3\">\n", page->out);
    kith_graph_circle(record->snap[0].count, at);
    for (uint32_t i = 0; i < record->snap_count; i++) {
        kith_graph_layout(&record->snap[i], at);
        kith_graph_draw(&record->snap[i], at, record->nodes, low, high, page->out);
    }
    fputs("</div>\n", page->out);
}

static void put_heat(const struct page *page)
{
    if (!page->config->scenario.all.node.learns) return;
    fputs("<h2>Pulls</h2>\n<div class=\"square\">\n", page->out);
    kith_heat_draw(page->record->heat, page->record->bins, page->record->nodes, page->out);
    fputs("</div>\n", page->out);
}

/* --- tables --- */

static void purpose_row(FILE *out, const char *name, double sent, double received)
{
    char a[32], b[32];
    fprintf(out, "<tr><td>%s</td><td>%s</td><td>%s</td></tr>\n", name, kith_sim_human(sent, a),
            kith_sim_human(received, b));
}

static void put_bytes(const struct page *page)
{
    FILE *out = page->out;
    const struct kith_sim_bytes *sent = &page->result->sent, *received = &page->result->received;
    fputs("<h2>Bytes</h2>\n<div class=\"wide\"><table><caption>Of messages, a node, the whole "
          "run</caption><thead><tr><th scope=\"col\">purpose</th><th scope=\"col\">sent</th>"
          "<th scope=\"col\">received</th></tr></thead><tbody>\n",
          out);
    purpose_row(out, "membership", sent->gossip, received->gossip);
    purpose_row(out, "weights", sent->weights, received->weights);
    purpose_row(out, "soft labels", sent->labels, received->labels);
    purpose_row(out, "other", sent->other, received->other);
    purpose_row(out, "all", sent->all, received->all);
    fputs("</tbody></table></div>\n", out);
}

/* Lowest first, before them those that were never tested. */
static int by_accuracy(const void *a, const void *b, void *context)
{
    const double *accuracy = context;
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    double x = isnan(accuracy[first]) ? -1 : accuracy[first];
    double y = isnan(accuracy[second]) ? -1 : accuracy[second];
    if (x != y) return x < y ? -1 : 1;
    return first < second ? -1 : 1;
}

static void put_node(const struct page *page, uint32_t node)
{
    FILE *out = page->out;
    char sent[32];
    struct kith_stats stats;
    const struct kith_sim_node_record *kept = &page->record->node[node];
    const struct kith_arch *arch = kith_swarm_arch(page->record->config.swarm, node);
    uint32_t count = page->record->config.swarm->test.count;
    kith_sim_record_stats(page->record, node, &stats);
    fprintf(out, "<tr><td>%u</td><td class=\"text\">", node);
    kith_svg_text(out, arch ? arch->text : "");
    fprintf(out, "</td><td>%s</td>", kept->is_up ? "up" : "down");
    if (page->correct[node] != UINT32_MAX && count > 0)
        fprintf(out, "<td>%.2f</td>", 100.0 * page->correct[node] / count);
    else
        fputs("<td>-</td>", out);
    fprintf(out, "<td>%llu</td><td>%llu</td><td>%llu</td><td>%llu</td><td>%s</td></tr>\n",
            (unsigned long long)stats.round, (unsigned long long)kept->peers,
            (unsigned long long)stats.mixed, (unsigned long long)stats.taught,
            kith_sim_human((double)stats.bytes_out, sent));
}

static int put_nodes(const struct page *page)
{
    FILE *out = page->out;
    uint32_t nodes = page->record->nodes;
    uint32_t *order = malloc(nodes * sizeof *order);
    if (!order) return KITH_ERR_NOMEM;
    for (uint32_t i = 0; i < nodes; i++)
        order[i] = i;
    if (nodes > NODE_ROWS)
        qsort_r(order, nodes, sizeof *order, by_accuracy, page->record->accuracy);
    fputs("<h2>Nodes</h2>\n", out);
    if (nodes > NODE_ROWS)
        fprintf(
            out,
            "<p class=\"soft\">The %d with the lowest accuracy in their last test; nodes.csv has "
            "all.</p>",
            NODE_ROWS);
    fputs("<details open><summary>Table</summary><div class=\"wide\"><table><thead><tr>"
          "<th scope=\"col\">node</th><th scope=\"col\" class=\"text\">model</th>"
          "<th scope=\"col\">state</th><th scope=\"col\">accuracy, %</th>"
          "<th scope=\"col\">rounds</th><th scope=\"col\">peers</th>"
          "<th scope=\"col\">models mixed in</th><th scope=\"col\">labels learned from</th>"
          "<th scope=\"col\">sent</th></tr></thead><tbody>\n",
          out);
    for (uint32_t i = 0; i < nodes && i < NODE_ROWS; i++)
        put_node(page, order[i]);
    fputs("</tbody></table></div></details>\n", out);
    free(order);
    return 0;
}

static void put_foot(const struct page *page)
{
    FILE *out = page->out;
    char hex[2 * KITH_ID_LEN + 1];
    const struct kith_sim_average *average = &page->result->average;
    fputs("<footer class=\"soft\">\n", out);
    if (average->models > 1)
        fprintf(out,
                "<p>Diagnostic, no node has this model: the mean of the %u models of the commonest "
                "architecture reaches %.2f %%; they are %.2f %% of its length away from it (root "
                "mean square).</p>\n",
                average->models, average->accuracy, 100 * average->relative);
    kith_hex_encode(page->result->trace.bytes, KITH_ID_LEN, hex);
    fprintf(out, "<p>Trace hash <code>%s</code></p>\n", hex);
    kith_hex_encode(page->result->digest.bytes, KITH_ID_LEN, hex);
    if (page->config->scenario.all.node.learns)
        fprintf(out, "<p>Weight digest <code>%s</code></p>\n", hex);
    fputs("</footer>\n</body></html>\n", out);
}

int kith_report_html(const struct kith_sim_run_config *config, const struct kith_sim_result *result,
                     const struct kith_sim_record *record, const uint32_t *correct, FILE *out)
{
    struct page page = {
        .config = config, .result = result, .record = record, .correct = correct, .out = out};
    int err = fill_columns(&page);
    if (!err) {
        put_head(&page);
        put_cards(&page);
        put_charts(&page);
        put_bands(&page);
        put_graphs(&page);
        put_heat(&page);
        put_bytes(&page);
        err = put_nodes(&page);
        put_foot(&page);
    }
    for (int k = 0; k < COLUMNS; k++)
        free(page.column[k]);
    return err;
}
