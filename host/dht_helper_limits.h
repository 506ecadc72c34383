/* host/dht_helper_limits.h: what the helper gives up before it reads its first datagram. */
#ifndef KITH_HOST_DHT_HELPER_LIMITS_H
#define KITH_HOST_DHT_HELPER_LIMITS_H

/* At the very start: close every descriptor but standard ones, bound memory, descriptors and core
 * files, end with the parent, gain no privileges, leave Ctrl+C to the parent. 0 or KITH_ERR_IO. */
int kith_dht_limits_start(void);

#endif
