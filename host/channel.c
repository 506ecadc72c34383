#include "host/channel.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

/* Less room than this after the bytes received moves them to the front: a read then takes several
 * frames, and the move costs little beside them. */
enum { ROOM_MIN = 2 * KITH_FRAME_MAX };

void kith_channel_init(struct kith_channel *channel, const struct kith_handshake_config *config,
                       const uint8_t static_secret[static KITH_SEED_LEN],
                       const uint8_t ephemeral[static KITH_SEED_LEN])
{
    memset(channel, 0, sizeof *channel);
    channel->state = KITH_CHANNEL_SHAKING;
    channel->in = channel->first;
    channel->size = sizeof channel->first;
    channel->wanted = KITH_CHANNEL_LENGTH_LEN;
    kith_handshake_init(&channel->handshake, config, static_secret, ephemeral);
}

static void drop_parts(struct kith_channel *channel)
{
    free(channel->parts);
    channel->parts = NULL;
    channel->parts_len = 0;
    channel->parts_are_whole = false;
}

void kith_channel_release(struct kith_channel *channel)
{
    kith_handshake_wipe(&channel->handshake);
    kith_frame_key_release(&channel->seal);
    kith_frame_key_release(&channel->open);
    drop_parts(channel);
    channel->state = KITH_CHANNEL_ENDED;
    channel->err = KITH_ERR_CLOSED;
}

static int channel_end(struct kith_channel *channel, int err)
{
    channel->state = KITH_CHANNEL_ENDED;
    channel->err = err;
    return err;
}

/* Both ends are proven: keep what is needed of the handshake, forget the rest. */
static int channel_start_frames(struct kith_channel *channel)
{
    struct kith_handshake *handshake = &channel->handshake;
    channel->peer = *kith_handshake_peer(handshake);
    int err = kith_frame_key_init(&channel->seal, kith_handshake_send_key(handshake), true);
    if (err == 0)
        err = kith_frame_key_init(&channel->open, kith_handshake_receive_key(handshake), false);
    kith_handshake_wipe(handshake);
    return err;
}

int kith_channel_write(struct kith_channel *channel, uint8_t ret[static KITH_CHANNEL_WRITE_MAX],
                       size_t *ret_len)
{
    size_t len = 0;
    *ret_len = 0;
    if (channel->state != KITH_CHANNEL_SHAKING) return 0;
    if (!kith_handshake_may_write(&channel->handshake)) return 0;
    int err = kith_handshake_write(&channel->handshake, ret + KITH_CHANNEL_LENGTH_LEN,
                                   KITH_HANDSHAKE_MESSAGE_MAX, &len);
    if (err != 0) return channel_end(channel, err);

    if (kith_handshake_done(&channel->handshake)) {
        err = channel_start_frames(channel);
        if (err != 0) return channel_end(channel, err);
        channel->state = KITH_CHANNEL_UNWELCOME;
        channel->wanted = KITH_FRAME_HEAD_LEN;
    }
    ret[0] = (uint8_t)(len >> 8);
    ret[1] = (uint8_t)len;
    *ret_len = KITH_CHANNEL_LENGTH_LEN + len;
    return 0;
}

uint8_t *kith_channel_room(struct kith_channel *channel, size_t *ret_len)
{
    *ret_len = 0;
    if (channel->state == KITH_CHANNEL_ENDED) return NULL;
    kith_assert(channel->state != KITH_CHANNEL_PROVEN);
    kith_assert(channel->in);
    size_t limit = channel->state == KITH_CHANNEL_OPEN ? channel->size : channel->wanted;
    kith_assert(channel->end < limit);
    *ret_len = limit - channel->end;
    return channel->in + channel->end;
}

void kith_channel_received(struct kith_channel *channel, size_t len)
{
    kith_assert(len <= channel->size - channel->end);
    channel->end += len;
}

/* The next message begins at the front of the buffer and needs at least `wanted` bytes. */
static void channel_restart(struct kith_channel *channel, size_t wanted)
{
    channel->start = 0;
    channel->end = 0;
    channel->wanted = wanted;
}

