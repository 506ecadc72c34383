#include "tools/up_plan.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "host/local_addr.h"
#include "tools/dispatch.h"
#include "tools/learning.h"
#include "tools/values.h"

enum { PORT_FIRST = 8120, PORTS_TRIED = 4096, SIBLINGS_MAX = 4, GIVEN_MAX = 64 * 1024 };

/* -- checks --------------------------------------------------------------------------------------
 */

static int say_error(int status, const char *error)
{
    if (status) fprintf(stderr, "%s\n", error);
    return status;
}

static void read_shard(const struct kith_args *args, uint32_t *ret_first, uint32_t *ret_parts)
{
    *ret_first = 0;
    *ret_parts = (uint32_t)kith_args_int(args, "nodes");
    if (kith_args_has(args, "shard"))
        kith_shard_parse(kith_args_text(args, "shard"), ret_first, ret_parts);
}

static int check_shard(const struct kith_args *args)
{
    char error[KITH_ARGS_ERROR_MAX];
    uint32_t first, parts;
    uint32_t count = (uint32_t)kith_args_int(args, "nodes");
    read_shard(args, &first, &parts);
    if (first + count <= parts) return 0;
    kith_args_refuse(args, "shard", "a part with room for all nodes behind it: I + nodes is over N",
                     error);
    return say_error(KITH_EXIT_USAGE, error);
}

static int check_models(const struct kith_args *args, const struct kith_rules *rules)
{
    char error[KITH_LEARNING_ERROR_MAX];
    const char *models[KITH_OPTION_REPEATS_MAX] = {NULL};
    struct kith_arch arch;
    uint32_t count = kith_args_all(args, "model", models);
    for (uint32_t i = 0; i < count || i == 0; i++) {
        int status = kith_learning_model(args, models[i], rules, &arch, error);
        if (status) return say_error(status, error);
    }
    return 0;
}

/* They must fit a node's command line. */
static int check_lengths(const struct kith_args *args)
{
    size_t len = 0;
    for (uint32_t i = 0; i < args->value_count; i++)
        if (args->value[i].text) len += strlen(args->value[i].text);
    return len <= GIVEN_MAX ? 0
                            : kith_fail(args, "the options are longer than %d bytes", GIVEN_MAX);
}

int kith_up_check(const struct kith_args *args)
{
    char error[KITH_LEARNING_ERROR_MAX];
    struct kith_rules rules;
    struct kith_dataset train, test;
    int status = check_lengths(args);
    if (status == 0) status = check_shard(args);
    if (status) return status;
    status = kith_learning_rules(args, &rules, error);
    if (status) return say_error(status, error);
    status = check_models(args, &rules);
    if (status) return status;
    /* Said once here instead of by every node. */
    status = kith_learning_data(args, &rules, &train, &test, error);
    if (status) return say_error(status, error);
    kith_dataset_release(&train);
    kith_dataset_release(&test);
    return 0;
}

/* -- ports ---------------------------------------------------------------------------------------
 */

static socklen_t socket_address(const struct kith_addr *addr, uint16_t port,
                                struct sockaddr_storage *ret)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memset(ret, 0, sizeof *ret);
    if (addr->family == 6) {
        memcpy(&v6.sin6_addr, addr->ip, sizeof v6.sin6_addr);
        memcpy(ret, &v6, sizeof v6);
        return sizeof v6;
    }
    memcpy(&v4.sin_addr, addr->ip, sizeof v4.sin_addr);
    memcpy(ret, &v4, sizeof v4);
    return sizeof v4;
}

