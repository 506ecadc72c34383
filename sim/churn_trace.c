#include "sim/churn_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define TIME_MAX_S 1e8

enum { LINE_MAX_LEN = 64, FIRST_SIZE = 256 };

/* The next line of at most LINE_MAX_LEN bytes without its end; false: it is longer, or binary. */
static bool next_line(struct kith_bytes text, size_t *at, char ret[static LINE_MAX_LEN + 1])
{
    size_t len = 0;
    while (*at < text.len && text.at[*at] != '\n') {
        char byte = (char)text.at[(*at)++];
        if (byte == '\r') continue;
        if (byte == '\0' || len == LINE_MAX_LEN) return false;
        ret[len++] = byte;
    }
    if (*at < text.len) (*at)++;
    ret[len] = '\0';
    return true;
}

static bool read_time(const char *text, size_t len, double *ret)
{
    char copy[LINE_MAX_LEN + 1], *end;
    if (len == 0 || strspn(text, "0123456789.eE+-") < len) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *ret = strtod(copy, &end);
    return *end == '\0' && *ret >= 0 && *ret <= TIME_MAX_S;
}

static bool read_node(const char *text, size_t len, uint32_t nodes_max, uint32_t *ret)
{
    uint32_t node = 0;
    if (len == 0 || len > 9) return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        node = node * 10 + (uint32_t)(text[i] - '0');
    }
    *ret = node;
    return node < nodes_max;
}

static bool read_line(const char *line, uint32_t nodes_max, struct kith_churn *ret)
{
    size_t time_len = strcspn(line, ",");
    if (line[time_len] != ',') return false;
    const char *node = line + time_len + 1;
    size_t node_len = strcspn(node, ",");
    if (node[node_len] != ',') return false;
    const char *state = node + node_len + 1;
    ret->is_up = strcmp(state, "up") == 0;
    if (!ret->is_up && strcmp(state, "down") != 0) return false;
    return read_time(line, time_len, &ret->at_s) &&
           read_node(node, node_len, nodes_max, &ret->node);
}

static bool is_passed_over(const char *line, unsigned long number)
{
    if (line[0] == '\0' || line[0] == '#') return true;
    return number == 1 && strcmp(line, "time,node,state") == 0;
}

static bool grow(struct kith_churn **churn, uint32_t count, uint32_t *size)
{
    if (count < *size) return true;
    uint32_t more = *size ? 2 * *size : FIRST_SIZE;
    struct kith_churn *grown = realloc(*churn, more * sizeof *grown);
    if (!grown) return false;
    *churn = grown;
    *size = more;
    return true;
}

static int fail(char *ret_error, const char *name, unsigned long line, const char *what)
{
    snprintf(ret_error, KITH_CHURN_ERROR_MAX, "%.128s:%lu: %s", name, line, what);
    return KITH_ERR_INVALID;
}

static int read_all(const char *name, struct kith_bytes text, uint32_t nodes_max,
                    struct kith_churn **churn, uint32_t *count, char *ret_error)
{
    char line[LINE_MAX_LEN + 1], what[96];
    uint32_t size = 0;
    unsigned long number = 1;
    for (size_t at = 0; at < text.len; number++) {
        struct kith_churn one;
        bool is_line = next_line(text, &at, line);
        if (is_line && is_passed_over(line, number)) continue;
        snprintf(what, sizeof what, "must be time,node,up or time,node,down with a node below %u",
                 nodes_max);
        if (!is_line || !read_line(line, nodes_max, &one))
            return fail(ret_error, name, number, what);
        if (*count > 0 && one.at_s < (*churn)[*count - 1].at_s)
            return fail(ret_error, name, number, "earlier than the line before");
        if (!grow(churn, *count, &size)) return KITH_ERR_NOMEM;
        (*churn)[(*count)++] = one;
    }
    return *count > 0 ? 0 : fail(ret_error, name, number, "nobody comes or goes");
}

int kith_churn_parse(const char *name, struct kith_bytes text, uint32_t nodes_max,
                     struct kith_churn **ret, uint32_t *ret_count,
                     char ret_error[static KITH_CHURN_ERROR_MAX])
{
    struct kith_churn *churn = NULL;
    uint32_t count = 0;
    if (text.len > KITH_CHURN_LEN_MAX)
        return fail(ret_error, name, 1, "larger than the 64 MiB allowed");
    int err = read_all(name, text, nodes_max, &churn, &count, ret_error);
    if (err == KITH_ERR_NOMEM) fail(ret_error, name, 1, "out of memory");
    if (err) {
        free(churn);
        return err;
    }
    *ret = churn;
    *ret_count = count;
    return 0;
}
