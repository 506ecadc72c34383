/* tools/pulse.h: what a supervised node says about itself each second: one JSON object in one line.
 * `kith node --supervised` writes it, `kith up` shows it. */
#ifndef KITH_TOOLS_PULSE_H
#define KITH_TOOLS_PULSE_H

#include <stdbool.h>

#include "base/stats.h"
#include "host/lifeline.h"
#include "identity/ss58.h"
#include "node/report.h"

struct kith_pulse {
    char hotkey[KITH_SS58_MAX];
    uint16_t port;
    bool has_train; /* train and test are of the last reports, if any came */
    bool has_test;
    struct kith_report train;
    struct kith_report test;
};

/* Remember what a report says. */
void kith_pulse_take(struct kith_pulse *pulse, const struct kith_report *report);
/* Write the line, without its end; its length. */
size_t kith_pulse_write(const struct kith_pulse *pulse, const struct kith_stats *stats,
                        char ret[static KITH_PULSE_MAX]);

#endif
