/* Memory that is refused at any moment of a life: two nodes start, join, gossip, pull, learn, store
 * and stop, again and again, and in each session another allocation fails. Nothing crashes or
 * leaks; either the world says that it has no memory or the session goes its way. */
#include "base/err.h"
#include "sim/sim_swarm.h"
#include "sim/world.h"
#include "tests/test.h"
#include "tests/unit/failing_alloc.h"

enum { NODES = 2 };

static void do_all(struct kith_world *world, enum kith_fault_kind kind)
{
    for (uint32_t i = 0; i < NODES; i++)
        kith_world_at(world, 0, &(struct kith_fault){.kind = kind, .node = i});
}

/* 0: all went its way; else why not. */
static int session(void)
{
    struct kith_sim_run_config run;
    struct kith_world_config config;
    struct kith_swarm *swarm;
    char error[KITH_SIM_SWARM_TEXT_MAX];
    kith_sim_run_config_default(&run);
    run.scenario.nodes = NODES;
    run.scenario.rounds = 1000;
    strcpy(run.scenario.model[0], "mlp:4");
    kith_swarm_world_config(&run, &config);
    config.blank_disks = false;
    int err = kith_swarm_new(&run, &config, &swarm, error);
    if (err) return err;
    do_all(swarm->world, KITH_FAULT_START);
    bool good = kith_world_run(swarm->world, 4 * KITH_SECOND_US);
    do_all(swarm->world, KITH_FAULT_KILL);
    do_all(swarm->world, KITH_FAULT_START);
    good = good && kith_world_run(swarm->world, 8 * KITH_SECOND_US);
    bool learned = good && kith_node_stats(kith_world_node(swarm->world, 0))->mixed > 0;
    do_all(swarm->world, KITH_FAULT_STOP);
    good = good && kith_world_run(swarm->world, 12 * KITH_SECOND_US);
    kith_swarm_free(swarm);
    return !good ? KITH_ERR_NOMEM : !learned ? KITH_ERR_NOT_FOUND : 0;
}

static void sweep(bool all)
{
    alloc_fail_at(0, false);
    long live = atomic_load(&alloc_live);
    check_int(session(), 0);
    check_int(atomic_load(&alloc_live), live);
    long calls = atomic_load(&alloc_calls);
    printf("# %ld allocations in a session\n", calls);
    int refused = 0;
    for (long first = 1; first <= calls; first++) {
        alloc_fail_at(first, all);
        refused += session() != 0;
        alloc_fail_at(0, false);
        check_int(atomic_load(&alloc_live), live);
    }
    check(refused > 0);
}

static void any_one_allocation_may_fail(void)
{
    sweep(false);
}

static void memory_may_run_out_at_any_moment(void)
{
    sweep(true);
}

int main(void)
{
    run(any_one_allocation_may_fail);
    run(memory_may_run_out_at_any_moment);
    return test_end();
}
