#include "sim/scenario_yaml.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/err.h"
#include "sim/scenario_fault.h"
#include "sim/scenario_knobs.h"
#include "sim/scenario_metrics.h"

enum { QUOTED_MAX = 64, ANY_CLASSES = 256 };

/* One text being read. */
struct reader {
    const char *name;
    yaml_document_t document;
    struct kith_scenario *scenario;
    char *error;
};

typedef char text[KITH_SCENARIO_TEXT_MAX];

__attribute__((format(printf, 3, 4))) static int
refuse(struct reader *reader, const yaml_node_t *node, const char *form, ...)
{
    va_list list;
    int len = snprintf(reader->error, KITH_SCENARIO_ERROR_MAX, "%s:%lu: ", reader->name,
                       (unsigned long)(node ? node->start_mark.line + 1 : 1));
    if (len >= KITH_SCENARIO_ERROR_MAX) return KITH_ERR_INVALID;
    va_start(list, form);
    vsnprintf(reader->error + len, KITH_SCENARIO_ERROR_MAX - (size_t)len, form, list);
    va_end(list);
    return KITH_ERR_INVALID;
}

/* What stands in the file as it may stand in an error line. */
static const char *quoted(const yaml_node_t *node, char ret[static QUOTED_MAX])
{
    size_t used = 0, room = QUOTED_MAX - 6;
    if (node->type != YAML_SCALAR_NODE) return "what is there";
    ret[used++] = '"';
    for (size_t i = 0; i < node->data.scalar.length && i < room; i++) {
        unsigned char byte = node->data.scalar.value[i];
        ret[used++] = byte < 0x20 || byte >= 0x7f ? '?' : (char)byte;
    }
    snprintf(ret + used, QUOTED_MAX - used, "%s\"", node->data.scalar.length > room ? "..." : "");
    return ret;
}

static int not_allowed(struct reader *reader, const yaml_node_t *node, const char *key,
                       const char *allowed)
{
    char quote[QUOTED_MAX];
    return refuse(reader, node, "%s: %s is not %s", key, quoted(node, quote), allowed);
}

static yaml_node_t *node_at(struct reader *reader, int index)
{
    return yaml_document_get_node(&reader->document, index);
}

/* False: no scalar, or one that no value is as long as. */
static bool scalar(const yaml_node_t *node, text ret)
{
    if (!node || node->type != YAML_SCALAR_NODE) return false;
    size_t len = node->data.scalar.length;
    if (len >= sizeof(text) || memchr(node->data.scalar.value, '\0', len)) return false;
    memcpy(ret, node->data.scalar.value, len);
    ret[len] = '\0';
    return true;
}

/* --- a mapping, key by key --- */

typedef int set_key(struct reader *reader, void *at, const char *key, const yaml_node_t *key_node,
                    const yaml_node_t *value);

static bool is_repeated(struct reader *reader, const yaml_node_t *mapping,
                        const yaml_node_pair_t *pair)
{
    text key, other;
    scalar(node_at(reader, pair->key), key);
    for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair; p++)
        if (scalar(node_at(reader, p->key), other) && strcmp(key, other) == 0) return true;
    return false;
}

static int read_mapping(struct reader *reader, const yaml_node_t *mapping, const char *what,
                        set_key *set, void *at)
{
    if (!mapping || mapping->type != YAML_MAPPING_NODE)
        return refuse(reader, mapping, "%s: a list of keys (key: value) is expected here", what);
    const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
    for (; pair < mapping->data.mapping.pairs.top; pair++) {
        text key;
        const yaml_node_t *key_node = node_at(reader, pair->key);
        if (!scalar(key_node, key))
            return refuse(reader, key_node, "%s: a key is expected here", what);
        if (is_repeated(reader, mapping, pair))
            return refuse(reader, key_node, "%s: given twice", key);
        int err = set(reader, at, key, key_node, node_at(reader, pair->value));
        if (err) return err;
    }
    return 0;
}

