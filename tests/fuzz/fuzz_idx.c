/* IDX files: the first two bytes say how long the label file is, which comes first; the rest is the
 * image file. What is read has the shape that was asked for. */
#include "base/assert.h"
#include "base/err.h"
#include "training/dataset.h"

enum { INPUTS = 6, CLASSES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    size_t len = (size_t)data[0] | (size_t)data[1] << 8;
    if (len > size - 2) len = size - 2;
    struct kith_bytes labels = {data + 2, len};
    struct kith_bytes images = {data + 2 + len, size - 2 - len};
    struct kith_dataset dataset;
    if (kith_dataset_from_idx(images, labels, INPUTS, CLASSES, &dataset)) return 0;
    kith_assert(dataset.count > 0);
    kith_assert(images.len == KITH_IDX_IMAGES_HEAD + (size_t)dataset.count * INPUTS);
    kith_assert(labels.len == KITH_IDX_LABELS_HEAD + (size_t)dataset.count);
    for (uint32_t i = 0; i < dataset.count; i++)
        kith_assert(dataset.labels[i] < CLASSES);
    kith_dataset_release(&dataset);
    return 0;
}
