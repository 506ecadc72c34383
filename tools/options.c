#include "tools/options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

enum { QUOTE_MAX = 100, NAME_MAX_LEN = 32, OPTIONS_MAX = 128, ALLOWED_MAX = 256 };

void kith_quote(const char *text, char *ret, size_t size)
{
    size_t len = 0;
    kith_assert(size >= 8);
    ret[len++] = '"';
    for (; *text && len + 5 < size; text++)
        ret[len++] = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text;
    if (*text) len += (size_t)snprintf(ret + len, size - len, "...");
    ret[len++] = '"';
    ret[len] = '\0';
}

/* "a, b or c" from "a b c". */
static void join_words(const char *words, char *ret, size_t size)
{
    size_t len = 0;
    for (const char *at = words; *at && len + 8 < size; at++) {
        const char *rest = strchr(at, ' ');
        if (*at != ' ')
            ret[len++] = *at;
        else
            len += (size_t)snprintf(ret + len, size - len,
                                    rest && strchr(at + 1, ' ') ? ", " : " or ");
    }
    ret[len] = '\0';
}

void kith_option_allowed(const struct kith_option *option, char *ret, size_t size)
{
    char words[ALLOWED_MAX];
    if (option->allowed) {
        snprintf(ret, size, "%s", option->allowed);
        return;
    }
    switch (option->kind) {
    case KITH_OPTION_FLAG:
        snprintf(ret, size, "a flag");
        return;
    case KITH_OPTION_INT:
        snprintf(ret, size, "a whole number from %llu to %llu", (unsigned long long)option->min,
                 (unsigned long long)option->max);
        return;
    case KITH_OPTION_REAL:
        snprintf(ret, size, "a number from %g to %g", option->low, option->high);
        return;
    case KITH_OPTION_WORD:
        join_words(option->words, words, sizeof words);
        snprintf(ret, size, "%s", words);
        return;
    case KITH_OPTION_TEXT:
        snprintf(ret, size, "a text");
        return;
    }
}

