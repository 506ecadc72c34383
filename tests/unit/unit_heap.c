#include "base/err.h"
#include "base/heap.h"
#include "base/rng.h"
#include "tests/test.h"

static void leaves_in_order_of_time_then_arrival(void)
{
    struct kith_heap heap;
    check_int(kith_heap_init(&heap, 8), 0);
    uint64_t times[] = {30, 10, 20, 10, 0, 10};
    for (uint64_t i = 0; i < 6; i++)
        check(kith_heap_push(&heap, times[i], i));
    uint64_t wanted[] = {4, 1, 3, 5, 2, 0};
    for (int i = 0; i < 6; i++) {
        struct kith_heap_item item;
        check(kith_heap_top(&heap)->payload == wanted[i]);
        check(kith_heap_pop(&heap, &item));
        check_int(item.payload, wanted[i]);
        check_int(item.time_us, times[wanted[i]]);
    }
    check(!kith_heap_top(&heap));
    kith_heap_release(&heap);
}

static void refuses_past_its_size(void)
{
    struct kith_heap heap;
    struct kith_heap_item item;
    check_int(kith_heap_init(&heap, 2), 0);
    check(!kith_heap_pop(&heap, &item));
    check(kith_heap_push(&heap, 1, 1));
    check(kith_heap_push(&heap, 0, 2));
    check(!kith_heap_push(&heap, 0, 3));
    check(kith_heap_pop(&heap, &item));
    check_int(item.payload, 2);
    check(kith_heap_push(&heap, 5, 4));
    kith_heap_release(&heap);
}

/* Ten thousand draws, pushes twice as likely as pops, then all of it out: every pop gives an item
 * not before the last one that was taken while nothing earlier was pushed since. */
static void stays_a_heap_under_mixed_use(void)
{
    struct kith_heap heap;
    struct kith_rng rng;
    uint8_t seed[KITH_SEED_LEN] = {7};
    kith_rng_init(&rng, seed);
    check_int(kith_heap_init(&heap, 10000), 0);
    uint64_t now = 0;
    size_t pushed = 0, popped = 0;
    struct kith_heap_item item, last = {0, 0, 0};
    for (int i = 0; i < 10000; i++) {
        if (kith_rng_below(&rng, 3) > 0) {
            check(kith_heap_push(&heap, now + kith_rng_below(&rng, 50), pushed++));
            continue;
        }
        if (!kith_heap_pop(&heap, &item)) continue;
        check(item.time_us >= now);
        now = item.time_us;
        popped++;
    }
    while (kith_heap_pop(&heap, &item)) {
        check(item.time_us > last.time_us ||
              (item.time_us == last.time_us && item.sequence > last.sequence) || last.time_us == 0);
        last = item;
        popped++;
    }
    check_int(popped, pushed);
    kith_heap_release(&heap);
}

int main(void)
{
    run(leaves_in_order_of_time_then_arrival);
    run(refuses_past_its_size);
    run(stays_a_heap_under_mixed_use);
    return test_end();
}
