#include "host/dataset_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <zlib.h>

#include "base/err.h"

enum { PATH_SIZE = 400, READ_START = 1 << 20 };

struct file {
    char path[PATH_SIZE];
    uint8_t *at;
    size_t len;
};

static int complain(char *error, const char *path, int err, const char *what)
{
    snprintf(error, KITH_DATASET_ERROR_MAX, "%.400s: %.100s", path, what);
    return err;
}

static bool is_there(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

/* The plain file if it is there, else the one with .gz; with neither the plain one is missed. */
static int find(char *error, const char *dir, const char *name, struct file *file)
{
    int length = snprintf(file->path, sizeof file->path, "%s/%s", dir, name);
    if (length < 0 || (size_t)length + sizeof ".gz" > sizeof file->path)
        return complain(error, dir, KITH_ERR_RANGE, "the path is too long");
    if (is_there(file->path)) return 0;
    strcpy(file->path + length, ".gz");
    if (is_there(file->path)) return 0;
    file->path[length] = '\0';
    return complain(error, file->path, KITH_ERR_NOT_FOUND, "no such file, nor with .gz");
}

/* Grow `file` to `size` bytes, or to its end. */
static int read_until(char *error, gzFile in, size_t size, struct file *file)
{
    uint8_t *grown = realloc(file->at, size);
    if (!grown) return complain(error, file->path, KITH_ERR_NOMEM, "out of memory");
    file->at = grown;
    while (file->len < size) {
        size_t left = size - file->len;
        int got = gzread(in, file->at + file->len, left < INT_MAX ? (unsigned)left : INT_MAX);
        if (got < 0) return complain(error, file->path, KITH_ERR_IO, "damaged or not readable");
        if (got == 0) break;
        file->len += (size_t)got;
    }
    /* A gzip stream that ends too early is only told at its end. */
    int code;
    gzerror(in, &code);
    if (code == Z_BUF_ERROR)
        return complain(error, file->path, KITH_ERR_TRUNCATED, "the gzip data ends too early");
    return 0;
}

/* What the head of an IDX file promises, 0 if that is too much: the check then says so. */
static size_t promised(const struct file *file, uint32_t dimensions, uint32_t inputs)
{
    const uint8_t *at = file->at + 4;
    size_t count = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    if (count > KITH_IMAGES_MAX) return 0;
    return dimensions == 1 ? KITH_IDX_LABELS_HEAD + count : KITH_IDX_IMAGES_HEAD + count * inputs;
}

/* Reads no more than one byte past what the head promises, so that a small file cannot unfold into
 * all of the memory. */
static int read_file(char *error, uint32_t dimensions, uint32_t inputs, struct file *file)
{
    errno = 0;
    gzFile in = gzopen(file->path, "rb");
    if (!in) {
        const char *why = errno ? strerror(errno) : "out of memory";
        return complain(error, file->path, KITH_ERR_PERMISSION, why);
    }
    int err = read_until(error, in, READ_START, file);
    if (!err && file->len == READ_START) {
        size_t size = promised(file, dimensions, inputs) + 1;
        if (size > READ_START) err = read_until(error, in, size, file);
    }
    gzclose(in);
    return err;
}

static const char *what_is_wrong(int err, bool images)
{
    switch (err) {
    case KITH_ERR_TRUNCATED:
        return "ends too early";
    case KITH_ERR_TRAILING:
        return "has bytes after its end";
    case KITH_ERR_TYPE:
        return images ? "is no IDX image file (wrong magic number)"
                      : "is no IDX label file (wrong magic number)";
    case KITH_ERR_SHAPE:
        return images ? "holds no image, or images of another size than the swarm's"
                      : "holds no label";
    case KITH_ERR_RANGE:
        return images ? "holds more images than allowed"
                      : "holds a label outside the swarm's classes, or more than allowed";
    default:
        return kith_err_text(err);
    }
}

/* Everything but the counts' agreement is told of one file. */
static int check_pair(char *error, const struct file *images, const struct file *labels,
                      uint32_t inputs, uint32_t classes)
{
    uint32_t image_count;
    uint32_t label_count;
    int err =
        kith_idx_images_check((struct kith_bytes){images->at, images->len}, inputs, &image_count);
    if (err) return complain(error, images->path, err, what_is_wrong(err, true));
    err =
        kith_idx_labels_check((struct kith_bytes){labels->at, labels->len}, classes, &label_count);
    if (err) return complain(error, labels->path, err, what_is_wrong(err, false));
    if (image_count == label_count) return 0;
    char text[80];
    snprintf(text, sizeof text, "holds %u labels for %u images", label_count, image_count);
    return complain(error, labels->path, KITH_ERR_SHAPE, text);
}

static int load_files(char *error, const char *dir, const char *names[2], uint32_t inputs,
                      uint32_t classes, struct file files[2])
{
    for (int i = 0; i < 2; i++) {
        int err = find(error, dir, names[i], &files[i]);
        if (err) return err;
        err = read_file(error, i == 0 ? 3 : 1, inputs, &files[i]);
        if (err) return err;
    }
    return check_pair(error, &files[0], &files[1], inputs, classes);
}

static int load_pair(char *error, const char *dir, const char *names[2], uint32_t inputs,
                     uint32_t classes, struct kith_dataset *ret)
{
    struct file files[2] = {0};
    int err = load_files(error, dir, names, inputs, classes, files);
    if (!err) {
        err = kith_dataset_from_idx((struct kith_bytes){files[0].at, files[0].len},
                                    (struct kith_bytes){files[1].at, files[1].len}, inputs, classes,
                                    ret);
        if (err) complain(error, files[0].path, err, what_is_wrong(err, true));
    }
    free(files[0].at);
    free(files[1].at);
    return err;
}

int kith_dataset_file_load(const char *dir, uint32_t inputs, uint32_t classes,
                           struct kith_dataset *ret_train, struct kith_dataset *ret_test,
                           char ret_error[static KITH_DATASET_ERROR_MAX])
{
    const char *train[2] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"};
    const char *test[2] = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    struct kith_dataset read = {0};
    int err = load_pair(ret_error, dir, train, inputs, classes, &read);
    if (err) return err;
    err = load_pair(ret_error, dir, test, inputs, classes, ret_test);
    if (err) {
        kith_dataset_release(&read);
        return err;
    }
    *ret_train = read;
    return 0;
}
