/* identity/keys: RFC 8032's vectors, and what a verifier must refuse. */
#include "base/bytes.h"
#include "identity/keys.h"
#include "tests/test.h"

struct vector {
    const char *seed, *hotkey, *signature;
    uint8_t message[2];
    size_t len;
};

/* RFC 8032, 7.1, tests 1 to 3. */
static const struct vector vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
     "b46bd25bf5f0595bbe24655141438e7a100b",
     {0},
     0},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
     "1d8c387b2eaeb4302aeeb00d291612bb0c00",
     {0x72},
     1},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
     "c6594a7c15e9716ed28dc027beceea1ec40a",
     {0xaf, 0x82},
     2},
};

static void vectors_of_the_rfc(void)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint8_t seed[KITH_SEED_LEN], signature[KITH_SIGNATURE_LEN];
        char hex[2 * KITH_SIGNATURE_LEN + 1];
        struct kith_keypair pair;
        check(kith_hex_decode(vectors[i].seed, seed, sizeof seed));
        kith_keypair_from_seed(&pair, seed);
        kith_hex_encode(pair.hotkey.bytes, KITH_ID_LEN, hex);
        check_str(hex, vectors[i].hotkey);
        kith_ed25519.sign(&pair, vectors[i].message, vectors[i].len, signature);
        kith_hex_encode(signature, sizeof signature, hex);
        check_str(hex, vectors[i].signature);
        check(kith_ed25519.verify(&pair.hotkey, vectors[i].message, vectors[i].len, signature));
    }
}

static void every_flipped_bit_is_refused(void)
{
    uint8_t seed[KITH_SEED_LEN] = {1}, signature[KITH_SIGNATURE_LEN], message[] = "hello";
    struct kith_keypair pair;
    kith_keypair_from_seed(&pair, seed);
    kith_ed25519.sign(&pair, message, sizeof message, signature);
    for (size_t bit = 0; bit < 8 * KITH_SIGNATURE_LEN; bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check(!kith_ed25519.verify(&pair.hotkey, message, sizeof message, signature));
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * KITH_ID_LEN; bit++) {
        pair.hotkey.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check(!kith_ed25519.verify(&pair.hotkey, message, sizeof message, signature));
        pair.hotkey.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    check(!kith_ed25519.verify(&pair.hotkey, message, sizeof message - 1, signature));
    check(kith_ed25519.verify(&pair.hotkey, message, sizeof message, signature));
}

/* S + L signs the same message under the bare equation; RFC 8032 wants S < L. */
static void malleated_signature_is_refused(void)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    uint8_t seed[KITH_SEED_LEN] = {2}, signature[KITH_SIGNATURE_LEN];
    struct kith_keypair pair;
    kith_keypair_from_seed(&pair, seed);
    kith_ed25519.sign(&pair, "x", 1, signature);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    check_int(carry, 0);
    check(!kith_ed25519.verify(&pair.hotkey, "x", 1, signature));
    memset(signature + 32, 0xff, 32);
    check(!kith_ed25519.verify(&pair.hotkey, "x", 1, signature));
    memcpy(signature + 32, order, 32);
    check(!kith_ed25519.verify(&pair.hotkey, "x", 1, signature));
}

/* The points of order 1, 2, 4 and 8 and their other encodings. Under such a key A the signature
 * R = A^-h, S = 0 needs no secret: with order 1 it is R = 1, S = 0 for every message. */
static void small_order_keys_are_refused(void)
{
    static const char *const points[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    size_t count = sizeof points / sizeof *points;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            struct kith_id hotkey;
            uint8_t signature[KITH_SIGNATURE_LEN] = {0};
            check(kith_hex_decode(points[i], hotkey.bytes, KITH_ID_LEN));
            check(kith_hex_decode(points[j], signature, 32));
            for (uint8_t message = 0; message < 8; message++)
                check(!kith_ed25519.verify(&hotkey, &message, 1, signature));
        }
}

static void wipe_leaves_no_secret(void)
{
    static const uint8_t zero[KITH_SECRET_LEN];
    uint8_t seed[KITH_SEED_LEN] = {3};
    struct kith_keypair pair;
    kith_keypair_from_seed(&pair, seed);
    check(memcmp(pair.secret, zero, sizeof zero) != 0);
    kith_keypair_wipe(&pair);
    check(memcmp(pair.secret, zero, sizeof zero) == 0);
}

int main(void)
{
    run(vectors_of_the_rfc);
    run(every_flipped_bit_is_refused);
    run(malleated_signature_is_refused);
    run(small_order_keys_are_refused);
    run(wipe_leaves_no_secret);
    return test_end();
}
