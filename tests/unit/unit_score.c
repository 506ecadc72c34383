/* training/score and node/scores: evidence, standings, weights, and the table that keeps them. */
#include <math.h>
#include <string.h>

#include "node/scores.h"
#include "tests/test.h"

static bool near(float value, double expect)
{
    bool good = fabs((double)value - expect) < 1e-5;
    if (!good) printf("# %g, not %g\n", (double)value, expect);
    return good;
}

static void novelty_is_least_for_short_and_for_long(void)
{
    check(near(kith_evidence_novelty(2, 2), 1));
    check(near(kith_evidence_novelty(1, 2), 0.5));
    check(near(kith_evidence_novelty(4, 2), 0.5));
    check(near(kith_evidence_novelty(0, 2), 0));
    check(near(kith_evidence_novelty(0, 0), 1));
    check(near(kith_evidence_novelty(1e300, 1e-300), 0));
}

static void uniqueness_falls_between_half_and_four_fifths(void)
{
    check(near(kith_evidence_uniqueness(-1), 1));
    check(near(kith_evidence_uniqueness(0.5), 1));
    check(near(kith_evidence_uniqueness(0.65), 0.5));
    check(near(kith_evidence_uniqueness(0.8), 0));
    check(near(kith_evidence_uniqueness(1), 0));
}

/* Class gains are .5, -1, 2 and unknown: the mean of 2 and .5. */
static void direction_is_the_mean_of_the_two_best_classes(void)
{
    const float behind[] = {2, 1, 5, NAN}, ahead[] = {1, 3, 1, NAN};
    check(near(kith_evidence_direction(behind, ahead, 4), 1.25));
    check(near(kith_evidence_direction(behind, ahead, 1), 0.5));
    check(near(kith_evidence_direction(behind + 3, ahead + 3, 1), 0));
}

static void ranks_share_places(void)
{
    struct kith_evidence evidence[4];
    const float direction[] = {3, 1, 1, -2};
    for (int i = 0; i < 4; i++)
        evidence[i] = (struct kith_evidence){
            .direction = direction[i], .novelty = 1, .uniqueness = i == 0 ? 0.5f : 1};
    kith_evidence_rank(evidence, 4);
    check(near(evidence[0].value, 0.4375));
    check(near(evidence[1].value, 0.5));
    check(near(evidence[2].value, 0.5));
    check(near(evidence[3].value, 0.125));
}

/* The first meeting counts whole; then the latest weighs a fifth and more. */
static void a_standing_is_the_weighted_mean_of_its_meetings(void)
{
    struct kith_standing standing = {0};
    check(near(kith_standing_score(&standing), 0));
    kith_standing_add(&standing, 0.6f);
    check(near(kith_standing_score(&standing), 0.6));
    kith_standing_add(&standing, 0);
    check(near(kith_standing_score(&standing), 0.6 * 0.16 / 0.36));
    for (int i = 0; i < 100; i++)
        kith_standing_add(&standing, 0.5f);
    check(near(kith_standing_score(&standing), 0.5));
    check(standing.steady > 50);
}

/* One that behaved and then strikes weighs nothing after four bad meetings. */
static void a_turncoat_is_out_in_four_meetings(void)
{
    struct kith_standing standing = {0};
    for (int i = 0; i < 50; i++)
        kith_standing_add(&standing, 0.5f);
    check(near(kith_score_weight(kith_standing_score(&standing), 0.5f), 1));
    for (int i = 0; i < 4; i++)
        kith_standing_add(&standing, 0);
    check(near(kith_score_weight(kith_standing_score(&standing), 0.5f), 0));
}

static void the_little_known_are_always_audited(void)
{
    struct kith_standing standing = {0};
    uint32_t audits = 0;
    for (uint32_t i = 0; i < KITH_SCORE_SURE; i++) {
        check(kith_standing_wants_audit(&standing, 1));
        kith_standing_add(&standing, i % 2 ? 0.9f : 0.1f);
    }
    for (uint32_t coin = 0; coin < 64; coin++)
        audits += kith_standing_wants_audit(&standing, coin);
    check_int(audits, 32);
    for (int i = 0; i < 60; i++)
        kith_standing_add(&standing, 0.5f);
    audits = 0;
    for (uint32_t coin = 0; coin < 64; coin++)
        audits += kith_standing_wants_audit(&standing, coin);
    check_int(audits, 8);
}

