/* host/store_posix.h: a node's state directory: a lock, so that no two nodes share it, and one file
 * for each store key, replaced atomically: write a temporary file, fsync, rename, fsync the
 * directory. After a crash at any point the old or the new bytes are there, whole. Parts of
 * downloads are not synced: their reader finds out whether they are good. */
#ifndef KITH_HOST_STORE_POSIX_H
#define KITH_HOST_STORE_POSIX_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/outbox.h"

enum { KITH_STORE_ERROR_MAX = 512, KITH_STORE_LEN_MAX = 1 << 30 };

struct kith_store;

/* Make the directory if it is missing (mode 0700) and lock it. 0, or IN_USE (another node has it),
 * PERMISSION, IO, NOMEM with one line "PATH: what is wrong" in ret_error. */
int kith_store_open(const char *dir, struct kith_store **ret,
                    char ret_error[static KITH_STORE_ERROR_MAX]);
void kith_store_close(struct kith_store *store);
/* What is stored: *ret_bytes is malloc'ed, NULL and length 0 if nothing is. 0, or IO, RANGE (larger
 * than KITH_STORE_LEN_MAX), TYPE (no regular file), TRUNCATED (an empty one: no store leaves that)
 * with a line in ret_error. */
int kith_store_load(struct kith_store *store, enum kith_store_key key, uint8_t **ret_bytes,
                    size_t *ret_len, char ret_error[static KITH_STORE_ERROR_MAX]);
/* Replace, with at least one byte. 0 or IO; then the old bytes are still there. Any thread, one at
 * a time. */
int kith_store_replace(struct kith_store *store, enum kith_store_key key, struct kith_bytes bytes);
/* The file of a key, for messages; valid until the next call with this store. */
const char *kith_store_path(struct kith_store *store, enum kith_store_key key);

#endif
