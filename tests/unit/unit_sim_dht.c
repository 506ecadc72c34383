#include "sim/sim_dht.h"

#include "base/err.h"
#include "tests/test.h"

static const uint8_t seed[KITH_SEED_LEN] = {7};
static const uint8_t key[KITH_DHT_KEY_LEN] = {1, 2, 3};
static const uint64_t second_us = 1000000;

static struct kith_sim_dht *dht;
static struct kith_sim_dht_answer answer;

static struct kith_bytes text(const char *content)
{
    return (struct kith_bytes){(const uint8_t *)content, strlen(content)};
}

static struct kith_sim_dht_config healthy(uint32_t nodes)
{
    struct kith_sim_dht_config config;
    kith_sim_dht_config_default(&config);
    config.nodes = nodes;
    return config;
}

static void make(const struct kith_sim_dht_config *config)
{
    kith_sim_dht_free(dht);
    dht = NULL;
    if (kith_sim_dht_new(config, seed, &dht)) abort();
}

static void put(uint32_t node, const char *content, uint64_t now_us)
{
    kith_sim_dht_put(dht, node, key, text(content), now_us, &answer);
}

static uint32_t count(uint32_t node, uint64_t now_us)
{
    kith_sim_dht_get(dht, node, key, now_us, &answer);
    return answer.count;
}

static void a_value_lives_600_seconds(void)
{
    struct kith_sim_dht_config config = healthy(20);
    make(&config);
    put(1, "a", 0);
    check_int(count(2, 600 * second_us - 1), 1);
    check_int(count(2, 600 * second_us), 0);
    check_int(count(1, 600 * second_us), 0);
    put(1, "a", 700 * second_us);
    check_int(kith_sim_dht_stored(dht), 1);
    check_int(count(2, 1299 * second_us), 1);
}

static void answers_take_time_within_the_bounds(void)
{
    struct kith_sim_dht_config config = healthy(20);
    make(&config);
    for (uint64_t i = 0; i < 1000; i++) {
        kith_sim_dht_get(dht, 3, key, i, &answer);
        check(answer.delay_us >= config.delay_min_us);
        check(answer.delay_us <= config.delay_max_us);
    }
}

static void loss_is_a_timeout(void)
{
    struct kith_sim_dht_config config = healthy(20);
    uint32_t lost = 0;
    config.loss = 0.25;
    make(&config);
    for (uint64_t i = 0; i < 4000; i++) {
        kith_sim_dht_get(dht, 3, key, i, &answer);
        lost += answer.err == KITH_ERR_TIMEOUT;
        if (answer.err) check_int(answer.delay_us, config.get_limit_us);
    }
    check(lost > 850 && lost < 1150);
}

static void a_put_can_be_swallowed(void)
{
    struct kith_sim_dht_config config = healthy(20);
    uint32_t stored = 0, said = 0;
    config.loss = 0.25;
    make(&config);
    for (uint64_t i = 0; i < 1000; i++) {
        put(1, "x", i);
        said += answer.err == 0;
    }
    stored = kith_sim_dht_stored(dht);
    check(said > 700 && said < 800);
    check(stored > 500 && stored < 620);
}

static void values_are_seen_late_by_others(void)
{
    struct kith_sim_dht_config config = healthy(20);
    config.visible_us = 5 * second_us;
    make(&config);
    put(1, "a", 0);
    check_int(count(1, 1), 1);
    check_int(count(2, 5 * second_us - 1), 0);
    check_int(count(2, 5 * second_us), 1);
}

static void a_stale_reader_sees_the_past(void)
{
    struct kith_sim_dht_config config = healthy(20);
    make(&config);
    kith_sim_dht_set_mode(dht, 2, KITH_SIM_DHT_STALE);
    put(1, "a", 100 * second_us);
    check_int(count(2, 159 * second_us), 0);
    check_int(count(2, 160 * second_us), 1);
    /* Expired for the honest, not yet for the stale. */
    check_int(count(3, 700 * second_us), 0);
    check_int(count(2, 759 * second_us), 1);
    check_int(count(2, 760 * second_us), 0);
}

static void an_empty_dht_says_yes_and_keeps_nothing(void)
{
    struct kith_sim_dht_config config = healthy(20);
    make(&config);
    kith_sim_dht_set_mode(dht, 1, KITH_SIM_DHT_EMPTY);
    put(1, "a", 0);
    check_int(answer.err, 0);
    check_int(count(2, 1), 0);
    put(2, "b", 2);
    check_int(count(1, 3), 0);
    check_int(count(3, 4), 1);
}

