/* The contract of stores, kept by the simulator's disks. */
#include "sim/sim_store.h"
#include "tests/contract/contract_store.h"

enum { NODES = 3, NODE = 1 };

static bool make(void *context)
{
    struct kith_sim_store **disks = context;
    uint8_t seed[KITH_SEED_LEN] = {9};
    return kith_sim_store_new(NODES, seed, disks) == 0;
}

static void unmake(void *context)
{
    struct kith_sim_store **disks = context;
    kith_sim_store_free(*disks);
}

static int store(void *context, enum kith_store_key key, struct kith_bytes bytes)
{
    struct kith_sim_store **disks = context;
    kith_sim_store_write(*disks, NODE, key, bytes);
    return kith_sim_store_finish(*disks, NODE, key);
}

static bool read_key(void *context, enum kith_store_key key, struct kith_bytes *ret)
{
    struct kith_sim_store **disks = context;
    *ret = kith_sim_store_read(*disks, NODE, key);
    return true;
}

static bool reopen(void *context)
{
    struct kith_sim_store **disks = context;
    kith_sim_store_crash(*disks, NODE, false);
    return true;
}

static bool die_storing(void *context, enum kith_store_key key, struct kith_bytes bytes,
                        uint32_t moment)
{
    struct kith_sim_store **disks = context;
    (void)moment;
    kith_sim_store_write(*disks, NODE, key, bytes);
    kith_sim_store_crash(*disks, NODE, false);
    return true;
}

static void set_full(void *context, bool is_full)
{
    struct kith_sim_store **disks = context;
    kith_sim_store_set_disk(*disks, NODE, is_full ? KITH_SIM_DISK_FULL : KITH_SIM_DISK_GOOD);
}

int main(void)
{
    struct kith_sim_store *disks = NULL;
    return contract_store_run(&(struct contract_store){
        .context = &disks,
        .make = make,
        .unmake = unmake,
        .store = store,
        .read = read_key,
        .reopen = reopen,
        .die_storing = die_storing,
        .set_full = set_full,
    });
}
