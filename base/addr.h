/* base/addr.h: where a node listens: an IP address and a port. The core copies and compares it and
 * asks for its kind; only the hosts dial it. The simulator puts a node's index there. Pure. */
#ifndef KITH_BASE_ADDR_H
#define KITH_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

enum { KITH_ADDR_TEXT_MAX = 56, KITH_HOST_NAME_MAX = 253 };

struct kith_addr {
    uint8_t family; /* 4, 6; 0: none */
    uint8_t ip[16]; /* IPv4 in the first four bytes, the rest zero */
    uint16_t port;
};

enum kith_addr_kind {
    /* Never to be dialled: unspecified, multicast, broadcast, port 0, an IPv4 with more bytes. */
    KITH_ADDR_BAD,
    KITH_ADDR_LOOPBACK,
    KITH_ADDR_PRIVATE, /* RFC 1918, link-local, unique local */
    KITH_ADDR_PUBLIC,
};

bool kith_addr_eq(const struct kith_addr *a, const struct kith_addr *b);
enum kith_addr_kind kith_addr_kind(const struct kith_addr *addr);
/* "127.0.0.1:8120" or "[::1]:8120". */
void kith_addr_format(const struct kith_addr *addr, char ret[static KITH_ADDR_TEXT_MAX]);
/* A numeric address with a port, as kith_addr_format writes it; false for anything else. */
bool kith_addr_parse(const char *text, struct kith_addr *ret);
/* NAME:PORT, the name at most KITH_HOST_NAME_MAX letters, digits, '-', '_' and '.'; not digits and
 * points alone, which is a mistyped address. False for anything else. */
bool kith_addr_split_name(const char *text, char ret_name[static KITH_HOST_NAME_MAX + 1],
                          uint16_t *ret_port);

#endif
