/* training/dataset: IDX bytes and the synthetic set. */
#include "base/err.h"
#include "tests/test.h"
#include "training/dataset.h"

enum { INPUTS = 6, CLASSES = 3, COUNT = 4 };

static const uint8_t idx_images[KITH_IDX_IMAGES_HEAD + COUNT * INPUTS] = {
    0, 0, 8, 3, 0, 0, 0, COUNT, 0, 0, 0, 2, 0, 0, 0, 3, 11, 12, 13, 14, 15, 16, 21};
static const uint8_t idx_labels[KITH_IDX_LABELS_HEAD + COUNT] = {0, 0,     8, 1, 0, 0,
                                                                 0, COUNT, 2, 0, 1, 2};

/* The result of reading both files after one byte of one of them was set. */
static int read_with(size_t image_at, uint8_t image_byte, size_t label_at, uint8_t label_byte)
{
    uint8_t images[sizeof idx_images], labels[sizeof idx_labels];
    memcpy(images, idx_images, sizeof images);
    memcpy(labels, idx_labels, sizeof labels);
    if (image_at) images[image_at] = image_byte;
    if (label_at) labels[label_at] = label_byte;
    struct kith_dataset dataset;
    int err = kith_dataset_from_idx((struct kith_bytes){images, sizeof images},
                                    (struct kith_bytes){labels, sizeof labels}, INPUTS, CLASSES,
                                    &dataset);
    if (!err) kith_dataset_release(&dataset);
    return err;
}

static int read_lengths(size_t image_len, size_t label_len)
{
    static uint8_t images[sizeof idx_images + 1], labels[sizeof idx_labels + 1];
    memcpy(images, idx_images, sizeof idx_images);
    memcpy(labels, idx_labels, sizeof idx_labels);
    struct kith_dataset dataset;
    int err =
        kith_dataset_from_idx((struct kith_bytes){images, image_len},
                              (struct kith_bytes){labels, label_len}, INPUTS, CLASSES, &dataset);
    if (!err) kith_dataset_release(&dataset);
    return err;
}

static void idx_is_read(void)
{
    struct kith_dataset dataset;
    check_int(kith_dataset_from_idx((struct kith_bytes){idx_images, sizeof idx_images},
                                    (struct kith_bytes){idx_labels, sizeof idx_labels}, INPUTS,
                                    CLASSES, &dataset),
              0);
    check_int(dataset.count, COUNT);
    check_int(dataset.inputs, INPUTS);
    check_int(dataset.classes, CLASSES);
    check_int(dataset.images[0], 11);
    check_int(dataset.images[INPUTS], 21);
    check_int(dataset.labels[0], 2);
    check_int(dataset.labels[3], 2);
    kith_dataset_release(&dataset);
    check(dataset.images == NULL);
}

static void idx_of_every_wrong_length_is_refused(void)
{
    for (size_t len = 0; len < sizeof idx_images; len++)
        check_int(read_lengths(len, sizeof idx_labels), KITH_ERR_TRUNCATED);
    for (size_t len = 0; len < sizeof idx_labels; len++)
        check_int(read_lengths(sizeof idx_images, len), KITH_ERR_TRUNCATED);
    check_int(read_lengths(sizeof idx_images + 1, sizeof idx_labels), KITH_ERR_TRAILING);
    check_int(read_lengths(sizeof idx_images, sizeof idx_labels + 1), KITH_ERR_TRAILING);
}

static void idx_of_wrong_content_is_refused(void)
{
    check_int(read_with(0, 0, 0, 0), 0);
    check_int(read_with(3, 1, 0, 0), KITH_ERR_TYPE);
    check_int(read_with(2, 9, 0, 0), KITH_ERR_TYPE);
    check_int(read_with(0, 0, 3, 3), KITH_ERR_TYPE);
    check_int(read_with(11, 3, 0, 0), KITH_ERR_SHAPE);
    check_int(read_with(8, 0xff, 0, 0), KITH_ERR_SHAPE);
    check_int(read_with(7, 0, 0, 0), KITH_ERR_SHAPE);
    check_int(read_with(4, 0xff, 0, 0), KITH_ERR_RANGE);
    check_int(read_with(0, 0, 4, 0xff), KITH_ERR_RANGE);
    check_int(read_with(0, 0, sizeof idx_labels - 1, CLASSES), KITH_ERR_RANGE);
}

static void counts_that_differ_are_refused(void)
{
    uint8_t labels[sizeof idx_labels];
    memcpy(labels, idx_labels, sizeof labels);
    labels[7] = COUNT - 1;
    struct kith_dataset dataset;
    check_int(kith_dataset_from_idx((struct kith_bytes){idx_images, sizeof idx_images},
                                    (struct kith_bytes){labels, sizeof labels - 1}, INPUTS, CLASSES,
                                    &dataset),
              KITH_ERR_SHAPE);
}

