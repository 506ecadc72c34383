#include "sim/report_chart.h"

#include <math.h>

#include "sim/report_svg.h"

enum { TABLE_ROWS = 12, NUMBERED_BANDS = 24, BAND_TEXT_MAX = 96 };

struct kith_chart_unit kith_chart_time_unit(double most_s)
{
    if (most_s > 3 * 86400.0) return (struct kith_chart_unit){"d", 1 / 86400.0};
    if (most_s > 3 * 3600.0) return (struct kith_chart_unit){"h", 1 / 3600.0};
    if (most_s > 600) return (struct kith_chart_unit){"min", 1 / 60.0};
    return (struct kith_chart_unit){"s", 1};
}

struct kith_chart_unit kith_chart_bytes_unit(double most)
{
    if (most >= 2e9) return (struct kith_chart_unit){"GB", 1e-9};
    if (most >= 2e6) return (struct kith_chart_unit){"MB", 1e-6};
    if (most >= 2e3) return (struct kith_chart_unit){"kB", 1e-3};
    return (struct kith_chart_unit){"B", 1};
}

void kith_chart_band_text(const struct kith_sim_band *band, char *ret, size_t size)
{
    char until[32] = "the end";
    if (isfinite(band->to_s)) snprintf(until, sizeof until, "%.1f s", band->to_s);
    snprintf(ret, size, "%s, %.1f s to %s", kith_sim_band_name(band->kind), band->from_s, until);
}

/* --- what the axes must hold --- */

static void widen(double value, double *low, double *high)
{
    if (!isfinite(value)) return;
    if (value < *low) *low = value;
    if (value > *high) *high = value;
}

static struct kith_svg_plot plot_of(const struct kith_chart *chart, FILE *out)
{
    double x_high = 0, low = HUGE_VAL, high = -HUGE_VAL, x_low = 0;
    for (uint32_t i = 0; i < chart->count; i++) {
        widen(chart->x[i], &x_low, &x_high);
        for (uint32_t k = 0; k < chart->line_count; k++)
            widen(chart->line[k].y[i], &low, &high);
        if (chart->low) widen(chart->low[i], &low, &high);
        if (chart->high) widen(chart->high[i], &low, &high);
    }
    if (chart->from_zero && low > 0) low = 0;
    if (low > high) low = high = 0;
    struct kith_svg_plot plot = {
        .out = out, .x = kith_svg_axis_of(0, x_high, 6), .y = kith_svg_axis_of(low, high, 5)};
    /* Time ends where the run does: no empty strip up to the next mark. */
    if (x_high > 0 && plot.x.high > x_high) {
        while (plot.x.ticks > 1 && plot.x.low + plot.x.ticks * plot.x.step > x_high)
            plot.x.ticks--;
        plot.x.high = x_high;
    }
    return plot;
}

/* --- parts --- */

static void draw_legend(const struct kith_chart *chart, FILE *out)
{
    fputs("<ul class=\"legend\">", out);
    for (uint32_t i = 0; i < chart->line_count; i++) {
        fprintf(out,
                "<li><svg viewBox=\"0 0 30 14\" aria-hidden=\"true\">"
                "<path class=\"line s%u\" d=\"M0 7H30\"/></svg>",
                i + 1);
        kith_svg_text(out, chart->line[i].name);
        fputs("</li>", out);
    }
    if (chart->low) {
        fputs("<li><svg viewBox=\"0 0 30 14\" aria-hidden=\"true\">"
              "<path class=\"area s1\" d=\"M0 0H30V14H0Z\"/></svg>",
              out);
        kith_svg_text(out, chart->area_name);
        fputs("</li>", out);
    }
    if (chart->bands && chart->bands->count > 0)
        fputs("<li><svg viewBox=\"0 0 30 14\" aria-hidden=\"true\"><g class=\"band\">"
              "<rect width=\"30\" height=\"14\"/></g></svg>faults, numbered as below</li>",
              out);
    fputs("</ul>\n", out);
}

static void draw_bands(const struct kith_chart *chart, const struct kith_svg_plot *plot)
{
    char text[BAND_TEXT_MAX];
    if (!chart->bands) return;
    for (uint32_t i = 0; i < chart->bands->count && i < NUMBERED_BANDS; i++) {
        const struct kith_sim_band *band = &chart->bands->at[i];
        kith_chart_band_text(band, text, sizeof text);
        kith_svg_band(plot, band->from_s * chart->bands_scale, band->to_s * chart->bands_scale,
                      i + 1, text);
    }
}

static void put_cell(FILE *out, double value, int digits)
{
    if (isfinite(value))
        fprintf(out, "<td>%.*f</td>", digits, value);
    else
        fputs("<td>-</td>", out);
}

static void head_cell(FILE *out, const char *text)
{
    fputs("<th scope=\"col\">", out);
    kith_svg_text(out, text);
    fputs("</th>", out);
}

static void draw_row(const struct kith_chart *chart, const struct kith_svg_plot *plot, uint32_t i)
{
    FILE *out = plot->out;
    fputs("<tr>", out);
    put_cell(out, chart->x[i], plot->x.digits + 1);
    for (uint32_t k = 0; k < chart->line_count; k++)
        put_cell(out, chart->line[k].y[i], plot->y.digits + 1);
    if (chart->low) put_cell(out, chart->low[i], plot->y.digits + 1);
    if (chart->high) put_cell(out, chart->high[i], plot->y.digits + 1);
    fputs("</tr>\n", out);
}

static void draw_table(const struct kith_chart *chart, const struct kith_svg_plot *plot)
{
    FILE *out = plot->out;
    fputs("<details><summary>As a table</summary><div class=\"wide\"><table><caption>", out);
    kith_svg_text(out, chart->y_name);
    fputs("</caption><thead><tr>", out);
    head_cell(out, chart->x_name);
    for (uint32_t k = 0; k < chart->line_count; k++)
        head_cell(out, chart->line[k].name);
    if (chart->low) fputs("<th scope=\"col\">from</th><th scope=\"col\">to</th>", out);
    fputs("</tr></thead><tbody>\n", out);
    uint32_t rows = chart->count < TABLE_ROWS ? chart->count : TABLE_ROWS;
    for (uint32_t i = 0; i < rows; i++)
        draw_row(chart, plot, rows > 1 ? i * (chart->count - 1) / (rows - 1) : 0);
    fputs("</tbody></table></div></details>\n", out);
}

void kith_chart_draw(const struct kith_chart *chart, FILE *out)
{
    struct kith_svg_plot plot = plot_of(chart, out);
    fputs("<figure><figcaption><h3>", out);
    kith_svg_text(out, chart->title);
    fputs("</h3>", out);
    if (chart->text) {
        fputs("<p>", out);
        kith_svg_text(out, chart->text);
        fputs("</p>", out);
    }
    fputs("</figcaption>\n", out);
    draw_legend(chart, out);
    kith_svg_begin(out, KITH_SVG_WIDTH, KITH_SVG_HEIGHT, chart->title, chart->y_name);
    draw_bands(chart, &plot);
    kith_svg_axes(&plot, chart->x_name, chart->y_name);
    if (chart->low) kith_svg_area(&plot, chart->x, chart->low, chart->high, chart->count, "s1");
    for (uint32_t k = chart->line_count; k > 0; k--) {
        const char class_name[] = {'s', (char)('0' + k), '\0'};
        kith_svg_line(&plot, chart->x, chart->line[k - 1].y, chart->count, class_name);
    }
    kith_svg_end(out);
    draw_table(chart, &plot);
    fputs("</figure>\n", out);
}
