/* Rounds: whom to learn from, when to compute, what to publish. Each node keeps its own clock;
 * nobody waits for anybody longer than a pull may take. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mutant.h"
#include "node/inside.h"

int kith_rounds_init(struct kith_rounds *rounds, const struct kith_config *config)
{
    memset(rounds, 0, sizeof *rounds);
    if (!kith_config_has_learner(config)) return 0;
    rounds->learner = kith_learner_new(&config->learner);
    rounds->lent = calloc(1, sizeof *rounds->lent);
    return rounds->learner && rounds->lent ? 0 : KITH_ERR_NOMEM;
}

void kith_rounds_release(struct kith_rounds *rounds)
{
    kith_learner_free(rounds->learner);
    kith_scores_release(&rounds->scores);
    free(rounds->lent);
}

size_t kith_rounds_memory(const struct kith_rounds *rounds)
{
    if (!rounds->learner) return 0;
    return sizeof *rounds->lent + kith_learner_memory(rounds->learner) +
           rounds->scores.room * sizeof *rounds->scores.at;
}

int kith_rounds_start(struct kith_node *node, struct kith_bytes checkpoint,
                      const struct kith_turn *turn)
{
    struct kith_rounds *rounds = &node->rounds;
    if (!rounds->learner) return 0;
    if (checkpoint.len > 0) {
        int err = kith_learner_restore(rounds->learner, checkpoint, &rounds->round);
        if (err) return err;
        node->stats.round = rounds->round;
        if (KITH_MUTANT("never_learns_again")) node->config.learner.task = NULL;
        kith_node_say(node, turn, KITH_LEVEL_INFO, "resumed from the checkpoint of round %llu",
                      (unsigned long long)rounds->round);
    }
    rounds->phase = KITH_PHASE_IDLE;
    rounds->next_us = turn->now_us;
    return 0;
}

/* How long this node's rounds take: the mean of the last few. */
static void note_length(struct kith_rounds *rounds, const struct kith_turn *turn)
{
    uint64_t length_us = turn->now_us - rounds->begun_us;
    if (rounds->begun_us > 0)
        rounds->length_us = rounds->length_us ? (3 * rounds->length_us + length_us) / 4 : length_us;
    rounds->begun_us = turn->now_us;
}

/* The budget is spent: what it gave is saved and served. */
static void end_learning(struct kith_node *node, const struct kith_turn *turn)
{
    node->rounds.phase = KITH_PHASE_DONE;
    kith_node_say(node, turn, KITH_LEVEL_INFO, "the swarm's budget is spent after round %llu",
                  (unsigned long long)node->rounds.round);
    kith_overlay_describe(&node->overlay, KITH_PEER_DONE, (uint32_t)node->rounds.round, turn);
    if (!node->config.stay) kith_node_stop(node, turn);
}

static void begin_round(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_rounds *rounds = &node->rounds;
    note_length(rounds, turn);
    rounds->pace = kith_pace_of(&node->config.rules.budget, rounds->round, turn->wall_ms,
                                rounds->length_us / 1000);
    if (rounds->pace.phase == KITH_PACE_OVER) {
        end_learning(node, turn);
        return;
    }
    rounds->phase = KITH_PHASE_PULLING;
    if (!node->config.peers) return;
    bool trains = rounds->pace.phase == KITH_PACE_TRAIN;
    if (node->config.share & KITH_SHARE_WEIGHTS) kith_choose_weights(node, turn);
    if (trains && (node->config.share & KITH_SHARE_LABELS)) kith_choose_labels(node, turn);
}

static void clear_job(struct kith_node *node)
{
    kith_job_prepare(&node->rounds.lent->job, node->rounds.learner, node->rounds.round);
}

static void add_pulled(struct kith_rounds *rounds, struct kith_pull *pull)
{
    struct kith_job *job = &rounds->lent->job;
    struct kith_bytes bytes = {pull->object->bytes, (size_t)pull->object->len};
    bool weights = pull->terms.kind == KITH_MANIFEST_WEIGHTS;
    if (weights && job->pulled_count < KITH_PULL_MAX)
        job->pulled[job->pulled_count++] = (struct kith_pulled){.frame = bytes, .weight = 1.0f};
    if (!weights && job->teacher_count < KITH_TEACHERS_MAX)
        job->teachers[job->teacher_count++] =
            (struct kith_teacher){.labels = bytes, .round = pull->manifest.round, .weight = 1.0f};
}

/* The same bytes count once, whoever signed them: a name is cheap. */
static bool is_copy(const struct kith_lent *lent, const struct kith_pull *pull)
{
    for (uint32_t i = 0; i < lent->source_count; i++) {
        const struct kith_pull *source = lent->source[i];
        if (source->terms.kind == pull->terms.kind && source->object == pull->object) return true;
    }
    return false;
}

