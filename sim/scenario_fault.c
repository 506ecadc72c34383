#include "sim/scenario_fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum kith_fault_kind kind;
    bool has_value;
    const char *words[5]; /* that a value may be */
} kinds[] = {
    {"start", KITH_FAULT_START, false, {NULL}},
    {"kill", KITH_FAULT_KILL, false, {NULL}},
    {"machine-gone", KITH_FAULT_CUT_OFF, false, {NULL}},
    {"stop", KITH_FAULT_STOP, false, {NULL}},
    {"cut", KITH_FAULT_CLOSE, false, {NULL}},
    {"wall", KITH_FAULT_WALL, false, {NULL}},
    {"bandwidth", KITH_FAULT_BANDWIDTH, true, {NULL}},
    {"loss", KITH_FAULT_LOSS, true, {NULL}},
    {"disk", KITH_FAULT_DISK, true, {"good", "full", "blank"}},
    {"dht", KITH_FAULT_DHT, true, {"honest", "empty", "stale", "lying", "silent"}},
    {"skew", KITH_FAULT_SKEW, true, {NULL}},
    {"pause", KITH_FAULT_PAUSE, false, {NULL}},
    {"speed", KITH_FAULT_SPEED, true, {NULL}},
};

enum { KINDS = sizeof kinds / sizeof *kinds, WORDS = 5 };

static int row_of(enum kith_fault_kind kind)
{
    for (int i = 0; i < KINDS; i++)
        if (kinds[i].kind == kind) return i;
    return -1;
}

bool kith_scenario_fault_kind(const char *name, enum kith_fault_kind *ret)
{
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].name, name) != 0) continue;
        *ret = kinds[i].kind;
        return true;
    }
    return false;
}

const char *kith_scenario_fault_name(enum kith_fault_kind kind)
{
    int row = row_of(kind);
    return row < 0 ? NULL : kinds[row].name;
}

bool kith_scenario_fault_has_value(enum kith_fault_kind kind)
{
    int row = row_of(kind);
    return row >= 0 && kinds[row].has_value;
}

bool kith_scenario_fault_value(enum kith_fault_kind kind, const char *text, double *ret)
{
    int row = row_of(kind);
    if (row < 0 || !kinds[row].has_value) return false;
    for (int i = 0; i < WORDS && kinds[row].words[i]; i++) {
        if (strcmp(kinds[row].words[i], text) != 0) continue;
        *ret = i;
        return true;
    }
    char *end;
    if (kinds[row].words[0] || text[strspn(text, "0123456789.eE+-")] != '\0') return false;
    *ret = strtod(text, &end);
    return end != text && *end == '\0';
}

void kith_scenario_fault_value_text(const struct kith_scenario_fault *fault,
                                    char ret[static KITH_KNOB_TEXT_MAX])
{
    int row = row_of(fault->kind), word = (int)fault->value;
    if (row >= 0 && kinds[row].words[0] && word >= 0 && word < WORDS && kinds[row].words[word])
        snprintf(ret, KITH_KNOB_TEXT_MAX, "%s", kinds[row].words[word]);
    else
        kith_knob_real_text(fault->value, ret);
}
