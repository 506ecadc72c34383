/* The parts of a report: escaped text, round axes, lines with gaps, shades, drawings. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report_chart.h"
#include "sim/report_graph.h"
#include "sim/report_heat.h"
#include "sim/report_svg.h"
#include "tests/test.h"

static char *text;
static size_t text_len;

static FILE *begin(void)
{
    return open_memstream(&text, &text_len);
}

static void escapes(const char *from, const char *to)
{
    FILE *out = begin();
    kith_svg_text(out, from);
    fclose(out);
    check_str(text, to);
    free(text);
}

static void text_cannot_become_markup(void)
{
    escapes("<script>alert('\"&\"')</script>",
            "&lt;script&gt;alert(&#39;&quot;&amp;&quot;&#39;)&lt;/script&gt;");
    escapes("a\nb\x1b[2J\x7f", "a?b?[2J?");
    escapes("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80",
            "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80");
    /* cut, overlong, surrogate, beyond Unicode, a non-character */
    escapes("\xc3", "?");
    escapes("\xc0\xbc", "??");
    escapes("\xe0\x80\xbc", "???");
    escapes("\xed\xa0\x80", "???");
    escapes("\xf5\x80\x80\x80", "????");
    escapes("\xef\xbf\xbf", "???");
}

static void axis_is(double low, double high, double from, double to, double step, int digits)
{
    struct kith_svg_axis axis = kith_svg_axis_of(low, high, 5);
    check(fabs(axis.low - from) < 1e-9 && fabs(axis.high - to) < 1e-9);
    check(fabs(axis.step - step) < 1e-9);
    check_int(axis.digits, digits);
    check(fabs(axis.low + axis.ticks * axis.step - axis.high) < 1e-9);
}

static void axes_have_round_numbers(void)
{
    axis_is(0, 100, 0, 100, 20, 0);
    axis_is(0, 97, 0, 100, 20, 0);
    axis_is(9.7, 91.2, 0, 100, 20, 0);
    axis_is(0.31, 2.2, 0, 2.5, 0.5, 1);
    axis_is(89.1, 91.3, 89, 91.5, 0.5, 1);
    axis_is(-3, 3, -4, 4, 2, 0);
    axis_is(0, 0.0123, 0, 0.015, 0.005, 3);
}

static void mad_bounds_give_an_axis_all_the_same(void)
{
    const double bad[] = {0, 1, -5, 1e300, 1e-300, NAN, HUGE_VAL, -HUGE_VAL};
    for (size_t i = 0; i < 8; i++) {
        for (size_t k = 0; k < 8; k++) {
            struct kith_svg_axis axis = kith_svg_axis_of(bad[i], bad[k], 6);
            check(axis.ticks >= 1 && axis.ticks <= KITH_SVG_TICKS_MAX);
            check(isfinite(axis.low) && axis.high > axis.low);
        }
    }
}

static void values_stay_in_the_plot(void)
{
    struct kith_svg_plot plot = {.x = kith_svg_axis_of(0, 10, 5), .y = kith_svg_axis_of(0, 10, 5)};
    check(kith_svg_x(&plot, 0) == KITH_SVG_LEFT && kith_svg_x(&plot, -7) == KITH_SVG_LEFT);
    check(kith_svg_x(&plot, 10) == KITH_SVG_WIDTH - KITH_SVG_RIGHT);
    check(kith_svg_x(&plot, HUGE_VAL) == KITH_SVG_WIDTH - KITH_SVG_RIGHT);
    check(kith_svg_y(&plot, 10) == KITH_SVG_TOP && kith_svg_y(&plot, 99) == KITH_SVG_TOP);
    check(kith_svg_y(&plot, 0) == KITH_SVG_HEIGHT - KITH_SVG_BOTTOM);
}

static void a_missing_value_is_a_gap(void)
{
    const double x[] = {0, 2, 4, 6, 8}, y[] = {0, 10, NAN, 10, 0};
    struct kith_svg_plot plot = {.x = kith_svg_axis_of(0, 10, 5), .y = kith_svg_axis_of(0, 10, 5)};
    plot.out = begin();
    kith_svg_line(&plot, x, y, 5, "s1");
    fclose(plot.out);
    check_str(text,
              "<path class=\"line s1\" d=\"M56.0 254.0L138.0 14.0M302.0 14.0L384.0 254.0\"/>\n");
    free(text);
    plot.out = begin();
    kith_svg_area(&plot, x, y, y, 5, "s1");
    fclose(plot.out);
    check_str(text, "<path class=\"area s1\" d=\"M56.0 254.0L138.0 14.0L138.0 14.0L56.0 254.0Z"
                    "M302.0 14.0L384.0 254.0L384.0 254.0L302.0 14.0Z\"/>\n");
    free(text);
}

static void shades_grow_with_amounts(void)
{
    check_int(kith_heat_shade(0, 12), 0);
    check_int(kith_heat_shade(1, 12), 1);
    check_int(kith_heat_shade(2, 12), 1);
    check_int(kith_heat_shade(3, 12), 2);
    check_int(kith_heat_shade(12, 12), 6);
    check_int(kith_heat_shade(1, 1), 6);
    check_int(kith_heat_shade(0, 0), 0);
    check_int(kith_heat_shade(UINT32_MAX, UINT32_MAX), 6);
}

/* Two cliques: each keeps together, and apart from the other. */
static void drawings_show_what_belongs_together(void)
{
    enum { NODES = 20, HALF = NODES / 2 };
    static struct kith_sim_snap snap;
    static struct kith_sim_edge edge[NODES * NODES];
    struct kith_graph_point at[KITH_SIM_SNAP_NODES_MAX], again[KITH_SIM_SNAP_NODES_MAX];
    snap.count = NODES;
    snap.edge = edge;
    for (uint32_t a = 0; a < NODES; a++)
        for (uint32_t b = a + 2; b < NODES; b += 2)
            edge[snap.edge_count++] = (struct kith_sim_edge){a, b};
    kith_graph_circle(NODES, at);
    kith_graph_circle(NODES, again);
    kith_graph_layout(&snap, at);
    kith_graph_layout(&snap, again);
    check(memcmp(at, again, NODES * sizeof *at) == 0);
    struct kith_graph_point even = {0, 0}, odd = {0, 0};
    for (uint32_t i = 0; i < NODES; i++) {
        struct kith_graph_point *mean = i % 2 ? &odd : &even;
        mean->x += at[i].x / HALF;
        mean->y += at[i].y / HALF;
        check(at[i].x >= 0 && at[i].x <= 1 && at[i].y >= 0 && at[i].y <= 1);
    }
    double apart = hypot(even.x - odd.x, even.y - odd.y), within = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        const struct kith_graph_point *mean = i % 2 ? &odd : &even;
        within += hypot(at[i].x - mean->x, at[i].y - mean->y) / NODES;
    }
    check(apart > 1.5 * within);
}

static void units_suit_the_largest(void)
{
    check_str(kith_chart_time_unit(0).name, "s");
    check_str(kith_chart_time_unit(7200).name, "min");
    check_str(kith_chart_time_unit(1e6).name, "d");
    check_str(kith_chart_bytes_unit(0).name, "B");
    check_str(kith_chart_bytes_unit(3.3e6).name, "MB");
}

int main(void)
{
    run(text_cannot_become_markup);
    run(axes_have_round_numbers);
    run(mad_bounds_give_an_axis_all_the_same);
    run(values_stay_in_the_plot);
    run(a_missing_value_is_a_gap);
    run(shades_grow_with_amounts);
    run(drawings_show_what_belongs_together);
    run(units_suit_the_largest);
    return test_end();
}
