/* base/heap.h: a queue ordered by time. Items of equal time leave in the order in which they came,
 * so equal pushes give equal pops on every machine. A 4-ary heap: half as deep as a binary one, and
 * the four children of an item share two cache lines. Pure. */
#ifndef KITH_BASE_HEAP_H
#define KITH_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kith_heap_item {
    uint64_t time_us;
    uint64_t sequence; /* how many pushes came before */
    uint64_t payload;  /* the user's */
};

struct kith_heap {
    struct kith_heap_item *items; /* [0, count): the children of i are 4 i + 1 to 4 i + 4 */
    size_t count;
    size_t count_max;
    uint64_t sequence;
};

/* Room for count_max > 0 items at once. 0 or KITH_ERR_NOMEM. */
int kith_heap_init(struct kith_heap *heap, size_t count_max);
void kith_heap_release(struct kith_heap *heap);
/* False if the heap is full. */
bool kith_heap_push(struct kith_heap *heap, uint64_t time_us, uint64_t payload);
/* The least item, or NULL; valid until the next push or pop. */
const struct kith_heap_item *kith_heap_top(const struct kith_heap *heap);
/* Take the least item out; false if there is none. */
bool kith_heap_pop(struct kith_heap *heap, struct kith_heap_item *ret);

#endif
