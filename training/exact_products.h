/* training/exact_products.h: the exact kernels of gemm.h in terms of lanes, included by one
 * translation unit for each instruction set. Which defines, before:
 *   TILE_ROWS    rows of x that share one pass over a panel of w
 *   TILE_INPUTS  inputs k that share one pass over a panel of dy
 *   TILE_PANELS  panels of outputs side by side in a wide tile, of at most TILE_ROWS rows or
 * inputs: one broadcast then serves them all, where loads are scarcer than registers A tile keeps
 * its outputs in registers while it walks along the chain. Pure. */
#ifndef KITH_TRAINING_EXACT_PRODUCTS_H
#define KITH_TRAINING_EXACT_PRODUCTS_H

#include "training/gemm.h"
#include "training/lanes.h"

enum { TILE_MAX = 16, TILE_VECTORS = TILE_PANELS * LANE_VECTORS };

/* A tile's outputs: height rows by width panels, vector v of panel p in [p * LANE_VECTORS + v]. */
struct tile {
    uint32_t height; /* a constant where it is used, like the width */
    uint32_t width;
};

/* Where vector v of a row of panels lies, which are panel_stride floats apart. */
LANES_INLINE size_t vector_at(uint32_t v, size_t panel_stride)
{
    return v / LANE_VECTORS * panel_stride + (size_t)(v % LANE_VECTORS) * LANES;
}

/* acc[i] += a[i * a_stride] b, for the rows i of a tile. */
LANES_INLINE void tile_link(struct tile tile, const float *a, size_t a_stride, const float *b,
                            size_t b_panel, lanes acc[TILE_MAX][TILE_VECTORS])
{
    lanes wide[TILE_VECTORS];
    EACH(v, tile.width * LANE_VECTORS)
    wide[v] = lanes_load(b + vector_at(v, b_panel));
    EACH(i, tile.height)
    {
        lanes one = lanes_all(a[i * a_stride]);
        EACH(v, tile.width * LANE_VECTORS)
        acc[i][v] = lanes_fma(one, wide[v], acc[i][v]);
    }
}

/* The chains of a tile's rows over `count` links: a and b in panels so many floats apart. */
LANES_INLINE void tile_rows(struct tile tile, const float *a, size_t a_panel, const float *b,
                            size_t b_panel, uint32_t count, lanes acc[TILE_MAX][TILE_VECTORS])
{
    for (; count >= KITH_PANEL; count -= KITH_PANEL) {
        for (uint32_t k = 0; k < KITH_PANEL; k++)
            tile_link(tile, a + k, KITH_PANEL, b + (size_t)k * KITH_PANEL, b_panel, acc);
        a += a_panel;
        b += KITH_PANEL * KITH_PANEL;
    }
    for (uint32_t k = 0; k < count; k++)
        tile_link(tile, a + k, KITH_PANEL, b + (size_t)k * KITH_PANEL, b_panel, acc);
}

/* One tile of y = act(x w + b), from row `row` of panel `panel`. */
LANES_INLINE void forward_tile(struct tile tile, const struct kith_gemm_forward *task,
                               uint32_t panel, uint32_t row)
{
    lanes acc[TILE_MAX][TILE_VECTORS];
    const float *bias = task->bias + (size_t)panel * KITH_PANEL;
    EACH(i, tile.height)
    EACH(v, tile.width * LANE_VECTORS)
    acc[i][v] = lanes_load(bias + v * LANES);
    tile_rows(tile, kith_matrix_lane(&task->x, 0, row), task->x.panel_stride,
              kith_matrix_lane(&task->w, panel, 0), task->w.panel_stride, task->w.rows, acc);
    float *y = kith_matrix_lane(&task->y, panel, row);
    bool relu = task->relu;
    EACH(i, tile.height)
    EACH(v, tile.width * LANE_VECTORS)
    {
        lanes t = acc[i][v];
        if (relu) t = lanes_where((lanes_bits)(t > (lanes){0}), t);
        lanes_store(y + i * KITH_PANEL + vector_at(v, task->y.panel_stride), t);
    }
}

