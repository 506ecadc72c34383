/* Whom to learn from. Nobody can force itself in: peers are drawn, mostly by what this node itself
 * has seen of them, partly without asking for that, so that newcomers are met. */
#include <string.h>

#include "node/inside.h"
#include "training/explog.h"

enum {
    NEWCOMER_ROUNDS = 5, /* in which a newcomer's own model weighs less */
    NEWCOMER_PULLS = 8,  /* models that a newcomer begins from */
};

#define TEACHER_LEAST 0.5f /* of the median score */

/* Peers that publish what `want` names; `other_class` chooses those whose weights cannot be mixed.
 */
struct candidates {
    uint8_t want; /* enum kith_share */
    bool same_class;
    bool other_class;
};

static bool is_candidate(const struct kith_node *node, const struct kith_peer *peer,
                         const struct candidates *wanted, const struct kith_turn *turn)
{
    if (!kith_peer_is_live(peer, turn->wall_ms) || !(peer->share & wanted->want)) return false;
    if (peer->more->avoid_until_us > turn->now_us || peer->banned_until_us > turn->now_us)
        return false;
    const uint8_t *own = node->config.learner.arch.class_id;
    bool same = memcmp(peer->more->class_id, own, KITH_CLASS_LEN) == 0;
    return same ? wanted->same_class : wanted->other_class;
}

/* The median score of all who were audited; 1 if nobody was: then all weigh alike. */
static float median_score(const struct kith_node *node)
{
    float scores[KITH_SCORE_OTHERS_MAX];
    uint32_t count =
        kith_scores_others(&node->rounds.scores, NULL, 0, scores, KITH_SCORE_OTHERS_MAX);
    float median = kith_score_median(scores, count);
    return median > 0 ? median : 1;
}

/* What candidates weigh in a draw: (1 - eps) of their share of all scores, eps of an equal share.
 */
struct odds {
    float median;
    double scores; /* their sum */
    uint32_t count;
};

static double weight_of(const struct kith_node *node, const struct kith_peer *peer,
                        const struct odds *odds)
{
    float score = kith_scores_draw_weight(&node->rounds.scores, &peer->id, odds->median);
    return (1 - (double)KITH_SCORE_EXPLORE) * (double)score / odds->scores +
           (double)KITH_SCORE_EXPLORE / odds->count;
}

/* Up to `max` different candidates, drawn one after the other by weight: those of the least
 * exponential variates -ln(u) / weight (Efraimidis and Spirakis 2006). */
static uint32_t draw(struct kith_node *node, const struct candidates *wanted, uint32_t max,
                     struct kith_peer **ret, const struct kith_turn *turn)
{
    struct kith_peers *peers = &node->overlay.peers;
    struct odds odds = {.median = median_score(node)};
    double key[KITH_PULL_MAX];
    uint32_t drawn = 0;
    for (uint32_t i = 0; i < peers->count; i++) {
        const struct kith_peer *peer = kith_peers_nth(peers, i);
        if (!is_candidate(node, peer, wanted, turn)) continue;
        odds.count++;
        odds.scores +=
            (double)kith_scores_draw_weight(&node->rounds.scores, &peer->id, odds.median);
    }
    for (uint32_t i = 0; i < peers->count && max > 0; i++) {
        struct kith_peer *peer = kith_peers_nth(peers, i);
        if (!is_candidate(node, peer, wanted, turn)) continue;
        double variate = kith_cross_entropy((float)(1 - kith_rng_unit(turn->rng)));
        double at = variate / weight_of(node, peer, &odds);
        if (drawn == max && at >= key[max - 1]) continue;
        uint32_t slot = drawn < max ? drawn++ : max - 1;
        for (; slot > 0 && key[slot - 1] > at; slot--) {
            key[slot] = key[slot - 1];
            ret[slot] = ret[slot - 1];
        }
        key[slot] = at;
        ret[slot] = peer;
    }
    return drawn;
}

/* In its first round a node that comes late begins from several others' models. */
static bool is_late(struct kith_node *node, const struct candidates *wanted,
                    const struct kith_turn *turn)
{
    uint32_t ahead = 0, behind = 0;
    if (node->rounds.round > 0) return false;
    for (uint32_t i = 0; i < node->overlay.peers.count; i++) {
        const struct kith_peer *peer = kith_peers_nth(&node->overlay.peers, i);
        if (!is_candidate(node, peer, wanted, turn)) continue;
        *(peer->more->round >= NEWCOMER_ROUNDS ? &ahead : &behind) += 1;
    }
    return ahead > behind;
}

void kith_choose_weights(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_peer *drawn[KITH_PULL_MAX];
    struct candidates wanted = {.want = KITH_SHARE_WEIGHTS, .same_class = true};
    struct kith_pull_terms terms = {.kind = KITH_MANIFEST_WEIGHTS};
    memcpy(terms.class_id, node->config.learner.arch.class_id, KITH_CLASS_LEN);
    for (uint32_t wire = 0; wire < KITH_WIRES; wire++) {
        uint64_t len = kith_frame_size((enum kith_wire)wire, node->config.learner.arch.params);
        terms.length_of_wire[wire] = len;
        if (len > terms.length_max) terms.length_max = len;
    }
    kith_pulls_resume(&node->overlay.pulls, &terms, turn);
    uint32_t max = node->config.pull_count;
    if (max < NEWCOMER_PULLS && is_late(node, &wanted, turn)) max = NEWCOMER_PULLS;
    uint32_t count = draw(node, &wanted, max, drawn, turn);
    for (uint32_t i = 0; i < count; i++)
        kith_pulls_start(&node->overlay.pulls, drawn[i], &terms, turn);
}

