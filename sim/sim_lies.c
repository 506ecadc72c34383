/* The lies themselves, each a few lines between a correct node and the world. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "identity/record.h"
#include "overlay/overlay_msg.h"
#include "sim/sim_liar.h"
#include "sim/sim_zoo.h"
#include "training/codec.h"
#include "training/job.h"

enum {
    GARBLE_ONE_IN = 8, /* messages */
    ADD_ONE_IN = 8,    /* messages behind which a lie is put */
    KEPT_MAX = 24,     /* messages that a replayer keeps */
    KEPT_LEN_MAX = 1024,
    RECORD_SEQ_AT = 46,
    FORGED_SEQ_AHEAD_MS = 1000,
    TURNCOAT_FROM = 10, /* rounds */
};

/* --- mute --- */

static void mute_effect(struct kith_liar *liar, const struct kith_effect *effect)
{
    bool is_bulk = effect->kind == KITH_EFFECT_SEND && effect->send.send_class == KITH_SEND_BULK;
    if (is_bulk)
        kith_liar_told(liar);
    else
        kith_liar_pass(liar, effect);
}

/* --- garble --- */

static void garble_effect(struct kith_liar *liar, const struct kith_effect *effect)
{
    size_t len = 0;
    uint8_t *copy = NULL;
    if (effect->kind == KITH_EFFECT_SEND && kith_rng_below(liar->rng, GARBLE_ONE_IN) == 0)
        copy = kith_liar_copy(liar, effect, &len);
    if (!copy) {
        kith_liar_pass(liar, effect);
        return;
    }
    for (uint32_t flips = 1 + kith_rng_below(liar->rng, 4); flips > 0; flips--)
        copy[kith_rng_below(liar->rng, (uint32_t)len)] ^=
            (uint8_t)(1 << kith_rng_below(liar->rng, 8));
    kith_liar_told(liar);
    kith_liar_send(liar, effect->send.link, effect->send.send_class,
                   (struct kith_bytes){copy, len});
}

/* --- what replayers and forgers keep: records and manifests of others --- */

struct kept {
    uint32_t count; /* ever seen */
    struct {
        uint16_t len;
        uint8_t bytes[KEPT_LEN_MAX];
    } at[KEPT_MAX];
};

_Static_assert(sizeof(struct kept) <= KITH_LIAR_STATE_MAX, "a liar's state fits");

static bool is_worth_keeping(struct kith_bytes bytes)
{
    if (bytes.len < 2 || bytes.len > KEPT_LEN_MAX) return false;
    uint8_t type = bytes.at[1];
    return type == KITH_MSG_PEERS || type == KITH_MSG_HEAD;
}

/* A fair sample of all that came, so that old messages stay. */
static void keep_event(struct kith_liar *liar, struct kith_event *event)
{
    struct kept *kept = liar->state;
    if (event->kind != KITH_EVENT_MESSAGE || !is_worth_keeping(event->message.bytes)) return;
    uint32_t place = kept->count < KEPT_MAX ? kept->count : kith_rng_below(liar->rng, kept->count);
    kept->count++;
    if (place >= KEPT_MAX) return;
    kept->at[place].len = (uint16_t)event->message.bytes.len;
    memcpy(kept->at[place].bytes, event->message.bytes.at, event->message.bytes.len);
}

/* One of what was kept, or nothing. */
static struct kith_bytes kept_one(struct kith_liar *liar)
{
    struct kept *kept = liar->state;
    uint32_t there = kept->count < KEPT_MAX ? kept->count : KEPT_MAX;
    if (there == 0 || kith_rng_below(liar->rng, ADD_ONE_IN) != 0) return (struct kith_bytes){0};
    uint32_t place = kith_rng_below(liar->rng, there);
    return (struct kith_bytes){kept->at[place].bytes, kept->at[place].len};
}

/* --- replay --- */

static void replay_effect(struct kith_liar *liar, const struct kith_effect *effect)
{
    kith_liar_pass(liar, effect);
    if (effect->kind != KITH_EFFECT_SEND || effect->send.send_class != KITH_SEND_CONTROL) return;
    struct kith_bytes old = kept_one(liar);
    if (old.len == 0) return;
    uint8_t *copy = kith_outbox_room(liar->out, old.len);
    if (!copy) return;
    memcpy(copy, old.at, old.len);
    kith_liar_told(liar);
    kith_liar_send(liar, effect->send.link, KITH_SEND_CONTROL, (struct kith_bytes){copy, old.len});
}

