/* host/dht_helper_hooks.h: the helper's own recvfrom(), sendto() and bind(), which its libopendht
 * calls instead of libc's (the executable exports them, and the dynamic linker looks there first).
 * recvfrom asks the shield about each datagram, bind can keep to loopback, and both ways are
 * counted. OpenDHT offers none of it. */
#ifndef KITH_HOST_DHT_HELPER_HOOKS_H
#define KITH_HOST_DHT_HELPER_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "host/dht_wire.h"

enum { KITH_DHT_HEARD_MAX = 16 };

/* Before OpenDHT opens its sockets. Until then: every address, shield on. */
void kith_dht_hooks_set(bool loopback_only, bool shield_off);
/* What came and went so far. From any thread. */
void kith_dht_hooks_count(struct kith_dht_traffic *ret);
/* Where datagrams come from, while wanted: up to KITH_DHT_HEARD_MAX different addresses since the
 * last call of _listen. `wake` is called on OpenDHT's thread when there is a new one. */
void kith_dht_hooks_listen(bool is_wanted, void (*wake)(void));
bool kith_dht_hooks_heard(struct kith_addr *ret);
/* Whether any bind() since the start found its port taken. */
bool kith_dht_hooks_port_taken(void);

#endif
