/* kith up status: how the nodes of a run folder are. */
#include <stdlib.h>

#include "tools/dispatch.h"
#include "tools/up_dir.h"

static const char *text_of(const json_t *node, const char *name)
{
    const char *text = json_string_value(json_object_get(node, name));
    return text ? text : "-";
}

static const char *whole(const json_t *node, const char *name, char ret[static 24])
{
    const json_t *value = json_object_get(node, name);
    snprintf(ret, 24, "-");
    if (json_is_integer(value)) snprintf(ret, 24, "%lld", (long long)json_integer_value(value));
    return ret;
}

static const char *real(const json_t *node, const char *name, int digits, char ret[static 24])
{
    const json_t *value = json_object_get(node, name);
    snprintf(ret, 24, "-");
    if (json_is_number(value)) snprintf(ret, 24, "%.*f", digits, json_number_value(value));
    return ret;
}

static void print_table(const json_t *nodes)
{
    char cell[7][24];
    size_t i;
    const json_t *node;
    printf("%-9s %-10s %8s %6s %8s %8s %5s %8s %8s %9s %s\n", "NAME", "STATE", "PID", "PORT",
           "RESTARTS", "ROUND", "nP", "LOSS", "ACCURACY", "UPTIME", "HOTKEY");
    json_array_foreach(nodes, i, node)
    {
        printf("%-9s %-10s %8s %6s %8s %8s %5s %8s %8s %8ss %s\n", text_of(node, "name"),
               text_of(node, "state"), whole(node, "pid", cell[0]), whole(node, "port", cell[1]),
               whole(node, "restarts", cell[2]), whole(node, "round", cell[3]),
               whole(node, "peers", cell[4]), real(node, "loss", 4, cell[5]),
               real(node, "accuracy", 2, cell[6]), real(node, "uptime_s", 0, (char[24]){0}),
               text_of(node, "hotkey"));
    }
}

int kith_cmd_up_status(const struct kith_args *args)
{
    char dir[KITH_PATH_MAX];
    int failed = kith_up_dir(args, dir);
    if (failed) return failed;
    pid_t holder = kith_up_holder(dir);
    if (holder == 0) return kith_fail(args, "%s: nothing runs here", dir);
    json_t *status = kith_up_read_status(dir);
    /* A file that an earlier process left says nothing. */
    if (!status || (holder > 0 && json_integer_value(json_object_get(status, "pid")) != holder)) {
        json_decref(status);
        return kith_fail(args, "%s: kith up has just started there; ask again", dir);
    }
    if (kith_args_has(args, "json")) {
        json_dumpf(status, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        putchar('\n');
    } else {
        print_table(json_object_get(status, "nodes"));
    }
    json_decref(status);
    return 0;
}
