/* tools/up_dir.h: the run folder of `kith up`: DIR/lock is held while it runs, DIR/status.json says
 * how its nodes are, DIR/node-00 is the first node's state directory and DIR/node-00.log its log.
 */
#ifndef KITH_TOOLS_UP_DIR_H
#define KITH_TOOLS_UP_DIR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/options.h"
#include "tools/state_dir.h"

enum { KITH_UP_NODES_MAX = 256, KITH_UP_NAME_MAX = 16 };

/* The folder of --dir or the default one. 0, or 1 after printing why not. */
int kith_up_dir(const struct kith_args *args, char ret_dir[static KITH_PATH_MAX]);
/* DIR/NAME. False if that is too long. */
bool kith_up_path(const char *dir, const char *name, char ret[static KITH_PATH_MAX]);
/* "node-07": wide enough for all of `count`. */
void kith_up_name(uint32_t index, uint32_t count, char ret[static KITH_UP_NAME_MAX]);

/* Make the folder and take its lock, held until the process ends. 0, or 1 with "PATH: what" in
 * ret_error. */
int kith_up_lock(const char *dir, char ret_error[static KITH_PATH_MAX]);
/* The process that holds the lock: 0 if nobody does, -1 if that cannot be told. */
pid_t kith_up_holder(const char *dir);

/* Replace DIR/status.json. False if that failed. */
bool kith_up_write_status(const char *dir, const json_t *status);
/* Read it; NULL if there is none that can be read. */
json_t *kith_up_read_status(const char *dir);

#endif
