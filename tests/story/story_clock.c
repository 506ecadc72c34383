/* One clock is wrong, or set while the node runs: its peers' time is used, and nothing is held up.
 */
#include <string.h>

#include "tests/story/story.h"
#include "tests/test.h"

enum { NODES = 7, WRONG = 4 };

static const int64_t second_ms = 1000, hour_ms = 3600 * 1000, day_ms = 24 * 3600 * 1000;

static struct story story;

static void set_clock(uint32_t node, int64_t skew_ms)
{
    story_do(&story,
             (struct kith_fault){.kind = KITH_FAULT_SKEW, .node = node, .skew_ms = skew_ms});
}

static void begin(uint32_t nodes)
{
    story_begin(&story, nodes);
    story.run.scenario.all.node.round_min_us = 5 * KITH_SECOND_US;
    story_tell(&story, KITH_SIM_TRACE_SAYS);
}

static void start_all(void)
{
    for (uint32_t i = 0; i < story.run.scenario.nodes; i++)
        story_start(&story, i);
}

/* Everybody lists everybody. */
static bool is_whole(void)
{
    bool whole = true;
    for (uint32_t i = 0; i < story.run.scenario.nodes; i++)
        whole = whole && story_peers(&story, i) == story.run.scenario.nodes - 1;
    return whole;
}

/* How often the story tells `text`. */
static int told(const char *text)
{
    int count = 0;
    for (const char *at = story.text; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

static void a_clock_that_is_wrong_from_the_start_is_noticed_once(void)
{
    const int64_t skews[] = {60 * second_ms, -60 * second_ms, hour_ms, -hour_ms, day_ms, -day_ms};
    for (size_t i = 0; i < sizeof skews / sizeof *skews; i++) {
        begin(NODES);
        set_clock(WRONG, skews[i]);
        start_all();
        check(story_pass(&story, 20));
        check(is_whole());
        check(story_pass(&story, 120)); /* the warning is one, not one a minute */
        check(is_whole());
        char wanted[64];
        long long off = skews[i] < 0 ? -skews[i] : skews[i];
        snprintf(wanted, sizeof wanted, "n%d says this clock is %lld s %s", WRONG, off / 1000,
                 skews[i] > 0 ? "ahead of" : "behind");
        check_int(told(wanted), 1);
        check_int(told("peers; their time is used"), 1);
        check_int(told("this clock"), 1);
        check(story_stats(&story, WRONG)->mixed > 0);
        story_end(&story);
    }
}

/* An NTP step, somebody who sets the clock, and back: nobody is forgotten for a moment. */
static void a_clock_set_while_the_node_runs_changes_nothing(void)
{
    const int64_t steps[] = {hour_ms, -hour_ms, -day_ms, 30 * second_ms, 0, -8 * second_ms};
    begin(NODES);
    start_all();
    check(story_pass(&story, 30));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        uint64_t mixed = story_stats(&story, 0)->mixed;
        story_forget(&story);
        set_clock(WRONG, steps[i]);
        for (int second = 0; second < 90; second++) {
            check(story_pass(&story, 1));
            check(is_whole());
        }
        check(told("left") == 0);
        check(story_stats(&story, 0)->mixed > mixed);
    }
    story_end(&story);
}

/* Two of seven tell another time, the same one: they are set right and move nobody else. */
static void a_minority_that_agrees_on_another_time_moves_nobody(void)
{
    begin(NODES);
    set_clock(1, hour_ms);
    set_clock(WRONG, hour_ms);
    start_all();
    check(story_pass(&story, 60));
    check(is_whole());
    check_int(told("n1 says this clock is 3600 s ahead of"), 1);
    check_int(told("n4 says this clock is 3600 s ahead of"), 1);
    check_int(told("this clock"), 2);
    story_end(&story);
}

static void two_peers_are_too_few_to_go_by_and_that_is_said(void)
{
    begin(3);
    set_clock(2, 1800 * second_ms);
    start_all();
    check(story_pass(&story, 60));
    check_int(told("n2 says this clock is 1800 s ahead of 2 peers, too few"), 1);
    check_int(story_peers(&story, 2), 0);
    story_end(&story);
}

/* 1970, and past all calendars: too far off to be followed, and nothing breaks. */
static void clocks_beyond_all_sense_are_said_and_harm_nobody(void)
{
    const int64_t skews[] = {-(int64_t)KITH_WORLD_EPOCH_MS - 1, INT64_MAX / 2, 40 * 365 * day_ms,
                             90 * 365 * day_ms};
    for (size_t i = 0; i < sizeof skews / sizeof *skews; i++) {
        begin(NODES);
        set_clock(WRONG, skews[i]);
        start_all();
        check(story_pass(&story, 60));
        check_int(story_peers(&story, 0), NODES - 2);
        check_int(told("too far off to go by"), 1);
        check_int(told("this clock"), 1);
        set_clock(WRONG, 0);
        check(story_pass(&story, 30));
        check(is_whole());
        story_end(&story);
    }
}

/* A minute ahead, records are taken, for a minute is no future; once the clock is right they are
 * those of the future. */
static void records_of_the_future_hold_up_no_later_ones(void)
{
    begin(3);
    set_clock(2, 40 * second_ms);
    start_all();
    check(story_pass(&story, 30));
    check_int(story_peers(&story, 0), 2);
    for (int stopped = 0; stopped < 2; stopped++) {
        if (stopped)
            story_stop(&story, 2);
        else
            story_kill(&story, 2);
        check(story_pass(&story, 2));
        set_clock(2, stopped ? 0 : 20 * second_ms);
        story_start(&story, 2);
        check(story_pass(&story, 10));
        for (uint32_t i = 0; i < 3; i++)
            check_int(story_peers(&story, i), 2);
    }
    story_end(&story);
}

int main(void)
{
    run(a_clock_that_is_wrong_from_the_start_is_noticed_once);
    run(a_clock_set_while_the_node_runs_changes_nothing);
    run(a_minority_that_agrees_on_another_time_moves_nobody);
    run(two_peers_are_too_few_to_go_by_and_that_is_said);
    run(clocks_beyond_all_sense_are_said_and_harm_nobody);
    run(records_of_the_future_hold_up_no_later_ones);
    return test_end();
}
