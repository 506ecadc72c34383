/* dht_key, directory: where records lie and when they are put and read. */
#include "base/err.h"
#include "base/hash.h"
#include "dht/directory.h"
#include "tests/test.h"

static const struct kith_id swarm = {{9}};

static struct kith_id hotkey_of(uint32_t i)
{
    return kith_hash_of("hotkey", (struct kith_bytes){(const uint8_t *)&i, sizeof i});
}

static void keys_differ_by_swarm_epoch_level_and_prefix(void)
{
    uint8_t keys[5][KITH_DHT_KEY_LEN];
    struct kith_id other = {{8}};
    kith_dht_key_directory(&swarm, 1, 4, 0xf0000000u, keys[0]);
    kith_dht_key_directory(&other, 1, 4, 0xf0000000u, keys[1]);
    kith_dht_key_directory(&swarm, 2, 4, 0xf0000000u, keys[2]);
    kith_dht_key_directory(&swarm, 1, 5, 0xf0000000u, keys[3]);
    kith_dht_key_directory(&swarm, 1, 4, 0xe0000000u, keys[4]);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < i; j++)
            check(memcmp(keys[i], keys[j], KITH_DHT_KEY_LEN) != 0);
    kith_dht_key_directory(&swarm, 1, 4, 0xff000000u, keys[1]);
    check(memcmp(keys[0], keys[1], KITH_DHT_KEY_LEN) == 0);
}

static void depth_keeps_a_key_small(void)
{
    check_int(kith_dht_depth(1), 0);
    check_int(kith_dht_depth(47), 0);
    check_int(kith_dht_depth(48), 1);
    check_int(kith_dht_depth(10000), 8);
    check_int(kith_dht_depth(100000), 12);
    check_int(kith_dht_depth(UINT64_MAX), KITH_DEPTH_MAX);
}

static void level_zero_is_a_small_uniform_sample(void)
{
    const uint8_t depth = 8; /* of 10,000 nodes */
    uint32_t at_zero = 0, puts = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        struct kith_id id = hotkey_of(i);
        struct kith_id place = kith_dht_place(&swarm, 7, &id);
        check(kith_dht_announces(&place, depth, depth));
        at_zero += kith_dht_announces(&place, depth, 0);
        for (uint8_t level = 0; level <= depth; level++)
            puts += kith_dht_announces(&place, depth, level);
    }
    check(at_zero > 15 && at_zero < 70); /* 39 expected */
    check(puts < 2 * 10000 + 500);
}

struct world {
    struct kith_rng rng;
    struct kith_outbox out;
    struct kith_stats stats;
    struct kith_turn turn;
    struct kith_directory directory;
};

static void world_init(struct world *world)
{
    uint8_t seed[KITH_SEED_LEN] = {3};
    struct kith_id self = hotkey_of(1);
    memset(world, 0, sizeof *world);
    kith_rng_init(&world->rng, seed);
    check(kith_outbox_init(&world->out, 64, 4096) == 0);
    world->turn = (struct kith_turn){.now_us = 1000000,
                                     .wall_ms = UINT64_C(1700000000000),
                                     .rng = &world->rng,
                                     .out = &world->out,
                                     .stats = &world->stats};
    kith_directory_init(&world->directory, &swarm, &self, true);
    kith_directory_start(&world->directory, &world->turn);
}

static void early_announcements_repeat(void)
{
    struct world world;
    world_init(&world);
    uint64_t start = world.turn.now_us;
    uint32_t early = 0;
    bool ping;
    while (world.turn.now_us < start + 70 * KITH_SECOND_US) {
        world.turn.now_us = kith_directory_deadline_us(&world.directory);
        kith_outbox_reset(&world.out);
        kith_directory_on_deadline(&world.directory, 3, &ping, &world.turn);
        if (!world.directory.announce_due) continue;
        kith_directory_announce(&world.directory, (struct kith_bytes){(const uint8_t *)"r", 1}, 4,
                                &world.turn);
        early++;
        for (uint32_t i = 0; i < world.out.count; i++)
            kith_directory_on_done(&world.directory, world.out.effects[i].dht.number, 0,
                                   &world.turn);
    }
    check_int(early, 4);
    kith_outbox_release(&world.out);
}

static void alone_there_are_no_failures(void)
{
    struct world world;
    world_init(&world);
    for (uint64_t peers = 0; peers < 2; peers++) {
        world.stats.peers = peers;
        kith_outbox_reset(&world.out);
        kith_directory_announce(&world.directory, (struct kith_bytes){(const uint8_t *)"r", 1}, 1,
                                &world.turn);
        check(world.out.count > 0);
        for (uint32_t i = 0; i < world.out.count; i++)
            kith_directory_on_done(&world.directory, world.out.effects[i].dht.number,
                                   KITH_ERR_TIMEOUT, &world.turn);
        check_int(world.stats.dht_failures, peers * world.out.count);
    }
    kith_outbox_release(&world.out);
}

static void only_open_reads_are_believed(void)
{
    struct world world;
    world_init(&world);
    world.stats.peers = 1;
    bool ping;
    world.turn.now_us = kith_directory_deadline_us(&world.directory);
    kith_directory_on_deadline(&world.directory, 0, &ping, &world.turn);
    check(world.out.count >= 1);
    uint64_t number = world.out.effects[0].dht.number;
    check(kith_directory_is_open(&world.directory, number));
    check(!kith_directory_is_open(&world.directory, number + 1000));
    check(!kith_directory_is_open(&world.directory, 0));
    kith_directory_on_done(&world.directory, number, -1, &world.turn);
    check(!kith_directory_is_open(&world.directory, number));
    check_int(world.stats.dht_failures, 1);
    kith_outbox_release(&world.out);
}

int main(void)
{
    run(keys_differ_by_swarm_epoch_level_and_prefix);
    run(depth_keeps_a_key_small);
    run(level_zero_is_a_small_uniform_sample);
    run(early_announcements_repeat);
    run(alone_there_are_no_failures);
    run(only_open_reads_are_believed);
    return test_end();
}
