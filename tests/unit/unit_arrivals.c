/* overlay/arrivals: how long to wait for what usually takes so long. */
#include "overlay/arrivals.h"
#include "tests/test.h"

static const uint64_t ms = 1000, second = 1000 * 1000;

static uint64_t limit(const struct kith_arrivals *arrivals)
{
    return kith_arrivals_limit_us(arrivals, 3 * second, 100 * ms, 30 * second);
}

static void the_first_limit_holds_until_enough_came(void)
{
    struct kith_arrivals arrivals = {0};
    for (int i = 0; i < KITH_ARRIVALS_SURE - 1; i++) {
        check(limit(&arrivals) == 3 * second);
        kith_arrivals_add(&arrivals, 40 * ms);
    }
    check(limit(&arrivals) == 3 * second);
    kith_arrivals_add(&arrivals, 40 * ms);
    check(limit(&arrivals) < second);
}

/* Of 40 ms each time: 40 + 8 * 40 / 8. Of 100, 200, ... 800: the median is 450, its deviations 50,
 * 50, 150, 150, 250, 250, 350, 350, so 450 + 8 * 200. */
static void it_is_the_median_and_eight_deviations(void)
{
    struct kith_arrivals arrivals = {0};
    for (int i = 0; i < 40; i++)
        kith_arrivals_add(&arrivals, 40 * ms);
    check(limit(&arrivals) == 100 * ms);
    for (int i = 0; i < 40; i++)
        kith_arrivals_add(&arrivals, 400 * ms);
    check(limit(&arrivals) == 800 * ms);
    arrivals = (struct kith_arrivals){0};
    for (uint64_t i = 1; i <= 8; i++)
        kith_arrivals_add(&arrivals, i * 100 * ms);
    check(limit(&arrivals) == 2050 * ms);
}

/* A few stragglers, even without end, do not make all others wait; a network that became slow does.
 */
static void stragglers_move_it_little_and_a_slow_network_does(void)
{
    struct kith_arrivals arrivals = {0};
    for (int i = 0; i < 32; i++)
        kith_arrivals_add(&arrivals, i % 4 == 0 ? UINT64_MAX : 50 * ms);
    check(limit(&arrivals) <= 200 * ms);
    for (int i = 0; i < 100; i++)
        kith_arrivals_add(&arrivals, 2 * limit(&arrivals));
    check(limit(&arrivals) == 30 * second);
    for (int i = 0; i < 32; i++)
        kith_arrivals_add(&arrivals, 50 * ms);
    check(limit(&arrivals) == 100 * ms);
}

int main(void)
{
    run(the_first_limit_holds_until_enough_came);
    run(it_is_the_median_and_eight_deviations);
    run(stragglers_move_it_little_and_a_slow_network_does);
    return test_end();
}
