#include "host/restart.h"

static void forget_old(struct kith_restart *restart, uint64_t now_ms)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < restart->deaths; i++)
        if (now_ms - restart->deaths_ms[i] < KITH_RESTART_WINDOW_MS)
            restart->deaths_ms[kept++] = restart->deaths_ms[i];
    restart->deaths = kept;
}

bool kith_restart_died(struct kith_restart *restart, uint64_t now_ms, uint64_t lived_ms,
                       uint64_t *ret_pause_ms)
{
    forget_old(restart, now_ms);
    restart->deaths_ms[restart->deaths++] = now_ms;
    if (restart->deaths == KITH_RESTART_DEATHS_MAX) {
        *restart = (struct kith_restart){0};
        return false;
    }
    if (lived_ms >= KITH_RESTART_WINDOW_MS) restart->pause_ms = 0;
    restart->pause_ms = restart->pause_ms == 0 ? KITH_RESTART_FIRST_MS : 2 * restart->pause_ms;
    if (restart->pause_ms > KITH_RESTART_MAX_MS) restart->pause_ms = KITH_RESTART_MAX_MS;
    *ret_pause_ms = restart->pause_ms;
    return true;
}
