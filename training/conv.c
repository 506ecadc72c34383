#include "training/conv.h"

#include <string.h>

/* One row of a matrix into a plain array and back, whole panels: the padding comes along. */
static void row_get(const struct kith_matrix *m, uint32_t row, float *ret)
{
    for (uint32_t p = 0; p < kith_panels_of(m->columns); p++)
        memcpy(ret + (size_t)p * KITH_PANEL, kith_matrix_lane(m, p, row), KITH_PANEL * sizeof *ret);
}

static void row_set(const struct kith_matrix *m, uint32_t row, const float *from)
{
    for (uint32_t p = 0; p < kith_panels_of(m->columns); p++)
        memcpy(kith_matrix_lane(m, p, row), from + (size_t)p * KITH_PANEL,
               KITH_PANEL * sizeof *from);
}

static size_t whole_panels(size_t floats)
{
    return floats + -floats % KITH_PANEL;
}

static uint32_t padded_side(const struct kith_conv *conv)
{
    return conv->side + 2 * conv->padding;
}

/* The parts of `line`: an image as it lies in its row, the same with zeros around it, a patch. */
static size_t image_floats(const struct kith_conv *conv)
{
    size_t side = kith_conv_side_out(conv);
    size_t in = whole_panels((size_t)conv->side * conv->side * conv->channels);
    size_t out = whole_panels(side * side * conv->filters);
    return in > out ? in : out;
}

static size_t framed_floats(const struct kith_conv *conv)
{
    return (size_t)padded_side(conv) * padded_side(conv) * conv->channels;
}

static size_t patch_floats(const struct kith_conv *conv)
{
    return whole_panels((size_t)conv->kernel * conv->kernel * conv->channels);
}

size_t kith_conv_line(const struct kith_conv *conv)
{
    return image_floats(conv) + framed_floats(conv) + patch_floats(conv);
}

/* Where row y of the image begins within its frame. */
static float *framed_row(const struct kith_conv *conv, float *framed, uint32_t y)
{
    size_t at = (size_t)(y + conv->padding) * padded_side(conv) + conv->padding;
    return framed + at * conv->channels;
}

/* Where row ky of the patch at (y, x) begins within the frame. */
static float *patch_row(const struct kith_conv *conv, float *framed, uint32_t y, uint32_t x,
                        uint32_t ky)
{
    return framed + ((size_t)(y + ky) * padded_side(conv) + x) * conv->channels;
}

void kith_conv_patches(const struct kith_conv *conv, struct kith_conv_span span,
                       const struct kith_matrix *x, const struct kith_matrix *patches, float *line)
{
    float *image = line, *framed = image + image_floats(conv);
    float *patch = framed + framed_floats(conv);
    uint32_t side = kith_conv_side(conv), row = 0;
    size_t run = (size_t)conv->kernel * conv->channels,
           across = (size_t)conv->side * conv->channels;
    memset(framed, 0, (framed_floats(conv) + patch_floats(conv)) * sizeof *line);
    for (uint32_t i = 0; i < span.count; i++) {
        row_get(x, span.first + i, image);
        for (uint32_t y = 0; y < conv->side; y++)
            memcpy(framed_row(conv, framed, y), image + y * across, across * sizeof *line);
        for (uint32_t at = 0; at < side * side; at++) {
            for (uint32_t ky = 0; ky < conv->kernel; ky++)
                memcpy(patch + ky * run, patch_row(conv, framed, at / side, at % side, ky),
                       run * sizeof *line);
            row_set(patches, row++, patch);
        }
    }
}

/* The maximum of four neighbours in one panel of the maps, `columns` of it. */
static void pool_panel(const struct kith_matrix *maps, uint32_t panel, const uint32_t row[4],
                       uint32_t columns, float *to, uint8_t *choice)
{
    const float *lane[4];
    for (int k = 0; k < 4; k++)
        lane[k] = kith_matrix_lane(maps, panel, row[k]);
    for (uint32_t c = 0; c < columns; c++) {
        float best = lane[0][c];
        uint8_t which = 0;
        for (uint8_t k = 1; k < 4; k++) {
            bool is_more = lane[k][c] > best;
            best = is_more ? lane[k][c] : best;
            which = is_more ? k : which;
        }
        to[c] = best;
        choice[c] = which;
    }
}

