/* sim/sim_bar.h: how far a run is, in one line of a terminal that is drawn over. */
#ifndef KITH_SIM_SIM_BAR_H
#define KITH_SIM_SIM_BAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct kith_sim_bar {
    FILE *out; /* NULL: no bar */
    uint32_t columns;
    double drawn_s; /* wall time of the last line */
};

struct kith_sim_progress {
    double done;      /* 0 to 1 */
    double virtual_s; /* now */
    double wall_s;    /* since the run began */
    double rounds;    /* mean over the nodes that are up */
    double accuracy;  /* mean of the last tests, per cent, NaN: none yet */
};

/* A bar on `out` if that is a terminal and `is_wanted`. */
void kith_sim_bar_init(struct kith_sim_bar *bar, FILE *out, bool is_wanted);
/* True if a new line is due: they come at most four times a second. */
bool kith_sim_bar_is_due(const struct kith_sim_bar *bar, double wall_s);
void kith_sim_bar_draw(struct kith_sim_bar *bar, const struct kith_sim_progress *progress);
void kith_sim_bar_clear(struct kith_sim_bar *bar);
/* The line, at most `columns` wide; what does not fit is left out from the end. */
void kith_sim_bar_line(const struct kith_sim_progress *progress, uint32_t columns, char *ret,
                       size_t size);

#endif
