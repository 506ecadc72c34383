#include "host/conf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "base/err.h"

enum { QUOTED_MAX = 64, ALLOWED_MAX = 96 };

enum field_kind { FIELD_TEXT, FIELD_U32, FIELD_U64, FIELD_LIST };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    size_t size; /* of a text */
    uint64_t min;
    uint64_t max;
    const char *allowed; /* of what is no number */
};

#define AT(member)   offsetof(struct kith_rules, member)
#define ROOM(member) sizeof((struct kith_rules *)0)->member

/* The rules' own fields, in the order in which they are written. */
static const struct field fields[] = {
    {"name", FIELD_TEXT, AT(name), ROOM(name), 0, 0, "1 to 63 of a-z, 0-9 and -"},
    {"protocol", FIELD_U32, AT(protocol), 0, KITH_PROTOCOL_VERSION, KITH_PROTOCOL_VERSION, NULL},
    {"inputs", FIELD_U32, AT(inputs), 0, 1, 65536, NULL},
    {"pool", FIELD_U32, AT(pool), 0, 1, 8, NULL},
    {"classes", FIELD_U32, AT(classes), 0, 2, 256, NULL},
    {"seed", FIELD_U64, AT(seed), 0, 0, UINT64_MAX, NULL},
    {"public", FIELD_U32, AT(public_count), 0, 0, 65536, NULL},
    {"audit", FIELD_U32, AT(audit_count), 0, 0, 65536, NULL},
    {"families", FIELD_LIST, AT(family), 0, 0, 0, "a list of model families: mlp, cnn"},
    {"params-max", FIELD_U64, AT(params_max), 0, 1, UINT64_C(1) << 28, NULL},
    {"object-max", FIELD_U64, AT(object_max), 0, 1024, UINT64_C(1) << 30, NULL},
    {"budget-rounds", FIELD_U64, AT(budget.rounds), 0, 0, UINT64_C(1) << 32, NULL},
    {"budget-begin", FIELD_U64, AT(budget.begin_ms), 0, 0, KITH_RULES_TIME_MAX_MS, NULL},
    {"budget-end", FIELD_U64, AT(budget.end_ms), 0, 0, KITH_RULES_TIME_MAX_MS,
     "later than budget-begin, both in milliseconds of Unix time, or 0: none"},
    {"cooldown", FIELD_U32, AT(budget.cooldown), 0, 0, KITH_COOLDOWN_MAX, NULL},
    {"data", FIELD_TEXT, AT(data_digest), ROOM(data_digest), 0, 0,
     "64 hexadecimal digits, or empty: any data"},
};

enum { FIELDS = sizeof fields / sizeof *fields };

struct conf {
    const char *name;
    yaml_parser_t parser;
    yaml_event_t event; /* the one at hand */
    struct kith_rules rules;
    unsigned long line[FIELDS]; /* where a field stood; 0: nowhere */
    char *error;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct conf *conf, unsigned long line,
                                                        const char *form, ...)
{
    va_list list;
    int len = snprintf(conf->error, KITH_CONF_ERROR_MAX, "%s:%lu: ", conf->name, line);
    if (len >= KITH_CONF_ERROR_MAX) return KITH_ERR_INVALID;
    va_start(list, form);
    vsnprintf(conf->error + len, KITH_CONF_ERROR_MAX - (size_t)len, form, list);
    va_end(list);
    return KITH_ERR_INVALID;
}

static unsigned long line_of(const struct conf *conf)
{
    return conf->event.start_mark.line + 1;
}

/* A value from the file as it may stand in an error line. */
static void quote_scalar(const struct conf *conf, char ret[static QUOTED_MAX])
{
    const unsigned char *at = conf->event.data.scalar.value;
    size_t len = conf->event.data.scalar.length;
    size_t room = QUOTED_MAX - 6;
    size_t used = 0;
    ret[used++] = '"';
    for (size_t i = 0; i < len && i < room; i++)
        ret[used++] = at[i] < 0x20 || at[i] >= 0x7f ? '?' : (char)at[i];
    snprintf(ret + used, QUOTED_MAX - used, "%s\"", len > room ? "..." : "");
}

