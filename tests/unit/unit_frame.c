/* Frames: the cipher against RFC 8439 and against libsodium's, and what a tampered stream gets. */
#include <openssl/evp.h>
#include <sodium.h>

#include "base/err.h"
#include "host/frame.h"
#include "tests/test.h"

static const uint8_t secret[KITH_FRAME_KEY_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
static uint8_t wire[8 * KITH_FRAME_MAX];
static uint8_t message[KITH_MESSAGE_MAX + 1];

static struct kith_bytes text(const char *string)
{
    return (struct kith_bytes){(const uint8_t *)string, strlen(string)};
}

static const struct kith_bytes nothing = {0};

struct pair {
    struct kith_frame_key seal, open;
};

static struct pair pair_new(void)
{
    struct pair pair;
    if (kith_frame_key_init(&pair.seal, secret, true) != 0) abort();
    if (kith_frame_key_init(&pair.open, secret, false) != 0) abort();
    return pair;
}

static void pair_free(struct pair *pair)
{
    kith_frame_key_release(&pair->seal);
    kith_frame_key_release(&pair->open);
}

/* Open the frame at `at` and compare; true if it is `wanted`. */
static bool opens_as(struct kith_frame_key *key, uint8_t *at, size_t len, struct kith_bytes wanted)
{
    size_t length = 0;
    uint8_t type = 0;
    struct kith_bytes body = {0};
    if (kith_frame_length(at, len, &length) != 0 || length != len) return false;
    if (kith_frame_open(key, at, len, &type, &body) != 0) return false;
    return type == KITH_FRAME_MESSAGE && body.len == wanted.len &&
           memcmp(body.at, wanted.at, wanted.len) == 0;
}

static void agrees_with_the_oracle(void)
{
    struct pair pair = pair_new();
    static const size_t sizes[] = {1, 15, 16, 17, 63, 64, 65, 255, 4096, KITH_MESSAGE_MAX};
    static uint8_t plain[1 + KITH_MESSAGE_MAX], expected[KITH_FRAME_SEALED_MAX];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t nonce[12] = {0, 0, 0, 0, (uint8_t)i};
        unsigned long long expected_len = 0;
        randombytes_buf_deterministic(plain, sizeof plain, secret);
        plain[0] = KITH_FRAME_MESSAGE;
        crypto_aead_chacha20poly1305_ietf_encrypt(expected, &expected_len, plain, 1 + sizes[i],
                                                  NULL, 0, NULL, nonce, secret);
        size_t cut = sizes[i] / 3;
        size_t len =
            kith_frame_seal(&pair.seal, KITH_FRAME_MESSAGE, (struct kith_bytes){plain + 1, cut},
                            (struct kith_bytes){plain + 1 + cut, sizes[i] - cut}, wire);
        check_int(len, KITH_FRAME_HEAD_LEN + expected_len);
        check(memcmp(wire + KITH_FRAME_HEAD_LEN, expected, (size_t)expected_len) == 0);
    }
    pair_free(&pair);
}

/* RFC 8439, 2.8.2: its nonce and its associated data are not those of frames, so this asks the two
 * libraries themselves; the case above ties the frames to them. */
static const uint8_t rfc_nonce[12] = {7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47};
static const uint8_t rfc_aad[12] = {0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1,
                                    0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
static const char rfc_plain[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                                "only one tip for the future, sunscreen would be it.";
static const char rfc_sealed_hex[] =
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
    "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
    "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
    "3ff4def08e4b7a9de576d26586cec64b6116"
    "1ae10b594f09e26a7e902ecbd0600691";

enum { RFC_PLAIN_LEN = sizeof rfc_plain - 1, RFC_SEALED_LEN = RFC_PLAIN_LEN + 16 };

static bool rfc_seal_libcrypto(const uint8_t *key, uint8_t *ret)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int len = 0;
    bool done =
        cipher && EVP_EncryptInit_ex2(cipher, EVP_chacha20_poly1305(), key, rfc_nonce, NULL);
    done = done && EVP_EncryptUpdate(cipher, NULL, &len, rfc_aad, sizeof rfc_aad);
    done = done && EVP_EncryptUpdate(cipher, ret, &len, (const uint8_t *)rfc_plain, RFC_PLAIN_LEN);
    done = done && EVP_EncryptFinal_ex(cipher, ret + RFC_PLAIN_LEN, &len);
    done = done && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, ret + RFC_PLAIN_LEN);
    EVP_CIPHER_CTX_free(cipher);
    return done;
}

