/* host/key_file.h: the file that holds a node's hotkey: its 32-byte seed as text, readable by its
 * owner alone. A file that exists is never written to, and one that is not exactly as it was
 * written is never read.
 *
 *     kith key 1
 *     address 5Gw54ghuAHodDGAS91DUxqvKa6PeT9bhDdns3ztBupY8pSyn
 *     seed    9d61b19d...  (64 hexadecimal digits)
 *     check   ...          (64: BLAKE2b-256 of "kith/key/1\0" and the lines above)
 *
 * Errors are one line for a person, "PATH: what is wrong; what to do", in `ret_error`. */
#ifndef KITH_HOST_KEY_FILE_H
#define KITH_HOST_KEY_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "identity/keys.h"

enum {
    KITH_KEY_FILE_MAX = 4096,       /* bytes of a file that is looked at */
    KITH_KEY_FILE_TEXT_MAX = 256,   /* of one that is written */
    KITH_KEY_FILE_ERROR_MAX = 1024, /* of an error line, with its NUL; longer ones are cut */
};

/* Write a new key file of mode 0600: whole or not at all, also when the power fails. The directory
 * must exist. 0; EXISTS (the file stays as it was); NOT_FOUND (no such directory); PERMISSION; IO;
 * RANGE (path too long). */
int kith_key_file_create(const char *path, const uint8_t seed[static KITH_SEED_LEN],
                         char ret_error[static KITH_KEY_FILE_ERROR_MAX]);
/* Read the key pair. 0; NOT_FOUND; PERMISSION (others may read it, or we may not); INVALID (not a
 * regular file, or no key file); RANGE (too large); TRUNCATED; TRAILING; HASH (damaged); IO. */
int kith_key_file_load(const char *path, struct kith_keypair *ret,
                       char ret_error[static KITH_KEY_FILE_ERROR_MAX]);

/* The file's bytes from a seed and back, without a file. A seed has exactly one text. */
struct kith_key_text {
    char bytes[KITH_KEY_FILE_TEXT_MAX];
    size_t len;
};

void kith_key_text_write(const uint8_t seed[static KITH_SEED_LEN], struct kith_key_text *ret);
/* 0; INVALID (not a key file of this version), TRUNCATED, TRAILING or HASH (damaged). */
int kith_key_text_parse(struct kith_bytes text, uint8_t ret_seed[static KITH_SEED_LEN]);

#endif
