#include "identity/noise.h"

#include <string.h>

#include <sodium.h>

#include "base/assert.h"
#include "base/err.h"

enum { BLOCK_LEN = 128 }; /* of BLAKE2b, for HMAC */

static const char protocol_name[] = "Noise_XX_25519_ChaChaPoly_BLAKE2b";

_Static_assert(sizeof protocol_name - 1 <= KITH_NOISE_HASH_LEN, "the name stands in h unhashed");
_Static_assert(KITH_NOISE_KEY_LEN == crypto_scalarmult_BYTES, "X25519");
_Static_assert(KITH_NOISE_TAG_LEN == crypto_aead_chacha20poly1305_ietf_ABYTES, "Poly1305");

/* HASH(a || b). */
static void hash_two(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
                     uint8_t ret[static KITH_NOISE_HASH_LEN])
{
    crypto_generichash_blake2b_state state;
    crypto_generichash_blake2b_init(&state, NULL, 0, KITH_NOISE_HASH_LEN);
    if (a_len) crypto_generichash_blake2b_update(&state, a, a_len);
    if (b_len) crypto_generichash_blake2b_update(&state, b, b_len);
    crypto_generichash_blake2b_final(&state, ret, KITH_NOISE_HASH_LEN);
    sodium_memzero(&state, sizeof state);
}

/* HMAC (RFC 2104) over BLAKE2b; the key has a hash's length. */
static void hmac(const uint8_t key[static KITH_NOISE_HASH_LEN], const uint8_t *bytes, size_t len,
                 uint8_t ret[static KITH_NOISE_HASH_LEN])
{
    uint8_t inner[BLOCK_LEN], outer[BLOCK_LEN], hash[KITH_NOISE_HASH_LEN];
    for (size_t i = 0; i < BLOCK_LEN; i++) {
        uint8_t k = i < KITH_NOISE_HASH_LEN ? key[i] : 0;
        inner[i] = k ^ 0x36;
        outer[i] = k ^ 0x5c;
    }
    hash_two(inner, sizeof inner, bytes, len, hash);
    hash_two(outer, sizeof outer, hash, sizeof hash, ret);
    sodium_memzero(inner, sizeof inner);
    sodium_memzero(outer, sizeof outer);
    sodium_memzero(hash, sizeof hash);
}

/* HKDF(chain, input, 2): section 4.3. */
static void hkdf(const uint8_t chain[static KITH_NOISE_HASH_LEN], const uint8_t *input, size_t len,
                 uint8_t ret_a[static KITH_NOISE_HASH_LEN],
                 uint8_t ret_b[static KITH_NOISE_HASH_LEN])
{
    uint8_t temp[KITH_NOISE_HASH_LEN], text[KITH_NOISE_HASH_LEN + 1];
    hmac(chain, input, len, temp);
    text[0] = 1;
    hmac(temp, text, 1, ret_a);
    memcpy(text, ret_a, KITH_NOISE_HASH_LEN);
    text[KITH_NOISE_HASH_LEN] = 2;
    hmac(temp, text, sizeof text, ret_b);
    sodium_memzero(temp, sizeof temp);
    sodium_memzero(text, sizeof text);
}

static void mix_hash(struct kith_noise_state *state, const uint8_t *bytes, size_t len)
{
    hash_two(state->hash, KITH_NOISE_HASH_LEN, bytes, len, state->hash);
}

static void mix_key(struct kith_noise_state *state, const uint8_t input[static KITH_NOISE_KEY_LEN])
{
    uint8_t chain[KITH_NOISE_HASH_LEN], key[KITH_NOISE_HASH_LEN];
    hkdf(state->chain, input, KITH_NOISE_KEY_LEN, chain, key);
    memcpy(state->chain, chain, sizeof chain);
    memcpy(state->key, key, KITH_NOISE_KEY_LEN);
    state->has_key = true;
    state->nonce = 0;
    sodium_memzero(chain, sizeof chain);
    sodium_memzero(key, sizeof key);
}

/* Four zero bytes, then the counter, little-endian. */
static void next_nonce(struct kith_noise_state *state, uint8_t ret[static 12])
{
    uint64_t counter = state->nonce++;
    memset(ret, 0, 12);
    for (size_t i = 0; i < 8; i++)
        ret[4 + i] = (uint8_t)(counter >> (8 * i));
}