static int shake(struct kith_channel *channel, enum kith_channel_event *ret_event)
{
    if (channel->end < channel->wanted) return 0;
    if (channel->wanted == KITH_CHANNEL_LENGTH_LEN) {
        size_t len = (size_t)channel->in[0] << 8 | channel->in[1];
        if (len == 0 || len > kith_handshake_read_max(&channel->handshake)) return KITH_ERR_RANGE;
        channel->wanted += len;
        if (channel->end < channel->wanted) return 0;
    }
    struct kith_bytes message = {channel->in + KITH_CHANNEL_LENGTH_LEN,
                                 channel->wanted - KITH_CHANNEL_LENGTH_LEN};
    int err = kith_handshake_read(&channel->handshake, message);
    if (err != 0) return err;
    channel_restart(channel, KITH_CHANNEL_LENGTH_LEN);
    if (!kith_handshake_done(&channel->handshake)) return 0;

    err = channel_start_frames(channel);
    if (err != 0) return err;
    channel->state = KITH_CHANNEL_PROVEN;
    *ret_event = KITH_CHANNEL_UP;
    return 0;
}

static int take_bye(struct kith_channel *channel, struct kith_bytes body,
                    enum kith_channel_event *ret_event)
{
    if (body.len != 1) return KITH_ERR_RANGE;
    channel->state = KITH_CHANNEL_ENDED;
    channel->err = KITH_ERR_CLOSED;
    *ret_event = KITH_CHANNEL_BYE;
    return 0;
}

/* The dialler's wait for one small frame: the welcome, or a BYE. */
static int await_welcome(struct kith_channel *channel, enum kith_channel_event *ret_event,
                         struct kith_bytes *ret_body)
{
    size_t length = 0;
    uint8_t type = 0;
    struct kith_bytes body = {0};
    int err = kith_frame_length(channel->in, channel->end, &length);
    if (err != 0) return err;
    if (length == 0) return 0;
    if (length != KITH_CHANNEL_SIGNAL_LEN) return KITH_ERR_RANGE;
    channel->wanted = length;
    if (channel->end < length) return 0;

    err = kith_frame_open(&channel->open, channel->in, length, &type, &body);
    if (err != 0) return err;
    *ret_body = body;
    if (type == KITH_FRAME_BYE) return take_bye(channel, body, ret_event);
    if (type != KITH_FRAME_WELCOME) return KITH_ERR_TYPE;
    channel_restart(channel, KITH_FRAME_HEAD_LEN);
    channel->state = KITH_CHANNEL_PROVEN;
    *ret_event = KITH_CHANNEL_UP;
    return 0;
}

/* Make sure that the frame under way can be completed, and that a read takes many. */
static void make_room(struct kith_channel *channel)
{
    size_t held = channel->end - channel->start;
    if (held > 0 && channel->size - channel->end >= ROOM_MIN) return;
    if (channel->start == 0) return;
    memmove(channel->in, channel->in + channel->start, held);
    channel->start = 0;
    channel->end = held;
}

/* A part joins those before it; the last one makes a message of them. */
static int take_part(struct kith_channel *channel, bool is_last, enum kith_channel_event *ret_event,
                     struct kith_bytes *ret_body)
{
    if (is_last && !channel->parts) return KITH_ERR_TYPE;
    if (!channel->parts) channel->parts = malloc(KITH_MESSAGE_MAX);
    if (!channel->parts) return KITH_ERR_NOMEM;
    if (ret_body->len > KITH_MESSAGE_MAX - channel->parts_len) return KITH_ERR_RANGE;
    memcpy(channel->parts + channel->parts_len, ret_body->at, ret_body->len);
    channel->parts_len += ret_body->len;
    if (!is_last) return 0;
    channel->parts_are_whole = true;
    *ret_event = KITH_CHANNEL_MESSAGE;
    *ret_body = (struct kith_bytes){channel->parts, channel->parts_len};
    return 0;
}

