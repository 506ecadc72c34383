/* Writes the man page of every command into a directory, from the table of options. Run by the
 * build. */
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"

enum { PATH_MAX_LEN = 4096, TITLE_MAX = 64 };

/* The text as roff takes it literally. */
static void write_escaped(const char *text, FILE *out)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
        line_start = *text == '\n';
    }
}

/* "kith key new" is the page kith-key-new. */
static void page_name(const struct kith_command *command, char ret[static TITLE_MAX])
{
    snprintf(ret, TITLE_MAX, "%s", command->name);
    for (char *at = ret; *at; at++)
        if (*at == ' ') *at = '-';
}

static void write_option(const struct kith_option *option, FILE *out)
{
    char allowed[512];
    fputs(".TP\n.B ", out);
    fputs("\\-\\-", out);
    write_escaped(option->name, out);
    if (option->argument) fprintf(out, " \\fI%s\\fP", option->argument);
    fputc('\n', out);
    write_escaped(option->help, out);
    kith_option_allowed(option, allowed, sizeof allowed);
    if (option->kind != KITH_OPTION_FLAG) {
        fputs("; ", out);
        write_escaped(allowed, out);
    }
    if (option->repeats) fputs("; may be repeated", out);
    if (option->fallback) {
        fputs(" (default: ", out);
        write_escaped(option->fallback, out);
        fputc(')', out);
    }
    fputs(".\n", out);
}

static void write_description(const char *text, FILE *out)
{
    char line[2048];
    bool literal = false;
    while (*text) {
        size_t len = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)len, text);
        bool indented = line[0] == ' ';
        if (indented != literal) fputs(indented ? ".nf\n" : ".fi\n", out);
        literal = indented;
        if (line[0])
            write_escaped(line, out);
        else
            fputs(".PP", out);
        fputc('\n', out);
        text += len + (text[len] == '\n');
    }
    if (literal) fputs(".fi\n", out);
}

static void write_page(const struct kith_command *command, FILE *out)
{
    char name[TITLE_MAX];
    page_name(command, name);
    fprintf(out, ".TH %s 1 \"\" \"kith %s\" \"kith\"\n.SH NAME\n", name, KITH_VERSION);
    write_escaped(name, out);
    fputs(" \\- ", out);
    write_escaped(command->summary, out);
    fprintf(out, "\n.SH SYNOPSIS\n.B %s\n[\\fIOPTION\\fP...] %s\n.SH DESCRIPTION\n", command->name,
            command->operands);
    write_description(command->text, out);
    fputs(".SH OPTIONS\n", out);
    for (const struct kith_option *option = command->options; option->name; option++)
        write_option(option, out);
    fputs(".TP\n.B \\-\\-help\nprint a summary and end.\n.SH EXIT STATUS\n"
          "0 done; 1 it failed, one line says why; 2 wrong usage",
          out);
    if (command->exits) fprintf(out, "; %s", command->exits);
    fputs(".\n.SH SEE ALSO\n", out);
    bool first = true;
    for (size_t i = 0; kith_commands[i]; i++) {
        if (kith_commands[i] == command) continue;
        page_name(kith_commands[i], name);
        fprintf(out, "%s.BR ", first ? "" : ",\n");
        write_escaped(name, out);
        fputs(" (1)", out);
        first = false;
    }
    fputc('\n', out);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: manpage DIRECTORY\n");
        return KITH_EXIT_USAGE;
    }
    for (size_t i = 0; kith_commands[i]; i++) {
        char name[TITLE_MAX];
        char path[PATH_MAX_LEN];
        page_name(kith_commands[i], name);
        snprintf(path, sizeof path, "%s/%s.1", argv[1], name);
        FILE *out = fopen(path, "w");
        if (!out) {
            perror(path);
            return 1;
        }
        write_page(kith_commands[i], out);
        if (fclose(out) != 0) {
            perror(path);
            return 1;
        }
    }
    return 0;
}
