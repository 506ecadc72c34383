#include "tools/up_view.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/stats.h"

enum { SHOWN_MAX = 16 * 1024 + 128, COLOURS = 6, TEXT_MAX = 512 };

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const char *kith_up_state_name(enum kith_fleet_state state)
{
    switch (state) {
    case KITH_FLEET_WAITING:
        return "waiting";
    case KITH_FLEET_STARTING:
        return "starting";
    case KITH_FLEET_RUNNING:
        return "running";
    case KITH_FLEET_PAUSING:
        return "restarting";
    case KITH_FLEET_DONE:
        return "done";
    case KITH_FLEET_FAILED:
        return "failed";
    case KITH_FLEET_STOPPED:
        return "stopped";
    }
    return "?";
}

/* -- log files -----------------------------------------------------------------------------------
 */

static FILE *open_log(struct kith_up_view *view, struct kith_up_node *node)
{
    char path[KITH_PATH_MAX];
    char name[KITH_UP_NAME_MAX + 8];
    snprintf(name, sizeof name, "%s.log", node->name);
    if (!kith_up_path(view->dir, name, path)) return NULL;
    FILE *file = fopen(path, "ae");
    if (!file) return NULL;
    long at = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    node->log_len = at > 0 ? (size_t)at : 0;
    return file;
}

/* A full log becomes NAME.log.1, in place of the one before. */
static void turn_log(struct kith_up_view *view, struct kith_up_node *node)
{
    char path[KITH_PATH_MAX];
    char old[KITH_PATH_MAX];
    char name[KITH_UP_NAME_MAX + 8];
    snprintf(name, sizeof name, "%s.log", node->name);
    bool fits = kith_up_path(view->dir, name, path);
    strcat(name, ".1");
    fclose(node->log);
    if (fits && kith_up_path(view->dir, name, old)) (void)rename(path, old);
    node->log = open_log(view, node);
}

static void write_log(struct kith_up_view *view, struct kith_up_node *node, const char *line,
                      size_t len)
{
    if (node->log && node->log_len + len > KITH_UP_LOG_MAX) turn_log(view, node);
    if (!node->log) return;
    /* A log that cannot be written is no reason to stop the node. */
    (void)fwrite(line, 1, len, node->log);
    (void)fputc('\n', node->log);
    (void)fflush(node->log);
    node->log_len += len + 1;
}

/* -- standard output -----------------------------------------------------------------------------
 */

/* Write what standard output takes now: whoever does not read it stops no node. */
static bool show(const char *text, size_t len)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (len > 0) {
        size_t piece = len < 4096 ? len : 4096; /* a pipe that is ready takes so much at once */
        if (poll(&out, 1, 0) != 1 || !(out.revents & POLLOUT)) return false;
        ssize_t written = write(STDOUT_FILENO, text, piece);
        if (written <= 0) return false;
        text += written;
        len -= (size_t)written;
    }
    return true;
}

/* "node-07 | " before a line; in JSON a first field. */
static size_t put_name(const struct kith_up_view *view, uint32_t index, bool is_object, char *ret,
                       size_t size)
{
    const char *name = view->nodes[index].name;
    if (is_object) return (size_t)snprintf(ret, size, "{\"node\":\"%s\",", name);
    if (view->is_coloured)
        return (size_t)snprintf(ret, size, "\033[%um%s\033[0m | ", 31 + index % COLOURS, name);
    return (size_t)snprintf(ret, size, "%s | ", name);
}

static void show_line(struct kith_up_view *view, uint32_t index, const char *line, size_t len)
{
    char text[SHOWN_MAX];
    bool is_object = view->is_json && len > 2 && line[0] == '{';
    if (view->is_quiet) return;
    size_t at = put_name(view, index, is_object, text, sizeof text);
    line += is_object;
    len -= is_object;
    if (len > sizeof text - at - 1) len = sizeof text - at - 1;
    memcpy(text + at, line, len);
    at += len;
    text[at++] = '\n';
    view->unseen += !show(text, at);
}

void kith_up_view_line(struct kith_up_view *view, uint32_t index, const char *line, size_t len)
{
    write_log(view, &view->nodes[index], line, len);
    show_line(view, index, line, len);
}

/* -- states --------------------------------------------------------------------------------------
 */

static void describe_end(const struct kith_fleet_one *one, char *ret, size_t size)
{
    if (one->signal)
        snprintf(ret, size, "was killed by signal %d", one->signal);
    else
        snprintf(ret, size, "ended with status %d", (int)one->status);
}

static void describe(const struct kith_up_view *view, uint32_t index, char ret[static TEXT_MAX])
{
    const struct kith_up_node *node = &view->nodes[index];
    const struct kith_fleet_one *one = &node->seen;
    char end[64];
    describe_end(one, end, sizeof end);
    ret[0] = '\0';
    if (one->state == KITH_FLEET_PAUSING)
        snprintf(ret, TEXT_MAX, "%s %s; it starts again in %.1f s", node->name, end,
                 (double)one->pause_ms / 1000);
    else if (one->state == KITH_FLEET_DONE)
        snprintf(ret, TEXT_MAX, "%s is done", node->name);
    else if (one->state == KITH_FLEET_FAILED)
        snprintf(ret, TEXT_MAX,
                 "%s %s and is not started again; the others go on; see %.300s/%s.log", node->name,
                 end, view->dir, node->name);
    else if (one->state == KITH_FLEET_STARTING)
        snprintf(ret, TEXT_MAX, "%s is process %ld, port %u", node->name, (long)one->pid,
                 (unsigned)view->plan->port[index]);
}

