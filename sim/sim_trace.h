/* sim/sim_trace.h: what happens in a world as lines of text, for stories, for `--trace` and for
 * people who replay a run. A line is "TIME nNODE what", the time in virtual seconds. */
#ifndef KITH_SIM_SIM_TRACE_H
#define KITH_SIM_SIM_TRACE_H

#include <stdint.h>

#include "sim/world.h"

enum kith_sim_trace_kind {
    KITH_SIM_TRACE_LIFE = 1 << 0,     /* start, stop, stopped, and what faults do */
    KITH_SIM_TRACE_LINKS = 1 << 1,    /* up, down, failed dials */
    KITH_SIM_TRACE_LISTS = 1 << 2,    /* whom a node lists and forgets */
    KITH_SIM_TRACE_COUNTERS = 1 << 3, /* models mixed, labels learned, pulls given up, drops */
    KITH_SIM_TRACE_ROUNDS = 1 << 4,   /* a round finished */
    KITH_SIM_TRACE_SAYS = 1 << 5,     /* lines of a node's log */
    KITH_SIM_TRACE_LOSSES = 1 << 6,   /* its reports on training and tests */
    KITH_SIM_TRACE_DHT = 1 << 7,
    KITH_SIM_TRACE_MESSAGES = 1 << 8, /* every message sent and received */
    KITH_SIM_TRACE_ALL = (1 << 9) - 1,
};

enum { KITH_SIM_TRACE_LINE_MAX = 400 };

struct kith_sim_trace;

/* Lines of the chosen kinds go to `line`, without a newline. NULL if out of memory. */
struct kith_sim_trace *kith_sim_trace_new(struct kith_world *world, uint32_t nodes, uint32_t kinds,
                                          void *context,
                                          void (*line)(void *context, const char *text));
void kith_sim_trace_free(struct kith_sim_trace *trace);
/* To be called from the world's hooks. */
void kith_sim_trace_step(struct kith_sim_trace *trace, uint32_t node,
                         const struct kith_event *event, const struct kith_effects *effects);
void kith_sim_trace_fault(struct kith_sim_trace *trace, const struct kith_fault *fault);

#endif
