/* dht/dht_key.h: under which keys a swarm's records lie in the DHT. Every key is the first 20 bytes
 * of BLAKE2b-256("kith/dht/1" NUL || swarm id || kind || arguments). Pure. */
#ifndef KITH_DHT_DHT_KEY_H
#define KITH_DHT_DHT_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/outbox.h"

enum { KITH_DEPTH_MAX = 24, KITH_EPOCH_S = 86400 };

/* The record of one hotkey. */
void kith_dht_key_peer(const struct kith_id *swarm, const struct kith_id *hotkey,
                       uint8_t ret[static KITH_DHT_KEY_LEN]);
/* A shard of the directory: all hotkeys whose place begins with the first `level` bits of `prefix`
 * (the highest bits count). Level 0 is one key for a uniform sample of everybody. */
void kith_dht_key_directory(const struct kith_id *swarm, uint32_t epoch, uint8_t level,
                            uint32_t prefix, uint8_t ret[static KITH_DHT_KEY_LEN]);
/* A hotkey's place in the directory of an epoch: uniform bits that change every epoch. */
struct kith_id kith_dht_place(const struct kith_id *swarm, uint32_t epoch,
                              const struct kith_id *hotkey);
/* The first 32 bits of a place, the prefix of its shards. */
uint32_t kith_dht_place_prefix(const struct kith_id *place);
/* Does a node that announces at `depth` announce at `level` too? At its own depth always; at a
 * lower level l if the depth - l bits of its place from bit 64 on are zero: so every key of every
 * level holds about as many records. */
bool kith_dht_announces(const struct kith_id *place, uint8_t depth, uint8_t level);
/* The depth at which a swarm of about n nodes keeps 24 to 48 records a key: floor(log2(n / 24)). */
uint8_t kith_dht_depth(uint64_t n);

#endif
