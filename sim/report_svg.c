#include "sim/report_svg.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* --- text --- */

/* Bytes of the UTF-8 character at `text`, 0: it is none, or one that XML cannot have. */
static size_t utf8_len(const unsigned char *text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = text[0] < 0x80 ? 1 : text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (len == 1) return text[0] >= 0x20 && text[0] != 0x7f;
    if (text[0] < 0xc2 || text[0] > 0xf4) return 0;
    uint32_t code = text[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (text[i] & 0x3fu);
    }
    bool is_surrogate = code >= 0xd800 && code < 0xe000;
    bool is_never = (code & 0xfffe) == 0xfffe || code > 0x10ffff || (code >= 0x80 && code < 0xa0);
    return code < least[len] || is_surrogate || is_never ? 0 : len;
}

void kith_svg_text(FILE *out, const char *text)
{
    while (*text) {
        size_t len = utf8_len((const unsigned char *)text);
        if (len == 0)
            fputc('?', out);
        else if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else if (*text == '\'')
            fputs("&#39;", out);
        else
            fwrite(text, 1, len, out);
        text += len ? len : 1;
    }
}

/* --- scales --- */

static double round_step(double rough)
{
    double power = pow(10, floor(log10(rough)));
    double part = rough / power;
    if (part <= 1.0000001) return power;
    if (part <= 2.0000001) return 2 * power;
    return part <= 5.0000001 ? 5 * power : 10 * power;
}

struct kith_svg_axis kith_svg_axis_of(double low, double high, uint32_t wanted)
{
    if (!isfinite(low)) low = 0;
    if (!isfinite(high) || high < low) high = low;
    if (high - low < 1e-9 * (fabs(high) + 1e-9)) high = low + (low == 0 ? 1 : fabs(low) * 0.1);
    struct kith_svg_axis axis = {.step = round_step((high - low) / wanted)};
    axis.low = floor(low / axis.step + 1e-6) * axis.step;
    double ticks = ceil((high - axis.low) / axis.step - 1e-6);
    axis.ticks = ticks < 1 ? 1 : ticks > KITH_SVG_TICKS_MAX ? KITH_SVG_TICKS_MAX : (uint32_t)ticks;
    axis.high = axis.low + axis.ticks * axis.step;
    double digits = -floor(log10(axis.step) + 1e-9);
    axis.digits = digits < 0 ? 0 : digits > 9 ? 9 : (int)digits;
    return axis;
}

static double share_of(const struct kith_svg_axis *axis, double value)
{
    double share = (value - axis->low) / (axis->high - axis->low);
    return share > 1 ? 1 : share > 0 ? share : 0;
}

double kith_svg_x(const struct kith_svg_plot *plot, double value)
{
    const double width = KITH_SVG_WIDTH - KITH_SVG_LEFT - KITH_SVG_RIGHT;
    return KITH_SVG_LEFT + width * share_of(&plot->x, value);
}

double kith_svg_y(const struct kith_svg_plot *plot, double value)
{
    const double height = KITH_SVG_HEIGHT - KITH_SVG_TOP - KITH_SVG_BOTTOM;
    return KITH_SVG_TOP + height * (1 - share_of(&plot->y, value));
}

/* --- elements --- */

void kith_svg_begin(FILE *out, int width, int height, const char *title, const char *description)
{
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">",
            width, height);
    fputs("<title>", out);
    kith_svg_text(out, title);
    fputs("</title><desc>", out);
    kith_svg_text(out, description);
    fputs("</desc>\n", out);
}

void kith_svg_end(FILE *out)
{
    fputs("</svg>\n", out);
}

static double mark_of(const struct kith_svg_axis *axis, uint32_t tick)
{
    double value = axis->low + tick * axis->step;
    return fabs(value) < axis->step * 1e-6 ? 0 : value;
}

