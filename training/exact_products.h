/* training/exact_products.h: the exact kernels of gemm.h in terms of lanes, included by one
 * translation unit for each instruction set. Which defines, before:
 *   TILE_ROWS    rows of x that share one pass over a panel of w
 *   TILE_INPUTS  inputs k that share one pass over a panel of dy
 * A tile keeps its outputs in registers while it walks along the chain. Pure. */
#ifndef KITH_TRAINING_EXACT_PRODUCTS_H
#define KITH_TRAINING_EXACT_PRODUCTS_H

#include "training/gemm.h"
#include "training/lanes.h"

enum { TILE_MAX = 16 };

/* acc[i] += a[i * a_stride] b, for `height` rows of one panel. */
LANES_INLINE void tile_link(uint32_t height, const float *a, const float *b,
                            lanes acc[TILE_MAX][LANE_VECTORS], size_t a_stride)
{
    lanes wide[LANE_VECTORS];
    EACH(v, LANE_VECTORS)
    wide[v] = lanes_load(b + v * LANES);
    EACH(i, height)
    {
        lanes one = lanes_all(a[i * a_stride]);
        EACH(v, LANE_VECTORS)
        acc[i][v] = lanes_fma(one, wide[v], acc[i][v]);
    }
}

/* The chains of `height` rows of a over `count` links: a in panels a_panel floats apart, b one
 * panel. */
LANES_INLINE void tile_rows(uint32_t height, const float *a, size_t a_panel, const float *b,
                            uint32_t count, lanes acc[TILE_MAX][LANE_VECTORS])
{
    for (; count >= KITH_PANEL; count -= KITH_PANEL) {
        for (uint32_t k = 0; k < KITH_PANEL; k++)
            tile_link(height, a + k, b + (size_t)k * KITH_PANEL, acc, KITH_PANEL);
        a += a_panel;
        b += KITH_PANEL * KITH_PANEL;
    }
    for (uint32_t k = 0; k < count; k++)
        tile_link(height, a + k, b + (size_t)k * KITH_PANEL, acc, KITH_PANEL);
}

/* Rows [row, row + height) of one panel of y = act(x w + b). */
LANES_INLINE void forward_tile(uint32_t height, const struct kith_gemm_forward *task,
                               uint32_t panel, uint32_t row)
{
    lanes acc[TILE_MAX][LANE_VECTORS];
    const float *bias = task->bias + (size_t)panel * KITH_PANEL;
    EACH(i, height)
    EACH(v, LANE_VECTORS)
    acc[i][v] = lanes_load(bias + v * LANES);
    tile_rows(height, kith_matrix_lane(&task->x, 0, row), task->x.panel_stride,
              kith_matrix_lane(&task->w, panel, 0), task->w.rows, acc);
    float *y = kith_matrix_lane(&task->y, panel, row);
    bool relu = task->relu;
    EACH(i, height)
    EACH(v, LANE_VECTORS)
    {
        lanes t = acc[i][v];
        if (relu) t = lanes_where((lanes_bits)(t > (lanes){0}), t);
        lanes_store(y + i * KITH_PANEL + v * LANES, t);
    }
}

/* Rows [row, row + height) of one panel of dx = dy w^T where x > 0; `w` is that panel of w^T. */
LANES_INLINE void backward_tile(uint32_t height, const struct kith_gemm_backward *task,
                                const float *w, uint32_t panel, uint32_t row)
{
    lanes acc[TILE_MAX][LANE_VECTORS];
    EACH(i, height)
    EACH(v, LANE_VECTORS)
    acc[i][v] = (lanes){0};
    tile_rows(height, kith_matrix_lane(&task->dy, 0, row), task->dy.panel_stride, w,
              task->w.columns, acc);
    const float *x = kith_matrix_lane(&task->x, panel, row);
    float *dx = kith_matrix_lane(&task->dx, panel, row);
    EACH(i, height)
    EACH(v, LANE_VECTORS)
    {
        lanes positive = lanes_load(x + i * KITH_PANEL + v * LANES);
        lanes_bits mask = (lanes_bits)(positive > (lanes){0});
        lanes_store(dx + i * KITH_PANEL + v * LANES, lanes_where(mask, acc[i][v]));
    }
}

/* One move of weights and momentum along the gradient g. */
LANES_INLINE void move(const struct kith_gemm_update *task, lanes g, float *v, float *w)
{
    lanes direction = lanes_fma(lanes_all(task->momentum), lanes_load(v), g);
    if (!task->quasi_global) lanes_store(v, direction);
    lanes_store(w, lanes_fma(lanes_all(-task->rate), direction, lanes_load(w)));
}

LANES_INLINE void fetch_lines(const float *at, uint32_t lines)
{
    EACH(i, lines)
    __builtin_prefetch(at + i * KITH_PANEL, 1);
}

