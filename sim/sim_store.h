/* sim/sim_store.h: what the nodes of a world have on disk. A store replaces a value whole; while it
 * is being written a crash leaves the old value or the new one, whole. It outlives the node's
 * memory, so a node that starts again finds what it last stored. */
#ifndef KITH_SIM_SIM_STORE_H
#define KITH_SIM_SIM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/outbox.h"
#include "base/rng.h"

enum kith_sim_disk {
    KITH_SIM_DISK_GOOD,
    KITH_SIM_DISK_FULL,  /* writes fail, what is there can be read */
    KITH_SIM_DISK_BLANK, /* writes succeed and are forgotten: for worlds where nobody restarts */
};

struct kith_sim_store;

/* 0 or NOMEM. All disks are GOOD and empty. */
int kith_sim_store_new(uint32_t nodes, const uint8_t seed[static KITH_SEED_LEN],
                       struct kith_sim_store **ret_store);
void kith_sim_store_free(struct kith_sim_store *store);

void kith_sim_store_set_disk(struct kith_sim_store *store, uint32_t node, enum kith_sim_disk disk);
/* Begin to write; a write of the same key that is still under way is overtaken. */
void kith_sim_store_write(struct kith_sim_store *store, uint32_t node, enum kith_store_key key,
                          struct kith_bytes bytes);
/* The oldest write of that key that was not yet reported is on the disk: 0 or IO, as the STORED
 * event says. */
int kith_sim_store_finish(struct kith_sim_store *store, uint32_t node, enum kith_store_key key);
/* The node is gone: each write under way is kept or lost, drawn from the seed. With `lose_last`
 * also the last finished write of each key is undone. */
void kith_sim_store_crash(struct kith_sim_store *store, uint32_t node, bool lose_last);
/* What is stored, empty if nothing is. Valid until the next write of that key finishes. */
struct kith_bytes kith_sim_store_read(const struct kith_sim_store *store, uint32_t node,
                                      enum kith_store_key key);

#endif