static void draw_x_axis(const struct kith_svg_plot *plot, const char *name)
{
    FILE *out = plot->out;
    const int bottom = KITH_SVG_HEIGHT - KITH_SVG_BOTTOM;
    for (uint32_t i = 0; i <= plot->x.ticks; i++) {
        double value = mark_of(&plot->x, i), x = kith_svg_x(plot, value);
        fprintf(out, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>", x, KITH_SVG_TOP, bottom);
        fprintf(out, "<text class=\"mark\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.*f</text>",
                x, bottom + 16, plot->x.digits, value);
    }
    fprintf(out, "<text class=\"axis\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">",
            (KITH_SVG_LEFT + KITH_SVG_WIDTH - KITH_SVG_RIGHT) / 2, KITH_SVG_HEIGHT - 8);
    kith_svg_text(out, name);
    fputs("</text>\n", out);
}

static void draw_y_axis(const struct kith_svg_plot *plot, const char *name)
{
    FILE *out = plot->out;
    const int right = KITH_SVG_WIDTH - KITH_SVG_RIGHT;
    const int middle = (KITH_SVG_TOP + KITH_SVG_HEIGHT - KITH_SVG_BOTTOM) / 2;
    for (uint32_t i = 0; i <= plot->y.ticks; i++) {
        double value = mark_of(&plot->y, i), y = kith_svg_y(plot, value);
        fprintf(out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", KITH_SVG_LEFT, y, right);
        fprintf(out, "<text class=\"mark\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>",
                KITH_SVG_LEFT - 6, y + 4.5, plot->y.digits, value);
    }
    fprintf(out,
            "<text class=\"axis\" transform=\"translate(14 %d) rotate(-90)\" "
            "text-anchor=\"middle\">",
            middle);
    kith_svg_text(out, name);
    fputs("</text>\n", out);
}

void kith_svg_axes(const struct kith_svg_plot *plot, const char *x_name, const char *y_name)
{
    draw_x_axis(plot, x_name);
    draw_y_axis(plot, y_name);
}

void kith_svg_band(const struct kith_svg_plot *plot, double from, double to, uint32_t number,
                   const char *what)
{
    enum { ROWS = 3, ROW_HEIGHT = 15, WIDTH_MIN = 2 };
    double x = kith_svg_x(plot, from), width = kith_svg_x(plot, to) - x;
    if (width < WIDTH_MIN) width = WIDTH_MIN;
    fprintf(plot->out, "<g class=\"band\"><title>%u: ", number);
    kith_svg_text(plot->out, what);
    fprintf(plot->out, "</title><rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", x,
            KITH_SVG_TOP, width, KITH_SVG_HEIGHT - KITH_SVG_TOP - KITH_SVG_BOTTOM);
    fprintf(plot->out, "<text x=\"%.1f\" y=\"%u\">%u</text></g>\n", x + 3,
            KITH_SVG_TOP + 13 + (number - 1) % ROWS * ROW_HEIGHT, number);
}

void kith_svg_line(const struct kith_svg_plot *plot, const double *x, const double *y,
                   uint32_t count, const char *class_name)
{
    bool is_down = false; /* the pen */
    fprintf(plot->out, "<path class=\"line %s\" d=\"", class_name);
    for (uint32_t i = 0; i < count; i++) {
        bool is_there = isfinite(x[i]) && isfinite(y[i]);
        if (is_there)
            fprintf(plot->out, "%c%.1f %.1f", is_down ? 'L' : 'M', kith_svg_x(plot, x[i]),
                    kith_svg_y(plot, y[i]));
        is_down = is_there;
    }
    fputs("\"/>\n", plot->out);
}

static bool has_span(const double *x, const double *low, const double *high, uint32_t i)
{
    return isfinite(x[i]) && isfinite(low[i]) && isfinite(high[i]);
}

void kith_svg_area(const struct kith_svg_plot *plot, const double *x, const double *low,
                   const double *high, uint32_t count, const char *class_name)
{
    fprintf(plot->out, "<path class=\"area %s\" d=\"", class_name);
    for (uint32_t from = 0, to; from < count; from = to + 1) {
        for (to = from; to < count && has_span(x, low, high, to); to++)
            fprintf(plot->out, "%c%.1f %.1f", to == from ? 'M' : 'L', kith_svg_x(plot, x[to]),
                    kith_svg_y(plot, high[to]));
        for (uint32_t i = to; i > from; i--)
            fprintf(plot->out, "L%.1f %.1f", kith_svg_x(plot, x[i - 1]),
                    kith_svg_y(plot, low[i - 1]));
        if (to > from) fputc('Z', plot->out);
    }
    fputs("\"/>\n", plot->out);
}