/* One value, or a sequence of them. */
static int for_each(struct reader *reader, const yaml_node_t *node,
                    int (*each)(struct reader *reader, void *at, const yaml_node_t *node), void *at)
{
    if (!node || node->type != YAML_SEQUENCE_NODE) return each(reader, at, node);
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        int err = each(reader, at, node_at(reader, *item));
        if (err) return err;
    }
    return 0;
}

static int no_such_key(struct reader *reader, const yaml_node_t *node, const char *what,
                       const char *others)
{
    char quote[QUOTED_MAX];
    return refuse(reader, node, "%s: no such key of %s; see kith sim --help%s", quoted(node, quote),
                  what, others);
}

static int set_knob(struct reader *reader, const struct kith_knob *knob, const yaml_node_t *value,
                    void *at, uint64_t *given)
{
    text word;
    char allowed[KITH_KNOB_TEXT_MAX];
    if (scalar(value, word) && kith_knob_read(knob, word, at, given)) return 0;
    kith_knob_allowed(knob, allowed);
    return not_allowed(reader, value, knob->name, allowed);
}

/* --- models and labels --- */

static int add_model(struct reader *reader, void *at, const yaml_node_t *node)
{
    text word;
    struct kith_arch arch;
    struct kith_scenario_group *group = at;
    struct kith_scenario *scenario = reader->scenario;
    if (!scalar(node, word) || kith_arch_parse_alone(word, &arch) != 0)
        return not_allowed(reader, node, "model",
                           "the hidden layers, as in mlp:256,128, cnn:6x5sp,16x5p,120,84 or lenet");
    if (scenario->model_count == KITH_SIM_MODELS_MAX)
        return refuse(reader, node, "model: more than %d in all", KITH_SIM_MODELS_MAX);
    if (group->model_count++ == 0) group->model_first = scenario->model_count;
    memcpy(scenario->model[scenario->model_count++], arch.text, sizeof arch.text);
    return 0;
}

static int add_classes(struct reader *reader, void *at, const yaml_node_t *node)
{
    text word;
    struct kith_scenario_group *group = at;
    struct kith_scenario *scenario = reader->scenario;
    if (scenario->class_set_count == KITH_SIM_CLASS_SETS_MAX)
        return refuse(reader, node, "classes: more than %d sets in all", KITH_SIM_CLASS_SETS_MAX);
    struct kith_class_set *set = &scenario->class_set[scenario->class_set_count];
    if (!scalar(node, word) || kith_classes_parse(word, ANY_CLASSES, set) != 0)
        return not_allowed(reader, node, "classes", KITH_CLASSES_ALLOWED);
    if (group->class_count++ == 0) group->class_first = scenario->class_set_count;
    scenario->class_set_count++;
    return 0;
}

static uint32_t find_region(const struct kith_scenario *scenario, const char *name)
{
    for (uint32_t i = 0; i < scenario->region_count; i++)
        if (strcmp(scenario->region[i], name) == 0) return i + 1;
    return 0;
}

static int set_region(struct reader *reader, struct kith_scenario_group *group,
                      const yaml_node_t *value)
{
    text word;
    uint32_t region = scalar(value, word) ? find_region(reader->scenario, word) : 0;
    if (region == 0) return not_allowed(reader, value, "region", "one of regions");
    group->region = region;
    group->given |= KITH_GIVEN_REGION;
    return 0;
}

/* What a group and the run have in common. -1: no such key. */
static int set_shared(struct reader *reader, struct kith_scenario_group *group, const char *key,
                      const yaml_node_t *value)
{
    const struct kith_knob *knob = kith_node_knob(key);
    if (knob) return set_knob(reader, knob, value, group, &group->given);
    if (strcmp(key, "model") == 0) {
        group->model_count = 0;
        group->given |= KITH_GIVEN_MODEL;
        return for_each(reader, value, add_model, group);
    }
    if (strcmp(key, "region") == 0) return set_region(reader, group, value);
    if (strcmp(key, "classes") == 0) {
        group->class_count = 0;
        group->given |= KITH_GIVEN_CLASSES;
        return for_each(reader, value, add_classes, group);
    }
    return -1;
}

