/* tools/state_dir.h: where a user's nodes keep their state, and the files in there that are not the
 * store's. */
#ifndef KITH_TOOLS_STATE_DIR_H
#define KITH_TOOLS_STATE_DIR_H

#include <stdint.h>

enum { KITH_PATH_MAX = 4096, KITH_STATE_DIRS_MAX = 256 };

/* The default directory: $XDG_STATE_HOME/kith or ~/.local/state/kith; number 2 is kith-2 beside it,
 * and so on. 0, or 1 with a line in ret_error if the environment names no home or the path is too
 * long. */
int kith_state_dir_default(uint32_t number, char ret_path[static KITH_PATH_MAX],
                           char ret_error[static KITH_PATH_MAX]);
/* Make the directory and those above it, mode 0700. 0, or 1 with "PATH: what". */
int kith_state_dir_make(const char *path, char ret_error[static KITH_PATH_MAX]);
/* DIR/hotkey. 0, or 1 if that is too long. */
int kith_state_dir_key(const char *dir, char ret_path[static KITH_PATH_MAX],
                       char ret_error[static KITH_PATH_MAX]);

#endif
