#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "sim/report_style.h"
#include "sim/report_svg.h"
#include "sim/sim_csv.h"
#include "tools/bench_learn.h"
#include "tools/commit.h"
#include "training/model.h"

enum { CELL_MAX = 32, TARGET_MAX = 160, PLOT_TICKS = 6 };

const char *const kith_learn_figure_names[KITH_LEARN_FIGURES] = {
#define X(constant, name, text) name,
    KITH_LEARN_FIGURES_MAP(X)
#undef X
};

static const char *const figure_texts[KITH_LEARN_FIGURES] = {
#define X(constant, name, text) text,
    KITH_LEARN_FIGURES_MAP(X)
#undef X
};

/* --- sums --- */

struct kith_learn_spread kith_learn_spread(const struct kith_learn_bench *bench,
                                           const struct kith_learn_result *result,
                                           enum kith_learn_figure figure)
{
    double sum = 0, squares = 0, first = result->value[0][figure];
    struct kith_learn_spread spread = {.least = first, .most = first};
    for (uint32_t s = 0; s < bench->seeds; s++) {
        double value = result->value[s][figure];
        sum += value;
        if (value < spread.least) spread.least = value;
        if (value > spread.most) spread.most = value;
    }
    spread.mean = sum / bench->seeds;
    for (uint32_t s = 0; s < bench->seeds; s++) {
        double off = result->value[s][figure] - spread.mean;
        squares += off * off;
    }
    if (bench->seeds > 1) spread.deviation = sqrt(squares / (bench->seeds - 1));
    return spread;
}

uint32_t kith_learn_find(const char *name)
{
    uint32_t i = 0;
    while (i < kith_learn_row_count && strcmp(kith_learn_rows[i].name, name) != 0)
        i++;
    return i;
}

struct kith_learn_verdict kith_learn_judge(const struct kith_learn_bench *bench,
                                           const struct kith_learn_result *result,
                                           const struct kith_learn_target *target)
{
    struct kith_learn_spread spread = kith_learn_spread(bench, result, target->figure);
    struct kith_learn_verdict verdict = {.value = spread.mean, .bound = target->bound};
    if (target->figure == KITH_LEARN_WORST) verdict.value = spread.least;
    if (target->figure == KITH_LEARN_BEHIND || target->figure == KITH_LEARN_LATE)
        verdict.value = spread.most;
    if (target->beside) {
        const struct kith_learn_result *other = &bench->result[kith_learn_find(target->beside)];
        verdict.bound += kith_learn_spread(bench, other, KITH_LEARN_MEAN).mean;
    }
    verdict.is_met =
        target->is_most ? verdict.value <= verdict.bound : verdict.value >= verdict.bound;
    return verdict;
}

void kith_learn_count(const struct kith_learn_bench *bench, uint32_t *ret_targets,
                      uint32_t *ret_met)
{
    *ret_targets = *ret_met = 0;
    for (uint32_t i = 0; i < kith_learn_row_count && !bench->is_quick; i++) {
        const struct kith_learn_result *result = &bench->result[i];
        if (!result->is_asked_for) continue;
        for (uint32_t t = 0; t < result->row->target_count; t++) {
            (*ret_targets)++;
            *ret_met += kith_learn_judge(bench, result, &result->row->target[t]).is_met;
        }
    }
}

/* "met", "NOT MET", or "-": no target, or too small a size to say. */
static const char *word_of(const struct kith_learn_bench *bench,
                           const struct kith_learn_result *result)
{
    if (bench->is_quick || result->row->target_count == 0) return "-";
    for (uint32_t t = 0; t < result->row->target_count; t++)
        if (!kith_learn_judge(bench, result, &result->row->target[t]).is_met) return "NOT MET";
    return "met";
}

/* --- the table --- */

static const char *number(double value, int digits, char ret[static CELL_MAX])
{
    if (isfinite(value))
        snprintf(ret, CELL_MAX, "%.*f", digits, value);
    else
        strcpy(ret, "-");
    return ret;
}