/* --- groups --- */

static bool is_name(const char *name)
{
    size_t len = strlen(name);
    bool fits = len > 0 && len < KITH_SCENARIO_NAME_MAX;
    return fits && strcmp(name, "everyone") != 0 &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

#define NAME_ALLOWED "1 to 31 of a-z, 0-9 and -, other than everyone"

static int set_group(struct reader *reader, void *at, const char *key, const yaml_node_t *key_node,
                     const yaml_node_t *value)
{
    text word;
    struct kith_scenario_group *group = at;
    if (strcmp(key, "name") == 0) {
        if (!scalar(value, word) || !is_name(word))
            return not_allowed(reader, value, key, NAME_ALLOWED);
        memcpy(group->name, word, strlen(word) + 1);
        return 0;
    }
    if (strcmp(key, "nodes") == 0) {
        struct kith_scenario scratch;
        uint64_t given = 0;
        int err = set_knob(reader, kith_run_knob(key), value, &scratch, &given);
        if (!err) group->nodes = scratch.nodes;
        return err;
    }
    int err = set_shared(reader, group, key, value);
    return err == -1
               ? no_such_key(reader, key_node, "a group", "; also name, nodes, model, classes")
               : err;
}

static uint32_t find_group(const struct kith_scenario *scenario, const char *name)
{
    for (uint32_t i = 0; i < scenario->group_count; i++)
        if (strcmp(scenario->group[i].name, name) == 0) return i;
    return KITH_SCENARIO_EVERYONE;
}

static int add_group(struct reader *reader, void *at, const yaml_node_t *node)
{
    struct kith_scenario *scenario = reader->scenario;
    struct kith_scenario_group group = {.nodes = 0};
    (void)at;
    if (scenario->group_count == KITH_SCENARIO_GROUPS_MAX)
        return refuse(reader, node, "groups: more than %d", KITH_SCENARIO_GROUPS_MAX);
    int err = read_mapping(reader, node, "a group", set_group, &group);
    if (err) return err;
    if (group.name[0] == '\0') return refuse(reader, node, "name: is missing of this group");
    if (group.nodes == 0) return refuse(reader, node, "nodes: is missing of this group");
    if (find_group(scenario, group.name) != KITH_SCENARIO_EVERYONE)
        return refuse(reader, node, "name: there is a group %s already", group.name);
    scenario->group[scenario->group_count++] = group;
    return 0;
}

/* All nodes are the groups'. */
static int count_groups(struct reader *reader, const yaml_node_t *node)
{
    struct kith_scenario *scenario = reader->scenario;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < scenario->group_count; i++)
        sum += scenario->group[i].nodes;
    if (sum > KITH_SIM_NODES_MAX)
        return refuse(reader, node, "groups: %llu nodes, at most %d", (unsigned long long)sum,
                      KITH_SIM_NODES_MAX);
    scenario->nodes = (uint32_t)sum;
    return 0;
}

/* A count of all nodes that was given besides makes proportions of the groups'. */
static int finish_groups(struct reader *reader, const yaml_node_t *root)
{
    struct kith_scenario *scenario = reader->scenario;
    uint32_t wanted = scenario->nodes;
    if (scenario->group_count == 0) return 0;
    int err = count_groups(reader, root);
    if (!err && kith_knob_is_given(kith_run_knob("nodes"), scenario->given))
        kith_scenario_resize(scenario, wanted);
    return err;
}

/* --- faults --- */

static int read_count(struct reader *reader, const char *key, const yaml_node_t *value,
                      uint32_t least, uint32_t *ret)
{
    text word;
    struct kith_scenario scratch;
    uint64_t given = 0;
    if (scalar(value, word) && least == 0 && strcmp(word, "0") == 0) {
        *ret = 0;
        return 0;
    }
    if (!scalar(value, word) || !kith_knob_read(kith_run_knob("nodes"), word, &scratch, &given))
        return not_allowed(reader, value, key, "a whole number of nodes");
    *ret = scratch.nodes;
    return 0;
}

