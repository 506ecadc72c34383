/* host/dht_helper_ops.h: the operations under way in the helper, and what OpenDHT's threads have to
 * say about them. OpenDHT gets a handle for each operation, never a pointer: a callback that comes
 * late, twice or never finds its handle gone and hurts nobody. All functions may be called from any
 * thread; a mutex guards the tables, an eventfd wakes the main thread. */
#ifndef KITH_HOST_DHT_HELPER_OPS_H
#define KITH_HOST_DHT_HELPER_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "host/dht_wire.h"

enum {
    KITH_DHT_OPS_OPEN_MAX = 256,        /* of the node */
    KITH_DHT_OPS_OWN_MAX = 128,         /* pings and lookups of the helper itself */
    KITH_DHT_OPS_GET_BYTES = 48 * 1024, /* of values in one get */
    KITH_DHT_OPS_SAID_MAX = 4096,       /* with more unsent, take no further operation */
};

/* PING and LOOKUP are the helper's own: nobody is told of their end. */
enum kith_dht_op_kind { KITH_DHT_OP_PUT, KITH_DHT_OP_GET, KITH_DHT_OP_PING, KITH_DHT_OP_LOOKUP };

typedef uintptr_t kith_dht_handle; /* never 0 */

/* Once, before all else. 0, NOMEM or IO. */
int kith_dht_ops_init(void);
/* Readable when there may be something to take; kith_dht_ops_next clears it. */
int kith_dht_ops_wake_fd(void);
/* Wake the main thread without saying anything. */
void kith_dht_ops_wake(void);

/* A new operation that ends at `deadline_ms` at the latest; 0 if the table is full. */
kith_dht_handle kith_dht_ops_open(enum kith_dht_op_kind kind, uint64_t number, uint32_t values_max,
                                  uint64_t deadline_ms);
/* OpenDHT found a value. False: it may stop looking. */
bool kith_dht_ops_value(kith_dht_handle handle, struct kith_bytes value);
/* OpenDHT is done with it. */
void kith_dht_ops_done(kith_dht_handle handle, bool is_ok);
/* End what is past its deadline. */
void kith_dht_ops_expire(uint64_t now_ms);
/* The next deadline, UINT64_MAX if none. */
uint64_t kith_dht_ops_deadline_ms(void);

/* The main thread's own words, in one queue with the others'. */
void kith_dht_ops_say_done(uint64_t number, int err);
/* OpenDHT has answered a call: its main thread is alive. */
void kith_dht_ops_say_alive(void);
/* Take the oldest word: a VALUE, a DONE, or a STATS whose fields are for the caller to fill.
 * `buffer` holds the value. False if there is none. */
bool kith_dht_ops_next(struct kith_dht_message *ret, uint8_t buffer[static KITH_DHT_VALUE_MAX]);

uint32_t kith_dht_ops_open_count(void); /* of the node */
uint32_t kith_dht_ops_said_count(void); /* words not taken yet */
uint64_t kith_dht_ops_pings_answered(void);

#endif
