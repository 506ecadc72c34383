#include "sim/scenario_knobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "training/job.h"

#define KNOB(type, name_, fallback_, kind_, member_, low_, high_, words_)                          \
    {                                                                                              \
        .name = name_, .fallback = fallback_, .kind = KITH_KNOB_##kind_,                           \
        .offset = offsetof(struct type, member_), .low = (double)(low_), .high = (double)(high_),  \
        .min = (uint64_t)(int64_t)(low_), .max = (uint64_t)(high_), .words = words_                \
    }

const struct kith_knob kith_node_knobs[] = {
#define X(name, argument, fallback, kind, member, low, high, words, help)                          \
    KNOB(kith_scenario_group, name, fallback, kind, member, low, high, words),
    KITH_NODE_KNOBS_MAP(X)
#undef X
};

const struct kith_knob kith_run_knobs[] = {
#define X(name, argument, fallback, kind, member, low, high, words, help)                          \
    KNOB(kith_scenario, name, fallback, kind, member, low, high, words),
    KITH_RUN_KNOBS_MAP(X)
#undef X
};

enum {
    NODE_KNOBS = sizeof kith_node_knobs / sizeof *kith_node_knobs,
    RUN_KNOBS = sizeof kith_run_knobs / sizeof *kith_run_knobs,
};

_Static_assert(NODE_KNOBS <= 61 && RUN_KNOBS <= 61, "a bit for each");
_Static_assert(sizeof(enum kith_scenario_bootstrap) == 4 && sizeof(enum kith_wire) == 4 &&
                   sizeof(enum kith_rule) == 4 && sizeof(enum kith_lie) == 4 &&
                   sizeof(enum kith_kernels) == 4 && sizeof(enum kith_sim_latency) == 4 &&
                   sizeof(enum kith_sim_nat) == 4 && sizeof(enum kith_sim_dht_mode) == 4 &&
                   sizeof(enum kith_sim_disk) == 4 && sizeof(enum kith_algorithm) == 4 &&
                   sizeof(enum kith_topology) == 4,
               "words are kept as 32 bits");

const size_t kith_node_knob_count = NODE_KNOBS;
const size_t kith_run_knob_count = RUN_KNOBS;

static const struct kith_knob *find(const struct kith_knob *knobs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(knobs[i].name, name) == 0) return &knobs[i];
    return NULL;
}

const struct kith_knob *kith_node_knob(const char *name)
{
    return find(kith_node_knobs, NODE_KNOBS, name);
}

const struct kith_knob *kith_run_knob(const char *name)
{
    return find(kith_run_knobs, RUN_KNOBS, name);
}

static uint64_t bit_of(const struct kith_knob *knob)
{
    bool is_node = knob >= kith_node_knobs && knob < kith_node_knobs + NODE_KNOBS;
    return UINT64_C(1) << (is_node ? knob - kith_node_knobs : knob - kith_run_knobs);
}

/* --- values as text --- */

static bool read_whole(const struct kith_knob *knob, const char *text, uint64_t *ret)
{
    uint64_t value = 0;
    if (*text == '\0') return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return value >= knob->min && value <= knob->max;
}

static bool read_real(const struct kith_knob *knob, const char *text, double *ret)
{
    char *end;
    if (text[strspn(text, "0123456789.eE+-")] != '\0') return false;
    *ret = strtod(text, &end);
    return end != text && *end == '\0' && *ret >= knob->low && *ret <= knob->high;
}

/* The place of the text among the words, or -1. */
static int place_of(const char *words, const char *text)
{
    size_t len = strlen(text);
    for (int place = 0; *words != '\0'; place++) {
        size_t word = strcspn(words, " ");
        if (word == len && strncmp(words, text, len) == 0) return place;
        words += word + (words[word] == ' ');
    }
    return -1;
}

