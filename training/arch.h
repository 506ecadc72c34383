/* training/arch.h: the shape of a model, named by a short text such as "mlp:256,128". Pure. */
#ifndef KITH_TRAINING_ARCH_H
#define KITH_TRAINING_ARCH_H

#include <stddef.h>
#include <stdint.h>

enum {
    KITH_LAYERS_MAX = 8,
    KITH_WIDTH_MAX = 16384,
    KITH_CLASSES_MAX = 256,
    KITH_ARCH_TEXT_MAX = 32,
    KITH_ARCH_CLASS_LEN = 8,
};

/* Layer l maps width[l] to width[l + 1]; ReLU after all but the last; width[0] = inputs,
 * width[layers] = classes. */
struct kith_arch {
    uint32_t layers; /* weight layers, 1 to KITH_LAYERS_MAX */
    uint32_t width[KITH_LAYERS_MAX + 1];
    size_t params; /* all weights and biases */
    uint8_t
        class_id[KITH_ARCH_CLASS_LEN]; /* hash of the layer list: equal if weights can be mixed */
    char text[KITH_ARCH_TEXT_MAX];     /* normalised: "mlp:256,128", "mlp:" without hidden layers */
};

/* 0, or INVALID (not of the form mlp:W,W,...), RANGE (too many layers, a width of 0 or past the
 * maximum, or more than `params_max` parameters). */
int kith_arch_parse(const char *text, uint32_t inputs, uint32_t classes, size_t params_max,
                    struct kith_arch *ret);

#endif
