/* --help, from the same rows as everything else. */
#include <string.h>

#include "tools/options.h"

enum { COLUMNS = 80, INDENT = 24, LINE_MAX_LEN = 1024 };

/* Words of `text` in lines of at most COLUMNS, the first one beginning in column `column`. */
static void wrap(FILE *out, const char *text, int column, int indent)
{
    while (*text) {
        int word = (int)strcspn(text, " ");
        if (column > indent && column + 1 + word > COLUMNS) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, (size_t)word, out);
        column += word;
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void write_option(const struct kith_option *option, FILE *out)
{
    char line[LINE_MAX_LEN];
    char allowed[LINE_MAX_LEN / 4];
    bool flag = option->kind == KITH_OPTION_FLAG;
    bool words = option->kind == KITH_OPTION_WORD;
    int column =
        fprintf(out, "  --%s%s%s", option->name, flag ? "" : " ", flag ? "" : option->argument);
    if (column >= INDENT) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", INDENT - column, "");
    kith_option_allowed(option, allowed, sizeof allowed);
    int len = snprintf(line, sizeof line, "%s", option->help);
    if (!flag)
        len +=
            snprintf(line + len, sizeof line - (size_t)len, "%s%s", words ? ": " : "; ", allowed);
    if (option->repeats)
        len += snprintf(line + len, sizeof line - (size_t)len, "; may be repeated");
    if (option->fallback)
        snprintf(line + len, sizeof line - (size_t)len, " (default: %s)", option->fallback);
    wrap(out, line, INDENT, INDENT);
}

/* Paragraphs are wrapped; lines that begin with a space are kept. */
static void write_text(const char *text, FILE *out)
{
    char line[LINE_MAX_LEN];
    while (*text) {
        int len = (int)strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", len, text);
        if (line[0] == ' ' || line[0] == '\0')
            fprintf(out, "%s\n", line);
        else
            wrap(out, line, 0, 0);
        text += len + (text[len] == '\n');
    }
}

void kith_command_help(const struct kith_command *command, FILE *out)
{
    bool any = command->options->name != NULL;
    fprintf(out, "usage: %s%s%s%s\n\n", command->name, any ? " [OPTION...]" : "",
            *command->operands ? " " : "", command->operands);
    write_text(command->text, out);
    fprintf(out, "\nOptions:\n");
    for (const struct kith_option *option = command->options; option->name; option++)
        write_option(option, out);
    fprintf(out, "  --help%*sprint this and end\n", INDENT - 8, "");
    fprintf(out, "\nExit status: 0 done, 1 failed (one line), 2 wrong usage%s%s.\n",
            command->exits ? ", " : "", command->exits ? command->exits : "");
}
