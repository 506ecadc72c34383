/* sim/sim_rows.h: the CSV files of a run, row by row; docs/SIMULATION.md names the columns. */
#ifndef KITH_SIM_SIM_ROWS_H
#define KITH_SIM_SIM_ROWS_H

#include "sim/sim_record.h"

void kith_sim_rows_rounds_head(FILE *file);
/* A round's job came back; `accuracy` is NaN if nothing was tested. */
void kith_sim_rows_round(const struct kith_sim_record *record, uint32_t node,
                         const struct kith_job *job, double accuracy);
void kith_sim_rows_pulls_head(FILE *file);
void kith_sim_rows_pull(const struct kith_sim_record *record, uint32_t node,
                        const struct kith_job *job, const struct kith_node_source *source);

#endif
