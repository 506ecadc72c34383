/* tools/up_view.h: what `kith up` writes: a log file for each node, all logs merged on standard
 * output with the node's name before each line, its own words, and DIR/status.json. */
#ifndef KITH_TOOLS_UP_VIEW_H
#define KITH_TOOLS_UP_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "host/fleet.h"
#include "tools/up_dir.h"
#include "tools/up_plan.h"

enum { KITH_UP_LOG_MAX = 16 * 1024 * 1024 }; /* then NAME.log becomes NAME.log.1 */

struct kith_up_node {
    char name[KITH_UP_NAME_MAX];
    FILE *log; /* NULL: cannot be written */
    size_t log_len;
    json_t *pulse; /* its last report, NULL: none in this life */
    struct kith_fleet_one seen;
};

struct kith_up_view {
    const char *dir;
    const struct kith_up_plan *plan;
    struct kith_up_node *nodes; /* [plan->count] */
    bool is_json;               /* lines are JSON objects */
    bool is_coloured;
    bool is_quiet;      /* no merged view */
    uint64_t unseen;    /* lines not shown since standard output takes no more */
    bool is_unwritable; /* status.json could not be written; said once */
};

/* False without memory. */
bool kith_up_view_init(struct kith_up_view *view, const struct kith_up_plan *plan, bool is_quiet);
void kith_up_view_release(struct kith_up_view *view);

/* A line of a node, and its report. */
void kith_up_view_line(struct kith_up_view *view, uint32_t index, const char *line, size_t len);
void kith_up_view_pulse(struct kith_up_view *view, uint32_t index, const char *line, size_t len);
/* Its state changed: say what a person would want to know. */
void kith_up_view_change(struct kith_up_view *view, uint32_t index,
                         const struct kith_fleet_one *one);
/* Write DIR/status.json. */
void kith_up_view_status(struct kith_up_view *view);

/* "restarting", as people and status.json see it. */
const char *kith_up_state_name(enum kith_fleet_state state);

#endif