static bool can_bind(const struct kith_addr *addr, uint16_t port, int type)
{
    struct sockaddr_storage to;
    socklen_t len = socket_address(addr, port, &to);
    int one = 1;
    int fd = socket(to.ss_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    /* As a node does: connections of an earlier one that are not quite over do not hinder. */
    if (type == SOCK_STREAM) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool is_free = bind(fd, (struct sockaddr *)&to, len) == 0;
    if (is_free && type == SOCK_STREAM) is_free = listen(fd, 1) == 0;
    close(fd);
    return is_free;
}

static bool is_free(const struct kith_up_plan *plan, uint16_t port)
{
    return can_bind(&plan->bind, port, SOCK_STREAM) && can_bind(&plan->bind, port, SOCK_DGRAM);
}

static bool is_given(const struct kith_up_plan *plan, uint16_t port)
{
    for (uint32_t i = 0; i < plan->count; i++)
        if (plan->port[i] == port) return true;
    return false;
}

/* A free port from `first` on that no other node has; 0 if there is none. */
static uint16_t find_port(const struct kith_up_plan *plan, uint32_t first)
{
    for (uint32_t port = first; port < first + PORTS_TRIED && port <= UINT16_MAX; port++)
        if (!is_given(plan, (uint16_t)port) && is_free(plan, (uint16_t)port)) return (uint16_t)port;
    return 0;
}

static uint32_t first_port(const struct kith_args *args)
{
    return kith_args_has(args, "port") ? (uint32_t)kith_args_int(args, "port") : PORT_FIRST;
}

int kith_up_plan(const struct kith_args *args, const char *dir, struct kith_up_plan *plan)
{
    memset(plan, 0, sizeof *plan);
    plan->args = args;
    plan->dir = dir;
    plan->count = (uint32_t)kith_args_int(args, "nodes");
    kith_ip_parse(kith_args_text(args, "bind"), &plan->bind);
    uint32_t first = first_port(args);
    if (kith_args_has(args, "port") && !is_free(plan, (uint16_t)first))
        return kith_fail(args,
                         "port %u: in use by another program, or not allowed; choose another "
                         "with --port",
                         first);
    for (uint32_t i = 0; i < plan->count; i++) {
        plan->port[i] = find_port(plan, i > 0 ? plan->port[i - 1] + 1u : first);
        if (plan->port[i] == 0)
            return kith_fail(args, "no free port for node %u of %u from %u on", i + 1, plan->count,
                             first);
    }
    return 0;
}

/* -- command lines -------------------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 3))) static void add_word(struct kith_up_plan *plan,
                                                           const char *form, ...)
{
    va_list list;
    size_t room = sizeof plan->text - plan->text_len;
    kith_assert(plan->word_count + 1 < KITH_UP_WORDS_MAX);
    char *at = plan->text + plan->text_len;
    va_start(list, form);
    int len = vsnprintf(at, room, form, list);
    va_end(list);
    kith_assert(len >= 0 && (size_t)len < room);
    plan->text_len += (size_t)len + 1;
    plan->words[plan->word_count++] = at;
    plan->words[plan->word_count] = NULL;
}

/* Where other nodes of this host, and of others, reach this one. */
static void add_sibling(struct kith_up_plan *plan, uint32_t index)
{
    struct kith_addr addr;
    char text[KITH_ADDR_TEXT_MAX];
    if (kith_local_addrs(&plan->bind, plan->port[index], false, true, &addr, 1) == 0) return;
    kith_addr_format(&addr, text);
    add_word(plan, "--bootstrap=%s", text);
}

/* At first the first one; later, whoever is up. */
static void add_siblings(struct kith_up_plan *plan, uint32_t index, uint32_t starts)
{
    const char *given[KITH_OPTION_REPEATS_MAX];
    uint32_t room = KITH_OPTION_REPEATS_MAX - kith_args_all(plan->args, "bootstrap", given);
    uint32_t added = 0;
    if (room > SIBLINGS_MAX) room = SIBLINGS_MAX;
    if (starts == 0 && index > 0 && room > 0) {
        add_sibling(plan, 0);
        return;
    }
    for (uint32_t i = 1; i < plan->count && starts > 0 && added < room; i++) {
        uint32_t other = (index + i) % plan->count;
        if (!plan->is_up[other]) continue;
        add_sibling(plan, other);
        added++;
    }
}

static void add_in_turn(struct kith_up_plan *plan, const char *name, uint32_t index)
{
    const char *values[KITH_OPTION_REPEATS_MAX];
    uint32_t count = kith_args_all(plan->args, name, values);
    if (count > 0) add_word(plan, "--%s=%s", name, values[index % count]);
}

/* The options that are not the same for all nodes, or not of a node at all. */
static bool is_dealt_out(const char *name)
{
    static const char *const names[] = {"nodes", "dir",   "detach",  "no-restart", "port",
                                        "shard", "model", "classes", "seed"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static void add_given(struct kith_up_plan *plan)
{
    const struct kith_args *args = plan->args;
    for (uint32_t i = 0; i < args->value_count; i++) {
        const char *name = args->value[i].option->name;
        if (is_dealt_out(name)) continue;
        if (args->value[i].text)
            add_word(plan, "--%s=%s", name, args->value[i].text);
        else
            add_word(plan, "--%s", name);
    }
}

char **kith_up_words(struct kith_up_plan *plan, uint32_t index, uint32_t starts)
{
    char name[KITH_UP_NAME_MAX];
    uint32_t first, parts;
    plan->word_count = 0;
    plan->text_len = 0;
    if (!is_free(plan, plan->port[index])) {
        uint16_t other = find_port(plan, plan->port[index] + 1u);
        if (other) plan->port[index] = other;
    }
    kith_up_name(index, plan->count, name);
    read_shard(plan->args, &first, &parts);
    add_word(plan, "kith");
    add_word(plan, "node");
    add_word(plan, "--supervised");
    add_word(plan, "--state=%s/%s", plan->dir, name);
    add_word(plan, "--port=%u", (unsigned)plan->port[index]);
    add_word(plan, "--shard=%u/%u", first + index, parts);
    add_in_turn(plan, "model", index);
    add_in_turn(plan, "classes", index);
    if (kith_args_has(plan->args, "seed"))
        add_word(plan, "--seed=%llu",
                 (unsigned long long)(kith_args_int(plan->args, "seed") + index));
    add_given(plan);
    add_siblings(plan, index, starts);
    return plan->words;
}
