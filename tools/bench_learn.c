/* kith bench learn: rows of learning runs on the simulator, each with several seeds, held against
 * their targets. A row is a line of flags for kith sim: what the bench runs, anybody can run. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/sim_report.h"
#include "sim/sim_run.h"
#include "tools/bench_learn.h"
#include "tools/command_line.h"
#include "tools/commands.h"
#include "tools/dispatch.h"
#include "tools/scenario_file.h"

enum { WORDS_MAX = 64, LINE_MAX = 1000, DATE_MAX = 24, POOLS = 3 };

/* Images as they are, made smaller by 2, and none: the synthetic task. */
struct data {
    bool is_there;
    struct kith_dataset train;
    struct kith_dataset test;
};

struct bench {
    const struct kith_args *args;
    struct kith_learn_bench shown;
    struct data data[POOLS]; /* [pool] */
    uint32_t rows;           /* that will run */
    uint32_t done;
};

/* --- one run --- */

/* Cut a line into words as a shell does that knows only ' and spaces. */
static int words_of(char *line, char **ret_word)
{
    int count = 0;
    while (*line && count < WORDS_MAX) {
        while (*line == ' ')
            line++;
        if (!*line) break;
        char end = *line == '\'' ? '\'' : ' ';
        line += end == '\'';
        ret_word[count++] = line;
        while (*line && *line != end)
            line++;
        if (*line) *line++ = '\0';
    }
    return count;
}

static int fail(const struct bench *bench, const char *row, const char *why)
{
    fprintf(stderr, "%s: row %s: %s\n", bench->args->command->name, row, why);
    return 1;
}

/* The data are read once for each size of the images. */
static int lend_data(struct bench *bench, const struct kith_args *line,
                     struct kith_sim_run_config *run, char *error)
{
    const struct kith_rules *rules = &run->scenario.all.node.rules;
    if (run->scenario.synthetic) return 0;
    struct data *data = &bench->data[rules->pool < POOLS ? rules->pool : 0];
    if (!data->is_there) {
        int status = kith_learning_data(line, rules, &data->train, &data->test, error);
        if (status) return status;
        data->is_there = true;
    }
    run->train = &data->train;
    run->test = &data->test;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Points from the median of the nodes before `from` to the mean of those from it on. */
static double late_of(double *accuracy, uint32_t nodes, uint32_t from)
{
    double sum = 0;
    uint32_t old = 0, late = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        if (isnan(accuracy[i])) continue;
        if (i < from)
            accuracy[old++] = accuracy[i];
        else
            sum += accuracy[i];
        late += i >= from;
    }
    if (old == 0 || late == 0) return (double)NAN;
    qsort(accuracy, old, sizeof *accuracy, by_value);
    return (accuracy[(old - 1) / 2] + accuracy[old / 2]) / 2 - sum / late;
}

/* If all nodes lie, they are all that there is to look at. */
static void look_at_liars(const struct kith_sim_result *result, const double *accuracy,
                          struct kith_sim_spread *ret)
{
    double sum = 0;
    uint32_t count = 0;
    *ret = result->accuracy;
    if (result->learners > 0) return;
    ret->worst = 100;
    for (uint32_t i = 0; i < result->nodes; i++) {
        if (isnan(accuracy[i])) continue;
        sum += accuracy[i];
        count++;
        if (accuracy[i] < ret->worst) ret->worst = accuracy[i];
    }
    ret->mean = count > 0 ? sum / count : (double)NAN;
}

static void take_figures(const struct kith_sim_result *result, uint32_t late_from, double *accuracy,
                         double *ret)
{
    struct kith_sim_spread spread;
    look_at_liars(result, accuracy, &spread);
    ret[KITH_LEARN_MEAN] = spread.mean;
    ret[KITH_LEARN_WORST] = spread.worst;
    ret[KITH_LEARN_BEHIND] = spread.mean - spread.worst;
    ret[KITH_LEARN_NODE_KB] = result->sent.all / 1e3;
    ret[KITH_LEARN_TOTAL_MB] = result->sent.all * result->lived / 1e6;
    ret[KITH_LEARN_ROUND_KB] = result->sent.all / 1e3 / result->rounds_mean;
    bool lies = result->trust.liars > 0;
    ret[KITH_LEARN_WEIGHT] = lies ? 100 * result->trust.weight : (double)NAN;
    ret[KITH_LEARN_AUC] = lies && result->trust.auc >= 0 ? result->trust.auc : (double)NAN;
    ret[KITH_LEARN_LATE] =
        late_from > 0 ? late_of(accuracy, result->nodes, late_from) : (double)NAN;
    ret[KITH_LEARN_ROUNDS] = (double)result->rounds_least;
    ret[KITH_LEARN_CPU_S] = result->cpu_s;
}

