/* overlay/arrivals.h: how long things usually take to come, so that nobody has to choose a time-out
 * for the network at hand: the last waits are remembered, and one that lasts longer than their
 * median and eight median absolute deviations is given up. Pure. */
#ifndef KITH_OVERLAY_ARRIVALS_H
#define KITH_OVERLAY_ARRIVALS_H

#include <stdint.h>

enum {
    KITH_ARRIVALS_KEPT = 32,
    KITH_ARRIVALS_SURE = 8,       /* waits before which the first limit holds */
    KITH_ARRIVALS_DEVIATIONS = 8, /* k of median + k MAD */
};

struct kith_arrivals {
    uint32_t count;                       /* ever */
    uint32_t wait_ms[KITH_ARRIVALS_KEPT]; /* the last of them, in turns */
    uint64_t limit_us;                    /* as of the last wait; 0: the first limit */
};

/* What came after so long; what never came counts as twice the limit at which it was given up, so
 * that a network that becomes slow is given more time. */
void kith_arrivals_add(struct kith_arrivals *arrivals, uint64_t wait_us);
/* How long to wait: `first_us` while little is known, else median + k max(MAD, median / 8), not
 * less than `least_us` and not more than `most_us`. */
uint64_t kith_arrivals_limit_us(const struct kith_arrivals *arrivals, uint64_t first_us,
                                uint64_t least_us, uint64_t most_us);

#endif
