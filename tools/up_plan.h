/* tools/up_plan.h: from the command line of `kith up` to those of its nodes: ports, shards, models
 * and seeds are dealt out, the rest is passed on as it was given. */
#ifndef KITH_TOOLS_UP_PLAN_H
#define KITH_TOOLS_UP_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "tools/options.h"
#include "tools/up_dir.h"

enum { KITH_UP_WORDS_MAX = 256, KITH_UP_TEXT_MAX = 128 * 1024 };

struct kith_up_plan {
    const struct kith_args *args;
    const char *dir;
    uint32_t count;
    struct kith_addr bind;
    uint16_t port[KITH_UP_NODES_MAX];
    bool is_up[KITH_UP_NODES_MAX]; /* kept by the caller: siblings to begin with */
    /* The last command line. */
    uint32_t word_count;
    size_t text_len;
    char *words[KITH_UP_WORDS_MAX];
    char text[KITH_UP_TEXT_MAX];
};

/* Check what can be checked before any node starts: rules, data, models, shards. 0, 1 or 2 after
 * printing one line. */
int kith_up_check(const struct kith_args *args);
/* Take free ports, from --port or 8120 on. 0, or 1 after printing why not. */
int kith_up_plan(const struct kith_args *args, const char *dir, struct kith_up_plan *plan);
/* The command line of a node for its next start: `starts` lives are behind it. A port that was lost
 * meanwhile is replaced. Valid until the next call. */
char **kith_up_words(struct kith_up_plan *plan, uint32_t index, uint32_t starts);

#endif
