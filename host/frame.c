#include "host/frame.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

enum { NONCE_LEN = 12, CIPHER_BLOCK = 64, FIRST_MAX = 4 * CIPHER_BLOCK };

static void nonce_of(uint64_t count, uint8_t ret[static NONCE_LEN])
{
    struct kith_writer writer = kith_writer_into(ret, NONCE_LEN);
    kith_write_u32(&writer, 0);
    kith_write_u64(&writer, count);
}

/* Give the cipher a nonce and, when `secret` is not NULL, a key. libcrypto allocates here only for
 * a cipher set up for the first time, so that afterwards a failure is a bug. */
static bool cipher_start(struct kith_frame_key *key, const EVP_CIPHER *cipher,
                         const uint8_t *secret, uint64_t count)
{
    uint8_t nonce[NONCE_LEN];
    nonce_of(count, nonce);
    return EVP_CipherInit_ex2(key->cipher, cipher, secret, nonce, key->seals, NULL) == 1;
}

int kith_frame_key_init(struct kith_frame_key *key, const uint8_t secret[static KITH_FRAME_KEY_LEN],
                        bool seals)
{
    memset(key, 0, sizeof *key);
    key->seals = seals;
    key->cipher = EVP_CIPHER_CTX_new();
    if (!key->cipher) return KITH_ERR_NOMEM;
    if (!cipher_start(key, EVP_chacha20_poly1305(), secret, 0)) {
        kith_frame_key_release(key);
        return KITH_ERR_NOMEM;
    }
    memcpy(key->key, secret, KITH_FRAME_KEY_LEN);
    return 0;
}

void kith_frame_key_release(struct kith_frame_key *key)
{
    EVP_CIPHER_CTX_free(key->cipher);
    OPENSSL_cleanse(key, sizeof *key);
}

static void cipher_update(struct kith_frame_key *key, const uint8_t *bytes, size_t len,
                          uint8_t *ret)
{
    int written = 0;
    kith_assert(len <= KITH_FRAME_MAX);
    if (len == 0) return;
    int done = EVP_CipherUpdate(key->cipher, ret, &written, bytes, (int)len);
    kith_assert(done == 1);
    kith_assert(written == (int)len);
}

/* Noise, 4.2: k becomes the first 32 bytes of ENCRYPT(k, 2^64-1, nothing, 32 zero bytes). Those are
 * key stream, hence the same whether the cipher is set to seal or to open. */
static void rekey(struct kith_frame_key *key)
{
    static const uint8_t zeros[KITH_FRAME_KEY_LEN];
    uint8_t fresh[KITH_FRAME_KEY_LEN];
    bool started = cipher_start(key, NULL, NULL, UINT64_MAX);
    kith_assert(started);
    cipher_update(key, zeros, sizeof zeros, fresh);
    started = cipher_start(key, NULL, fresh, 0);
    kith_assert(started);
    memcpy(key->key, fresh, sizeof fresh);
    OPENSSL_cleanse(fresh, sizeof fresh);
    key->frames = 0;
    key->bytes = 0;
}

static void key_prepare(struct kith_frame_key *key)
{
    if (key->frames >= KITH_FRAME_REKEY_FRAMES || key->bytes >= KITH_FRAME_REKEY_BYTES) rekey(key);
    bool started = cipher_start(key, NULL, NULL, key->count);
    kith_assert(started);
}

static void key_advance(struct kith_frame_key *key, size_t plain_len)
{
    key->count++;
    key->frames++;
    key->bytes += plain_len;
}

static void write_head(uint8_t *ret, size_t sealed_len)
{
    ret[0] = (uint8_t)(sealed_len >> 24);
    ret[1] = (uint8_t)(sealed_len >> 16);
    ret[2] = (uint8_t)(sealed_len >> 8);
    ret[3] = (uint8_t)sealed_len;
}

/* Seal type, head and so much of the body that whole blocks of the cipher are filled: what follows
 * then goes through its fast path, which a tenth of the time would be lost without. Returns how
 * much of the body was taken. */
