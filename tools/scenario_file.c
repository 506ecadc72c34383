#include "tools/scenario_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario_knobs.h"
#include "sim/scenario_shipped.h"
#include "sim/scenario_yaml.h"

/* --- the file --- */

static int fail(const struct kith_args *args, const char *what, const char *why, char *ret_error)
{
    char quote[KITH_LEARNING_ERROR_MAX / 2];
    kith_quote(what, quote, sizeof quote);
    snprintf(ret_error, KITH_LEARNING_ERROR_MAX, "%s: %s: %s", args->command->name, quote, why);
    return 1;
}

static int parse(const struct kith_args *args, const char *name, struct kith_bytes text,
                 struct kith_scenario *ret, char *ret_error)
{
    char error[KITH_SCENARIO_ERROR_MAX];
    if (kith_scenario_parse(name, text, ret, error) == 0) return 0;
    snprintf(ret_error, KITH_LEARNING_ERROR_MAX, "%s: %s", args->command->name, error);
    return 1;
}

/* The file's bytes, at most one more than `most`, to be freed; or an errno. */
static int slurp(const char *path, size_t most, uint8_t **ret_text, size_t *ret_len)
{
    FILE *file = fopen(path, "r");
    if (!file) return errno;
    size_t size = 0, len = 0;
    uint8_t *text = NULL;
    int err = 0;
    while (!err && !feof(file) && len <= most) {
        uint8_t *grown = len < size ? text : realloc(text, 2 * size + 4096);
        if (!grown) err = ENOMEM;
        if (err) break;
        if (len == size) size = 2 * size + 4096;
        text = grown;
        len += fread(text + len, 1, size - len, file);
        if (ferror(file)) err = errno;
    }
    fclose(file);
    if (err) free(text);
    *ret_text = text;
    *ret_len = len;
    return err;
}

static int load(const struct kith_args *args, const char *path, struct kith_scenario *ret,
                char *ret_error)
{
    uint8_t *text = NULL;
    size_t len = 0;
    int err = slurp(path, KITH_SCENARIO_LEN_MAX, &text, &len);
    if (err == ENOENT && !strpbrk(path, "/."))
        return fail(args, path, "no such scenario, see kith sim --list, and no such file",
                    ret_error);
    if (err) return fail(args, path, strerror(err), ret_error);
    int status = parse(args, path, (struct kith_bytes){text, len}, ret, ret_error);
    free(text);
    return status;
}

int kith_scenario_file_load(const struct kith_args *args, struct kith_scenario *ret,
                            char ret_error[static KITH_LEARNING_ERROR_MAX])
{
    kith_scenario_default(ret);
    if (args->operand_count == 0) return 0;
    for (const struct kith_shipped *one = kith_shipped; one->name; one++) {
        struct kith_bytes text = {(const uint8_t *)one->text, strlen(one->text)};
        if (strcmp(one->name, args->operand[0]) == 0)
            return parse(args, one->name, text, ret, ret_error);
    }
    return load(args, args->operand[0], ret, ret_error);
}

/* --- options --- */

static int refuse(const struct kith_args *args, const char *name, const char *allowed, char *error)
{
    kith_args_refuse(args, name, allowed, error);
    return KITH_EXIT_USAGE;
}

static int read_rules(const struct kith_args *args, struct kith_scenario *scenario, char *error)
{
    struct kith_rules *rules = &scenario->all.node.rules;
    uint64_t budget = rules->budget.rounds;
    uint32_t pool = rules->pool;
    int status = kith_learning_rules(args, rules, error);
    if (rules->budget.rounds == 0) rules->budget.rounds = budget;
    if (status == 0 && rules->pool == 1) status = kith_learning_pool(args, pool, rules, error);
    bool has_data = kith_args_has(args, "swarm") || kith_args_has(args, "data");
    if (has_data) scenario->synthetic = false;
    return status;
}

/* Whether read_rules has seen to it. */
static bool is_rule(const struct kith_knob *knob)
{
    return strcmp(knob->name, "budget") == 0 || strcmp(knob->name, "pool") == 0;
}

static void read_knobs(const struct kith_args *args, struct kith_scenario *scenario)
{
    for (size_t i = 0; i < kith_run_knob_count + kith_node_knob_count; i++) {
        bool is_run = i < kith_run_knob_count;
        const struct kith_knob *knob =
            is_run ? &kith_run_knobs[i] : &kith_node_knobs[i - kith_run_knob_count];
        if (!kith_args_has(args, knob->name) || is_rule(knob)) continue;
        bool is_flag = knob->kind == KITH_KNOB_FLAG || knob->kind == KITH_KNOB_NOT;
        const char *text = is_flag ? "true" : kith_args_text(args, knob->name);
        if (strcmp(knob->name, "nodes") == 0)
            kith_scenario_resize(scenario, (uint32_t)kith_args_int(args, "nodes"));
        else if (is_run)
            kith_knob_read(knob, text, scenario, &scenario->given);
        else
            kith_knob_read_all(knob, text, scenario);
    }
}

