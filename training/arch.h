/* training/arch.h: the shape of a model, named by a short text such as "mlp:256,128" or
 * "cnn:6x5sp,16x5p,120,84". Pure. */
#ifndef KITH_TRAINING_ARCH_H
#define KITH_TRAINING_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KITH_LAYERS_MAX = 8,
    KITH_CONVS_MAX = 4, /* of these, convolutions */
    KITH_WIDTH_MAX = 16384,
    KITH_CLASSES_MAX = 256,
    KITH_ARCH_TEXT_MAX = 32,
    KITH_ARCH_CLASS_LEN = 8,
    KITH_FILTERS_MAX = 512,
    KITH_KERNEL_MAX = 15,
};

/* A square convolution of stride 1 with ReLU behind it, and then perhaps a maximum over squares of
 * 2 x 2; an odd last row and column of it are dropped. What comes in and goes out is
 * [row][column][channel]. */
struct kith_conv {
    uint32_t channels; /* that come in */
    uint32_t side;     /* of what comes in */
    uint32_t filters;  /* channels that go out */
    uint32_t kernel;   /* its side, at most KITH_KERNEL_MAX */
    uint32_t padding;  /* zeros around what comes in, below `kernel` */
    bool pool;
};

/* Layer l maps width[l] to width[l + 1]; ReLU after all but the last; width[0] = inputs,
 * width[layers] = classes. The first `convs` layers are convolutions, the others dense. */
struct kith_arch {
    uint32_t layers; /* weight layers, 1 to KITH_LAYERS_MAX */
    uint32_t convs;  /* 0 to layers - 1 */
    uint32_t width[KITH_LAYERS_MAX + 1];
    struct kith_conv conv[KITH_CONVS_MAX];
    size_t params;   /* all weights and biases */
    size_t products; /* multiply-adds of one image's forward pass, a bias being one; without
                        convolutions, `params` */
    uint8_t
        class_id[KITH_ARCH_CLASS_LEN]; /* hash of the layer list: equal if weights can be mixed */
    char text[KITH_ARCH_TEXT_MAX];     /* normalised: "mlp:256,128", "mlp:" without hidden layers */
};

/* Texts:
 *   mlp:W,W,...          hidden widths
 *   cnn:FxK...,W,W,...   first convolutions, F filters of K x K each, then perhaps hidden widths;
 *                        after K, `s` (the same size goes out, K odd) and `p` (2 x 2 pool)
 *   lenet                cnn:6x5sp,16x5p,120,84
 * 0, or INVALID (no such form), SHAPE (a convolution, and the inputs are no square or too small
 * for it), RANGE (too many layers, a width of 0 or past the maximum, or more than `params_max`
 * parameters). */
int kith_arch_parse(const char *text, uint32_t inputs, uint32_t classes, size_t params_max,
                    struct kith_arch *ret);
/* As kith_arch_parse for some inputs that the text can take: whether it is a model at all. */
int kith_arch_parse_alone(const char *text, struct kith_arch *ret);

/* Of what a convolution gives before its pool, and after. */
static inline uint32_t kith_conv_side(const struct kith_conv *conv)
{
    return conv->side + 2 * conv->padding - conv->kernel + 1;
}

static inline uint32_t kith_conv_side_out(const struct kith_conv *conv)
{
    return conv->pool ? kith_conv_side(conv) / 2 : kith_conv_side(conv);
}

/* The matrix of layer l: [inputs of one output][outputs, or filters]. */
static inline uint32_t kith_arch_rows(const struct kith_arch *arch, uint32_t l)
{
    if (l >= arch->convs) return arch->width[l];
    const struct kith_conv *conv = &arch->conv[l];
    return conv->channels * conv->kernel * conv->kernel;
}

static inline uint32_t kith_arch_columns(const struct kith_arch *arch, uint32_t l)
{
    return l < arch->convs ? arch->conv[l].filters : arch->width[l + 1];
}

#endif
