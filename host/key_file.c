#include "host/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/hash.h"
#include "identity/ss58.h"

static const char header[] = "kith key 1\n";

enum {
    HEADER_LEN = sizeof header - 1,
    LABEL_LEN = 8, /* "address ", "seed    ", "check   " */
    SEED_AT = HEADER_LEN + LABEL_LEN + KITH_SS58_MAX + LABEL_LEN,
    HEX_LEN = 2 * KITH_SEED_LEN,
    TEXT_LEN = SEED_AT + HEX_LEN + 1 + LABEL_LEN + 2 * KITH_ID_LEN + 1,
};

void kith_key_text_write(const uint8_t seed[static KITH_SEED_LEN], struct kith_key_text *ret)
{
    char address[KITH_SS58_MAX], hex[HEX_LEN + 1], check[2 * KITH_ID_LEN + 1];
    struct kith_keypair pair;
    kith_keypair_from_seed(&pair, seed);
    kith_ss58_encode(&pair.hotkey, address);
    kith_keypair_wipe(&pair);
    kith_hex_encode(seed, KITH_SEED_LEN, hex);
    size_t size = sizeof ret->bytes;
    size_t body =
        (size_t)snprintf(ret->bytes, size, "%saddress %s\nseed    %s\n", header, address, hex);
    sodium_memzero(hex, sizeof hex);
    struct kith_id id =
        kith_hash_of("kith/key/1", (struct kith_bytes){(const uint8_t *)ret->bytes, body});
    kith_hex_encode(id.bytes, KITH_ID_LEN, check);
    ret->len = body + (size_t)snprintf(ret->bytes + body, size - body, "check   %s\n", check);
    kith_assert(ret->len == TEXT_LEN);
}

int kith_key_text_parse(struct kith_bytes text, uint8_t ret_seed[static KITH_SEED_LEN])
{
    uint8_t seed[KITH_SEED_LEN];
    char hex[HEX_LEN + 1] = {0};
    struct kith_key_text wanted;
    size_t head = text.len < HEADER_LEN ? text.len : HEADER_LEN;
    if (head && memcmp(text.at, header, head) != 0) return KITH_ERR_INVALID;
    if (text.len < TEXT_LEN) return KITH_ERR_TRUNCATED;
    if (text.len > TEXT_LEN) return KITH_ERR_TRAILING;

    /* One seed has one text: write it again and compare all of it. */
    memcpy(hex, text.at + SEED_AT, HEX_LEN);
    bool good = kith_hex_decode(hex, seed, KITH_SEED_LEN);
    if (good) {
        kith_key_text_write(seed, &wanted);
        good = sodium_memcmp(wanted.bytes, text.at, TEXT_LEN) == 0;
        if (good) memcpy(ret_seed, seed, KITH_SEED_LEN);
        sodium_memzero(&wanted, sizeof wanted);
        sodium_memzero(seed, sizeof seed);
    }
    sodium_memzero(hex, sizeof hex);
    return good ? 0 : KITH_ERR_HASH;
}

