#include "sim/scenario_yaml.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/scenario_knobs.h"
#include "sim/scenario_shipped.h"
#include "tests/test.h"

static struct kith_scenario scenario;
static char error[KITH_SCENARIO_ERROR_MAX];

static int parse(const char *text)
{
    struct kith_bytes bytes = {(const uint8_t *)text, strlen(text)};
    error[0] = '\0';
    return kith_scenario_parse("f", bytes, &scenario, error);
}

static void defaults_are_the_flags(void)
{
    struct kith_scenario plain;
    struct kith_config config;
    kith_scenario_default(&plain);
    kith_config_default(&config);
    check_int(plain.nodes, 8);
    check_int(plain.rounds, 20);
    check_int(plain.all.node.round_min_us, 1000000);
    check_int(plain.all.node.share, config.share);
    check_int(plain.all.node.learner.batch, config.learner.batch);
    check_int(plain.all.node.learner.local_steps, config.learner.local_steps);
    check(plain.all.node.learner.rate == config.learner.rate);
    check(plain.all.node.learner.momentum == config.learner.momentum);
    check(plain.all.node.learner.optim == KITH_OPTIM_QG && plain.all.node.dht &&
          plain.all.node.learns);
    check_int(plain.all.node.links_max, config.links_max);
    check_int(plain.all.node.links_wanted, config.links_wanted);
    check_int(parse("{}"), 0);
    check(memcmp(&scenario.all.node.learner, &plain.all.node.learner,
                 sizeof plain.all.node.learner) == 0);
}

static void groups_take_the_rest_from_all(void)
{
    check_int(parse("groups:\n"
                    "- {name: a, nodes: 2, gflops: 0.5, optimizer: sgd, model: [mlp:8, mlp:9]}\n"
                    "- {name: b, nodes: 3, classes: 0-4, rate: 0.7}\n"
                    "gflops: 3\nmodel: mlp:7\nbatch: 16\n"),
              0);
    const struct kith_scenario_group *a = &scenario.group[0], *b = &scenario.group[1];
    check_int(scenario.nodes, 5);
    check(a->gflops == 0.5 && b->gflops == 3);
    check(a->node.learner.batch == 16 && b->node.learner.batch == 16);
    check(a->node.learner.rate == 0.03f && a->node.learner.momentum == 0.9f);
    check(b->node.learner.rate == 0.7f && b->node.learner.momentum == 0.5f);
    check_int(a->model_count, 2);
    check_str(scenario.model[a->model_first + 1], "mlp:9");
    check_int(b->model_count, 1);
    check_str(scenario.model[b->model_first], "mlp:7");
    check_int(a->class_count, 0);
    check_int(b->class_count, 1);
    check(scenario.class_set[b->class_first].has[4] && !scenario.class_set[b->class_first].has[5]);
}

static void nodes_make_proportions_of_groups(void)
{
    check_int(parse("nodes: 80\ngroups: [{name: a, nodes: 1}, {name: b, nodes: 3}]"), 0);
    check_int(scenario.nodes, 80);
    check_int(scenario.group[0].nodes, 20);
}

static void a_flag_is_for_all_groups(void)
{
    check_int(parse("groups: [{name: a, nodes: 1, gflops: 2}, {name: b, nodes: 3}]"), 0);
    check(kith_knob_read_all(kith_node_knob("gflops"), "9", &scenario));
    kith_knobs_settle(&scenario);
    check(scenario.group[0].gflops == 9 && scenario.group[1].gflops == 9);
}

