/* Golden lines of the log: the text form to the byte, the JSON form by its fields, the limit. */
#include <jansson.h>
#include <math.h>
#include <time.h>

#include "host/log.h"
#include "tests/test.h"

#define WALL_MS UINT64_C(1791296528616) /* 2026-10-06 14:22:08.616 UTC */

static char line[KITH_LOG_LINE_MAX];

static struct kith_report train_report(void)
{
    return (struct kith_report){
        .kind = KITH_REPORT_TRAIN,
        .train = {.epoch = 0,
                  .seen = 640,
                  .samples = 30000,
                  .local_loss = 2.299487f,
                  .target_loss = 2.299433f,
                  .distillation_loss = 0.038577f,
                  .peers = 1,
                  .models = 2,
                  .round = 4},
    };
}

static struct kith_report text_report(enum kith_level level, const char *text)
{
    struct kith_report report = {.kind = KITH_REPORT_TEXT, .text = {.level = level}};
    snprintf(report.text.text, sizeof report.text.text, "%s", text);
    return report;
}

static void the_train_line_is_the_ancestors(void)
{
    struct kith_report report = train_report();
    size_t len = kith_log_format(KITH_LOG_TEXT, &report, WALL_MS, line);
    check_str(line, "2026-10-06 14:22:08.616 | INFO     | kith:train:291 - Train Epoch: 0 "
                    "[640/30000 (2%)]\tLocal Loss: 2.299487\tTarget Loss: 2.299433\tDistillation "
                    "Loss: 0.038577\tnP|nS: 1|2\n");
    check_int(len, strlen(line));
}

static void the_test_line_has_true_figures(void)
{
    struct kith_report report = {
        .kind = KITH_REPORT_TEST,
        .test = {.epoch = 3, .loss = 0.41283f, .correct = 8476, .samples = 10000},
    };
    kith_log_format(KITH_LOG_TEXT, &report, WALL_MS, line);
    check_str(line, "2026-10-06 14:22:08.616 | INFO     | kith:train:316 - Test set: Avg. loss: "
                    "0.4128, Accuracy: 8476/10000 (85%)\n");
}

static void text_has_the_same_prefix(void)
{
    struct kith_report report = text_report(KITH_LEVEL_WARNING, "bootstrap does not answer");
    kith_log_format(KITH_LOG_TEXT, &report, WALL_MS, line);
    check_str(line, "2026-10-06 14:22:08.616 | WARNING  | kith:node:1 - bootstrap does not "
                    "answer\n");
}

static void a_text_cannot_break_its_line(void)
{
    struct kith_report report = text_report(KITH_LEVEL_ERROR, "a\nb\033[2Jc\td");
    kith_log_format(KITH_LOG_TEXT, &report, WALL_MS, line);
    check_str(strstr(line, " - "), " - a?b?[2Jc?d\n");
    kith_log_format(KITH_LOG_JSON, &report, WALL_MS, line);
    json_t *object = json_loads(line, 0, NULL);
    check(object != NULL);
    check_str(json_string_value(json_object_get(object, "text")), "a?b?[2Jc?d");
    json_decref(object);
    memset(report.text.text, '"', sizeof report.text.text - 1);
    size_t len = kith_log_format(KITH_LOG_JSON, &report, WALL_MS, line);
    check(len < KITH_LOG_LINE_MAX && line[len - 1] == '\n');
}