static bool parse_int(const char *text, uint64_t *ret)
{
    uint64_t value = 0;
    if (!*text) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

static bool parse_real(const char *text, double *ret)
{
    char *end;
    if (!*text || text[strspn(text, "+-.0123456789eE")] != '\0') return false;
    double value = strtod(text, &end);
    if (*end || !isfinite(value)) return false;
    *ret = value;
    return true;
}

static bool is_word(const char *words, const char *text)
{
    size_t len = strlen(text);
    for (const char *at = words; *at;) {
        size_t word = strcspn(at, " ");
        if (word == len && memcmp(at, text, len) == 0) return true;
        at += word + (at[word] == ' ');
    }
    return false;
}

static bool value_is_good(const struct kith_option *option, const char *text)
{
    uint64_t whole;
    double real;
    switch (option->kind) {
    case KITH_OPTION_FLAG:
        return false;
    case KITH_OPTION_INT:
        return parse_int(text, &whole) && whole >= option->min && whole <= option->max;
    case KITH_OPTION_REAL:
        return parse_real(text, &real) && real >= option->low && real <= option->high;
    case KITH_OPTION_WORD:
        return is_word(option->words, text);
    case KITH_OPTION_TEXT:
        return *text && (!option->check || option->check(text));
    }
    return false;
}

/* Levenshtein's distance; both at most NAME_MAX_LEN long. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_LEN + 1];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t cost = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            if (row[j] + 1 < cost) cost = row[j] + 1;
            if (row[j - 1] + 1 < cost) cost = row[j - 1] + 1;
            row[j] = cost;
        }
    }
    return row[width];
}

const char *kith_nearest(const char *text, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t len = strnlen(text, NAME_MAX_LEN + 1);
    size_t best_distance = len / 3 + 2;
    if (len > NAME_MAX_LEN) return NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > NAME_MAX_LEN) continue;
        size_t at = distance(text, names[i]);
        if (at >= best_distance) continue;
        best = names[i];
        best_distance = at;
    }
    return best;
}

static const struct kith_option *find(const struct kith_command *command, const char *name,
                                      size_t len)
{
    for (const struct kith_option *option = command->options; option->name; option++)
        if (strlen(option->name) == len && memcmp(option->name, name, len) == 0) return option;
    return NULL;
}

static int refuse_unknown(const struct kith_command *command, const char *name,
                          char ret_error[static KITH_ARGS_ERROR_MAX])
{
    const char *names[OPTIONS_MAX];
    char quoted[QUOTE_MAX];
    size_t count = 0;
    for (const struct kith_option *option = command->options; option->name; option++) {
        kith_assert(count < OPTIONS_MAX - 1);
        names[count++] = option->name;
    }
    names[count++] = "help";
    char bare[QUOTE_MAX];
    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(name, "="), name);
    const char *near = kith_nearest(bare, names, count);
    kith_quote(bare, quoted, sizeof quoted);
    quoted[strlen(quoted) - 1] = '\0';
    if (near)
        snprintf(ret_error, KITH_ARGS_ERROR_MAX, "%s: --%s: no such option; did you mean --%s?",
                 command->name, quoted + 1, near);
    else
        snprintf(ret_error, KITH_ARGS_ERROR_MAX, "%s: --%s: no such option; see %s --help",
                 command->name, quoted + 1, command->name);
    return KITH_ERR_INVALID;
}

static void write_refusal(const struct kith_command *command, const char *name, const char *text,
                          const char *allowed, char ret_error[static KITH_ARGS_ERROR_MAX])
{
    char quoted[QUOTE_MAX];
    kith_quote(text, quoted, sizeof quoted);
    snprintf(ret_error, KITH_ARGS_ERROR_MAX, "%s: --%s: %s is not %s", command->name, name, quoted,
             allowed);
}

void kith_args_refuse(const struct kith_args *args, const char *name, const char *allowed,
                      char ret_error[static KITH_ARGS_ERROR_MAX])
{
    const char *text = kith_args_text(args, name);
    write_refusal(args->command, name, text ? text : "", allowed, ret_error);
}

static uint32_t times_given(const struct kith_args *args, const struct kith_option *option)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < args->value_count; i++)
        count += args->value[i].option == option;
    return count;
}

static int take_value(struct kith_args *args, const struct kith_option *option, const char *text,
                      char ret_error[static KITH_ARGS_ERROR_MAX])
{
    const char *name = args->command->name;
    uint32_t times_max = option->repeats ? KITH_OPTION_REPEATS_MAX : 1;
    char allowed[ALLOWED_MAX];
    kith_option_allowed(option, allowed, sizeof allowed);
    if (option->kind != KITH_OPTION_FLAG && !text) {
        snprintf(ret_error, KITH_ARGS_ERROR_MAX, "%s: --%s: a value is missing: %s", name,
                 option->name, allowed);
        return KITH_ERR_INVALID;
    }
    if (option->kind != KITH_OPTION_FLAG && !value_is_good(option, text)) {
        write_refusal(args->command, option->name, text, allowed, ret_error);
        return KITH_ERR_INVALID;
    }
    if (times_given(args, option) >= times_max) {
        snprintf(ret_error, KITH_ARGS_ERROR_MAX, "%s: --%s: given more than %s", name, option->name,
                 option->repeats ? "32 times" : "once");
        return KITH_ERR_INVALID;
    }
    if (args->value_count == KITH_ARGS_VALUES_MAX) {
        snprintf(ret_error, KITH_ARGS_ERROR_MAX, "%s: more than %d options", name,
                 KITH_ARGS_VALUES_MAX);
        return KITH_ERR_INVALID;
    }
    args->value[args->value_count].option = option;
    args->value[args->value_count++].text = text;
    return 0;
}

/* `word` is what stands after the dashes, `next` the word behind it or NULL. */
static int take_option(struct kith_args *args, const char *word, const char *next, bool *ret_used,
                       char ret_error[static KITH_ARGS_ERROR_MAX])
{
    size_t len = strcspn(word, "=");
    const char *text = word[len] ? word + len + 1 : NULL;
    const struct kith_option *option = find(args->command, word, len);
    *ret_used = false;
    if (!option) return refuse_unknown(args->command, word, ret_error);
    if (option->kind == KITH_OPTION_FLAG && text) {
        char quoted[QUOTE_MAX];
        kith_quote(text, quoted, sizeof quoted);
        snprintf(ret_error, KITH_ARGS_ERROR_MAX, "%s: --%s: takes no value, not even %s",
                 args->command->name, option->name, quoted);
        return KITH_ERR_INVALID;
    }
    bool from_next = option->kind != KITH_OPTION_FLAG && !text;
    /* A word with two dashes is the next option, not a value. */
    if (from_next && next && strncmp(next, "--", 2) != 0) {
        text = next;
        *ret_used = true;
    }
    return take_value(args, option, text, ret_error);
}

static int take_operand(struct kith_args *args, const char *word,
                        char ret_error[static KITH_ARGS_ERROR_MAX])
{
    char quoted[QUOTE_MAX];
    kith_assert(args->command->operands_max <= KITH_ARGS_OPERANDS_MAX);
    if (args->operand_count < args->command->operands_max) {
        args->operand[args->operand_count++] = word;
        return 0;
    }
    kith_quote(word, quoted, sizeof quoted);
    snprintf(ret_error, KITH_ARGS_ERROR_MAX, "%s: %s: nothing is expected here; see %s --help",
             args->command->name, quoted, args->command->name);
    return KITH_ERR_INVALID;
}

int kith_args_parse(const struct kith_command *command, int argc, char *const *argv,
                    struct kith_args *ret, char ret_error[static KITH_ARGS_ERROR_MAX])
{
    bool options = true;
    memset(ret, 0, sizeof *ret);
    ret->command = command;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        int err;
        bool used = false;
        if (options && strcmp(word, "--") == 0) {
            options = false;
            continue;
        }
        if (options && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            ret->help = true;
            return 0;
        }
        if (options && strncmp(word, "--", 2) == 0)
            err = take_option(ret, word + 2, i + 1 < argc ? argv[i + 1] : NULL, &used, ret_error);
        else
            err = take_operand(ret, word, ret_error);
        if (err) return err;
        i += used;
    }
    if (ret->operand_count >= command->operands_min) return 0;
    snprintf(ret_error, KITH_ARGS_ERROR_MAX, "%s: %s is missing", command->name, command->operands);
    return KITH_ERR_INVALID;
}

