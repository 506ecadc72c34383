#include "sim/sim_trust.h"

#include <string.h>

struct sums {
    double won;
    double pairs;
    double weight;
    double liars_weight;
};

static bool is_liar(const struct kith_swarm *swarm, const struct kith_score *score)
{
    uint32_t node = kith_world_find(swarm->world, &score->id);
    return node != UINT32_MAX && kith_swarm_lies(swarm, node);
}

static void compare(const struct kith_swarm *swarm, const struct kith_scores *scores,
                    const struct kith_score *liar, struct sums *sums)
{
    float theirs = kith_standing_score(&liar->standing);
    for (uint32_t i = 0; i < scores->count; i++) {
        const struct kith_score *other = &scores->at[i];
        if (other->standing.meetings == 0 || is_liar(swarm, other)) continue;
        float score = kith_standing_score(&other->standing);
        sums->won += score > theirs ? 1 : score == theirs ? 0.5 : 0;
        sums->pairs++;
    }
}

static void look(const struct kith_swarm *swarm, const struct kith_scores *scores,
                 struct sums *sums)
{
    for (uint32_t i = 0; i < scores->count; i++) {
        const struct kith_score *score = &scores->at[i];
        sums->weight += (double)score->weight;
        if (!is_liar(swarm, score)) continue;
        sums->liars_weight += (double)score->weight;
        if (score->standing.meetings > 0) compare(swarm, scores, score, sums);
    }
}

void kith_sim_trust_of(const struct kith_swarm *swarm, struct kith_sim_trust *ret)
{
    struct sums sums = {0};
    memset(ret, 0, sizeof *ret);
    for (uint32_t i = 0; i < swarm->config->scenario.nodes; i++) {
        const struct kith_node *node = kith_world_node(swarm->world, i);
        ret->liars += kith_swarm_lies(swarm, i);
        if (node && !kith_swarm_lies(swarm, i)) look(swarm, kith_node_scores(node), &sums);
    }
    ret->auc = sums.pairs > 0 ? sums.won / sums.pairs : -1;
    ret->weight = sums.weight > 0 ? sums.liars_weight / sums.weight : 0;
}
