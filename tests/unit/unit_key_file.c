/* host/key_file: a key is kept, never overwritten, and never read when anything is wrong. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "host/key_file.h"
#include "tests/test.h"

static char dir[] = "/tmp/kith-unit-key-file-XXXXXX";
static const uint8_t rfc_seed[KITH_SEED_LEN] = {
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};

/* "dir/name", in one of a few buffers, so that two live side by side. */
static const char *at(const char *name)
{
    static char path[4][512];
    static int next;
    char *ret = path[next++ % 4];
    snprintf(ret, sizeof path[0], "%s/%s", dir, name);
    return ret;
}

static bool put(const char *path, const void *bytes, size_t len, mode_t mode)
{
    unlink(path);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    bool good = file >= 0 && write(file, bytes, len) == (ssize_t)len && fchmod(file, mode) == 0;
    if (file >= 0) close(file);
    return good;
}

/* Load, and check that the error is one line that begins with the path and says `words`. */
static bool refuses(const char *path, int wanted, const char *words)
{
    struct kith_keypair pair, before;
    char error[KITH_KEY_FILE_ERROR_MAX] = "", start[600];
    memset(&pair, 0x5a, sizeof pair);
    before = pair;
    int err = kith_key_file_load(path, &pair, error);
    snprintf(start, sizeof start, "%s: ", path);
    bool good = err == wanted && strncmp(error, start, strlen(start)) == 0 &&
                strstr(error, words) && !strchr(error, '\n') && strchr(error, ';') &&
                memcmp(&pair, &before, sizeof pair) == 0;
    if (!good) printf("# %d %s\n", err, error);
    return good;
}

static void created_file_loads(void)
{
    struct kith_keypair pair, wanted;
    char error[KITH_KEY_FILE_ERROR_MAX] = "";
    struct stat info;
    umask(0);
    check_int(kith_key_file_create(at("good"), rfc_seed, error), 0);
    check_int(stat(at("good"), &info), 0);
    check_int(info.st_mode & 07777, 0600);
    check_int(info.st_nlink, 1);
    umask(0277);
    check_int(kith_key_file_create(at("tight"), rfc_seed, error), 0);
    umask(022);
    check_int(stat(at("tight"), &info), 0);
    check_int(info.st_mode & 07777, 0600);
    check_int(kith_key_file_load(at("good"), &pair, error), 0);
    check_str(error, "");
    kith_keypair_from_seed(&wanted, rfc_seed);
    check(kith_id_eq(&pair.hotkey, &wanted.hotkey));
    check(memcmp(pair.secret, wanted.secret, KITH_SECRET_LEN) == 0);
}

static void text_is_as_documented(void)
{
    struct kith_key_text text;
    kith_key_text_write(rfc_seed, &text);
    check_int(text.len, 214);
    check(strstr(text.bytes, "check   "));
    *strstr(text.bytes, "check   ") = '\0';
    check_str(text.bytes, "kith key 1\n"
                          "address 5Gw54ghuAHodDGAS91DUxqvKa6PeT9bhDdns3ztBupY8pSyn\n"
                          "seed    9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
                          "\n");
}

static void existing_file_is_never_overwritten(void)
{
    char error[KITH_KEY_FILE_ERROR_MAX], wanted[700], left[16] = "";
    const char *path = at("taken");
    check(put(path, "my notes", 8, 0644));
    check_int(kith_key_file_create(path, rfc_seed, error), KITH_ERR_EXISTS);
    snprintf(wanted, sizeof wanted,
             "%s: exists already; use it, or name another file (a key is never overwritten)", path);
    check_str(error, wanted);
    int file = open(path, O_RDONLY);
    check_int(read(file, left, sizeof left - 1), 8);
    close(file);
    check_str(left, "my notes");
    /* Nor what a link points to, be it there or not. */
    check_int(symlink("nowhere", at("dangling")), 0);
    check_int(kith_key_file_create(at("dangling"), rfc_seed, error), KITH_ERR_EXISTS);
    check_int(access(at("nowhere"), F_OK), -1);
    check_int(kith_key_file_create(dir, rfc_seed, error), KITH_ERR_EXISTS);
}