/* Take what came; others may fetch it from us too. */
static void collect(struct kith_node *node)
{
    struct kith_rounds *rounds = &node->rounds;
    struct kith_pull *pull;
    rounds->lent->source_count = 0;
    while ((pull = kith_pulls_next_ended(&node->overlay.pulls)) != NULL) {
        kith_choose_came(node, pull);
        if (pull->err) {
            kith_pulls_free(pull);
            continue;
        }
        if (is_copy(rounds->lent, pull) && !KITH_MUTANT("mix_copies")) {
            node->stats.drop_copied++;
            kith_pulls_free(pull);
            continue;
        }
        pull->phase = KITH_PULL_TAKEN;
        rounds->lent->source[rounds->lent->source_count++] = pull;
        kith_serve_publish(&node->overlay.serve, &pull->manifest,
                           (struct kith_bytes){pull->sealed, pull->sealed_len});
        add_pulled(rounds, pull);
        if (KITH_MUTANT("mix_twice")) add_pulled(rounds, pull);
    }
}

static void drop_ended(struct kith_node *node)
{
    struct kith_pull *pull;
    while ((pull = kith_pulls_next_ended(&node->overlay.pulls)) != NULL)
        kith_pulls_free(pull);
}

static void lend(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_effect effect = {
        .kind = KITH_EFFECT_COMPUTE,
        .compute = {.job = &node->rounds.lent->job},
    };
    bool sent = kith_outbox_add(turn->out, &effect);
    kith_assert(sent); /* the outbox is sized for it */
}

/* Models that are only mixed are what a budget ends with: nothing coarser than eight bits. */
static void set_pace(struct kith_node *node)
{
    struct kith_job *job = &node->rounds.lent->job;
    job->rate = node->rounds.pace.rate;
    job->mix_only = node->rounds.pace.phase == KITH_PACE_MIX;
    if (job->mix_only && job->wire == KITH_WIRE_INT4) job->wire = KITH_WIRE_INT8;
}

static void compute(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_job *job = &node->rounds.lent->job;
    clear_job(node);
    collect(node);
    set_pace(node);
    if (KITH_MUTANT("never_learns_again") && !node->config.learner.task) job->mix_only = true;
    kith_choose_weigh(node, turn);
    job->want_frame = node->config.peers && (node->config.share & KITH_SHARE_WEIGHTS);
    job->want_labels =
        !job->mix_only && node->config.peers && (node->config.share & KITH_SHARE_LABELS);
    node->rounds.phase = KITH_PHASE_COMPUTING;
    lend(node, turn);
}

static void save(struct kith_node *node, const struct kith_turn *turn)
{
    drop_ended(node);
    clear_job(node);
    node->rounds.lent->source_count = 0;
    node->rounds.lent->job.mix_only = true;
    node->rounds.lent->job.want_frame = false;
    node->rounds.lent->job.want_checkpoint = true;
    node->rounds.phase = KITH_PHASE_SAVING;
    lend(node, turn);
}

void kith_rounds_advance(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_rounds *rounds = &node->rounds;
    if (KITH_MUTANT("stall") && rounds->round > 10 && rounds->phase == KITH_PHASE_IDLE)
        rounds->phase = KITH_PHASE_DONE;
    if (rounds->phase == KITH_PHASE_IDLE && turn->now_us >= rounds->next_us)
        begin_round(node, turn);
    bool pulled =
        rounds->phase == KITH_PHASE_PULLING && kith_pulls_under_way(&node->overlay.pulls) == 0;
    if (pulled) compute(node, turn);
}

static void report_lines(struct kith_node *node, const struct kith_turn *turn)
{
    const struct kith_job *job = &node->rounds.lent->job;
    for (uint32_t i = 0; i < job->line_count; i++) {
        const struct kith_job_line *line = &job->lines[i];
        struct kith_report report = {
            .kind = KITH_REPORT_TRAIN,
            .train = {.epoch = line->epoch,
                      .seen = line->seen,
                      .samples = node->config.learner.shard_count,
                      .local_loss = line->local_loss,
                      .target_loss = line->target_loss,
                      .distillation_loss = line->distillation_loss,
                      .peers = (uint32_t)node->stats.peers,
                      .models = (uint32_t)node->stats.models,
                      .round = (uint32_t)job->round},
        };
        kith_node_report(turn, &report);
    }
    if (!job->tested) return;
    struct kith_report report = {
        .kind = KITH_REPORT_TEST,
        .test = {.epoch = job->test_epoch,
                 .loss = job->test_loss,
                 .correct = job->test_correct,
                 .samples = job->test_count,
                 .round = (uint32_t)job->round},
    };
    kith_node_report(turn, &report);
}

static void count_one(struct kith_stats *stats, int err, uint64_t *good)
{
    if (err == 0)
        (*good)++;
    else if (err == KITH_ERR_NOT_FINITE)
        stats->drop_not_finite++;
    else if (err != KITH_ERR_NOMEM)
        stats->drop_shape++;
}

static void count_sources(struct kith_node *node)
{
    const struct kith_job *job = &node->rounds.lent->job;
    for (uint32_t i = 0; i < job->pulled_count; i++)
        count_one(&node->stats, job->pulled[i].err, &node->stats.mixed);
    for (uint32_t i = 0; i < job->teacher_count; i++)
        count_one(&node->stats, job->teachers[i].err, &node->stats.taught);
}

