/* host/fleet.h: many processes on one host, kept running: one that dies is started again with
 * back-off (host/restart.h) and never touches the others. A signal stops all. */
#ifndef KITH_HOST_FLEET_H
#define KITH_HOST_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    KITH_FLEET_MAX = 256,
    KITH_FLEET_ERROR_MAX = 256,
    KITH_FLEET_STEP_MS = 50,    /* between the starts of two */
    KITH_FLEET_FIRST_MS = 3000, /* how long the others wait for the first one's first report */
    KITH_FLEET_KILL_MS = 4000,  /* from the signal to stop to SIGKILL */
};

enum kith_fleet_state {
    KITH_FLEET_WAITING,  /* not started yet */
    KITH_FLEET_STARTING, /* it has not reported yet */
    KITH_FLEET_RUNNING,
    KITH_FLEET_PAUSING, /* it died and will be started again */
    KITH_FLEET_DONE,    /* it ended by itself, status 0 */
    KITH_FLEET_FAILED,  /* it died and will not be started again */
    KITH_FLEET_STOPPED, /* it was stopped with all others */
};

struct kith_fleet_one {
    enum kith_fleet_state state;
    pid_t pid;           /* 0 while there is none */
    uint32_t starts;     /* lives so far */
    uint64_t started_ms; /* unix time at which this life began */
    int64_t status;      /* how the last life ended: of exit(), or ... */
    int signal;          /* ... the signal that killed it */
    uint64_t pause_ms;   /* PAUSING: how long */
};

struct kith_fleet_config {
    const char *program;
    uint32_t count; /* 1 to KITH_FLEET_MAX */
    bool restart;   /* false: who dies stays dead */
    void *context;
    /* The command line of one, the program's name first, NULL last; asked before each start, valid
     * until the next call. */
    char **(*words)(void *context, uint32_t index);
    /* A line it printed, or reported on its lifeline: without end, borrowed. */
    void (*on_line)(void *context, uint32_t index, const char *line, size_t len);
    void (*on_pulse)(void *context, uint32_t index, const char *line, size_t len);
    /* Its state changed. Exit status 2, a usage error, is never tried again. */
    void (*on_change)(void *context, uint32_t index, const struct kith_fleet_one *one);
    /* Once a second. */
    void (*on_second)(void *context);
};

/* Run until all have ended by themselves, or SIGINT, SIGTERM or SIGHUP stopped them: a second
 * signal, or KITH_FLEET_KILL_MS, kills. 0, or 1 with a line in ret_error. */
int kith_fleet_run(const struct kith_fleet_config *config,
                   char ret_error[static KITH_FLEET_ERROR_MAX]);

#endif
