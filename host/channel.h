/* host/channel.h: one end of a link, from the first byte to the last: drives identity/handshake
 * over a byte stream, then frames. Bytes in, bytes out: no sockets, no clock, no entropy, and no
 * memory of its own but libcrypto's two key schedules and, while one comes in parts, a message. The
 * owner reads from the stream into the room the channel offers, asks what that gave until it gave
 * nothing more, and writes out whatever the channel has to say.
 *
 *     dialler                                listener
 *       kith_channel_write: message 1  ---->
 *                                      <----   kith_channel_write: message 2
 *       kith_channel_write: message 3  ---->   UP: kith_channel_open, then kith_channel_welcome
 *       UP: kith_channel_open          <----   WELCOME frame
 *       MESSAGE ...                    <--->   MESSAGE ...
 *       BYE                            <--->   BYE
 *
 * The welcome tells the dialler that the listener took it; a BYE in its place, that it did not.
 * Until it is open a channel never takes a byte more from the stream than the message under way
 * needs: from a stranger 2, then at most 64. */
#ifndef KITH_HOST_CHANNEL_H
#define KITH_HOST_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/id.h"
#include "base/outbox.h"
#include "host/frame.h"
#include "identity/handshake.h"

enum {
    KITH_CHANNEL_LENGTH_LEN = 2, /* of the length before a handshake message */
    KITH_CHANNEL_WRITE_MAX = KITH_CHANNEL_LENGTH_LEN + KITH_HANDSHAKE_MESSAGE_MAX,
    KITH_CHANNEL_SIGNAL_LEN = KITH_FRAME_OVERHEAD + 1, /* a WELCOME or BYE frame */
    KITH_CHANNEL_BYE_FULL = 16, /* a BYE's code besides enum kith_hang_up_reason: no room */
};

enum kith_channel_state {
    KITH_CHANNEL_SHAKING,   /* handshake under way */
    KITH_CHANNEL_UNWELCOME, /* dialler: authenticated, waits for the welcome */
    KITH_CHANNEL_PROVEN,    /* UP was given, kith_channel_open is due */
    KITH_CHANNEL_OPEN,
    KITH_CHANNEL_ENDED, /* a BYE came, or an error */
};

enum kith_channel_event {
    KITH_CHANNEL_NOTHING, /* more bytes are needed */
    KITH_CHANNEL_UP,
    KITH_CHANNEL_MESSAGE,
    KITH_CHANNEL_BYE, /* the far end ends the link; the body's only byte says why */
};

/* Private to channel.c. */
struct kith_channel {
    enum kith_channel_state state;
    int err; /* why it ended; 0 for a BYE */
    struct kith_handshake handshake;
    struct kith_id peer; /* once proven; the handshake is wiped then */
    struct kith_frame_key seal;
    struct kith_frame_key open;
    uint8_t *in; /* received bytes are [start, end) of `size` */
    size_t size;
    size_t start;
    size_t end;
    size_t wanted; /* until it is open: bytes of the message under way, its length included */
    uint8_t
        *parts; /* of KITH_MESSAGE_MAX: what came of a message in parts, NULL: none is under way */
    size_t parts_len;
    bool parts_are_whole;                  /* it was given, and goes with the next call */
    uint8_t first[KITH_CHANNEL_WRITE_MAX]; /* `in` until it is open */
};

/* A channel must not be moved. Release it. The secrets are those of kith_handshake_init. */
void kith_channel_init(struct kith_channel *channel, const struct kith_handshake_config *config,
                       const uint8_t static_secret[static KITH_SEED_LEN],
                       const uint8_t ephemeral[static KITH_SEED_LEN]);
/* Wipe all secrets. A zeroed channel is allowed. */
void kith_channel_release(struct kith_channel *channel);

/* What the handshake has to say now, with its length before it: call after kith_channel_init and
 * after each kith_channel_next that gave no error. 0 bytes when it is not our turn. Returns 0, or
 * the error with which the channel has ended: CRYPTO, NOMEM. */
int kith_channel_write(struct kith_channel *channel, uint8_t ret[static KITH_CHANNEL_WRITE_MAX],
                       size_t *ret_len);

/* Where to put bytes from the stream: at least one and at most *ret_len of them. NULL once it has
 * ended. Not between UP and kith_channel_open (asserted). */
uint8_t *kith_channel_room(struct kith_channel *channel, size_t *ret_len);
/* `len` bytes were put there. */
void kith_channel_received(struct kith_channel *channel, size_t len);
/* What the bytes received so far give next. *ret_body, of MESSAGE and BYE, points into them and is
 * good until the next call. Returns 0, or the error with which the channel has ended, the same from
 * then on: those of kith_handshake_read; RANGE: a frame, or a message in parts, of impossible
 * length; CRYPTO: one that does not open; TYPE: one of an unknown type, or known but not due;
 * CLOSED: after a BYE; NOMEM. */
int kith_channel_next(struct kith_channel *channel, enum kith_channel_event *ret_event,
                      struct kith_bytes *ret_body);

/* After UP, and again whenever kith_channel_is_inside is false: receive into `buffer` of at least
 * KITH_FRAME_MAX bytes, which stays the caller's. NULL: into none, until there is one again; no
 * room may be asked for meanwhile. */
void kith_channel_open(struct kith_channel *channel, uint8_t *buffer, size_t size);
/* True if a frame, or a handshake message, has begun and is not complete. */
bool kith_channel_is_inside(const struct kith_channel *channel);

/* Seal a frame into `ret`, which must hold what it gives; returns its length, 0 when this direction
 * has come to its end and the link must be closed. Allowed from UP on. */
size_t kith_channel_seal(struct kith_channel *channel, struct kith_bytes head,
                         struct kith_bytes body, uint8_t *ret);
/* Likewise a part of a message, or its last part; messages may go between the parts of one. */
size_t kith_channel_seal_part(struct kith_channel *channel, struct kith_bytes head,
                              struct kith_bytes body, bool is_last, uint8_t *ret);
/* The listener's answer to UP. */
size_t kith_channel_welcome(struct kith_channel *channel,
                            uint8_t ret[static KITH_CHANNEL_SIGNAL_LEN]);
/* The last frame: `code` is one of enum kith_hang_up_reason or KITH_CHANNEL_BYE_FULL. */
size_t kith_channel_bye(struct kith_channel *channel, uint8_t code,
                        uint8_t ret[static KITH_CHANNEL_SIGNAL_LEN]);
/* True if frames can be sealed: a BYE is possible. */
bool kith_channel_may_seal(const struct kith_channel *channel);

/* The far end's hotkey, after UP. */
const struct kith_id *kith_channel_peer(const struct kith_channel *channel);

#endif