static int read_models(const struct kith_args *args, struct kith_scenario *scenario, char *error)
{
    const char *text[KITH_OPTION_REPEATS_MAX];
    uint32_t count = kith_args_all(args, "model", text);
    bool is_plain = args->operand_count == 0;
    if (count > KITH_SIM_MODELS_MAX) return refuse(args, "model", "one of at most 16", error);
    for (uint32_t i = 0; i < count || (i == 0 && is_plain); i++) {
        struct kith_arch arch;
        int status = kith_learning_model(args, count ? text[i] : NULL, &scenario->all.node.rules,
                                         &arch, error);
        if (status) return status;
        strcpy(scenario->model[i], arch.text);
        scenario->model_count = scenario->all.model_count = i + 1;
        scenario->all.model_first = 0;
    }
    for (uint32_t i = 0; count > 0 && i < scenario->group_count; i++)
        scenario->group[i].given &= ~KITH_GIVEN_MODEL;
    return 0;
}

static int read_classes(const struct kith_args *args, struct kith_scenario *scenario, char *error)
{
    const char *text[KITH_OPTION_REPEATS_MAX];
    uint32_t count = kith_args_all(args, "classes", text);
    if (count > KITH_SIM_CLASS_SETS_MAX) return refuse(args, "classes", "one of at most 16", error);
    if (count == 0) return 0;
    for (uint32_t i = 0; i < count; i++)
        if (kith_classes_parse(text[i], scenario->all.node.rules.classes,
                               &scenario->class_set[i]) != 0)
            return refuse(args, "classes", "a set of the swarm's classes", error);
    scenario->class_set_count = scenario->all.class_count = count;
    scenario->all.class_first = 0;
    scenario->all.given |= KITH_GIVEN_CLASSES;
    for (uint32_t i = 0; i < scenario->group_count; i++)
        scenario->group[i].given &= ~KITH_GIVEN_CLASSES;
    return 0;
}

static int read_items(const struct kith_args *args, struct kith_scenario *scenario, char *error)
{
    static const struct {
        const char *name;
        enum kith_scenario_item item;
    } rows[] = {{"regions", KITH_ITEM_REGIONS},
                {"group", KITH_ITEM_GROUP},
                {"fault", KITH_ITEM_FAULT},
                {"check", KITH_ITEM_CHECK}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const char *text[KITH_OPTION_REPEATS_MAX];
        char why[KITH_SCENARIO_ERROR_MAX];
        uint32_t count = kith_args_all(args, rows[r].name, text);
        for (uint32_t i = 0; i < count; i++) {
            if (kith_scenario_add("--", rows[r].item, text[i], scenario, why) == 0) continue;
            const char *behind = strchr(why, ' ');
            snprintf(error, KITH_LEARNING_ERROR_MAX, "%s: --%s: %s", args->command->name,
                     rows[r].name, behind ? behind + 1 : why);
            return KITH_EXIT_USAGE;
        }
    }
    return 0;
}

/* The flags of the first kind of fault there was: some are killed at once and may come back. */
static void read_kill(const struct kith_args *args, struct kith_scenario *scenario)
{
    double after_s = kith_args_real(args, "restart-after");
    struct kith_scenario_fault kill = {
        .kind = KITH_FAULT_KILL,
        .at_s = kith_args_real(args, "kill-at"),
        .who = {.group = KITH_SCENARIO_EVERYONE,
                .share = kith_args_real(args, "kill-share"),
                .with_first = kith_args_has(args, "kill-first")},
    };
    if (after_s > 0) kill.until_s = kill.at_s + after_s;
    if (kill.who.share > 0) kith_scenario_add_fault(scenario, &kill);
}

int kith_scenario_file_churn(const struct kith_args *args, struct kith_scenario *scenario,
                             struct kith_churn **ret_churn,
                             char ret_error[static KITH_LEARNING_ERROR_MAX])
{
    const char *path = kith_args_text(args, "churn");
    char error[KITH_CHURN_ERROR_MAX];
    uint8_t *text = NULL;
    size_t len = 0;
    if (!path) path = scenario->churn_path;
    if (path[0] == '\0') return 0;
    int err = slurp(path, KITH_CHURN_LEN_MAX, &text, &len);
    if (err) return fail(args, path, strerror(err), ret_error);
    struct kith_bytes bytes = {text, len};
    err = kith_churn_parse(path, bytes, scenario->nodes, ret_churn, &scenario->churn_count, error);
    free(text);
    scenario->churn = *ret_churn;
    if (!err) return 0;
    snprintf(ret_error, KITH_LEARNING_ERROR_MAX, "%s: %s", args->command->name, error);
    return 1;
}

int kith_scenario_file_override(const struct kith_args *args, struct kith_scenario *scenario,
                                char ret_error[static KITH_LEARNING_ERROR_MAX])
{
    const char *field, *allowed;
    int status = read_rules(args, scenario, ret_error);
    if (status == 0) status = read_items(args, scenario, ret_error);
    if (status == 0) read_knobs(args, scenario);
    if (status == 0) status = read_models(args, scenario, ret_error);
    if (status == 0) status = read_classes(args, scenario, ret_error);
    if (status) return status;
    read_kill(args, scenario);
    kith_knobs_settle(scenario);
    if (kith_scenario_check(scenario, &field, &allowed) == 0) return 0;
    bool is_file = args->operand_count > 0;
    snprintf(ret_error, KITH_LEARNING_ERROR_MAX, "%s: %s%s: must be %s", args->command->name,
             is_file ? "" : "--", field, allowed);
    return is_file ? 1 : KITH_EXIT_USAGE;
}
