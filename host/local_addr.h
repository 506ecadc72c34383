/* host/local_addr.h: under which addresses others may reach this machine, and names as addresses.
 */
#ifndef KITH_HOST_LOCAL_ADDR_H
#define KITH_HOST_LOCAL_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* Own addresses with `port`, best first, at most `max`; returns how many. A node that is bound to
 * one address has that one. Else: the machine's interfaces, and 127.0.0.1: first if
 * `loopback_first`, left out if it is no use to anybody. */
uint32_t kith_local_addrs(const struct kith_addr *bind, uint16_t port, bool loopback_first,
                          bool loopback_too, struct kith_addr *ret, uint32_t max);
/* A socket address as ours; false if it is neither IPv4 nor IPv6. */
bool kith_addr_of_socket(const struct sockaddr *from, struct kith_addr *ret);

#endif
