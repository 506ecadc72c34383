/* training/pace: what a budget makes of a round. */
#include "tests/test.h"
#include "training/pace.h"

static const uint64_t day_ms = UINT64_C(86400) * 1000;

static void without_a_budget_nothing_ends(void)
{
    struct kith_budget budget = {.cooldown = 6};
    for (uint64_t round = 0; round < UINT64_C(1) << 40; round = round * 2 + 1) {
        struct kith_pace pace = kith_pace_of(&budget, round, day_ms, 100);
        check_int(pace.phase, KITH_PACE_TRAIN);
        check(pace.rate == 1);
    }
}

/* 26 rounds: 20 that train, 6 that mix; full rate for the first 70 %, 2 % in the last. */
static void rounds_train_then_slow_then_mix_then_end(void)
{
    struct kith_budget budget = {.rounds = 26, .cooldown = 6};
    float before = 1;
    for (uint64_t round = 0; round < 20; round++) {
        struct kith_pace pace = kith_pace_of(&budget, round, 0, 0);
        check_int(pace.phase, KITH_PACE_TRAIN);
        check(round <= 13 ? pace.rate == 1 : pace.rate < before);
        before = pace.rate;
    }
    check(before > 0.0199f && before < 0.0201f);
    for (uint64_t round = 20; round < 26; round++)
        check_int(kith_pace_of(&budget, round, 0, 0).phase, KITH_PACE_MIX);
    check_int(kith_pace_of(&budget, 26, 0, 0).phase, KITH_PACE_OVER);
    check_int(kith_pace_of(&budget, UINT64_MAX, 0, 0).phase, KITH_PACE_OVER);
}

/* A day, rounds of a minute: the last six minutes mix. */
static void the_clock_ends_it_for_slow_and_fast_alike(void)
{
    struct kith_budget budget = {.begin_ms = 5 * day_ms, .end_ms = 6 * day_ms, .cooldown = 6};
    uint64_t minute = 60 * 1000, end = budget.end_ms;
    check(kith_pace_of(&budget, 0, budget.begin_ms, 0).rate == 1);
    check(kith_pace_of(&budget, 9, budget.begin_ms + day_ms / 2, minute).rate == 1);
    struct kith_pace late = kith_pace_of(&budget, 9, end - 60 * minute, minute);
    check_int(late.phase, KITH_PACE_TRAIN);
    check(late.rate > 0.02f && late.rate < 0.2f);
    check_int(kith_pace_of(&budget, 9, end - 7 * minute, minute).phase, KITH_PACE_TRAIN);
    check_int(kith_pace_of(&budget, 9, end - 6 * minute, minute).phase, KITH_PACE_MIX);
    check_int(kith_pace_of(&budget, 9, end - 1, minute).phase, KITH_PACE_MIX);
    check_int(kith_pace_of(&budget, 9, end, minute).phase, KITH_PACE_OVER);
    /* A node with rounds of an hour mixes for six hours. */
    check_int(kith_pace_of(&budget, 9, end - 300 * minute, 60 * minute).phase, KITH_PACE_MIX);
}

static void before_it_begins_it_is_not_late(void)
{
    struct kith_budget budget = {.begin_ms = 5 * day_ms, .end_ms = 6 * day_ms, .cooldown = 6};
    struct kith_pace pace = kith_pace_of(&budget, 0, 0, 60 * 1000);
    check_int(pace.phase, KITH_PACE_TRAIN);
    check(pace.rate == 1);
}

static void the_earlier_of_two_ends_counts(void)
{
    struct kith_budget budget = {.rounds = 100, .end_ms = day_ms, .cooldown = 6};
    check_int(kith_pace_of(&budget, 3, day_ms, 1000).phase, KITH_PACE_OVER);
    check_int(kith_pace_of(&budget, 100, 0, 1000).phase, KITH_PACE_OVER);
    check_int(kith_pace_of(&budget, 95, 0, 1000).phase, KITH_PACE_MIX);
    check_int(kith_pace_of(&budget, 3, day_ms - 3000, 1000).phase, KITH_PACE_MIX);
}

static void a_budget_of_mixing_alone(void)
{
    struct kith_budget budget = {.rounds = 3, .cooldown = 6};
    check_int(kith_pace_of(&budget, 0, 0, 0).phase, KITH_PACE_MIX);
    budget = (struct kith_budget){.rounds = 1};
    struct kith_pace only = kith_pace_of(&budget, 0, 0, 0);
    check_int(only.phase, KITH_PACE_TRAIN);
    check(only.rate == 1);
}

int main(void)
{
    run(without_a_budget_nothing_ends);
    run(rounds_train_then_slow_then_mix_then_end);
    run(the_clock_ends_it_for_slow_and_fast_alike);
    run(before_it_begins_it_is_not_late);
    run(the_earlier_of_two_ends_counts);
    run(a_budget_of_mixing_alone);
    return test_end();
}