static int read_real(struct reader *reader, const char *key, const yaml_node_t *value, double most,
                     const char *allowed, double *ret)
{
    text word;
    char *end;
    if (!scalar(value, word) || word[strspn(word, "0123456789.eE+-")] != '\0')
        return not_allowed(reader, value, key, allowed);
    *ret = strtod(word, &end);
    if (end == word || *end != '\0' || !(*ret >= 0 && *ret <= most))
        return not_allowed(reader, value, key, allowed);
    return 0;
}

static int read_flag(struct reader *reader, const char *key, const yaml_node_t *value, bool *ret)
{
    text word;
    bool fits = scalar(value, word) && (strcmp(word, "true") == 0 || strcmp(word, "false") == 0);
    if (!fits) return not_allowed(reader, value, key, "true or false");
    *ret = word[0] == 't';
    return 0;
}

static int read_group_name(struct reader *reader, const char *key, const yaml_node_t *value,
                           uint32_t *ret)
{
    text word;
    if (!scalar(value, word)) return not_allowed(reader, value, key, "a group's name");
    *ret = find_group(reader->scenario, word);
    if (*ret != KITH_SCENARIO_EVERYONE || strcmp(word, "everyone") == 0) return 0;
    return not_allowed(reader, value, key, "a group of this scenario, or everyone");
}

/* Keys of who it happens to. -1: none of them. */
static int set_who(struct reader *reader, struct kith_scenario_who *who, const char *key,
                   const char *part, const yaml_node_t *value)
{
    if (strcmp(part, "group") == 0) return read_group_name(reader, key, value, &who->group);
    if (strcmp(part, "with-first") == 0) return read_flag(reader, key, value, &who->with_first);
    if (strcmp(part, "count") == 0) return read_count(reader, key, value, 1, &who->count);
    if (strcmp(part, "share") == 0)
        return read_real(reader, key, value, 1, "a number from 0 to 1", &who->share);
    if (strcmp(part, "node") != 0) return -1;
    if (who->count == 0) who->count = 1;
    return read_count(reader, key, value, 0, &who->first);
}

static int set_way(struct reader *reader, const yaml_node_t *value, enum kith_scenario_way *ret)
{
    text word;
    static const char *const words[] = {"both", "in", "out"};
    for (int i = 0; scalar(value, word) && i < 3; i++) {
        if (strcmp(word, words[i]) != 0) continue;
        *ret = (enum kith_scenario_way)i;
        return 0;
    }
    return not_allowed(reader, value, "way", "one of: both in out");
}

/* A fault and the text of its value, which cannot be read before the kind is known. */
struct fault {
    struct kith_scenario_fault fault;
    const yaml_node_t *kind;
    const yaml_node_t *value;
};

static int set_kind(struct reader *reader, struct fault *at, const yaml_node_t *value)
{
    text word;
    at->kind = value;
    if (scalar(value, word) && kith_scenario_fault_kind(word, &at->fault.kind)) return 0;
    return not_allowed(reader, value, "kind", "one of: " KITH_FAULT_KINDS_ALLOWED);
}

static int set_fault(struct reader *reader, void *context, const char *key,
                     const yaml_node_t *key_node, const yaml_node_t *value)
{
    struct fault *at = context;
    struct kith_scenario_fault *fault = &at->fault;
    const char *seconds = "0 to 100000000 seconds";
    if (strcmp(key, "kind") == 0) return set_kind(reader, at, value);
    if (strcmp(key, "way") == 0) return set_way(reader, value, &fault->way);
    if (strcmp(key, "lose-last") == 0) return read_flag(reader, key, value, &fault->lose_last);
    if (strcmp(key, "at") == 0)
        return read_real(reader, key, value, KITH_SCENARIO_S_MAX, seconds, &fault->at_s);
    if (strcmp(key, "until") == 0)
        return read_real(reader, key, value, KITH_SCENARIO_S_MAX, seconds, &fault->until_s);
    if (strcmp(key, "value") == 0) {
        at->value = value;
        return 0;
    }
    int err = strcmp(key, "from") == 0 ? read_group_name(reader, key, value, &fault->from.group)
                                       : set_who(reader, &fault->who, key, key, value);
    if (err == -1 && strncmp(key, "from-", 5) == 0)
        err = set_who(reader, &fault->from, key, key + 5, value);
    if (err != -1) return err;
    return refuse(reader, key_node,
                  "%s: no such key of a fault; there are at, until, kind, value, group, node, "
                  "count, share, with-first, from, from-node, from-count, from-share, way, "
                  "lose-last",
                  key);
}

