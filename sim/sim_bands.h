/* sim/sim_bands.h: which faults lasted from when to when, as a chart shows them. A band of a kind
 * begins with the first node that has the fault and ends with the last. */
#ifndef KITH_SIM_SIM_BANDS_H
#define KITH_SIM_SIM_BANDS_H

#include <stdint.h>

#include "sim/sim_fault.h"

enum { KITH_SIM_BANDS_MAX = 128 };

enum kith_sim_band_kind {
    KITH_SIM_BAND_DOWN,   /* killed, cut off or stopped, until started again */
    KITH_SIM_BAND_CLOSED, /* ways between groups are cut */
    KITH_SIM_BAND_DISK,
    KITH_SIM_BAND_DHT,
    KITH_SIM_BAND_CLOCK,
    KITH_SIM_BAND_SPEED,
    KITH_SIM_BAND_WALL, /* cannot be dialled */
    KITH_SIM_BAND_BANDWIDTH,
    KITH_SIM_BAND_LOSS,  /* in the whole network */
    KITH_SIM_BAND_PAUSE, /* processes that stand still; `most` counts all pauses that overlap */
    KITH_SIM_BAND_KINDS,
};

struct kith_sim_band {
    enum kith_sim_band_kind kind;
    double from_s;
    double to_s;   /* HUGE_VAL: to the end */
    uint32_t most; /* nodes (or, of CLOSED, ways) at once */
};

struct kith_sim_bands {
    uint32_t nodes;
    uint16_t *has; /* [nodes] a bit for each kind */
    uint32_t now[KITH_SIM_BAND_KINDS];
    uint32_t open[KITH_SIM_BAND_KINDS]; /* the band under way, if now[kind] > 0 */
    uint32_t count;
    uint32_t left_out; /* past KITH_SIM_BANDS_MAX */
    struct kith_sim_band at[KITH_SIM_BANDS_MAX];
};

/* 0 or NOMEM. */
int kith_sim_bands_init(struct kith_sim_bands *bands, uint32_t nodes);
void kith_sim_bands_release(struct kith_sim_bands *bands);
/* The fault was applied at that time. */
void kith_sim_bands_fault(struct kith_sim_bands *bands, const struct kith_fault *fault,
                          double now_s);
/* "down", "ways between groups cut", ... */
const char *kith_sim_band_name(enum kith_sim_band_kind kind);

#endif
