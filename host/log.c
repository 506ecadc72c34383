#include "host/log.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"

/* The number behind the function's name was a line of the ancestor's source. Its readers want a
 * number there; one that never changes serves them best. */
enum { TRAIN_LINE = 291, TEST_LINE = 316, TEXT_LINE = 1 };
enum { STAMP_MAX = 40, COUNTERS_EVERY_MS = 10 * 1000 };

static const char *const level_names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};

void kith_log_init(struct kith_log *log, FILE *out, enum kith_log_form form, enum kith_level level)
{
    memset(log, 0, sizeof *log);
    log->out = out;
    log->form = form;
    log->level = level;
}

static enum kith_level level_of(const struct kith_report *report)
{
    return report->kind == KITH_REPORT_TEXT ? report->text.level : KITH_LEVEL_INFO;
}

/* "2026-10-06 14:22:08.616", local time. */
static void write_stamp(uint64_t wall_ms, char ret[static STAMP_MAX])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;
    if (!localtime_r(&seconds, &local)) memset(&local, 0, sizeof local);
    size_t len = strftime(ret, STAMP_MAX, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(ret + len, STAMP_MAX - len, ".%03u", (unsigned)(wall_ms % 1000));
}

static double percent_of(uint32_t part, uint32_t whole)
{
    return whole ? 100.0 * part / whole : 0.0;
}

static int write_body(const struct kith_report *report, char *ret, size_t size)
{
    switch (report->kind) {
    case KITH_REPORT_TRAIN:
        return snprintf(
            ret, size,
            "kith:train:%d - Train Epoch: %u [%u/%u (%.0f%%)]\tLocal Loss: %.6f\tTarget "
            "Loss: %.6f\tDistillation Loss: %.6f\tnP|nS: %u|%u",
            TRAIN_LINE, report->train.epoch, report->train.seen, report->train.samples,
            percent_of(report->train.seen, report->train.samples), (double)report->train.local_loss,
            (double)report->train.target_loss, (double)report->train.distillation_loss,
            report->train.peers, report->train.models);
    case KITH_REPORT_TEST:
        return snprintf(
            ret, size, "kith:train:%d - Test set: Avg. loss: %.4f, Accuracy: %u/%u (%.0f%%)",
            TEST_LINE, (double)report->test.loss, report->test.correct, report->test.samples,
            percent_of(report->test.correct, report->test.samples));
    case KITH_REPORT_TEXT:
        return snprintf(ret, size, "kith:node:%d - %s", TEXT_LINE, report->text.text);
    }
    return 0;
}

/* One line stays one line, and escape sequences do not reach a terminal. */
static void clean(char *line, bool tabs)
{
    for (; *line; line++) {
        bool control = (unsigned char)*line < 0x20 || *line == 0x7f;
        if (control && !(tabs && *line == '\t')) *line = '?';
    }
}

static size_t format_text(const struct kith_report *report, uint64_t wall_ms,
                          char ret[static KITH_LOG_LINE_MAX])
{
    char stamp[STAMP_MAX];
    write_stamp(wall_ms, stamp);
    int len =
        snprintf(ret, KITH_LOG_LINE_MAX, "%s | %-8s | ", stamp, level_names[level_of(report)]);
    char *body = ret + len;
    write_body(report, body, KITH_LOG_LINE_MAX - 1 - (size_t)len);
    clean(body, report->kind == KITH_REPORT_TRAIN);
    size_t whole = strlen(ret);
    ret[whole++] = '\n';
    ret[whole] = '\0';
    return whole;
}

static const char *kind_name(enum kith_report_kind kind)
{
    switch (kind) {
    case KITH_REPORT_TRAIN:
        return "train";
    case KITH_REPORT_TEST:
        return "test";
    case KITH_REPORT_TEXT:
        return "text";
    }
    return "";
}

/* JSON has no word for what is not finite: null. */
static void set_real(json_t *object, const char *name, double value)
{
    json_t *real = json_real(value);
    json_object_set_new(object, name, real ? real : json_null());
}

