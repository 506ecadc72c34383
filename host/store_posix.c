#include "host/store_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

enum { NAME_MAX_LEN = 32 };

struct kith_store {
    int dir;             /* descriptor of the directory */
    int lock;            /* descriptor of the lock file */
    char path[PATH_MAX]; /* of the directory */
    char shown[PATH_MAX + NAME_MAX_LEN];
};

static void name_file(enum kith_store_key key, char ret[static NAME_MAX_LEN])
{
    if (key == KITH_STORE_CHECKPOINT)
        snprintf(ret, NAME_MAX_LEN, "checkpoint");
    else if (key == KITH_STORE_PEERS)
        snprintf(ret, NAME_MAX_LEN, "peers");
    else if (key < KITH_STORE_CHUNK)
        snprintf(ret, NAME_MAX_LEN, "download-%d", (int)(key - KITH_STORE_PART));
    else
        snprintf(ret, NAME_MAX_LEN, "chunk-%03d", (int)(key - KITH_STORE_CHUNK));
}

__attribute__((format(printf, 2, 3))) static void say(char error[static KITH_STORE_ERROR_MAX],
                                                      const char *form, ...)
{
    va_list list;
    va_start(list, form);
    vsnprintf(error, KITH_STORE_ERROR_MAX, form, list);
    va_end(list);
}

static int err_of(int number)
{
    return number == EACCES || number == EPERM || number == EROFS ? KITH_ERR_PERMISSION
                                                                  : KITH_ERR_IO;
}

/* mkdir -p, new directories with mode 0700. */
static int make_dirs(const char *dir)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s", dir) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) return -1;
        *slash = '/';
    }
    return mkdir(path, 0700) != 0 && errno != EEXIST ? -1 : 0;
}

static int open_dir(struct kith_store *store, const char *dir,
                    char error[static KITH_STORE_ERROR_MAX])
{
    if (make_dirs(dir) == 0) store->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->dir < 0) {
        say(error, "%s: cannot be used as a state directory: %s", dir, strerror(errno));
        return err_of(errno);
    }
    store->lock = openat(store->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock < 0) {
        say(error, "%s: the lock file cannot be made: %s", dir, strerror(errno));
        return err_of(errno);
    }
    if (flock(store->lock, LOCK_EX | LOCK_NB) == 0) return 0;
    say(error, "%s: another node uses this state directory; stop it, or name another with --state",
        dir);
    return KITH_ERR_IN_USE;
}

int kith_store_open(const char *dir, struct kith_store **ret,
                    char ret_error[static KITH_STORE_ERROR_MAX])
{
    struct kith_store *store = calloc(1, sizeof *store);
    if (!store) {
        say(ret_error, "%s: out of memory", dir);
        return KITH_ERR_NOMEM;
    }
    store->dir = store->lock = -1;
    int err = open_dir(store, dir, ret_error);
    if (!err && snprintf(store->path, PATH_MAX, "%s", dir) >= PATH_MAX) err = KITH_ERR_RANGE;
    if (err) {
        kith_store_close(store);
        return err;
    }
    *ret = store;
    return 0;
}

void kith_store_close(struct kith_store *store)
{
    if (!store) return;
    if (store->lock >= 0) close(store->lock);
    if (store->dir >= 0) close(store->dir);
    free(store);
}

const char *kith_store_path(struct kith_store *store, enum kith_store_key key)
{
    char name[NAME_MAX_LEN];
    name_file(key, name);
    snprintf(store->shown, sizeof store->shown, "%s/%s", store->path, name);
    return store->shown;
}

static bool read_all(int file, uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t got = read(file, bytes, len);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        bytes += got;
        len -= (size_t)got;
    }
    return true;
}

static int load_open(int file, const char *path, uint8_t **ret_bytes, size_t *ret_len,
                     char error[static KITH_STORE_ERROR_MAX])
{
    struct stat stat;
    if (fstat(file, &stat) != 0 || !S_ISREG(stat.st_mode)) {
        say(error, "%s: is no regular file", path);
        return KITH_ERR_TYPE;
    }
    if (stat.st_size > KITH_STORE_LEN_MAX) {
        say(error, "%s: is larger than %d bytes", path, KITH_STORE_LEN_MAX);
        return KITH_ERR_RANGE;
    }
    if (stat.st_size == 0) {
        say(error, "%s: is empty", path);
        return KITH_ERR_TRUNCATED;
    }
    uint8_t *bytes = malloc((size_t)stat.st_size);
    if (!bytes || !read_all(file, bytes, (size_t)stat.st_size)) {
        free(bytes);
        say(error, "%s: cannot be read", path);
        return KITH_ERR_IO;
    }
    *ret_bytes = bytes;
    *ret_len = (size_t)stat.st_size;
    return 0;
}

int kith_store_load(struct kith_store *store, enum kith_store_key key, uint8_t **ret_bytes,
                    size_t *ret_len, char ret_error[static KITH_STORE_ERROR_MAX])
{
    *ret_bytes = NULL;
    *ret_len = 0;
    char name[NAME_MAX_LEN];
    name_file(key, name);
    int file = openat(store->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0 && errno == ENOENT) return 0;
    if (file < 0) {
        int number = errno;
        say(ret_error, "%s: cannot be opened: %s", kith_store_path(store, key), strerror(number));
        return KITH_ERR_IO;
    }
    int err = load_open(file, kith_store_path(store, key), ret_bytes, ret_len, ret_error);
    close(file);
    return err;
}

static bool write_all(int file, struct kith_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(file, bytes.at, bytes.len);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        bytes.at += put;
        bytes.len -= (size_t)put;
    }
    return true;
}

int kith_store_replace(struct kith_store *store, enum kith_store_key key, struct kith_bytes bytes)
{
    char name[NAME_MAX_LEN], temporary[NAME_MAX_LEN + 8];
    name_file(key, name);
    snprintf(temporary, sizeof temporary, "%s.new", name);
    /* Whoever reads parts of downloads checks their hashes: they need not outlive the machine. */
    bool lasts = key < KITH_STORE_PART;
    int file = openat(store->dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return KITH_ERR_IO;
    bool good = write_all(file, bytes) && (!lasts || fsync(file) == 0);
    good = close(file) == 0 && good;
    good = good && renameat(store->dir, temporary, store->dir, name) == 0;
    if (!good) {
        unlinkat(store->dir, temporary, 0);
        return KITH_ERR_IO;
    }
    return !lasts || fsync(store->dir) == 0 ? 0 : KITH_ERR_IO;
}
