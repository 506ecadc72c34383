#include "overlay/arrivals.h"

/* The median of at most KITH_ARRIVALS_KEPT numbers, which are sorted. */
static uint64_t median_of(uint64_t *at, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint64_t inserted = at[i];
        uint32_t slot = i;
        for (; slot > 0 && at[slot - 1] > inserted; slot--)
            at[slot] = at[slot - 1];
        at[slot] = inserted;
    }
    return count % 2 ? at[count / 2] : (at[count / 2 - 1] + at[count / 2]) / 2;
}

void kith_arrivals_add(struct kith_arrivals *arrivals, uint64_t wait_us)
{
    uint64_t wait_ms = wait_us / 1000;
    if (wait_ms > UINT32_MAX) wait_ms = UINT32_MAX;
    arrivals->wait_ms[arrivals->count++ % KITH_ARRIVALS_KEPT] = (uint32_t)wait_ms;
    if (arrivals->count < KITH_ARRIVALS_SURE) return;
    uint64_t at[KITH_ARRIVALS_KEPT];
    uint32_t count = arrivals->count < KITH_ARRIVALS_KEPT ? arrivals->count : KITH_ARRIVALS_KEPT;
    for (uint32_t i = 0; i < count; i++)
        at[i] = arrivals->wait_ms[i];
    uint64_t median = median_of(at, count);
    for (uint32_t i = 0; i < count; i++)
        at[i] = at[i] > median ? at[i] - median : median - at[i];
    uint64_t deviation = median_of(at, count);
    if (deviation < median / 8) deviation = median / 8;
    arrivals->limit_us = (median + KITH_ARRIVALS_DEVIATIONS * deviation) * 1000;
}

uint64_t kith_arrivals_limit_us(const struct kith_arrivals *arrivals, uint64_t first_us,
                                uint64_t least_us, uint64_t most_us)
{
    if (arrivals->count < KITH_ARRIVALS_SURE) return first_us;
    if (arrivals->limit_us < least_us) return least_us;
    return arrivals->limit_us < most_us ? arrivals->limit_us : most_us;
}