static bool read_number(const struct kith_knob *knob, const char *text, char *to)
{
    uint64_t whole = 0;
    double real = 0;
    bool is_whole = knob->kind == KITH_KNOB_U32 || knob->kind == KITH_KNOB_U64;
    if (is_whole ? !read_whole(knob, text, &whole) : !read_real(knob, text, &real)) return false;
    if (knob->kind == KITH_KNOB_U32) *(uint32_t *)(void *)to = (uint32_t)whole;
    if (knob->kind == KITH_KNOB_U64) *(uint64_t *)(void *)to = whole;
    if (knob->kind == KITH_KNOB_REAL) *(double *)(void *)to = real;
    if (knob->kind == KITH_KNOB_FLOAT) *(float *)(void *)to = (float)real;
    if (knob->kind == KITH_KNOB_SECONDS) *(uint64_t *)(void *)to = (uint64_t)(real * 1e6 + 0.5);
    return true;
}

static bool read_word(const struct kith_knob *knob, const char *text, char *to)
{
    bool is_flag = knob->kind == KITH_KNOB_FLAG || knob->kind == KITH_KNOB_NOT;
    int place = place_of(is_flag ? "false true" : knob->words, text);
    if (place < 0) return false;
    if (knob->kind == KITH_KNOB_WORD)
        *(uint32_t *)(void *)to = (uint32_t)place;
    else
        *(bool *)(void *)to = knob->kind == KITH_KNOB_NOT ? !place : place;
    return true;
}

static bool read_value(const struct kith_knob *knob, const char *text, char *to)
{
    switch (knob->kind) {
    case KITH_KNOB_U32:
    case KITH_KNOB_U64:
    case KITH_KNOB_REAL:
    case KITH_KNOB_FLOAT:
    case KITH_KNOB_SECONDS:
        return read_number(knob, text, to);
    case KITH_KNOB_FLAG:
    case KITH_KNOB_NOT:
    case KITH_KNOB_WORD:
        return read_word(knob, text, to);
    case KITH_KNOB_SPLIT:
        return kith_partition_parse(text, (struct kith_partition *)(void *)to) == 0;
    }
    return false;
}

bool kith_knob_read(const struct kith_knob *knob, const char *text, void *at, uint64_t *given)
{
    if (!read_value(knob, text, (char *)at + knob->offset)) return false;
    *given |= bit_of(knob);
    return true;
}

bool kith_knob_is_given(const struct kith_knob *knob, uint64_t given)
{
    return given & bit_of(knob);
}

void kith_knob_allowed(const struct kith_knob *knob, char ret[static KITH_KNOB_TEXT_MAX])
{
    switch (knob->kind) {
    case KITH_KNOB_U32:
    case KITH_KNOB_U64:
        snprintf(ret, KITH_KNOB_TEXT_MAX, "a whole number from %llu to %llu",
                 (unsigned long long)knob->min, (unsigned long long)knob->max);
        return;
    case KITH_KNOB_REAL:
    case KITH_KNOB_FLOAT:
    case KITH_KNOB_SECONDS:
        snprintf(ret, KITH_KNOB_TEXT_MAX, "a number from %.10g to %.10g", knob->low, knob->high);
        return;
    case KITH_KNOB_FLAG:
    case KITH_KNOB_NOT:
        snprintf(ret, KITH_KNOB_TEXT_MAX, "true or false");
        return;
    case KITH_KNOB_WORD:
        snprintf(ret, KITH_KNOB_TEXT_MAX, "one of: %s", knob->words);
        return;
    case KITH_KNOB_SPLIT:
        snprintf(ret, KITH_KNOB_TEXT_MAX, "%s", KITH_PARTITION_ALLOWED);
        return;
    }
}

static void write_word(const char *words, uint32_t place, char *ret)
{
    for (; place > 0; place--)
        words += strcspn(words, " ") + 1;
    snprintf(ret, KITH_KNOB_TEXT_MAX, "%.*s", (int)strcspn(words, " "), words);
}

/* As short as it can be read again. */
void kith_knob_real_text(double value, char ret[static KITH_KNOB_TEXT_MAX])
{
    snprintf(ret, KITH_KNOB_TEXT_MAX, "%.15g", value);
    double again = strtod(ret, NULL);
    if (again < value || again > value) snprintf(ret, KITH_KNOB_TEXT_MAX, "%.17g", value);
}