static size_t seal_first(struct kith_frame_key *key, uint8_t type, struct kith_bytes head,
                         struct kith_bytes body, uint8_t *ret)
{
    uint8_t first[FIRST_MAX];
    size_t len = 1 + head.len;
    if (len > FIRST_MAX - CIPHER_BLOCK) {
        cipher_update(key, &type, 1, ret);
        cipher_update(key, head.at, head.len, ret + 1);
        return 0;
    }
    size_t gap = (CIPHER_BLOCK - len % CIPHER_BLOCK) % CIPHER_BLOCK;
    size_t taken = gap < body.len ? gap : body.len;
    first[0] = type;
    if (head.len > 0) memcpy(first + 1, head.at, head.len);
    if (taken > 0) memcpy(first + len, body.at, taken);
    cipher_update(key, first, len + taken, ret);
    return taken;
}

size_t kith_frame_seal(struct kith_frame_key *key, uint8_t type, struct kith_bytes head,
                       struct kith_bytes body, uint8_t *ret)
{
    size_t body_len = head.len + body.len;
    kith_assert(key->seals);
    kith_assert(body_len >= 1);
    kith_assert(body_len <= KITH_MESSAGE_MAX);
    if (key->count >= KITH_FRAME_COUNT_MAX) return 0;

    key_prepare(key);
    write_head(ret, 1 + body_len + KITH_FRAME_TAG_LEN);
    uint8_t *at = ret + KITH_FRAME_HEAD_LEN;
    size_t taken = seal_first(key, type, head, body, at);
    cipher_update(key, body.len > taken ? body.at + taken : NULL, body.len - taken,
                  at + 1 + head.len + taken);

    uint8_t *tag = at + 1 + body_len;
    int written = 0;
    bool sealed = EVP_CipherFinal_ex(key->cipher, tag, &written) == 1 &&
                  EVP_CIPHER_CTX_ctrl(key->cipher, EVP_CTRL_AEAD_GET_TAG, KITH_FRAME_TAG_LEN, tag);
    kith_assert(sealed);
    key_advance(key, 1 + body_len);
    return KITH_FRAME_OVERHEAD + body_len;
}

int kith_frame_length(const uint8_t *at, size_t available, size_t *ret_length)
{
    if (available < KITH_FRAME_HEAD_LEN) {
        *ret_length = 0;
        return 0;
    }
    uint32_t sealed_len =
        (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
    if (sealed_len < KITH_FRAME_SEALED_MIN || sealed_len > KITH_FRAME_SEALED_MAX)
        return KITH_ERR_RANGE;
    *ret_length = KITH_FRAME_HEAD_LEN + sealed_len;
    return 0;
}

int kith_frame_open(struct kith_frame_key *key, uint8_t *frame, size_t len, uint8_t *ret_type,
                    struct kith_bytes *ret_body)
{
    kith_assert(!key->seals);
    kith_assert(len >= KITH_FRAME_HEAD_LEN + KITH_FRAME_SEALED_MIN);
    kith_assert(len <= KITH_FRAME_MAX);
    if (key->count >= KITH_FRAME_COUNT_MAX) return KITH_ERR_CRYPTO;

    key_prepare(key);
    uint8_t *at = frame + KITH_FRAME_HEAD_LEN;
    size_t plain_len = len - KITH_FRAME_HEAD_LEN - KITH_FRAME_TAG_LEN;
    int set =
        EVP_CIPHER_CTX_ctrl(key->cipher, EVP_CTRL_AEAD_SET_TAG, KITH_FRAME_TAG_LEN, at + plain_len);
    kith_assert(set == 1);
    cipher_update(key, at, plain_len, at);
    int written = 0;
    if (EVP_CipherFinal_ex(key->cipher, at, &written) != 1) return KITH_ERR_CRYPTO;
    key_advance(key, plain_len);
    *ret_type = at[0];
    *ret_body = (struct kith_bytes){at + 1, plain_len - 1};
    return 0;
}
