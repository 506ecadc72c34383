#include "tools/command_line.h"

#include <stdlib.h>
#include <string.h>

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                            "-_./:,=+@%";

static void put_word(FILE *out, const char *word)
{
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    fputc('\'', out);
}

static bool is_named(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

char *kith_command_line(const struct kith_args *args, const char *const *without)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (!out) return NULL;
    fputs(args->command->name, out);
    for (uint32_t i = 0; i < args->value_count; i++) {
        const char *name = args->value[i].option->name;
        if (is_named(without, name)) continue;
        fprintf(out, " --%s", name);
        if (!args->value[i].text) continue;
        fputc(' ', out);
        put_word(out, args->value[i].text);
    }
    for (uint32_t i = 0; i < args->operand_count; i++) {
        fputc(' ', out);
        put_word(out, args->operand[i]);
    }
    if (fclose(out) == 0) return text;
    free(text);
    return NULL;
}
