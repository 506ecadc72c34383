/* sim/report_heat.h: who pulled from whom, as a square of shades. */
#ifndef KITH_SIM_REPORT_HEAT_H
#define KITH_SIM_REPORT_HEAT_H

#include <stdint.h>
#include <stdio.h>

/* `pulls`[puller * bins + author]; each row and column stands for nodes / bins of the nodes. */
void kith_heat_draw(const uint32_t *pulls, uint32_t bins, uint32_t nodes, FILE *out);
/* The shade of an amount, 0 (none) to 6 (`most`). */
int kith_heat_shade(uint32_t amount, uint32_t most);

#endif