static void weights_follow_the_median(void)
{
    float scores[] = {0.5f, 0.1f, 0.4f, 0.3f};
    check(near(kith_score_median(scores, 0), 0));
    check(near(kith_score_median(scores, 4), 0.35));
    check(near(kith_score_median(scores, 3), 0.3));
    check(near(kith_score_weight(0.2f, 0.4f), 0));
    check(near(kith_score_weight(0.26f, 0.4f), 0.5));
    check(near(kith_score_weight(0.4f, 0.4f), 1));
    check(near(kith_score_weight(9, 0.4f), 1));
    check(near(kith_score_weight(0, 0), 1));
}

static void old_snapshots_weigh_less(void)
{
    check(near(kith_age_discount(0), 1));
    check(near(kith_age_discount(4), 0.5));
    check(near(kith_age_discount(8), 1.0 / 3));
    check(near(kith_age_discount(8.1f), 0));
}

static struct kith_id id_of(uint32_t i)
{
    struct kith_id id = {{0}};
    uint32_t mixed = i * 2654435761u;
    memcpy(id.bytes, &mixed, sizeof mixed);
    memcpy(id.bytes + 4, &i, sizeof i);
    return id;
}

static void the_table_forgets_whom_it_met_longest_ago(void)
{
    struct kith_scores scores = {0};
    for (uint32_t i = 0; i < KITH_SCORES_MAX + 10; i++) {
        struct kith_id id = id_of(i);
        struct kith_score *score = kith_scores_touch(&scores, &id, i);
        check(score != NULL);
        kith_standing_add(&score->standing, (float)(i % 7) / 7);
    }
    check_int(scores.count, KITH_SCORES_MAX);
    for (uint32_t i = 0; i < KITH_SCORES_MAX + 10; i++) {
        struct kith_id id = id_of(i);
        const struct kith_score *score = kith_scores_find(&scores, &id);
        check((score != NULL) == (i >= 10));
        if (score) check(near(kith_standing_score(&score->standing), (i % 7) / 7.0));
    }
    for (uint32_t i = 1; i < scores.count; i++)
        check(memcmp(&scores.at[i - 1].id, &scores.at[i].id, KITH_ID_LEN) < 0);
    kith_scores_release(&scores);
}

static void draws_follow_scores_availability_and_a_floor(void)
{
    struct kith_scores scores = {0};
    struct kith_id good = id_of(1), bad = id_of(2), away = id_of(3), nobody = id_of(4);
    kith_standing_add(&kith_scores_touch(&scores, &good, 1)->standing, 0.8f);
    kith_standing_add(&kith_scores_touch(&scores, &bad, 1)->standing, 0);
    for (int i = 0; i < 40; i++)
        kith_score_note_pull(kith_scores_touch(&scores, &away, 1), false);
    check(near(kith_scores_draw_weight(&scores, &good, 0.3f), 0.8));
    check(near(kith_scores_draw_weight(&scores, &bad, 0.3f), 0.02));
    check(near(kith_scores_draw_weight(&scores, &away, 0.3f), 0.02));
    check(near(kith_scores_draw_weight(&scores, &nobody, 0.3f), 0.3));
    float others[4];
    check_int(kith_scores_others(&scores, &bad, 1, others, 4), 1);
    check(near(others[0], 0.8));
    kith_scores_release(&scores);
}

int main(void)
{
    run(novelty_is_least_for_short_and_for_long);
    run(uniqueness_falls_between_half_and_four_fifths);
    run(direction_is_the_mean_of_the_two_best_classes);
    run(ranks_share_places);
    run(a_standing_is_the_weighted_mean_of_its_meetings);
    run(a_turncoat_is_out_in_four_meetings);
    run(the_little_known_are_always_audited);
    run(weights_follow_the_median);
    run(old_snapshots_weigh_less);
    run(the_table_forgets_whom_it_met_longest_ago);
    run(draws_follow_scores_availability_and_a_floor);
    return test_end();
}
