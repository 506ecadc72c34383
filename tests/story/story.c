#include "tests/story/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { LINES_SHOWN_MAX = 60 };

void story_begin(struct story *story, uint32_t nodes)
{
    memset(story, 0, sizeof *story);
    kith_sim_run_config_default(&story->run);
    story->run.scenario.nodes = nodes;
    story->run.scenario.rounds = 1000000;
    strcpy(story->run.scenario.model[0], "mlp:16");
    kith_swarm_world_config(&story->run, &story->world);
    story->world.net.latency = KITH_SIM_LATENCY_CONSTANT;
    story->world.net.latency_us = 10000;
    story->world.blank_disks = false;
    story->from[0] = STORY_NOBODY;
}

static void add_line(void *context, const char *text)
{
    struct story *story = context;
    const char *line = strchr(text, ' ') + 1; /* behind the time */
    int room = (int)(sizeof story->text - story->len);
    int used = snprintf(story->text + story->len, (size_t)room, "%s\n", line);
    kith_assert(used < room);
    story->len += (size_t)used;
}

static void on_step(void *context, uint32_t node, const struct kith_event *event,
                    const struct kith_effects *effects)
{
    struct story *story = context;
    if (story->trace) kith_sim_trace_step(story->trace, node, event, effects);
}

static void on_fault(void *context, const struct kith_fault *fault)
{
    struct story *story = context;
    if (story->trace) kith_sim_trace_fault(story->trace, fault);
}

static uint32_t bootstrap(void *context, uint32_t node,
                          uint32_t ret[static KITH_WORLD_BOOTSTRAP_MAX])
{
    const struct story *story = context;
    ret[0] = story->from[node];
    return story->from[node] != STORY_NOBODY;
}

static void make_world(struct story *story)
{
    char error[KITH_SIM_SWARM_TEXT_MAX];
    if (story->swarm) return;
    story->world.hook_context = story;
    story->world.bootstrap_context = story;
    story->world.bootstrap = bootstrap;
    story->world.on_step = on_step;
    story->world.on_fault = on_fault;
    int err = kith_swarm_new(&story->run, &story->world, &story->swarm, error);
    if (err) printf("# %s\n", error);
    kith_assert(err == 0);
}

void story_tell(struct story *story, uint32_t kinds)
{
    make_world(story);
    kith_sim_trace_free(story->trace);
    story->trace =
        kith_sim_trace_new(story->swarm->world, story->run.scenario.nodes, kinds, story, add_line);
    kith_assert(story->trace);
}

void story_end(struct story *story)
{
    kith_sim_trace_free(story->trace);
    kith_swarm_free(story->swarm);
    story->trace = NULL;
    story->swarm = NULL;
}

void story_do(struct story *story, struct kith_fault fault)
{
    make_world(story);
    kith_world_at(story->swarm->world, 0, &fault);
    kith_world_run(story->swarm->world, kith_world_now_us(story->swarm->world));
}

void story_start(struct story *story, uint32_t node)
{
    story_do(story, (struct kith_fault){.kind = KITH_FAULT_START, .node = node});
}

void story_kill(struct story *story, uint32_t node)
{
    story_do(story, (struct kith_fault){.kind = KITH_FAULT_KILL, .node = node});
}

void story_cut_off(struct story *story, uint32_t node)
{
    story_do(story, (struct kith_fault){.kind = KITH_FAULT_CUT_OFF, .node = node});
}

void story_stop(struct story *story, uint32_t node)
{
    story_do(story, (struct kith_fault){.kind = KITH_FAULT_STOP, .node = node});
}

bool story_pass(struct story *story, double seconds)
{
    struct kith_world *world = story->swarm->world;
    if (kith_world_run(world, kith_world_now_us(world) + (uint64_t)(seconds * 1e6))) return true;
    printf("# %s\n", kith_world_failure(world));
    return false;
}

void story_forget(struct story *story)
{
    story->len = 0;
    story->text[0] = '\0';
}

void story_mark(struct story *story, const char *line)
{
    char text[KITH_SIM_TRACE_LINE_MAX];
    snprintf(text, sizeof text, "- %s", line); /* add_line takes the first word off */
    add_line(story, text);
}

const struct kith_stats *story_stats(const struct story *story, uint32_t node)
{
    return kith_node_stats(kith_world_node(story->swarm->world, node));
}

uint32_t story_peers(const struct story *story, uint32_t node)
{
    return (uint32_t)story_stats(story, node)->peers;
}

static void print_lines(const char *head, const char *text)
{
    printf("# %s\n", head);
    for (int i = 0; *text && i < LINES_SHOWN_MAX; i++) {
        const char *end = strchr(text, '\n');
        printf("#   %.*s\n", (int)(end - text), text);
        text = end + 1;
    }
}

bool story_is(struct story *story, const char *wanted)
{
    bool is_so = strcmp(story->text, wanted) == 0;
    if (!is_so) {
        print_lines("wanted", wanted);
        print_lines("told", story->text);
    }
    story_forget(story);
    return is_so;
}

enum { LINES_MAX = 256 };

/* Cut into lines, sorted but for the first. Returns how many. */
static size_t sorted_lines(char *text, char *ret[static LINES_MAX])
{
    size_t count = 0;
    for (char *line = strtok(text, "\n"); line && count < LINES_MAX; line = strtok(NULL, "\n")) {
        size_t slot = count++;
        for (; slot > 1 && strcmp(ret[slot - 1], line) > 0; slot--)
            ret[slot] = ret[slot - 1];
        ret[slot] = line;
    }
    return count;
}

bool story_is_in_any_order(struct story *story, const char *wanted)
{
    static char texts[2][sizeof story->text];
    char *lines[2][LINES_MAX];
    snprintf(texts[0], sizeof texts[0], "%s", wanted);
    snprintf(texts[1], sizeof texts[1], "%s", story->text);
    size_t count = sorted_lines(texts[0], lines[0]);
    bool is_so = sorted_lines(texts[1], lines[1]) == count;
    for (size_t i = 0; is_so && i < count; i++)
        is_so = strcmp(lines[0][i], lines[1][i]) == 0;
    if (is_so) {
        story_forget(story);
        return true;
    }
    return story_is(story, wanted);
}