/* The rows of the maps that enter place (y, x) of image i: one, or four. */
static uint32_t rows_of_place(const struct kith_conv *conv, uint32_t i, uint32_t y, uint32_t x,
                              uint32_t ret[4])
{
    uint32_t side = kith_conv_side(conv), step = conv->pool ? 2 : 1;
    ret[0] = (i * side + y * step) * side + x * step;
    ret[1] = ret[0] + 1;
    ret[2] = ret[0] + side;
    ret[3] = ret[2] + 1;
    return conv->pool ? 4 : 1;
}

void kith_conv_pool(const struct kith_conv *conv, struct kith_conv_span span,
                    const struct kith_matrix *maps, const struct kith_matrix *y, uint8_t *choice,
                    float *line)
{
    uint32_t side = kith_conv_side_out(conv), filters = conv->filters, row[4];
    memset(line, 0, image_floats(conv) * sizeof *line);
    for (uint32_t i = 0; i < span.count; i++) {
        uint8_t *chosen = choice + (size_t)(span.first + i) * y->columns;
        for (uint32_t at = 0; at < side * side; at++) {
            uint32_t rows = rows_of_place(conv, i, at / side, at % side, row);
            for (uint32_t c = 0; c < filters; c += KITH_PANEL) {
                uint32_t left = filters - c < KITH_PANEL ? filters - c : KITH_PANEL;
                size_t to = (size_t)at * filters + c;
                if (rows == 4)
                    pool_panel(maps, c / KITH_PANEL, row, left, line + to, chosen + to);
                else
                    memcpy(line + to, kith_matrix_lane(maps, c / KITH_PANEL, row[0]),
                           left * sizeof *line);
            }
        }
        row_set(y, span.first + i, line);
    }
}

static void clear(const struct kith_matrix *m)
{
    for (uint32_t p = 0; p < kith_panels_of(m->columns); p++)
        for (uint32_t r = 0; r < m->rows; r++)
            memset(kith_matrix_lane(m, p, r), 0, KITH_PANEL * sizeof *m->at);
}

void kith_conv_unpool(const struct kith_conv *conv, struct kith_conv_span span,
                      const struct kith_matrix *dy, const uint8_t *choice,
                      const struct kith_matrix *dmaps, float *line)
{
    uint32_t side = kith_conv_side_out(conv), filters = conv->filters, row[4];
    clear(dmaps);
    for (uint32_t i = 0; i < span.count; i++) {
        const uint8_t *chosen = choice + (size_t)(span.first + i) * dy->columns;
        row_get(dy, span.first + i, line);
        for (uint32_t at = 0; at < side * side; at++) {
            uint32_t rows = rows_of_place(conv, i, at / side, at % side, row);
            for (uint32_t c = 0; c < filters; c++) {
                size_t from = (size_t)at * filters + c;
                uint32_t k = rows == 4 ? chosen[from] : 0;
                *kith_matrix_at(dmaps, row[k], c) = line[from];
            }
        }
    }
}

void kith_conv_gather(const struct kith_conv *conv, struct kith_conv_span span,
                      const struct kith_matrix *dpatches, const struct kith_matrix *dx, float *line)
{
    float *image = line, *framed = image + image_floats(conv);
    float *patch = framed + framed_floats(conv);
    uint32_t side = kith_conv_side(conv), row = 0;
    size_t run = (size_t)conv->kernel * conv->channels,
           across = (size_t)conv->side * conv->channels;
    memset(image, 0, image_floats(conv) * sizeof *line);
    for (uint32_t i = 0; i < span.count; i++) {
        memset(framed, 0, framed_floats(conv) * sizeof *line);
        for (uint32_t at = 0; at < side * side; at++) {
            row_get(dpatches, row++, patch);
            for (uint32_t ky = 0; ky < conv->kernel; ky++) {
                float *to = patch_row(conv, framed, at / side, at % side, ky);
                for (size_t j = 0; j < run; j++)
                    to[j] += patch[ky * run + j];
            }
        }
        for (uint32_t y = 0; y < conv->side; y++)
            memcpy(image + y * across, framed_row(conv, framed, y), across * sizeof *line);
        row_set(dx, span.first + i, image);
    }
}