/* EncryptAndHash. */
static void seal_plain(struct kith_noise_state *state, struct kith_bytes plain,
                       struct kith_writer *writer)
{
    uint8_t sealed[KITH_NOISE_PAYLOAD_MAX + KITH_NOISE_TAG_LEN], nonce[12];
    kith_assert(plain.len <= KITH_NOISE_PAYLOAD_MAX);
    size_t len = plain.len;
    if (state->has_key) {
        unsigned long long sealed_len;
        next_nonce(state, nonce);
        crypto_aead_chacha20poly1305_ietf_encrypt(sealed, &sealed_len, plain.at, plain.len,
                                                  state->hash, KITH_NOISE_HASH_LEN, NULL, nonce,
                                                  state->key);
        len = (size_t)sealed_len;
    } else if (len) {
        memcpy(sealed, plain.at, len);
    }
    mix_hash(state, sealed, len);
    kith_write_raw(writer, sealed, len);
}

/* DecryptAndHash. `ret` holds KITH_NOISE_PAYLOAD_MAX bytes. */
static int open_sealed(struct kith_noise_state *state, struct kith_bytes sealed, uint8_t *ret,
                       size_t *ret_len)
{
    size_t tag_len = state->has_key ? KITH_NOISE_TAG_LEN : 0;
    if (sealed.len < tag_len) return KITH_ERR_TRUNCATED;
    if (sealed.len - tag_len > KITH_NOISE_PAYLOAD_MAX) return KITH_ERR_RANGE;
    if (state->has_key) {
        uint8_t nonce[12];
        next_nonce(state, nonce);
        int refused = crypto_aead_chacha20poly1305_ietf_decrypt(
            ret, NULL, NULL, sealed.at, sealed.len, state->hash, KITH_NOISE_HASH_LEN, nonce,
            state->key);
        if (refused) return KITH_ERR_CRYPTO;
    } else if (sealed.len) {
        memcpy(ret, sealed.at, sealed.len);
    }
    mix_hash(state, sealed.at, sealed.len);
    *ret_len = sealed.len - tag_len;
    return 0;
}

void kith_noise_init(struct kith_noise *noise, bool initiator, struct kith_bytes prologue,
                     const uint8_t static_secret[static KITH_NOISE_KEY_LEN],
                     const uint8_t ephemeral_secret[static KITH_NOISE_KEY_LEN])
{
    memset(noise, 0, sizeof *noise);
    noise->initiator = initiator;
    memcpy(noise->state.hash, protocol_name, sizeof protocol_name - 1);
    memcpy(noise->state.chain, noise->state.hash, KITH_NOISE_HASH_LEN);
    mix_hash(&noise->state, prologue.at, prologue.len);
    memcpy(noise->static_secret, static_secret, KITH_NOISE_KEY_LEN);
    memcpy(noise->ephemeral_secret, ephemeral_secret, KITH_NOISE_KEY_LEN);
    crypto_scalarmult_base(noise->static_public, noise->static_secret);
    crypto_scalarmult_base(noise->ephemeral_public, noise->ephemeral_secret);
}

/* A key has 32 other encodings at most (u >= 2^255 - 19, or the top bit set). Nobody honest sends
 * them, so that each key has one spelling in the transcript. */
static bool is_canonical(const uint8_t key[static KITH_NOISE_KEY_LEN])
{
    if (key[31] & 0x80) return false;
    if (key[31] != 0x7f || key[0] < 0xed) return true;
    for (size_t i = 1; i < 31; i++)
        if (key[i] != 0xff) return true;
    return false;
}

/* MixKey(DH(secret, key)). libsodium says so when the result is all zeros. */
static int mix_dh(struct kith_noise_state *state, const uint8_t secret[static KITH_NOISE_KEY_LEN],
                  const uint8_t key[static KITH_NOISE_KEY_LEN])
{
    uint8_t shared[KITH_NOISE_KEY_LEN];
    int zero = crypto_scalarmult(shared, secret, key);
    if (!zero) mix_key(state, shared);
    sodium_memzero(shared, sizeof shared);
    return zero ? KITH_ERR_CRYPTO : 0;
}

/* The tokens, named from the initiator's side: es is its ephemeral with the responder's static. */
static int mix_ee(struct kith_noise *noise)
{
    return mix_dh(&noise->state, noise->ephemeral_secret, noise->far_ephemeral);
}

static int mix_es(struct kith_noise *noise)
{
    if (noise->initiator) return mix_dh(&noise->state, noise->ephemeral_secret, noise->far_static);
    return mix_dh(&noise->state, noise->static_secret, noise->far_ephemeral);
}

