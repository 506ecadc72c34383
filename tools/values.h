/* tools/values.h: values of options that are more than a number or a word. */
#ifndef KITH_TOOLS_VALUES_H
#define KITH_TOOLS_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "training/arch.h"

/* "I/N": part I of N, counted from 0. */
bool kith_shard_parse(const char *text, uint32_t *ret_index, uint32_t *ret_count);
/* A numeric IPv4 or IPv6 address without a port; ret->port is 0. */
bool kith_ip_parse(const char *text, struct kith_addr *ret);
/* "784-256-128-10" (all layers) or "mlp:256,128" (the hidden ones; cnn: and
 * lenet likewise), as the text that
 * kith_arch_parse takes. Of the first form the ends come back too, of the second 0. */
bool kith_layers_parse(const char *text, char ret_arch[static KITH_ARCH_TEXT_MAX],
                       uint32_t *ret_inputs, uint32_t *ret_classes);

/* "16,64,256": up to KITH_SIZES_MAX numbers of nodes, each 2 to 16,383. Returns how many, 0 if it
 * is none. */
enum { KITH_SIZES_MAX = 16, KITH_SIZE_LEAST = 2, KITH_SIZE_MOST = 16383 };
uint32_t kith_sizes_parse(const char *text, uint32_t ret[static KITH_SIZES_MAX]);

/* "2,10.5,60": up to KITH_TIMES_MAX ascending virtual times in seconds, up to 1e8. Returns how
 * many, 0 if it is none. */
enum { KITH_TIMES_MAX = 8 };
#define KITH_TIMES_ALLOWED "up to 8 ascending numbers of seconds, as 2,10.5,60"
uint32_t kith_times_parse(const char *text, double ret[static KITH_TIMES_MAX]);

/* Checks for the table of options. */
bool kith_is_shard(const char *text);
bool kith_is_ip(const char *text);
bool kith_is_address(const char *text); /* numeric, with a port, that can be dialled */
bool kith_is_place(const char *text);   /* HOST:PORT, the host a name or an address */
bool kith_is_layers(const char *text);
bool kith_is_partition(const char *text);
bool kith_is_classes(const char *text);
bool kith_is_hotkey(const char *text);
bool kith_is_sizes(const char *text);
bool kith_is_times(const char *text);

#endif
