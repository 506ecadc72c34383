#include "sim/report_heat.h"

#include <stdbool.h>

#include "sim/report_style.h"
#include "sim/report_svg.h"

enum { SIZE = 480, LEFT = 52, TOP = 8, BOTTOM = 44, SIDE = 420, MARKS = 8, NAME_MAX_LEN = 48 };

int kith_heat_shade(uint32_t amount, uint32_t most)
{
    if (amount == 0 || most == 0) return 0;
    uint64_t shades = KITH_REPORT_SHADES - 1;
    int shade = (int)(((uint64_t)amount * shades + most - 1) / most);
    return shade > KITH_REPORT_SHADES - 1 ? KITH_REPORT_SHADES - 1 : shade;
}

static uint32_t first_of(uint32_t bin, uint32_t bins, uint32_t nodes)
{
    return (uint32_t)(((uint64_t)bin * nodes + bins - 1) / bins);
}

/* "node 7" or "nodes 16 to 31". */
static void name_bin(uint32_t bin, uint32_t bins, uint32_t nodes, char *ret)
{
    uint32_t first = first_of(bin, bins, nodes), next = first_of(bin + 1, bins, nodes);
    if (next == first + 1)
        snprintf(ret, NAME_MAX_LEN, "node %u", first);
    else
        snprintf(ret, NAME_MAX_LEN, "nodes %u to %u", first, next - 1);
}

static void draw_cells(const uint32_t *pulls, uint32_t bins, uint32_t nodes, uint32_t most,
                       FILE *out)
{
    char puller[NAME_MAX_LEN], author[NAME_MAX_LEN];
    double side = (double)SIDE / bins;
    fprintf(out, "<rect class=\"q0\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", LEFT, TOP,
            SIDE, SIDE);
    for (uint32_t row = 0; row < bins; row++) {
        name_bin(row, bins, nodes, puller);
        for (uint32_t column = 0; column < bins; column++) {
            uint32_t amount = pulls[row * bins + column];
            if (amount == 0) continue;
            name_bin(column, bins, nodes, author);
            fprintf(out,
                    "<rect class=\"q%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"%.2f\">"
                    "<title>%s pulled from %s: %u</title></rect>\n",
                    kith_heat_shade(amount, most), LEFT + column * side, TOP + row * side,
                    side + 0.05, side + 0.05, puller, author, amount);
        }
    }
}

static void draw_marks(uint32_t bins, uint32_t nodes, FILE *out)
{
    uint32_t every = (bins + MARKS - 1) / MARKS;
    double side = (double)SIDE / bins;
    for (uint32_t i = 0; i < bins; i += every) {
        double middle = (i + 0.5) * side;
        uint32_t node = first_of(i, bins, nodes);
        fprintf(out, "<text class=\"mark\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%u</text>",
                LEFT + middle, TOP + SIDE + 15, node);
        fprintf(out, "<text class=\"mark\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%u</text>\n",
                LEFT - 5, TOP + middle + 4.5, node);
    }
    fprintf(out,
            "<text class=\"axis\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">author (node)</text>"
            "<text class=\"axis\" transform=\"translate(13 %d) rotate(-90)\" "
            "text-anchor=\"middle\">puller (node)</text>\n",
            LEFT + SIDE / 2, TOP + SIDE + 36, TOP + SIDE / 2);
}

/* The shades and the least and the most that each stands for. */
static void draw_legend(uint32_t most, FILE *out)
{
    uint32_t shades = KITH_REPORT_SHADES - 1, from = 1;
    fputs("<ul class=\"legend\">", out);
    for (uint32_t shade = 0; shade <= shades; shade++) {
        uint32_t to = (uint32_t)((uint64_t)shade * most / shades);
        if (shade > 0 && to < from) continue;
        fprintf(out,
                "<li><svg viewBox=\"0 0 30 14\" aria-hidden=\"true\"><rect class=\"q%u\" "
                "width=\"30\" height=\"14\"/></svg>",
                shade);
        if (shade == 0)
            fputs("none", out);
        else if (to == from)
            fprintf(out, "%u", from);
        else
            fprintf(out, "%u to %u", from, to);
        fputs("</li>", out);
        if (shade > 0) from = to + 1;
    }
    fputs("</ul>\n", out);
}

struct amounts {
    uint64_t all;
    uint32_t most;
    uint32_t none; /* pairs of different rows and columns without a pull */
};

static struct amounts count(const uint32_t *pulls, uint32_t bins)
{
    struct amounts ret = {0};
    for (uint32_t row = 0; row < bins; row++) {
        for (uint32_t column = 0; column < bins; column++) {
            uint32_t amount = pulls[row * bins + column];
            ret.all += amount;
            if (row != column && amount == 0) ret.none++;
            if (amount > ret.most) ret.most = amount;
        }
    }
    return ret;
}

static void draw_row_sums(const uint32_t *pulls, uint32_t bins, uint32_t nodes, FILE *out)
{
    char name[NAME_MAX_LEN];
    fputs("<details><summary>As a table: how often each pulled and was pulled from</summary>"
          "<div class=\"wide\"><table><thead><tr><th scope=\"col\">node</th>"
          "<th scope=\"col\">pulled</th><th scope=\"col\">was pulled from</th></tr></thead>"
          "<tbody>\n",
          out);
    for (uint32_t i = 0; i < bins; i++) {
        uint64_t pulled = 0, given = 0;
        for (uint32_t k = 0; k < bins; k++) {
            pulled += pulls[i * bins + k];
            given += pulls[k * bins + i];
        }
        name_bin(i, bins, nodes, name);
        fprintf(out, "<tr><td>%s</td><td>%llu</td><td>%llu</td></tr>\n", name,
                (unsigned long long)pulled, (unsigned long long)given);
    }
    fputs("</tbody></table></div></details>\n", out);
}

void kith_heat_draw(const uint32_t *pulls, uint32_t bins, uint32_t nodes, FILE *out)
{
    struct amounts amounts = count(pulls, bins);
    uint64_t pairs = (uint64_t)bins * (bins - 1);
    fprintf(out,
            "<figure><figcaption><h3>Who pulled from whom</h3><p>%llu pulls of weights and soft "
            "labels; ",
            (unsigned long long)amounts.all);
    if (bins < nodes)
        fprintf(out, "each row and column stands for about %.0f nodes; ", (double)nodes / bins);
    fprintf(out, "%llu of the %llu %s were used.</p></figcaption>\n",
            (unsigned long long)(pairs - amounts.none), (unsigned long long)pairs,
            bins < nodes ? "squares off the diagonal" : "possible pairs");
    draw_legend(amounts.most, out);
    kith_svg_begin(out, SIZE, TOP + SIDE + BOTTOM, "Who pulled from whom",
                   "Rows are pullers, columns authors, darker (on a dark page: lighter) is more");
    draw_cells(pulls, bins, nodes, amounts.most, out);
    draw_marks(bins, nodes, out);
    kith_svg_end(out);
    draw_row_sums(pulls, bins, nodes, out);
    fputs("</figure>\n", out);
}