static void synthetic_repeats_and_its_parts_differ(void)
{
    uint8_t seed[KITH_SEED_LEN] = {1};
    struct kith_dataset a, b, c;
    check_int(kith_dataset_synthetic(seed, 0, 100, 49, 10, &a), 0);
    check_int(kith_dataset_synthetic(seed, 0, 100, 49, 10, &b), 0);
    check_int(kith_dataset_synthetic(seed, 1, 100, 49, 10, &c), 0);
    check(memcmp(a.images, b.images, 4900) == 0);
    check(memcmp(a.labels, b.labels, 100) == 0);
    check(memcmp(a.images, c.images, 4900) != 0);
    for (uint32_t i = 0; i < a.count; i++)
        check(a.labels[i] < 10);
    kith_dataset_release(&a);
    kith_dataset_release(&b);
    kith_dataset_release(&c);
}

/* The nearest class mean of one part names most images of another part, but not all. */
static void synthetic_classes_can_be_learned(void)
{
    enum { TRAIN = 2000, TEST = 500, PIXELS = 64, LABELS = 10 };
    uint8_t seed[KITH_SEED_LEN] = {2};
    static double means[LABELS][PIXELS];
    struct kith_dataset train, test;
    check_int(kith_dataset_synthetic(seed, 0, TRAIN, PIXELS, LABELS, &train), 0);
    check_int(kith_dataset_synthetic(seed, 1, TEST, PIXELS, LABELS, &test), 0);
    for (uint32_t i = 0; i < TRAIN; i++)
        for (uint32_t j = 0; j < PIXELS; j++)
            means[train.labels[i]][j] += train.images[i * PIXELS + j] * (double)LABELS / TRAIN;
    int correct = 0;
    for (uint32_t i = 0; i < TEST; i++) {
        double best = 1e30;
        uint32_t named = 0;
        for (uint32_t label = 0; label < LABELS; label++) {
            double distance = 0;
            for (uint32_t j = 0; j < PIXELS; j++) {
                double d = test.images[i * PIXELS + j] - means[label][j];
                distance += d * d;
            }
            if (distance < best) {
                best = distance;
                named = label;
            }
        }
        correct += named == test.labels[i];
    }
    check(correct > TEST * 7 / 10);
    check(correct < TEST);
    kith_dataset_release(&train);
    kith_dataset_release(&test);
}

/* Two images of 4 by 4: each quarter becomes its mean, a half rounded up. */
static void images_are_made_smaller_by_their_means(void)
{
    const uint8_t four[2][16] = {
        {0, 2, 10, 10, 4, 6, 10, 10, 255, 255, 1, 0, 255, 255, 0, 0},
        {1, 1, 0, 0, 1, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9},
    };
    struct kith_dataset set = {.count = 2, .inputs = 16, .classes = 2};
    set.images = malloc(sizeof four);
    set.labels = calloc(2, 1);
    memcpy(set.images, four, sizeof four);
    check_int(kith_dataset_pool(&set, 3), KITH_ERR_SHAPE);
    check_int(kith_dataset_pool(&set, 0), KITH_ERR_SHAPE);
    check_int(kith_dataset_pool(&set, 2), 0);
    check_int(set.inputs, 4);
    check(memcmp(set.images, (const uint8_t[]){3, 10, 255, 0, 1, 0, 9, 9}, 8) == 0);
    check_int(kith_dataset_pool(&set, 2), 0);
    check(memcmp(set.images, (const uint8_t[]){67, 5}, 2) == 0);
    set.inputs = 8;
    check_int(kith_dataset_pool(&set, 2), KITH_ERR_SHAPE);
    kith_dataset_release(&set);
}

static void only_wanted_rows_are_kept(void)
{
    static const uint8_t seed[KITH_SEED_LEN] = {1};
    struct kith_dataset all, some;
    uint32_t scratch[50];
    uint32_t rows[] = {49, 7, 0, 30};
    const uint32_t was[] = {49, 7, 0, 30}, now[] = {3, 1, 0, 2};
    check_int(kith_dataset_synthetic(seed, 0, 50, 9, 3, &all), 0);
    check_int(kith_dataset_synthetic(seed, 0, 50, 9, 3, &some), 0);
    kith_dataset_keep(&some, rows, 4, scratch);
    check_int(some.count, 4);
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *image = some.images + (size_t)rows[i] * 9;
        check_int(rows[i], now[i]);
        check(memcmp(image, all.images + (size_t)was[i] * 9, 9) == 0);
        check_int(some.labels[rows[i]], all.labels[was[i]]);
    }
    kith_dataset_release(&all);
    kith_dataset_release(&some);
}

int main(void)
{
    run(only_wanted_rows_are_kept);
    run(images_are_made_smaller_by_their_means);
    run(idx_is_read);
    run(idx_of_every_wrong_length_is_refused);
    run(idx_of_wrong_content_is_refused);
    run(counts_that_differ_are_refused);
    run(synthetic_repeats_and_its_parts_differ);
    run(synthetic_classes_can_be_learned);
    return test_end();
}
