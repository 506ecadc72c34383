/* Many at once: cut in halves, killed, all started again, coming and going. Afterwards everybody
 * lists everybody within a bound. */
#include "tests/story/story.h"
#include "tests/test.h"

enum { NODES = 20 };

static struct story story;

static void begin(void)
{
    story_begin(&story, NODES);
    story.run.scenario.all.node.learns = false;
    story_tell(&story, 0);
    for (uint32_t i = 0; i < NODES; i++)
        story_start(&story, i);
    story_pass(&story, 30);
}

static bool is_up(uint32_t node)
{
    return kith_world_state(story.swarm->world, node) == KITH_WORLD_UP;
}

/* Everybody who is up lists all others who are, and nobody else. */
static bool is_whole(void)
{
    uint32_t up = 0;
    for (uint32_t i = 0; i < NODES; i++)
        up += is_up(i);
    for (uint32_t i = 0; i < NODES; i++)
        if (is_up(i) && story_peers(&story, i) != up - 1) return false;
    return true;
}

/* So many seconds until it is whole; the bound and one more if that took longer. */
static int seconds_until_whole(int bound_s)
{
    for (int second = 0; second <= bound_s; second++) {
        if (is_whole()) return second;
        if (!story_pass(&story, 1)) break;
    }
    return bound_s + 1;
}

static void regroup_half(uint32_t group)
{
    for (uint32_t i = 0; i < NODES / 2; i++)
        story_do(&story, (struct kith_fault){.kind = KITH_FAULT_GROUP, .node = i, .a = group});
}

static void halves_cut_apart_are_whole_within_a_minute(void)
{
    const int cuts_s[] = {60, 300, 900};
    for (size_t i = 0; i < sizeof cuts_s / sizeof *cuts_s; i++) {
        begin();
        story_do(&story, (struct kith_fault){.kind = KITH_FAULT_CLOSE, .a = 0, .b = 1});
        story_do(&story, (struct kith_fault){.kind = KITH_FAULT_CLOSE, .a = 1, .b = 0});
        regroup_half(1);
        check(story_pass(&story, cuts_s[i]));
        check_int(story_peers(&story, 0), NODES / 2 - 1);
        check_int(story_peers(&story, NODES - 1), NODES / 2 - 1);
        regroup_half(0);
        int took = seconds_until_whole(60);
        printf("# cut for %d s, whole after %d s\n", cuts_s[i], took);
        check(took <= 60);
        story_end(&story);
    }
}

/* The first node, which all others started from, is among the dead. */
static void of_many_killed_at_once_the_rest_is_whole(void)
{
    const uint32_t killed[] = {NODES / 2, NODES * 9 / 10};
    for (size_t i = 0; i < 2; i++) {
        begin();
        for (uint32_t node = 0; node < killed[i]; node++)
            story_kill(&story, node);
        int took = seconds_until_whole(60);
        printf("# %u of %d killed, the rest whole after %d s\n", killed[i], NODES, took);
        check(took <= 60);
        for (uint32_t node = 0; node < killed[i]; node++)
            story_start(&story, node);
        check(seconds_until_whole(60) <= 60);
        story_end(&story);
    }
}

static void all_but_one_restarted(void)
{
    begin();
    for (uint32_t i = 0; i < NODES; i++)
        if (i != 7) story_kill(&story, i);
    check(story_pass(&story, 60));
    check_int(story_peers(&story, 7), 0);
    for (uint32_t i = 0; i < NODES; i++)
        if (i != 7) story_start(&story, i);
    int took = seconds_until_whole(60);
    printf("# all but one restarted, whole after %d s\n", took);
    check(took <= 60);
    story_end(&story);
}

/* A tenth of them every minute for ten minutes, one after the other, killed and back 20 s later. */
static void comings_and_goings(void)
{
    begin();
    for (uint32_t turn = 0; turn < 20; turn++) {
        uint32_t node = turn * 7 % NODES;
        story_kill(&story, node);
        check(story_pass(&story, 20));
        story_start(&story, node);
        check(story_pass(&story, 10));
        for (uint32_t i = 0; i < NODES; i++)
            check(story_peers(&story, i) >= NODES - 2);
    }
    check(seconds_until_whole(20) <= 20);
    story_end(&story);
}

int main(void)
{
    run(halves_cut_apart_are_whole_within_a_minute);
    run(of_many_killed_at_once_the_rest_is_whole);
    run(all_but_one_restarted);
    run(comings_and_goings);
    return test_end();
}
