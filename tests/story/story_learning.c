/* What nodes learn from each other, and what they do without. */
#include "sim/sim_dht.h"
#include "tests/story/story.h"
#include "tests/test.h"

enum { LEARNING = KITH_SIM_TRACE_COUNTERS | KITH_SIM_TRACE_ROUNDS };

static struct story story;

static void start_all(void)
{
    for (uint32_t i = 0; i < story.run.scenario.nodes; i++)
        story_start(&story, i);
}

static void a_lone_node_trains(void)
{
    story_begin(&story, 1);
    story_tell(&story, LEARNING);
    start_all();
    check(story_pass(&story, 4.5));
    check(story_is(&story, "n0 round 1\nn0 round 2\nn0 round 3\nn0 round 4\nn0 round 5\n"));
    story_end(&story);
}

static void two_mix_each_others_models_and_labels(void)
{
    story_begin(&story, 2);
    story_tell(&story, LEARNING);
    start_all();
    check(story_pass(&story, 3.5));
    check(story_is(&story, "n0 round 1\n"
                           "n1 round 1\n"
                           "n0 mixed +1\n"
                           "n0 taught +1\n"
                           "n0 round 2\n"
                           "n1 mixed +1\n"
                           "n1 taught +1\n"
                           "n1 round 2\n"
                           "n0 mixed +1\n"
                           "n0 taught +1\n"
                           "n0 round 3\n"
                           "n1 mixed +1\n"
                           "n1 taught +1\n"
                           "n1 round 3\n"
                           "n0 mixed +1\n"
                           "n0 taught +1\n"
                           "n0 round 4\n"
                           "n1 mixed +1\n"
                           "n1 taught +1\n"
                           "n1 round 4\n"));
    story_end(&story);
}

/* Weights cannot be mixed; labels can be learned. */
static void different_models_teach_each_other(void)
{
    story_begin(&story, 2);
    story.run.scenario.model_count = story.run.scenario.all.model_count = 2;
    strcpy(story.run.scenario.model[1], "mlp:24,12");
    story_tell(&story, LEARNING);
    start_all();
    check(story_pass(&story, 20));
    for (uint32_t i = 0; i < 2; i++) {
        check_int(story_stats(&story, i)->mixed, 0);
        check(story_stats(&story, i)->taught >= 15);
    }
    story_end(&story);
}

static void labels_only(void)
{
    story_begin(&story, 2);
    story.run.scenario.all.node.share = KITH_SHARE_LABELS;
    story_tell(&story, LEARNING);
    start_all();
    check(story_pass(&story, 20));
    for (uint32_t i = 0; i < 2; i++) {
        check_int(story_stats(&story, i)->mixed, 0);
        check(story_stats(&story, i)->taught >= 15);
    }
    story_end(&story);
}

/* Its machine is gone in the middle: the round ends without its model, the next ones do not wait.
 */
static void a_silent_peer_is_left_out(void)
{
    story_begin(&story, 2);
    story_tell(&story, LEARNING);
    start_all();
    check(story_pass(&story, 10));
    uint64_t round = story_stats(&story, 0)->round, mixed = story_stats(&story, 0)->mixed;
    check(mixed > 0);
    story_cut_off(&story, 1);
    check(story_pass(&story, 60));
    check(story_stats(&story, 0)->round > round + 20);
    check(story_stats(&story, 0)->mixed <= mixed + 1);
    check(story_stats(&story, 0)->pulls_failed > 0);
    story_end(&story);
}

static void a_slow_node_holds_nobody_up(void)
{
    story_begin(&story, 4);
    story.world.flops = 1.2e7; /* a round takes about a second */
    story_tell(&story, LEARNING);
    story_do(&story, (struct kith_fault){.kind = KITH_FAULT_SPEED, .node = 3, .a = 100});
    start_all();
    check(story_pass(&story, 60));
    for (uint32_t i = 0; i < 3; i++)
        check(story_stats(&story, i)->round > 45);
    check(story_stats(&story, 3)->round < 15);
    check(story_stats(&story, 3)->mixed > 4);
    story_end(&story);
}

