/* host/ward.h: one life of a supervised process on a libuv loop: starts it with a lifeline as
 * standard input (host/lifeline.h), splits what it prints and reports into lines, and says how it
 * ended. When to start it again is the fleet's business. */
#ifndef KITH_HOST_WARD_H
#define KITH_HOST_WARD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

enum { KITH_WARD_LINE_MAX = 16 * 1024 }; /* longer ones are cut in pieces */

struct kith_ward;

struct kith_ward_config {
    uv_loop_t *loop;
    const char *program;
    char **words; /* of the command line, the program's name first, ends with NULL */
    void *context;
    /* One line of its standard output or error, or of its lifeline; without its end, not NUL
     * terminated, borrowed. */
    void (*on_line)(void *context, const char *line, size_t len);
    void (*on_pulse)(void *context, const char *line, size_t len);
    /* Last of all: exit status, or the signal that killed it. The ward is freed on return. */
    void (*on_end)(void *context, int64_t status, int signal);
};

/* Start it, in a session of its own, so that a terminal's Ctrl+C is not sent to it. 0, or
 * KITH_ERR_* with nothing started. */
int kith_ward_new(const struct kith_ward_config *config, struct kith_ward **ret);
pid_t kith_ward_pid(const struct kith_ward *ward);
/* Send it a signal, if it still runs. */
void kith_ward_signal(struct kith_ward *ward, int signal);

#endif
