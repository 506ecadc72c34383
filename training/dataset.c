#include "training/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/err.h"

/* The IDX magic: two zero bytes, 8 for unsigned bytes, the number of dimensions. */
enum { MAGIC_IMAGES = 0x0803, MAGIC_LABELS = 0x0801 };

/* Of a synthetic image, in 1/256: pixels of its own class, of some other class; the rest is noise
 * with the same share of dark pixels. */
enum { OWN_SHARE = 120, OTHER_SHARE = 40, DARK_SHARE = 160 };

static uint32_t read_big(struct kith_reader *reader)
{
    uint32_t little = kith_read_u32(reader);
    return little >> 24 | (little >> 8 & 0xff00) | (little << 8 & 0xff0000) | little << 24;
}

static int idx_length(const struct kith_reader *reader, uint64_t wanted)
{
    if (reader->failed || reader->left < wanted) return KITH_ERR_TRUNCATED;
    return reader->left > wanted ? KITH_ERR_TRAILING : 0;
}

int kith_idx_images_check(struct kith_bytes images, uint32_t inputs, uint32_t *ret_count)
{
    struct kith_reader reader = kith_reader_of(images);
    uint32_t magic = read_big(&reader);
    if (reader.failed) return KITH_ERR_TRUNCATED;
    if (magic != MAGIC_IMAGES) return KITH_ERR_TYPE;
    uint32_t count = read_big(&reader);
    uint64_t rows = read_big(&reader);
    uint64_t columns = read_big(&reader);
    if (reader.failed) return KITH_ERR_TRUNCATED;
    if (count > KITH_IMAGES_MAX) return KITH_ERR_RANGE;
    if (count == 0) return KITH_ERR_SHAPE;
    if (rows * columns != inputs) return KITH_ERR_SHAPE;

    int err = idx_length(&reader, (uint64_t)count * inputs);
    if (err) return err;
    *ret_count = count;
    return 0;
}

int kith_idx_labels_check(struct kith_bytes labels, uint32_t classes, uint32_t *ret_count)
{
    struct kith_reader reader = kith_reader_of(labels);
    uint32_t magic = read_big(&reader);
    if (reader.failed) return KITH_ERR_TRUNCATED;
    if (magic != MAGIC_LABELS) return KITH_ERR_TYPE;
    uint32_t count = read_big(&reader);
    if (reader.failed) return KITH_ERR_TRUNCATED;
    if (count > KITH_IMAGES_MAX) return KITH_ERR_RANGE;
    if (count == 0) return KITH_ERR_SHAPE;

    int err = idx_length(&reader, count);
    if (err) return err;
    for (uint32_t i = 0; i < count; i++)
        if (reader.at[i] >= classes) return KITH_ERR_RANGE;
    *ret_count = count;
    return 0;
}

/* A large array is read at random: pages of 2 MiB, where the system has them, keep the look-up of
 * addresses from costing more than the images themselves. */
static uint8_t *images_new(size_t size)
{
    enum { HUGE_PAGE = 2 << 20 };
    if (size < 2 * (size_t)HUGE_PAGE) return malloc(size);
    size += -size % HUGE_PAGE;
    uint8_t *made = aligned_alloc(HUGE_PAGE, size);
#if defined(MADV_HUGEPAGE)
    if (made) (void)madvise(made, size, MADV_HUGEPAGE);
#endif
    return made;
}

static int dataset_new(uint32_t count, uint32_t inputs, uint32_t classes, struct kith_dataset *ret)
{
    struct kith_dataset made = {.count = count, .inputs = inputs, .classes = classes};
    made.images = images_new((size_t)count * inputs);
    made.labels = malloc(count);
    if (!made.images || !made.labels) {
        kith_dataset_release(&made);
        return KITH_ERR_NOMEM;
    }
    *ret = made;
    return 0;
}

int kith_dataset_from_idx(struct kith_bytes images, struct kith_bytes labels, uint32_t inputs,
                          uint32_t classes, struct kith_dataset *ret)
{
    uint32_t count;
    uint32_t label_count;
    int err = kith_idx_images_check(images, inputs, &count);
    if (err) return err;
    err = kith_idx_labels_check(labels, classes, &label_count);
    if (err) return err;
    if (count != label_count) return KITH_ERR_SHAPE;

    err = dataset_new(count, inputs, classes, ret);
    if (err) return err;
    memcpy(ret->images, images.at + KITH_IDX_IMAGES_HEAD, (size_t)count * inputs);
    memcpy(ret->labels, labels.at + KITH_IDX_LABELS_HEAD, count);
    return 0;
}

/* Dark pixels with probability DARK_SHARE / 256, else any brightness. */
static uint8_t pixel_of(uint8_t choice, uint8_t brightness)
{
    return choice < DARK_SHARE ? 0 : brightness;
}

