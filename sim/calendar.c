#include "sim/calendar.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUCKETS = KITH_CALENDAR_BUCKETS,
    CHUNK_ITEMS = 10,
    SLAB_CHUNKS = 64,
};

struct kith_calendar_chunk {
    struct kith_calendar_chunk *next;
    size_t count;
    struct kith_heap_item items[CHUNK_ITEMS];
};

struct slab {
    struct slab *next;
    struct kith_calendar_chunk chunks[SLAB_CHUNKS];
};

void kith_calendar_init(struct kith_calendar *calendar, size_t count_max)
{
    memset(calendar, 0, sizeof *calendar);
    kith_heap_init(&calendar->now);
    kith_heap_init(&calendar->far);
    calendar->count_max = count_max;
}

void kith_calendar_release(struct kith_calendar *calendar)
{
    while (calendar->slabs) {
        struct slab *slab = calendar->slabs;
        calendar->slabs = slab->next;
        free(slab);
    }
    kith_heap_release(&calendar->now);
    kith_heap_release(&calendar->far);
    memset(calendar, 0, sizeof *calendar);
}

size_t kith_calendar_count(const struct kith_calendar *calendar)
{
    return calendar->now.count + calendar->near + calendar->far.count;
}

static bool grow(struct kith_calendar *calendar)
{
    struct slab *slab = malloc(sizeof *slab);
    if (!slab) return false;
    slab->next = calendar->slabs;
    calendar->slabs = slab;
    for (int i = 0; i < SLAB_CHUNKS; i++) {
        slab->chunks[i].next = calendar->free;
        calendar->free = &slab->chunks[i];
    }
    return true;
}

static bool put_near(struct kith_calendar *calendar, const struct kith_heap_item *item)
{
    size_t place = item->time_us >> KITH_CALENDAR_BITS & (BUCKETS - 1);
    struct kith_calendar_chunk *chunk = calendar->buckets[place];
    if (!chunk || chunk->count == CHUNK_ITEMS) {
        if (!calendar->free && !grow(calendar)) return false;
        struct kith_calendar_chunk *first = calendar->free;
        calendar->free = first->next;
        first->next = chunk;
        first->count = 0;
        calendar->buckets[place] = chunk = first;
        calendar->busy[place / 64] |= UINT64_C(1) << place % 64;
    }
    chunk->items[chunk->count++] = *item;
    calendar->near++;
    return true;
}

static bool put(struct kith_calendar *calendar, const struct kith_heap_item *item)
{
    uint64_t bucket = item->time_us >> KITH_CALENDAR_BITS;
    if (bucket <= calendar->bucket) return kith_heap_add(&calendar->now, item);
    if (bucket - calendar->bucket < BUCKETS) return put_near(calendar, item);
    return kith_heap_add(&calendar->far, item);
}

static bool push(struct kith_calendar *calendar, uint64_t time_us, uint64_t payload)
{
    size_t count = kith_calendar_count(calendar);
    if (count == calendar->count_max) return false;
    /* Any of them may be among the next: taking them in cannot fail. */
    if (!kith_heap_reserve(&calendar->now, count + 1)) return false;
    struct kith_heap_item item = {time_us, calendar->sequence, payload};
    if (!put(calendar, &item)) return false;
    calendar->sequence++;
    return true;
}

bool kith_calendar_push(struct kith_calendar *calendar, uint64_t time_us, uint64_t payload)
{
    bool pushed = push(calendar, time_us, payload);
    if (!pushed) calendar->refused = true;
    return pushed;
}

/* How many buckets after the present one the first that is not empty comes, of which there is one.
 */
static uint64_t next_busy(const struct kith_calendar *calendar)
{
    size_t first = (calendar->bucket + 1) & (BUCKETS - 1);
    uint64_t word = calendar->busy[first / 64] & (UINT64_MAX << first % 64);
    size_t at = first / 64;
    while (word == 0) {
        at = (at + 1) % (BUCKETS / 64);
        word = calendar->busy[at];
    }
    size_t place = at * 64 + (size_t)__builtin_ctzll(word);
    return ((place - calendar->bucket - 1) & (BUCKETS - 1)) + 1;
}

static void take_in(struct kith_calendar *calendar)
{
    size_t place = calendar->bucket & (BUCKETS - 1);
    struct kith_calendar_chunk *chunk;
    while ((chunk = calendar->buckets[place]) != NULL) {
        for (size_t i = 0; i < chunk->count; i++)
            kith_heap_add(&calendar->now, &chunk->items[i]);
        calendar->near -= chunk->count;
        calendar->buckets[place] = chunk->next;
        chunk->next = calendar->free;
        calendar->free = chunk;
    }
    calendar->busy[place / 64] &= ~(UINT64_C(1) << place % 64);
}

/* What was far and is no more. If there is no memory for a bucket an item stays, and is not missed:
 * the heap's first is looked at whenever a bucket is chosen. */
static void bring_near(struct kith_calendar *calendar)
{
    const struct kith_heap_item *top;
    struct kith_heap_item item;
    while ((top = kith_heap_top(&calendar->far)) != NULL) {
        uint64_t bucket = top->time_us >> KITH_CALENDAR_BITS;
        if (bucket >= calendar->bucket + BUCKETS) return;
        item = *top;
        if (!put(calendar, &item)) return;
        kith_heap_pop(&calendar->far, &item);
    }
}

/* Go on to the next bucket that has items. False if there is none. */
static bool advance(struct kith_calendar *calendar)
{
    const struct kith_heap_item *top = kith_heap_top(&calendar->far);
    if (calendar->near == 0 && !top) return false;
    uint64_t next = calendar->near > 0 ? calendar->bucket + next_busy(calendar) : UINT64_MAX;
    uint64_t far = top ? top->time_us >> KITH_CALENDAR_BITS : UINT64_MAX;
    calendar->bucket = far < next ? far : next;
    take_in(calendar);
    bring_near(calendar);
    return true;
}

const struct kith_heap_item *kith_calendar_top(struct kith_calendar *calendar)
{
    if (calendar->now.count == 0 && !advance(calendar)) return NULL;
    return kith_heap_top(&calendar->now);
}

bool kith_calendar_pop(struct kith_calendar *calendar, struct kith_heap_item *ret)
{
    if (calendar->now.count == 0 && !advance(calendar)) return false;
    return kith_heap_pop(&calendar->now, ret);
}
