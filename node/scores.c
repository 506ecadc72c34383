#include "node/scores.h"

#include <stdlib.h>
#include <string.h>

#define AVAILABLE_KEEP 0.8f

void kith_scores_release(struct kith_scores *scores)
{
    free(scores->at);
    memset(scores, 0, sizeof *scores);
}

/* The position of the id, or where it belongs. */
static uint32_t position_of(const struct kith_scores *scores, const struct kith_id *id)
{
    uint32_t low = 0, high = scores->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(scores->at[middle].id.bytes, id->bytes, KITH_ID_LEN) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct kith_score *kith_scores_find(const struct kith_scores *scores, const struct kith_id *id)
{
    uint32_t at = position_of(scores, id);
    bool found = at < scores->count && kith_id_eq(&scores->at[at].id, id);
    return found ? &scores->at[at] : NULL;
}

static void forget_oldest(struct kith_scores *scores)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < scores->count; i++)
        if (scores->at[i].met_round < scores->at[oldest].met_round) oldest = i;
    scores->count--;
    memmove(&scores->at[oldest], &scores->at[oldest + 1],
            (scores->count - oldest) * sizeof *scores->at);
}

static bool make_room(struct kith_scores *scores)
{
    if (scores->count == KITH_SCORES_MAX) forget_oldest(scores);
    if (scores->count < scores->room) return true;
    uint32_t room = scores->room ? 2 * scores->room : 8;
    struct kith_score *at = realloc(scores->at, room * sizeof *at);
    if (!at) return false;
    scores->at = at;
    scores->room = room;
    return true;
}

struct kith_score *kith_scores_touch(struct kith_scores *scores, const struct kith_id *id,
                                     uint64_t round)
{
    struct kith_score *found = kith_scores_find(scores, id);
    if (!found) {
        if (!make_room(scores)) return NULL;
        uint32_t at = position_of(scores, id);
        found = &scores->at[at];
        memmove(found + 1, found, (scores->count - at) * sizeof *found);
        scores->count++;
        *found = (struct kith_score){.id = *id, .available = 1};
    }
    found->met_round = round;
    return found;
}

void kith_score_note_pull(struct kith_score *score, bool came)
{
    score->available = AVAILABLE_KEEP * score->available + (came ? 1 - AVAILABLE_KEEP : 0);
}

static bool is_among(const struct kith_id *id, const struct kith_id *set, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (kith_id_eq(id, &set[i])) return true;
    return false;
}

uint32_t kith_scores_others(const struct kith_scores *scores, const struct kith_id *except,
                            uint32_t except_count, float *ret, uint32_t max)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < scores->count && count < max; i++) {
        const struct kith_score *score = &scores->at[i];
        if (score->standing.meetings == 0 || is_among(&score->id, except, except_count)) continue;
        ret[count++] = kith_standing_score(&score->standing);
    }
    return count;
}

float kith_scores_draw_weight(const struct kith_scores *scores, const struct kith_id *id,
                              float median)
{
    const struct kith_score *score = kith_scores_find(scores, id);
    bool is_met = score && score->standing.meetings > 0;
    float value = is_met ? kith_standing_score(&score->standing) : median;
    if (score) value *= score->available;
    return value > KITH_SCORE_MIN ? value : KITH_SCORE_MIN;
}