/* Inputs [k, k + height) of one panel: g = x^T dy, and at once the move along it. */
LANES_INLINE void update_tile(uint32_t height, const struct kith_gemm_update *task, uint32_t panel,
                              uint32_t k)
{
    lanes acc[TILE_MAX][LANE_VECTORS];
    const float *x = kith_matrix_lane(&task->x, k / KITH_PANEL, 0) + k % KITH_PANEL;
    const float *dy = kith_matrix_lane(&task->dy, panel, 0);
    float *w = kith_matrix_lane(&task->w, panel, k), *v = kith_matrix_lane(&task->v, panel, k);
    /* The next tile's, so that they arrive while this one computes. */
    fetch_lines(w + height * KITH_PANEL, TILE_INPUTS);
    fetch_lines(v + height * KITH_PANEL, TILE_INPUTS);
    EACH(i, height)
    EACH(j, LANE_VECTORS)
    acc[i][j] = (lanes){0};
    for (uint32_t rows = task->x.rows; rows > 0; rows--) {
        tile_link(height, x, dy, acc, 1);
        x += KITH_PANEL;
        dy += KITH_PANEL;
    }
    EACH(i, height)
    EACH(j, LANE_VECTORS)
    move(task, acc[i][j], v + i * KITH_PANEL + j * LANES, w + i * KITH_PANEL + j * LANES);
}

/* A switch with one case for each height a tile may have, which is then a constant in it. */
#define HEIGHTS(X)                                                                                 \
    X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)

static inline void forward_rows(const struct kith_gemm_forward *task, uint32_t panel, uint32_t row,
                                uint32_t height)
{
    switch (height) {
#define X(n)                                                                                       \
    case n:                                                                                        \
        if (n <= TILE_ROWS) forward_tile(n, task, panel, row);                                     \
        break;
        HEIGHTS(X)
#undef X
    }
}

static inline void backward_rows(const struct kith_gemm_backward *task, const float *w,
                                 uint32_t panel, uint32_t row, uint32_t height)
{
    switch (height) {
#define X(n)                                                                                       \
    case n:                                                                                        \
        if (n <= TILE_ROWS) backward_tile(n, task, w, panel, row);                                 \
        break;
        HEIGHTS(X)
#undef X
    }
}

static inline void update_inputs(const struct kith_gemm_update *task, uint32_t panel, uint32_t k,
                                 uint32_t height)
{
    switch (height) {
#define X(n)                                                                                       \
    case n:                                                                                        \
        if (n <= TILE_INPUTS) update_tile(n, task, panel, k);                                      \
        break;
        HEIGHTS(X)
#undef X
    }
}

/* `total` cut into the fewest tiles of at most `most`, their heights equal or one apart, so that no
 * tile is too low to hide the latency of its chains: the height of the next tile. */
static inline uint32_t tile_height(uint32_t total, uint32_t most)
{
    uint32_t tiles = (total + most - 1) / most;
    return (total + tiles - 1) / tiles;
}

/* Which panels and rows a part computes: whole panels if there are enough for all parts. */
static inline void split(uint32_t panels, uint32_t rows, struct kith_part part,
                         struct kith_range *ret_panels, struct kith_range *ret_rows)
{
    const struct kith_part all = {.index = 0, .count = 1};
    bool by_panel = panels >= 4 * part.count;
    *ret_panels = kith_part_share(panels, by_panel ? part : all);
    *ret_rows = kith_part_share(rows, by_panel ? all : part);
}

static void exact_forward(const struct kith_gemm_forward *task, struct kith_part part)
{
    struct kith_range panels, rows;
    split(kith_panels_of(task->w.columns), task->x.rows, part, &panels, &rows);
    for (uint32_t p = panels.first; p < panels.last; p++)
        for (uint32_t r = rows.first; r < rows.last;) {
            uint32_t height = tile_height(rows.last - r, TILE_ROWS);
            forward_rows(task, p, r, height);
            r += height;
        }
}

/* Up to 16 rows of a panel of w to up to 16 rows of a panel of its transpose, zeros past the rows
 * there are. */
static inline void transpose_block(const float *from, uint32_t rows, float *to, uint32_t columns)
{
    if (rows == KITH_PANEL && columns == KITH_PANEL) {
        for (uint32_t i = 0; i < KITH_PANEL; i += 4)
            for (uint32_t j = 0; j < KITH_PANEL; j += 4)
                transpose_four(from + i * KITH_PANEL + j, KITH_PANEL, to + j * KITH_PANEL + i,
                               KITH_PANEL);
        return;
    }
    for (uint32_t j = 0; j < columns; j++)
        for (uint32_t i = 0; i < KITH_PANEL; i++)
            to[j * KITH_PANEL + i] = i < rows ? from[i * KITH_PANEL + j] : 0;
}

static inline uint32_t at_most_panel(uint32_t left)
{
    return left < KITH_PANEL ? left : KITH_PANEL;
}