static void complete_who(struct kith_scenario_who *who)
{
    if (who->share < 0) who->share = who->count == 0;
}

static int add_fault(struct reader *reader, void *context, const yaml_node_t *node)
{
    text word;
    struct fault at = {.kind = NULL};
    (void)context;
    at.fault.who = at.fault.from =
        (struct kith_scenario_who){.group = KITH_SCENARIO_EVERYONE, .share = -1};
    int err = read_mapping(reader, node, "a fault", set_fault, &at);
    if (err) return err;
    if (!at.kind) return refuse(reader, node, "kind: is missing of this fault");
    bool wants = kith_scenario_fault_has_value(at.fault.kind);
    if (wants && !at.value) return refuse(reader, node, "value: is missing of this fault");
    if (at.value && !(scalar(at.value, word) &&
                      kith_scenario_fault_value(at.fault.kind, word, &at.fault.value)))
        return not_allowed(reader, at.value, "value", wants ? "one of this kind" : "for this kind");
    complete_who(&at.fault.who);
    complete_who(&at.fault.from);
    if (kith_scenario_add_fault(reader->scenario, &at.fault)) return 0;
    return refuse(reader, node, "faults: more than %d", KITH_SCENARIO_FAULTS_MAX);
}

static int add_check(struct reader *reader, void *at, const yaml_node_t *node)
{
    text word;
    struct kith_scenario_check check;
    (void)at;
    if (!scalar(node, word) || !kith_scenario_check_parse(word, &check))
        return not_allowed(reader, node, "checks", "of the form accuracy-mean >= 80");
    if (kith_scenario_add_check(reader->scenario, check.metric, check.is_most, check.bound))
        return 0;
    return refuse(reader, node, "checks: more than %d", KITH_SCENARIO_CHECKS_MAX);
}

/* --- the whole --- */

