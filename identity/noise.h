/* identity/noise.h: the Noise protocol framework's pattern XX with 25519, ChaChaPoly and BLAKE2b
 * (noiseprotocol.org, revision 34, sections 5 and 7.5). The names of the parts are those of the
 * specification. A message is written in two parts, its keys and its payload, so that the payload
 * can sign the transcript up to it. The caller keeps the order: whoever initiates writes messages 1
 * and 3. Pure. */
#ifndef KITH_IDENTITY_NOISE_H
#define KITH_IDENTITY_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    KITH_NOISE_HASH_LEN = 64,
    KITH_NOISE_KEY_LEN = 32,
    KITH_NOISE_TAG_LEN = 16,
    KITH_NOISE_PAYLOAD_MAX = 512, /* of one handshake message: ours, not Noise's */
};

/* CipherState and SymmetricState: k and n, ck and h. */
struct kith_noise_state {
    bool has_key;
    uint64_t nonce;
    uint8_t key[KITH_NOISE_KEY_LEN];
    uint8_t chain[KITH_NOISE_HASH_LEN];
    uint8_t hash[KITH_NOISE_HASH_LEN];
};

/* HandshakeState. */
struct kith_noise {
    struct kith_noise_state state;
    bool initiator;
    uint8_t message; /* 0 to 2: the one under way; 3: all done */
    uint8_t static_secret[KITH_NOISE_KEY_LEN];
    uint8_t static_public[KITH_NOISE_KEY_LEN];
    uint8_t ephemeral_secret[KITH_NOISE_KEY_LEN];
    uint8_t ephemeral_public[KITH_NOISE_KEY_LEN];
    uint8_t far_static[KITH_NOISE_KEY_LEN];
    uint8_t far_ephemeral[KITH_NOISE_KEY_LEN];
};

void kith_noise_init(struct kith_noise *noise, bool initiator, struct kith_bytes prologue,
                     const uint8_t static_secret[static KITH_NOISE_KEY_LEN],
                     const uint8_t ephemeral_secret[static KITH_NOISE_KEY_LEN]);

/* The tokens of the message under way. 0, or CRYPTO (a small-order key gives an all-zero result, or
 * the far end's static key is not authentic), TRUNCATED. A writer too small sets its `failed`.
 * After an error the state is of no more use: wipe it. */
int kith_noise_write_keys(struct kith_noise *noise, struct kith_writer *writer);
int kith_noise_read_keys(struct kith_noise *noise, struct kith_reader *reader);
/* The payload that ends the message. Reading takes all that is left in the reader; `ret` holds
 * KITH_NOISE_PAYLOAD_MAX bytes. 0, or CRYPTO, TRUNCATED, RANGE (too long). */
void kith_noise_write_payload(struct kith_noise *noise, struct kith_bytes payload,
                              struct kith_writer *writer);
int kith_noise_read_payload(struct kith_noise *noise, struct kith_reader *reader, uint8_t *ret,
                            size_t *ret_len);
/* After the third message: the keys of this end's two directions. */
void kith_noise_split(const struct kith_noise *noise, uint8_t ret_send[static KITH_NOISE_KEY_LEN],
                      uint8_t ret_receive[static KITH_NOISE_KEY_LEN]);

/* Overwrite everything. */
void kith_noise_wipe(struct kith_noise *noise);

#endif
