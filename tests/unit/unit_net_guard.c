/* The guard: rates in all, by address and by network; loopback is free. */
#include "host/net_guard.h"
#include "tests/test.h"

static struct kith_net_guard guard;

static struct kith_addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct kith_addr){.family = 4, .ip = {a, b, c, d}, .port = 4000};
}

static uint32_t take_many(struct kith_addr addr, uint32_t count, uint64_t now_ms)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; i < count; i++) {
        addr.port = (uint16_t)(1 + i % 60000); /* the far end's port says nothing */
        taken += kith_net_guard_take(&guard, &addr, now_ms);
    }
    return taken;
}

static void one_address(void)
{
    kith_net_guard_init(&guard, 50, 5);
    check_int(take_many(v4(20, 0, 0, 1), 1000, 1000), 10);
    check_int(take_many(v4(20, 0, 0, 1), 1000, 1000), 0);
    check_int(take_many(v4(20, 0, 0, 1), 1000, 1199), 0);
    check_int(take_many(v4(20, 0, 0, 1), 1000, 1200), 1);
    check_int(take_many(v4(20, 0, 0, 1), 1000, 2200), 5);
    check_int(take_many(v4(20, 0, 0, 1), 1000, 1000000), 10);
    check_int(take_many(v4(20, 0, 0, 2), 1000, 1000000), 10);
}

static void one_network(void)
{
    uint32_t taken = 0;
    kith_net_guard_init(&guard, 50, 5);
    for (uint8_t i = 0; i < 250; i++)
        taken += take_many(v4(20, 0, 0, i), 5, 1000);
    check_int(taken, 40);
    check_int(take_many(v4(20, 0, 1, 1), 5, 1000), 5);
}

static void all_together(void)
{
    uint32_t taken = 0;
    kith_net_guard_init(&guard, 50, 5);
    for (uint32_t i = 0; i < 10000; i++)
        taken += take_many(v4((uint8_t)(20 + i / 2560), (uint8_t)(i / 10), (uint8_t)i, 1), 1, 1000);
    check_int(taken, 100);
    check_int(take_many(v4(9, 9, 9, 9), 1, 1010), 0);
    check_int(take_many(v4(9, 9, 9, 9), 1, 1020), 1);
}

static void loopback_is_this_machine(void)
{
    struct kith_addr v6 = {.family = 6, .ip = {[15] = 1}, .port = 1};
    kith_net_guard_init(&guard, 50, 5);
    check_int(take_many(v4(127, 0, 0, 1), 1000, 1000), 1000);
    check_int(take_many(v6, 1000, 1000), 1000);
}

int main(void)
{
    run(one_address);
    run(one_network);
    run(all_together);
    run(loopback_is_this_machine);
    return test_end();
}
