/* What the helper can no longer do once it has given it up: each case in a process of its own. */
#include "host/dht_helper_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_CONFINED false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_CONFINED false
#endif
#endif
#ifndef IS_CONFINED
#define IS_CONFINED true
#endif

/* Whether `is_so` holds in a process that is limited, and confined or not. */
static bool in_helper(bool (*is_so)(void), bool is_confined)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (kith_dht_limits_start()) _exit(2);
        if (is_confined) kith_dht_limits_confine();
        _exit(is_so() ? 0 : 1);
    }
    int status = -1;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool limits_are_set(void)
{
    struct rlimit core, files, space;
    getrlimit(RLIMIT_CORE, &core);
    getrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_AS, &space);
    bool is_small = !IS_CONFINED || space.rlim_max == 512 * 1024 * 1024;
    return core.rlim_max == 0 && files.rlim_max <= 1000 && is_small;
}

static bool is_tied_to_parent(void)
{
    int signal_of_death = 0;
    prctl(PR_GET_PDEATHSIG, &signal_of_death);
    return signal_of_death == SIGKILL && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static bool has_no_other_files(void)
{
    return fcntl(3, F_GETFD) == -1 && fcntl(700, F_GETFD) == -1;
}

static bool cannot_open_files(void)
{
    return open("/etc/passwd", O_RDONLY) == -1 && errno == EPERM;
}

static bool cannot_start_programs(void)
{
    char name[] = "/bin/true";
    char *arguments[] = {name, NULL};
    execv(name, arguments);
    return errno == EPERM;
}

static bool cannot_fork(void)
{
    pid_t child = fork();
    if (child == 0) _exit(0);
    return child == -1 && errno == EPERM;
}

static bool has_udp_sockets_only(void)
{
    if (socket(AF_INET, SOCK_DGRAM, 0) < 0 || socket(AF_INET6, SOCK_DGRAM, 0) < 0) return false;
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) return false;
    if (socket(AF_UNIX, SOCK_DGRAM, 0) >= 0 || errno != EPERM) return false;
    return socket(AF_NETLINK, SOCK_RAW, 0) < 0 && errno == EPERM;
}

static bool cannot_signal_the_parent(void)
{
    return kill(getppid(), 0) == -1 && errno == EPERM;
}

static void *say_seven(void *ret)
{
    *(int *)ret = 7;
    return NULL;
}

static bool can_make_threads(void)
{
    pthread_t thread;
    int said = 0;
    if (pthread_create(&thread, NULL, say_seven, &said)) return false;
    pthread_join(thread, NULL);
    return said == 7;
}

static void it_is_limited(void)
{
    int other = open("/dev/null", O_RDONLY);
    check(dup2(other, 700) == 700);
    check(in_helper(limits_are_set, false));
    check(in_helper(is_tied_to_parent, false));
    check(in_helper(has_no_other_files, false));
    close(700);
    close(other);
}

static void it_keeps_what_it_needs(void)
{
    check(in_helper(can_make_threads, true));
}

static void it_is_confined(void)
{
    check(in_helper(cannot_open_files, true));
    check(in_helper(cannot_start_programs, true));
    check(in_helper(cannot_fork, true));
    check(in_helper(has_udp_sockets_only, true));
    check(in_helper(cannot_signal_the_parent, true));
}

int main(void)
{
    run(it_is_limited);
    run(it_keeps_what_it_needs);
    if (IS_CONFINED)
        run(it_is_confined);
    else
        skip(it_is_confined, "a sanitizer needs its files");
    return test_end();
}