/* One tile of dx = dy w^T where x > 0, from row `row` of panel `panel`. */
LANES_INLINE void backward_tile(struct tile tile, const struct kith_gemm_backward *task,
                                uint32_t panel, uint32_t row)
{
    lanes acc[TILE_MAX][TILE_VECTORS];
    EACH(i, tile.height)
    EACH(v, tile.width * LANE_VECTORS)
    acc[i][v] = (lanes){0};
    size_t w_panel = (size_t)task->w.columns * KITH_PANEL;
    tile_rows(tile, kith_matrix_lane(&task->dy, 0, row), task->dy.panel_stride,
              task->transposed + panel * w_panel, w_panel, task->w.columns, acc);
    const float *x = kith_matrix_lane(&task->x, panel, row);
    float *dx = kith_matrix_lane(&task->dx, panel, row);
    EACH(i, tile.height)
    EACH(v, tile.width * LANE_VECTORS)
    {
        lanes positive = lanes_load(x + i * KITH_PANEL + vector_at(v, task->x.panel_stride));
        lanes_bits mask = (lanes_bits)(positive > (lanes){0});
        lanes_store(dx + i * KITH_PANEL + vector_at(v, task->dx.panel_stride),
                    lanes_where(mask, acc[i][v]));
    }
}

/* One move of weights and momentum along the gradient g. */
LANES_INLINE void move(const struct kith_gemm_update *task, lanes g, float *v, float *w)
{
    if (task->move == KITH_MOVE_SUM) {
        lanes_store(v, lanes_load(v) + g);
        return;
    }
    lanes direction = lanes_fma(lanes_all(task->momentum), lanes_load(v), g);
    if (task->move == KITH_MOVE_SGD) lanes_store(v, direction);
    lanes_store(w, lanes_fma(lanes_all(-task->rate), direction, lanes_load(w)));
}

LANES_INLINE void fetch_lines(const float *at, uint32_t lines)
{
    EACH(i, lines)
    __builtin_prefetch(at + i * KITH_PANEL, 1);
}

/* One tile of g = x^T dy, from input k of panel `panel`, and at once the move along it. */
LANES_INLINE void update_tile(struct tile tile, const struct kith_gemm_update *task, uint32_t panel,
                              uint32_t k)
{
    lanes acc[TILE_MAX][TILE_VECTORS];
    const float *x = kith_matrix_lane(&task->x, k / KITH_PANEL, 0) + k % KITH_PANEL;
    const float *dy = kith_matrix_lane(&task->dy, panel, 0);
    float *w = kith_matrix_lane(&task->w, panel, k), *v = kith_matrix_lane(&task->v, panel, k);
    /* The next tile's, so that they arrive while this one computes. */
    EACH(p, tile.width)
    {
        size_t next = tile.height * KITH_PANEL;
        fetch_lines(w + next + p * task->w.panel_stride, tile.height);
        fetch_lines(v + next + p * task->v.panel_stride, tile.height);
    }
    EACH(i, tile.height)
    EACH(j, tile.width * LANE_VECTORS)
    acc[i][j] = (lanes){0};
    for (uint32_t rows = task->x.rows; rows > 0; rows--) {
        tile_link(tile, x, 1, dy, task->dy.panel_stride, acc);
        x += KITH_PANEL;
        dy += KITH_PANEL;
    }
    EACH(i, tile.height)
    EACH(j, tile.width * LANE_VECTORS)
    move(task, acc[i][j], v + i * KITH_PANEL + vector_at(j, task->v.panel_stride),
         w + i * KITH_PANEL + vector_at(j, task->w.panel_stride));
}

/* A switch with one case for each height and width a tile may have, which are then constants in
 * it: `tile_call` narrow or wide. */
#define HEIGHTS(X)                                                                                 \
    X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)