static int next_frame(struct kith_channel *channel, enum kith_channel_event *ret_event,
                      struct kith_bytes *ret_body)
{
    if (channel->parts_are_whole) drop_parts(channel);
    if (!channel->in) return 0; /* nothing came yet, or nothing is held */
    for (;;) {
        uint8_t *frame = channel->in + channel->start;
        size_t held = channel->end - channel->start, length = 0;
        uint8_t type = 0;
        int err = kith_frame_length(frame, held, &length);
        if (err != 0) return err;
        if (length == 0 || held < length) {
            make_room(channel);
            return 0;
        }
        err = kith_frame_open(&channel->open, frame, length, &type, ret_body);
        if (err != 0) return err;
        channel->start += length;
        if (type == KITH_FRAME_MESSAGE) {
            *ret_event = KITH_CHANNEL_MESSAGE;
            return 0;
        }
        if (type == KITH_FRAME_BYE) return take_bye(channel, *ret_body, ret_event);
        if (type == KITH_FRAME_PART || type == KITH_FRAME_LAST) {
            err = take_part(channel, type == KITH_FRAME_LAST, ret_event, ret_body);
            if (err != 0 || type == KITH_FRAME_LAST) return err;
            continue;
        }
        if (type < KITH_FRAME_OPTIONAL) return KITH_ERR_TYPE;
    }
}

int kith_channel_next(struct kith_channel *channel, enum kith_channel_event *ret_event,
                      struct kith_bytes *ret_body)
{
    int err = 0;
    *ret_event = KITH_CHANNEL_NOTHING;
    *ret_body = (struct kith_bytes){0};
    switch (channel->state) {
    case KITH_CHANNEL_SHAKING:
        err = shake(channel, ret_event);
        break;
    case KITH_CHANNEL_UNWELCOME:
        err = await_welcome(channel, ret_event, ret_body);
        break;
    case KITH_CHANNEL_PROVEN:
        break;
    case KITH_CHANNEL_OPEN:
        err = next_frame(channel, ret_event, ret_body);
        break;
    case KITH_CHANNEL_ENDED:
        return channel->err;
    }
    if (err == 0) return 0;
    *ret_body = (struct kith_bytes){0};
    return channel_end(channel, err);
}

void kith_channel_open(struct kith_channel *channel, uint8_t *buffer, size_t size)
{
    bool is_open = channel->state == KITH_CHANNEL_OPEN;
    kith_assert(is_open || channel->state == KITH_CHANNEL_PROVEN);
    kith_assert(channel->start == channel->end);
    kith_assert(!buffer || size >= KITH_FRAME_MAX);
    channel->in = buffer;
    channel->size = size;
    channel->start = 0;
    channel->end = 0;
    channel->state = KITH_CHANNEL_OPEN;
}

bool kith_channel_is_inside(const struct kith_channel *channel)
{
    return channel->end > channel->start;
}

bool kith_channel_may_seal(const struct kith_channel *channel)
{
    return channel->seal.cipher != NULL;
}

size_t kith_channel_seal(struct kith_channel *channel, struct kith_bytes head,
                         struct kith_bytes body, uint8_t *ret)
{
    return kith_frame_seal(&channel->seal, KITH_FRAME_MESSAGE, head, body, ret);
}

size_t kith_channel_seal_part(struct kith_channel *channel, struct kith_bytes head,
                              struct kith_bytes body, bool is_last, uint8_t *ret)
{
    uint8_t type = is_last ? KITH_FRAME_LAST : KITH_FRAME_PART;
    return kith_frame_seal(&channel->seal, type, head, body, ret);
}

static size_t seal_signal(struct kith_channel *channel, uint8_t type, uint8_t code, uint8_t *ret)
{
    struct kith_bytes body = {&code, 1};
    return kith_frame_seal(&channel->seal, type, body, (struct kith_bytes){0}, ret);
}

size_t kith_channel_welcome(struct kith_channel *channel,
                            uint8_t ret[static KITH_CHANNEL_SIGNAL_LEN])
{
    return seal_signal(channel, KITH_FRAME_WELCOME, 0, ret);
}

size_t kith_channel_bye(struct kith_channel *channel, uint8_t code,
                        uint8_t ret[static KITH_CHANNEL_SIGNAL_LEN])
{
    return seal_signal(channel, KITH_FRAME_BYE, code, ret);
}

const struct kith_id *kith_channel_peer(const struct kith_channel *channel)
{
    return &channel->peer;
}
