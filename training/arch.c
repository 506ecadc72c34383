#include "training/arch.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hash.h"

/* Read one decimal width and move past it. 0, INVALID (no digit) or RANGE. */
static int width_read(const char **text, uint32_t *ret_width)
{
    const char *at = *text;
    if (*at < '0' || *at > '9') return KITH_ERR_INVALID;
    uint32_t width = 0;
    while (*at >= '0' && *at <= '9') {
        width = width * 10 + (uint32_t)(*at++ - '0');
        if (width > KITH_WIDTH_MAX) return KITH_ERR_RANGE;
    }
    if (width == 0) return KITH_ERR_RANGE;
    *text = at;
    *ret_width = width;
    return 0;
}

/* The hidden widths of "W,W,..." into arch->width[1...]; sets arch->layers. */
static int hidden_read(const char *text, struct kith_arch *arch)
{
    arch->layers = 1;
    if (*text == '\0') return 0;
    for (;;) {
        uint32_t width;
        int err = width_read(&text, &width);
        if (err) return err;
        if (arch->layers == KITH_LAYERS_MAX) return KITH_ERR_RANGE;
        arch->width[arch->layers++] = width;
        if (*text == '\0') return 0;
        if (*text++ != ',') return KITH_ERR_INVALID;
    }
}

static int text_write(struct kith_arch *arch)
{
    size_t used = (size_t)snprintf(arch->text, sizeof arch->text, "mlp:");
    for (uint32_t l = 1; l < arch->layers; l++) {
        size_t left = sizeof arch->text - used;
        int len = snprintf(arch->text + used, left, l == 1 ? "%u" : ",%u", arch->width[l]);
        if ((size_t)len >= left) return KITH_ERR_RANGE;
        used += (size_t)len;
    }
    return 0;
}

static void class_write(struct kith_arch *arch)
{
    uint8_t widths[4 * (KITH_LAYERS_MAX + 1)];
    struct kith_writer out = kith_writer_into(widths, sizeof widths);
    for (uint32_t l = 0; l <= arch->layers; l++)
        kith_write_u32(&out, arch->width[l]);
    struct kith_id hash = kith_hash_of("kith/arch/1", kith_written(&out));
    memcpy(arch->class_id, hash.bytes, sizeof arch->class_id);
}

int kith_arch_parse(const char *text, uint32_t inputs, uint32_t classes, size_t params_max,
                    struct kith_arch *ret)
{
    struct kith_arch arch = {.layers = 1};
    if (strncmp(text, "mlp:", 4) != 0) return KITH_ERR_INVALID;
    if (inputs == 0 || inputs > KITH_WIDTH_MAX) return KITH_ERR_RANGE;
    if (classes == 0 || classes > KITH_CLASSES_MAX) return KITH_ERR_RANGE;
    int err = hidden_read(text + 4, &arch);
    if (err) return err;
    arch.width[0] = inputs;
    arch.width[arch.layers] = classes;
    for (uint32_t l = 0; l < arch.layers; l++)
        arch.params += ((size_t)arch.width[l] + 1) * arch.width[l + 1];
    if (arch.params > params_max) return KITH_ERR_RANGE;
    err = text_write(&arch);
    if (err) return err;
    class_write(&arch);
    *ret = arch;
    return 0;
}
