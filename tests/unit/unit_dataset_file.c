/* host/dataset_file: a directory of IDX files, plain or gzip, and what is said about bad ones. */
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "base/err.h"
#include "host/dataset_file.h"
#include "tests/test.h"

enum { INPUTS = 6, CLASSES = 3, COUNT = 4, IMAGES = 16 + COUNT * INPUTS, LABELS = 8 + COUNT };

static const char *names[4] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                               "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
static char dir[64];
static char path[160];
static char error[KITH_DATASET_ERROR_MAX];
static struct kith_dataset train, test;

static const char *path_of(int file, const char *suffix)
{
    snprintf(path, sizeof path, "%s/%s%s", dir, names[file], suffix);
    return path;
}

/* The good content of a file: 0 and 2 are images, 1 and 3 labels. */
static size_t content(int file, uint8_t ret[64])
{
    static const uint8_t images[16] = {0, 0, 8, 3, 0, 0, 0, COUNT, 0, 0, 0, 2, 0, 0, 0, 3};
    static const uint8_t labels[LABELS] = {0, 0, 8, 1, 0, 0, 0, COUNT, 2, 0, 1, 2};
    memset(ret, 10 + file, 64);
    memcpy(ret, file % 2 ? labels : images, file % 2 ? sizeof labels : sizeof images);
    return file % 2 ? LABELS : IMAGES;
}

static void write_plain(int file, const void *bytes, size_t len)
{
    FILE *out = fopen(path_of(file, ""), "wb");
    if (!out || fwrite(bytes, 1, len, out) != len || fclose(out)) abort();
}

static void write_gzip(int file, const void *bytes, size_t len)
{
    gzFile out = gzopen(path_of(file, ".gz"), "wb");
    if (!out || gzwrite(out, bytes, (unsigned)len) != (int)len || gzclose(out) != Z_OK) abort();
}

static void write_all(void)
{
    uint8_t bytes[64];
    for (int file = 0; file < 4; file++) {
        remove(path_of(file, ".gz"));
        write_plain(file, bytes, content(file, bytes));
    }
}

static int load(void)
{
    strcpy(error, "nothing said");
    int err = kith_dataset_file_load(dir, INPUTS, CLASSES, &train, &test, error);
    if (err) return err;
    kith_dataset_release(&train);
    kith_dataset_release(&test);
    return 0;
}

/* One line that begins with the path of `file` and a colon, and holds `what`. */
static bool says(int file, const char *suffix, const char *what)
{
    size_t length = strlen(path_of(file, suffix));
    bool named = strncmp(error, path, length) == 0 && error[length] == ':';
    if (!named || !strstr(error, what)) printf("# it said: %s\n", error);
    return named && strstr(error, what) && !strchr(error, '\n');
}

static void plain_files_are_read(void)
{
    write_all();
    check_int(kith_dataset_file_load(dir, INPUTS, CLASSES, &train, &test, error), 0);
    check_int(train.count, COUNT);
    check_int(train.images[0], 10);
    check_int(test.images[COUNT * INPUTS - 1], 12);
    check_int(test.labels[3], 2);
    kith_dataset_release(&train);
    kith_dataset_release(&test);
}

static void gzip_files_stand_in_for_missing_ones(void)
{
    uint8_t bytes[64];
    write_all();
    for (int file = 0; file < 4; file++) {
        write_gzip(file, bytes, content(file, bytes));
        if (file != 1) remove(path_of(file, ""));
    }
    check_int(load(), 0);
}

static void missing_files_are_named(void)
{
    write_all();
    remove(path_of(3, ""));
    check_int(load(), KITH_ERR_NOT_FOUND);
    check(says(3, "", "no such file"));
    remove(path_of(0, ""));
    check_int(load(), KITH_ERR_NOT_FOUND);
    check(says(0, "", "no such file"));
    check_int(kith_dataset_file_load("/nowhere/at/all", INPUTS, CLASSES, &train, &test, error),
              KITH_ERR_NOT_FOUND);
    check(strncmp(error, "/nowhere/at/all/train-images-idx3-ubyte: ", 41) == 0);
}

