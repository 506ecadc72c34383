/* Clocks that are wrong, disks that are full, a DHT that lies, a network that loses. */
#include "sim/sim_dht.h"
#include "sim/sim_store.h"
#include "tests/story/story.h"
#include "tests/test.h"

static struct story story;

static void start_all(void)
{
    for (uint32_t i = 0; i < story.run.scenario.nodes; i++)
        story_start(&story, i);
}

static void set_skew(uint32_t node, int64_t skew_ms)
{
    story_do(&story,
             (struct kith_fault){.kind = KITH_FAULT_SKEW, .node = node, .skew_ms = skew_ms});
}

/* Half an hour ahead: its records are not valid yet anywhere, and to it all others are expired. */
static void a_clock_far_ahead_is_refused_until_it_is_right(void)
{
    story_begin(&story, 3);
    story_tell(&story, 0);
    set_skew(2, 1800 * 1000);
    start_all();
    check(story_pass(&story, 30));
    for (uint32_t i = 0; i < 2; i++)
        check_int(story_peers(&story, i), 1);
    check(story_stats(&story, 0)->drop_future > 0); /* that it dialed */
    check_int(story_peers(&story, 2), 0);
    check(story_stats(&story, 2)->drop_expired > 0);
    story_stop(&story, 2);
    check(story_pass(&story, 5));
    set_skew(2, 0);
    story_start(&story, 2);
    check(story_pass(&story, 30));
    for (uint32_t i = 0; i < 3; i++)
        check_int(story_peers(&story, i), 2);
    story_end(&story);
}

static void clocks_some_seconds_apart_are_good_enough(void)
{
    story_begin(&story, 3);
    story_tell(&story, 0);
    set_skew(1, 5 * 1000);
    set_skew(2, -5 * 1000);
    start_all();
    check(story_pass(&story, 300));
    for (uint32_t i = 0; i < 3; i++)
        check_int(story_peers(&story, i), 2);
    story_end(&story);
}

static void a_full_disk_is_said_and_training_goes_on(void)
{
    story_begin(&story, 2);
    story_tell(&story, KITH_SIM_TRACE_LIFE);
    story_do(&story,
             (struct kith_fault){.kind = KITH_FAULT_DISK, .node = 1, .a = KITH_SIM_DISK_FULL});
    start_all();
    check(story_pass(&story, 60));
    check(story_stats(&story, 1)->round > 50);
    check(story_stats(&story, 1)->store_failures > 0);
    check_int(story_peers(&story, 0), 1);
    story_forget(&story);
    story_stop(&story, 1);
    check(story_pass(&story, 1));
    check(story_is(&story, "n1 stop\n"
                           "n1 store failed IO\n"
                           "n1 store failed IO\n"
                           "n1 store failed IO\n"
                           "n1 stopped\n"));
    story_end(&story);
}

static void a_lying_dht_puts_nobody_into_a_list(void)
{
    story_begin(&story, 4);
    story_tell(&story, 0);
    for (uint32_t i = 0; i < 4; i++) {
        story.from[i] = STORY_NOBODY;
        story_do(&story,
                 (struct kith_fault){.kind = KITH_FAULT_DHT, .node = i, .a = KITH_SIM_DHT_LYING});
    }
    start_all();
    check(story_pass(&story, 120)); /* every list is checked after every step */
    uint64_t dropped = 0;
    for (uint32_t i = 0; i < 4; i++) {
        const struct kith_stats *stats = story_stats(&story, i);
        check_int(stats->peers, 3); /* true values are among the lies */
        dropped += stats->drop_malformed + stats->drop_signature + stats->drop_swarm +
                   stats->drop_version + stats->drop_expired + stats->drop_future;
    }
    check(dropped > 0);
    story_end(&story);
}

static void loss_and_cuts_hinder_learning_little(void)
{
    story_begin(&story, 8);
    story.world.net.loss = 0.2;
    story.world.net.cuts_per_hour = 120;
    story_tell(&story, 0);
    start_all();
    check(story_pass(&story, 300));
    check(kith_sim_net_counters(kith_world_net(story.swarm->world))->cut > 50);
    uint32_t listed = 0;
    for (uint32_t i = 0; i < 8; i++) {
        /* Who was cut and not reached again at once is out of a list until its next record. */
        check(story_peers(&story, i) >= 4);
        listed += story_peers(&story, i);
        check(story_stats(&story, i)->round > 150);
        check(story_stats(&story, i)->mixed > 150);
    }
    check(listed >= 8 * 6);
    story_end(&story);
}

/* Killed over and over, at moments that do not repeat: it always starts again and is always found.
 */
static void a_node_that_keeps_dying(void)
{
    story_begin(&story, 3);
    story_tell(&story, KITH_SIM_TRACE_LISTS);
    start_all();
    check(story_pass(&story, 10));
    uint64_t round = 0;
    for (int i = 0; i < 30; i++) {
        story_kill(&story, 1);
        check(story_pass(&story, 0.2 + 0.37 * i));
        story_start(&story, 1);
        check(story_pass(&story, 1 + 0.013 * i));
        check(story_stats(&story, 1)->round >= round);
    }
    check(story_pass(&story, 20));
    for (uint32_t i = 0; i < 3; i++)
        check_int(story_peers(&story, i), 2);
    story_end(&story);
}

int main(void)
{
    run(a_clock_far_ahead_is_refused_until_it_is_right);
    run(clocks_some_seconds_apart_are_good_enough);
    run(a_full_disk_is_said_and_training_goes_on);
    run(a_lying_dht_puts_nobody_into_a_list);
    run(loss_and_cuts_hinder_learning_little);
    run(a_node_that_keeps_dying);
    return test_end();
}
