/* identity/handshake.h: how two nodes prove their hotkeys to each other and agree on the keys of a
 * link: Noise_XX_25519_ChaChaPoly_BLAKE2b (Noise revision 34) with prologue "kith/1\0" || swarm id,
 * where the hotkey signs the transcript inside the encrypted payloads. Three messages:
 *
 *     dialler -> listener   e                payload 1: versions, flags          (clear)
 *     listener -> dialler   e, ee, s, es     payload 2: versions, choice, hotkey, signature, hello
 *     dialler -> listener   s, se            payload 3: hotkey, signature, stamp, hello
 *
 * A state machine over whole messages. On the stream each message stands behind its length as two
 * bytes, big-endian; the caller checks that length against kith_handshake_read_max before it reads
 * the body. Pure. */
#ifndef KITH_IDENTITY_HANDSHAKE_H
#define KITH_IDENTITY_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/id.h"
#include "base/rng.h"
#include "identity/keys.h"
#include "identity/noise.h"

enum {
    KITH_HANDSHAKE_FIRST_MAX = 64,    /* bytes of message 1 */
    KITH_HANDSHAKE_MESSAGE_MAX = 512, /* of messages 2 and 3 */
    KITH_HANDSHAKE_HELLO_MAX = 64,
    KITH_LINK_KEY_LEN = 32,
};

enum kith_handshake_role { KITH_HANDSHAKE_DIALLER, KITH_HANDSHAKE_LISTENER };

struct kith_handshake_config {
    enum kith_handshake_role role;
    struct kith_id swarm;
    const struct kith_keypair *keypair; /* borrowed until the handshake is over */
    const struct kith_scheme *scheme;
    struct kith_id expect; /* the hotkey the far end must have; zero: any */
    uint8_t version_min;   /* protocol versions spoken: 1 <= min <= max */
    uint8_t version_max;
    struct kith_bytes hello; /* for the far end, at most KITH_HANDSHAKE_HELLO_MAX; copied */
};

enum kith_handshake_step {
    KITH_HANDSHAKE_FIRST,  /* message 1 is to be written or read */
    KITH_HANDSHAKE_SECOND, /* message 2 */
    KITH_HANDSHAKE_THIRD,  /* message 3 */
    KITH_HANDSHAKE_DONE,
    KITH_HANDSHAKE_FAILED, /* refused: no secret is left in it */
};

/* Private to handshake.c; public so that a link can hold it without an allocation. */
struct kith_handshake {
    enum kith_handshake_role role;
    enum kith_handshake_step step;
    struct kith_noise noise;
    const struct kith_keypair *keypair;
    const struct kith_scheme *scheme;
    struct kith_id expect;
    uint8_t version_min, version_max;
    uint8_t version; /* agreed on */
    struct kith_id peer;
    uint8_t hello_len, peer_hello_len;
    uint8_t hello[KITH_HANDSHAKE_HELLO_MAX];
    uint8_t peer_hello[KITH_HANDSHAKE_HELLO_MAX];
    uint8_t send_key[KITH_LINK_KEY_LEN];
    uint8_t receive_key[KITH_LINK_KEY_LEN];
    uint8_t hash[KITH_NOISE_HASH_LEN];
};

/* `static_secret` is the X25519 key of this process (drawn at its start, never stored), `ephemeral`
 * 32 fresh random bytes of this handshake alone: using them twice breaks the secrecy of both. */
void kith_handshake_init(struct kith_handshake *handshake,
                         const struct kith_handshake_config *config,
                         const uint8_t static_secret[static KITH_SEED_LEN],
                         const uint8_t ephemeral[static KITH_SEED_LEN]);

/* True if the next message is ours to write, or theirs to read; never both, and neither once it is
 * done or failed. The dialler begins. */
bool kith_handshake_may_write(const struct kith_handshake *handshake);
bool kith_handshake_may_read(const struct kith_handshake *handshake);
/* The most bytes the message to be read may have; 0 if none is to be read. */
size_t kith_handshake_read_max(const struct kith_handshake *handshake);

/* Write the next message, only when kith_handshake_may_write (asserted); a buffer of
 * KITH_HANDSHAKE_MESSAGE_MAX always suffices. 0; FULL (buffer too small) or CRYPTO (the far end's
 * key is of small order): either way it has failed. */
int kith_handshake_write(struct kith_handshake *handshake, uint8_t *ret, size_t size,
                         size_t *ret_len);
/* Take the far end's next message, whole and without its length. 0, or, and then the handshake has
 * failed and the link must be closed without an answer:
 *   CLOSED     it had failed or is done
 *   REPLAY     the message is not due now
 *   TRUNCATED, TRAILING, RANGE   its length or a field in it
 *   CRYPTO     not authentic: altered, another swarm, another protocol, a small-order key
 *   VERSION    no common version, or not the highest common one was chosen
 *   SIGNATURE  the hotkey did not sign this transcript
 *   SELF       the far end has our own hotkey
 *   IDENTITY   the far end has another hotkey than expected */
int kith_handshake_read(struct kith_handshake *handshake, struct kith_bytes message);

/* True if both ends are proven. Only then may the functions below be called (asserted). */
bool kith_handshake_done(const struct kith_handshake *handshake);
/* The keys of the frames this end sends, and receives: ChaCha20-Poly1305, nonce counters from 0. */
const uint8_t *kith_handshake_send_key(const struct kith_handshake *handshake);
const uint8_t *kith_handshake_receive_key(const struct kith_handshake *handshake);
const struct kith_id *kith_handshake_peer(const struct kith_handshake *handshake);
/* What the far end sent as its hello: authentic, otherwise unchecked. */
struct kith_bytes kith_handshake_peer_hello(const struct kith_handshake *handshake);
uint8_t kith_handshake_version(const struct kith_handshake *handshake);
/* 64 bytes, equal at both ends and never equal for two handshakes. */
const uint8_t *kith_handshake_hash(const struct kith_handshake *handshake);

/* Overwrite all secrets, at any time. What was not done has failed then. */
void kith_handshake_wipe(struct kith_handshake *handshake);

#endif
