/* host/log.h: reports as lines for people (the ancestor's form, which its log readers know) or as
 * JSON objects for machines, one a line. What peers can cause is limited to so many lines a second;
 * the rest is counted. */
#ifndef KITH_HOST_LOG_H
#define KITH_HOST_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/stats.h"
#include "node/report.h"

enum {
    KITH_LOG_LINE_MAX = 1024,
    KITH_LOG_TEXTS_PER_S = 20, /* lines of text; figures and errors are not limited */
};

enum kith_log_form { KITH_LOG_TEXT, KITH_LOG_JSON };

struct kith_log {
    FILE *out;
    enum kith_log_form form;
    enum kith_level level; /* the least one written */
    int64_t second;        /* in which `texts` lines of text were written */
    uint32_t texts;
    uint64_t held_back; /* lines not written since the last one that says so */
    uint64_t counters_at_ms;
};

void kith_log_init(struct kith_log *log, FILE *out, enum kith_log_form form, enum kith_level level);

/* One report at `wall_ms` (unix time, shown as local time) as a line with its end, in `ret`. Text:
 *   2026-10-06 14:22:08.616 | INFO     | kith:train:291 - Train Epoch: 0 [640/30000 (2%)]<TAB>...
 * Returns the length. What came from outside cannot break the line. */
size_t kith_log_format(enum kith_log_form form, const struct kith_report *report, uint64_t wall_ms,
                       char ret[static KITH_LOG_LINE_MAX]);

/* Write a report if its level and the limit allow it, and flush. */
void kith_log_write(struct kith_log *log, const struct kith_report *report, uint64_t wall_ms);
/* At level debug, at most every 10 s: every counter that is not zero. */
void kith_log_counters(struct kith_log *log, const struct kith_stats *stats, uint64_t wall_ms);
/* Say how many lines were held back, if any. */
void kith_log_end(struct kith_log *log, uint64_t wall_ms);

#endif
