#include "host/restart.h"

#include "tests/test.h"

static void pauses_double_up_to_a_bound(void)
{
    struct kith_restart restart = {0};
    uint64_t pause, now = 1000;
    uint64_t expected[] = {500, 1000, 2000, 4000, 8000, 10000, 10000};
    for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++) {
        now += 20 * 1000; /* rarely enough */
        check(kith_restart_died(&restart, now, 19 * 1000, &pause));
        check_int(pause, expected[i]);
    }
}

static void a_long_life_begins_anew(void)
{
    struct kith_restart restart = {0};
    uint64_t pause;
    check(kith_restart_died(&restart, 1000, 100, &pause));
    check(kith_restart_died(&restart, 2000, 100, &pause));
    check_int(pause, 1000);
    check(kith_restart_died(&restart, 62000, KITH_RESTART_WINDOW_MS, &pause));
    check_int(pause, 500);
}

static void five_deaths_within_a_minute_are_the_end(void)
{
    struct kith_restart restart = {0};
    uint64_t pause;
    for (uint64_t i = 0; i < 4; i++)
        check(kith_restart_died(&restart, 1000 + i * 14000, 100, &pause));
    check(!kith_restart_died(&restart, 1000 + KITH_RESTART_WINDOW_MS - 1, 100, &pause));

    restart = (struct kith_restart){0};
    for (uint64_t i = 0; i < 4; i++)
        check(kith_restart_died(&restart, 1000 + i * 14000, 100, &pause));
    check(kith_restart_died(&restart, 1000 + KITH_RESTART_WINDOW_MS, 100, &pause));
}

int main(void)
{
    run(pauses_double_up_to_a_bound);
    run(a_long_life_begins_anew);
    run(five_deaths_within_a_minute_are_the_end);
    return test_end();
}