#define TILE_CASE(n, narrow_max, tile_call)                                                        \
    case n:                                                                                        \
        if (n <= (narrow_max)) tile_call(((struct tile){n, 1}), task, panel, at);                  \
        break;                                                                                     \
    case TILE_MAX + n:                                                                             \
        if (TILE_PANELS > 1 && n <= TILE_ROWS)                                                     \
            tile_call(((struct tile){n, TILE_PANELS}), task, panel, at);                           \
        break;

static inline uint32_t tile_case(struct tile tile)
{
    return tile.height + (tile.width > 1 ? TILE_MAX : 0);
}

static inline void forward_any(struct tile tile, const struct kith_gemm_forward *task,
                               uint32_t panel, uint32_t at)
{
    switch (tile_case(tile)) {
#define X(n) TILE_CASE(n, TILE_ROWS, forward_tile)
        HEIGHTS(X)
#undef X
    }
}

static inline void backward_any(struct tile tile, const struct kith_gemm_backward *task,
                                uint32_t panel, uint32_t at)
{
    switch (tile_case(tile)) {
#define X(n) TILE_CASE(n, TILE_ROWS, backward_tile)
        HEIGHTS(X)
#undef X
    }
}

static inline void update_any(struct tile tile, const struct kith_gemm_update *task, uint32_t panel,
                              uint32_t at)
{
    switch (tile_case(tile)) {
#define X(n) TILE_CASE(n, TILE_INPUTS, update_tile)
        HEIGHTS(X)
#undef X
    }
}

/* A wide tile where there are panels enough for one. */
static inline uint32_t tile_width(uint32_t panels)
{
    return panels >= TILE_PANELS ? TILE_PANELS : 1;
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
    struct tile tile;
    for (uint32_t p = panels.first; p < panels.last; p += tile.width) {
        tile.width = tile_width(panels.last - p);
        for (uint32_t r = rows.first; r < rows.last; r += tile.height) {
            tile.height = tile_height(rows.last - r, TILE_ROWS);
            forward_any(tile, task, p, r);
        }
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
    struct tile tile;
    for (uint32_t p = panels.first; p < panels.last; p += tile.width) {
        tile.width = tile_width(panels.last - p);
        for (uint32_t r = rows.first; r < rows.last; r += tile.height) {
            tile.height = tile_height(rows.last - r, TILE_ROWS);
            backward_any(tile, task, p, r);
        }
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

/* `width` panels of outputs and the inputs of whole panels of x. */
static void panels_update(const struct kith_gemm_update *task, uint32_t panel, uint32_t width,
                          struct kith_range inputs, struct fetcher *fetcher)
{
    struct tile tile = {.width = width};
    uint32_t most = width > 1 ? TILE_ROWS : TILE_INPUTS;
    for (uint32_t p = inputs.first; p < inputs.last; p++) {
        uint32_t first = p * KITH_PANEL, last = first + KITH_PANEL;
        if (last > task->w.rows) last = task->w.rows;
        for (uint32_t i = 0; i < width; i++)
            fetch_some(fetcher);
        for (uint32_t k = first; k < last; k += tile.height) {
            tile.height = tile_height(last - k, most);
            update_any(tile, task, panel, k);
        }
    }
}

static void exact_update(const struct kith_gemm_update *task, struct kith_part part)
{
    struct kith_range panels, inputs;
    split(kith_panels_of(task->w.columns), kith_panels_of(task->w.rows), part, &panels, &inputs);
    uint32_t pairs = (panels.last - panels.first) * (inputs.last - inputs.first);
    struct fetcher fetcher = fetcher_of(&task->fetch, pairs, part);
    for (uint32_t p = panels.first; p < panels.last;) {
        uint32_t width = tile_width(panels.last - p);
        panels_update(task, p, width, inputs, &fetcher);
        for (uint32_t last = p + width; p < last; p++)
            if (inputs.first == 0 && inputs.last > 0) bias_update(task, p);
    }
}

#endif
