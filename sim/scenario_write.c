/* A scenario back to text. */
#include <string.h>

#include "sim/scenario_fault.h"
#include "sim/scenario_knobs.h"
#include "sim/scenario_metrics.h"
#include "sim/scenario_yaml.h"

static void write_classes(const struct kith_class_set *set, FILE *out)
{
    const char *comma = "";
    fputc('"', out);
    for (int first = 0; first < 256; first++) {
        if (!set->has[first]) continue;
        int last = first;
        while (last + 1 < 256 && set->has[last + 1])
            last++;
        fprintf(out, last > first ? "%s%d-%d" : "%s%d", comma, first, last);
        comma = ",";
        first = last;
    }
    fputc('"', out);
}

static void write_lists(const struct kith_scenario *scenario,
                        const struct kith_scenario_group *group, const char *before,
                        const char *after, FILE *out)
{
    if (group->given & KITH_GIVEN_MODEL || group == &scenario->all) {
        fprintf(out, "%smodel: [", before);
        for (uint32_t i = 0; i < group->model_count; i++)
            fprintf(out, "%s\"%s\"", i == 0 ? "" : ", ", scenario->model[group->model_first + i]);
        fprintf(out, "]%s", after);
    }
    if (!(group->given & KITH_GIVEN_CLASSES)) return;
    fprintf(out, "%sclasses: [", before);
    for (uint32_t i = 0; i < group->class_count; i++) {
        fprintf(out, i == 0 ? "" : ", ");
        write_classes(&scenario->class_set[group->class_first + i], out);
    }
    fprintf(out, "]%s", after);
}

static void write_regions(const struct kith_scenario *scenario, FILE *out)
{
    uint32_t count = scenario->region_count;
    if (count > 0) fprintf(out, "regions:\n");
    for (uint32_t a = 0; a < count; a++) {
        fprintf(out, "  %s: {", scenario->region[a]);
        for (uint32_t b = a; b < count; b++)
            fprintf(out, "%s%s: %.15g", b == a ? "" : ", ", scenario->region[b],
                    scenario->region_us[a * count + b] / 1000.0);
        fprintf(out, "}\n");
    }
    if (scenario->all.region > 0)
        fprintf(out, "region: %s\n", scenario->region[scenario->all.region - 1]);
}

static void write_groups(const struct kith_scenario *scenario, FILE *out)
{
    char text[KITH_KNOB_TEXT_MAX];
    if (scenario->group_count > 0) fprintf(out, "groups:\n");
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        const struct kith_scenario_group *group = &scenario->group[i];
        fprintf(out, "  - {name: %s, nodes: %u", group->name, group->nodes);
        write_lists(scenario, group, ", ", "", out);
        if (group->given & KITH_GIVEN_REGION)
            fprintf(out, ", region: %s", scenario->region[group->region - 1]);
        for (size_t k = 0; k < kith_node_knob_count; k++) {
            if (!kith_knob_is_given(&kith_node_knobs[k], group->given)) continue;
            kith_knob_write(&kith_node_knobs[k], group, text);
            fprintf(out, ", %s: %s", kith_node_knobs[k].name, text);
        }
        fprintf(out, "}\n");
    }
}

static void write_real(const char *key, double value, FILE *out)
{
    char text[KITH_KNOB_TEXT_MAX];
    kith_knob_real_text(value, text);
    fprintf(out, "%s: %s", key, text);
}

static void write_who(const struct kith_scenario *scenario, const struct kith_scenario_who *who,
                      const char *group, const char *prefix, FILE *out)
{
    if (who->group != KITH_SCENARIO_EVERYONE)
        fprintf(out, ", %s: %s", group, scenario->group[who->group].name);
    if (who->count > 0)
        fprintf(out, ", %snode: %u, %scount: %u", prefix, who->first, prefix, who->count);
    else {
        fprintf(out, ", %s", prefix);
        write_real("share", who->share, out);
    }
    if (who->with_first) fprintf(out, ", %swith-first: true", prefix);
}

static void write_faults(const struct kith_scenario *scenario, FILE *out)
{
    static const char *const ways[] = {"both", "in", "out"};
    char text[KITH_KNOB_TEXT_MAX];
    if (scenario->fault_count > 0) fprintf(out, "faults:\n");
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        const struct kith_scenario_fault *fault = &scenario->fault[i];
        write_real("  - {at", fault->at_s, out);
        if (fault->until_s > 0) write_real(", until", fault->until_s, out);
        fprintf(out, ", kind: %s", kith_scenario_fault_name(fault->kind));
        if (kith_scenario_fault_has_value(fault->kind)) {
            kith_scenario_fault_value_text(fault, text);
            fprintf(out, ", value: %s", text);
        }
        write_who(scenario, &fault->who, "group", "", out);
        if (fault->kind == KITH_FAULT_CLOSE) {
            write_who(scenario, &fault->from, "from", "from-", out);
            fprintf(out, ", way: %s", ways[fault->way]);
        }
        if (fault->lose_last) fprintf(out, ", lose-last: true");
        fprintf(out, "}\n");
    }
}

/* What stands between double quotes in YAML. */
static void write_quoted(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
    fprintf(out, "\"\n");
}

void kith_scenario_write(const struct kith_scenario *scenario, FILE *out)
{
    char text[KITH_KNOB_TEXT_MAX];
    if (scenario->name[0] != '\0') fprintf(out, "name: %s\n", scenario->name);
    if (scenario->text[0] != '\0') {
        fprintf(out, "text: ");
        write_quoted(scenario->text, out);
    }
    for (size_t k = 0; k < kith_run_knob_count; k++) {
        kith_knob_write(&kith_run_knobs[k], scenario, text);
        bool is_open = strcmp(kith_run_knobs[k].name, "rounds") == 0 && scenario->rounds == 0;
        if (!is_open) fprintf(out, "%s: %s\n", kith_run_knobs[k].name, text);
    }
    for (size_t k = 0; k < kith_node_knob_count; k++) {
        const struct kith_knob *knob = &kith_node_knobs[k];
        bool follows = !knob->fallback && !kith_knob_is_given(knob, scenario->all.given);
        kith_knob_write(knob, &scenario->all, text);
        if (!follows) fprintf(out, "%s: %s\n", knob->name, text);
    }
    write_lists(scenario, &scenario->all, "", "\n", out);
    write_regions(scenario, out);
    write_groups(scenario, out);
    if (scenario->churn_path[0] != '\0') fprintf(out, "churn: \"%s\"\n", scenario->churn_path);
    write_faults(scenario, out);
    if (scenario->check_count > 0) fprintf(out, "checks:\n");
    for (uint32_t i = 0; i < scenario->check_count; i++) {
        kith_scenario_check_text(&scenario->check[i], text, sizeof text);
        fprintf(out, "  - %s\n", text);
    }
}
