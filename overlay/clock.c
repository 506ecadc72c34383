#include "overlay/clock.h"

#include <string.h>

#include "base/assert.h"

enum { LINKS_MAX = 256 };

/* Records give seconds in 32 bits: a clock past them is as good as one that has just come there. */
static const uint64_t wall_ms_max = (UINT64_C(0xffffffff) - 86400) * 1000;

void kith_clock_init(struct kith_clock *clock)
{
    memset(clock, 0, sizeof *clock);
}

static bool differ(int64_t a_ms, int64_t b_ms, int64_t by_ms)
{
    return a_ms - b_ms > by_ms || b_ms - a_ms > by_ms;
}

static int64_t base_of(uint64_t wall_ms, uint64_t now_us)
{
    return (int64_t)(wall_ms < wall_ms_max ? wall_ms : wall_ms_max) - (int64_t)(now_us / 1000);
}

/* The own clock was set, or the machine slept: only peers can tell which. Until they have, time
 * goes on as it did. */
static void jump(struct kith_clock *clock, uint64_t now_us)
{
    if (!clock->off) clock->base_ms = clock->own_base_ms;
    clock->ask = true;
    clock->hold_until_us = clock->peers >= KITH_CLOCK_PEERS_MIN ? now_us + KITH_CLOCK_HOLD_US : 0;
    if (clock->hold_until_us == 0) clock->off = false;
}

uint64_t kith_clock_now_ms(struct kith_clock *clock, uint64_t now_us, uint64_t own_wall_ms)
{
    if (own_wall_ms > wall_ms_max) own_wall_ms = wall_ms_max;
    int64_t base_ms = base_of(own_wall_ms, now_us);
    if (clock->began && differ(base_ms, clock->own_base_ms, KITH_CLOCK_NEAR_MS))
        jump(clock, now_us);
    clock->began = true;
    clock->own_base_ms = base_ms;
    if (!clock->off && now_us >= clock->hold_until_us) return own_wall_ms;
    int64_t wall_ms = (int64_t)(now_us / 1000) + clock->base_ms;
    return wall_ms > 0 ? (uint64_t)wall_ms : 0;
}

uint64_t kith_clock_own_ms(const struct kith_clock *clock, const struct kith_turn *turn)
{
    if (!clock->began) return turn->wall_ms;
    int64_t wall_ms = (int64_t)(turn->now_us / 1000) + clock->own_base_ms;
    return wall_ms > 0 ? (uint64_t)wall_ms : 0;
}

void kith_clock_hear(struct kith_links *links, struct kith_link_slot *slot, uint64_t wall_ms,
                     const struct kith_turn *turn)
{
    int64_t clock_ms = base_of(wall_ms, turn->now_us);
    links->clocks_differ |= slot->clock_us == 0 || slot->clock_ms != clock_ms;
    slot->clock_ms = clock_ms;
    slot->clock_us = turn->now_us;
}

static bool counts(const struct kith_link_slot *slot)
{
    return slot->link && slot->hello && !slot->observer;
}

static void ask(struct kith_clock *clock, struct kith_links *links, const struct kith_turn *turn)
{
    if (!clock->ask && turn->now_us < clock->ask_us) return;
    clock->ask_us = turn->now_us + KITH_CLOCK_ASK_US;
    links->clocks_differ |= clock->ask;
    for (uint32_t i = 0; i < links->top; i++) {
        struct kith_link_slot *slot = &links->at[i];
        if (!counts(slot)) continue;
        bool old = slot->clock_us == 0 || turn->now_us >= slot->clock_us + KITH_CLOCK_ASK_US;
        if (clock->ask) slot->clock_us = 0;
        if ((clock->ask || old) && !slot->pinged_us) kith_links_ping(links, slot, turn);
        uint64_t next_us = slot->clock_us + KITH_CLOCK_ASK_US;
        if (next_us < clock->ask_us) clock->ask_us = next_us;
    }
    clock->ask = false;
}