static int next(struct conf *conf)
{
    yaml_event_delete(&conf->event);
    if (!yaml_parser_parse(&conf->parser, &conf->event)) {
        /* The parser clears the event that it could not make. */
        const char *problem = conf->parser.problem ? conf->parser.problem : "not YAML";
        unsigned long line = conf->parser.problem_mark.line + 1;
        return refuse(conf, line, "%s", problem);
    }
    if (conf->event.type == YAML_ALIAS_EVENT)
        return refuse(conf, line_of(conf), "aliases are not allowed");
    return 0;
}

/* Go on to an event of this type, without anchor or tag. */
static int expect(struct conf *conf, yaml_event_type_t type, const char *what)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    int err = next(conf);
    if (err) return err;
    if (conf->event.type != type) return refuse(conf, line_of(conf), "%s is expected here", what);
    if (type == YAML_SCALAR_EVENT) {
        anchor = conf->event.data.scalar.anchor;
        tag = conf->event.data.scalar.tag;
    }
    if (type == YAML_MAPPING_START_EVENT) {
        anchor = conf->event.data.mapping_start.anchor;
        tag = conf->event.data.mapping_start.tag;
    }
    if (anchor || tag) return refuse(conf, line_of(conf), "anchors and tags are not allowed");
    return 0;
}

static void write_allowed(const struct field *field, char ret[static ALLOWED_MAX])
{
    unsigned long long min = field->min;
    unsigned long long max = field->max;
    if (field->allowed)
        snprintf(ret, ALLOWED_MAX, "%s", field->allowed);
    else if (min == max)
        snprintf(ret, ALLOWED_MAX, "%llu", min);
    else
        snprintf(ret, ALLOWED_MAX, "a whole number from %llu to %llu", min, max);
}

static int refuse_value(struct conf *conf, const struct field *field)
{
    char quoted[QUOTED_MAX];
    char allowed[ALLOWED_MAX];
    write_allowed(field, allowed);
    if (conf->event.type != YAML_SCALAR_EVENT)
        return refuse(conf, line_of(conf), "%s: must be %s", field->name, allowed);
    quote_scalar(conf, quoted);
    return refuse(conf, line_of(conf), "%s: %s is not %s", field->name, quoted, allowed);
}