static double real(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static void json_has_the_same_fields(void)
{
    struct kith_report report = train_report();
    kith_log_format(KITH_LOG_JSON, &report, WALL_MS, line);
    check(strchr(line, '\n') == line + strlen(line) - 1);
    json_t *object = json_loads(line, 0, NULL);
    check(object != NULL);
    check_str(json_string_value(json_object_get(object, "time")), "2026-10-06 14:22:08.616");
    check_str(json_string_value(json_object_get(object, "level")), "INFO");
    check_str(json_string_value(json_object_get(object, "kind")), "train");
    check(fabs(real(object, "local_loss") - 2.299487) < 1e-6);
    check(fabs(real(object, "target_loss") - 2.299433) < 1e-6);
    check(fabs(real(object, "distillation_loss") - 0.038577) < 1e-7);
    check(real(object, "seen") == 640 && real(object, "samples") == 30000);
    check(real(object, "epoch") == 0 && real(object, "round") == 4);
    check(real(object, "peers") == 1 && real(object, "models") == 2);
    json_decref(object);
}

static void what_is_not_finite_is_null_in_json(void)
{
    struct kith_report report = train_report();
    report.train.local_loss = NAN;
    report.train.target_loss = INFINITY;
    kith_log_format(KITH_LOG_JSON, &report, WALL_MS, line);
    json_t *object = json_loads(line, 0, NULL);
    check(object != NULL);
    check(json_is_null(json_object_get(object, "local_loss")));
    check(json_is_null(json_object_get(object, "target_loss")));
    json_decref(object);
}

static char written[1 << 17];

/* How many lines of `written` have this text. */
static int lines_with(const char *text)
{
    int count = 0;
    for (const char *at = written; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

static void a_flood_of_text_is_held_back_and_counted(void)
{
    struct kith_log log;
    struct kith_report text = text_report(KITH_LEVEL_INFO, "peer joined");
    struct kith_report figures = train_report();
    struct kith_report error = text_report(KITH_LEVEL_ERROR, "disk full");
    memset(written, 0, sizeof written);
    FILE *out = fmemopen(written, sizeof written - 1, "w");
    kith_log_init(&log, out, KITH_LOG_TEXT, KITH_LEVEL_INFO);
    for (int i = 0; i < 1000; i++)
        kith_log_write(&log, &text, WALL_MS);
    kith_log_write(&log, &figures, WALL_MS);
    kith_log_write(&log, &error, WALL_MS);
    kith_log_write(&log, &text, WALL_MS + 1000);
    for (int i = 0; i < 30; i++)
        kith_log_write(&log, &text, WALL_MS + 1000);
    kith_log_end(&log, WALL_MS + 2000);
    fclose(out);
    check_int(lines_with("peer joined"), 2 * KITH_LOG_TEXTS_PER_S);
    check_int(lines_with("Train Epoch"), 1);
    check_int(lines_with("disk full"), 1);
    check_int(lines_with("980 further lines were not written"), 1);
    check_int(lines_with("11 further lines were not written"), 1);
}

static void the_level_decides_what_is_written(void)
{
    struct kith_log log;
    struct kith_stats stats = {.peers = 3, .drop_signature = 7};
    struct kith_report debug = text_report(KITH_LEVEL_DEBUG, "detail");
    struct kith_report figures = train_report();
    memset(written, 0, sizeof written);
    FILE *out = fmemopen(written, sizeof written - 1, "w");
    kith_log_init(&log, out, KITH_LOG_TEXT, KITH_LEVEL_WARNING);
    kith_log_write(&log, &debug, WALL_MS);
    kith_log_write(&log, &figures, WALL_MS);
    kith_log_counters(&log, &stats, WALL_MS);
    check_int(log.held_back, 0);
    kith_log_init(&log, out, KITH_LOG_TEXT, KITH_LEVEL_DEBUG);
    kith_log_write(&log, &debug, WALL_MS);
    kith_log_counters(&log, &stats, WALL_MS);
    kith_log_counters(&log, &stats, WALL_MS + 9999);
    fclose(out);
    check_int(lines_with("detail"), 1);
    check_int(lines_with("Train"), 0);
    check_int(lines_with("DEBUG    | kith:node:1 - counters: peers 3, drop_signature 7\n"), 1);
}

static void all_counters_fit(void)
{
    struct kith_log log;
    struct kith_stats stats;
    memset(&stats, 0xff, sizeof stats);
    memset(written, 0, sizeof written);
    FILE *out = fmemopen(written, sizeof written - 1, "w");
    kith_log_init(&log, out, KITH_LOG_TEXT, KITH_LEVEL_DEBUG);
    kith_log_counters(&log, &stats, WALL_MS);
    fclose(out);
    check_int(lines_with("18446744073709551615"), sizeof stats / sizeof(uint64_t));
    check_int(lines_with("rounds_failed 18446744073709551615\n"), 1);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    run(the_train_line_is_the_ancestors);
    run(the_test_line_has_true_figures);
    run(text_has_the_same_prefix);
    run(a_text_cannot_break_its_line);
    run(json_has_the_same_fields);
    run(what_is_not_finite_is_null_in_json);
    run(a_flood_of_text_is_held_back_and_counted);
    run(the_level_decides_what_is_written);
    run(all_counters_fit);
    return test_end();
}