/* "path: what", one line whatever the path holds. Gives `err` back. */
__attribute__((format(printf, 4, 5))) static int say(char *ret_error, int err, const char *path,
                                                     const char *form, ...)
{
    va_list args;
    int len = snprintf(ret_error, KITH_KEY_FILE_ERROR_MAX, "%.600s: ", path);
    va_start(args, form);
    vsnprintf(ret_error + len, KITH_KEY_FILE_ERROR_MAX - (size_t)len, form, args);
    va_end(args);
    for (char *c = ret_error; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    return err;
}

static int say_errno(char *ret_error, const char *path, const char *what)
{
    int code = errno;
    if (code == ENOENT || code == ENOTDIR)
        return say(ret_error, KITH_ERR_NOT_FOUND, path, "%s: %s; check the path", what,
                   strerror(code));
    if (code == EACCES || code == EPERM || code == EROFS)
        return say(ret_error, KITH_ERR_PERMISSION, path,
                   "%s: %s; use a directory and file of your own", what, strerror(code));
    return say(ret_error, KITH_ERR_IO, path, "%s: %s; free the disk or use another path", what,
               strerror(code));
}

static int say_exists(char *ret_error, const char *path)
{
    return say(ret_error, KITH_ERR_EXISTS, path,
               "exists already; use it, or name another file (a key is never overwritten)");
}

static bool write_all(int file, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(file, bytes, len);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

/* Give the finished file its name unless the name is taken. Some file systems know no links. */
static bool publish(const char *temporary, const char *path)
{
    if (link(temporary, path) == 0) {
        unlink(temporary);
        return true;
    }
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return false;
    return renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0;
}

/* So that the name, too, outlives a loss of power. */
static bool sync_directory_of(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 0;
    if (len >= sizeof dir) return false;
    memcpy(dir, path, len);
    memcpy(dir + len, ".", 2);
    int file = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return false;
    bool good = fsync(file) == 0;
    close(file);
    return good;
}

/* The text, whole and on disk, under a name that nobody looks for. */
static bool write_temporary(char *template, const struct kith_key_text *text)
{
    int file = mkostemp(template, O_CLOEXEC);
    if (file < 0) return false;
    bool good = fchmod(file, S_IRUSR | S_IWUSR) == 0 && write_all(file, text->bytes, text->len) &&
                fsync(file) == 0;
    int code = errno;
    if (close(file) != 0 && good) {
        code = errno;
        good = false;
    }
    if (!good) unlink(template);
    errno = code;
    return good;
}

int kith_key_file_create(const char *path, const uint8_t seed[static KITH_SEED_LEN],
                         char ret_error[static KITH_KEY_FILE_ERROR_MAX])
{
    char temporary[PATH_MAX];
    struct kith_key_text text;
    struct stat info;
    if (strlen(path) + sizeof ".XXXXXX" > sizeof temporary)
        return say(ret_error, KITH_ERR_RANGE, path, "the path is too long; use a shorter one");
    if (lstat(path, &info) == 0) return say_exists(ret_error, path);
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);

    kith_key_text_write(seed, &text);
    bool written = write_temporary(temporary, &text);
    sodium_memzero(&text, sizeof text);
    if (!written) return say_errno(ret_error, path, "cannot be created");
    if (!publish(temporary, path)) {
        int code = errno;
        unlink(temporary);
        errno = code;
        if (code == EEXIST) return say_exists(ret_error, path);
        return say_errno(ret_error, path, "cannot be created");
    }
    if (!sync_directory_of(path)) return say_errno(ret_error, path, "cannot be made to last");
    return 0;
}

/* What the file is, before a byte of it is read. */
static int check_file(int file, const char *path, char *ret_error)
{
    struct stat info;
    if (fstat(file, &info) != 0) return say_errno(ret_error, path, "cannot be looked at");
    if (!S_ISREG(info.st_mode))
        return say(ret_error, KITH_ERR_INVALID, path, "is no regular file; name the key file");
    if (info.st_mode & (S_IRWXG | S_IRWXO))
        return say(ret_error, KITH_ERR_PERMISSION, path,
                   "others have access to this key (mode %04o); run chmod 600 on it",
                   (unsigned)(info.st_mode & 07777));
    if (info.st_size > KITH_KEY_FILE_MAX)
        return say(ret_error, KITH_ERR_RANGE, path,
                   "has %lld bytes, more than the %d of any key file; name the key file",
                   (long long)info.st_size, KITH_KEY_FILE_MAX);
    return 0;
}

static ssize_t read_all(int file, uint8_t *ret, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t got = read(file, ret + len, size - len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

static int say_parsed(char *ret_error, const char *path, int err)
{
    static const char remedy[] = "restore it from a copy, or make a new key under another name";
    switch (err) {
    case 0:
        return 0;
    case KITH_ERR_INVALID:
        return say(ret_error, err, path, "is no kith key file; name one, or make one");
    case KITH_ERR_TRUNCATED:
        return say(ret_error, err, path, "the key file ends too early; %s", remedy);
    case KITH_ERR_TRAILING:
        return say(ret_error, err, path, "the key file has bytes after its end; %s", remedy);
    default:
        return say(ret_error, err, path, "the key file is damaged (checksum); %s", remedy);
    }
}

int kith_key_file_load(const char *path, struct kith_keypair *ret,
                       char ret_error[static KITH_KEY_FILE_ERROR_MAX])
{
    uint8_t bytes[KITH_KEY_FILE_MAX + 1], seed[KITH_SEED_LEN];
    /* Not blocking: a named pipe must not hold us up before it is seen to be one. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0 && errno == ELOOP)
        return say(ret_error, KITH_ERR_INVALID, path,
                   "is a symbolic link; name the key file itself");
    if (file < 0) return say_errno(ret_error, path, "cannot be read");
    int err = check_file(file, path, ret_error);
    ssize_t len = err ? 0 : read_all(file, bytes, sizeof bytes);
    if (len < 0) err = say_errno(ret_error, path, "cannot be read");
    close(file);
    if (err) return err;

    err = kith_key_text_parse((struct kith_bytes){bytes, (size_t)len}, seed);
    if (!err) kith_keypair_from_seed(ret, seed);
    sodium_memzero(bytes, sizeof bytes);
    sodium_memzero(seed, sizeof seed);
    return say_parsed(ret_error, path, err);
}
