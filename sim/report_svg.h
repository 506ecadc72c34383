/* sim/report_svg.h: charts as SVG: escaped text, axes with round numbers, lines, areas, bands.
 * Colours and fonts are the page's (sim/report_style.h): elements have classes. */
#ifndef KITH_SIM_REPORT_SVG_H
#define KITH_SIM_REPORT_SVG_H

#include <stdint.h>
#include <stdio.h>

/* Of a chart, in its own units; it is scaled to the page. */
enum {
    KITH_SVG_WIDTH = 480,
    KITH_SVG_HEIGHT = 300,
    KITH_SVG_LEFT = 56,
    KITH_SVG_RIGHT = 14,
    KITH_SVG_TOP = 14,
    KITH_SVG_BOTTOM = 46,
    KITH_SVG_TICKS_MAX = 12,
};

/* Text as it may stand in XML: markup escaped, control characters and bytes that are no UTF-8 as
 * '?'. */
void kith_svg_text(FILE *out, const char *text);

/* low to high in steps of 1, 2 or 5 times a power of ten, with `ticks` + 1 marks. */
struct kith_svg_axis {
    double low;
    double high;
    double step;
    uint32_t ticks;
    int digits; /* behind the point that marks need */
};

/* The axis that holds [low, high] in about `wanted` steps. Equal or mad bounds give an axis of some
 * width all the same. */
struct kith_svg_axis kith_svg_axis_of(double low, double high, uint32_t wanted);

struct kith_svg_plot {
    FILE *out;
    struct kith_svg_axis x;
    struct kith_svg_axis y;
};

/* Where a value lies in the chart; values outside of the axis at its end. */
double kith_svg_x(const struct kith_svg_plot *plot, double value);
double kith_svg_y(const struct kith_svg_plot *plot, double value);

/* <svg> with title and description for who cannot see it, up to the matching end. */
void kith_svg_begin(FILE *out, int width, int height, const char *title, const char *description);
void kith_svg_end(FILE *out);
/* Grid, marks and names of both axes. */
void kith_svg_axes(const struct kith_svg_plot *plot, const char *x_name, const char *y_name);
/* A time during which something lasted, over the whole height, with its number, in one of three
 * rows. */
void kith_svg_band(const struct kith_svg_plot *plot, double from, double to, uint32_t number,
                   const char *what);
/* Values that are not finite leave a gap. */
void kith_svg_line(const struct kith_svg_plot *plot, const double *x, const double *y,
                   uint32_t count, const char *class_name);
void kith_svg_area(const struct kith_svg_plot *plot, const double *x, const double *low,
                   const double *high, uint32_t count, const char *class_name);

#endif
