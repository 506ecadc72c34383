#include "sim/heap.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 32 };

void kith_heap_init(struct kith_heap *heap)
{
    memset(heap, 0, sizeof *heap);
}

void kith_heap_release(struct kith_heap *heap)
{
    free(heap->items);
    memset(heap, 0, sizeof *heap);
}

static bool is_before(const struct kith_heap_item *a, const struct kith_heap_item *b)
{
    if (a->time_us != b->time_us) return a->time_us < b->time_us;
    return a->sequence < b->sequence;
}

bool kith_heap_reserve(struct kith_heap *heap, size_t count)
{
    if (count <= heap->room) return true;
    size_t room = heap->room > 0 ? heap->room : ROOM_FIRST;
    while (room < count)
        room *= 2;
    struct kith_heap_item *items = realloc(heap->items, room * sizeof *items);
    if (!items) return false;
    heap->items = items;
    heap->room = room;
    return true;
}

bool kith_heap_add(struct kith_heap *heap, const struct kith_heap_item *item)
{
    if (!kith_heap_reserve(heap, heap->count + 1)) return false;
    size_t hole = heap->count++;
    while (hole > 0) {
        size_t parent = (hole - 1) / 4;
        if (!is_before(item, &heap->items[parent])) break;
        heap->items[hole] = heap->items[parent];
        hole = parent;
    }
    heap->items[hole] = *item;
    return true;
}

const struct kith_heap_item *kith_heap_top(const struct kith_heap *heap)
{
    return heap->count > 0 ? &heap->items[0] : NULL;
}

/* The least child of `parent`, which has at least one. */
static size_t least_child(const struct kith_heap *heap, size_t parent)
{
    size_t least = 4 * parent + 1;
    size_t end = least + 4 < heap->count ? least + 4 : heap->count;
    for (size_t child = least + 1; child < end; child++)
        if (is_before(&heap->items[child], &heap->items[least])) least = child;
    return least;
}

bool kith_heap_pop(struct kith_heap *heap, struct kith_heap_item *ret)
{
    if (heap->count == 0) return false;
    *ret = heap->items[0];
    struct kith_heap_item last = heap->items[--heap->count];
    size_t hole = 0;
    while (4 * hole + 1 < heap->count) {
        size_t child = least_child(heap, hole);
        if (!is_before(&heap->items[child], &last)) break;
        heap->items[hole] = heap->items[child];
        hole = child;
    }
    heap->items[hole] = last;
    return true;
}