static const char *mean_cell(const struct kith_learn_bench *bench,
                             const struct kith_learn_result *result, enum kith_learn_figure figure,
                             int digits, char ret[static CELL_MAX])
{
    return number(kith_learn_spread(bench, result, figure).mean, digits, ret);
}

static void print_row(const struct kith_learn_bench *bench, const struct kith_learn_result *result,
                      FILE *out)
{
    char cell[8][CELL_MAX];
    struct kith_learn_spread mean = kith_learn_spread(bench, result, KITH_LEARN_MEAN);
    struct kith_learn_spread worst = kith_learn_spread(bench, result, KITH_LEARN_WORST);
    fprintf(
        out, "%-29s%6s %5s %6s%9s%9s%8s%7s%7s%7s  %s\n", result->row->name,
        number(mean.mean, 2, cell[0]), number(mean.deviation, 2, cell[1]),
        number(worst.least, 2, cell[2]), mean_cell(bench, result, KITH_LEARN_NODE_KB, 1, cell[3]),
        mean_cell(bench, result, KITH_LEARN_TOTAL_MB, 2, cell[4]),
        mean_cell(bench, result, KITH_LEARN_ROUND_KB, 1, cell[5]),
        mean_cell(bench, result, KITH_LEARN_WEIGHT, 1, cell[6]),
        mean_cell(bench, result, KITH_LEARN_AUC, 3, cell[7]),
        mean_cell(bench, result, KITH_LEARN_CPU_S, 1, (char[CELL_MAX]){0}), word_of(bench, result));
}

static void target_text(const struct kith_learn_bench *bench,
                        const struct kith_learn_result *result,
                        const struct kith_learn_target *target, char ret[static TARGET_MAX])
{
    struct kith_learn_verdict verdict = kith_learn_judge(bench, result, target);
    char beside[TARGET_MAX / 2] = "";
    if (target->beside)
        snprintf(beside, sizeof beside, " (%s %+.1f)", target->beside, target->bound);
    snprintf(ret, TARGET_MAX, "%s: %.2f, target at %s %.2f%s: %s", figure_texts[target->figure],
             verdict.value, target->is_most ? "most" : "least", verdict.bound, beside,
             verdict.is_met ? "met" : "NOT MET");
}

static void print_targets(const struct kith_learn_bench *bench, FILE *out)
{
    uint32_t targets, met;
    char text[TARGET_MAX];
    kith_learn_count(bench, &targets, &met);
    if (bench->is_quick) fputs("\nsmall sizes: nothing is held against the targets\n", out);
    if (targets == 0) return;
    fprintf(out, "\ntargets: %u of %u met\n", met, targets);
    for (uint32_t i = 0; i < kith_learn_row_count; i++) {
        const struct kith_learn_result *result = &bench->result[i];
        for (uint32_t t = 0; result->is_asked_for && t < result->row->target_count; t++) {
            target_text(bench, result, &result->row->target[t], text);
            fprintf(out, "  %-25s%s\n", result->row->name, text);
        }
    }
}

void kith_learn_table(const struct kith_learn_bench *bench, FILE *out)
{
    const char *set = "";
    fprintf(out, "%s\n%u seed%s, kernels %s, compiler %s, commit %s, %s\n\n", bench->command,
            bench->seeds, bench->seeds == 1 ? "" : "s", kith_kernels_name(KITH_KERNELS_EXACT),
            __VERSION__, KITH_COMMIT, bench->date);
    fputs("                                accuracy, %             sent              liars\n"
          "                               mean    sd  worst  kB/node   MB all  kB/rnd  wght%    AUC"
          "  CPU s  target\n",
          out);
    for (uint32_t i = 0; i < kith_learn_row_count; i++) {
        const struct kith_learn_result *result = &bench->result[i];
        if (!result->row) continue;
        if (strcmp(set, result->row->set) != 0) fprintf(out, "%s\n", result->row->set);
        set = result->row->set;
        fputs("  ", out);
        print_row(bench, result, out);
    }
    print_targets(bench, out);
}

/* --- CSV --- */