static void rfc_8439_vector_in_both_libraries(void)
{
    uint8_t key[32], wanted[RFC_SEALED_LEN], sealed[RFC_SEALED_LEN];
    unsigned long long len = 0;
    for (uint8_t i = 0; i < 32; i++)
        key[i] = (uint8_t)(0x80 + i);
    check(kith_hex_decode(rfc_sealed_hex, wanted, sizeof wanted));
    crypto_aead_chacha20poly1305_ietf_encrypt(sealed, &len, (const uint8_t *)rfc_plain,
                                              RFC_PLAIN_LEN, rfc_aad, sizeof rfc_aad, NULL,
                                              rfc_nonce, key);
    check_int(len, sizeof sealed);
    check(memcmp(sealed, wanted, sizeof sealed) == 0);
    memset(sealed, 0, sizeof sealed);
    check(rfc_seal_libcrypto(key, sealed));
    check(memcmp(sealed, wanted, sizeof sealed) == 0);
}

static void round_trip_of_every_size_class(void)
{
    struct pair pair = pair_new();
    static const size_t sizes[] = {
        1, 2, 11, 12, 43, 44, 1000, 16384, 65535, 65536, KITH_MESSAGE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct kith_bytes whole = {message, sizes[i]};
        size_t len = kith_frame_seal(&pair.seal, KITH_FRAME_MESSAGE, whole, nothing, wire);
        check_int(len, sizes[i] + KITH_FRAME_OVERHEAD);
        check(opens_as(&pair.open, wire, len, whole));
    }
    pair_free(&pair);
}

static void a_flipped_bit_anywhere_does_not_open(void)
{
    for (size_t bit = KITH_FRAME_HEAD_LEN * 8; bit < (KITH_FRAME_OVERHEAD + 5) * 8; bit++) {
        struct pair pair = pair_new();
        size_t len = kith_frame_seal(&pair.seal, KITH_FRAME_MESSAGE, text("hello"), nothing, wire);
        uint8_t type = 0;
        struct kith_bytes body = nothing;
        wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_int(kith_frame_open(&pair.open, wire, len, &type, &body), KITH_ERR_CRYPTO);
        check_int(type, 0);
        check(body.at == NULL);
        pair_free(&pair);
    }
}

/* Seal three frames and open those numbered in `order`: the last must be refused. */
static bool refused(const int *order, int count)
{
    struct pair pair = pair_new();
    size_t len = KITH_FRAME_OVERHEAD + 5;
    for (int i = 0; i < 3; i++)
        kith_frame_seal(&pair.seal, KITH_FRAME_MESSAGE, text("hello"), nothing,
                        wire + len * (size_t)i);
    int err = 0;
    for (int i = 0; i < count; i++) {
        uint8_t copy[KITH_FRAME_OVERHEAD + 5], type;
        struct kith_bytes body;
        memcpy(copy, wire + len * (size_t)order[i], len);
        err = kith_frame_open(&pair.open, copy, len, &type, &body);
        if (err != 0 && i < count - 1) return false;
    }
    pair_free(&pair);
    return err == KITH_ERR_CRYPTO;
}

static void reordered_repeated_or_lost_frames_do_not_open(void)
{
    check(refused((int[]){1}, 1));
    check(refused((int[]){0, 2}, 2));
    check(refused((int[]){0, 0}, 2));
    check(refused((int[]){0, 1, 0}, 3));
    check(!refused((int[]){0, 1, 2}, 3));
}

static void another_key_does_not_open(void)
{
    struct pair pair = pair_new();
    struct kith_frame_key other;
    uint8_t secret_other[KITH_FRAME_KEY_LEN] = {2};
    check_int(kith_frame_key_init(&other, secret_other, false), 0);
    size_t len = kith_frame_seal(&pair.seal, KITH_FRAME_MESSAGE, text("hello"), nothing, wire);
    check(!opens_as(&other, wire, len, text("hello")));
    kith_frame_key_release(&other);
    pair_free(&pair);
}

