/* The table of options: every command's rows are whole, and every kind of error is one exact line.
 */
#include <unistd.h>

#include "base/err.h"
#include "tests/test.h"
#include "tools/commands.h"
#include "tools/values.h"

enum { WORDS_MAX = 80 };

static struct kith_args args;
static char error[KITH_ARGS_ERROR_MAX];

/* Parse a line of words between single spaces. */
static int parse(const struct kith_command *command, const char *line)
{
    static char copy[4096];
    char *words[WORDS_MAX];
    int count = 0;
    snprintf(copy, sizeof copy, "%s", line);
    error[0] = '\0';
    for (char *word = strtok(copy, " "); word && count < WORDS_MAX; word = strtok(NULL, " "))
        words[count++] = word;
    return kith_args_parse(command, count, words, &args, error);
}

/* The error line of a line of words, "" if there is none. */
static const char *refusal(const char *line)
{
    return parse(&kith_command_node, line) == 0 ? "" : error;
}

static void values_come_in_both_forms(void)
{
    check_int(parse(&kith_command_node, "--port 8120 --rate=0.5 --no-dht --share labels"), 0);
    check_int(kith_args_int(&args, "port"), 8120);
    check(kith_args_real(&args, "rate") == 0.5);
    check(kith_args_has(&args, "no-dht") && !kith_args_has(&args, "no-peers"));
    check_str(kith_args_text(&args, "share"), "labels");
}

static void what_is_not_given_has_its_default(void)
{
    check_int(parse(&kith_command_node, ""), 0);
    check_int(kith_args_int(&args, "batch"), 32);
    check_str(kith_args_text(&args, "wire"), "int8");
    check(kith_args_text(&args, "state") == NULL && !kith_args_has(&args, "batch"));
}

static void repeated_options_keep_their_order(void)
{
    const char *all[KITH_OPTION_REPEATS_MAX];
    check_int(parse(&kith_command_node, "--bootstrap a:1 --port 7 --bootstrap=[::1]:2"), 0);
    check_int(kith_args_all(&args, "bootstrap", all), 2);
    check_str(all[0], "a:1");
    check_str(all[1], "[::1]:2");
}

