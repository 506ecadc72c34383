/* All sources of a download are cut off just before its end and the fetching node is killed: the
 * next life fetches the rest, from another. */
#include "overlay/objects.h"
#include "tests/story/story.h"
#include "tests/test.h"
#include "training/codec.h"

enum { AUTHOR, HOLDER, FETCHER, NODES, PARAMS = 65 * 16384 + 16385 * 10 };

static struct story story;
static uint64_t len; /* of a snapshot */

static void regroup(uint32_t node, uint32_t group)
{
    story_do(&story, (struct kith_fault){.kind = KITH_FAULT_GROUP, .node = node, .a = group});
}

static uint64_t fetched(void)
{
    return story_stats(&story, FETCHER)->bulk_bytes_in;
}

/* The node does all its rounds; its last snapshot stays as it is. */
static void finish(uint32_t node)
{
    story_start(&story, node);
    while (story_stats(&story, node)->round < story.run.scenario.rounds && story_pass(&story, 1))
        continue;
}

/* The author's and the holder's last snapshots are there, and the holder has both. */
static void begin(void)
{
    story_begin(&story, NODES);
    story.run.scenario.rounds = 8;
    story.run.scenario.all.node.learner.local_steps = 1;
    story.run.scenario.all.node.share = KITH_SHARE_WEIGHTS;
    story.run.scenario.all.node.pull_count = 2;
    story.run.scenario.all.node.learner.wire = KITH_WIRE_FP32;
    strcpy(story.run.scenario.model[0], "mlp:16384");
    story.world.net.bytes_per_s = 1000000;
    story_tell(&story, 0);
    story_do(&story, (struct kith_fault){.kind = KITH_FAULT_CLOSE, .a = 0, .b = 1});
    story_do(&story, (struct kith_fault){.kind = KITH_FAULT_CLOSE, .a = 1, .b = 0});
    len = kith_frame_size(KITH_WIRE_FP32, PARAMS);
    story_start(&story, AUTHOR);
    finish(AUTHOR);
    finish(HOLDER);
}

/* The fetcher has all of the two snapshots but about a chunk. */
static bool fetch_nearly_all(void)
{
    story_start(&story, FETCHER);
    for (int i = 0; i < 3000 && fetched() + KITH_CHUNK_LEN < 2 * len; i++)
        if (!story_pass(&story, 0.01)) return false;
    return fetched() < 2 * len;
}

static void killed_at_99_percent_it_fetches_the_rest_from_another(void)
{
    begin();
    check(story_stats(&story, HOLDER)->mixed > 0);
    check(fetch_nearly_all());
    regroup(FETCHER, 1);
    check(story_pass(&story, 8));
    uint64_t first = fetched();
    check_int(story_stats(&story, FETCHER)->mixed, 0);
    story_kill(&story, FETCHER);
    story_kill(&story, AUTHOR);
    check(story_pass(&story, 2));
    story_start(&story, FETCHER);
    check(story_pass(&story, 5));
    check_int(fetched(), 0);
    regroup(FETCHER, 0);
    check(story_pass(&story, 60));
    check(story_stats(&story, FETCHER)->mixed >= 2);
    uint64_t index = len / KITH_CHUNK_LEN * KITH_ID_LEN + KITH_ID_LEN;
    check(first + fetched() >= 2 * len);
    check(first + fetched() <= 2 * len + 2 * KITH_CHUNK_LEN + 2 * index);
    check(fetched() <= 3 * KITH_CHUNK_LEN); /* the rest */
    story_end(&story);
}

/* Without any warning: what was on its way to the disk is lost too. */
static void killed_in_the_midst_it_loses_what_was_on_its_way_to_the_disk(void)
{
    begin();
    check(fetch_nearly_all());
    uint64_t first = fetched();
    story_kill(&story, FETCHER);
    story_start(&story, FETCHER);
    check(story_pass(&story, 60));
    check(story_stats(&story, FETCHER)->mixed >= 2);
    check(first + fetched() <= 2 * len + 8 * KITH_CHUNK_LEN);
    story_end(&story);
}

static void a_stopped_node_keeps_it_too(void)
{
    begin();
    check(fetch_nearly_all());
    uint64_t first = fetched();
    story_stop(&story, FETCHER);
    check(story_pass(&story, 3));
    story_start(&story, FETCHER);
    check(story_pass(&story, 60));
    check(story_stats(&story, FETCHER)->mixed >= 2);
    check(first + fetched() <= 2 * len + 3 * KITH_CHUNK_LEN);
    story_end(&story);
}

int main(void)
{
    run(killed_at_99_percent_it_fetches_the_rest_from_another);
    run(killed_in_the_midst_it_loses_what_was_on_its_way_to_the_disk);
    run(a_stopped_node_keeps_it_too);
    return test_end();
}
