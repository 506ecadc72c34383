/* A command line: the first byte chooses the command, the words after it end with NUL. A refusal is
 * one line that begins with the command; of what is taken every option has a value in its bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tools/commands.h"

enum { WORDS_MAX = 128 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(const struct kith_command *command, const char *error)
{
    size_t len = strlen(error);
    size_t name = strlen(command->name);
    kith_assert(len > name + 2 && len < KITH_ARGS_ERROR_MAX);
    kith_assert(memcmp(error, command->name, name) == 0);
    kith_assert(memcmp(error + name, ": ", 2) == 0);
    for (size_t i = 0; i < len; i++)
        kith_assert((unsigned char)error[i] >= 0x20 && error[i] != 0x7f);
}

static void check_option(const struct kith_args *args, const struct kith_option *option)
{
    const char *all[KITH_OPTION_REPEATS_MAX];
    const char *name = option->name;
    uint32_t given = kith_args_all(args, name, all);
    kith_assert(given <= (option->repeats ? KITH_OPTION_REPEATS_MAX : 1));
    kith_assert(kith_args_has(args, name) == (given > 0));
    if (option->kind == KITH_OPTION_FLAG) return;
    const char *text = kith_args_text(args, name);
    kith_assert(text == (given ? all[0] : option->fallback));
    if (!text) return;
    if (option->kind == KITH_OPTION_INT)
        kith_assert(kith_args_int(args, name) >= option->min &&
                    kith_args_int(args, name) <= option->max);
    if (option->kind == KITH_OPTION_REAL)
        kith_assert(kith_args_real(args, name) >= option->low &&
                    kith_args_real(args, name) <= option->high);
    if (option->kind == KITH_OPTION_TEXT && given && option->check)
        kith_assert(option->check(text));
}

static void check_args(const struct kith_command *command, const struct kith_args *args)
{
    if (args->help) return;
    kith_assert(args->operand_count >= command->operands_min);
    kith_assert(args->operand_count <= command->operands_max);
    for (const struct kith_option *option = command->options; option->name; option++)
        check_option(args, option);
}

static const struct kith_command *choose(uint8_t byte)
{
    size_t count = 0;
    while (kith_commands[count])
        count++;
    return kith_commands[byte % count];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words[WORDS_MAX];
    int count = 0;
    struct kith_args args;
    char error[KITH_ARGS_ERROR_MAX] = "";
    if (size < 1) return 0;
    const struct kith_command *command = choose(data[0]);
    char *text = malloc(size);
    if (!text) return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    for (size_t at = 0; at < size - 1 && count < WORDS_MAX; at += strlen(text + at) + 1)
        words[count++] = text + at;
    if (kith_args_parse(command, count, words, &args, error) != 0)
        check_refusal(command, error);
    else
        check_args(command, &args);
    free(text);
    return 0;
}
