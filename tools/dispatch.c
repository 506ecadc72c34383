#include "tools/dispatch.h"

#include <stdarg.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

enum { ENTRIES_MAX = 32, QUOTED_MAX = 80 };

int kith_fail(const struct kith_args *args, const char *form, ...)
{
    va_list list;
    fflush(stdout);
    fprintf(stderr, "%s: ", args->command->name);
    va_start(list, form);
    vfprintf(stderr, form, list);
    va_end(list);
    fputc('\n', stderr);
    return 1;
}

/* How many words of the line the command's name takes behind the program's; 0: another command. */
static int words_matched(const struct kith_command *command, int argc, char **argv)
{
    const char *rest = strchr(command->name, ' ');
    int used = 0;
    while (rest) {
        rest++;
        size_t len = strcspn(rest, " ");
        if (used == argc || strlen(argv[used]) != len || memcmp(argv[used], rest, len) != 0)
            return 0;
        used++;
        rest = strchr(rest, ' ');
    }
    return used;
}

/* The first word after the program's name, then the whole names behind it, for a suggestion. */
static int refuse_command(const struct kith_entry *entries, int argc, char **argv)
{
    const char *names[ENTRIES_MAX];
    char line[QUOTED_MAX];
    char quoted[QUOTED_MAX + 8];
    size_t count = 0;
    size_t skip = strlen(entries[0].command->name) + 1;
    for (const struct kith_entry *entry = entries + 1; entry->command; entry++) {
        kith_assert(count < ENTRIES_MAX);
        names[count++] = entry->command->name + skip;
    }
    bool two = argc > 1 && argv[1][0] != '-';
    snprintf(line, sizeof line, "%s%s%s", argv[0], two ? " " : "", two ? argv[1] : "");
    const char *near = kith_nearest(line, names, count);
    if (!near && two) near = kith_nearest(argv[0], names, count);
    kith_quote(line, quoted, sizeof quoted);
    fprintf(stderr, "%s: %s: no such command; ", entries[0].command->name, quoted);
    if (near)
        fprintf(stderr, "did you mean %s %s?\n", entries[0].command->name, near);
    else
        fprintf(stderr, "see %s --help\n", entries[0].command->name);
    return KITH_EXIT_USAGE;
}

/* A first word that only other words make a command: kith bench. */
static bool is_group(const struct kith_entry *entries, const char *word)
{
    size_t skip = strlen(entries[0].command->name) + 1, len = strlen(word);
    for (const struct kith_entry *entry = entries + 1; entry->command; entry++) {
        const char *name = entry->command->name + skip;
        if (strncmp(name, word, len) == 0 && name[len] == ' ') return true;
    }
    return false;
}

/* What there is behind that word. */
static int run_group(const struct kith_entry *entries, int argc, char **argv)
{
    const char *program = entries[0].command->name;
    size_t skip = strlen(program) + 1, len = strlen(argv[0]);
    if (argc == 1) {
        fprintf(stderr, "%s %s: a command is missing; see %s %s --help\n", program, argv[0],
                program, argv[0]);
        return KITH_EXIT_USAGE;
    }
    printf("usage: %s %s COMMAND [OPTION...]\n\n", program, argv[0]);
    for (const struct kith_entry *entry = entries + 1; entry->command; entry++)
        if (strncmp(entry->command->name + skip, argv[0], len) == 0 &&
            entry->command->name[skip + len] == ' ')
            printf("  %s\n", entry->command->name);
    printf("\nEach takes --help.\n");
    return 0;
}

static int run_entry(const struct kith_entry *entry, int argc, char **argv)
{
    struct kith_args args;
    char error[KITH_ARGS_ERROR_MAX];
    if (kith_args_parse(entry->command, argc, argv, &args, error) != 0) {
        fprintf(stderr, "%s\n", error);
        return KITH_EXIT_USAGE;
    }
    if (args.help) {
        kith_command_help(entry->command, stdout);
        return 0;
    }
    return entry->run(&args);
}

/* The line names no command: only --help and --version are left. */
static int run_program(const struct kith_entry *entries, int argc, char **argv)
{
    struct kith_args args;
    char error[KITH_ARGS_ERROR_MAX];
    const struct kith_command *program = entries[0].command;
    if (kith_args_parse(program, argc, argv, &args, error) != 0) {
        fprintf(stderr, "%s\n", error);
        return KITH_EXIT_USAGE;
    }
    if (args.help) {
        kith_command_help(program, stdout);
        return 0;
    }
    if (kith_args_has(&args, "version")) {
        printf("%s %s\n", program->name, KITH_VERSION);
        return 0;
    }
    fprintf(stderr, "%s: a command is missing; see %s --help\n", program->name, program->name);
    return KITH_EXIT_USAGE;
}

int kith_dispatch(const struct kith_entry *entries, int argc, char **argv)
{
    argc--;
    argv++;
    const struct kith_entry *found = NULL;
    int words = 0; /* "kith sim swarm" goes before "kith sim" */
    for (const struct kith_entry *entry = entries + 1; entry->command; entry++) {
        int used = words_matched(entry->command, argc, argv);
        if (used <= words) continue;
        words = used;
        found = entry;
    }
    if (found) return run_entry(found, argc - words, argv + words);
    bool asks = argc == 1 || (argc == 2 && strcmp(argv[1], "--help") == 0);
    if (asks && is_group(entries, argv[0])) return run_group(entries, argc, argv);
    if (argc > 0 && argv[0][0] != '-') return refuse_command(entries, argc, argv);
    return run_program(entries, argc, argv);
}
