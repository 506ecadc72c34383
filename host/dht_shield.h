/* host/dht_shield.h: what stands between the network and OpenDHT 2.4.12, whose parser one datagram
 * can kill: it reads element 0 of an empty error array, walks an integer as a map, and divides by
 * an empty selection of fields. Besides these three shapes, everything is dropped that no kith node
 * sends: listen, values in parts, signed, encrypted or typed values. Pure. */
#ifndef KITH_HOST_DHT_SHIELD_H
#define KITH_HOST_DHT_SHIELD_H

#include "base/bytes.h"

enum {
    KITH_DHT_SHIELD_DEPTH_MAX = 6, /* maps and arrays inside each other */
    KITH_DHT_SHIELD_OBJECTS_MAX = 20000,
};

enum kith_dht_verdict {
    KITH_DHT_PASS,
    KITH_DHT_DROP_MALFORMED, /* no msgpack map that fills the datagram exactly */
    KITH_DHT_DROP_LIMIT,     /* too deep or too many objects */
    KITH_DHT_DROP_TYPE,      /* nil, float, extension, 32-bit length: nothing OpenDHT writes */
    KITH_DHT_DROP_SHAPE,     /* a field whose shape OpenDHT takes for granted and is not so */
    KITH_DHT_DROP_UNWANTED,  /* a well-formed message that no kith node sends */
    KITH_DHT_DROP_VALUE,     /* a value that no kith node stores */
    KITH_DHT_VERDICT_COUNT,
};

/* Whether OpenDHT may see this datagram. Reads nothing outside it, in time linear in its length. */
enum kith_dht_verdict kith_dht_shield(struct kith_bytes datagram);

#endif
