/* How nodes find each other. */
#include "sim/sim_dht.h"
#include "tests/story/story.h"
#include "tests/test.h"

enum { MEETING = KITH_SIM_TRACE_LIFE | KITH_SIM_TRACE_LINKS | KITH_SIM_TRACE_LISTS };

static struct story story;

static void start_all(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        story_start(&story, i);
}

static void two_nodes_meet_through_the_bootstrap(void)
{
    story_begin(&story, 2);
    story_tell(&story, MEETING);
    story_start(&story, 0);
    check(story_pass(&story, 5));
    story_start(&story, 1);
    check(story_pass(&story, 20));
    check(story_is(&story, "n0 start\n"
                           "n1 start\n"
                           "n0 up n1\n"
                           "n1 up n0 dialed\n"
                           "n1 lists n0\n"
                           "n0 lists n1\n"));
    story_end(&story);
}

static void a_third_learns_of_the_second_from_the_first(void)
{
    story_begin(&story, 3);
    story_tell(&story, KITH_SIM_TRACE_LISTS);
    start_all(2);
    check(story_pass(&story, 5));
    story_mark(&story, "the third starts");
    story_start(&story, 2);
    check(story_pass(&story, 1));
    check(story_is(&story, "n1 lists n0\n"
                           "n0 lists n1\n"
                           "the third starts\n"
                           "n2 lists n0\n"
                           "n0 lists n2\n"
                           "n2 lists n1\n"
                           "n1 lists n2\n"));
    story_end(&story);
}

/* Within a second, the bootstrap last; twenty orders. */
static void eight_in_any_order(void)
{
    for (uint32_t turn = 0; turn < 20; turn++) {
        story_begin(&story, 8);
        story.run.scenario.all.node.round_min_us = 10 * KITH_SECOND_US;
        story.world.seed[0] ^= (uint8_t)(turn + 1);
        story_tell(&story, 0);
        for (uint32_t i = 0; i < 7; i++) {
            story_start(&story, 1 + (i * (1 + turn % 6) + turn) % 7);
            check(story_pass(&story, 0.13));
        }
        story_start(&story, 0);
        check(story_pass(&story, 20));
        for (uint32_t i = 0; i < 8; i++)
            check_int(story_peers(&story, i), 7);
        story_end(&story);
    }
}

static void a_newcomer_joins_through_any_node(void)
{
    story_begin(&story, 4);
    story.from[3] = 2;
    story_tell(&story, KITH_SIM_TRACE_LIFE | KITH_SIM_TRACE_LISTS);
    start_all(3);
    check(story_pass(&story, 20));
    story_kill(&story, 0);
    check(story_pass(&story, 60));
    story_forget(&story);
    story_start(&story, 3);
    check(story_pass(&story, 20));
    check(story_is(&story, "n3 start\n"
                           "n3 lists n2\n"
                           "n2 lists n3\n"
                           "n3 lists n1\n"
                           "n1 lists n3\n"));
    story_end(&story);
}

static void a_bootstrap_that_does_not_answer_is_said_once_and_tried_again(void)
{
    story_begin(&story, 2);
    story_tell(&story, KITH_SIM_TRACE_LIFE | KITH_SIM_TRACE_LISTS | KITH_SIM_TRACE_SAYS);
    story.from[0] = STORY_NOBODY;
    story_start(&story, 1);
    check(story_pass(&story, 30));
    check(story_is(&story, "n1 start\n"
                           "n1 says bootstrap 10.0.0.1:8120 does not answer; going on alone and "
                           "trying again\n"));
    check(story_stats(&story, 1)->round > 25);
    check(story_stats(&story, 1)->dial_failures > 1);
    story_tell(&story, KITH_SIM_TRACE_LISTS);
    story_start(&story, 0);
    check(story_pass(&story, 60));
    check_int(story_peers(&story, 0), 1);
    check_int(story_peers(&story, 1), 1);
    story_end(&story);
}

static void who_has_peers_does_not_go_on_alone(void)
{
    /* n2 waits for an answer of n0, whose machine is gone, when n1 calls. */
    story_begin(&story, 3);
    story_tell(&story, KITH_SIM_TRACE_SAYS);
    story.from[0] = STORY_NOBODY;
    story.from[1] = 2;
    story_start(&story, 0);
    story_cut_off(&story, 0);
    story_start(&story, 2);
    story_start(&story, 1);
    check(story_pass(&story, 30));
    check(story_is(&story, "n1 says peer 5Fc6yeW93v8QKprjF4RS3Dr5sbmqKuY3PPXHBVs9HGCdP9zA joined\n"
                           "n2 says peer 5D15Dp3UHUa2WXV93Zttvv2Hr7YPHHZHHPHZaXxiLZdGcF2q joined\n"
                           "n2 says bootstrap 10.0.0.1:8120 does not answer; going on with others "
                           "and trying again\n"));
    story_end(&story);
}

