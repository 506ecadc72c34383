/* sim/report_chart.h: one figure of a report: title, legend, chart, and the same as a table. */
#ifndef KITH_SIM_REPORT_CHART_H
#define KITH_SIM_REPORT_CHART_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/sim_bands.h"

enum { KITH_CHART_LINES_MAX = 5 };

struct kith_chart_line {
    const char *name;
    const double *y; /* [count] */
};

struct kith_chart {
    const char *title;
    const char *text; /* a sentence below the title; NULL: none */
    const char *x_name;
    const char *y_name;
    uint32_t count;
    const double *x;
    uint32_t line_count; /* line i has class s(i + 1) */
    struct kith_chart_line line[KITH_CHART_LINES_MAX];
    const double *low; /* an area with the colour of the first line; NULL: none */
    const double *high;
    const char *area_name;
    bool from_zero;                     /* the y axis begins at 0 */
    const struct kith_sim_bands *bands; /* x is a time; NULL: none */
    double bands_scale;                 /* x of one second */
};

void kith_chart_draw(const struct kith_chart *chart, FILE *out);

/* Time and bytes in units that suit the largest of them. */
struct kith_chart_unit {
    const char *name;
    double factor; /* value in the unit = value * factor */
};

struct kith_chart_unit kith_chart_time_unit(double most_s);
struct kith_chart_unit kith_chart_bytes_unit(double most);

/* "2 nodes down, 10 s to 16 s" into `ret`. */
void kith_chart_band_text(const struct kith_sim_band *band, char *ret, size_t size);

#endif
