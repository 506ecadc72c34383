/* tools/options.h: what a command takes, as one table, and how a command line is read with it.
 * Parsing, its errors, --help and the man pages all come from the same rows. */
#ifndef KITH_TOOLS_OPTIONS_H
#define KITH_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    KITH_ARGS_VALUES_MAX = 96, /* options on one command line */
    KITH_ARGS_OPERANDS_MAX = 4,
    KITH_ARGS_ERROR_MAX = 512,
    KITH_OPTION_REPEATS_MAX = 32, /* of a repeatable option */
    KITH_EXIT_USAGE = 2,
};

enum kith_option_kind {
    KITH_OPTION_FLAG, /* takes no value */
    KITH_OPTION_INT,  /* decimal digits, min to max */
    KITH_OPTION_REAL, /* low to high */
    KITH_OPTION_WORD, /* one of `words` */
    KITH_OPTION_TEXT, /* not empty, and what `check` wants */
};

struct kith_option {
    const char *name;     /* without the dashes */
    const char *argument; /* how help calls the value; NULL for a flag */
    const char *fallback; /* the default as text; NULL: none */
    enum kith_option_kind kind;
    uint64_t min;
    uint64_t max;
    double low;
    double high;
    const char *words;   /* separated by single spaces */
    const char *allowed; /* stands after "is not"; NULL: made from the bounds or words */
    bool (*check)(const char *text);
    bool repeats;     /* may be given up to KITH_OPTION_REPEATS_MAX times */
    const char *help; /* no capital, no full stop */
};

struct kith_command {
    const char *name;     /* "kith node" */
    const char *operands; /* "[FILE]", or "" */
    uint32_t operands_min;
    uint32_t operands_max;
    const char *summary; /* one line, no capital, no full stop */
    const char *text;    /* paragraphs between empty lines; a line that begins with a space stays */
    const struct kith_option *options; /* ends with a NULL name */
    const char *exits;                 /* of more than 0, 1, 2: a further line; or NULL */
};

struct kith_args {
    const struct kith_command *command;
    bool help; /* --help was asked for; nothing else was checked */
    uint32_t value_count;
    struct {
        const struct kith_option *option;
        const char *text; /* NULL for a flag */
    } value[KITH_ARGS_VALUES_MAX];
    uint32_t operand_count;
    const char *operand[KITH_ARGS_OPERANDS_MAX];
};

/* Read the words after the command's name; `ret` borrows them. 0, or KITH_ERR_INVALID with one line
 * in ret_error: command, option, value and what is allowed. */
int kith_args_parse(const struct kith_command *command, int argc, char *const *argv,
                    struct kith_args *ret, char ret_error[static KITH_ARGS_ERROR_MAX]);

/* Whether it was given. The names below must be of the command's table. */
bool kith_args_has(const struct kith_args *args, const char *name);
/* What was given, or the default, or NULL. */
const char *kith_args_text(const struct kith_args *args, const char *name);
uint64_t kith_args_int(const struct kith_args *args, const char *name);
double kith_args_real(const struct kith_args *args, const char *name);
/* All values of a repeatable option, in order; returns how many. */
uint32_t kith_args_all(const struct kith_args *args, const char *name,
                       const char *ret[static KITH_OPTION_REPEATS_MAX]);

/* "COMMAND: --NAME: "VALUE" is not ALLOWED", for what only shows later. */
void kith_args_refuse(const struct kith_args *args, const char *name, const char *allowed,
                      char ret_error[static KITH_ARGS_ERROR_MAX]);

/* What the option's values may be: "a port (1 to 65535)". */
void kith_option_allowed(const struct kith_option *option, char *ret, size_t size);
/* A text from outside as it may stand in one line: quoted, shortened, without control characters.
 */
void kith_quote(const char *text, char *ret, size_t size);
/* Of `count` names the one nearest to `text`, or NULL if none is near. */
const char *kith_nearest(const char *text, const char *const *names, size_t count);

void kith_command_help(const struct kith_command *command, FILE *out);

#endif