void kith_learn_csv(const struct kith_learn_bench *bench, FILE *out)
{
    struct kith_csv csv = {.file = out};
    kith_csv_text(&csv, "set");
    kith_csv_text(&csv, "row");
    kith_csv_text(&csv, "run");
    for (int f = 0; f < KITH_LEARN_FIGURES; f++)
        kith_csv_text(&csv, kith_learn_figure_names[f]);
    kith_csv_text(&csv, "target");
    kith_csv_text(&csv, "command");
    kith_csv_end(&csv);
    for (uint32_t i = 0; i < kith_learn_row_count; i++) {
        const struct kith_learn_result *result = &bench->result[i];
        for (uint32_t s = 0; result->row && s < bench->seeds; s++) {
            kith_csv_text(&csv, result->row->set);
            kith_csv_text(&csv, result->row->name);
            kith_csv_uint(&csv, s + 1);
            for (int f = 0; f < KITH_LEARN_FIGURES; f++)
                kith_csv_real(&csv, result->value[s][f], 4);
            kith_csv_text(&csv, word_of(bench, result));
            kith_csv_text(&csv, result->command);
            kith_csv_end(&csv);
        }
    }
}

/* --- JSON --- */

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *figure_json(const struct kith_learn_bench *bench,
                           const struct kith_learn_result *result, enum kith_learn_figure figure)
{
    struct kith_learn_spread spread = kith_learn_spread(bench, result, figure);
    json_t *seeds = json_array();
    for (uint32_t s = 0; s < bench->seeds; s++)
        json_array_append_new(seeds, real_or_null(result->value[s][figure]));
    return json_pack("{s:o, s:o, s:o}", "mean", real_or_null(spread.mean), "sd",
                     real_or_null(spread.deviation), "runs", seeds);
}

static json_t *targets_json(const struct kith_learn_bench *bench,
                            const struct kith_learn_result *result)
{
    json_t *list = json_array();
    for (uint32_t t = 0; t < result->row->target_count && !bench->is_quick; t++) {
        const struct kith_learn_target *target = &result->row->target[t];
        struct kith_learn_verdict verdict = kith_learn_judge(bench, result, target);
        json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:o, s:b}", "figure",
                                              kith_learn_figure_names[target->figure], "value",
                                              real_or_null(verdict.value), "at",
                                              target->is_most ? "most" : "least", "bound",
                                              real_or_null(verdict.bound), "met", verdict.is_met));
    }
    return list;
}

static json_t *row_json(const struct kith_learn_bench *bench,
                        const struct kith_learn_result *result)
{
    json_t *figures = json_object();
    for (int f = 0; f < KITH_LEARN_FIGURES; f++)
        json_object_set_new(figures, kith_learn_figure_names[f],
                            figure_json(bench, result, (enum kith_learn_figure)f));
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "row", result->row->name, "set", result->row->set,
                     "command", result->command, "figures", figures, "targets",
                     targets_json(bench, result));
}

int kith_learn_json(const struct kith_learn_bench *bench, FILE *out)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < kith_learn_row_count; i++)
        if (bench->result[i].row) json_array_append_new(rows, row_json(bench, &bench->result[i]));
    json_t *json = json_pack("{s:s, s:I, s:b, s:s, s:s, s:s, s:s, s:o}", "command", bench->command,
                             "seeds", (json_int_t)bench->seeds, "quick", bench->is_quick, "kernels",
                             kith_kernels_name(KITH_KERNELS_EXACT), "compiler", __VERSION__,
                             "commit", KITH_COMMIT, "date", bench->date, "rows", rows);
    if (!json) return KITH_ERR_NOMEM;
    json_dumpf(json, out, JSON_INDENT(2) | JSON_REAL_PRECISION(8));
    fputc('\n', out);
    json_decref(json);
    return 0;
}

/* --- HTML --- */

static void put_text(FILE *out, const char *element, const char *text)
{
    fprintf(out, "<%s>", element);
    kith_svg_text(out, text);
    fprintf(out, "</%.*s>", (int)strcspn(element, " "), element);
}

