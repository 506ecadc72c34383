#include "tools/up_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/dispatch.h"

enum { SHOWN_MAX = 2048 };

int kith_up_dir(const struct kith_args *args, char ret_dir[static KITH_PATH_MAX])
{
    char error[KITH_PATH_MAX];
    const char *given = kith_args_text(args, "dir");
    if (given && strlen(given) >= KITH_PATH_MAX / 2)
        return kith_fail(args, "--dir: the path is too long");
    if (given) {
        strcpy(ret_dir, given);
        return 0;
    }
    if (kith_state_dir_default(1, ret_dir, error) == 0 && strlen(ret_dir) < KITH_PATH_MAX / 2) {
        strcat(ret_dir, "-up");
        return 0;
    }
    return kith_fail(args, "neither XDG_STATE_HOME nor HOME names a directory; use --dir DIR");
}

bool kith_up_path(const char *dir, const char *name, char ret[static KITH_PATH_MAX])
{
    return snprintf(ret, KITH_PATH_MAX, "%s/%s", dir, name) < KITH_PATH_MAX;
}

void kith_up_name(uint32_t index, uint32_t count, char ret[static KITH_UP_NAME_MAX])
{
    snprintf(ret, KITH_UP_NAME_MAX, "node-%0*u", count > 100 ? 3 : 2, (unsigned)index);
}

static int refuse(const char *path, const char *what, char ret_error[static KITH_PATH_MAX])
{
    snprintf(ret_error, KITH_PATH_MAX, "%.*s: %s", SHOWN_MAX, path, what);
    return 1;
}

int kith_up_lock(const char *dir, char ret_error[static KITH_PATH_MAX])
{
    char path[KITH_PATH_MAX];
    char text[96];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (kith_state_dir_make(dir, ret_error) != 0) return 1;
    if (!kith_up_path(dir, "lock", path)) return refuse(dir, "the path is too long", ret_error);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return refuse(path, strerror(errno), ret_error);
    /* Never closed: the end of the process ends the lock. */
    if (fcntl(fd, F_SETLK, &lock) == 0) return 0;
    bool is_held = errno == EACCES || errno == EAGAIN;
    const char *why = strerror(errno);
    snprintf(text, sizeof text, "kith up runs here already, process %ld; see kith up status",
             (long)kith_up_holder(dir));
    close(fd);
    return refuse(dir, is_held ? text : why, ret_error);
}

pid_t kith_up_holder(const char *dir)
{
    char path[KITH_PATH_MAX];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (!kith_up_path(dir, "lock", path)) return 0;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    int err = fcntl(fd, F_GETLK, &lock);
    close(fd);
    if (err) return -1;
    if (lock.l_type == F_UNLCK) return 0;
    return lock.l_pid > 0 ? lock.l_pid : -1;
}

bool kith_up_write_status(const char *dir, const json_t *status)
{
    char path[KITH_PATH_MAX];
    char fresh[KITH_PATH_MAX];
    if (!kith_up_path(dir, "status.json", path) || !kith_up_path(dir, "status.json.new", fresh))
        return false;
    /* Read while it runs and of no use afterwards: it need not survive a power cut. */
    return json_dump_file(status, fresh, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0 &&
           rename(fresh, path) == 0;
}

json_t *kith_up_read_status(const char *dir)
{
    char path[KITH_PATH_MAX];
    if (!kith_up_path(dir, "status.json", path)) return NULL;
    return json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
}