/* Peers of other architectures first: only their labels can be learned from. */
void kith_choose_labels(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_peer *drawn[KITH_TEACHERS_MAX];
    struct candidates others = {.want = KITH_SHARE_LABELS, .other_class = true};
    struct candidates likes = {.want = KITH_SHARE_LABELS, .same_class = true};
    struct kith_pull_terms terms = {.kind = KITH_MANIFEST_LABELS, .any_class = true};
    uint32_t max = node->config.teacher_count;
    terms.length_max = node->overlay.config.small_len;
    uint32_t count = draw(node, &others, max, drawn, turn);
    count += draw(node, &likes, max - count, drawn + count, turn);
    for (uint32_t i = 0; i < count; i++)
        kith_pulls_start(&node->overlay.pulls, drawn[i], &terms, turn);
}

void kith_choose_came(struct kith_node *node, const struct kith_pull *pull)
{
    struct kith_rounds *rounds = &node->rounds;
    if (pull->terms.kind != KITH_MANIFEST_WEIGHTS) return;
    struct kith_score *score = kith_scores_touch(&rounds->scores, &pull->author, rounds->round);
    if (score) kith_score_note_pull(score, pull->err == 0);
}

/* How many of our rounds ago it was published; the first does not count. */
static float age_of(const struct kith_node *node, const struct kith_manifest *manifest,
                    const struct kith_turn *turn)
{
    uint64_t round_ms = node->rounds.length_us / 1000;
    if (round_ms == 0 || manifest->created_ms >= turn->wall_ms) return 0;
    float rounds = (float)(turn->wall_ms - manifest->created_ms) / (float)round_ms;
    return rounds > 1 ? rounds - 1 : 0;
}

/* A newcomer's model weighs against the others' as its rounds against theirs (the age rule of
 * gossip learning, Ormandi et al. 2013), for its first rounds. */
static float own_weight(uint64_t own_round, double others_round)
{
    if (own_round >= NEWCOMER_ROUNDS || others_round < NEWCOMER_ROUNDS) return 1;
    return (float)((double)own_round / others_round);
}

/* A teacher whose models were audited teaches by its score, below half the median not at all; of
 * others nothing is known, and they count as the median. */
static void weigh_teachers(struct kith_node *node)
{
    struct kith_lent *lent = node->rounds.lent;
    struct kith_job *job = &lent->job;
    float median = median_score(node);
    uint32_t count = 0;
    for (uint32_t i = 0; i < lent->source_count && count < job->teacher_count; i++) {
        if (lent->source[i]->terms.kind != KITH_MANIFEST_LABELS) continue;
        const struct kith_score *score =
            kith_scores_find(&node->rounds.scores, &lent->source[i]->author);
        struct kith_teacher *teacher = &job->teachers[count++];
        if (!score || score->standing.meetings == 0) continue;
        float part = kith_standing_score(&score->standing) / median;
        teacher->weight = part < TEACHER_LEAST ? 0 : part;
    }
}

void kith_choose_weigh(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_rounds *rounds = &node->rounds;
    struct kith_lent *lent = rounds->lent;
    struct kith_job *job = &lent->job;
    struct kith_id authors[KITH_PULL_MAX];
    uint32_t count = 0;
    double sum = 0;
    for (uint32_t i = 0; i < lent->source_count && count < job->pulled_count; i++) {
        const struct kith_pull *pull = lent->source[i];
        if (pull->terms.kind != KITH_MANIFEST_WEIGHTS) continue;
        const struct kith_score *score = kith_scores_find(&rounds->scores, &pull->author);
        struct kith_pulled *pulled = &job->pulled[count];
        if (score) pulled->standing = score->standing;
        pulled->age = age_of(node, &pull->manifest, turn);
        sum += (double)pull->manifest.round;
        authors[count++] = pull->author;
    }
    if (node->config.learner.rule == KITH_RULE_SCORE) weigh_teachers(node);
    if (count > 0) job->own_weight = own_weight(rounds->round, sum / count);
    job->others = lent->others;
    job->other_count =
        kith_scores_others(&rounds->scores, authors, count, lent->others, KITH_SCORE_OTHERS_MAX);
}

void kith_choose_learned(struct kith_node *node)
{
    struct kith_rounds *rounds = &node->rounds;
    const struct kith_lent *lent = rounds->lent;
    uint32_t count = 0;
    for (uint32_t i = 0; i < lent->source_count && count < lent->job.pulled_count; i++) {
        const struct kith_pull *pull = lent->source[i];
        if (pull->terms.kind != KITH_MANIFEST_WEIGHTS) continue;
        const struct kith_pulled *pulled = &lent->job.pulled[count++];
        struct kith_score *score = kith_scores_touch(&rounds->scores, &pull->author, rounds->round);
        if (!score) continue;
        score->standing = pulled->standing;
        score->weight = pulled->err ? 0 : pulled->weight;
        if (pulled->audited) score->last = pulled->evidence;
    }
}