static void a_silent_dht_times_out(void)
{
    struct kith_sim_dht_config config = healthy(20);
    make(&config);
    kith_sim_dht_set_mode(dht, 1, KITH_SIM_DHT_SILENT);
    put(1, "a", 0);
    check_int(answer.err, KITH_ERR_TIMEOUT);
    check_int(answer.delay_us, config.put_limit_us);
    check_int(count(1, 1), 0);
    check_int(answer.err, KITH_ERR_TIMEOUT);
}

static void a_liar_never_leaves_the_bounds(void)
{
    struct kith_sim_dht_config config = healthy(20);
    uint32_t true_values = 0, lies = 0;
    make(&config);
    kith_sim_dht_set_mode(dht, 2, KITH_SIM_DHT_LYING);
    put(1, "the truth", 0);
    for (uint64_t i = 0; i < 1000; i++) {
        kith_sim_dht_get(dht, 2, key, i, &answer);
        check_int(answer.count, 2);
        for (uint32_t v = 0; v < answer.count; v++) {
            struct kith_bytes value = answer.values[v];
            check(value.len > 0 && value.len <= KITH_DHT_VALUE_MAX);
            if (value.len == 9 && memcmp(value.at, "the truth", 9) == 0)
                true_values++;
            else
                lies++;
        }
    }
    check(true_values > 400);
    check(lies > 1000);
    check_int(count(3, 1001), 1);
    check(memcmp(answer.values[0].at, "the truth", 9) == 0);
}

static void more_than_the_limit_is_full(void)
{
    struct kith_sim_dht_config config = healthy(20);
    config.key_limit = 3;
    make(&config);
    put(1, "a", 0);
    put(2, "b", 0);
    put(3, "c", 0);
    check_int(count(4, 1), 3);
    check_int(answer.err, 0);
    put(4, "d", 2);
    check_int(count(4, 3), 3);
    check_int(answer.err, KITH_ERR_FULL);
}

static void a_value_dies_with_its_last_replica(void)
{
    struct kith_sim_dht_config config = healthy(20);
    make(&config);
    put(1, "a", 0);
    for (uint32_t i = 0; i < 19; i++)
        kith_sim_dht_set_up(dht, i, false);
    for (uint32_t i = 0; i < 19; i++)
        kith_sim_dht_set_up(dht, i, true);
    /* Node 19 may hold it or not; without it nobody does. */
    kith_sim_dht_set_up(dht, 19, false);
    check_int(count(2, 1), 0);
    check_int(count(1, 1), 0);
}

static void eight_nodes_hold_a_value(void)
{
    struct kith_sim_dht_config config = healthy(100);
    uint32_t deaths = 0;
    make(&config);
    put(99, "a", 0);
    while (count(99, 1) == 1 && deaths < 99)
        kith_sim_dht_set_up(dht, deaths++, false);
    /* The putter reads its own copy for ever. */
    check_int(deaths, 99);
    make(&config);
    put(99, "a", 0);
    kith_sim_dht_set_up(dht, 99, false);
    kith_sim_dht_set_up(dht, 99, true);
    for (deaths = 0; count(99, 1) == 1 && deaths < 99; deaths++)
        kith_sim_dht_set_up(dht, deaths, false);
    check(deaths > 8 && deaths < 99);
}

static void a_partition_hides_and_heals(void)
{
    struct kith_sim_dht_config config = healthy(40);
    make(&config);
    for (uint32_t i = 20; i < 40; i++)
        kith_sim_dht_set_group(dht, i, 1);
    put(1, "left", 0);
    put(21, "right", 0);
    check_int(count(2, 1), 1);
    check(memcmp(answer.values[0].at, "left", 4) == 0);
    check_int(count(22, 1), 1);
    check(memcmp(answer.values[0].at, "right", 4) == 0);
    for (uint32_t i = 20; i < 40; i++)
        kith_sim_dht_set_group(dht, i, 0);
    check_int(count(2, 2), 2);
}

static void the_oldest_goes_when_it_is_full(void)
{
    struct kith_sim_dht_config config = healthy(20);
    config.values_max = 3;
    make(&config);
    put(1, "a", 0);
    put(1, "b", 0);
    put(1, "c", 0);
    put(1, "d", 0);
    check_int(kith_sim_dht_stored(dht), 3);
    check_int(count(2, 1), 3);
    check(memcmp(answer.values[0].at, "b", 1) == 0);
}

