/* kith up stop: end the nodes of a run folder and their supervisor. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "host/fleet.h"
#include "tools/dispatch.h"
#include "tools/up_dir.h"

enum { LOOK_MS = 20, WAIT_MS = KITH_FLEET_KILL_MS + 900, KILLED = 3 };

/* Whether nobody holds the lock any more, within so many milliseconds. */
static bool is_over(const char *dir, pid_t holder, uint32_t wait_ms)
{
    struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
    for (uint32_t waited_ms = 0; kith_up_holder(dir) == holder; waited_ms += LOOK_MS) {
        if (waited_ms >= wait_ms) return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

int kith_cmd_up_stop(const struct kith_args *args)
{
    char dir[KITH_PATH_MAX];
    int failed = kith_up_dir(args, dir);
    if (failed) return failed;
    pid_t holder = kith_up_holder(dir);
    if (holder == 0) return kith_fail(args, "%s: nothing runs here", dir);
    if (holder < 0) return kith_fail(args, "%s: its process cannot be seen from here", dir);
    if (kill(holder, SIGTERM) != 0 && errno != ESRCH)
        return kith_fail(args, "process %ld: %s", (long)holder, strerror(errno));
    if (is_over(dir, holder, WAIT_MS)) {
        printf("stopped: %s\n", dir);
        return 0;
    }
    /* Its nodes end by themselves when it is gone. */
    (void)kill(holder, SIGKILL);
    kith_fail(args, "%s: process %ld did not end in time and was killed", dir, (long)holder);
    return KILLED;
}