static const struct kith_option *must_find(const struct kith_args *args, const char *name)
{
    const struct kith_option *option = find(args->command, name, strlen(name));
    kith_assert(option);
    return option;
}

bool kith_args_has(const struct kith_args *args, const char *name)
{
    return times_given(args, must_find(args, name)) > 0;
}

const char *kith_args_text(const struct kith_args *args, const char *name)
{
    const struct kith_option *option = must_find(args, name);
    for (uint32_t i = 0; i < args->value_count; i++)
        if (args->value[i].option == option) return args->value[i].text;
    return option->fallback;
}

uint64_t kith_args_int(const struct kith_args *args, const char *name)
{
    const char *text = kith_args_text(args, name);
    uint64_t value = 0;
    bool is_good = text && parse_int(text, &value);
    kith_assert(is_good);
    return value;
}

double kith_args_real(const struct kith_args *args, const char *name)
{
    const char *text = kith_args_text(args, name);
    double value = 0.0;
    bool is_good = text && parse_real(text, &value);
    kith_assert(is_good);
    return value;
}

uint32_t kith_args_all(const struct kith_args *args, const char *name,
                       const char *ret[static KITH_OPTION_REPEATS_MAX])
{
    const struct kith_option *option = must_find(args, name);
    uint32_t count = 0;
    for (uint32_t i = 0; i < args->value_count; i++)
        if (args->value[i].option == option) ret[count++] = args->value[i].text;
    return count;
}
