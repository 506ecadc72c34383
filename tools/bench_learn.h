/* tools/bench_learn.h: what kith bench learn measured, and its table, CSV, JSON and HTML. */
#ifndef KITH_TOOLS_BENCH_LEARN_H
#define KITH_TOOLS_BENCH_LEARN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/bench_learn_rows.h"

enum { KITH_LEARN_SEEDS_MAX = 16, KITH_LEARN_COMMAND_MAX = 1024 };

/* One row, measured. */
struct kith_learn_result {
    const struct kith_learn_row *row; /* NULL: not run */
    bool is_asked_for;                /* else run only because a target of another looks at it */
    char command[KITH_LEARN_COMMAND_MAX]; /* of the first seed */
    double value[KITH_LEARN_SEEDS_MAX][KITH_LEARN_FIGURES];
};

/* The whole bench. */
struct kith_learn_bench {
    uint32_t seeds;
    bool is_quick; /* small sizes: nothing is held against the targets */
    const char *command;
    const char *date;
    struct kith_learn_result *result; /* [kith_learn_row_count] */
};

struct kith_learn_spread {
    double mean;
    double deviation; /* over seeds, of a sample; 0 for one seed */
    double least;
    double most;
};

/* NaN if a seed has no such figure. */
struct kith_learn_spread kith_learn_spread(const struct kith_learn_bench *bench,
                                           const struct kith_learn_result *result,
                                           enum kith_learn_figure figure);
/* The place of a row's name, kith_learn_row_count: there is none. */
uint32_t kith_learn_find(const char *name);

/* What a target says of its row: what came out, what it must be at least or at most. */
struct kith_learn_verdict {
    double value;
    double bound;
    bool is_met;
};

struct kith_learn_verdict kith_learn_judge(const struct kith_learn_bench *bench,
                                           const struct kith_learn_result *result,
                                           const struct kith_learn_target *target);
/* Targets of the rows asked for, and how many of them are met; none in a quick bench. */
void kith_learn_count(const struct kith_learn_bench *bench, uint32_t *ret_targets,
                      uint32_t *ret_met);
extern const char *const kith_learn_figure_names[KITH_LEARN_FIGURES];

void kith_learn_table(const struct kith_learn_bench *bench, FILE *out);
/* A line for each row and seed. */
void kith_learn_csv(const struct kith_learn_bench *bench, FILE *out);
/* 0 or NOMEM; whether `out` took it all is the caller's to ask. */
int kith_learn_json(const struct kith_learn_bench *bench, FILE *out);
void kith_learn_html(const struct kith_learn_bench *bench, FILE *out);

#endif