static int run_scenario(struct bench *bench, const struct kith_learn_row *row,
                        const struct kith_args *line, double *ret)
{
    static struct kith_sim_run_config run;
    char error[KITH_LEARNING_ERROR_MAX];
    struct kith_sim_result result = {0};
    kith_sim_run_config_default(&run);
    int status = kith_scenario_file_load(line, &run.scenario, error);
    if (status == 0) status = kith_scenario_file_override(line, &run.scenario, error);
    if (status == 0) status = lend_data(bench, line, &run, error);
    if (status) return fail(bench, row->name, error);
    run.threads = (uint32_t)kith_args_int(bench->args, "threads");
    run.progress = isatty(STDERR_FILENO) && !kith_args_has(bench->args, "quiet");
    run.result = &result;
    run.accuracy = calloc(run.scenario.nodes, sizeof *run.accuracy);
    if (!run.accuracy) return fail(bench, row->name, "out of memory");
    if (kith_sim_run(&run, NULL, stderr) == 0)
        take_figures(&result, bench->shown.is_quick ? row->quick_late_from : row->late_from,
                     run.accuracy, ret);
    else
        status = fail(bench, row->name, "the run failed");
    free(run.accuracy);
    return status;
}

static void line_of(const struct bench *bench, const struct kith_learn_row *row, uint64_t seed,
                    char ret[static LINE_MAX])
{
    bool is_quick = bench->shown.is_quick;
    snprintf(ret, LINE_MAX, "%s %s --seed %llu", is_quick ? row->quick : row->shape, row->flags,
             (unsigned long long)seed);
}

static int run_seed(struct bench *bench, struct kith_learn_result *result, uint32_t number)
{
    static struct kith_args args;
    char line[LINE_MAX], *word[WORDS_MAX + 2], error[KITH_ARGS_ERROR_MAX];
    uint64_t seed = kith_args_int(bench->args, "seed") + number;
    const char *name = result->row->name;
    line_of(bench, result->row, seed, line);
    if (number == 0) snprintf(result->command, sizeof result->command, "kith sim %s", line);
    int count = words_of(line, word);
    if (!bench->shown.is_quick && kith_args_has(bench->args, "data")) {
        word[count++] = (char *)(uintptr_t) "--data";
        word[count++] = (char *)(uintptr_t)kith_args_text(bench->args, "data");
    }
    if (kith_args_parse(&kith_command_sim, count, word, &args, error))
        return fail(bench, name, error);
    if (!kith_args_has(bench->args, "quiet"))
        fprintf(stderr, "%u of %u: %s, seed %llu\n", bench->done + 1, bench->rows, name,
                (unsigned long long)seed);
    return run_scenario(bench, result->row, &args, result->value[number]);
}

/* --- which rows --- */

static void take(struct bench *bench, uint32_t place, bool is_asked_for)
{
    struct kith_learn_result *result = &bench->shown.result[place];
    const struct kith_learn_row *row = &kith_learn_rows[place];
    bench->rows += !result->row;
    result->row = row;
    result->is_asked_for |= is_asked_for;
    for (uint32_t t = 0; t < row->target_count; t++)
        if (row->target[t].beside && !bench->shown.is_quick)
            take(bench, kith_learn_find(row->target[t].beside), false);
}

/* 0, or the exit status if --row names neither a row nor a set. */
static int choose(struct bench *bench)
{
    const char *names[KITH_OPTION_REPEATS_MAX];
    uint32_t count = kith_args_all(bench->args, "row", names);
    for (uint32_t n = 0; n < count || (n == 0 && count == 0); n++) {
        bool is_known = false;
        for (uint32_t i = 0; i < kith_learn_row_count; i++) {
            const struct kith_learn_row *row = &kith_learn_rows[i];
            bool fits =
                count == 0 || strcmp(names[n], row->name) == 0 || strcmp(names[n], row->set) == 0;
            if (fits) take(bench, i, true);
            is_known |= fits;
        }
        if (is_known) continue;
        char quote[KITH_ARGS_ERROR_MAX / 4];
        kith_quote(names[n], quote, sizeof quote);
        fprintf(stderr, "%s: --row: %s is neither a row nor a set, see --list\n",
                bench->args->command->name, quote);
        return KITH_EXIT_USAGE;
    }
    return 0;
}

