/* host/dataset_file.h: the training and test set of a directory of IDX files, gzip or not. */
#ifndef KITH_HOST_DATASET_FILE_H
#define KITH_HOST_DATASET_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "training/dataset.h"

#define KITH_DATASET_DIR_DEFAULT "/usr/share/datasets/fashion-mnist"

enum { KITH_DATASET_ERROR_MAX = 512 };

/* Read train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
 * t10k-labels-idx1-ubyte of `dir`, or the same with .gz where the plain file is missing. 0, or a
 * KITH_ERR_* with one line "PATH: what is wrong" in ret_error; then nothing is left allocated. */
int kith_dataset_file_load(const char *dir, uint32_t inputs, uint32_t classes,
                           struct kith_dataset *ret_train, struct kith_dataset *ret_test,
                           char ret_error[static KITH_DATASET_ERROR_MAX]);

#endif
