/* kith up: many nodes on one host, kept running. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/fleet.h"
#include "tools/dispatch.h"
#include "tools/up_dir.h"
#include "tools/up_plan.h"
#include "tools/up_view.h"

_Static_assert((int)KITH_UP_NODES_MAX == (int)KITH_FLEET_MAX, "one limit");

struct up {
    const struct kith_args *args;
    char dir[KITH_PATH_MAX];
    char program[KITH_PATH_MAX];
    char error[KITH_PATH_MAX];
    struct kith_up_plan plan;
    struct kith_up_view view;
};

static char **on_words(void *context, uint32_t index)
{
    struct up *up = context;
    return kith_up_words(&up->plan, index, up->view.nodes[index].seen.starts);
}

static void on_line(void *context, uint32_t index, const char *line, size_t len)
{
    struct up *up = context;
    kith_up_view_line(&up->view, index, line, len);
}

static void on_pulse(void *context, uint32_t index, const char *line, size_t len)
{
    struct up *up = context;
    kith_up_view_pulse(&up->view, index, line, len);
}

static void on_change(void *context, uint32_t index, const struct kith_fleet_one *one)
{
    struct up *up = context;
    up->plan.is_up[index] = one->state == KITH_FLEET_RUNNING;
    kith_up_view_change(&up->view, index, one);
}

static void on_second(void *context)
{
    struct up *up = context;
    kith_up_view_status(&up->view);
}

static int find_program(struct up *up)
{
    ssize_t len = readlink("/proc/self/exe", up->program, sizeof up->program - 1);
    if (len <= 0) return kith_fail(up->args, "/proc/self/exe: %s", strerror(errno));
    up->program[len] = '\0';
    return 0;
}

/* From here on nothing is heard from the terminal, and nothing is said to it. */
static int leave_terminal(struct up *up)
{
    char path[KITH_PATH_MAX];
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = kith_up_path(up->dir, "up.log", path)
                  ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
                  : -1;
    if (nothing < 0 || log < 0) return kith_fail(up->args, "%s: %s", path, strerror(errno));
    fflush(stdout);
    dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    close(nothing);
    close(log);
    return 0;
}

static uint32_t count_failed(const struct up *up)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < up->plan.count; i++)
        count += up->view.nodes[i].seen.state == KITH_FLEET_FAILED;
    return count;
}

static int run_fleet(struct up *up)
{
    struct kith_fleet_config fleet = {
        .program = up->program,
        .count = up->plan.count,
        .restart = !kith_args_has(up->args, "no-restart"),
        .context = up,
        .words = on_words,
        .on_line = on_line,
        .on_pulse = on_pulse,
        .on_change = on_change,
        .on_second = on_second,
    };
    int status = kith_fleet_run(&fleet, up->error);
    if (status) return kith_fail(up->args, "%s", up->error);
    kith_up_view_status(&up->view);
    uint32_t failed = count_failed(up);
    if (failed == 0) return 0;
    return kith_fail(up->args, "%u of %u nodes failed; see the logs in %s", failed, up->plan.count,
                     up->dir);
}

/* `ready`: where to say that it runs, -1 in the foreground. */
static int set_up_and_run(struct up *up, int ready)
{
    int status = find_program(up);
    if (status == 0 && kith_up_lock(up->dir, up->error) != 0)
        status = kith_fail(up->args, "%s", up->error);
    if (status == 0) status = kith_up_plan(up->args, up->dir, &up->plan);
    if (status) return status;
    if (!kith_up_view_init(&up->view, &up->plan, ready >= 0))
        return kith_fail(up->args, "out of memory");
    printf("kith up: %u node%s in %s, the first on port %u, process %ld\n", up->plan.count,
           up->plan.count > 1 ? "s" : "", up->dir, (unsigned)up->plan.port[0], (long)getpid());
    fflush(stdout);
    kith_up_view_status(&up->view);
    if (ready >= 0) status = leave_terminal(up);
    if (ready >= 0 && status == 0 && write(ready, "", 1) != 1) status = 1;
    if (ready >= 0) close(ready);
    if (status == 0) status = run_fleet(up);
    kith_up_view_release(&up->view);
    return status;
}

/* Run in a process of its own; return when it does. */
static int detach(struct up *up)
{
    int ends[2];
    char word;
    int status = 1;
    if (pipe2(ends, O_CLOEXEC) != 0) return kith_fail(up->args, "%s", strerror(errno));
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) return kith_fail(up->args, "%s", strerror(errno));
    if (child == 0) {
        close(ends[0]);
        setsid();
        return set_up_and_run(up, ends[1]);
    }
    close(ends[1]);
    ssize_t len = read(ends[0], &word, 1);
    close(ends[0]);
    if (len == 1) return 0;
    /* It has said why. */
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 1;
    return WEXITSTATUS(status);
}

int kith_cmd_up(const struct kith_args *args)
{
    struct up *up = calloc(1, sizeof *up);
    if (!up) return kith_fail(args, "out of memory");
    up->args = args;
    int status = kith_up_check(args);
    if (status == 0) status = kith_up_dir(args, up->dir);
    if (status == 0) status = kith_args_has(args, "detach") ? detach(up) : set_up_and_run(up, -1);
    free(up);
    return status;
}
