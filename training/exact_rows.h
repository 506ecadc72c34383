/* training/exact_rows.h: the exact row kernels of kernels.h in terms of lanes, included by one
 * translation unit for each instruction set. Sixteen rows are turned around at a time, so that a
 * lane is a row and every sum over classes is a plain ascending loop. Pure. */
#ifndef KITH_TRAINING_EXACT_ROWS_H
#define KITH_TRAINING_EXACT_ROWS_H

#include <string.h>

#include "training/kernels.h"
#include "training/lanes.h"

enum { FETCH_AHEAD = 4, GATHER_ROWS = 4 };

/* 1 / 255 as a sum: fma(p, high, p low) is p / 255 correctly rounded for p = 0 to 255. */
static const float pixel_high = 0x1.010102p-8f, pixel_low = -0x1.fdfdfep-33f;

/* Sixteen rows turned around: [class][row]. */
struct turned {
    float at[KITH_CLASSES_MAX][KITH_PANEL];
};

LANES_INLINE void pixels_convert(const uint8_t *pixels, float *x)
{
    EACH(v, LANE_VECTORS)
    {
        lanes p = lanes_of_bytes(pixels + v * LANES);
        lanes low = p * lanes_all(pixel_low);
        lanes_store(x + v * LANES, lanes_fma(p, lanes_all(pixel_high), low));
    }
}

/* Whole panels of `count` images to rows [row, row + count), panel by panel: where the layout is
 * panels, the rows of one lie side by side and its neighbours far away. */
LANES_INLINE void images_convert(const uint8_t *const *images, uint32_t count,
                                 const struct kith_matrix *x, uint32_t row)
{
    float *to = kith_matrix_lane(x, 0, row);
    for (uint32_t c = 0; c + KITH_PANEL <= x->columns; c += KITH_PANEL) {
        EACH(i, count)
        pixels_convert(images[i] + c, to + i * x->row_stride);
        to += x->panel_stride;
    }
}

/* The columns past the last whole panel, and zeros in the padding. */
static inline void image_end(const uint8_t *image, const struct kith_matrix *x, uint32_t row)
{
    uint32_t left = x->columns % KITH_PANEL;
    if (left == 0) return;
    uint8_t last[KITH_PANEL] = {0};
    memcpy(last, image + x->columns - left, left);
    pixels_convert(last, kith_matrix_lane(x, x->columns / KITH_PANEL, row));
}

static inline void image_fetch(const uint8_t *image, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(image + i);
}

static void exact_gather(const struct kith_gather *task, struct kith_part part)
{
    const struct kith_rows *rows = &task->rows;
    uint32_t bytes = task->x.columns;
    struct kith_range range = kith_part_share(rows->count, part);
    for (uint32_t r = range.first, count; r < range.last; r += count) {
        count = range.last - r < GATHER_ROWS ? 1 : GATHER_ROWS;
        const uint8_t *images[GATHER_ROWS];
        for (uint32_t i = 0; i < count; i++) {
            images[i] = rows->images + (size_t)rows->indices[r + i] * bytes;
            /* Images lie anywhere in memory: ask for a later one while this one is converted. */
            uint32_t later = r + i + FETCH_AHEAD;
            if (later < range.last)
                image_fetch(rows->images + (size_t)rows->indices[later] * bytes, bytes);
            image_end(images[i], &task->x, task->first + r + i);
        }
        if (count == GATHER_ROWS)
            images_convert(images, GATHER_ROWS, &task->x, task->first + r);
        else
            images_convert(images, 1, &task->x, task->first + r);
    }
}

/* Rows [row, row + count) of a matrix into lanes [0, count). */
static inline void turn_in(const struct kith_matrix *z, uint32_t row, uint32_t count,
                           struct turned *ret)
{
    for (uint32_t c = 0; c < z->columns; c += KITH_PANEL) {
        const float *from = kith_matrix_lane(z, c / KITH_PANEL, row);
        for (uint32_t i = 0; i + 4 <= count; i += 4)
            for (uint32_t j = 0; j < KITH_PANEL; j += 4)
                transpose_four(from + i * z->row_stride + j, z->row_stride, &ret->at[c + j][i],
                               KITH_PANEL);
        for (uint32_t i = count & ~3u; i < count; i++)
            for (uint32_t j = 0; j < KITH_PANEL; j++)
                ret->at[c + j][i] = from[i * z->row_stride + j];
    }
}