static void put_row(const struct kith_learn_bench *bench, const struct kith_learn_result *result,
                    FILE *out)
{
    char cell[CELL_MAX];
    static const struct {
        enum kith_learn_figure figure;
        int digits;
    } columns[] = {{KITH_LEARN_NODE_KB, 1}, {KITH_LEARN_TOTAL_MB, 2}, {KITH_LEARN_ROUND_KB, 1},
                   {KITH_LEARN_WEIGHT, 1},  {KITH_LEARN_AUC, 3},      {KITH_LEARN_CPU_S, 1}};
    struct kith_learn_spread mean = kith_learn_spread(bench, result, KITH_LEARN_MEAN);
    fputs("<tr>", out);
    put_text(out, "td", result->row->set);
    put_text(out, "td class=\"text\"", result->row->name);
    put_text(out, "td", number(mean.mean, 2, cell));
    put_text(out, "td", number(mean.deviation, 2, cell));
    put_text(out, "td", number(kith_learn_spread(bench, result, KITH_LEARN_WORST).least, 2, cell));
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        put_text(out, "td", mean_cell(bench, result, columns[i].figure, columns[i].digits, cell));
    put_text(out, "td class=\"text\"", word_of(bench, result));
    fputs("</tr>\n", out);
}

static void put_targets(const struct kith_learn_bench *bench, FILE *out)
{
    uint32_t targets, met;
    char text[TARGET_MAX];
    kith_learn_count(bench, &targets, &met);
    if (targets == 0) return;
    fprintf(out, "<h2>Targets: %u of %u met</h2>\n<ul>\n", met, targets);
    for (uint32_t i = 0; i < kith_learn_row_count; i++) {
        const struct kith_learn_result *result = &bench->result[i];
        for (uint32_t t = 0; result->is_asked_for && t < result->row->target_count; t++) {
            target_text(bench, result, &result->row->target[t], text);
            fprintf(out, "<li>%s: ", result->row->name);
            kith_svg_text(out, text);
            fputs("</li>\n", out);
        }
    }
    fputs("</ul>\n", out);
}

static void put_commands(const struct kith_learn_bench *bench, FILE *out)
{
    fputs("<h2>Each row again</h2>\n", out);
    for (uint32_t i = 0; i < kith_learn_row_count; i++) {
        const struct kith_learn_result *result = &bench->result[i];
        if (!result->row) continue;
        fprintf(out, "<p>%s: ", result->row->name);
        put_text(out, "code", result->command);
        fputs("</p>\n", out);
    }
}

void kith_learn_html(const struct kith_learn_bench *bench, FILE *out)
{
    fprintf(out,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<title>kith bench learn, %s</title>\n<style>\n%s</style></head><body>\n"
            "<h1>kith bench learn</h1>\n<p class=\"soft\"><code>",
            bench->date, kith_report_style);
    kith_svg_text(out, bench->command);
    fprintf(out, "</code></p>\n<p>%u seeds, kernels %s, compiler %s, commit %s, %s</p>\n",
            bench->seeds, kith_kernels_name(KITH_KERNELS_EXACT), __VERSION__, KITH_COMMIT,
            bench->date);
    if (bench->is_quick) fputs("<p>Small sizes: nothing is held against the targets.</p>\n", out);
    fputs("<div class=\"wide\"><table><caption>Accuracy of honest nodes' own models on the full "
          "test set, per cent; bytes sent, membership included</caption>\n"
          "<tr><th>set</th><th class=\"text\">row</th><th>mean</th><th>sd over seeds</th>"
          "<th>worst</th><th>kB a node</th><th>MB in all</th><th>kB a node and round</th>"
          "<th>liars' weight, %</th><th>AUC</th><th>CPU s</th><th class=\"text\">target</th>"
          "</tr>\n",
          out);
    for (uint32_t i = 0; i < kith_learn_row_count; i++)
        if (bench->result[i].row) put_row(bench, &bench->result[i], out);
    fputs("</table></div>\n", out);
    put_targets(bench, out);
    put_commands(bench, out);
    fputs("</body></html>\n", out);
}
