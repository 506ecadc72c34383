#include "sim/report_graph.h"

#include <math.h>

#include "sim/report_style.h"
#include "sim/report_svg.h"

enum {
    STEPS = 120,
    SIZE = 440,
    MARGIN = 20,
    NAMED_MAX = 48, /* nodes whose numbers are written */
    TEXT_MAX = 256,
};

#define PI 3.14159265358979323846

void kith_graph_circle(uint32_t count, struct kith_graph_point at[static KITH_SIM_SNAP_NODES_MAX])
{
    for (uint32_t i = 0; i < count; i++) {
        double angle = 2 * PI * i / count;
        at[i] = (struct kith_graph_point){0.5 + 0.4 * sin(angle), 0.5 - 0.4 * cos(angle)};
    }
}

/* --- where the nodes go --- */

static void find_linked(const struct kith_sim_snap *snap, bool *ret)
{
    for (uint32_t i = 0; i < snap->edge_count; i++) {
        ret[snap->edge[i].a] = true;
        ret[snap->edge[i].b] = true;
    }
}

/* Who has no links stays where it was: it would be pushed into a corner. */
static void push_apart(const struct kith_sim_snap *snap, const struct kith_graph_point *at,
                       const bool *linked, double ideal, struct kith_graph_point *force)
{
    for (uint32_t i = 0; i < snap->count; i++) {
        for (uint32_t k = i + 1; k < snap->count; k++) {
            if (!linked[i] || !linked[k]) continue;
            double x = at[i].x - at[k].x, y = at[i].y - at[k].y;
            double square = x * x + y * y;
            if (square < 1e-8) {
                x = 1e-4 * (1 + i % 7);
                y = 1e-4 * (1 + k % 5);
                square = x * x + y * y;
            }
            double push = ideal * ideal / square;
            force[i].x += x * push;
            force[i].y += y * push;
            force[k].x -= x * push;
            force[k].y -= y * push;
        }
    }
}

static void pull_together(const struct kith_sim_snap *snap, const struct kith_graph_point *at,
                          const bool *linked, double ideal, struct kith_graph_point *force)
{
    double weight = snap->edge_count > 0 ? 8.0 * snap->count / snap->edge_count : 0;
    if (weight > 1) weight = 1;
    for (uint32_t i = 0; i < snap->edge_count; i++) {
        uint32_t a = snap->edge[i].a, b = snap->edge[i].b;
        double x = at[a].x - at[b].x, y = at[a].y - at[b].y;
        double pull = weight * sqrt(x * x + y * y) / ideal;
        force[a].x -= x * pull;
        force[a].y -= y * pull;
        force[b].x += x * pull;
        force[b].y += y * pull;
    }
    for (uint32_t i = 0; i < snap->count; i++) {
        if (!linked[i]) continue;
        force[i].x -= (at[i].x - 0.5) * 0.5;
        force[i].y -= (at[i].y - 0.5) * 0.5;
    }
}

