/* sim/heap.h: a queue ordered by time, then by sequence: no two items are equal, so equal calls
 * give equal pops on every machine. A 4-ary heap: half as deep as a binary one, and
 * the four children of an item share two cache lines. */
#ifndef KITH_SIM_HEAP_H
#define KITH_SIM_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kith_heap_item {
    uint64_t time_us;
    uint64_t sequence; /* the user's: orders items of one time, no two alike */
    uint64_t payload;  /* the user's */
};

struct kith_heap {
    struct kith_heap_item *items; /* [0, count): the children of i are 4 i + 1 to 4 i + 4 */
    size_t count;
    size_t room;
};

/* Empty; memory is taken as items come. */
void kith_heap_init(struct kith_heap *heap);
void kith_heap_release(struct kith_heap *heap);
/* Have room for `count` items in all, so that kith_heap_add cannot fail. False: no memory. */
bool kith_heap_reserve(struct kith_heap *heap, size_t count);
/* False if there is no memory. */
bool kith_heap_add(struct kith_heap *heap, const struct kith_heap_item *item);
/* The least item, or NULL; valid until the next push or pop. */
const struct kith_heap_item *kith_heap_top(const struct kith_heap *heap);
/* Take the least item out; false if there is none. */
bool kith_heap_pop(struct kith_heap *heap, struct kith_heap_item *ret);

#endif