/* Back, with zeros in the padding. */
static inline void turn_out(struct turned *t, uint32_t row, uint32_t count,
                            const struct kith_matrix *d)
{
    for (uint32_t c = d->columns; c % KITH_PANEL != 0; c++)
        for (uint32_t i = 0; i < KITH_PANEL; i++)
            t->at[c][i] = 0;
    for (uint32_t c = 0; c < d->columns; c += KITH_PANEL) {
        float *to = kith_matrix_lane(d, c / KITH_PANEL, row);
        for (uint32_t i = 0; i + 4 <= count; i += 4)
            for (uint32_t j = 0; j < KITH_PANEL; j += 4)
                transpose_four(&t->at[c + j][i], KITH_PANEL, to + i * d->row_stride + j,
                               d->row_stride);
        for (uint32_t i = count & ~3u; i < count; i++)
            for (uint32_t j = 0; j < KITH_PANEL; j++)
                to[i * d->row_stride + j] = t->at[c + j][i];
    }
}

/* LANES rows of s, from lane `lane`: s becomes softmax(s); returns log_sum. */
LANES_INLINE lanes softmax_lanes(struct turned *s, uint32_t classes, uint32_t lane)
{
    lanes max = lanes_load(&s->at[0][lane]), sum = {0};
    for (uint32_t c = 1; c < classes; c++) {
        lanes x = lanes_load(&s->at[c][lane]);
        max = lanes_choose((lanes_bits)(x > max), x, max);
    }
    for (uint32_t c = 0; c < classes; c++) {
        lanes e = lanes_exp(lanes_load(&s->at[c][lane]) - max);
        lanes_store(&s->at[c][lane], e);
        sum += e;
    }
    lanes inverse = lanes_all(1.0f) / sum;
    for (uint32_t c = 0; c < classes; c++)
        lanes_store(&s->at[c][lane], lanes_load(&s->at[c][lane]) * inverse);
    return max + lanes_log(sum);
}

/* Sixteen rows: s = z inverse_temperature, p = softmax(s), log_sum. Lanes past `count` hold the
 * softmax of zeros. */
struct block {
    uint32_t row;
    uint32_t count;
    struct turned s;
    struct turned p;
    float log_sum[KITH_PANEL];
};

static inline void block_softmax(const struct kith_softmax *task, uint32_t row, uint32_t left,
                                 struct block *block)
{
    uint32_t classes = task->z.columns;
    block->row = row;
    block->count = left < KITH_PANEL ? left : KITH_PANEL;
    if (block->count < KITH_PANEL) memset(&block->s, 0, classes * sizeof *block->s.at);
    turn_in(&task->z, row, block->count, &block->s);
    lanes scale = lanes_all(task->inverse_temperature);
    for (uint32_t i = 0; i < KITH_PANEL; i += LANES) {
        for (uint32_t c = 0; c < classes; c++) {
            lanes s = lanes_load(&block->s.at[c][i]) * scale;
            lanes_store(&block->s.at[c][i], s);
            lanes_store(&block->p.at[c][i], s);
        }
        lanes_store(&block->log_sum[i], softmax_lanes(&block->p, classes, i));
    }
}

/* d = p scale, where p already holds the differences. */
static inline void block_gradient(const struct kith_softmax *task, struct block *block)
{
    lanes scale = lanes_all(task->scale);
    for (uint32_t c = 0; c < task->z.columns; c++)
        for (uint32_t i = 0; i < KITH_PANEL; i += LANES)
            lanes_store(&block->p.at[c][i], lanes_load(&block->p.at[c][i]) * scale);
    turn_out(&block->p, block->row, block->count, &task->d);
}

static void exact_cross_entropy(const struct kith_softmax *task, struct kith_part part)
{
    struct kith_range range = kith_part_share(task->last - task->first, part);
    for (uint32_t r = range.first; r < range.last; r += KITH_PANEL) {
        struct block block;
        block_softmax(task, task->first + r, range.last - r, &block);
        for (uint32_t i = 0; i < block.count; i++) {
            uint8_t label = task->labels[task->indices[r + i]];
            task->loss[block.row + i] = block.log_sum[i] - block.s.at[label][i];
            block.p.at[label][i] -= 1.0f;
        }
        block_gradient(task, &block);
    }
}