static void together_they_learn_what_neither_has_seen(void)
{
    uint32_t correct[2];
    for (int together = 0; together < 2; together++) {
        story_begin(&story, 2);
        story.run.scenario.all.node.peers = together;
        story.run.scenario.class_set_count = story.run.scenario.all.class_count = 2;
        check_int(kith_classes_parse("0-4", 10, &story.run.scenario.class_set[0]), 0);
        check_int(kith_classes_parse("5-9", 10, &story.run.scenario.class_set[1]), 0);
        story_tell(&story, 0);
        start_all();
        check(story_pass(&story, 60));
        for (uint32_t i = 0; i < 2; i++)
            story_stop(&story, i);
        check(story_pass(&story, 5));
        check_int(kith_swarm_test(story.swarm, 1, correct), 0);
        for (uint32_t i = 0; i < 2; i++)
            check(together ? correct[i] > 750 : correct[i] <= 500);
        story_end(&story);
    }
}

/* Seven pulls of weights and three of labels a round, all of them smaller than a slot for labels:
 * nobody may push out what others come for. */
static void many_pulls_find_what_was_published(void)
{
    story_begin(&story, 8);
    story.run.scenario.all.node.pull_count = 7;
    story.run.scenario.all.node.teacher_count = 3;
    story_tell(&story, 0);
    start_all();
    check(story_pass(&story, 30));
    for (uint32_t i = 0; i < 8; i++) {
        uint64_t rounds = story_stats(&story, i)->round;
        check(story_stats(&story, i)->mixed > 6 * (rounds - 3));
        check(story_stats(&story, i)->taught > 2 * (rounds - 3));
    }
    story_end(&story);
}

/* Eight of two classes each, twelve rounds: the last four only mix, and nobody goes on after. The
 * worst of them is then near the mean, as it is not when they train to the end. */
static void a_budget_ends_with_rounds_that_only_mix(void)
{
    double gap[2];
    for (int cools = 0; cools < 2; cools++) {
        story_begin(&story, 8);
        story.run.scenario.all.partition =
            (struct kith_partition){.kind = KITH_PARTITION_SHARDS, .shards = 2};
        story.run.scenario.all.node.share = KITH_SHARE_WEIGHTS;
        story.run.scenario.all.node.rules.budget.rounds = 12;
        story.run.scenario.all.node.rules.budget.cooldown = cools ? 4 : 0;
        story_tell(&story, 0);
        start_all();
        check(story_pass(&story, 60));
        uint32_t correct[8], sum = 0, worst = UINT32_MAX;
        for (uint32_t i = 0; i < 8; i++) {
            check_int(story_stats(&story, i)->round, 12);
            story_stop(&story, i);
        }
        check(story_pass(&story, 5));
        check_int(kith_swarm_test(story.swarm, 1, correct), 0);
        for (uint32_t i = 0; i < 8; i++) {
            sum += correct[i];
            if (correct[i] < worst) worst = correct[i];
        }
        gap[cools] = sum / 8.0 - worst;
        story_end(&story);
    }
    check(gap[1] < gap[0] / 2);
}

static void a_round_goes_on_where_the_checkpoint_ended(void)
{
    story_begin(&story, 1);
    story_tell(&story, KITH_SIM_TRACE_LIFE | KITH_SIM_TRACE_ROUNDS | KITH_SIM_TRACE_SAYS);
    start_all();
    check(story_pass(&story, 2.5));
    story_stop(&story, 0);
    check(story_pass(&story, 1));
    story_start(&story, 0);
    check(story_pass(&story, 1.5));
    check(story_is(&story, "n0 start\n"
                           "n0 round 1\n"
                           "n0 round 2\n"
                           "n0 round 3\n"
                           "n0 stop\n"
                           "n0 stopped\n"
                           "n0 start\n"
                           "n0 round 4\n"
                           "n0 says resumed from the checkpoint of round 4\n"
                           "n0 round 5\n"
                           "n0 round 6\n"));
    story_end(&story);
}

int main(void)
{
    run(a_lone_node_trains);
    run(two_mix_each_others_models_and_labels);
    run(different_models_teach_each_other);
    run(labels_only);
    run(a_silent_peer_is_left_out);
    run(a_slow_node_holds_nobody_up);
    run(together_they_learn_what_neither_has_seen);
    run(many_pulls_find_what_was_published);
    run(a_budget_ends_with_rounds_that_only_mix);
    run(a_round_goes_on_where_the_checkpoint_ended);
    return test_end();
}
