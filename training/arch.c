#include "training/arch.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hash.h"

/* Read one decimal number from 1 to `max` and move past it. 0, INVALID (no digit) or RANGE. */
static int number_read(const char **text, uint32_t max, uint32_t *ret)
{
    const char *at = *text;
    if (*at < '0' || *at > '9') return KITH_ERR_INVALID;
    uint32_t number = 0;
    while (*at >= '0' && *at <= '9') {
        number = number * 10 + (uint32_t)(*at++ - '0');
        if (number > max) return KITH_ERR_RANGE;
    }
    if (number == 0) return KITH_ERR_RANGE;
    *text = at;
    *ret = number;
    return 0;
}

/* Whether a convolution stands here: digits and an x. */
static bool is_conv(const char *text)
{
    return text[strspn(text, "0123456789")] == 'x';
}

/* One "FxK", "FxKs", "FxKp" or "FxKsp". */
static int conv_read(const char **text, struct kith_conv *ret)
{
    struct kith_conv conv = {0};
    int err = number_read(text, KITH_FILTERS_MAX, &conv.filters);
    if (err) return err;
    ++*text; /* the x */
    err = number_read(text, KITH_KERNEL_MAX, &conv.kernel);
    if (err) return err;
    if (**text == 's') {
        if (conv.kernel % 2 == 0) return KITH_ERR_RANGE;
        conv.padding = conv.kernel / 2;
        ++*text;
    }
    conv.pool = **text == 'p';
    if (conv.pool) ++*text;
    *ret = conv;
    return 0;
}

/* The hidden layers of "L,L,..."; sets arch->layers and arch->convs. */
static int hidden_read(const char *text, bool takes_convs, struct kith_arch *arch)
{
    arch->layers = 1;
    if (*text == '\0') return takes_convs ? KITH_ERR_INVALID : 0;
    for (;;) {
        int err;
        uint32_t l = arch->layers - 1;
        if (arch->layers == KITH_LAYERS_MAX) return KITH_ERR_RANGE;
        bool is_next = takes_convs && arch->convs == l && is_conv(text);
        if (is_next && arch->convs == KITH_CONVS_MAX) return KITH_ERR_RANGE;
        if (is_next)
            err = conv_read(&text, &arch->conv[arch->convs++]);
        else
            err = number_read(&text, KITH_WIDTH_MAX, &arch->width[arch->layers]);
        if (err) return err;
        arch->layers++;
        if (*text == '\0') return takes_convs && arch->convs == 0 ? KITH_ERR_INVALID : 0;
        if (*text++ != ',') return KITH_ERR_INVALID;
    }
}

/* The whole root of a square, or 0. */
static uint32_t side_of(uint32_t inputs)
{
    uint32_t side = 0;
    while (side * side < inputs)
        side++;
    return side * side == inputs ? side : 0;
}

/* The convolutions' own inputs, and the widths between them. */
static int convs_fit(struct kith_arch *arch)
{
    uint32_t channels = 1, side = side_of(arch->width[0]);
    for (uint32_t l = 0; l < arch->convs; l++) {
        struct kith_conv *conv = &arch->conv[l];
        conv->channels = channels;
        conv->side = side;
        if (side == 0 || side + 2 * conv->padding < conv->kernel) return KITH_ERR_SHAPE;
        side = kith_conv_side_out(conv);
        if (side == 0) return KITH_ERR_SHAPE;
        channels = conv->filters;
        if ((uint64_t)side * side * channels > KITH_WIDTH_MAX) return KITH_ERR_RANGE;
        arch->width[l + 1] = side * side * channels;
    }
    return 0;
}

static void sizes_count(struct kith_arch *arch)
{
    for (uint32_t l = 0; l < arch->layers; l++) {
        size_t weights = ((size_t)kith_arch_rows(arch, l) + 1) * kith_arch_columns(arch, l);
        size_t side = l < arch->convs ? kith_conv_side(&arch->conv[l]) : 1;
        arch->params += weights;
        arch->products += weights * side * side;
    }
}

static int text_write(struct kith_arch *arch)
{
    size_t used = (size_t)snprintf(arch->text, sizeof arch->text, arch->convs ? "cnn:" : "mlp:");
    for (uint32_t l = 1; l < arch->layers; l++) {
        size_t left = sizeof arch->text - used;
        const char *comma = l == 1 ? "" : ",";
        const struct kith_conv *conv = l <= arch->convs ? &arch->conv[l - 1] : NULL;
        int len;
        if (conv)
            len = snprintf(arch->text + used, left, "%s%ux%u%s%s", comma, conv->filters,
                           conv->kernel, conv->padding ? "s" : "", conv->pool ? "p" : "");
        else
            len = snprintf(arch->text + used, left, "%s%u", comma, arch->width[l]);
        if ((size_t)len >= left) return KITH_ERR_RANGE;
        used += (size_t)len;
    }
    return 0;
}

static void class_write(struct kith_arch *arch)
{
    uint8_t list[4 * (KITH_LAYERS_MAX + 1) + 16 * KITH_LAYERS_MAX];
    struct kith_writer out = kith_writer_into(list, sizeof list);
    for (uint32_t l = 0; l <= arch->layers; l++)
        kith_write_u32(&out, arch->width[l]);
    for (uint32_t l = 0; l < arch->convs; l++) {
        kith_write_u32(&out, arch->conv[l].filters);
        kith_write_u32(&out, arch->conv[l].kernel);
        kith_write_u32(&out, arch->conv[l].padding);
        kith_write_u32(&out, arch->conv[l].pool);
    }
    const char *domain = arch->convs ? "kith/arch/cnn/1" : "kith/arch/1";
    struct kith_id hash = kith_hash_of(domain, kith_written(&out));
    memcpy(arch->class_id, hash.bytes, sizeof arch->class_id);
}

int kith_arch_parse(const char *text, uint32_t inputs, uint32_t classes, size_t params_max,
                    struct kith_arch *ret)
{
    struct kith_arch arch = {.layers = 1};
    if (strcmp(text, "lenet") == 0) text = "cnn:6x5sp,16x5p,120,84";
    bool takes_convs = strncmp(text, "cnn:", 4) == 0;
    if (!takes_convs && strncmp(text, "mlp:", 4) != 0) return KITH_ERR_INVALID;
    if (inputs == 0 || inputs > KITH_WIDTH_MAX) return KITH_ERR_RANGE;
    if (classes == 0 || classes > KITH_CLASSES_MAX) return KITH_ERR_RANGE;
    int err = hidden_read(text + 4, takes_convs, &arch);
    if (err) return err;
    arch.width[0] = inputs;
    arch.width[arch.layers] = classes;
    err = convs_fit(&arch);
    if (err) return err;
    sizes_count(&arch);
    if (arch.params > params_max) return KITH_ERR_RANGE;
    err = text_write(&arch);
    if (err) return err;
    class_write(&arch);
    *ret = arch;
    return 0;
}

int kith_arch_parse_alone(const char *text, struct kith_arch *ret)
{
    int err = KITH_ERR_SHAPE;
    for (uint32_t side = 1; side * side <= KITH_WIDTH_MAX && err == KITH_ERR_SHAPE; side++)
        err = kith_arch_parse(text, side * side, 2, SIZE_MAX, ret);
    return err;
}
