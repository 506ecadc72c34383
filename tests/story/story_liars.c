/* Liars among learners: what they do, and what becomes of the honest. */
#include "sim/sim_trust.h"
#include "tests/story/story.h"
#include "tests/test.h"

enum { NODES = 12, ROUNDS = 26, LIARS = 3 };

static struct story story;

/* The honest nodes' mean count of right answers out of 1,000 after a budget with these liars. */
static double live(enum kith_lie lie, enum kith_rule rule, struct kith_sim_trust *ret_trust,
                   uint64_t *ret_told)
{
    uint32_t correct[NODES];
    double sum = 0;
    story_begin(&story, NODES);
    struct kith_scenario *scenario = &story.run.scenario;
    scenario->all.node.rules.budget.rounds = ROUNDS;
    scenario->all.node.learner.rule = rule;
    scenario->all.node.share = KITH_SHARE_WEIGHTS;
    if (lie == KITH_LIE_soft_labels) scenario->all.node.share |= KITH_SHARE_LABELS;
    scenario->all.node.pull_count = 6;
    scenario->all.lying.lie = lie;
    scenario->all.lie_share = (double)LIARS / NODES;
    story_tell(&story, 0);
    for (uint32_t i = 0; i < NODES; i++)
        story_start(&story, i);
    bool is_good = story_pass(&story, ROUNDS + 14);
    kith_sim_trust_of(story.swarm, ret_trust);
    *ret_told = story.swarm->gang ? kith_gang_told(story.swarm->gang) : 0;
    for (uint32_t i = 0; i < NODES; i++)
        story_stop(&story, i);
    is_good = story_pass(&story, 5) && is_good;
    if (!is_good || kith_swarm_test(story.swarm, 1, correct) != 0) abort();
    for (uint32_t i = 0; i < NODES; i++)
        if (!kith_swarm_lies(story.swarm, i)) sum += correct[i];
    uint32_t honest = NODES - ret_trust->liars;
    story_end(&story);
    return sum / honest;
}

static void no_lie_of_a_minority_costs_the_honest_much(void)
{
    struct kith_sim_trust trust;
    uint64_t told;
    double calm = live(KITH_LIE_NONE, KITH_RULE_SCORE, &trust, &told);
    check_int(trust.liars, 0);
    check_int(told, 0);
    check(calm > 800);
    for (uint32_t lie = KITH_LIES_PLAIN; lie < KITH_LIES; lie++) {
        double score = live((enum kith_lie)lie, KITH_RULE_SCORE, &trust, &told);
        check_int(trust.liars, LIARS);
        check(told >= LIARS * (ROUNDS - 12));
        /* Nothing tells a poisoned soft label yet; only how many teachers there are bounds it. */
        check(score > calm - (lie == KITH_LIE_soft_labels ? 90 : 30));
        printf("# %s: %.0f of %.0f, AUC %.2f, weight %.2f\n", kith_lie_kinds[lie].name, score, calm,
               trust.auc, trust.weight);
    }
}

static void the_loud_ones_are_heard_no_more(void)
{
    const enum kith_lie loud[] = {KITH_LIE_sign_flip,  KITH_LIE_noise,     KITH_LIE_zero,
                                  KITH_LIE_foe,        KITH_LIE_dissensus, KITH_LIE_stale,
                                  KITH_LIE_label_pairs};
    struct kith_sim_trust trust;
    uint64_t told;
    for (uint32_t i = 0; i < sizeof loud / sizeof *loud; i++) {
        live(loud[i], KITH_RULE_SCORE, &trust, &told);
        check(trust.auc > 0.9);
        check(trust.weight < 0.05);
    }
}

static void the_plain_mean_is_ruined(void)
{
    struct kith_sim_trust trust;
    uint64_t told;
    double calm = live(KITH_LIE_NONE, KITH_RULE_MEAN, &trust, &told);
    check(live(KITH_LIE_foe, KITH_RULE_MEAN, &trust, &told) < calm - 200);
    check(live(KITH_LIE_sign_flip, KITH_RULE_MEAN, &trust, &told) < calm - 50);
}

int main(void)
{
    run(no_lie_of_a_minority_costs_the_honest_much);
    run(the_loud_ones_are_heard_no_more);
    run(the_plain_mean_is_ruined);
    return test_end();
}
