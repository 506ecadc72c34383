/* training/aggregate: each rule on a handful of points whose answer can be worked out by hand. */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "tests/test.h"
#include "training/aggregate.h"

enum { POINTS = 6, DIM = 2 };

static float points[KITH_AGGREGATE_MAX][DIM];
static float scratch[KITH_AGGREGATE_MAX * DIM], result[DIM];

/* Points on a line, the second number always twice the first. */
static void place(uint32_t count, const float *at)
{
    for (uint32_t i = 0; i < count; i++) {
        points[i][0] = at[i];
        points[i][1] = 2 * at[i];
    }
}

static double apply(enum kith_rule rule, uint32_t count, uint32_t b)
{
    const float *models[KITH_AGGREGATE_MAX];
    for (uint32_t i = 0; i < count; i++)
        models[i] = points[i];
    kith_assert(kith_aggregate_scratch(rule, count) * DIM <= sizeof scratch / sizeof *scratch);
    memset(result, 0, sizeof result);
    kith_aggregate(rule, models, count, DIM, b, result, scratch);
    double off = fabs((double)result[1] - 2 * (double)result[0]);
    kith_assert(off < 1e-4 * (1 + fabs((double)result[1])));
    return (double)result[0];
}

static bool near(double value, double expect)
{
    bool good = fabs(value - expect) < 1e-4;
    if (!good) printf("# %g, not %g\n", value, expect);
    return good;
}

/* The own one is 0; 1, 2, 3 are honest, 96 is not. */
static const float line[] = {0, 1, 2, 3, 96};

static void the_plain_mean(void)
{
    place(5, line);
    check(near(apply(KITH_RULE_MEAN, 5, 1), 20.4));
}

static void trimming_drops_both_ends(void)
{
    place(5, line);
    check(near(apply(KITH_RULE_TRIMMED_MEAN, 5, 1), 2));
    check(near(apply(KITH_RULE_TRIMMED_MEAN, 5, 0), 20.4));
    check(near(apply(KITH_RULE_TRIMMED_MEAN, 4, 1), 1.5));
}

static void the_median_of_odd_and_even_counts(void)
{
    place(5, line);
    check(near(apply(KITH_RULE_MEDIAN, 5, 0), 2));
    check(near(apply(KITH_RULE_MEDIAN, 4, 0), 1.5));
    check(near(apply(KITH_RULE_MEDIAN, 2, 0), 0.5));
}

/* On a line the geometric median is the median; of a triangle with an angle past 120 degrees it is
 * the corner there; of a square the centre. */
static void the_geometric_median(void)
{
    const float *square[] = {points[0], points[1], points[2], points[3]};
    place(5, line);
    check(near(apply(KITH_RULE_GEOMETRIC_MEDIAN, 5, 0), 2));
    memcpy(points, (float[4][DIM]){{0, 0}, {1, 0}, {0, 1}, {1, 1}}, 4 * sizeof *points);
    kith_aggregate(KITH_RULE_GEOMETRIC_MEDIAN, square, 4, DIM, 0, result, scratch);
    check(near((double)result[0], 0.5) && near((double)result[1], 0.5));
    memcpy(points, (float[3][DIM]){{0, 0}, {10, 1}, {-10, 1}}, 3 * sizeof *points);
    kith_aggregate(KITH_RULE_GEOMETRIC_MEDIAN, square, 3, DIM, 0, result, scratch);
    check(fabs((double)result[0]) < 1e-3 && fabs((double)result[1]) < 1e-3);
}

/* n = 5, f = 1: two nearest others count. Squared distances from 1: 1 + 1, from 2: 1 + 1, so the
 * first of them; from 0: 1 + 4. */
static void krum_takes_the_middle_of_the_crowd(void)
{
    place(5, line);
    check(near(apply(KITH_RULE_KRUM, 5, 1), 1));
    place(5, (const float[]){50, 1, 2, 3, 2});
    check(near(apply(KITH_RULE_KRUM, 5, 1), 2));
}

