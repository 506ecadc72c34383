#include "tools/state_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/options.h"

enum { SHOWN_MAX = 2048 };

static int too_long(const char *path, char ret_error[static KITH_PATH_MAX])
{
    char quoted[SHOWN_MAX];
    kith_quote(path, quoted, sizeof quoted);
    snprintf(ret_error, KITH_PATH_MAX, "%s: the path is too long", quoted);
    return 1;
}

int kith_state_dir_default(uint32_t number, char ret_path[static KITH_PATH_MAX],
                           char ret_error[static KITH_PATH_MAX])
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    const char *below = "";
    char suffix[16] = "";
    /* As the XDG specification says, a relative path there counts for nothing. */
    if (!state || state[0] != '/') {
        state = home;
        below = "/.local/state";
    }
    if (!state || state[0] != '/') {
        snprintf(ret_error, KITH_PATH_MAX,
                 "neither XDG_STATE_HOME nor HOME names a directory; use --state DIR");
        return 1;
    }
    if (number > 1) snprintf(suffix, sizeof suffix, "-%u", (unsigned)number);
    int len = snprintf(ret_path, KITH_PATH_MAX, "%s%s/kith%s", state, below, suffix);
    return len < KITH_PATH_MAX ? 0 : too_long(state, ret_error);
}

static int make_one(const char *path, char ret_error[static KITH_PATH_MAX])
{
    struct stat stat_;
    if (mkdir(path, 0700) == 0 || errno == EEXIST || errno == EISDIR) {
        if (stat(path, &stat_) == 0 && S_ISDIR(stat_.st_mode)) return 0;
        errno = ENOTDIR;
    }
    snprintf(ret_error, KITH_PATH_MAX, "%.*s: %s", SHOWN_MAX, path, strerror(errno));
    return 1;
}

int kith_state_dir_make(const char *path, char ret_error[static KITH_PATH_MAX])
{
    char part[KITH_PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part) return too_long(path, ret_error);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (make_one(part, ret_error) != 0) return 1;
    }
    return 0;
}

int kith_state_dir_key(const char *dir, char ret_path[static KITH_PATH_MAX],
                       char ret_error[static KITH_PATH_MAX])
{
    int len = snprintf(ret_path, KITH_PATH_MAX, "%s/hotkey", dir);
    return len < KITH_PATH_MAX ? 0 : too_long(dir, ret_error);
}
