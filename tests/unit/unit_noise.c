/* identity/noise: the published vectors, message by message, and keys that must end a handshake. */
#include <sodium.h>

#include "base/err.h"
#include "identity/noise.h"
#include "tests/test.h"
#include "tests/unit/noise_vectors.h"

enum { TEXT_MAX = 256 };

static struct kith_bytes unhex(const char *text, uint8_t *buffer)
{
    size_t len = strlen(text) / 2;
    bool good = len <= TEXT_MAX && kith_hex_decode(text, buffer, len);
    return good ? (struct kith_bytes){buffer, len} : (struct kith_bytes){NULL, 0};
}

static void init_pair(const struct noise_vector *vector, struct kith_noise noise[static 2])
{
    uint8_t prologue[TEXT_MAX], secret[TEXT_MAX], ephemeral[TEXT_MAX];
    struct kith_bytes bytes = unhex(vector->prologue, prologue);
    for (int i = 0; i < 2; i++) {
        unhex(vector->static_secret[i], secret);
        unhex(vector->ephemeral[i], ephemeral);
        kith_noise_init(&noise[i], i == 0, bytes, secret, ephemeral);
    }
}

/* One handshake message from `writer` to `reader`, compared with the vector's bytes. */
static const char *run_message(struct kith_noise *writer, struct kith_noise *reader,
                               const char *payload_hex, const char *sealed_hex)
{
    uint8_t payload[TEXT_MAX], wanted[TEXT_MAX], sealed[TEXT_MAX], plain[KITH_NOISE_PAYLOAD_MAX];
    size_t len = 0;
    struct kith_bytes message = unhex(payload_hex, payload), expect = unhex(sealed_hex, wanted);
    struct kith_writer out = kith_writer_into(sealed, sizeof sealed);
    if (kith_noise_write_keys(writer, &out) != 0) return "keys not written";
    kith_noise_write_payload(writer, message, &out);
    struct kith_bytes got = kith_written(&out);
    if (got.len != expect.len || memcmp(got.at, expect.at, got.len) != 0) return "other bytes";

    struct kith_reader in = kith_reader_of(got);
    if (kith_noise_read_keys(reader, &in) != 0) return "keys not read";
    if (memcmp(reader->state.hash, writer->state.hash, KITH_NOISE_HASH_LEN) == 0)
        return "the transcript did not grow";
    if (kith_noise_read_payload(reader, &in, plain, &len) != 0) return "payload not read";
    if (len != message.len || memcmp(plain, message.at, len) != 0) return "other payload";
    return memcmp(reader->state.hash, writer->state.hash, KITH_NOISE_HASH_LEN) ? "hashes" : "good";
}

static void vectors_of_the_handshake(void)
{
    for (size_t v = 0; v < NOISE_VECTORS; v++) {
        const struct noise_vector *vector = &noise_vectors[v];
        struct kith_noise noise[2];
        char hex[2 * KITH_NOISE_HASH_LEN + 1];
        init_pair(vector, noise);
        for (int i = 0; i < 3; i++)
            check_str(run_message(&noise[i % 2], &noise[(i + 1) % 2], vector->message[i].payload,
                                  vector->message[i].sealed),
                      "good");
        kith_hex_encode(noise[0].state.hash, KITH_NOISE_HASH_LEN, hex);
        if (vector->hash) check_str(hex, vector->hash);
    }
}

/* Messages 4 and on show that the split gives the right keys, each way and in the right order. */
static void vectors_of_the_transport(void)
{
    for (size_t v = 0; v < NOISE_VECTORS; v++) {
        const struct noise_vector *vector = &noise_vectors[v];
        struct kith_noise noise[2];
        uint8_t send[2][KITH_NOISE_KEY_LEN], receive[2][KITH_NOISE_KEY_LEN];
        init_pair(vector, noise);
        for (int i = 0; i < 3; i++)
            run_message(&noise[i % 2], &noise[(i + 1) % 2], vector->message[i].payload,
                        vector->message[i].sealed);
        for (int i = 0; i < 2; i++)
            kith_noise_split(&noise[i], send[i], receive[i]);
        check(memcmp(send[0], receive[1], KITH_NOISE_KEY_LEN) == 0);
        check(memcmp(send[1], receive[0], KITH_NOISE_KEY_LEN) == 0);
        for (size_t i = 3; i < vector->count; i++) {
            uint8_t payload[TEXT_MAX], sealed[TEXT_MAX], wanted[TEXT_MAX], nonce[12] = {0};
            struct kith_bytes plain = unhex(vector->message[i].payload, payload);
            struct kith_bytes expect = unhex(vector->message[i].sealed, wanted);
            unsigned long long len;
            nonce[4] = (uint8_t)((i - 3) / 2);
            crypto_aead_chacha20poly1305_ietf_encrypt(sealed, &len, plain.at, plain.len, NULL, 0,
                                                      NULL, nonce, send[i % 2]);
            check_int(len, expect.len);
            check(memcmp(sealed, expect.at, expect.len) == 0);
        }
    }
}