static void write_float(float value, char *ret)
{
    snprintf(ret, KITH_KNOB_TEXT_MAX, "%.6g", (double)value);
    float again = strtof(ret, NULL);
    if (again < value || again > value) snprintf(ret, KITH_KNOB_TEXT_MAX, "%.9g", (double)value);
}

static void write_split(const struct kith_partition *partition, char *ret)
{
    char alpha[KITH_KNOB_TEXT_MAX];
    switch (partition->kind) {
    case KITH_PARTITION_IID:
        snprintf(ret, KITH_KNOB_TEXT_MAX, "iid");
        return;
    case KITH_PARTITION_DIRICHLET:
        kith_knob_real_text(partition->alpha, alpha);
        snprintf(ret, KITH_KNOB_TEXT_MAX, "dirichlet:%.64s", alpha);
        return;
    case KITH_PARTITION_SHARDS:
        snprintf(ret, KITH_KNOB_TEXT_MAX, "shards:%u", partition->shards);
        return;
    case KITH_PARTITION_SORTED:
        snprintf(ret, KITH_KNOB_TEXT_MAX, "sorted");
        return;
    case KITH_PARTITION_QUANTITY:
        kith_knob_real_text(partition->alpha, alpha);
        snprintf(ret, KITH_KNOB_TEXT_MAX, "quantity:%.64s", alpha);
        return;
    }
}

void kith_knob_write(const struct kith_knob *knob, const void *at,
                     char ret[static KITH_KNOB_TEXT_MAX])
{
    const void *from = (const char *)at + knob->offset;
    switch (knob->kind) {
    case KITH_KNOB_U32:
        snprintf(ret, KITH_KNOB_TEXT_MAX, "%u", *(const uint32_t *)from);
        return;
    case KITH_KNOB_U64:
        snprintf(ret, KITH_KNOB_TEXT_MAX, "%llu", (unsigned long long)*(const uint64_t *)from);
        return;
    case KITH_KNOB_REAL:
        kith_knob_real_text(*(const double *)from, ret);
        return;
    case KITH_KNOB_FLOAT:
        write_float(*(const float *)from, ret);
        return;
    case KITH_KNOB_SECONDS:
        snprintf(ret, KITH_KNOB_TEXT_MAX, "%.15g", (double)*(const uint64_t *)from / 1e6);
        return;
    case KITH_KNOB_FLAG:
    case KITH_KNOB_NOT:
        write_word("false true", *(const bool *)from != (knob->kind == KITH_KNOB_NOT), ret);
        return;
    case KITH_KNOB_WORD:
        write_word(knob->words, *(const uint32_t *)from, ret);
        return;
    case KITH_KNOB_SPLIT:
        write_split(from, ret);
        return;
    }
}

/* What is there need not come from kith_knob_read. */
static bool is_within(const struct kith_knob *knob, const void *from)
{
    double real = 0;
    uint64_t whole = 0;
    switch (knob->kind) {
    case KITH_KNOB_U32:
    case KITH_KNOB_U64:
        whole = knob->kind == KITH_KNOB_U32 ? *(const uint32_t *)from : *(const uint64_t *)from;
        if (whole == 0 && !knob->fallback) return true; /* not given */
        return whole >= knob->min && whole <= knob->max;
    case KITH_KNOB_REAL:
        real = *(const double *)from;
        break;
    case KITH_KNOB_FLOAT:
        real = (double)*(const float *)from;
        return real >= knob->low * 0.999999 && real <= knob->high * 1.000001;
    case KITH_KNOB_SECONDS:
        real = (double)*(const uint64_t *)from / 1e6;
        break;
    case KITH_KNOB_FLAG:
    case KITH_KNOB_NOT:
    case KITH_KNOB_WORD:
    case KITH_KNOB_SPLIT:
        return true;
    }
    return real >= knob->low && real <= knob->high;
}

