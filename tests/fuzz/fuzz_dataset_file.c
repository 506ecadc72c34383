/* A directory with IDX files of which one has the input as its content: what the loader says is
 * what the reader of plain bytes says of the same content, be the file's name with .gz or not, its
 * content compressed or not. An error is one line that begins with a path there and leaves nothing
 * behind.
 *
 * The first byte: bits 0 and 1 choose the file, 2: its name ends in .gz, 3: compress the content.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/assert.h"
#include "host/dataset_file.h"

enum { INPUTS = 6, CLASSES = 3, FILES = 4, PATH_SIZE = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[FILES] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
static const uint8_t good_images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0,  0,
                                      0, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
static const uint8_t good_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 2};
static char directory[PATH_SIZE];

static struct kith_bytes good(uint32_t file)
{
    return file % 2 ? (struct kith_bytes){good_labels, sizeof good_labels}
                    : (struct kith_bytes){good_images, sizeof good_images};
}

static const char *path_of(uint32_t file, bool gz)
{
    static char path[PATH_SIZE];
    int len = snprintf(path, sizeof path, "%.200s/%s%s", directory, names[file], gz ? ".gz" : "");
    kith_assert(len > 0 && len < PATH_SIZE);
    return path;
}

/* Mode "wT" writes as it is, "w1" compresses. */
static void write_file(uint32_t file, bool gz, const char *mode, struct kith_bytes bytes)
{
    gzFile out = gzopen(path_of(file, gz), mode);
    kith_assert(out);
    if (bytes.len > 0) {
        int put = gzwrite(out, bytes.at, (unsigned)bytes.len);
        kith_assert(put == (int)bytes.len);
    }
    int err = gzclose(out);
    kith_assert(err == Z_OK);
}

static void clear(void)
{
    for (uint32_t file = 0; file < FILES; file++) {
        unlink(path_of(file, false));
        unlink(path_of(file, true));
    }
    rmdir(directory);
}

static void start(void)
{
    if (directory[0]) return;
    const char *parent = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%.180s/kith-fuzz-XXXXXX", parent ? parent : "/tmp");
    bool made = mkdtemp(directory) != NULL;
    kith_assert(made);
    for (uint32_t file = 0; file < FILES; file++)
        write_file(file, false, "wT", good(file));
    atexit(clear);
}

static void check_line(const char *error)
{
    size_t prefix = strlen(directory);
    size_t len = strnlen(error, KITH_DATASET_ERROR_MAX);
    kith_assert(len > prefix && len < KITH_DATASET_ERROR_MAX);
    kith_assert(memcmp(error, directory, prefix) == 0 && error[prefix] == '/');
    kith_assert(strstr(error, ": ") && !strchr(error, '\n'));
}

static void check_same(const struct kith_dataset *a, const struct kith_dataset *b)
{
    kith_assert(a->count == b->count);
    kith_assert(memcmp(a->images, b->images, (size_t)a->count * INPUTS) == 0);
    kith_assert(memcmp(a->labels, b->labels, a->count) == 0);
}

/* What the reader of plain bytes makes of the pair that has `content` as `file`. */
static void check_plain(uint32_t file, struct kith_bytes content, int err,
                        const struct kith_dataset *loaded)
{
    struct kith_bytes pair[2] = {good(0), good(1)};
    struct kith_dataset plain = {0};
    pair[file % 2] = content;
    int plain_err = kith_dataset_from_idx(pair[0], pair[1], INPUTS, CLASSES, &plain);
    kith_assert(plain_err == err);
    if (err) return;
    check_same(loaded, &plain);
    kith_dataset_release(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    start();
    uint32_t file = data[0] & 3;
    bool gz = data[0] & 4;
    bool compress = data[0] & 8;
    struct kith_bytes content = {data + 1, size - 1};
    bool unfolds = !compress && content.len >= 2 && content.at[0] == 0x1f && content.at[1] == 0x8b;
    unlink(path_of(file, !gz));
    write_file(file, gz, compress ? "w1" : "wT", content);

    struct kith_dataset set[2] = {0};
    char error[KITH_DATASET_ERROR_MAX] = "";
    int err = kith_dataset_file_load(directory, INPUTS, CLASSES, &set[0], &set[1], error);
    if (err) {
        check_line(error);
        kith_assert(!set[0].images && !set[0].labels && !set[1].images && !set[1].labels);
    }
    if (!unfolds) check_plain(file, content, err, &set[file / 2]);
    if (!err) {
        kith_assert(set[0].count > 0 && set[1].count > 0);
        kith_dataset_release(&set[0]);
        kith_dataset_release(&set[1]);
    }
    unlink(path_of(file, gz));
    write_file(file, false, "wT", good(file));
    return 0;
}
