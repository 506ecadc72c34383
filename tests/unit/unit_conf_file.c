/* A swarm's rules as YAML: what is written is read back, every error is one exact line. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "host/conf_file.h"
#include "tests/test.h"

static struct kith_rules rules;
static char error[KITH_CONF_ERROR_MAX];

static int parse(const char *text)
{
    error[0] = '\0';
    memset(&rules, 0x5a, sizeof rules);
    struct kith_bytes bytes = {(const uint8_t *)text, strlen(text)};
    return kith_conf_parse("s.yaml", bytes, &rules, error);
}

static void a_name_is_enough(void)
{
    struct kith_rules wanted;
    kith_rules_default(&wanted);
    memset(wanted.name, 0, sizeof wanted.name);
    strcpy(wanted.name, "mine");
    check_int(parse("name: mine\n"), 0);
    check(memcmp(&rules, &wanted, sizeof rules) == 0);
}

static void every_field_is_read(void)
{
    check_int(parse("# a comment\n---\nname: \"x-1\"\nprotocol: 1\ninputs: 64\nclasses: 5\n"
                    "seed: 18446744073709551615\npublic: 0\nfamilies:\n  - mlp\n"
                    "params-max: 1000\nobject-max: 2048\ndata: "
                    "'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'\n"),
              0);
    check_str(rules.name, "x-1");
    check_int(rules.inputs, 64);
    check_int(rules.classes, 5);
    check(rules.seed == UINT64_MAX);
    check_int(rules.public_count, 0);
    check_int(rules.family_count, 1);
    check_int(rules.params_max, 1000);
    check_int(rules.object_max, 2048);
    check_int(strlen(rules.data_digest), 64);
}

static void what_is_written_is_read_back(void)
{
    static char text[4096];
    struct kith_rules wanted;
    kith_rules_default(&wanted);
    wanted.seed = 77;
    FILE *out = fmemopen(text, sizeof text - 1, "w");
    kith_conf_write(&wanted, out);
    fclose(out);
    check_int(parse(text), 0);
    struct kith_id a = kith_rules_id(&wanted);
    struct kith_id b = kith_rules_id(&rules);
    check(kith_id_eq(&a, &b));
}

static void each_error_is_one_exact_line(void)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"name: x\nclasses: 1\n", "s.yaml:2: classes: \"1\" is not a whole number from 2 to 256"},
        {"name: x\nclasses: -3\n", "s.yaml:2: classes: \"-3\" is not a whole number from 2 to 256"},
        {"name: x\nclasses: [1]\n", "s.yaml:2: classes: must be a whole number from 2 to 256"},
        {"name: x\nclasses:\n", "s.yaml:2: classes: \"\" is not a whole number from 2 to 256"},
        {"name: x\nseed: 18446744073709551616\n",
         "s.yaml:2: seed: \"18446744073709551616\" is not a whole number from 0 to "
         "18446744073709551615"},
        {"name: x\nprotocol: 2\n", "s.yaml:2: protocol: \"2\" is not 1"},
        {"name: X y\n", "s.yaml:1: name: must be 1 to 63 of a-z, 0-9 and -"},
        {"name: ''\n", "s.yaml:1: name: must be 1 to 63 of a-z, 0-9 and -"},
        {"classes: 5\n", "s.yaml:1: name: is missing"},
        {"name: x\n\nname: y\n", "s.yaml:3: name: given twice"},
        {"name: x\nfoo: 1\n",
         "s.yaml:2: \"foo\": no such field; there are name, protocol, inputs, pool, classes, seed, "
         "public, audit, families, params-max, object-max, budget-rounds, budget-begin, "
         "budget-end, "
         "cooldown, data"},
        {"name: x\nfamilies: mlp\n",
         "s.yaml:2: families: \"mlp\" is not a list of model families: mlp, cnn"},
        {"name: x\nfamilies: []\n",
         "s.yaml:2: families: must be a list of model families: mlp, cnn"},
        {"name: x\nfamilies: [rnn]\n",
         "s.yaml:2: families: must be a list of model families: mlp, cnn"},
        {"name: x\nfamilies: [mlp,mlp,mlp,mlp,mlp,mlp,mlp,mlp,mlp]\n",
         "s.yaml:2: families: more than 8"},
        {"name: x\nfamilies: [[mlp]]\n",
         "s.yaml:2: families: must be a list of model families: mlp, cnn"},
        {"name: x\ndata: 123\n",
         "s.yaml:2: data: must be 64 hexadecimal digits, or empty: any data"},
        {"name: &a x\n", "s.yaml:1: anchors and tags are not allowed"},
        {"name: !!str x\n", "s.yaml:1: anchors and tags are not allowed"},
        {"&a\nname: x\n", "s.yaml:1: anchors and tags are not allowed"},
        {"name: x\ndata: *a\n", "s.yaml:2: aliases are not allowed"},
        {"[1, 2]\n", "s.yaml:1: a list of fields (name: value) is expected here"},
        {"x\n", "s.yaml:1: a list of fields (name: value) is expected here"},
        {"", "s.yaml:1: a YAML document is expected here"},
        {"name: x\n---\nname: y\n", "s.yaml:2: the end of the file is expected here"},
        {"{[a]: 1}\n", "s.yaml:1: a field's name is expected here"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check(parse(rows[i].text) != 0);
        check_str(error, rows[i].error);
    }
}

static void what_is_not_yaml_is_one_line_with_its_number(void)
{
    static const char *const texts[] = {"name: x\n\t- y\n",  "name: [x\n",   "name: \"x\n",
                                        "name: x\n  y: z\n", "name: \x01\n", "name: \xff\xfe\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check(parse(texts[i]) != 0);
        check(strncmp(error, "s.yaml:", 7) == 0 && !strchr(error, '\n'));
    }
}

static void on_an_error_nothing_is_written(void)
{
    check(parse("name: x\nclasses: 1\n") != 0);
    for (size_t i = 0; i < sizeof rules; i++)
        check_int(((uint8_t *)&rules)[i], 0x5a);
}

static void size_and_depth_are_bounded(void)
{
    static char text[KITH_CONF_LEN_MAX + 2];
    memset(text, '#', KITH_CONF_LEN_MAX + 1);
    check(parse(text) != 0);
    check_str(error, "s.yaml: larger than the 16384 bytes allowed");
    memset(text, '[', KITH_CONF_LEN_MAX);
    text[KITH_CONF_LEN_MAX] = '\0';
    check(parse(text) != 0);
    memcpy(text, "name: ", 6);
    check(parse(text) != 0);
    memset(text, 'a', KITH_CONF_LEN_MAX);
    check(parse(text) != 0);
}

static void files_have_their_path_in_the_error(void)
{
    char dir[] = "/tmp/kith-conf-XXXXXX";
    char path[64];
    char wanted[128];
    check(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/a.yaml", dir);
    check_int(kith_conf_load(path, &rules, error), KITH_ERR_NOT_FOUND);
    snprintf(wanted, sizeof wanted, "%s: No such file or directory", path);
    check_str(error, wanted);
    check_int(kith_conf_load(dir, &rules, error), KITH_ERR_TYPE);
    check(mkfifo(path, 0600) == 0);
    check_int(kith_conf_load(path, &rules, error), KITH_ERR_TYPE);
    unlink(path);
    FILE *file = fopen(path, "w");
    check(file != NULL);
    fputs("name: from-a-file\n", file);
    fclose(file);
    check_int(kith_conf_load(path, &rules, error), 0);
    check_str(rules.name, "from-a-file");
    check(truncate(path, 1 << 30) == 0);
    check(kith_conf_load(path, &rules, error) != 0);
    snprintf(wanted, sizeof wanted, "%s: larger than the 16384 bytes allowed", path);
    check_str(error, wanted);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    run(a_name_is_enough);
    run(every_field_is_read);
    run(what_is_written_is_read_back);
    run(each_error_is_one_exact_line);
    run(what_is_not_yaml_is_one_line_with_its_number);
    run(on_an_error_nothing_is_written);
    run(size_and_depth_are_bounded);
    run(files_have_their_path_in_the_error);
    return test_end();
}