const struct kith_knob *kith_knobs_check(const struct kith_knob *knobs, size_t count,
                                         const void *at)
{
    for (size_t i = 0; i < count; i++)
        if (!is_within(&knobs[i], (const char *)at + knobs[i].offset)) return &knobs[i];
    return NULL;
}

/* --- all of them --- */

static size_t size_of(const struct kith_knob *knob)
{
    switch (knob->kind) {
    case KITH_KNOB_U32:
    case KITH_KNOB_WORD:
        return sizeof(uint32_t);
    case KITH_KNOB_U64:
    case KITH_KNOB_SECONDS:
        return sizeof(uint64_t);
    case KITH_KNOB_REAL:
        return sizeof(double);
    case KITH_KNOB_FLOAT:
        return sizeof(float);
    case KITH_KNOB_FLAG:
    case KITH_KNOB_NOT:
        return sizeof(bool);
    case KITH_KNOB_SPLIT:
        return sizeof(struct kith_partition);
    }
    return 0;
}

bool kith_knob_read_all(const struct kith_knob *knob, const char *text,
                        struct kith_scenario *scenario)
{
    if (!kith_knob_read(knob, text, &scenario->all, &scenario->all.given)) return false;
    for (uint32_t i = 0; i < scenario->group_count; i++)
        scenario->group[i].given &= ~bit_of(knob);
    return true;
}

void kith_knobs_default(struct kith_scenario *scenario)
{
    uint64_t none = 0;
    for (size_t i = 0; i < NODE_KNOBS; i++)
        if (kith_node_knobs[i].fallback)
            kith_knob_read(&kith_node_knobs[i], kith_node_knobs[i].fallback, &scenario->all, &none);
    for (size_t i = 0; i < RUN_KNOBS; i++)
        if (kith_run_knobs[i].fallback)
            kith_knob_read(&kith_run_knobs[i], kith_run_knobs[i].fallback, scenario, &none);
    kith_knobs_settle(scenario);
}

static void inherit(struct kith_scenario_group *group, const struct kith_scenario_group *all)
{
    struct kith_scenario_group own = *all;
    memcpy(own.name, group->name, sizeof own.name);
    own.nodes = group->nodes;
    own.given = group->given;
    if (group->given & KITH_GIVEN_MODEL) {
        own.model_first = group->model_first;
        own.model_count = group->model_count;
    }
    if (group->given & KITH_GIVEN_REGION) own.region = group->region;
    if (group->given & KITH_GIVEN_CLASSES) {
        own.class_first = group->class_first;
        own.class_count = group->class_count;
    }
    for (size_t i = 0; i < NODE_KNOBS; i++) {
        const struct kith_knob *knob = &kith_node_knobs[i];
        if (!(group->given & bit_of(knob))) continue;
        memcpy((char *)&own + knob->offset, (const char *)group + knob->offset, size_of(knob));
    }
    *group = own;
}

static void suit_optimizer(struct kith_scenario_group *group, uint64_t given)
{
    struct kith_learner_config suited = {.optim = group->node.learner.optim};
    kith_learner_suit(&suited);
    if (!(given & bit_of(kith_node_knob("rate")))) group->node.learner.rate = suited.rate;
    if (!(given & bit_of(kith_node_knob("momentum"))))
        group->node.learner.momentum = suited.momentum;
}

enum { ROUNDS_DEFAULT = 20 };

void kith_knobs_settle(struct kith_scenario *scenario)
{
    uint64_t budget = scenario->all.node.rules.budget.rounds;
    bool by_time = scenario->virtual_s > 0;
    if (!(scenario->given & bit_of(kith_run_knob("rounds")))) {
        scenario->rounds = by_time ? 0 : ROUNDS_DEFAULT;
        if (budget > 0) scenario->rounds = budget;
    }
    suit_optimizer(&scenario->all, scenario->all.given);
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        struct kith_scenario_group *group = &scenario->group[i];
        inherit(group, &scenario->all);
        suit_optimizer(group, group->given | scenario->all.given);
    }
}
