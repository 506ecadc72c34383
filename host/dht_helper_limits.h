/* host/dht_helper_limits.h: what the helper gives up before it reads its first datagram. */
#ifndef KITH_HOST_DHT_HELPER_LIMITS_H
#define KITH_HOST_DHT_HELPER_LIMITS_H

/* At the very start: close every descriptor but standard ones, bound memory, descriptors and core
 * files, end with the parent, gain no privileges, leave Ctrl+C to the parent. 0 or KITH_ERR_IO. */
int kith_dht_limits_start(void);
/* Before OpenDHT opens its sockets: from here on this process may use sockets, memory, time and
 * threads, but open no file, start no program, look into no other process and make no other kind of
 * socket than UDP's; such calls fail with EPERM. A kernel that cannot do it goes without. */
void kith_dht_limits_confine(void);

#endif
