#include "identity/handshake.h"

#include <string.h>

#include <sodium.h>

#include "base/assert.h"
#include "base/err.h"

enum {
    STAMP_LEN = 8, /* reserved for a proof of work's nonce; zero */
    PROLOGUE_LEN = 7 + KITH_ID_LEN,
    SIGNED_LEN = 10 + 1 + KITH_NOISE_HASH_LEN,
};

_Static_assert((size_t)KITH_LINK_KEY_LEN == KITH_NOISE_KEY_LEN,
               "a link's keys are those of the split");

static uint8_t min_u8(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

void kith_handshake_init(struct kith_handshake *handshake,
                         const struct kith_handshake_config *config,
                         const uint8_t static_secret[static KITH_SEED_LEN],
                         const uint8_t ephemeral[static KITH_SEED_LEN])
{
    kith_assert(config->hello.len <= KITH_HANDSHAKE_HELLO_MAX);
    kith_assert(config->version_min >= 1 && config->version_min <= config->version_max);
    memset(handshake, 0, sizeof *handshake);
    handshake->role = config->role;
    handshake->keypair = config->keypair;
    handshake->scheme = config->scheme;
    handshake->expect = config->expect;
    handshake->version_min = config->version_min;
    handshake->version_max = config->version_max;
    handshake->hello_len = (uint8_t)config->hello.len;
    if (config->hello.len) memcpy(handshake->hello, config->hello.at, config->hello.len);

    uint8_t prologue[PROLOGUE_LEN] = "kith/1";
    memcpy(prologue + 7, config->swarm.bytes, KITH_ID_LEN);
    kith_noise_init(&handshake->noise, config->role == KITH_HANDSHAKE_DIALLER,
                    (struct kith_bytes){prologue, sizeof prologue}, static_secret, ephemeral);
}

static bool is_dialler(const struct kith_handshake *handshake)
{
    return handshake->role == KITH_HANDSHAKE_DIALLER;
}

bool kith_handshake_may_write(const struct kith_handshake *handshake)
{
    if (handshake->step >= KITH_HANDSHAKE_DONE) return false;
    return is_dialler(handshake) == (handshake->step != KITH_HANDSHAKE_SECOND);
}

bool kith_handshake_may_read(const struct kith_handshake *handshake)
{
    return handshake->step < KITH_HANDSHAKE_DONE && !kith_handshake_may_write(handshake);
}

size_t kith_handshake_read_max(const struct kith_handshake *handshake)
{
    if (!kith_handshake_may_read(handshake)) return 0;
    bool first = handshake->step == KITH_HANDSHAKE_FIRST;
    return first ? KITH_HANDSHAKE_FIRST_MAX : KITH_HANDSHAKE_MESSAGE_MAX;
}

void kith_handshake_wipe(struct kith_handshake *handshake)
{
    sodium_memzero(handshake, sizeof *handshake);
    handshake->step = KITH_HANDSHAKE_FAILED;
}

/* What a hotkey signs: the domain, the role of the signer, and the transcript so far. */
static void signed_text(enum kith_handshake_role signer,
                        const uint8_t hash[static KITH_NOISE_HASH_LEN],
                        uint8_t ret[static SIGNED_LEN])
{
    static const char domain[] = "kith/hs/1";
    memcpy(ret, domain, sizeof domain);
    ret[sizeof domain] = (uint8_t)signer;
    memcpy(ret + sizeof domain + 1, hash, KITH_NOISE_HASH_LEN);
}

static void write_proof(const struct kith_handshake *handshake, struct kith_writer *payload)
{
    uint8_t text[SIGNED_LEN], signature[KITH_SIGNATURE_LEN];
    signed_text(handshake->role, handshake->noise.state.hash, text);
    handshake->scheme->sign(handshake->keypair, text, sizeof text, signature);
    kith_write_raw(payload, handshake->keypair->hotkey.bytes, KITH_ID_LEN);
    kith_write_raw(payload, signature, sizeof signature);
}

static void write_hello(const struct kith_handshake *handshake, struct kith_writer *payload)
{
    kith_write_u8(payload, handshake->hello_len);
    kith_write_raw(payload, handshake->hello, handshake->hello_len);
}

static void write_versions(const struct kith_handshake *handshake, uint8_t third,
                           struct kith_writer *payload)
{
    kith_write_u8(payload, handshake->version_min);
    kith_write_u8(payload, handshake->version_max);
    kith_write_u8(payload, third);
}

static void write_payload(const struct kith_handshake *handshake, struct kith_writer *payload)
{
    static const uint8_t stamp[STAMP_LEN];
    if (handshake->step == KITH_HANDSHAKE_FIRST) {
        write_versions(handshake, 0, payload);
        return;
    }
    if (handshake->step == KITH_HANDSHAKE_SECOND)
        write_versions(handshake, handshake->version, payload);
    write_proof(handshake, payload);
    if (handshake->step == KITH_HANDSHAKE_THIRD) kith_write_raw(payload, stamp, sizeof stamp);
    write_hello(handshake, payload);
}

/* After a message: the next step, and at the end the keys. */
static void advance(struct kith_handshake *handshake)
{
    handshake->step++;
    if (handshake->step != KITH_HANDSHAKE_DONE) return;
    kith_noise_split(&handshake->noise, handshake->send_key, handshake->receive_key);
    memcpy(handshake->hash, handshake->noise.state.hash, KITH_NOISE_HASH_LEN);
    kith_noise_wipe(&handshake->noise);
}

int kith_handshake_write(struct kith_handshake *handshake, uint8_t *ret, size_t size,
                         size_t *ret_len)
{
    uint8_t plain[KITH_NOISE_PAYLOAD_MAX];
    struct kith_writer payload = kith_writer_into(plain, sizeof plain);
    struct kith_writer writer = kith_writer_into(ret, size);
    kith_assert(kith_handshake_may_write(handshake));
    int err = kith_noise_write_keys(&handshake->noise, &writer);
    if (!err) {
        write_payload(handshake, &payload);
        kith_assert(!payload.failed);
        kith_noise_write_payload(&handshake->noise, kith_written(&payload), &writer);
        if (writer.failed) err = KITH_ERR_FULL;
    }
    if (err) {
        kith_handshake_wipe(handshake);
        return err;
    }
    *ret_len = writer.len;
    advance(handshake);
    return 0;
}

/* The far end's range; agree on the highest version both speak. */
static int read_range(struct kith_handshake *handshake, struct kith_reader *payload)
{
    uint8_t far_min = kith_read_u8(payload), far_max = kith_read_u8(payload);
    if (payload->failed) return KITH_ERR_TRUNCATED;
    if (far_min == 0 || far_min > far_max) return KITH_ERR_RANGE;
    handshake->version = min_u8(handshake->version_max, far_max);
    bool common = handshake->version >= handshake->version_min && handshake->version >= far_min;
    return common ? 0 : KITH_ERR_VERSION;
}

/* The hotkey and that it signed `hash`, the transcript before the payload. */
static int read_proof(struct kith_handshake *handshake, struct kith_reader *payload,
                      const uint8_t hash[static KITH_NOISE_HASH_LEN])
{
    uint8_t text[SIGNED_LEN], signature[KITH_SIGNATURE_LEN];
    kith_read_raw(payload, handshake->peer.bytes, KITH_ID_LEN);
    kith_read_raw(payload, signature, sizeof signature);
    if (payload->failed) return KITH_ERR_TRUNCATED;
    signed_text(is_dialler(handshake) ? KITH_HANDSHAKE_LISTENER : KITH_HANDSHAKE_DIALLER, hash,
                text);
    bool good = handshake->scheme->verify(&handshake->peer, text, sizeof text, signature);
    return good ? 0 : KITH_ERR_SIGNATURE;
}

static int read_hello(struct kith_handshake *handshake, struct kith_reader *payload)
{
    uint8_t len = kith_read_u8(payload);
    if (len > KITH_HANDSHAKE_HELLO_MAX) return KITH_ERR_RANGE;
    kith_read_raw(payload, handshake->peer_hello, len);
    if (payload->failed) return KITH_ERR_TRUNCATED;
    handshake->peer_hello_len = len;
    return payload->left ? KITH_ERR_TRAILING : 0;
}

/* Who it is, once that is proven. */
static int check_peer(const struct kith_handshake *handshake)
{
    if (kith_id_eq(&handshake->peer, &handshake->keypair->hotkey)) return KITH_ERR_SELF;
    if (kith_id_is_zero(&handshake->expect)) return 0;
    return kith_id_eq(&handshake->peer, &handshake->expect) ? 0 : KITH_ERR_IDENTITY;
}

static int read_first(struct kith_handshake *handshake, struct kith_reader *payload)
{
    int err = read_range(handshake, payload);
    uint8_t flags = kith_read_u8(payload);
    if (payload->failed) return KITH_ERR_TRUNCATED;
    if (payload->left) return KITH_ERR_TRAILING;
    if (err) return err;
    return flags ? KITH_ERR_RANGE : 0;
}

static int read_second(struct kith_handshake *handshake, struct kith_reader *payload,
                       const uint8_t hash[static KITH_NOISE_HASH_LEN])
{
    int err = read_range(handshake, payload);
    if (err) return err;
    uint8_t chosen = kith_read_u8(payload);
    if (!payload->failed && chosen != handshake->version) return KITH_ERR_VERSION;
    err = read_proof(handshake, payload, hash);
    if (!err) err = read_hello(handshake, payload);
    return err ? err : check_peer(handshake);
}

static int read_third(struct kith_handshake *handshake, struct kith_reader *payload,
                      const uint8_t hash[static KITH_NOISE_HASH_LEN])
{
    int err = read_proof(handshake, payload, hash);
    if (err) return err;
    if (kith_read_u64(payload) != 0) return KITH_ERR_RANGE;
    err = read_hello(handshake, payload);
    return err ? err : check_peer(handshake);
}

static int read_message(struct kith_handshake *handshake, struct kith_bytes message)
{
    uint8_t hash[KITH_NOISE_HASH_LEN], plain[KITH_NOISE_PAYLOAD_MAX];
    size_t len = 0;
    struct kith_reader reader = kith_reader_of(message);
    if (message.len > kith_handshake_read_max(handshake)) return KITH_ERR_RANGE;
    int err = kith_noise_read_keys(&handshake->noise, &reader);
    if (err) return err;
    memcpy(hash, handshake->noise.state.hash, sizeof hash);
    err = kith_noise_read_payload(&handshake->noise, &reader, plain, &len);
    if (err) return err;

    struct kith_reader payload = kith_reader_of((struct kith_bytes){plain, len});
    if (handshake->step == KITH_HANDSHAKE_FIRST) return read_first(handshake, &payload);
    if (handshake->step == KITH_HANDSHAKE_SECOND) return read_second(handshake, &payload, hash);
    return read_third(handshake, &payload, hash);
}

int kith_handshake_read(struct kith_handshake *handshake, struct kith_bytes message)
{
    int err = KITH_ERR_REPLAY;
    if (handshake->step >= KITH_HANDSHAKE_DONE) return KITH_ERR_CLOSED;
    if (kith_handshake_may_read(handshake)) err = read_message(handshake, message);
    if (err)
        kith_handshake_wipe(handshake);
    else
        advance(handshake);
    return err;
}

bool kith_handshake_done(const struct kith_handshake *handshake)
{
    return handshake->step == KITH_HANDSHAKE_DONE;
}

const uint8_t *kith_handshake_send_key(const struct kith_handshake *handshake)
{
    kith_assert(kith_handshake_done(handshake));
    return handshake->send_key;
}

const uint8_t *kith_handshake_receive_key(const struct kith_handshake *handshake)
{
    kith_assert(kith_handshake_done(handshake));
    return handshake->receive_key;
}

const struct kith_id *kith_handshake_peer(const struct kith_handshake *handshake)
{
    kith_assert(kith_handshake_done(handshake));
    return &handshake->peer;
}

struct kith_bytes kith_handshake_peer_hello(const struct kith_handshake *handshake)
{
    kith_assert(kith_handshake_done(handshake));
    return (struct kith_bytes){handshake->peer_hello, handshake->peer_hello_len};
}

uint8_t kith_handshake_version(const struct kith_handshake *handshake)
{
    kith_assert(kith_handshake_done(handshake));
    return handshake->version;
}

const uint8_t *kith_handshake_hash(const struct kith_handshake *handshake)
{
    kith_assert(kith_handshake_done(handshake));
    return handshake->hash;
}
