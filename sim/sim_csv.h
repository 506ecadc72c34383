/* sim/sim_csv.h: comma-separated values as RFC 4180 has them: CRLF, quotes where they are needed.
 * Equal values give equal bytes: nothing depends on the locale. */
#ifndef KITH_SIM_SIM_CSV_H
#define KITH_SIM_SIM_CSV_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct kith_csv {
    FILE *file;
    bool has_field; /* in the line at hand */
};

void kith_csv_text(struct kith_csv *csv, const char *text);
void kith_csv_uint(struct kith_csv *csv, uint64_t value);
/* `digits` behind the point; an empty field if the value is not finite. */
void kith_csv_real(struct kith_csv *csv, double value, int digits);
void kith_csv_empty(struct kith_csv *csv);
void kith_csv_end(struct kith_csv *csv);

#endif