static void nodes_without_a_bootstrap_meet_in_the_dht(void)
{
    story_begin(&story, 3);
    story.from[1] = STORY_NOBODY;
    story.from[2] = STORY_NOBODY;
    story_tell(&story, 0);
    start_all(3);
    check(story_pass(&story, 60));
    for (uint32_t i = 0; i < 3; i++)
        check_int(story_peers(&story, i), 2);
    story_end(&story);
}

static void set_dht(enum kith_sim_dht_mode mode)
{
    for (uint32_t i = 0; i < story.run.scenario.nodes; i++)
        story_do(&story,
                 (struct kith_fault){.kind = KITH_FAULT_DHT, .node = i, .a = (uint32_t)mode});
}

static void a_silent_dht_hinders_nobody_who_has_a_bootstrap(void)
{
    story_begin(&story, 3);
    story_tell(&story, 0);
    set_dht(KITH_SIM_DHT_SILENT);
    start_all(3);
    check(story_pass(&story, 20));
    for (uint32_t i = 0; i < 3; i++)
        check_int(story_peers(&story, i), 2);
    story_end(&story);
}

/* Its bootstrap is dead and the DHT silent: what is left is the book that it stored. */
static void a_restarted_node_remembers_whom_it_knew(void)
{
    story_begin(&story, 3);
    story_tell(&story, KITH_SIM_TRACE_LIFE | KITH_SIM_TRACE_LISTS);
    start_all(3);
    check(story_pass(&story, 20));
    story_stop(&story, 2);
    check(story_pass(&story, 5));
    story_kill(&story, 0);
    set_dht(KITH_SIM_DHT_SILENT);
    check(story_pass(&story, 60));
    story_forget(&story);
    story_start(&story, 2);
    check(story_pass(&story, 30));
    check(story_is(&story, "n2 start\n"
                           "n2 lists n1\n"
                           "n1 lists n2\n"));
    story_end(&story);
}

static void two_that_dial_each_other_keep_one_link(void)
{
    story_begin(&story, 2);
    story.from[0] = 1;
    story_tell(&story, MEETING);
    start_all(2);
    check(story_pass(&story, 30));
    check(story_is(&story, "n0 start\n"
                           "n1 start\n"
                           "n1 up n0\n"
                           "n0 up n1\n"
                           "n0 up n1 dialed\n"
                           "n1 up n0 dialed\n"
                           "n1 lists n0\n"
                           "n0 down n1 CLOSED\n"
                           "n1 down n0 CLOSED\n"
                           "n0 lists n1\n"));
    for (uint32_t i = 0; i < 2; i++)
        check_int(story_stats(&story, i)->links, 1);
    story_end(&story);
}

/* In a thousand worlds of other latencies, the second up to 40 ms after the first: one link is
 * left, the same at both ends, and it stays. */
static void one_link_of_two_in_a_thousand_worlds(void)
{
    for (uint32_t turn = 0; turn < 1000; turn++) {
        story_begin(&story, 2);
        story.from[0] = 1;
        story.run.scenario.all.node.round_min_us = 60 * KITH_SECOND_US;
        story.world.seed[1] ^= (uint8_t)(turn >> 8);
        story.world.seed[0] ^= (uint8_t)turn;
        story_tell(&story, 0);
        story_start(&story, 0);
        check(story_pass(&story, turn % 41 * 0.001));
        story_start(&story, 1);
        check(story_pass(&story, 8));
        for (uint32_t i = 0; i < 2; i++) {
            check_int(story_stats(&story, i)->links, 1);
            check_int(story_peers(&story, i), 1);
        }
        story_end(&story);
    }
}

int main(void)
{
    run(two_nodes_meet_through_the_bootstrap);
    run(a_third_learns_of_the_second_from_the_first);
    run(eight_in_any_order);
    run(a_newcomer_joins_through_any_node);
    run(a_bootstrap_that_does_not_answer_is_said_once_and_tried_again);
    run(who_has_peers_does_not_go_on_alone);
    run(nodes_without_a_bootstrap_meet_in_the_dht);
    run(a_silent_dht_hinders_nobody_who_has_a_bootstrap);
    run(a_restarted_node_remembers_whom_it_knew);
    run(two_that_dial_each_other_keep_one_link);
    run(one_link_of_two_in_a_thousand_worlds);
    return test_end();
}