/* Many at once: one wins, the others are told, and its key is the one that stays. */
static void of_many_writers_one_wins(void)
{
    enum { WRITERS = 8 };
    pid_t child[WRITERS];
    const char *path = at("race");
    int won = 0, winner = -1;
    struct kith_keypair pair, wanted;
    char error[KITH_KEY_FILE_ERROR_MAX];
    for (int i = 0; i < WRITERS; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            uint8_t seed[KITH_SEED_LEN] = {(uint8_t)i};
            int err = kith_key_file_create(path, seed, error);
            _exit(err == 0 ? 0 : err == KITH_ERR_EXISTS ? 1 : 2);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        check_int(waitpid(child[i], &status, 0), child[i]);
        check(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        if (WEXITSTATUS(status) == 0) won++, winner = i;
    }
    check_int(won, 1);
    uint8_t seed[KITH_SEED_LEN] = {(uint8_t)winner};
    kith_keypair_from_seed(&wanted, seed);
    check_int(kith_key_file_load(path, &pair, error), 0);
    check(kith_id_eq(&pair.hotkey, &wanted.hotkey));
}

static int leftovers;

static int count_temporary(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info, (void)type, (void)ftw;
    const char *name = strrchr(path, '/');
    leftovers += name && strchr(name, '.') != NULL;
    return 0;
}

static void no_temporary_file_is_left(void)
{
    check_int(nftw(dir, count_temporary, 8, FTW_PHYS), 0);
    check_int(leftovers, 0);
}

static void create_says_what_is_wrong(void)
{
    char error[KITH_KEY_FILE_ERROR_MAX], *path = malloc(6000);
    check(path);
    check_int(kith_key_file_create(at("no/such/key"), rfc_seed, error), KITH_ERR_NOT_FOUND);
    check(strstr(error, "no/such/key: cannot be created: No such file or directory; "));
    check_int(kith_key_file_create(at("good/key"), rfc_seed, error), KITH_ERR_NOT_FOUND);
    memset(path, 'x', 5999);
    path[5999] = '\0';
    check_int(kith_key_file_create(path, rfc_seed, error), KITH_ERR_RANGE);
    check(strlen(error) < sizeof error && strstr(error, "too long"));
    free(path);
    check_int(kith_key_file_create(at("no\nline/x"), rfc_seed, error), KITH_ERR_NOT_FOUND);
    check(!strchr(error, '\n') && strstr(error, "no?line"));
}

static void missing_and_special_files_are_refused(void)
{
    check(refuses(at("absent"), KITH_ERR_NOT_FOUND, "No such file"));
    check(refuses(dir, KITH_ERR_INVALID, "no regular file"));
    check_int(symlink("good", at("link")), 0);
    check(refuses(at("link"), KITH_ERR_INVALID, "symbolic link"));
    check_int(mkfifo(at("pipe"), 0600), 0);
    check(refuses(at("pipe"), KITH_ERR_INVALID, "no regular file"));
    check(refuses("/dev/zero", KITH_ERR_INVALID, "no regular file"));
}

static void readable_by_others_is_refused(void)
{
    static const struct {
        mode_t mode;
        const char *words;
    } rows[] = {{0640, "mode 0640"}, {0604, "mode 0604"}, {0620, "mode 0620"},
                {0601, "mode 0601"}, {0644, "chmod 600"}, {0777, "mode 0777"}};
    struct kith_key_text text;
    struct kith_keypair pair;
    char error[KITH_KEY_FILE_ERROR_MAX];
    kith_key_text_write(rfc_seed, &text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check(put(at("open"), text.bytes, text.len, rows[i].mode));
        check(refuses(at("open"), KITH_ERR_PERMISSION, rows[i].words));
    }
    check(put(at("open"), text.bytes, text.len, 0400));
    check_int(kith_key_file_load(at("open"), &pair, error), 0);
}

static void other_content_is_refused(void)
{
    char big[KITH_KEY_FILE_MAX + 1] = {0};
    struct kith_key_text text;
    kith_key_text_write(rfc_seed, &text);
    check(put(at("bad"), "", 0, 0600));
    check(refuses(at("bad"), KITH_ERR_TRUNCATED, "ends too early"));
    check(put(at("bad"), "kith key 2\n", 11, 0600));
    check(refuses(at("bad"), KITH_ERR_INVALID, "no kith key file"));
    check(put(at("bad"), "-----BEGIN OPENSSH PRIVATE KEY-----\n", 36, 0600));
    check(refuses(at("bad"), KITH_ERR_INVALID, "no kith key file"));
    check(put(at("bad"), text.bytes, text.len + 1, 0600));
    check(refuses(at("bad"), KITH_ERR_TRAILING, "bytes after its end"));
    memcpy(big, text.bytes, text.len);
    check(put(at("bad"), big, KITH_KEY_FILE_MAX, 0600));
    check(refuses(at("bad"), KITH_ERR_TRAILING, "bytes after its end"));
    check(put(at("bad"), big, KITH_KEY_FILE_MAX + 1, 0600));
    check(refuses(at("bad"), KITH_ERR_RANGE, "more than the 4096"));
    check_int(truncate(at("bad"), 1 << 30), 0);
    check(refuses(at("bad"), KITH_ERR_RANGE, "has 1073741824 bytes"));
}

static void every_truncation_is_refused(void)
{
    struct kith_key_text text;
    kith_key_text_write(rfc_seed, &text);
    for (size_t len = 0; len < text.len; len++) {
        check(put(at("short"), text.bytes, len, 0600));
        check(refuses(at("short"), KITH_ERR_TRUNCATED, "ends too early"));
    }
}

static void every_flipped_bit_is_refused(void)
{
    struct kith_key_text text;
    kith_key_text_write(rfc_seed, &text);
    for (size_t bit = 0; bit < 8 * text.len; bit++) {
        text.bytes[bit / 8] = (char)(text.bytes[bit / 8] ^ 1 << bit % 8);
        check(put(at("flipped"), text.bytes, text.len, 0600));
        bool in_header = bit / 8 < 11;
        check(refuses(at("flipped"), in_header ? KITH_ERR_INVALID : KITH_ERR_HASH,
                      in_header ? "no kith key file" : "damaged (checksum)"));
        text.bytes[bit / 8] = (char)(text.bytes[bit / 8] ^ 1 << bit % 8);
    }
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info, (void)type, (void)ftw;
    return remove(path);
}

int main(void)
{
    if (!mkdtemp(dir)) {
        printf("Bail out! no temporary directory: %s\n", strerror(errno));
        return 1;
    }
    run(created_file_loads);
    run(text_is_as_documented);
    run(existing_file_is_never_overwritten);
    run(of_many_writers_one_wins);
    run(no_temporary_file_is_left);
    run(create_says_what_is_wrong);
    run(missing_and_special_files_are_refused);
    run(readable_by_others_is_refused);
    run(other_content_is_refused);
    run(every_truncation_is_refused);
    run(every_flipped_bit_is_refused);
    nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    return test_end();
}
