#include "base/rng.h"
#include "sim/calendar.h"
#include "tests/test.h"

static struct kith_calendar calendar;
static struct kith_rng rng;

static void begin(size_t count_max, uint8_t seed_byte)
{
    uint8_t seed[KITH_SEED_LEN] = {seed_byte};
    kith_calendar_init(&calendar, count_max);
    kith_rng_init(&rng, seed);
}

static void equal_times_leave_in_the_order_they_came(void)
{
    begin(100, 1);
    uint64_t times[] = {5000000, 10, 5000000, 0, 10, 4194304, 5000000};
    uint64_t wanted[] = {3, 1, 4, 5, 0, 2, 6};
    for (uint64_t i = 0; i < 7; i++)
        check(kith_calendar_push(&calendar, times[i], i));
    check_int(kith_calendar_count(&calendar), 7);
    for (int i = 0; i < 7; i++) {
        struct kith_heap_item item;
        check_int(kith_calendar_top(&calendar)->payload, wanted[i]);
        check(kith_calendar_pop(&calendar, &item));
        check_int(item.payload, wanted[i]);
        check_int(item.time_us, times[wanted[i]]);
    }
    check(!kith_calendar_top(&calendar));
    kith_calendar_release(&calendar);
}

static void refuses_past_its_size(void)
{
    struct kith_heap_item item;
    begin(2, 1);
    check(!kith_calendar_pop(&calendar, &item));
    check(kith_calendar_push(&calendar, 1, 1));
    check(kith_calendar_push(&calendar, UINT64_MAX, 2));
    check(!kith_calendar_push(&calendar, 0, 3));
    check(kith_calendar_pop(&calendar, &item));
    check_int(item.payload, 1);
    check(kith_calendar_push(&calendar, 5, 4));
    check(kith_calendar_pop(&calendar, &item));
    check_int(item.payload, 4);
    kith_calendar_release(&calendar);
}

/* A time after `now`: this instant, this bucket, a near one, a far one, very far. */
static uint64_t draw_time(uint64_t now)
{
    static const uint32_t reach[] = {1, 1000, 200000, 9000000, 400000000};
    return now + kith_rng_below(&rng, reach[kith_rng_below(&rng, 5)]);
}

/* Against a plain heap: the same items in the same order, whatever is pushed and popped when, and
 * whether or not somebody looks at what comes next. */
static void leaves_in_the_order_of_a_heap(void)
{
    enum { CALLS = 60000 };
    struct kith_heap heap;
    struct kith_heap_item got, wanted;
    begin(CALLS, 2);
    kith_heap_init(&heap);
    uint64_t now = 0, sequence = 0;
    for (int i = 0; i < CALLS; i++) {
        uint32_t drawn = kith_rng_below(&rng, 100);
        if (drawn < (i < CALLS / 2 ? 55 : 40)) {
            struct kith_heap_item item = {draw_time(now), sequence, sequence};
            check(kith_heap_add(&heap, &item));
            check(kith_calendar_push(&calendar, item.time_us, sequence++));
            continue;
        }
        if (drawn % 7 == 0) kith_calendar_top(&calendar);
        bool is_there = kith_heap_pop(&heap, &wanted);
        check(kith_calendar_pop(&calendar, &got) == is_there);
        if (!is_there) continue;
        check_int(got.time_us, wanted.time_us);
        check_int(got.payload, wanted.payload);
        now = got.time_us;
        check_int(kith_calendar_count(&calendar), heap.count);
    }
    check(sequence > CALLS / 4);
    kith_heap_release(&heap);
    kith_calendar_release(&calendar);
}

int main(void)
{
    run(equal_times_leave_in_the_order_they_came);
    run(refuses_past_its_size);
    run(leaves_in_the_order_of_a_heap);
    return test_end();
}
