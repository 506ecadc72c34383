/* host/frame.h: the sealed frames of a link, one message each. On the wire:
 *
 *   length u32, big-endian: of what follows, 18 to 65,809
 *   ChaCha20-Poly1305 (RFC 8439, no associated data) of: type u8 | body, 1 to KITH_MESSAGE_MAX
 * bytes
 *
 * Each direction has its own key from the handshake and counts its frames from 0; the nonce is four
 * zero bytes and the count as u64 little-endian (Noise, 5.1), so a frame that is lost, repeated or
 * moved does not open. After 2^16 frames or 1 GiB of plaintext under one key, whichever is first,
 * both ends replace it as the Noise function REKEY says; the count goes on. A message's largest
 * size does not fit 16 bits; four bytes instead of three, so that noise in the place of a length is
 * nearly always refused at once. The cipher is libcrypto's, with its key schedule kept. */
#ifndef KITH_HOST_FRAME_H
#define KITH_HOST_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/outbox.h"

enum {
    KITH_FRAME_KEY_LEN = 32,
    KITH_FRAME_TAG_LEN = 16,
    KITH_FRAME_HEAD_LEN = 4,
    KITH_FRAME_BODY_AT = KITH_FRAME_HEAD_LEN + 1, /* where the body starts in an opened frame */
    KITH_FRAME_OVERHEAD = KITH_FRAME_BODY_AT + KITH_FRAME_TAG_LEN,
    KITH_FRAME_SEALED_MIN = 1 + 1 + KITH_FRAME_TAG_LEN, /* values of the length field */
    KITH_FRAME_SEALED_MAX = 1 + KITH_MESSAGE_MAX + KITH_FRAME_TAG_LEN,
    KITH_FRAME_MAX = KITH_FRAME_HEAD_LEN + KITH_FRAME_SEALED_MAX,
    KITH_FRAME_REKEY_FRAMES = 1 << 16,
    KITH_FRAME_REKEY_BYTES = 1 << 30,
};

/* The count at which a direction ends; at 64 KiB a frame it is never reached. */
#define KITH_FRAME_COUNT_MAX (UINT64_C(1) << 48)

enum kith_frame_type {
    KITH_FRAME_MESSAGE = 1,
    KITH_FRAME_BYE = 2,         /* body: enum kith_hang_up_reason, one byte; the last frame */
    KITH_FRAME_WELCOME = 3,     /* body: one zero byte; the first frame of the listener, only it */
    KITH_FRAME_PART = 4,        /* body: the first bytes of a message, or more of them */
    KITH_FRAME_LAST = 5,        /* body: the rest of it */
    KITH_FRAME_OPTIONAL = 0x80, /* types from here on are skipped by who does not know them */
};

/* One direction. */
struct kith_frame_key {
    struct evp_cipher_ctx_st *cipher; /* keeps the key schedule */
    uint8_t key[KITH_FRAME_KEY_LEN];
    bool seals;
    uint64_t count;  /* of the next frame */
    uint32_t frames; /* under this key */
    uint64_t bytes;  /* of plaintext under this key */
};

/* 0 or KITH_ERR_NOMEM, after which `key` holds nothing. */
int kith_frame_key_init(struct kith_frame_key *key, const uint8_t secret[static KITH_FRAME_KEY_LEN],
                        bool seals);
/* Wipe. A zeroed key is allowed. */
void kith_frame_key_release(struct kith_frame_key *key);

/* Write the frame of head then body, KITH_FRAME_OVERHEAD bytes more than they have, to `ret`, which
 * must not overlap them. Returns its length, or 0 when the direction is at its end. The body is 1
 * to KITH_MESSAGE_MAX bytes (asserted). */
size_t kith_frame_seal(struct kith_frame_key *key, uint8_t type, struct kith_bytes head,
                       struct kith_bytes body, uint8_t *ret);

/* The whole length of the frame that starts at `at`, 0 while fewer than KITH_FRAME_HEAD_LEN of its
 * bytes are there. 0, or RANGE when no frame has such a length. */
int kith_frame_length(const uint8_t *at, size_t available, size_t *ret_length);
/* Open, in place, a frame that is whole: `len` is what kith_frame_length gave. 0, or CRYPTO, after
 * which the link must be closed and nothing of the frame be used. */
int kith_frame_open(struct kith_frame_key *key, uint8_t *frame, size_t len, uint8_t *ret_type,
                    struct kith_bytes *ret_body);

#endif
