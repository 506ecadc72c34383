/* sim/calendar.h: a queue ordered by time for many items, most of which are due soon: a calendar
 * queue (Brown 1988). Near times have a bucket for each millisecond, whose items are put in order
 * only when its time has come; the rest waits in a heap. Items of equal time leave in the order in
 * which they came, as in sim/heap. */
#ifndef KITH_SIM_CALENDAR_H
#define KITH_SIM_CALENDAR_H

#include "sim/heap.h"

enum {
    KITH_CALENDAR_BITS = 10,      /* a bucket covers 2^10 us */
    KITH_CALENDAR_BUCKETS = 4096, /* so far ahead go the buckets: 4.2 s */
};

struct kith_calendar_chunk;

struct kith_calendar {
    uint64_t bucket;      /* number of the one that `now` has taken in */
    struct kith_heap now; /* all items of that bucket and before it */
    struct kith_heap far; /* all items past the last bucket */
    size_t near;          /* items in buckets */
    struct kith_calendar_chunk *buckets[KITH_CALENDAR_BUCKETS];
    uint64_t busy[KITH_CALENDAR_BUCKETS / 64]; /* a bit for each that is not empty */
    struct kith_calendar_chunk *free;
    void *slabs; /* all memory of chunks, a list */
    size_t count_max;
    uint64_t sequence;
    bool refused; /* a push failed, or a user had no room for what it would have pushed */
};

/* At most count_max > 0 items at once; memory is taken as they come. */
void kith_calendar_init(struct kith_calendar *calendar, size_t count_max);
void kith_calendar_release(struct kith_calendar *calendar);
size_t kith_calendar_count(const struct kith_calendar *calendar);
/* False, and remembered in `refused`, if there are count_max items, or no memory. */
bool kith_calendar_push(struct kith_calendar *calendar, uint64_t time_us, uint64_t payload);
/* The least item, or NULL; valid until the next push or pop. */
const struct kith_heap_item *kith_calendar_top(struct kith_calendar *calendar);
/* Take the least item out; false if there is none. */
bool kith_calendar_pop(struct kith_calendar *calendar, struct kith_heap_item *ret);

#endif