static int prototypes_new(const uint8_t seed[static KITH_SEED_LEN], uint32_t inputs,
                          uint32_t classes, uint8_t **ret)
{
    uint8_t *made = malloc((size_t)classes * inputs);
    if (!made) return KITH_ERR_NOMEM;
    struct kith_rng rng;
    kith_rng_split(&rng, seed, "synthetic classes", 0);
    for (size_t i = 0; i < (size_t)classes * inputs; i++) {
        uint8_t drawn[2];
        kith_rng_fill(&rng, drawn, sizeof drawn);
        made[i] = pixel_of(drawn[0], drawn[1]);
    }
    *ret = made;
    return 0;
}

static void draw_image(struct kith_rng *rng, const uint8_t *own, const uint8_t *other,
                       uint32_t inputs, uint8_t *ret)
{
    for (uint32_t i = 0; i < inputs; i++) {
        uint8_t drawn[3];
        kith_rng_fill(rng, drawn, sizeof drawn);
        if (drawn[0] < OWN_SHARE)
            ret[i] = own[i];
        else if (drawn[0] < OWN_SHARE + OTHER_SHARE)
            ret[i] = other[i];
        else
            ret[i] = pixel_of(drawn[1], drawn[2]);
    }
}

int kith_dataset_synthetic(const uint8_t seed[static KITH_SEED_LEN], uint32_t part, uint32_t count,
                           uint32_t inputs, uint32_t classes, struct kith_dataset *ret)
{
    kith_assert(count > 0);
    kith_assert(count <= KITH_IMAGES_MAX);
    kith_assert(inputs > 0);
    kith_assert(classes > 0);
    kith_assert(classes <= 256);
    uint8_t *prototypes;
    int err = prototypes_new(seed, inputs, classes, &prototypes);
    if (err) return err;
    err = dataset_new(count, inputs, classes, ret);
    if (err) {
        free(prototypes);
        return err;
    }

    struct kith_rng rng;
    kith_rng_split(&rng, seed, "synthetic images", part);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t label = i % classes;
        uint32_t other = kith_rng_below(&rng, classes);
        ret->labels[i] = (uint8_t)label;
        draw_image(&rng, prototypes + (size_t)label * inputs, prototypes + (size_t)other * inputs,
                   inputs, ret->images + (size_t)i * inputs);
    }
    free(prototypes);
    return 0;
}

static void pool_image(const uint8_t *from, uint32_t side, uint32_t pool, uint8_t *to)
{
    uint32_t small = side / pool, cells = pool * pool;
    for (uint32_t y = 0; y < small; y++) {
        for (uint32_t x = 0; x < small; x++) {
            uint32_t sum = 0;
            for (uint32_t i = 0; i < cells; i++)
                sum += from[(y * pool + i / pool) * side + x * pool + i % pool];
            to[y * small + x] = (uint8_t)((sum + cells / 2) / cells);
        }
    }
}

int kith_dataset_pool(struct kith_dataset *dataset, uint32_t pool)
{
    uint32_t side = 1;
    while (side * side < dataset->inputs)
        side++;
    if (side * side != dataset->inputs || pool == 0 || side % pool != 0) return KITH_ERR_SHAPE;
    uint32_t inputs = dataset->inputs / (pool * pool);
    uint8_t small[KITH_POOLED_MAX];
    if (inputs > sizeof small) return KITH_ERR_SHAPE;
    for (uint32_t i = 0; i < dataset->count; i++) {
        /* In its own place or before it: the image is read whole first. */
        pool_image(dataset->images + (size_t)i * dataset->inputs, side, pool, small);
        memcpy(dataset->images + (size_t)i * inputs, small, inputs);
    }
    dataset->inputs = inputs;
    return 0;
}

void kith_dataset_keep(struct kith_dataset *dataset, uint32_t *rows, uint32_t row_count,
                       uint32_t *scratch)
{
    size_t inputs = dataset->inputs;
    uint32_t kept = 0;
    memset(scratch, 0, dataset->count * sizeof *scratch);
    for (uint32_t i = 0; i < row_count; i++)
        scratch[rows[i]] = 1;
    for (uint32_t i = 0; i < dataset->count; i++) {
        if (!scratch[i]) continue;
        memmove(dataset->images + kept * inputs, dataset->images + i * inputs, inputs);
        dataset->labels[kept] = dataset->labels[i];
        scratch[i] = kept++;
    }
    for (uint32_t i = 0; i < row_count; i++)
        rows[i] = scratch[rows[i]];
    dataset->count = kept;
}

void kith_dataset_release(struct kith_dataset *dataset)
{
    free(dataset->images);
    free(dataset->labels);
    memset(dataset, 0, sizeof *dataset);
}