static int list_rows(void)
{
    const char *set = "";
    for (uint32_t i = 0; i < kith_learn_row_count; i++) {
        const struct kith_learn_row *row = &kith_learn_rows[i];
        if (strcmp(set, row->set) != 0) printf("%s\n", row->set);
        set = row->set;
        printf("  %s\n", row->name);
    }
    return 0;
}

/* --- files --- */

static FILE *open_file(const struct bench *bench, const char *option, bool *ret_is_bad)
{
    const char *path = kith_args_text(bench->args, option);
    FILE *file = path ? fopen(path, "w") : NULL;
    if (path && !file) {
        fprintf(stderr, "%s: --%s: %s: %s\n", bench->args->command->name, option, path,
                strerror(errno));
        *ret_is_bad = true;
    }
    return file;
}

static bool close_file(const struct bench *bench, const char *option, FILE *file)
{
    if (!file) return true;
    bool is_good = !ferror(file);
    if (fclose(file)) is_good = false;
    if (!is_good)
        fprintf(stderr, "%s: --%s: %s: could not be written\n", bench->args->command->name, option,
                kith_args_text(bench->args, option));
    return is_good;
}

static int measure(struct bench *bench)
{
    for (uint32_t i = 0; i < kith_learn_row_count; i++) {
        struct kith_learn_result *result = &bench->shown.result[i];
        if (!result->row) continue;
        for (uint32_t s = 0; s < bench->shown.seeds; s++)
            if (run_seed(bench, result, s)) return 1;
        bench->done++;
    }
    return 0;
}

/* The files are opened before the long work, so that a wrong path is known at once. */
static int run_bench(struct bench *bench)
{
    bool is_bad = false;
    uint32_t targets, met;
    FILE *csv = open_file(bench, "csv", &is_bad);
    FILE *json = open_file(bench, "json", &is_bad);
    FILE *html = open_file(bench, "report", &is_bad);
    if (!is_bad && measure(bench) == 0) {
        kith_learn_table(&bench->shown, stdout);
        if (csv) kith_learn_csv(&bench->shown, csv);
        if (json && kith_learn_json(&bench->shown, json))
            is_bad = fail(bench, "all", "out of memory") != 0;
        if (html) kith_learn_html(&bench->shown, html);
    } else {
        is_bad = true;
    }
    if (!close_file(bench, "csv", csv)) is_bad = true;
    if (!close_file(bench, "json", json)) is_bad = true;
    if (!close_file(bench, "report", html)) is_bad = true;
    kith_learn_count(&bench->shown, &targets, &met);
    return is_bad ? 1 : met < targets ? 3 : 0;
}

int kith_cmd_bench_learn(const struct kith_args *args)
{
    static struct bench bench;
    static const char *const without[] = {"csv", "json", "report", "quiet", NULL};
    char date[DATE_MAX];
    if (kith_args_has(args, "list")) return list_rows();
    bench.args = args;
    bench.shown.seeds = (uint32_t)kith_args_int(args, "seeds");
    bench.shown.is_quick = kith_args_has(args, "quick");
    bench.shown.result = calloc(kith_learn_row_count, sizeof *bench.shown.result);
    if (!bench.shown.result) return kith_fail(args, "out of memory");
    time_t now = time(NULL);
    struct tm day;
    gmtime_r(&now, &day);
    (void)strftime(date, sizeof date, "%Y-%m-%d", &day);
    bench.shown.date = date;
    char *line = kith_command_line(args, without);
    bench.shown.command = line ? line : args->command->name;
    int status = choose(&bench);
    if (status == 0) status = run_bench(&bench);
    for (uint32_t i = 0; i < POOLS; i++) {
        kith_dataset_release(&bench.data[i].train);
        kith_dataset_release(&bench.data[i].test);
    }
    free(line);
    free(bench.shown.result);
    return status;
}
