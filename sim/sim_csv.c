#include "sim/sim_csv.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void begin_field(struct kith_csv *csv)
{
    if (csv->has_field) fputc(',', csv->file);
    csv->has_field = true;
}

void kith_csv_text(struct kith_csv *csv, const char *text)
{
    begin_field(csv);
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        fputs(text, csv->file);
        return;
    }
    fputc('"', csv->file);
    for (; *text; text++) {
        if (*text == '"') fputc('"', csv->file);
        fputc(*text, csv->file);
    }
    fputc('"', csv->file);
}

void kith_csv_uint(struct kith_csv *csv, uint64_t value)
{
    begin_field(csv);
    fprintf(csv->file, "%" PRIu64, value);
}

void kith_csv_real(struct kith_csv *csv, double value, int digits)
{
    begin_field(csv);
    if (isfinite(value)) fprintf(csv->file, "%.*f", digits, value);
}

void kith_csv_empty(struct kith_csv *csv)
{
    begin_field(csv);
}

void kith_csv_end(struct kith_csv *csv)
{
    fputs("\r\n", csv->file);
    csv->has_field = false;
}
