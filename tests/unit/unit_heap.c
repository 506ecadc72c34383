#include "base/err.h"
#include "base/rng.h"
#include "sim/heap.h"
#include "tests/test.h"

static bool add(struct kith_heap *heap, uint64_t time_us, uint64_t sequence, uint64_t payload)
{
    struct kith_heap_item item = {time_us, sequence, payload};
    return kith_heap_add(heap, &item);
}

static void leaves_in_order_of_time_then_sequence(void)
{
    struct kith_heap heap;
    kith_heap_init(&heap);
    uint64_t times[] = {30, 10, 20, 10, 0, 10};
    for (uint64_t i = 0; i < 6; i++)
        check(add(&heap, times[i], i, i));
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

/* Ten thousand draws, pushes twice as likely as pops, then all of it out: every pop gives an item
 * not before the last one that was taken while nothing earlier was pushed since. */
static void stays_a_heap_under_mixed_use(void)
{
    struct kith_heap heap;
    struct kith_rng rng;
    uint8_t seed[KITH_SEED_LEN] = {7};
    kith_rng_init(&rng, seed);
    kith_heap_init(&heap);
    uint64_t now = 0;
    size_t pushed = 0, popped = 0;
    struct kith_heap_item item, last = {0, 0, 0};
    for (int i = 0; i < 10000; i++) {
        if (kith_rng_below(&rng, 3) > 0) {
            check(add(&heap, now + kith_rng_below(&rng, 50), pushed, pushed));
            pushed++;
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
    run(leaves_in_order_of_time_then_sequence);
    run(stays_a_heap_under_mixed_use);
    return test_end();
}