/* w as panels of its transpose: [K / 16][N][16]. */
static void exact_transpose(const struct kith_gemm_backward *task, struct kith_part part)
{
    const struct kith_matrix *w = &task->w;
    struct kith_range panels = kith_part_share(kith_panels_of(w->rows), part);
    for (uint32_t p = panels.first; p < panels.last; p++) {
        uint32_t k = p * KITH_PANEL, rows = at_most_panel(w->rows - k);
        float *to = task->transposed + (size_t)p * w->columns * KITH_PANEL;
        for (uint32_t n = 0; n < w->columns; n += KITH_PANEL)
            transpose_block(kith_matrix_lane(w, n / KITH_PANEL, k), rows,
                            to + (size_t)n * KITH_PANEL, at_most_panel(w->columns - n));
    }
}

static void exact_backward(const struct kith_gemm_backward *task, struct kith_part part)
{
    struct kith_range panels, rows;
    split(kith_panels_of(task->w.rows), task->x.rows, part, &panels, &rows);
    size_t panel_floats = (size_t)task->w.columns * KITH_PANEL;
    for (uint32_t p = panels.first; p < panels.last; p++)
        for (uint32_t r = rows.first; r < rows.last;) {
            uint32_t height = tile_height(rows.last - r, TILE_ROWS);
            backward_rows(task, task->transposed + p * panel_floats, p, r, height);
            r += height;
        }
}

static void bias_update(const struct kith_gemm_update *task, uint32_t panel)
{
    const float *dy = kith_matrix_lane(&task->dy, panel, 0);
    size_t at = (size_t)panel * KITH_PANEL;
    lanes g[LANE_VECTORS] = {{0}};
    for (uint32_t r = 0; r < task->dy.rows; r++)
        for (uint32_t v = 0; v < LANE_VECTORS; v++)
            g[v] += lanes_load(dy + (size_t)r * KITH_PANEL + v * LANES);
    for (uint32_t v = 0; v < LANE_VECTORS; v++)
        move(task, g[v], task->bias_v + at + v * LANES, task->bias + at + v * LANES);
}

/* Where the asking for images stands. */
struct fetcher {
    const struct kith_fetch *fetch;
    uint32_t image;      /* the next one */
    uint32_t image_last; /* where the part ends */
    const uint8_t *line; /* of the present image */
    uint32_t lines;      /* left of it */
    uint32_t lines_each; /* to ask for beside one panel of inputs */
};

enum { LINE_BYTES = 64 };

/* The part of the images for `pairs` of panels, spread over them. */
static inline struct fetcher fetcher_of(const struct kith_fetch *fetch, uint32_t pairs,
                                        struct kith_part part)
{
    struct kith_range images = kith_part_share(fetch->count, part);
    uint32_t lines = (images.last - images.first) * (fetch->bytes / LINE_BYTES + 2);
    return (struct fetcher){
        .fetch = fetch,
        .image = images.first,
        .image_last = images.last,
        .lines_each = pairs ? lines / pairs + 1 : 0,
    };
}

static inline void fetch_some(struct fetcher *at)
{
    const struct kith_fetch *fetch = at->fetch;
    for (uint32_t i = 0; i < at->lines_each; i++) {
        if (at->lines == 0) {
            if (at->image == at->image_last) return;
            at->line = fetch->images + (size_t)fetch->indices[at->image++] * fetch->bytes;
            /* One more than fill it, as it may begin within a line. */
            at->lines = fetch->bytes / LINE_BYTES + 2;
        }
        __builtin_prefetch(at->line, 0, 2);
        at->line += LINE_BYTES;
        at->lines--;
    }
}

/* One panel of outputs and the inputs of whole panels of x. */
static void panel_update(const struct kith_gemm_update *task, uint32_t panel,
                         struct kith_range inputs, struct fetcher *fetcher)
{
    for (uint32_t p = inputs.first; p < inputs.last; p++) {
        uint32_t k = p * KITH_PANEL, last = k + KITH_PANEL;
        if (last > task->w.rows) last = task->w.rows;
        fetch_some(fetcher);
        while (k < last) {
            uint32_t height = tile_height(last - k, TILE_INPUTS);
            update_inputs(task, panel, k, height);
            k += height;
        }
    }
}

static void exact_update(const struct kith_gemm_update *task, struct kith_part part)
{
    struct kith_range panels, inputs;
    split(kith_panels_of(task->w.columns), kith_panels_of(task->w.rows), part, &panels, &inputs);
    uint32_t pairs = (panels.last - panels.first) * (inputs.last - inputs.first);
    struct fetcher fetcher = fetcher_of(&task->fetch, pairs, part);
    for (uint32_t p = panels.first; p < panels.last; p++) {
        panel_update(task, p, inputs, &fetcher);
        if (inputs.first == 0 && inputs.last > 0) bias_update(task, p);
    }
}

#endif