static int set_words(struct reader *reader, const char *key, const yaml_node_t *value)
{
    text word;
    struct kith_scenario *scenario = reader->scenario;
    bool is_name_key = strcmp(key, "name") == 0;
    if (!scalar(value, word) || (is_name_key && !is_name(word)))
        return not_allowed(reader, value, key, is_name_key ? NAME_ALLOWED : "at most 255 bytes");
    for (const char *at = word; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
            return not_allowed(reader, value, key, "one line of ASCII");
    memcpy(is_name_key ? scenario->name : scenario->text, word, strlen(word) + 1);
    return 0;
}

/* --- regions --- */

static int add_region(struct reader *reader, void *at, const char *key, const yaml_node_t *key_node,
                      const yaml_node_t *value)
{
    struct kith_scenario *scenario = reader->scenario;
    (void)at;
    (void)value;
    if (!is_name(key)) return not_allowed(reader, key_node, "regions", NAME_ALLOWED);
    if (scenario->region_count == KITH_SCENARIO_REGIONS_MAX)
        return refuse(reader, key_node, "regions: more than %d", KITH_SCENARIO_REGIONS_MAX);
    memcpy(scenario->region[scenario->region_count++], key, strlen(key) + 1);
    return 0;
}

/* The latency between the region *at and another one, both ways. */
static int set_latency(struct reader *reader, void *at, const char *key,
                       const yaml_node_t *key_node, const yaml_node_t *value)
{
    struct kith_scenario *scenario = reader->scenario;
    const uint32_t *from = at;
    double ms = 0;
    uint32_t to = find_region(scenario, key), count = scenario->region_count;
    if (to == 0) return not_allowed(reader, key_node, "regions", "one of regions");
    int err = read_real(reader, key, value, 10000, "0.001 to 10000 ms", &ms);
    if (err) return err;
    if (ms < 0.001) return not_allowed(reader, value, key, "0.001 to 10000 ms");
    uint32_t us = (uint32_t)(ms * 1000 + 0.5);
    uint32_t *there = &scenario->region_us[(*from - 1) * count + to - 1];
    uint32_t *back = &scenario->region_us[(to - 1) * count + *from - 1];
    if (*there != 0 && *there != us)
        return refuse(reader, value, "regions: two latencies between %s and %s",
                      scenario->region[*from - 1], key);
    *there = *back = us;
    return 0;
}

static int set_latencies(struct reader *reader, void *at, const char *key,
                         const yaml_node_t *key_node, const yaml_node_t *value)
{
    uint32_t from = find_region(reader->scenario, key);
    (void)at;
    (void)key_node;
    return read_mapping(reader, value, "a region", set_latency, &from);
}

static int read_regions(struct reader *reader, const yaml_node_t *node)
{
    struct kith_scenario *scenario = reader->scenario;
    if (scenario->region_count > 0) return refuse(reader, node, "regions: given already");
    int err = read_mapping(reader, node, "regions", add_region, NULL);
    if (!err) err = read_mapping(reader, node, "regions", set_latencies, NULL);
    uint32_t count = scenario->region_count;
    for (uint32_t i = 0; !err && i < count * count; i++)
        if (scenario->region_us[i] == 0)
            err = refuse(reader, node, "regions: no latency between %s and %s",
                         scenario->region[i / count], scenario->region[i % count]);
    return err;
}

/* Groups name regions. */
static int set_region_list(struct reader *reader, void *at, const char *key,
                           const yaml_node_t *key_node, const yaml_node_t *value)
{
    (void)at;
    (void)key_node;
    return strcmp(key, "regions") == 0 ? read_regions(reader, value) : 0;
}

static int set_churn(struct reader *reader, const yaml_node_t *value)
{
    text word;
    if (!scalar(value, word) || word[0] == '\0' || word[strcspn(word, "\"\\\n\r")] != '\0')
        return not_allowed(reader, value, "churn", "a file's path");
    memcpy(reader->scenario->churn_path, word, strlen(word) + 1);
    return 0;
}

/* Faults name groups, so groups are read before them, wherever they stand. */
static int set_group_list(struct reader *reader, void *at, const char *key,
                          const yaml_node_t *key_node, const yaml_node_t *value)
{
    (void)at;
    (void)key_node;
    return strcmp(key, "groups") == 0 ? for_each(reader, value, add_group, NULL) : 0;
}

static int set_root(struct reader *reader, void *at, const char *key, const yaml_node_t *key_node,
                    const yaml_node_t *value)
{
    struct kith_scenario *scenario = reader->scenario;
    const struct kith_knob *knob = kith_run_knob(key);
    (void)at;
    if (knob) return set_knob(reader, knob, value, scenario, &scenario->given);
    if (strcmp(key, "name") == 0 || strcmp(key, "text") == 0) return set_words(reader, key, value);
    if (strcmp(key, "groups") == 0 || strcmp(key, "regions") == 0) return 0;
    if (strcmp(key, "churn") == 0) return set_churn(reader, value);
    if (strcmp(key, "faults") == 0) return for_each(reader, value, add_fault, NULL);
    if (strcmp(key, "checks") == 0) return for_each(reader, value, add_check, NULL);
    int err = set_shared(reader, &scenario->all, key, value);
    return err == -1
               ? no_such_key(
                     reader, key_node, "a scenario",
                     "; also name, text, model, classes, groups, faults, checks, regions, churn")
               : err;
}

static int read_root(struct reader *reader, const yaml_node_t *root)
{
    int err = read_mapping(reader, root, "a scenario", set_region_list, NULL);
    if (!err) err = read_mapping(reader, root, "a scenario", set_group_list, NULL);
    if (!err) err = read_mapping(reader, root, "a scenario", set_root, NULL);
    return err ? err : finish_groups(reader, root);
}

/* A first document and no second one. */
static int load(struct reader *reader, yaml_parser_t *parser, bool *ret_is_loaded)
{
    yaml_document_t second;
    *ret_is_loaded = yaml_parser_load(parser, &reader->document);
    if (*ret_is_loaded && !yaml_document_get_root_node(&reader->document))
        return refuse(reader, NULL, "nothing is there");
    bool is_second_loaded = *ret_is_loaded && yaml_parser_load(parser, &second);
    if (is_second_loaded) {
        bool is_more = yaml_document_get_root_node(&second) != NULL;
        yaml_document_delete(&second);
        return is_more ? refuse(reader, NULL, "a second document is not allowed") : 0;
    }
    snprintf(reader->error, KITH_SCENARIO_ERROR_MAX, "%s:%lu: %s", reader->name,
             (unsigned long)parser->problem_mark.line + 1,
             parser->problem ? parser->problem : "not YAML");
    return KITH_ERR_INVALID;
}

static int read_text(struct reader *reader, struct kith_bytes bytes,
                     int (*read)(struct reader *reader, const yaml_node_t *root))
{
    yaml_parser_t parser;
    bool is_loaded;
    if (bytes.len > KITH_SCENARIO_LEN_MAX) {
        snprintf(reader->error, KITH_SCENARIO_ERROR_MAX, "%s: larger than the %d bytes allowed",
                 reader->name, KITH_SCENARIO_LEN_MAX);
        return KITH_ERR_INVALID;
    }
    if (!yaml_parser_initialize(&parser)) {
        snprintf(reader->error, KITH_SCENARIO_ERROR_MAX, "%s: out of memory", reader->name);
        return KITH_ERR_NOMEM;
    }
    yaml_parser_set_input_string(&parser, bytes.at, bytes.len);
    int err = load(reader, &parser, &is_loaded);
    if (!err) err = read(reader, yaml_document_get_root_node(&reader->document));
    if (is_loaded) yaml_document_delete(&reader->document);
    yaml_parser_delete(&parser);
    return err;
}

int kith_scenario_parse(const char *name, struct kith_bytes bytes, struct kith_scenario *ret,
                        char ret_error[static KITH_SCENARIO_ERROR_MAX])
{
    struct kith_scenario scenario;
    struct reader reader = {.name = name, .scenario = &scenario, .error = ret_error};
    kith_scenario_default(&scenario);
    int err = read_text(&reader, bytes, read_root);
    if (err) return err;
    kith_knobs_settle(&scenario);
    *ret = scenario;
    return 0;
}

static int read_group(struct reader *reader, const yaml_node_t *root)
{
    int err = add_group(reader, NULL, root);
    return err ? err : count_groups(reader, root);
}

static int read_fault(struct reader *reader, const yaml_node_t *root)
{
    return add_fault(reader, NULL, root);
}

static int read_check(struct reader *reader, const yaml_node_t *root)
{
    return add_check(reader, NULL, root);
}

int kith_scenario_add(const char *name, enum kith_scenario_item item, const char *words,
                      struct kith_scenario *scenario,
                      char ret_error[static KITH_SCENARIO_ERROR_MAX])
{
    struct reader reader = {.name = name, .scenario = scenario, .error = ret_error};
    struct kith_bytes bytes = {(const uint8_t *)words, strlen(words)};
    switch (item) {
    case KITH_ITEM_GROUP:
        return read_text(&reader, bytes, read_group);
    case KITH_ITEM_FAULT:
        return read_text(&reader, bytes, read_fault);
    case KITH_ITEM_CHECK:
        return read_text(&reader, bytes, read_check);
    case KITH_ITEM_REGIONS:
        return read_text(&reader, bytes, read_regions);
    }
    return KITH_ERR_INVALID;
}