static void each_error_is_one_exact_line(void)
{
    static const struct {
        const char *line;
        const char *error;
    } rows[] = {
        {"--port abc", "kith node: --port: \"abc\" is not a port (1 to 65535)"},
        {"--port 0", "kith node: --port: \"0\" is not a port (1 to 65535)"},
        {"--port=65536", "kith node: --port: \"65536\" is not a port (1 to 65535)"},
        {"--port -1", "kith node: --port: \"-1\" is not a port (1 to 65535)"},
        {"--port", "kith node: --port: a value is missing: a port (1 to 65535)"},
        {"--port --batch 3", "kith node: --port: a value is missing: a port (1 to 65535)"},
        {"--port=", "kith node: --port: \"\" is not a port (1 to 65535)"},
        {"--prot 1", "kith node: --prot: no such option; did you mean --port?"},
        {"--frobnicate", "kith node: --frobnicate: no such option; see kith node --help"},
        {"--port 1 --port 2", "kith node: --port: given more than once"},
        {"--no-dht=1", "kith node: --no-dht: takes no value, not even \"1\""},
        {"extra", "kith node: \"extra\": nothing is expected here; see kith node --help"},
        {"--batch 0", "kith node: --batch: \"0\" is not a whole number from 1 to 4096"},
        {"--batch 18446744073709551617",
         "kith node: --batch: \"18446744073709551617\" is not a whole number from 1 to 4096"},
        {"--rate nan", "kith node: --rate: \"nan\" is not a number from 1e-06 to 10"},
        {"--rate 0x1p3", "kith node: --rate: \"0x1p3\" is not a number from 1e-06 to 10"},
        {"--momentum 1", "kith node: --momentum: \"1\" is not a number from 0 to 0.999"},
        {"--share all", "kith node: --share: \"all\" is not weights, labels, both or none"},
        {"--share weight", "kith node: --share: \"weight\" is not weights, labels, both or none"},
        {"--kernels fast", "kith node: --kernels: \"fast\" is not exact or blas"},
        {"--shard 4/4",
         "kith node: --shard: \"4/4\" is not a part I of N, as in 0/4, I below N, N at most 65536"},
        {"--bind localhost",
         "kith node: --bind: \"localhost\" is not a numeric IPv4 or IPv6 address"},
        {"--bootstrap 127.0.0.1",
         "kith node: --bootstrap: \"127.0.0.1\" is not a host and a port, as 192.0.2.1:8120, "
         "[2001:db8::1]:8120 or name:8120"},
        {"--partition dirichlet:0", "kith node: --partition: \"dirichlet:0\" is not iid, "
                                    "dirichlet:A or quantity:A with A from 0.001 to "
                                    "1000, shards:K with K from 1 to 1000, or sorted"},
        {"--classes 4-2", "kith node: --classes: \"4-2\" is not labels and ranges of labels, such "
                          "as 0-4 or 0,1,7"},
        {"--model 784",
         "kith node: --model: \"784\" is not all layers as in 784-256-128-10, or the hidden ones "
         "as in mlp:256,128: at most 8 layers of 1 to 16384; or convolutions first, as in "
         "cnn:6x5sp,16x5p,120,84, or lenet"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_str(refusal(rows[i].line), rows[i].error);
}

static void a_value_cannot_break_the_line(void)
{
    char *words[] = {(char[]){"--port"}, (char[]){"1\n\033[31m2"}};
    check(kith_args_parse(&kith_command_node, 2, words, &args, error) != 0);
    check_str(error, "kith node: --port: \"1??[31m2\" is not a port (1 to 65535)");
    char huge[5000];
    memset(huge, 'x', sizeof huge);
    huge[sizeof huge - 1] = '\0';
    words[1] = huge;
    check(kith_args_parse(&kith_command_node, 2, words, &args, error) != 0);
    check(strstr(error, "...\" is not a port (1 to 65535)") != NULL);
    memcpy(huge, "--", 2);
    words[0] = huge;
    check(kith_args_parse(&kith_command_node, 1, words, &args, error) != 0);
    check(strstr(error, "no such option; see kith node --help") != NULL);
}

static void help_needs_nothing_else_to_be_right(void)
{
    check_int(parse(&kith_command_node, "--batch 7 --help --nonsense"), 0);
    check(args.help);
}

static void too_many_are_refused(void)
{
    char line[4096] = "";
    for (int i = 0; i <= KITH_OPTION_REPEATS_MAX; i++)
        strcat(line, "--bootstrap a:1 ");
    check_str(refusal(line), "kith node: --bootstrap: given more than 32 times");
}

static void operands_are_counted(void)
{
    check_int(parse(&kith_command_dht_cli_whois, "--json 5abc"), 0);
    check_int(args.operand_count, 1);
    check_str(args.operand[0], "5abc");
    check(parse(&kith_command_dht_cli_whois, "--json") != 0);
    check_str(error, "dht-cli whois: HOTKEY is missing");
    check_int(parse(&kith_command_swarm_show, "-- --odd-name"), 0);
    check_str(args.operand[0], "--odd-name");
}

/* The fallback of a row must be a value that the row takes. */
static void every_default_is_allowed(void)
{
    for (size_t i = 0; kith_commands[i]; i++) {
        const struct kith_option *option = kith_commands[i]->options;
        for (; option->name; option++) {
            char word[256];
            snprintf(word, sizeof word, "--%s=%s", option->name, option->fallback);
            char *words[] = {word, (char[]){"operand"}};
            int count = 1 + (int)kith_commands[i]->operands_min;
            if (!option->fallback) continue;
            check_int(kith_args_parse(kith_commands[i], count, words, &args, error), 0);
        }
    }
}

static void every_row_is_whole(void)
{
    for (size_t i = 0; kith_commands[i]; i++) {
        const struct kith_option *option = kith_commands[i]->options;
        check(kith_commands[i]->summary && kith_commands[i]->text && kith_commands[i]->operands);
        for (; option->name; option++) {
            check(option->help && *option->help);
            check((option->kind == KITH_OPTION_FLAG) == (option->argument == NULL));
            check(option->kind != KITH_OPTION_WORD || option->words);
            check(option->kind != KITH_OPTION_TEXT || option->allowed);
            check(option->kind != KITH_OPTION_INT || option->min < option->max);
            check(option->kind != KITH_OPTION_REAL || option->low < option->high);
            for (const struct kith_option *next = option + 1; next->name; next++)
                check(strcmp(next->name, option->name) != 0);
        }
    }
}

static void help_shows_every_option_within_80_columns(void)
{
    static char text[32768];
    for (size_t i = 0; kith_commands[i]; i++) {
        FILE *out = fmemopen(text, sizeof text - 1, "w");
        check(out != NULL);
        kith_command_help(kith_commands[i], out);
        fclose(out);
        const struct kith_option *option = kith_commands[i]->options;
        for (; option->name; option++) {
            char shown[80];
            snprintf(shown, sizeof shown, "\n  --%s", option->name);
            check(strstr(text, shown) != NULL);
        }
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            check(strlen(line) <= 80);
    }
}

static void layers_have_two_forms(void)
{
    char arch[KITH_ARCH_TEXT_MAX];
    uint32_t inputs;
    uint32_t classes;
    check(kith_layers_parse("784-256-128-10", arch, &inputs, &classes));
    check_str(arch, "mlp:256,128");
    check(inputs == 784 && classes == 10);
    check(kith_layers_parse("64-10", arch, &inputs, &classes));
    check_str(arch, "mlp:");
    check(kith_layers_parse("mlp:32", arch, &inputs, &classes));
    check(inputs == 0 && strcmp(arch, "mlp:32") == 0);
    check(!kith_layers_parse("784--10", arch, &inputs, &classes));
    check(!kith_layers_parse("784-10-", arch, &inputs, &classes));
    check(!kith_is_layers("784-0-10") && !kith_is_layers("1-2-3-4-5-6-7-8-9-10"));
}

int main(void)
{
    run(values_come_in_both_forms);
    run(what_is_not_given_has_its_default);
    run(repeated_options_keep_their_order);
    run(each_error_is_one_exact_line);
    run(a_value_cannot_break_the_line);
    run(help_needs_nothing_else_to_be_right);
    run(too_many_are_refused);
    run(operands_are_counted);
    run(every_default_is_allowed);
    run(every_row_is_whole);
    run(help_shows_every_option_within_80_columns);
    run(layers_have_two_forms);
    return test_end();
}
