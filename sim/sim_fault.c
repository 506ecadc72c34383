#include "sim/sim_fault.h"

#include <stdlib.h>

#include "sim/world.h"
#include "sim/world_inside.h"

/* The first `count` of `order` become a sample of all nodes; a node 0 that is wanted is put first
 * and stays there. */
static void draw_nodes(uint32_t *order, uint32_t nodes, uint32_t count, bool with_first,
                       struct kith_rng *rng)
{
    for (uint32_t i = 0; i < nodes; i++)
        order[i] = i;
    for (uint32_t i = with_first ? 1 : 0; i < count; i++) {
        uint32_t other = i + kith_rng_below(rng, nodes - i);
        uint32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

uint32_t kith_fault_kill_share(struct kith_world *world, const uint8_t seed[static KITH_SEED_LEN],
                               double share, bool with_first, uint64_t at_us,
                               uint64_t restart_after_us)
{
    struct kith_rng rng;
    uint32_t nodes = world->config.nodes;
    uint32_t count = (uint32_t)(share * nodes + 1e-9);
    uint32_t *order = calloc(nodes, sizeof *order);
    if (!order || count > nodes) {
        free(order);
        return 0;
    }
    kith_rng_split(&rng, seed, "kill", 0);
    draw_nodes(order, nodes, count, with_first, &rng);
    for (uint32_t i = 0; i < count; i++) {
        struct kith_fault kill = {.kind = KITH_FAULT_KILL, .node = order[i]};
        struct kith_fault start = {.kind = KITH_FAULT_START, .node = order[i]};
        kith_world_at(world, at_us, &kill);
        if (restart_after_us > 0) kith_world_at(world, at_us + restart_after_us, &start);
    }
    free(order);
    return count;
}
