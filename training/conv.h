/* training/conv.h: what a convolution needs besides matrix products: patches of what comes in laid
 * out as the rows of a matrix, the pool, and both of them backwards. Only copies, comparisons and
 * sums in one fixed order, so that the bits are the same everywhere. Pure. */
#ifndef KITH_TRAINING_CONV_H
#define KITH_TRAINING_CONV_H

#include "training/arch.h"
#include "training/gemm.h"

/* Images whose patches are laid out at a time; the sums over a batch's patches are made in groups
 * of so many. */
enum { KITH_CONV_IMAGES = 8 };

/* Some images of a batch, rows [first, first + count) of its matrices. */
struct kith_conv_span {
    uint32_t first;
    uint32_t count; /* at most KITH_CONV_IMAGES */
};

/* Floats that `line` below must hold. */
size_t kith_conv_line(const struct kith_conv *conv);

/* patches: [count side side][kernel kernel channels] of the images in x. */
void kith_conv_patches(const struct kith_conv *conv, struct kith_conv_span span,
                       const struct kith_matrix *x, const struct kith_matrix *patches, float *line);
/* From maps [count side side][filters] to rows of y; `choice`, [rows of y][its columns], tells
 * which of the four was the first greatest. */
void kith_conv_pool(const struct kith_conv *conv, struct kith_conv_span span,
                    const struct kith_matrix *maps, const struct kith_matrix *y, uint8_t *choice,
                    float *line);
/* The gradient on y back to the maps', with zeros in all else of it. */
void kith_conv_unpool(const struct kith_conv *conv, struct kith_conv_span span,
                      const struct kith_matrix *dy, const uint8_t *choice,
                      const struct kith_matrix *dmaps, float *line);
/* The gradient on the patches summed into rows of dx. */
void kith_conv_gather(const struct kith_conv *conv, struct kith_conv_span span,
                      const struct kith_matrix *dpatches, const struct kith_matrix *dx,
                      float *line);

#endif
