/* training/dataset.h: labelled images in memory, and how they are read from IDX bytes. Pure. */
#ifndef KITH_TRAINING_DATASET_H
#define KITH_TRAINING_DATASET_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/rng.h"

enum {
    KITH_IMAGES_MAX = 1 << 24,
    KITH_IDX_IMAGES_HEAD = 16,
    KITH_IDX_LABELS_HEAD = 8,
    KITH_POOLED_MAX = 65536, /* pixels of an image made smaller */
};

struct kith_dataset {
    uint8_t *images; /* [count][inputs], owned */
    uint8_t *labels; /* [count], owned */
    uint32_t count;
    uint32_t inputs;  /* pixels of an image */
    uint32_t classes; /* every label is below it */
};

/* From the bytes of an IDX image file and its label file (not compressed). 0, or TRUNCATED,
 * TRAILING, TYPE (magic), SHAPE (other image size than `inputs`, counts that differ, none at all),
 * RANGE (a label of `classes` or more, or more than KITH_IMAGES_MAX images), NOMEM. */
int kith_dataset_from_idx(struct kith_bytes images, struct kith_bytes labels, uint32_t inputs,
                          uint32_t classes, struct kith_dataset *ret);
/* The checks of kith_dataset_from_idx on one file alone, so that a caller can say which of the two
 * is wrong. `ret_count`: the images or labels in it. */
int kith_idx_images_check(struct kith_bytes images, uint32_t inputs, uint32_t *ret_count);
int kith_idx_labels_check(struct kith_bytes labels, uint32_t classes, uint32_t *ret_count);
/* `count` images of well separated but noisy classes, drawn from the seed: needs no file. 0 or
 * NOMEM. `part` 0, 1, ... gives further draws from the same classes (train, test). */
int kith_dataset_synthetic(const uint8_t seed[static KITH_SEED_LEN], uint32_t part, uint32_t count,
                           uint32_t inputs, uint32_t classes, struct kith_dataset *ret);
/* Make square images smaller: each pixel the mean of `pool` by `pool` of them, a half rounded up.
 * 0, or SHAPE: the images are not square, or their side is no multiple of `pool`. */
int kith_dataset_pool(struct kith_dataset *dataset, uint32_t pool);
/* Keep only these rows, `row_count` distinct ones: they move together, in the order of the set, and
 * `rows` says where each is now. The memory of the others is behind them: whoever owns the set may
 * give it back. `scratch` has room for [dataset->count]. */
void kith_dataset_keep(struct kith_dataset *dataset, uint32_t *rows, uint32_t row_count,
                       uint32_t *scratch);
void kith_dataset_release(struct kith_dataset *dataset);

#endif