/* --- forge --- */

/* Another's record, a second newer than it was, under the old signature. */
static struct kith_bytes forged(struct kith_bytes record, uint8_t buffer[static KITH_RECORD_MAX])
{
    if (record.len < RECORD_SEQ_AT + 8 || record.len > KITH_RECORD_MAX)
        return (struct kith_bytes){0};
    memcpy(buffer, record.at, record.len);
    struct kith_reader reader = kith_reader_of((struct kith_bytes){buffer + RECORD_SEQ_AT, 8});
    struct kith_writer writer = kith_writer_into(buffer + RECORD_SEQ_AT, 8);
    kith_write_u64(&writer, kith_read_u64(&reader) + FORGED_SEQ_AHEAD_MS);
    return (struct kith_bytes){buffer, record.len};
}

static void forge_effect(struct kith_liar *liar, const struct kith_effect *effect)
{
    struct kith_msg msg;
    uint8_t record[KITH_RECORD_MAX];
    kith_liar_pass(liar, effect);
    if (effect->kind != KITH_EFFECT_SEND || effect->send.send_class != KITH_SEND_CONTROL) return;
    struct kith_bytes old = kept_one(liar);
    if (old.len == 0 || kith_msg_decode(old, &msg) != 0 || msg.type != KITH_MSG_PEERS) return;
    msg.peers.count = msg.peers.count > 0;
    msg.peers.record[0] = forged(msg.peers.record[0], record);
    uint8_t *room = kith_outbox_room(liar->out, KITH_RECORD_MAX + 16);
    if (!room) return;
    struct kith_bytes bytes = kith_msg_encode(&msg, room, KITH_RECORD_MAX + 16);
    if (bytes.len == 0) return;
    kith_liar_told(liar);
    kith_liar_send(liar, effect->send.link, KITH_SEND_CONTROL, bytes);
}

/* --- poison: the node signs what it takes for its own weights --- */

static void poison(struct kith_liar *liar, struct kith_event *event, float times)
{
    if (event->kind != KITH_EVENT_COMPUTED || event->computed.job->frame.len == 0) return;
    struct kith_job *job = event->computed.job;
    size_t params = kith_learner_params(job->learner);
    enum kith_wire wire = job->wire;
    float *weights = malloc(params * sizeof *weights);
    uint8_t *frame = kith_outbox_room(liar->out, kith_frame_size(wire, params));
    if (weights && frame && kith_frame_decode(job->frame, params, weights) == 0) {
        for (size_t i = 0; i < params; i++)
            weights[i] *= times;
        kith_frame_encode(wire, weights, params, job->round, frame);
        job->frame = (struct kith_bytes){frame, kith_frame_size(wire, params)};
        kith_liar_told(liar);
    }
    free(weights);
}

static void nan_event(struct kith_liar *liar, struct kith_event *event)
{
    poison(liar, event, NAN);
}

static void scale_event(struct kith_liar *liar, struct kith_event *event)
{
    poison(liar, event, -1000.0f);
}

#define KIND(lie_, ...) [KITH_LIE_##lie_] = {.name = #lie_, __VA_ARGS__}

const struct kith_lie_kind kith_lie_kinds[KITH_LIES] = {
    [KITH_LIE_NONE] = {.name = "none"},
    KIND(mute, .effect = mute_effect),
    KIND(garble, .effect = garble_effect),
    KIND(replay, .event = keep_event, .effect = replay_effect),
    KIND(forge, .event = keep_event, .effect = forge_effect),
    KIND(nan, .event = nan_event),
    KIND(scale, .event = scale_event),
#define X(lie_, word, strength_, text_)                                                            \
    [KITH_LIE_##lie_] = {.name = word,                                                             \
                         .text = text_,                                                            \
                         .strength = strength_,                                                    \
                         .from = KITH_LIE_##lie_ == KITH_LIE_turncoat ? TURNCOAT_FROM : 0,         \
                         .event = kith_zoo_event},
    KITH_ZOO_MAP(X)
#undef X
};