/* Few, every tick, mostly in an order close to this one: by insertion. */
static void sort(int64_t *values, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        int64_t value = values[i];
        uint32_t hole = i;
        for (; hole > 0 && values[hole - 1] > value; hole--)
            values[hole] = values[hole - 1];
        values[hole] = value;
    }
}

/* How many peers told their time; their median, and how many are near to it. */
static uint32_t compare(const struct kith_links *links, int64_t *ret_median_ms, uint32_t *ret_near)
{
    int64_t base_ms[LINKS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < links->top && count < LINKS_MAX; i++) {
        const struct kith_link_slot *slot = &links->at[i];
        if (counts(slot) && slot->clock_us) base_ms[count++] = slot->clock_ms;
    }
    *ret_near = 0;
    if (count == 0) return 0;
    sort(base_ms, count);
    *ret_median_ms = base_ms[(count - 1) / 2];
    for (uint32_t i = 0; i < count; i++)
        *ret_near += !differ(base_ms[i], *ret_median_ms, KITH_CLOCK_NEAR_MS);
    return count;
}

static enum kith_clock_news doubt(struct kith_clock *clock, const struct kith_turn *turn)
{
    if (!clock->doubted) {
        clock->doubted = true;
        clock->doubt_us = turn->now_us;
    }
    bool late = turn->now_us >= clock->doubt_us + KITH_CLOCK_DOUBT_US;
    if (clock->told || !late) return KITH_CLOCK_SAME;
    clock->told = true;
    return KITH_CLOCK_DOUBT;
}

/* Enough peers say one time. */
static enum kith_clock_news decide(struct kith_clock *clock, int64_t median_ms)
{
    bool was_off = clock->off;
    clock->hold_until_us = 0;
    clock->doubted = clock->told = false;
    clock->off = differ(clock->ahead_ms, 0, was_off ? KITH_CLOCK_NEAR_MS : KITH_CLOCK_OFF_MS);
    /* The peers' time is followed in steps, so that it does not tremble with their delays. */
    bool moved = differ(median_ms, clock->base_ms, 1000);
    if (clock->off && (!was_off || moved)) clock->base_ms = median_ms;
    if (clock->off == was_off) return KITH_CLOCK_SAME;
    return clock->off ? KITH_CLOCK_OFF : KITH_CLOCK_RIGHT;
}

/* The own clock jumped and too few peers answered: it is as good as any. */
static void release(struct kith_clock *clock, const struct kith_turn *turn)
{
    if (clock->hold_until_us == 0 || turn->now_us < clock->hold_until_us) return;
    clock->hold_until_us = 0;
    if (clock->peers < KITH_CLOCK_PEERS_MIN) clock->off = false;
}

enum kith_clock_news kith_clock_tick(struct kith_clock *clock, struct kith_links *links,
                                     const struct kith_turn *turn)
{
    if (!clock->began) return KITH_CLOCK_SAME;
    clock->hints = KITH_CLOCK_HINTS_MAX;
    ask(clock, links, turn);
    if (links->clocks_differ) clock->peers = compare(links, &clock->median_ms, &clock->near);
    links->clocks_differ = false;
    int64_t median_ms = clock->median_ms;
    uint32_t near = clock->near;
    release(clock, turn);
    if (clock->peers == 0) {
        clock->doubted = false;
        return KITH_CLOCK_SAME;
    }
    clock->ahead_ms = clock->own_base_ms - median_ms;
    bool agree = clock->peers >= KITH_CLOCK_PEERS_MIN && 2 * near > clock->peers;
    bool far = differ(clock->ahead_ms, 0, KITH_CLOCK_FAR_MS);
    if (agree && !far) return decide(clock, median_ms);
    if (far || differ(clock->ahead_ms, 0, KITH_CLOCK_OFF_MS)) return doubt(clock, turn);
    clock->doubted = clock->told = false;
    return KITH_CLOCK_SAME;
}

bool kith_clock_takes_hint(struct kith_clock *clock, const struct kith_links *links)
{
    bool unsure = clock->began && !clock->off && (clock->doubted || links->count == 0);
    if (!unsure || clock->hints == 0) return false;
    clock->hints--;
    return true;
}