/* LANES rows of the sum of t (ln t - (s - log_sum)), and p becomes p - t. */
LANES_INLINE lanes divergence_lanes(struct block *block, const struct turned *targets,
                                    uint32_t classes, uint32_t lane)
{
    lanes log_sum = lanes_load(&block->log_sum[lane]), sum = {0};
    for (uint32_t c = 0; c < classes; c++) {
        lanes t = lanes_load(&targets->at[c][lane]);
        lanes difference = lanes_log(t) - (lanes_load(&block->s.at[c][lane]) - log_sum);
        lanes_bits counts = (lanes_bits)(t >= lanes_all(0x1p-126f));
        sum = lanes_choose(counts, lanes_fma(t, difference, sum), sum);
        lanes_store(&block->p.at[c][lane], lanes_load(&block->p.at[c][lane]) - t);
    }
    return sum;
}

static void exact_distillation(const struct kith_softmax *task, struct kith_part part)
{
    uint32_t classes = task->z.columns;
    struct kith_range range = kith_part_share(task->last - task->first, part);
    for (uint32_t r = range.first; r < range.last; r += KITH_PANEL) {
        struct block block;
        struct turned targets;
        block_softmax(task, task->first + r, range.last - r, &block);
        const float *from = task->targets + (size_t)r * classes;
        for (uint32_t c = 0; c < classes; c++)
            for (uint32_t i = 0; i < KITH_PANEL; i++)
                targets.at[c][i] = i < block.count ? from[i * classes + c] : 0;
        float kl[KITH_PANEL];
        for (uint32_t i = 0; i < KITH_PANEL; i += LANES)
            lanes_store(&kl[i], divergence_lanes(&block, &targets, classes, i));
        memcpy(task->loss + block.row, kl, block.count * sizeof *kl);
        block_gradient(task, &block);
    }
}

static void exact_probabilities(const struct kith_softmax *task, struct kith_part part)
{
    uint32_t classes = task->z.columns;
    struct kith_range range = kith_part_share(task->last - task->first, part);
    for (uint32_t r = range.first; r < range.last; r += KITH_PANEL) {
        struct block block;
        block_softmax(task, task->first + r, range.last - r, &block);
        float *to = task->probabilities + (size_t)r * classes;
        for (uint32_t i = 0; i < block.count; i++)
            for (uint32_t c = 0; c < classes; c++)
                to[i * classes + c] = block.p.at[c][i];
    }
}

/* What keeps Adam from dividing by 0. */
static const float adam_epsilon = 1e-8f;

static void exact_adam(const struct kith_adam *task, struct kith_part part)
{
    lanes rest1 = lanes_all(task->rest1), rest2 = lanes_all(task->rest2);
    struct kith_range range = kith_part_share((uint32_t)(task->count / KITH_PANEL), part);
    for (size_t i = (size_t)range.first * KITH_PANEL; i < (size_t)range.last * KITH_PANEL;
         i += LANES) {
        lanes g = lanes_load(task->g + i), m = lanes_load(task->m + i);
        lanes v = lanes_load(task->v + i);
        m = lanes_fma(rest1, g - m, m);
        v = lanes_fma(rest2, g * g - v, v);
        lanes size = lanes_sqrt(v * lanes_all(task->unbias2)) + lanes_all(adam_epsilon);
        lanes direction = m * lanes_all(task->unbias1) / size;
        lanes_store(task->m + i, m);
        lanes_store(task->v + i, v);
        lanes_store(task->x + i,
                    lanes_fma(lanes_all(-task->rate), direction, lanes_load(task->x + i)));
    }
}

static void exact_descend(const struct kith_descent *task, struct kith_part part)
{
    lanes momentum = lanes_all(task->momentum), rate = lanes_all(-task->rate);
    struct kith_range range = kith_part_share((uint32_t)(task->count / KITH_PANEL), part);
    for (size_t i = (size_t)range.first * KITH_PANEL; i < (size_t)range.last * KITH_PANEL;
         i += LANES) {
        lanes direction = lanes_fma(momentum, lanes_load(task->v + i), lanes_load(task->g + i));
        if (task->move == KITH_MOVE_SGD) lanes_store(task->v + i, direction);
        lanes_store(task->x + i, lanes_fma(rate, direction, lanes_load(task->x + i)));
    }
}

#endif
