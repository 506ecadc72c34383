#include "sim/sim_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

enum { PARTS = KITH_STORE_KEYS - KITH_STORE_PART };

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
    struct slot **slots; /* [nodes] NULL, or [KITH_STORE_PART] of a node that stored something */
    struct slot **parts; /* [nodes] NULL, or the other keys' of a node that stored one */
    uint8_t *disks;      /* [nodes], enum kith_sim_disk */
    struct kith_rng rng;
};

int kith_sim_store_new(uint32_t nodes, const uint8_t seed[static KITH_SEED_LEN],
                       struct kith_sim_store **ret_store)
{
    struct kith_sim_store *store = calloc(1, sizeof *store);
    if (!store) return KITH_ERR_NOMEM;
    store->nodes = nodes;
    store->slots = calloc(nodes, sizeof *store->slots);
    store->parts = calloc(nodes, sizeof *store->parts);
    store->disks = calloc(nodes, sizeof *store->disks);
    kith_rng_split(&store->rng, seed, "sim_store", 0);
    if (!store->slots || !store->parts || !store->disks) {
        kith_sim_store_free(store);
        return KITH_ERR_NOMEM;
    }
    *ret_store = store;
    return 0;
}

static void free_values(struct slot *slots, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free(slots[i].stored.at);
        free(slots[i].before.at);
        free(slots[i].written.at);
    }
}

void kith_sim_store_free(struct kith_sim_store *store)
{
    if (!store) return;
    for (uint32_t i = 0; store->slots && i < store->nodes; i++) {
        if (store->slots[i]) free_values(store->slots[i], KITH_STORE_PART);
        free(store->slots[i]);
    }
    for (uint32_t i = 0; store->parts && i < store->nodes; i++) {
        if (store->parts[i]) free_values(store->parts[i], PARTS);
        free(store->parts[i]);
    }
    free(store->parts);
    free(store->slots);
    free(store->disks);
    free(store);
}

void kith_sim_store_set_disk(struct kith_sim_store *store, uint32_t node, enum kith_sim_disk disk)
{
    store->disks[node] = (uint8_t)disk;
}

/* NULL: nothing was ever stored there. */
static struct slot *slot_of(const struct kith_sim_store *store, uint32_t node,
                            enum kith_store_key key)
{
    kith_assert(node < store->nodes);
    kith_assert(key < KITH_STORE_KEYS);
    if (key < KITH_STORE_PART) return store->slots[node] ? &store->slots[node][key] : NULL;
    return store->parts[node] ? &store->parts[node][key - KITH_STORE_PART] : NULL;
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
    bool is_blank = store->disks[node] == KITH_SIM_DISK_BLANK;
    if (key < KITH_STORE_PART && !store->slots[node] && !is_blank)
        store->slots[node] = calloc(KITH_STORE_PART, sizeof *store->slots[node]);
    if (key >= KITH_STORE_PART && !store->parts[node] && !is_blank)
        store->parts[node] = calloc(PARTS, sizeof *store->parts[node]);
    struct slot *slot = slot_of(store, node, key);
    if (!slot) return;
    slot->writes++;
    if (is_blank) return;
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
    if (!slot) return store->disks[node] == KITH_SIM_DISK_BLANK ? 0 : KITH_ERR_IO;
    if (slot->writes == 0) return 0; /* it began on a blank disk */
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
        if (!slot) return;
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
    const struct slot *slot = slot_of(store, node, key);
    const struct value *value = slot ? &slot->stored : NULL;
    if (!value || !value->is_there) return (struct kith_bytes){NULL, 0};
    return (struct kith_bytes){value->at, value->len};
}
