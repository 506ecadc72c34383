/* tests/story/story.h: a few nodes in a world, what is done to them, and what then happens, told as
 * text. The story is the lines of sim/sim_trace of the chosen kinds in the order in which they
 * happened, without their times (a story's own marks say by when), so that a change of a timer does
 * not rewrite every story, and a change of behaviour does. */
#ifndef KITH_TESTS_STORY_H
#define KITH_TESTS_STORY_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim_swarm.h"
#include "sim/sim_trace.h"

enum { STORY_TEXT_MAX = 64 * 1024, STORY_NODES_MAX = 32 };

#define STORY_NOBODY UINT32_MAX

struct story {
    struct kith_sim_run_config run;
    struct kith_world_config world;
    uint32_t from[STORY_NODES_MAX]; /* whom each node starts from, STORY_NOBODY: nobody */
    struct kith_swarm *swarm;
    struct kith_sim_trace *trace;
    char text[STORY_TEXT_MAX];
    size_t len;
};

/* So many nodes of a small task, none up, 10 ms apart, that start from node 0; change `run`,
 * `world` and `from` before the first verb. */
void story_begin(struct story *story, uint32_t nodes);
/* Tell these kinds (enum kith_sim_trace_kind) from now on. Makes the world. */
void story_tell(struct story *story, uint32_t kinds);
void story_end(struct story *story);

/* Verbs: done at once. */
void story_start(struct story *story, uint32_t node);
void story_kill(struct story *story, uint32_t node);
void story_cut_off(struct story *story, uint32_t node);
void story_stop(struct story *story, uint32_t node);
void story_do(struct story *story, struct kith_fault fault);
/* Let so much virtual time pass. False, with the reason printed, if a check failed. */
bool story_pass(struct story *story, double seconds);
/* The story so far is not told. */
void story_forget(struct story *story);
/* A line of the story. */
void story_mark(struct story *story, const char *line);

/* nP of a node that is up. */
uint32_t story_peers(const struct story *story, uint32_t node);
const struct kith_stats *story_stats(const struct story *story, uint32_t node);
/* True if the story so far is this, one line after another, each ended by a newline; else both are
 * printed. The story then goes on empty. */
bool story_is(struct story *story, const char *wanted);
/* The same, but the first line aside in any order: what happens at the same time may come either
 * way round. */
bool story_is_in_any_order(struct story *story, const char *wanted);

#endif