static void faults_are_read(void)
{
    check_int(parse("faults:\n"
                    "- {at: 1, until: 2.5, kind: cut, group: b, from: a, way: out}\n"
                    "- {at: 3, kind: disk, value: full, node: 2}\n"
                    "- {at: 4, kind: kill, share: 0.5, lose-last: true}\n"
                    "groups: [{name: a, nodes: 3}, {name: b, nodes: 3}]\n"),
              0);
    const struct kith_scenario_fault *fault = scenario.fault;
    check_int(scenario.fault_count, 3);
    check(fault[0].kind == KITH_FAULT_CLOSE && fault[0].way == KITH_WAY_OUT);
    check(fault[0].until_s == 2.5 && fault[0].who.group == 1 && fault[0].from.group == 0);
    check(fault[0].who.share == 1 && fault[0].from.share == 1);
    check(fault[1].value == 1 && fault[1].who.first == 2 && fault[1].who.count == 1);
    check(fault[2].who.share == 0.5 && fault[2].lose_last);
    check_int(
        kith_scenario_add("f", KITH_ITEM_FAULT, "{at: 5, kind: stop, group: b}", &scenario, error),
        0);
    check(scenario.fault[3].who.group == 1);
}

static void mistakes_are_named(void)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"", "f:1: nothing is there"},
        {"nodes", "f:1: a scenario: a list of keys (key: value) is expected here"},
        {"nodes: 0", "f:1: nodes: \"0\" is not a whole number from 1 to 16384"},
        {"\nnodes: [1]", "f:2: nodes: what is there is not a whole number from 1 to 16384"},
        {"nodes: 1\nnodes: 2", "f:2: nodes: given twice"},
        {"a: 1\n---\nb: 2", "f:1: a second document is not allowed"},
        {"node: 1", "f:1: \"node\": no such key of a scenario; see kith sim --help; also name, "
                    "text, model, classes, groups, faults, checks, regions, churn"},
        {"wire: int5", "f:1: wire: \"int5\" is not one of: fp32 int8 int4 fp16"},
        {"no-dht: yes", "f:1: no-dht: \"yes\" is not true or false"},
        {"loss: nan", "f:1: loss: \"nan\" is not a number from 0 to 0.9"},
        {"model: cnn:3", "f:1: model: \"cnn:3\" is not the hidden layers, as in mlp:256,128, "
                         "cnn:6x5sp,16x5p,120,84 "
                         "or lenet"},
        {"groups: [{nodes: 1}]", "f:1: name: is missing of this group"},
        {"groups: [{name: a}]", "f:1: nodes: is missing of this group"},
        {"groups: [{name: a, nodes: 1},\n {name: a, nodes: 1}]",
         "f:2: name: there is a group a already"},
        {"faults: [{at: 1}]", "f:1: kind: is missing of this fault"},
        {"faults: [{kind: kill, value: 1}]", "f:1: value: \"1\" is not for this kind"},
        {"faults: [{kind: disk, value: 1}]", "f:1: value: \"1\" is not one of this kind"},
        {"faults: [{kind: kill, group: x}]",
         "f:1: group: \"x\" is not a group of this scenario, or everyone"},
        {"checks: alive", "f:1: checks: \"alive\" is not of the form accuracy-mean >= 80"},
        {"nodes: {", "f:2: did not find expected node content"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_int(parse(rows[i].text), KITH_ERR_INVALID);
        check_str(error, rows[i].error);
    }
}

static void too_large_is_refused(void)
{
    static uint8_t text[KITH_SCENARIO_LEN_MAX + 1];
    memset(text, ' ', sizeof text);
    check_int(kith_scenario_parse("f", (struct kith_bytes){text, sizeof text}, &scenario, error),
              KITH_ERR_INVALID);
    check_str(error, "f: larger than the 65536 bytes allowed");
}

static void shipped_scenarios_are_good(void)
{
    const char *field, *allowed;
    uint32_t count = 0;
    for (const struct kith_shipped *one = kith_shipped; one->name; one++, count++) {
        check_int(parse(one->text), 0);
        if (error[0] != '\0') printf("# %s: %s\n", one->name, error);
        check_str(scenario.name, one->name);
        check(scenario.text[0] != '\0' && scenario.check_count > 0);
        check_int(kith_scenario_check(&scenario, &field, &allowed), 0);
    }
    check(count >= 1);
}

int main(void)
{
    run(defaults_are_the_flags);
    run(groups_take_the_rest_from_all);
    run(nodes_make_proportions_of_groups);
    run(a_flag_is_for_all_groups);
    run(faults_are_read);
    run(mistakes_are_named);
    run(too_large_is_refused);
    run(shipped_scenarios_are_good);
    return test_end();
}
