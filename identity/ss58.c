#include "identity/ss58.h"

#include <stddef.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"

enum {
    CHECK_LEN = 2,
    RAW_LEN = 1 + KITH_ID_LEN + CHECK_LEN,
    TEXT_LEN = KITH_SS58_MAX - 1, /* of every raw address that starts with the prefix */
    LIMBS = (RAW_LEN + 3) / 4,
    DIGITS = 5, /* taken from the number at once */
    DIGITS_VALUE = 58 * 58 * 58 * 58 * 58,
};

static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/* The checksum of the prefix and key at `raw`. */
static void checksum(const uint8_t *raw, uint8_t ret[static CHECK_LEN])
{
    uint8_t input[7 + 1 + KITH_ID_LEN], hash[crypto_generichash_blake2b_BYTES_MAX];
    memcpy(input, "SS58PRE", 7);
    memcpy(input + 7, raw, 1 + KITH_ID_LEN);
    crypto_generichash_blake2b(hash, sizeof hash, input, sizeof input, NULL, 0);
    memcpy(ret, hash, CHECK_LEN);
}

/* The bytes as one number of 32-bit limbs, the greatest first. */
static void load(const uint8_t raw[static RAW_LEN], uint32_t ret[static LIMBS])
{
    memset(ret, 0, LIMBS * sizeof *ret);
    for (size_t i = 0; i < RAW_LEN; i++) {
        size_t place = RAW_LEN - 1 - i; /* from the end */
        ret[LIMBS - 1 - place / 4] |= (uint32_t)raw[i] << (8 * (place % 4));
    }
}

void kith_ss58_encode(const struct kith_id *hotkey, char ret[static KITH_SS58_MAX])
{
    uint8_t raw[RAW_LEN] = {KITH_SS58_PREFIX};
    memcpy(raw + 1, hotkey->bytes, KITH_ID_LEN);
    checksum(raw, raw + 1 + KITH_ID_LEN);

    /* The last digits are the remainder of the whole number divided by 58^5, and so on upwards. */
    uint32_t limb[LIMBS];
    load(raw, limb);
    for (int at = TEXT_LEN; at > 0;) {
        uint64_t rest = 0;
        for (int i = 0; i < LIMBS; i++) {
            uint64_t value = rest << 32 | limb[i];
            limb[i] = (uint32_t)(value / DIGITS_VALUE);
            rest = value % DIGITS_VALUE;
        }
        for (int i = 0; i < DIGITS && at > 0; i++, rest /= 58)
            ret[--at] = alphabet[rest % 58];
    }
    ret[TEXT_LEN] = '\0';
}

/* raw = raw * 58 + digit; false if it no longer fits. */
static bool push_digit(uint8_t raw[static RAW_LEN], uint32_t digit)
{
    uint32_t carry = digit;
    for (size_t i = RAW_LEN; i-- > 0;) {
        uint32_t value = (uint32_t)raw[i] * 58 + carry;
        raw[i] = (uint8_t)value;
        carry = value >> 8;
    }
    return carry == 0;
}

int kith_ss58_decode(const char *text, struct kith_id *ret)
{
    uint8_t raw[RAW_LEN] = {0}, check[CHECK_LEN];
    if (strnlen(text, KITH_SS58_MAX) != TEXT_LEN) return KITH_ERR_RANGE;
    for (size_t i = 0; i < TEXT_LEN; i++) {
        const char *digit = strchr(alphabet, text[i]);
        if (!digit) return KITH_ERR_INVALID;
        if (!push_digit(raw, (uint32_t)(digit - alphabet))) return KITH_ERR_RANGE;
    }
    if (raw[0] != KITH_SS58_PREFIX) return KITH_ERR_RANGE;
    checksum(raw, check);
    if (memcmp(check, raw + 1 + KITH_ID_LEN, CHECK_LEN) != 0) return KITH_ERR_HASH;
    memcpy(ret->bytes, raw + 1, KITH_ID_LEN);
    return 0;
}
