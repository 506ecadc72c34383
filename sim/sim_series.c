#include "sim/sim_series.h"

#include <string.h>

void kith_sim_series_init(struct kith_sim_series *series, uint64_t every_us)
{
    memset(series, 0, sizeof *series);
    series->every_us = every_us;
}

bool kith_sim_series_is_due(const struct kith_sim_series *series, uint64_t now_us)
{
    return now_us >= series->next_us;
}

static void halve(struct kith_sim_series *series)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < series->count; i += 2)
        series->at[kept++] = series->at[i];
    series->count = kept;
    series->every_us *= 2;
}

void kith_sim_series_add(struct kith_sim_series *series, uint64_t now_us,
                         const struct kith_sim_point *point)
{
    if (series->count == KITH_SIM_POINTS_MAX) halve(series);
    series->at[series->count++] = *point;
    series->next_us = now_us + series->every_us;
}