/* Distances from 0 are 1, 2, 3, 96, their median 2.5: (1 + 2 + 2.5 + 2.5) / 5. */
static void clipped_gossip_bounds_each_step(void)
{
    place(5, line);
    check(near(apply(KITH_RULE_CLIPPED_GOSSIP, 5, 1), 1.6));
}

/* Again from 1.6: distances of the pulled ones .6, .4, 1.4, 94.4, median 1, so (-1 - .6 + .4 + 1 +
 * 1) / 5 = .16; from 1.76: .76, .24, 1.24, 94.24, again 1, so (-1 - .76 + .24 + 1 + 1) / 5. */
static void centred_clipping_is_three_steps(void)
{
    place(5, line);
    check(near(apply(KITH_RULE_CENTRED_CLIP, 5, 1), 1.6 + 0.16 + 0.096));
}

static void the_farthest_are_left_out(void)
{
    place(5, line);
    check(near(apply(KITH_RULE_NNA, 5, 1), 1.5));
    check(near(apply(KITH_RULE_NNA, 5, 2), 1));
    /* 1, 2, 3 are left, their median 2: (1 + 2 + 2) / 4. */
    check(near(apply(KITH_RULE_REMOVE_CLIP, 5, 1), 1.25));
}

/* Each but 96 becomes the mean 1.5 of {0, 1, 2, 3}; 96 becomes 25.5; trimmed. */
static void neighbours_are_mixed_before_trimming(void)
{
    place(5, line);
    check(near(apply(KITH_RULE_NNM_TRIMMED, 5, 1), 1.5));
}

/* However far the liars of a minority go, no robust rule follows them; the mean does. */
static void no_minority_moves_a_robust_rule_far(void)
{
    for (uint32_t rule = KITH_RULE_MEAN; rule < KITH_RULES; rule++) {
        place(7, (const float[]){0, 0.1f, -0.1f, 0.2f, -0.2f, 1e6f, 1e6f});
        double value = fabs(apply((enum kith_rule)rule, 7, 2));
        check(rule == KITH_RULE_MEAN ? value > 1e5 : value < 0.5);
    }
}

static void equal_models_stay_and_one_is_itself(void)
{
    for (uint32_t rule = KITH_RULE_MEAN; rule < KITH_RULES; rule++) {
        place(4, (const float[]){3, 3, 3, 3});
        check(near(apply((enum kith_rule)rule, 4, 1), 3));
        check(near(apply((enum kith_rule)rule, 1, 5), 3));
        place(2, (const float[]){1, 3});
        double two = apply((enum kith_rule)rule, 2, 3);
        check(rule == KITH_RULE_KRUM ? near(two, 1) : near(two, 2));
    }
}

static void names_are_found_again(void)
{
    enum kith_rule found;
    for (uint32_t rule = 0; rule < KITH_RULES; rule++) {
        check_int(kith_rule_parse(kith_rule_name((enum kith_rule)rule), &found), 0);
        check_int(found, rule);
    }
    check_int(kith_rule_parse("", &found), KITH_ERR_INVALID);
    check_int(kith_rule_parse("Mean", &found), KITH_ERR_INVALID);
    check_int(kith_rule_parse("mean ", &found), KITH_ERR_INVALID);
}

static void the_assumed_minority(void)
{
    check_int(kith_rule_hostile(0), 0);
    check_int(kith_rule_hostile(2), 0);
    check_int(kith_rule_hostile(4), 1);
    check_int(kith_rule_hostile(8), 3);
    check_int(kith_rule_hostile(16), 7);
}

int main(void)
{
    run(the_plain_mean);
    run(trimming_drops_both_ends);
    run(the_median_of_odd_and_even_counts);
    run(the_geometric_median);
    run(krum_takes_the_middle_of_the_crowd);
    run(clipped_gossip_bounds_each_step);
    run(centred_clipping_is_three_steps);
    run(the_farthest_are_left_out);
    run(neighbours_are_mixed_before_trimming);
    run(no_minority_moves_a_robust_rule_far);
    run(equal_models_stay_and_one_is_itself);
    run(names_are_found_again);
    run(the_assumed_minority);
    return test_end();
}
