/* How nodes leave: killed, cut off, with a goodbye, for a while. */
#include "tests/story/story.h"
#include "tests/test.h"

enum { PARTING = KITH_SIM_TRACE_LIFE | KITH_SIM_TRACE_LISTS };

static struct story story;

/* Nodes that know each other, and an empty story. */
static bool acquainted(uint32_t nodes)
{
    story_begin(&story, nodes);
    story_tell(&story, PARTING);
    for (uint32_t i = 0; i < nodes; i++)
        story_start(&story, i);
    if (!story_pass(&story, 20)) return false;
    for (uint32_t i = 0; i < nodes; i++)
        if (story_peers(&story, i) != nodes - 1) return false;
    story_forget(&story);
    return true;
}

static void a_goodbye_leaves_every_list_at_once(void)
{
    check(acquainted(4));
    story_stop(&story, 1);
    check(story_pass(&story, 1));
    check(story_is_in_any_order(&story, "n1 stop\n"
                                        "n1 stopped\n"
                                        "n2 forgets n1\n"
                                        "n3 forgets n1\n"
                                        "n0 forgets n1\n"));
    story_end(&story);
}

static void the_first_node_is_killed_and_nobody_else_is_lost(void)
{
    check(acquainted(3));
    story_kill(&story, 0);
    check(story_pass(&story, 60));
    check(story_is_in_any_order(&story, "n0 killed\n"
                                        "n1 forgets n0\n"
                                        "n2 forgets n0\n"));
    story_end(&story);
}

static void a_node_cut_off_leaves_every_list_within_a_minute(void)
{
    check(acquainted(5));
    story_cut_off(&story, 3);
    check(story_pass(&story, 60));
    check(story_is_in_any_order(&story, "n3 cut off\n"
                                        "n0 forgets n3\n"
                                        "n1 forgets n3\n"
                                        "n2 forgets n3\n"
                                        "n4 forgets n3\n"));
    story_end(&story);
}

static void a_restarted_node_is_one_entry(void)
{
    check(acquainted(3));
    story_kill(&story, 1);
    check(story_pass(&story, 2));
    story_start(&story, 1);
    check(story_pass(&story, 60));
    check(story_is(&story, "n1 killed\n"
                           "n0 forgets n1\n"
                           "n2 forgets n1\n"
                           "n1 start\n"
                           "n1 lists n0\n"
                           "n0 lists n1\n"
                           "n1 lists n2\n"
                           "n2 lists n1\n"));
    story_end(&story);
}

static void after_a_goodbye_a_node_may_come_back(void)
{
    check(acquainted(3));
    story_stop(&story, 2);
    check(story_pass(&story, 5));
    uint64_t round = story_stats(&story, 2)->round;
    story_forget(&story);
    story_start(&story, 2);
    check(story_pass(&story, 20));
    check(story_is(&story, "n2 start\n"
                           "n2 lists n0\n"
                           "n2 lists n1\n"
                           "n0 lists n2\n"
                           "n1 lists n2\n"));
    check(round > 0);
    check(story_stats(&story, 2)->round > round);
    story_end(&story);
}

static void part(bool is_parted)
{
    enum kith_fault_kind kind = is_parted ? KITH_FAULT_CLOSE : KITH_FAULT_OPEN;
    story_do(&story, (struct kith_fault){.kind = kind, .a = 0, .b = 1});
    story_do(&story, (struct kith_fault){.kind = kind, .a = 1, .b = 0});
}

static void two_halves_part_and_find_each_other_again(void)
{
    check(acquainted(4));
    for (uint32_t i = 2; i < 4; i++)
        story_do(&story, (struct kith_fault){.kind = KITH_FAULT_GROUP, .node = i, .a = 1});
    part(true);
    check(story_pass(&story, 90));
    for (uint32_t i = 0; i < 4; i++)
        check_int(story_peers(&story, i), 1);
    part(false);
    check(story_pass(&story, 180));
    for (uint32_t i = 0; i < 4; i++)
        check_int(story_peers(&story, i), 3);
    story_end(&story);
}

/* What is sent to the far half is lost, what comes from there arrives. */
static void a_way_that_is_closed_one_way(void)
{
    check(acquainted(3));
    story_do(&story, (struct kith_fault){.kind = KITH_FAULT_GROUP, .node = 2, .a = 1});
    story_do(&story, (struct kith_fault){.kind = KITH_FAULT_CLOSE, .a = 0, .b = 1});
    check(story_pass(&story, 120));
    check_int(story_peers(&story, 2), 0);
    story_do(&story, (struct kith_fault){.kind = KITH_FAULT_OPEN, .a = 0, .b = 1});
    check(story_pass(&story, 180));
    for (uint32_t i = 0; i < 3; i++)
        check_int(story_peers(&story, i), 2);
    story_end(&story);
}

int main(void)
{
    run(a_goodbye_leaves_every_list_at_once);
    run(the_first_node_is_killed_and_nobody_else_is_lost);
    run(a_node_cut_off_leaves_every_list_within_a_minute);
    run(a_restarted_node_is_one_entry);
    run(after_a_goodbye_a_node_may_come_back);
    run(two_halves_part_and_find_each_other_again);
    run(a_way_that_is_closed_one_way);
    return test_end();
}