static bool read_whole(const struct conf *conf, uint64_t *ret)
{
    const unsigned char *at = conf->event.data.scalar.value;
    size_t len = conf->event.data.scalar.length;
    uint64_t value = 0;
    if (len == 0 || len > 20) return false;
    for (size_t i = 0; i < len; i++) {
        if (at[i] < '0' || at[i] > '9') return false;
        uint64_t digit = (uint64_t)(at[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

static int read_text(struct conf *conf, const struct field *field)
{
    size_t len = conf->event.data.scalar.length;
    char *to = (char *)&conf->rules + field->offset;
    bool whole = memchr(conf->event.data.scalar.value, '\0', len) == NULL;
    if (len >= field->size || !whole) return refuse_value(conf, field);
    memset(to, 0, field->size);
    memcpy(to, conf->event.data.scalar.value, len);
    return 0;
}

static int read_scalar(struct conf *conf, const struct field *field)
{
    uint64_t value;
    void *to = (char *)&conf->rules + field->offset;
    if (conf->event.type != YAML_SCALAR_EVENT || field->kind == FIELD_LIST)
        return refuse_value(conf, field);
    if (conf->event.data.scalar.anchor || conf->event.data.scalar.tag)
        return refuse(conf, line_of(conf), "anchors and tags are not allowed");
    if (field->kind == FIELD_TEXT) return read_text(conf, field);
    if (!read_whole(conf, &value) || value < field->min || value > field->max)
        return refuse_value(conf, field);
    if (field->kind == FIELD_U32)
        *(uint32_t *)to = (uint32_t)value;
    else
        *(uint64_t *)to = value;
    return 0;
}

static int read_families(struct conf *conf, const struct field *field)
{
    struct kith_rules *rules = &conf->rules;
    if (conf->event.type != YAML_SEQUENCE_START_EVENT) return refuse_value(conf, field);
    if (conf->event.data.sequence_start.anchor || conf->event.data.sequence_start.tag)
        return refuse(conf, line_of(conf), "anchors and tags are not allowed");
    rules->family_count = 0;
    memset(rules->family, 0, sizeof rules->family);
    for (;;) {
        int err = next(conf);
        if (err) return err;
        if (conf->event.type == YAML_SEQUENCE_END_EVENT) return 0;
        if (conf->event.type != YAML_SCALAR_EVENT) return refuse_value(conf, field);
        size_t len = conf->event.data.scalar.length;
        if (len >= KITH_FAMILY_TEXT_MAX) return refuse_value(conf, field);
        if (rules->family_count == KITH_FAMILIES_MAX)
            return refuse(conf, line_of(conf), "%s: more than %d", field->name, KITH_FAMILIES_MAX);
        memcpy(rules->family[rules->family_count++], conf->event.data.scalar.value, len);
    }
}

/* The event at hand is a field's name. */
static int read_field(struct conf *conf)
{
    char quoted[QUOTED_MAX];
    size_t index = 0;
    unsigned long line = line_of(conf);
    quote_scalar(conf, quoted);
    for (; index < FIELDS; index++) {
        size_t len = strlen(fields[index].name);
        if (len == conf->event.data.scalar.length &&
            memcmp(fields[index].name, conf->event.data.scalar.value, len) == 0)
            break;
    }
    if (index == FIELDS)
        return refuse(conf, line,
                      "%s: no such field; there are name, protocol, inputs, pool, classes, seed, "
                      "public, audit, "
                      "families, params-max, object-max, budget-rounds, budget-begin, budget-end, "
                      "cooldown, data",
                      quoted);
    if (conf->line[index]) return refuse(conf, line, "%s: given twice", fields[index].name);
    conf->line[index] = line;
    int err = next(conf);
    if (err) return err;
    if (fields[index].kind == FIELD_LIST) return read_families(conf, &fields[index]);
    return read_scalar(conf, &fields[index]);
}

static int read_fields(struct conf *conf)
{
    for (;;) {
        int err = next(conf);
        if (err) return err;
        if (conf->event.type == YAML_MAPPING_END_EVENT) return 0;
        if (conf->event.type != YAML_SCALAR_EVENT || conf->event.data.scalar.anchor)
            return refuse(conf, line_of(conf), "a field's name is expected here");
        err = read_field(conf);
        if (err) return err;
    }
}

/* What only shows with all fields at hand. */
static int check_rules(struct conf *conf)
{
    const char *name;
    char allowed[ALLOWED_MAX];
    if (!conf->line[0]) return refuse(conf, 1, "name: is missing");
    if (kith_rules_check(&conf->rules, &name) == 0) return 0;
    for (size_t i = 0; i < FIELDS; i++) {
        if (strcmp(fields[i].name, name) != 0) continue;
        write_allowed(&fields[i], allowed);
        return refuse(conf, conf->line[i] ? conf->line[i] : 1, "%s: must be %s", name, allowed);
    }
    return refuse(conf, 1, "%s: not allowed", name);
}

static int read_document(struct conf *conf)
{
    static const struct {
        yaml_event_type_t type;
        const char *what;
    } before[] = {{YAML_STREAM_START_EVENT, "a YAML text"},
                  {YAML_DOCUMENT_START_EVENT, "a YAML document"},
                  {YAML_MAPPING_START_EVENT, "a list of fields (name: value)"}},
      after[] = {{YAML_DOCUMENT_END_EVENT, "the end"},
                 {YAML_STREAM_END_EVENT, "the end of the file"}};
    int err = 0;
    for (size_t i = 0; !err && i < sizeof before / sizeof *before; i++)
        err = expect(conf, before[i].type, before[i].what);
    if (!err) err = read_fields(conf);
    for (size_t i = 0; !err && i < sizeof after / sizeof *after; i++)
        err = expect(conf, after[i].type, after[i].what);
    return err ? err : check_rules(conf);
}

int kith_conf_parse(const char *name, struct kith_bytes text, struct kith_rules *ret,
                    char ret_error[static KITH_CONF_ERROR_MAX])
{
    struct conf conf = {.name = name, .error = ret_error};
    if (text.len > KITH_CONF_LEN_MAX) {
        snprintf(ret_error, KITH_CONF_ERROR_MAX, "%s: larger than the %d bytes allowed", name,
                 KITH_CONF_LEN_MAX);
        return KITH_ERR_INVALID;
    }
    kith_rules_default(&conf.rules);
    if (!yaml_parser_initialize(&conf.parser)) {
        snprintf(ret_error, KITH_CONF_ERROR_MAX, "%s: out of memory", name);
        return KITH_ERR_NOMEM;
    }
    yaml_parser_set_input_string(&conf.parser, text.at, text.len);
    int err = read_document(&conf);
    yaml_event_delete(&conf.event);
    yaml_parser_delete(&conf.parser);
    if (!err) *ret = conf.rules;
    return err;
}

static int file_error(const char *path, int err, const char *text,
                      char ret_error[static KITH_CONF_ERROR_MAX])
{
    snprintf(ret_error, KITH_CONF_ERROR_MAX, "%s: %s", path, text);
    return err;
}

static int err_of_errno(int number)
{
    if (number == ENOENT) return KITH_ERR_NOT_FOUND;
    return number == EACCES ? KITH_ERR_PERMISSION : KITH_ERR_IO;
}

int kith_conf_load(const char *path, struct kith_rules *ret,
                   char ret_error[static KITH_CONF_ERROR_MAX])
{
    uint8_t text[KITH_CONF_LEN_MAX + 1];
    size_t len = 0;
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return file_error(path, err_of_errno(errno), strerror(errno), ret_error);
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode)) {
        close(fd);
        return file_error(path, KITH_ERR_TYPE, "not a file", ret_error);
    }
    ssize_t got;
    while (len < sizeof text && (got = read(fd, text + len, sizeof text - len)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            int err = file_error(path, KITH_ERR_IO, strerror(errno), ret_error);
            close(fd);
            return err;
        }
        len += (size_t)got;
    }
    close(fd);
    return kith_conf_parse(path, (struct kith_bytes){text, len}, ret, ret_error);
}

static void write_field(const struct kith_rules *rules, const struct field *field, FILE *out)
{
    const void *at = (const char *)rules + field->offset;
    fprintf(out, "%s: ", field->name);
    switch (field->kind) {
    case FIELD_TEXT:
        fprintf(out, "\"%s\"\n", (const char *)at);
        return;
    case FIELD_U32:
        fprintf(out, "%u\n", *(const uint32_t *)at);
        return;
    case FIELD_U64:
        fprintf(out, "%llu\n", (unsigned long long)*(const uint64_t *)at);
        return;
    case FIELD_LIST:
        for (uint32_t i = 0; i < rules->family_count; i++)
            fprintf(out, "%s%s", i == 0 ? "[" : ", ", rules->family[i]);
        fprintf(out, "]\n");
        return;
    }
}

void kith_conf_write(const struct kith_rules *rules, FILE *out)
{
    for (size_t i = 0; i < FIELDS; i++)
        write_field(rules, &fields[i], out);
}
