/* host/resolve_uv.h: bootstrap texts to addresses, with a time limit for names. */
#ifndef KITH_HOST_RESOLVE_UV_H
#define KITH_HOST_RESOLVE_UV_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/addr.h"

enum { KITH_RESOLVE_MAX = 32, KITH_RESOLVE_TEXT_MAX = 262 };

struct kith_resolve;

/* HOST:PORT, [IPv6]:PORT or NAME:PORT with a port from 1 to 65535. */
bool kith_resolve_is_good(const char *text);
/* Resolve all texts at once. `done` comes once, from the loop: what was found in the order of the
 * texts, at most one address each; `failed` before it for each name that gave none within
 * `limit_ms`. 0, RANGE (too many), INVALID or NOMEM. */
int kith_resolve_start(uv_loop_t *loop, const char *const *texts, uint32_t count, uint32_t limit_ms,
                       void *context, void (*failed)(void *context, const char *text),
                       void (*done)(void *context, const struct kith_addr *addrs, uint32_t count));

#endif
