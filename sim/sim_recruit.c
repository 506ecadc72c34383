#include "sim/sim_recruit.h"

#include <stdlib.h>

#include "base/err.h"
#include "sim/sim_zoo.h"

enum { DRAW = 1 << 20 }; /* apart from the numbers of faults */

/* The liars of one group, or of all nodes. */
static int recruit_from(struct kith_swarm *swarm, uint32_t group,
                        const struct kith_scenario_group *from, const uint8_t *seed)
{
    const struct kith_scenario *scenario = &swarm->config->scenario;
    if (from->lying.lie == KITH_LIE_NONE || from->lie_share <= 0) return 0;
    bool *is_in = calloc(scenario->nodes, sizeof *is_in);
    if (!is_in) return KITH_ERR_NOMEM;
    struct kith_scenario_who who = {.group = group, .share = from->lie_share};
    kith_scenario_pick(scenario, &who, seed, DRAW + group, is_in);
    for (uint32_t i = 0; i < scenario->nodes; i++)
        if (is_in[i]) swarm->lies[i] = from->lying;
    free(is_in);
    return 0;
}

static int make_wrong_tasks(struct kith_swarm *swarm, const uint8_t *seed)
{
    const enum kith_lie lies[] = {KITH_LIE_label_pairs, KITH_LIE_label_random};
    for (uint32_t i = 0; i < 2; i++) {
        bool is_told = false;
        for (uint32_t node = 0; node < swarm->config->scenario.nodes; node++)
            if (swarm->lies[node].lie == lies[i]) is_told = true;
        if (!is_told) continue;
        swarm->wrong[i] = swarm->task;
        swarm->wrong[i].train.labels = kith_zoo_labels_new(lies[i], &swarm->task.train, seed);
        if (!swarm->wrong[i].train.labels) return KITH_ERR_NOMEM;
    }
    return 0;
}

int kith_swarm_recruit(struct kith_swarm *swarm, struct kith_world_config *world)
{
    const struct kith_scenario *scenario = &swarm->config->scenario;
    bool has_filter = world->filter.event || world->filter.effects;
    int err = 0;
    if (has_filter) return 0;
    swarm->lies = calloc(scenario->nodes, sizeof *swarm->lies);
    if (!swarm->lies) return KITH_ERR_NOMEM;
    if (scenario->group_count == 0)
        err = recruit_from(swarm, KITH_SCENARIO_EVERYONE, &scenario->all, world->seed);
    for (uint32_t i = 0; !err && i < scenario->group_count; i++)
        err = recruit_from(swarm, i, &scenario->group[i], world->seed);
    if (!err) err = make_wrong_tasks(swarm, world->seed);
    uint32_t liars = 0;
    for (uint32_t i = 0; i < scenario->nodes; i++)
        liars += swarm->lies[i].lie != KITH_LIE_NONE;
    if (err || liars == 0) return err;
    swarm->gang = kith_gang_new(swarm->lies, scenario->nodes, world->seed);
    if (!swarm->gang) return KITH_ERR_NOMEM;
    world->filter = kith_gang_filter(swarm->gang);
    return 0;
}

void kith_swarm_dismiss(struct kith_swarm *swarm)
{
    kith_gang_free(swarm->gang);
    free(swarm->lies);
    for (uint32_t i = 0; i < 2; i++)
        free(swarm->wrong[i].train.labels);
}

const struct kith_task *kith_swarm_task(const struct kith_swarm *swarm, uint32_t node)
{
    enum kith_lie lie = swarm->lies ? swarm->lies[node].lie : KITH_LIE_NONE;
    return kith_zoo_flips(lie) ? &swarm->wrong[lie == KITH_LIE_label_random] : &swarm->task;
}

bool kith_swarm_lies(const struct kith_swarm *swarm, uint32_t node)
{
    return swarm->lies && swarm->lies[node].lie != KITH_LIE_NONE;
}
