#include "sim/sim_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

struct value {
    uint8_t *at;
    size_t len;
    size_t size;
    bool is_there;
};

/* One key of one node. Three buffers change places, so that a steady state allocates nothing. */
struct slot {
    struct value stored;
    struct value before; /* what `stored` replaced */
    struct value written;
    uint32_t writes; /* under way */
    bool failed;     /* the newest of them */
};

struct kith_sim_store {
    uint32_t nodes;
    struct slot *slots; /* [nodes][KITH_STORE_KEYS] */
    uint8_t *disks;     /* [nodes], enum kith_sim_disk */
    struct kith_rng rng;
};

int kith_sim_store_new(uint32_t nodes, const uint8_t seed[static KITH_SEED_LEN],
                       struct kith_sim_store **ret_store)
{
    struct kith_sim_store *store = calloc(1, sizeof *store);
    if (!store) return KITH_ERR_NOMEM;
    store->nodes = nodes;
    store->slots = calloc((size_t)nodes * KITH_STORE_KEYS, sizeof *store->slots);
    store->disks = calloc(nodes, sizeof *store->disks);
    kith_rng_split(&store->rng, seed, "sim_store", 0);
    if (!store->slots || !store->disks) {
        kith_sim_store_free(store);
        return KITH_ERR_NOMEM;
    }
    *ret_store = store;
    return 0;
}

void kith_sim_store_free(struct kith_sim_store *store)
{
    if (!store) return;
    for (size_t i = 0; store->slots && i < (size_t)store->nodes * KITH_STORE_KEYS; i++) {
        free(store->slots[i].stored.at);
        free(store->slots[i].before.at);
        free(store->slots[i].written.at);
    }
    free(store->slots);
    free(store->disks);
    free(store);
}

void kith_sim_store_set_disk(struct kith_sim_store *store, uint32_t node, enum kith_sim_disk disk)
{
    store->disks[node] = (uint8_t)disk;
}

static struct slot *slot_of(const struct kith_sim_store *store, uint32_t node,
                            enum kith_store_key key)
{
    kith_assert(node < store->nodes);
    kith_assert(key < KITH_STORE_KEYS);
    return &store->slots[(size_t)node * KITH_STORE_KEYS + key];
}

static bool set_value(struct value *value, struct kith_bytes bytes)
{
    if (bytes.len > value->size) {
        uint8_t *at = realloc(value->at, bytes.len);
        if (!at) return false;
        value->at = at;
        value->size = bytes.len;
    }
    if (bytes.len > 0) memcpy(value->at, bytes.at, bytes.len);
    value->len = bytes.len;
    value->is_there = true;
    return true;
}

void kith_sim_store_write(struct kith_sim_store *store, uint32_t node, enum kith_store_key key,
                          struct kith_bytes bytes)
{
    struct slot *slot = slot_of(store, node, key);
    slot->writes++;
    if (store->disks[node] == KITH_SIM_DISK_BLANK) return;
    slot->failed = store->disks[node] == KITH_SIM_DISK_FULL || !set_value(&slot->written, bytes);
}

static void commit(struct slot *slot)
{
    struct value old = slot->before;
    slot->before = slot->stored;
    slot->stored = slot->written;
    slot->written = old;
    slot->written.is_there = false;
}

int kith_sim_store_finish(struct kith_sim_store *store, uint32_t node, enum kith_store_key key)
{
    struct slot *slot = slot_of(store, node, key);
    kith_assert(slot->writes > 0);
    slot->writes--;
    if (slot->failed) {
        if (slot->writes == 0) slot->failed = false;
        return KITH_ERR_IO;
    }
    if (slot->written.is_there) commit(slot);
    return 0;
}

void kith_sim_store_crash(struct kith_sim_store *store, uint32_t node, bool lose_last)
{
    for (unsigned key = 0; key < KITH_STORE_KEYS; key++) {
        struct slot *slot = slot_of(store, node, (enum kith_store_key)key);
        bool is_under_way = slot->writes > 0 && slot->written.is_there && !slot->failed;
        if (is_under_way && kith_rng_below(&store->rng, 2) == 0) commit(slot);
        slot->written.is_there = false;
        slot->writes = 0;
        slot->failed = false;
        if (!lose_last) continue;
        struct value last = slot->stored;
        slot->stored = slot->before;
        slot->before = last;
        slot->before.is_there = false;
    }
}

struct kith_bytes kith_sim_store_read(const struct kith_sim_store *store, uint32_t node,
                                      enum kith_store_key key)
{
    const struct value *value = &slot_of(store, node, key)->stored;
    if (!value->is_there) return (struct kith_bytes){NULL, 0};
    return (struct kith_bytes){value->at, value->len};
}