static void unreadable_files_are_named(void)
{
    write_all();
    remove(path_of(1, ""));
    if (mkdir(path_of(1, ""), 0700)) abort();
    check(load() != 0);
    check(says(1, "", ""));
    rmdir(path_of(1, ""));
}

static void wrong_content_is_named(void)
{
    static const struct {
        int file;
        size_t at;
        uint8_t byte;
        int err;
        const char *what;
    } cases[] = {{0, 3, 1, KITH_ERR_TYPE, "magic"},
                 {1, 3, 3, KITH_ERR_TYPE, "magic"},
                 {2, 15, 4, KITH_ERR_SHAPE, "size"},
                 {3, LABELS - 1, 3, KITH_ERR_RANGE, "label"},
                 {2, 4, 0xff, KITH_ERR_RANGE, "images"},
                 {0, 7, 9, KITH_ERR_TRUNCATED, "early"},
                 {1, 7, 3, KITH_ERR_TRAILING, "after its end"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[64];
        write_all();
        size_t len = content(cases[i].file, bytes);
        bytes[cases[i].at] = cases[i].byte;
        write_plain(cases[i].file, bytes, len);
        check_int(load(), cases[i].err);
        check(says(cases[i].file, "", cases[i].what));
    }
}

static void counts_that_differ_are_named(void)
{
    uint8_t bytes[64];
    write_all();
    size_t len = content(3, bytes);
    bytes[7] = COUNT - 1;
    write_plain(3, bytes, len - 1);
    check_int(load(), KITH_ERR_SHAPE);
    check(says(3, "", "3 labels for 4 images"));
}

static void every_cut_is_found(void)
{
    uint8_t bytes[64], packed[256];
    write_all();
    size_t len = content(0, bytes);
    for (size_t cut = 0; cut < len; cut++) {
        write_plain(0, bytes, cut);
        check_int(load(), KITH_ERR_TRUNCATED);
        check(says(0, "", "ends too early"));
    }
    remove(path_of(0, ""));
    write_gzip(0, bytes, len);
    FILE *in = fopen(path_of(0, ".gz"), "rb");
    size_t packed_len = fread(packed, 1, sizeof packed, in);
    fclose(in);
    for (size_t cut = 0; cut < packed_len; cut++) {
        FILE *out = fopen(path_of(0, ".gz"), "wb");
        fwrite(packed, 1, cut, out);
        fclose(out);
        check(load() != 0);
        check(says(0, ".gz", ""));
    }
}

static void damaged_gzip_is_found(void)
{
    uint8_t bytes[64], packed[256];
    write_all();
    remove(path_of(0, ""));
    write_gzip(0, bytes, content(0, bytes));
    FILE *in = fopen(path_of(0, ".gz"), "rb");
    size_t packed_len = fread(packed, 1, sizeof packed, in);
    fclose(in);
    packed[packed_len - 6] ^= 1; /* the checksum */
    FILE *out = fopen(path_of(0, ".gz"), "wb");
    fwrite(packed, 1, packed_len, out);
    fclose(out);
    check_int(load(), KITH_ERR_IO);
    check(says(0, ".gz", "damaged"));
}

static void long_paths_are_refused(void)
{
    char deep[600];
    memset(deep, 'x', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    check_int(kith_dataset_file_load(deep, INPUTS, CLASSES, &train, &test, error), KITH_ERR_RANGE);
    check(strstr(error, "too long") != NULL);
}

int main(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/kith-dataset-XXXXXX", base && strlen(base) < 32 ? base : "/tmp");
    if (!mkdtemp(dir)) return 1;
    run(plain_files_are_read);
    run(gzip_files_stand_in_for_missing_ones);
    run(missing_files_are_named);
    run(unreadable_files_are_named);
    run(wrong_content_is_named);
    run(counts_that_differ_are_named);
    run(every_cut_is_found);
    run(damaged_gzip_is_found);
    run(long_paths_are_refused);
    for (int file = 0; file < 4; file++) {
        remove(path_of(file, ""));
        remove(path_of(file, ".gz"));
    }
    rmdir(dir);
    return test_end();
}