static bool gave_nothing(const struct kith_job *job)
{
    return (job->want_frame && job->frame.len == 0) || (job->want_labels && job->labels.len == 0);
}

/* Count a failed round, and say so, at most once a minute. */
static void note_failure(struct kith_node *node, const struct kith_turn *turn)
{
    const struct kith_job *job = &node->rounds.lent->job;
    if (!job->diverged && !gave_nothing(job)) return;
    uint64_t *warned_us = &node->rounds.warned_us;
    node->stats.rounds_failed++;
    if (*warned_us > 0 && turn->now_us < *warned_us + 60 * (uint64_t)KITH_SECOND_US) return;
    *warned_us = turn->now_us;
    kith_node_say(node, turn, KITH_LEVEL_WARNING, "round %llu %s (%llu such rounds so far)",
                  (unsigned long long)job->round,
                  job->diverged ? "ran into numbers that are not finite; its steps are undone, "
                                  "a smaller --rate may help"
                                : "gave nothing to share",
                  (unsigned long long)node->stats.rounds_failed);
}

static void free_sources(struct kith_rounds *rounds)
{
    for (uint32_t i = 0; i < rounds->lent->source_count; i++)
        kith_pulls_free(rounds->lent->source[i]);
    rounds->lent->source_count = 0;
}

static void publish(struct kith_node *node, const struct kith_turn *turn)
{
    const struct kith_job *job = &node->rounds.lent->job;
    if (!node->config.peers) return;
    if ((node->config.share & KITH_SHARE_WEIGHTS) && job->frame.len > 0)
        kith_overlay_publish(&node->overlay, KITH_MANIFEST_WEIGHTS, job->round, (uint8_t)job->wire,
                             job->frame, turn);
    if ((node->config.share & KITH_SHARE_LABELS) && job->labels.len > 0)
        kith_overlay_publish(&node->overlay, KITH_MANIFEST_LABELS, job->round, 0, job->labels,
                             turn);
}

static bool is_last(const struct kith_node *node)
{
    const struct kith_config *config = &node->config;
    const struct kith_job *job = &node->rounds.lent->job;
    const struct kith_budget *budget = &config->rules.budget;
    if (config->rounds_max && job->round + 1 >= config->rounds_max) return true;
    if (budget->rounds && job->round + 1 >= budget->rounds) return true;
    return config->epochs_max && job->tested && job->test_epoch + 1 >= config->epochs_max;
}

static void finish_round(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_rounds *rounds = &node->rounds;
    KITH_MUTANT_LEAK("leak", 4096);
    publish(node, turn);
    bool last = is_last(node);
    rounds->round++;
    node->stats.round = rounds->round;
    rounds->phase = last ? KITH_PHASE_DONE : KITH_PHASE_IDLE;
    rounds->next_us = rounds->begun_us + node->config.round_min_us;
    kith_overlay_describe(&node->overlay, last ? KITH_PEER_DONE : KITH_PEER_TRAINING,
                          (uint32_t)rounds->round, turn);
    if (last && !node->config.stay) kith_node_stop(node, turn);
}

void kith_rounds_on_computed(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_rounds *rounds = &node->rounds;
    kith_assert(rounds->phase == KITH_PHASE_COMPUTING || rounds->phase == KITH_PHASE_SAVING);
    bool saving = rounds->phase == KITH_PHASE_SAVING;
    if (!saving) {
        report_lines(node, turn);
        count_sources(node);
        note_failure(node, turn);
        kith_choose_learned(node);
    }
    free_sources(rounds);
    if (rounds->lent->job.checkpoint.len > 0)
        kith_node_store(node, KITH_STORE_CHECKPOINT, rounds->lent->job.checkpoint, turn);
    if (saving) {
        rounds->phase = KITH_PHASE_SAVED;
        return;
    }
    if (node->stopping) {
        rounds->round++;
        save(node, turn);
        return;
    }
    finish_round(node, turn);
}

void kith_rounds_stop(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_rounds *rounds = &node->rounds;
    kith_pulls_cancel(&node->overlay.pulls, KITH_ERR_CLOSED, turn);
    switch (rounds->phase) {
    case KITH_PHASE_COMPUTING:
        atomic_store(&rounds->lent->job.cancel, true);
        return;
    case KITH_PHASE_IDLE:
    case KITH_PHASE_PULLING:
    case KITH_PHASE_DONE:
        save(node, turn);
        return;
    case KITH_PHASE_OFF:
        rounds->phase = KITH_PHASE_SAVED;
        return;
    case KITH_PHASE_SAVING:
    case KITH_PHASE_SAVED:
        return;
    }
}

uint64_t kith_rounds_deadline_us(const struct kith_node *node)
{
    return node->rounds.phase == KITH_PHASE_IDLE ? node->rounds.next_us : KITH_NEVER;
}