static int mix_se(struct kith_noise *noise)
{
    if (noise->initiator) return mix_dh(&noise->state, noise->static_secret, noise->far_ephemeral);
    return mix_dh(&noise->state, noise->ephemeral_secret, noise->far_static);
}

static void write_e(struct kith_noise *noise, struct kith_writer *writer)
{
    kith_write_raw(writer, noise->ephemeral_public, KITH_NOISE_KEY_LEN);
    mix_hash(&noise->state, noise->ephemeral_public, KITH_NOISE_KEY_LEN);
}

static void write_s(struct kith_noise *noise, struct kith_writer *writer)
{
    seal_plain(&noise->state, (struct kith_bytes){noise->static_public, KITH_NOISE_KEY_LEN},
               writer);
}

static int read_e(struct kith_noise *noise, struct kith_reader *reader)
{
    kith_read_raw(reader, noise->far_ephemeral, KITH_NOISE_KEY_LEN);
    if (reader->failed) return KITH_ERR_TRUNCATED;
    mix_hash(&noise->state, noise->far_ephemeral, KITH_NOISE_KEY_LEN);
    return is_canonical(noise->far_ephemeral) ? 0 : KITH_ERR_CRYPTO;
}

static int read_s(struct kith_noise *noise, struct kith_reader *reader)
{
    uint8_t plain[KITH_NOISE_PAYLOAD_MAX];
    size_t len;
    struct kith_bytes sealed = kith_read_view(reader, KITH_NOISE_KEY_LEN + KITH_NOISE_TAG_LEN);
    if (reader->failed) return KITH_ERR_TRUNCATED;
    int err = open_sealed(&noise->state, sealed, plain, &len);
    if (err) return err;
    memcpy(noise->far_static, plain, KITH_NOISE_KEY_LEN);
    return is_canonical(noise->far_static) ? 0 : KITH_ERR_CRYPTO;
}

/* Messages 1 and 3 are the initiator's. */
static bool is_own_turn(const struct kith_noise *noise)
{
    return noise->message < 3 && noise->initiator == (noise->message != 1);
}

int kith_noise_write_keys(struct kith_noise *noise, struct kith_writer *writer)
{
    int err;
    kith_assert(is_own_turn(noise));
    if (noise->message == 2) {
        write_s(noise, writer);
        return mix_se(noise);
    }
    write_e(noise, writer);
    if (noise->message == 0) return 0;
    err = mix_ee(noise);
    if (err) return err;
    write_s(noise, writer);
    return mix_es(noise);
}

int kith_noise_read_keys(struct kith_noise *noise, struct kith_reader *reader)
{
    int err;
    kith_assert(noise->message < 3 && !is_own_turn(noise));
    if (noise->message == 2) {
        err = read_s(noise, reader);
        return err ? err : mix_se(noise);
    }
    err = read_e(noise, reader);
    if (err || noise->message == 0) return err;
    err = mix_ee(noise);
    if (!err) err = read_s(noise, reader);
    return err ? err : mix_es(noise);
}

void kith_noise_write_payload(struct kith_noise *noise, struct kith_bytes payload,
                              struct kith_writer *writer)
{
    kith_assert(is_own_turn(noise));
    seal_plain(&noise->state, payload, writer);
    noise->message++;
}

int kith_noise_read_payload(struct kith_noise *noise, struct kith_reader *reader, uint8_t *ret,
                            size_t *ret_len)
{
    kith_assert(noise->message < 3 && !is_own_turn(noise));
    int err = open_sealed(&noise->state, kith_read_view(reader, reader->left), ret, ret_len);
    if (!err) noise->message++;
    return err;
}

void kith_noise_split(const struct kith_noise *noise, uint8_t ret_send[static KITH_NOISE_KEY_LEN],
                      uint8_t ret_receive[static KITH_NOISE_KEY_LEN])
{
    uint8_t first[KITH_NOISE_HASH_LEN], second[KITH_NOISE_HASH_LEN];
    kith_assert(noise->message == 3);
    hkdf(noise->state.chain, NULL, 0, first, second);
    memcpy(ret_send, noise->initiator ? first : second, KITH_NOISE_KEY_LEN);
    memcpy(ret_receive, noise->initiator ? second : first, KITH_NOISE_KEY_LEN);
    sodium_memzero(first, sizeof first);
    sodium_memzero(second, sizeof second);
}

void kith_noise_wipe(struct kith_noise *noise)
{
    sodium_memzero(noise, sizeof *noise);
}