/* The points of small order and their spellings past p (RFC 7748): every DH with them is zero. */
static const char *const small_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
    "4c9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
    "d9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

/* Feed `key` as message 1 and let the responder answer. */
static int answer_to(const char *key)
{
    struct kith_noise noise[2];
    uint8_t message[TEXT_MAX], out[TEXT_MAX], plain[KITH_NOISE_PAYLOAD_MAX];
    size_t len;
    init_pair(&noise_vectors[0], noise);
    struct kith_reader reader = kith_reader_of(unhex(key, message));
    int err = kith_noise_read_keys(&noise[1], &reader);
    if (!err) err = kith_noise_read_payload(&noise[1], &reader, plain, &len);
    struct kith_writer writer = kith_writer_into(out, sizeof out);
    return err ? err : kith_noise_write_keys(&noise[1], &writer);
}

static void small_order_keys_end_it(void)
{
    for (size_t i = 0; i < sizeof small_order / sizeof *small_order; i++)
        check_int(answer_to(small_order[i]), KITH_ERR_CRYPTO);
    check_int(answer_to("0900000000000000000000000000000000000000000000000000000000000000"), 0);
}

/* The same key in another spelling is refused though its DH is sound. */
static void other_spellings_of_a_key_end_it(void)
{
    static const char *const spellings[] = {
        "0900000000000000000000000000000000000000000000000000000000000080",
        "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        check_int(answer_to(spellings[i]), KITH_ERR_CRYPTO);
}

/* The far end's static key arrives sealed by its owner, and is as little trusted. */
static void small_order_static_keys_end_it(void)
{
    for (size_t i = 0; i < sizeof small_order / sizeof *small_order; i++) {
        struct kith_noise noise[2];
        uint8_t key[TEXT_MAX], out[TEXT_MAX], plain[KITH_NOISE_PAYLOAD_MAX];
        size_t len;
        init_pair(&noise_vectors[0], noise);
        check_str(run_message(&noise[0], &noise[1], noise_vectors[0].message[0].payload,
                              noise_vectors[0].message[0].sealed),
                  "good");
        memcpy(noise[1].static_public, unhex(small_order[i], key).at, KITH_NOISE_KEY_LEN);
        struct kith_writer writer = kith_writer_into(out, sizeof out);
        check_int(kith_noise_write_keys(&noise[1], &writer), 0);
        kith_noise_write_payload(&noise[1], (struct kith_bytes){NULL, 0}, &writer);
        struct kith_reader reader = kith_reader_of(kith_written(&writer));
        int err = kith_noise_read_keys(&noise[0], &reader);
        if (!err) err = kith_noise_read_payload(&noise[0], &reader, plain, &len);
        check_int(err, KITH_ERR_CRYPTO);
    }
}

/* A static key with its top bit set gives the same DH, and is refused. */
static void other_spelling_of_a_static_key_ends_it(void)
{
    for (int i = 0; i < 2; i++) {
        uint8_t bit = i ? 0x80 : 0;
        struct kith_noise noise[2];
        uint8_t out[TEXT_MAX];
        init_pair(&noise_vectors[0], noise);
        run_message(&noise[0], &noise[1], noise_vectors[0].message[0].payload,
                    noise_vectors[0].message[0].sealed);
        noise[1].static_public[31] |= bit;
        struct kith_writer writer = kith_writer_into(out, sizeof out);
        check_int(kith_noise_write_keys(&noise[1], &writer), 0);
        struct kith_reader reader = kith_reader_of(kith_written(&writer));
        check_int(kith_noise_read_keys(&noise[0], &reader), bit ? KITH_ERR_CRYPTO : 0);
    }
}

static void wipe_leaves_nothing(void)
{
    struct kith_noise noise[2];
    uint8_t zero[sizeof noise[0]] = {0};
    init_pair(&noise_vectors[0], noise);
    kith_noise_wipe(&noise[0]);
    check(memcmp(&noise[0], zero, sizeof zero) == 0);
}

int main(void)
{
    run(vectors_of_the_handshake);
    run(vectors_of_the_transport);
    run(small_order_keys_end_it);
    run(other_spellings_of_a_key_end_it);
    run(small_order_static_keys_end_it);
    run(other_spelling_of_a_static_key_ends_it);
    run(wipe_leaves_nothing);
    return test_end();
}
