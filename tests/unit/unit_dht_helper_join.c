#include "host/dht_helper_join.h"

#include "tests/test.h"

static struct kith_dht_join join;
static struct kith_addr round_of[KITH_DHT_JOIN_ROUND];

static struct kith_addr addr(uint16_t port)
{
    return (struct kith_addr){.family = 4, .ip = {127, 0, 0, 1}, .port = port};
}

static void start_with(uint32_t seed_count)
{
    struct kith_addr seeds[KITH_DHT_WIRE_SEEDS_MAX];
    for (uint32_t i = 0; i < seed_count; i++)
        seeds[i] = addr((uint16_t)(1 + i));
    kith_dht_join_init(&join, seeds, seed_count, 1000);
}

/* Rounds of pings in [from, to). */
static uint32_t rounds(uint64_t from_ms, uint64_t to_ms)
{
    uint32_t count = 0;
    for (uint64_t now = from_ms; now < to_ms; now += 100)
        count += kith_dht_join_pings(&join, now, round_of) > 0;
    return count;
}

static uint32_t lookups(uint64_t from_ms, uint64_t to_ms, uint32_t *ret_own)
{
    uint32_t count = 0;
    bool is_own;
    *ret_own = 0;
    for (uint64_t now = from_ms; now < to_ms; now += 100)
        while (kith_dht_join_lookup(&join, now, &is_own)) {
            count++;
            *ret_own += is_own;
        }
    return count;
}

static void unanswered_seeds_are_pinged_every_second(void)
{
    start_with(2);
    check_int(kith_dht_join_pings(&join, 1000, round_of), 2);
    check(kith_addr_eq(&round_of[1], &(struct kith_addr){4, {127, 0, 0, 1}, 2}));
    check_int(kith_dht_join_pings(&join, 1999, round_of), 0);
    check_int(rounds(2000, 21000), 19);
    check_int(rounds(21000, 121000), 20);
    check_int(rounds(181000, 301000), 2);
}

static void answered_seeds_are_pinged_now_and_again(void)
{
    start_with(1);
    check_int(rounds(1000, 1100), 1);
    kith_dht_join_on_answer(&join, 1100);
    check_int(rounds(1100, 2100), 1);
    check_int(rounds(2100, 121000), 7);
    check_int(rounds(181000, 481000), 5);
}

static void rounds_take_turns(void)
{
    start_with(3);
    for (uint16_t i = 0; i < 10; i++)
        check(kith_dht_join_add(&join, &(struct kith_addr){4, {10, 0, 0, 1}, (uint16_t)(i + 1)}));
    bool seen[2][11] = {{false}};
    for (uint64_t now = 1000; now <= 2000; now += 1000) {
        check_int(kith_dht_join_pings(&join, now, round_of), KITH_DHT_JOIN_ROUND);
        for (uint32_t i = 0; i < KITH_DHT_JOIN_ROUND; i++)
            seen[round_of[i].ip[0] == 10][round_of[i].port] = true;
    }
    for (uint32_t i = 1; i <= 3; i++)
        check(seen[0][i]);
    for (uint32_t i = 1; i <= 10; i++)
        check(seen[1][i]);
}

static void the_oldest_peer_is_forgotten_a_seed_never(void)
{
    start_with(1);
    for (uint16_t i = 0; i < KITH_DHT_JOIN_PEERS_MAX + 1; i++) {
        struct kith_addr peer = addr((uint16_t)(100 + i));
        check(kith_dht_join_add(&join, &peer));
        check(!kith_dht_join_add(&join, &peer));
    }
    struct kith_addr seed = addr(1), first = addr(100), second = addr(101);
    check(!kith_dht_join_add(&join, &seed));
    check(!kith_dht_join_add(&join, &second));
    check(kith_dht_join_add(&join, &first));
}

static void nine_lookups_in_two_bursts(void)
{
    uint32_t own;
    start_with(0);
    check_int(lookups(1000, 1500, &own), 0);
    check_int(lookups(1500, 4000, &own), 5);
    check_int(own, 1);
    check_int(lookups(4000, 33000, &own), 0);
    check_int(lookups(33000, 40000, &own), 4);
    check_int(own, 0);
    check_int(lookups(40000, 100000, &own), 0);
    check(kith_dht_join_deadline_ms(&join) < UINT64_MAX);
}

/* Lookups before the first answer reach nobody: the first answer starts them anew, once. */
static void the_first_answer_restarts_the_lookups(void)
{
    uint32_t own;
    start_with(1);
    check_int(lookups(1000, 10000, &own), 5);
    kith_dht_join_on_answer(&join, 10000);
    check_int(lookups(10000, 13000, &own), 5);
    check_int(own, 1);
    kith_dht_join_on_answer(&join, 13000);
    check_int(lookups(13000, 14000, &own), 0);
}

static void who_had_no_answer_of_late_is_lonely(void)
{
    start_with(1);
    check(kith_dht_join_is_lonely(&join, 1000));
    kith_dht_join_on_answer(&join, 5000);
    check(!kith_dht_join_is_lonely(&join, 5000));
    check(!kith_dht_join_is_lonely(&join, 125000));
    check(kith_dht_join_is_lonely(&join, 125001));
    kith_dht_join_on_answer(&join, 200000);
    check(!kith_dht_join_is_lonely(&join, 200000));
}

int main(void)
{
    run(unanswered_seeds_are_pinged_every_second);
    run(answered_seeds_are_pinged_now_and_again);
    run(rounds_take_turns);
    run(the_oldest_peer_is_forgotten_a_seed_never);
    run(nine_lookups_in_two_bursts);
    run(the_first_answer_restarts_the_lookups);
    run(who_had_no_answer_of_late_is_lonely);
    return test_end();
}