static double clamp(double value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

void kith_graph_layout(const struct kith_sim_snap *snap,
                       struct kith_graph_point at[static KITH_SIM_SNAP_NODES_MAX])
{
    struct kith_graph_point force[KITH_SIM_SNAP_NODES_MAX];
    bool linked[KITH_SIM_SNAP_NODES_MAX] = {false};
    find_linked(snap, linked);
    double ideal = 0.75 * sqrt(1.0 / (snap->count > 0 ? snap->count : 1));
    for (uint32_t step = 0; step < STEPS; step++) {
        double most = 0.08 * (1 - (double)step / STEPS);
        for (uint32_t i = 0; i < snap->count; i++)
            force[i] = (struct kith_graph_point){0, 0};
        push_apart(snap, at, linked, ideal, force);
        pull_together(snap, at, linked, ideal, force);
        for (uint32_t i = 0; i < snap->count; i++) {
            double length = sqrt(force[i].x * force[i].x + force[i].y * force[i].y);
            double scale = length > most ? most / length : 1;
            at[i].x = clamp(at[i].x + force[i].x * scale);
            at[i].y = clamp(at[i].y + force[i].y * scale);
        }
    }
}

/* --- drawing --- */

/* The same drawing, as large as its square. */
static void fill_square(uint32_t count, const struct kith_graph_point *at,
                        struct kith_graph_point *ret)
{
    struct kith_graph_point low = {1, 1}, high = {0, 0};
    for (uint32_t i = 0; i < count; i++) {
        low.x = fmin(low.x, at[i].x);
        low.y = fmin(low.y, at[i].y);
        high.x = fmax(high.x, at[i].x);
        high.y = fmax(high.y, at[i].y);
    }
    double width = fmax(fmax(high.x - low.x, high.y - low.y), 1e-3);
    for (uint32_t i = 0; i < count; i++) {
        ret[i].x = 0.5 + (at[i].x - (low.x + high.x) / 2) / width;
        ret[i].y = 0.5 + (at[i].y - (low.y + high.y) / 2) / width;
    }
}

static double place(double share)
{
    return MARGIN + share * (SIZE - 2 * MARGIN);
}

static int shade_of(double accuracy, double low, double high)
{
    if (isnan(accuracy)) return 0;
    if (high <= low) return KITH_REPORT_SHADES - 1;
    int shade = 1 + (int)((accuracy - low) / (high - low) * (KITH_REPORT_SHADES - 1));
    return shade < 1 ? 1 : shade >= KITH_REPORT_SHADES ? KITH_REPORT_SHADES - 1 : shade;
}

static void draw_links(const struct kith_sim_snap *snap, const struct kith_graph_point *at,
                       FILE *out)
{
    fputs("<path class=\"link\" d=\"", out);
    for (uint32_t i = 0; i < snap->edge_count; i++) {
        const struct kith_graph_point *a = &at[snap->edge[i].a], *b = &at[snap->edge[i].b];
        fprintf(out, "M%.0f %.0fL%.0f %.0f", place(a->x), place(a->y), place(b->x), place(b->y));
    }
    fputs("\"/>\n", out);
}

static void draw_node(const struct kith_sim_snap_node *node, const struct kith_graph_point *at,
                      double low, double high, bool is_named, FILE *out)
{
    double x = place(at->x), y = place(at->y);
    fprintf(out, "<circle class=\"node q%d%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"><title>node %u",
            shade_of(node->accuracy, low, high), node->is_up ? "" : " gone", x, y,
            is_named ? "6" : "4.5", node->node);
    if (!node->is_up)
        fputs(": down", out);
    else
        fprintf(out, ": %u links", node->links);
    if (!isnan(node->accuracy)) fprintf(out, ", accuracy %.1f %%", node->accuracy);
    fputs("</title></circle>", out);
    if (is_named)
        fprintf(out, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\">%u</text>", x, y - 8, node->node);
    fputc('\n', out);
}

static void describe(const struct kith_sim_snap *snap, uint32_t nodes, char *ret, size_t size)
{
    int used = snprintf(ret, size, "%u of %u nodes up, %llu links, %u to %u a node, %s", snap->up,
                        nodes, (unsigned long long)snap->links, snap->links_least, snap->links_most,
                        snap->parts == 1 ? "all connected" : "");
    if (snap->parts != 1 && used > 0 && (size_t)used < size)
        used += snprintf(ret + used, size - (size_t)used, "in %u parts", snap->parts);
    if (snap->count < nodes && used > 0 && (size_t)used < size)
        snprintf(ret + used, size - (size_t)used,
                 ". Drawn: %u of the nodes, evenly chosen, and the links among them", snap->count);
}

void kith_graph_draw(const struct kith_sim_snap *snap, const struct kith_graph_point *at,
                     uint32_t nodes, double low, double high, FILE *out)
{
    char title[TEXT_MAX], text[TEXT_MAX];
    struct kith_graph_point full[KITH_SIM_SNAP_NODES_MAX];
    fill_square(snap->count, at, full);
    snprintf(title, sizeof title, "At %.1f s", snap->time_s);
    describe(snap, nodes, text, sizeof text);
    fputs("<figure><figcaption><h3>", out);
    kith_svg_text(out, title);
    fputs("</h3><p>", out);
    kith_svg_text(out, text);
    fputs(".</p></figcaption>\n", out);
    kith_svg_begin(out, SIZE, SIZE, title, text);
    draw_links(snap, full, out);
    for (uint32_t i = 0; i < snap->count; i++)
        draw_node(&snap->node[i], &full[i], low, high, snap->count <= NAMED_MAX, out);
    kith_svg_end(out);
    fputs("</figure>\n", out);
}