static void impossible_lengths_are_refused(void)
{
    static const struct {
        uint8_t head[4];
        int err;
    } cases[] = {
        {{0, 0, 0, 0}, KITH_ERR_RANGE},
        {{0, 0, 0, 17}, KITH_ERR_RANGE},
        {{0, 0, 0, 18}, 0},
        {{0, 1, 1, 0x11}, 0},
        {{0, 1, 1, 0x12}, KITH_ERR_RANGE},
        {{0, 1, 255, 255}, KITH_ERR_RANGE},
        {{1, 0, 0, 18}, KITH_ERR_RANGE},
        {{255, 255, 255, 255}, KITH_ERR_RANGE},
        {{'G', 'E', 'T', ' '}, KITH_ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = 7;
        check_int(kith_frame_length(cases[i].head, 4, &length), cases[i].err);
        check(cases[i].err == 0 ? length >= KITH_FRAME_OVERHEAD + 1 && length <= KITH_FRAME_MAX
                                : length == 7);
        check_int(kith_frame_length(cases[i].head, 3, &length), 0);
        check_int(length, 0);
    }
}

/* The Noise definition of REKEY, by the oracle. */
static void oracle_rekey(uint8_t key[static KITH_FRAME_KEY_LEN])
{
    uint8_t nonce[12] = {0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255};
    uint8_t zeros[32] = {0}, sealed[48];
    crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, zeros, 32, NULL, 0, NULL, nonce, key);
    memcpy(key, sealed, KITH_FRAME_KEY_LEN);
}

static void rekeys_after_65536_frames(void)
{
    struct pair pair = pair_new();
    uint8_t key[KITH_FRAME_KEY_LEN];
    memcpy(key, secret, sizeof key);
    oracle_rekey(key);
    for (uint32_t i = 0; i < 3 * KITH_FRAME_REKEY_FRAMES / 2; i++) {
        size_t len = kith_frame_seal(&pair.seal, KITH_FRAME_MESSAGE, text("x"), nothing, wire);
        check(opens_as(&pair.open, wire, len, text("x")));
        if (i == KITH_FRAME_REKEY_FRAMES - 1) check(memcmp(pair.seal.key, secret, 32) == 0);
        if (i == KITH_FRAME_REKEY_FRAMES) check(memcmp(pair.seal.key, key, 32) == 0);
    }
    check(memcmp(pair.open.key, key, 32) == 0);
    check_int(pair.seal.count, 3 * KITH_FRAME_REKEY_FRAMES / 2);
    pair_free(&pair);
}

static void rekeys_after_a_gibibyte(void)
{
    struct pair pair = pair_new();
    struct kith_bytes whole = {message, KITH_MESSAGE_MAX};
    uint8_t key[KITH_FRAME_KEY_LEN];
    memcpy(key, secret, sizeof key);
    oracle_rekey(key);
    pair.seal.bytes = pair.open.bytes = KITH_FRAME_REKEY_BYTES - 2 * (KITH_MESSAGE_MAX + 1);
    for (int i = 0; i < 4; i++) {
        size_t len = kith_frame_seal(&pair.seal, KITH_FRAME_MESSAGE, whole, nothing, wire);
        check(opens_as(&pair.open, wire, len, whole));
        check(memcmp(pair.open.key, i < 2 ? secret : key, 32) == 0);
    }
    pair_free(&pair);
}

static void a_direction_ends_before_its_count_does(void)
{
    struct pair pair = pair_new();
    pair.seal.count = pair.open.count = KITH_FRAME_COUNT_MAX - 1;
    size_t len = kith_frame_seal(&pair.seal, KITH_FRAME_MESSAGE, text("x"), nothing, wire);
    check(opens_as(&pair.open, wire, len, text("x")));
    check_int(kith_frame_seal(&pair.seal, KITH_FRAME_MESSAGE, text("x"), nothing, wire), 0);
    /* Well sealed, under a count that no sender uses. */
    uint8_t nonce[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, plain[2] = {KITH_FRAME_MESSAGE, 'x'};
    crypto_aead_chacha20poly1305_ietf_encrypt(wire + KITH_FRAME_HEAD_LEN, NULL, plain, sizeof plain,
                                              NULL, 0, NULL, nonce, pair.open.key);
    check_int(pair.open.count, KITH_FRAME_COUNT_MAX);
    check(!opens_as(&pair.open, wire, len, text("x")));
    pair_free(&pair);
}

int main(void)
{
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(i * 31 >> 3);
    run(agrees_with_the_oracle);
    run(rfc_8439_vector_in_both_libraries);
    run(round_trip_of_every_size_class);
    run(a_flipped_bit_anywhere_does_not_open);
    run(reordered_repeated_or_lost_frames_do_not_open);
    run(another_key_does_not_open);
    run(impossible_lengths_are_refused);
    run(rekeys_after_65536_frames);
    run(rekeys_after_a_gibibyte);
    run(a_direction_ends_before_its_count_does);
    return test_end();
}