/* Our own words about a node. */
static void say(struct kith_up_view *view, const char *name, const char *text)
{
    char line[2 * TEXT_MAX];
    int len = snprintf(line, sizeof line, "kith up: %s\n", text);
    if (view->is_json) {
        json_t *object = json_pack("{s:s, s:s, s:s}", "node", name, "kind", "up", "text", text);
        size_t size = object ? json_dumpb(object, line, sizeof line - 1, JSON_COMPACT) : 0;
        json_decref(object);
        if (size == 0 || size >= sizeof line) return;
        line[size] = '\n';
        len = (int)size + 1;
    }
    view->unseen += !show(line, (size_t)len);
}

void kith_up_view_change(struct kith_up_view *view, uint32_t index,
                         const struct kith_fleet_one *one)
{
    char text[TEXT_MAX];
    struct kith_up_node *node = &view->nodes[index];
    node->seen = *one;
    if (one->state == KITH_FLEET_STARTING) {
        json_decref(node->pulse);
        node->pulse = NULL;
    }
    describe(view, index, text);
    if (text[0] == '\0') return;
    say(view, node->name, text);
}

void kith_up_view_pulse(struct kith_up_view *view, uint32_t index, const char *line, size_t len)
{
    json_t *pulse = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(pulse)) {
        json_decref(pulse);
        return;
    }
    json_decref(view->nodes[index].pulse);
    view->nodes[index].pulse = pulse;
}

/* -- status.json ---------------------------------------------------------------------------------
 */

static json_t *counter(const json_t *pulse, const char *name)
{
    json_t *value = json_object_get(json_object_get(pulse, "counters"), name);
    return value ? json_incref(value) : json_null();
}

static json_t *node_json(const struct kith_up_view *view, uint32_t index, uint64_t now_ms)
{
    const struct kith_up_node *node = &view->nodes[index];
    const struct kith_fleet_one *one = &node->seen;
    uint64_t up_ms = one->pid && now_ms > one->started_ms ? now_ms - one->started_ms : 0;
    uint32_t restarts = one->starts > 0 ? one->starts - 1 : 0;
    json_t *object = json_pack("{s:s, s:s, s:I, s:i, s:i, s:f}", "name", node->name, "state",
                               kith_up_state_name(one->state), "pid", (json_int_t)one->pid, "port",
                               (int)view->plan->port[index], "restarts", (int)restarts, "uptime_s",
                               (double)up_ms / 1000);
    if (!object) return NULL;
    json_object_set_new(object, "round", counter(node->pulse, "round"));
    json_object_set_new(object, "peers", counter(node->pulse, "peers"));
    if (node->pulse) json_object_update_missing(object, node->pulse);
    return object;
}

void kith_up_view_status(struct kith_up_view *view)
{
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < view->plan->count; i++)
        json_array_append_new(nodes, node_json(view, i, wall_ms()));
    json_t *status = json_pack("{s:s, s:I, s:s, s:o}", "version", KITH_VERSION, "pid",
                               (json_int_t)getpid(), "dir", view->dir, "nodes", nodes);
    bool is_written = status && kith_up_write_status(view->dir, status);
    json_decref(status);
    if (!is_written && !view->is_unwritable)
        fprintf(stderr, "kith up: %s/status.json cannot be written: no kith up status\n",
                view->dir);
    view->is_unwritable = !is_written;
    if (view->unseen == 0) return;
    char text[96];
    int len =
        snprintf(text, sizeof text, "kith up: %llu lines were not shown; the logs have them\n",
                 (unsigned long long)view->unseen);
    if (show(text, (size_t)len)) view->unseen = 0;
}

/* -- start and end -------------------------------------------------------------------------------
 */

bool kith_up_view_init(struct kith_up_view *view, const struct kith_up_plan *plan, bool is_quiet)
{
    const char *no_colour = getenv("NO_COLOR");
    memset(view, 0, sizeof *view);
    view->dir = plan->dir;
    view->plan = plan;
    view->is_quiet = is_quiet;
    view->is_json = strcmp(kith_args_text(plan->args, "log"), "json") == 0;
    view->is_coloured = isatty(STDOUT_FILENO) && !(no_colour && *no_colour);
    view->nodes = calloc(plan->count, sizeof *view->nodes);
    if (!view->nodes) return false;
    for (uint32_t i = 0; i < plan->count; i++) {
        kith_up_name(i, plan->count, view->nodes[i].name);
        view->nodes[i].log = open_log(view, &view->nodes[i]);
        if (!view->nodes[i].log)
            fprintf(stderr, "kith up: %s/%s.log cannot be written\n", view->dir,
                    view->nodes[i].name);
    }
    return true;
}

void kith_up_view_release(struct kith_up_view *view)
{
    for (uint32_t i = 0; view->nodes && i < view->plan->count; i++) {
        if (view->nodes[i].log) fclose(view->nodes[i].log);
        json_decref(view->nodes[i].pulse);
    }
    free(view->nodes);
}