static void set_whole(json_t *object, const char *name, uint32_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void add_fields(json_t *object, const struct kith_report *report)
{
    char text[KITH_REPORT_TEXT_MAX];
    switch (report->kind) {
    case KITH_REPORT_TRAIN:
        set_whole(object, "epoch", report->train.epoch);
        set_whole(object, "seen", report->train.seen);
        set_whole(object, "samples", report->train.samples);
        set_real(object, "percent", percent_of(report->train.seen, report->train.samples));
        set_real(object, "local_loss", (double)report->train.local_loss);
        set_real(object, "target_loss", (double)report->train.target_loss);
        set_real(object, "distillation_loss", (double)report->train.distillation_loss);
        set_whole(object, "peers", report->train.peers);
        set_whole(object, "models", report->train.models);
        set_whole(object, "round", report->train.round);
        return;
    case KITH_REPORT_TEST:
        set_whole(object, "epoch", report->test.epoch);
        set_real(object, "loss", (double)report->test.loss);
        set_whole(object, "correct", report->test.correct);
        set_whole(object, "samples", report->test.samples);
        set_real(object, "percent", percent_of(report->test.correct, report->test.samples));
        set_whole(object, "round", report->test.round);
        return;
    case KITH_REPORT_TEXT:
        snprintf(text, sizeof text, "%s", report->text.text);
        /* What is not ASCII may be cut in the middle of a character. */
        for (char *at = text; *at; at++)
            if (*at & 0x80) *at = '?';
        clean(text, false);
        json_object_set_new(object, "text", json_string(text));
        return;
    }
}

static size_t format_json(const struct kith_report *report, uint64_t wall_ms,
                          char ret[static KITH_LOG_LINE_MAX])
{
    char stamp[STAMP_MAX];
    json_t *object = json_object();
    write_stamp(wall_ms, stamp);
    json_object_set_new(object, "time", json_string(stamp));
    json_object_set_new(object, "level", json_string(level_names[level_of(report)]));
    json_object_set_new(object, "kind", json_string(kind_name(report->kind)));
    add_fields(object, report);
    size_t len =
        json_dumpb(object, ret, KITH_LOG_LINE_MAX - 2, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
    kith_assert(len <= KITH_LOG_LINE_MAX - 2);
    ret[len++] = '\n';
    ret[len] = '\0';
    return len;
}

size_t kith_log_format(enum kith_log_form form, const struct kith_report *report, uint64_t wall_ms,
                       char ret[static KITH_LOG_LINE_MAX])
{
    if (form == KITH_LOG_JSON) return format_json(report, wall_ms, ret);
    return format_text(report, wall_ms, ret);
}

static void put(struct kith_log *log, const struct kith_report *report, uint64_t wall_ms)
{
    char line[KITH_LOG_LINE_MAX];
    size_t len = kith_log_format(log->form, report, wall_ms, line);
    /* A log that cannot be written is no reason to stop learning. */
    if (fwrite(line, 1, len, log->out) == len) fflush(log->out);
}

void kith_log_end(struct kith_log *log, uint64_t wall_ms)
{
    struct kith_report report = {.kind = KITH_REPORT_TEXT, .text = {.level = KITH_LEVEL_WARNING}};
    if (log->held_back == 0) return;
    snprintf(report.text.text, sizeof report.text.text,
             "%" PRIu64 " further lines were not written", log->held_back);
    log->held_back = 0;
    if (log->level <= KITH_LEVEL_WARNING) put(log, &report, wall_ms);
}

/* Whether a line of text may be written in this second. */
static bool take_turn(struct kith_log *log, uint64_t wall_ms)
{
    int64_t second = (int64_t)(wall_ms / 1000);
    if (second != log->second) {
        log->second = second;
        log->texts = 0;
        kith_log_end(log, wall_ms);
    }
    if (log->texts < KITH_LOG_TEXTS_PER_S) {
        log->texts++;
        return true;
    }
    log->held_back++;
    return false;
}

void kith_log_write(struct kith_log *log, const struct kith_report *report, uint64_t wall_ms)
{
    enum kith_level level = level_of(report);
    if (level < log->level) return;
    bool limited = report->kind == KITH_REPORT_TEXT && level < KITH_LEVEL_ERROR;
    if (limited && !take_turn(log, wall_ms)) return;
    put(log, report, wall_ms);
}

void kith_log_counters(struct kith_log *log, const struct kith_stats *stats, uint64_t wall_ms)
{
    struct kith_report report = {.kind = KITH_REPORT_TEXT, .text = {.level = KITH_LEVEL_DEBUG}};
    char *text = report.text.text;
    size_t len = 0;
    if (log->level > KITH_LEVEL_DEBUG || wall_ms < log->counters_at_ms) return;
    log->counters_at_ms = wall_ms + COUNTERS_EVERY_MS;
#define X(name, help)                                                                              \
    if (stats->name && len + 64 > sizeof report.text.text) {                                       \
        put(log, &report, wall_ms);                                                                \
        len = 0;                                                                                   \
    }                                                                                              \
    if (stats->name)                                                                               \
        len += (size_t)snprintf(text + len, sizeof report.text.text - len, "%s%s %" PRIu64,        \
                                len ? ", " : "counters: ", #name, stats->name);
    KITH_STATS_MAP(X)
#undef X
    if (len > 0) put(log, &report, wall_ms);
}
