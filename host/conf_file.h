/* host/conf_file.h: the rules of a swarm as a YAML file: one mapping of plain fields. */
#ifndef KITH_HOST_CONF_FILE_H
#define KITH_HOST_CONF_FILE_H

#include <stdio.h>

#include "base/bytes.h"
#include "node/rules.h"

enum { KITH_CONF_ERROR_MAX = 512, KITH_CONF_LEN_MAX = 16 * 1024 };

/* Read rules from text. Fields that are not given are the built-in swarm's, but for the name, which
 * must be given. Anything else is refused: unknown and repeated fields, anchors, aliases, tags,
 * deeper structures, a second document, more than KITH_CONF_LEN_MAX bytes. 0, or KITH_ERR_INVALID
 * with "NAME:LINE: field: what and what is allowed" in ret_error. `ret` is written on success. */
int kith_conf_parse(const char *name, struct kith_bytes text, struct kith_rules *ret,
                    char ret_error[static KITH_CONF_ERROR_MAX]);
/* The same from a file; also NOT_FOUND, PERMISSION, IO, TYPE, RANGE with "PATH: what". */
int kith_conf_load(const char *path, struct kith_rules *ret,
                   char ret_error[static KITH_CONF_ERROR_MAX]);
/* Write rules in full, so that kith_conf_parse gives the same ones again. */
void kith_conf_write(const struct kith_rules *rules, FILE *out);

#endif
