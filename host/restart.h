/* host/restart.h: when to start a process again that has died, and when to give up. Pure. */
#ifndef KITH_HOST_RESTART_H
#define KITH_HOST_RESTART_H

#include <stdbool.h>
#include <stdint.h>

enum {
    KITH_RESTART_DEATHS_MAX = 5, /* so many in the window: give up */
    KITH_RESTART_WINDOW_MS = 60 * 1000,
    KITH_RESTART_FIRST_MS = 500, /* pause before the first restart, doubling with each death ... */
    KITH_RESTART_MAX_MS = 10 * 1000, /* ... up to this, and the first again after a life as long as
                                        the window */
};

struct kith_restart { /* zeroed: it never died */
    uint64_t deaths_ms[KITH_RESTART_DEATHS_MAX];
    uint32_t deaths; /* in the window, oldest first */
    uint64_t pause_ms;
};

/* It died at `now_ms` after a life of `lived_ms`. False: give up. True: start it again after
 * *ret_pause_ms. */
bool kith_restart_died(struct kith_restart *restart, uint64_t now_ms, uint64_t lived_ms,
                       uint64_t *ret_pause_ms);

#endif