static void equal_seeds_give_equal_answers(void)
{
    struct kith_sim_dht_config config = healthy(20);
    uint64_t sums[2] = {0, 0};
    config.loss = 0.1;
    for (int i = 0; i < 2; i++) {
        make(&config);
        kith_sim_dht_set_mode(dht, 5, KITH_SIM_DHT_LYING);
        for (uint64_t t = 0; t < 500; t++) {
            put((uint32_t)(t % 20), "v", t);
            kith_sim_dht_get(dht, 5, key, t, &answer);
            sums[i] = sums[i] * 31 + answer.delay_us + answer.count;
            for (uint32_t v = 0; v < answer.count; v++)
                sums[i] = sums[i] * 31 + answer.values[v].at[0] + answer.values[v].len;
        }
    }
    check(sums[0] == sums[1]);
}

static void a_config_is_checked(void)
{
    struct kith_sim_dht *made;
    struct kith_sim_dht_config config = healthy(0);
    check_int(kith_sim_dht_new(&config, seed, &made), KITH_ERR_RANGE);
    config = healthy(1);
    config.key_limit = KITH_DHT_VALUES_MAX + 1;
    check_int(kith_sim_dht_new(&config, seed, &made), KITH_ERR_RANGE);
    config = healthy(1);
    config.delay_min_us = config.delay_max_us + 1;
    check_int(kith_sim_dht_new(&config, seed, &made), KITH_ERR_RANGE);
    config = healthy(1);
    config.loss = 1.5;
    check_int(kith_sim_dht_new(&config, seed, &made), KITH_ERR_RANGE);
}

static void a_node_asks_so_often_in_a_second(void)
{
    struct kith_sim_dht_config config = healthy(20);
    uint32_t late = 0;
    config.rate_limit = 10;
    make(&config);
    for (uint64_t i = 0; i < 30; i++) {
        kith_sim_dht_get(dht, 3, key, second_us + i, &answer);
        late += answer.err == KITH_ERR_TIMEOUT;
    }
    check_int(late, 20);
    kith_sim_dht_get(dht, 4, key, second_us + 40, &answer);
    check_int(answer.err, 0);
    kith_sim_dht_get(dht, 3, key, 2 * second_us, &answer);
    check_int(answer.err, 0);
}

static bool is_ours(const struct kith_bytes *value)
{
    static const char *const ours[] = {"one", "two", "three"};
    for (size_t i = 0; i < 3; i++)
        if (value->len == strlen(ours[i]) && memcmp(value->at, ours[i], value->len) == 0)
            return true;
    return false;
}

static void strangers_take_places(void)
{
    struct kith_sim_dht_config config = healthy(20);
    uint32_t seen = 0, full = 0;
    config.garbage = 6;
    config.key_limit = 8;
    make(&config);
    put(1, "one", 0);
    put(2, "two", 0);
    put(5, "three", 0);
    for (uint64_t i = 1; i <= 500; i++) {
        check_int(count(7, second_us * i), 8);
        full += answer.err == KITH_ERR_FULL;
        for (uint32_t v = 0; v < answer.count; v++)
            seen += is_ours(&answer.values[v]);
    }
    check_int(full, 500);              /* nine values, eight places */
    check(seen > 1000 && seen < 1480); /* of 1,500 */
}

/* Who cannot be reached holds nothing: what it puts is seen through others. */
static void hidden_nodes_hold_nothing(void)
{
    struct kith_sim_dht_config config = healthy(3);
    make(&config);
    kith_sim_dht_set_reachable(dht, 1, false);
    kith_sim_dht_set_reachable(dht, 2, false);
    put(1, "a", 0);
    check_int(answer.err, 0);
    check_int(count(2, second_us), 1);
    kith_sim_dht_set_up(dht, 0, false);
    check_int(count(2, second_us), 0);
    check_int(count(1, second_us), 1);
    put(1, "b", second_us);
    check_int(answer.err, KITH_ERR_IO);
}

int main(void)
{
    run(a_node_asks_so_often_in_a_second);
    run(strangers_take_places);
    run(hidden_nodes_hold_nothing);
    run(a_value_lives_600_seconds);
    run(answers_take_time_within_the_bounds);
    run(loss_is_a_timeout);
    run(a_put_can_be_swallowed);
    run(values_are_seen_late_by_others);
    run(a_stale_reader_sees_the_past);
    run(an_empty_dht_says_yes_and_keeps_nothing);
    run(a_silent_dht_times_out);
    run(a_liar_never_leaves_the_bounds);
    run(more_than_the_limit_is_full);
    run(a_value_dies_with_its_last_replica);
    run(eight_nodes_hold_a_value);
    run(a_partition_hides_and_heals);
    run(the_oldest_goes_when_it_is_full);
    run(equal_seeds_give_equal_answers);
    run(a_config_is_checked);
    kith_sim_dht_free(dht);
    return test_end();
}
