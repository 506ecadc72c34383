#include "identity/ss58.h"

#include <stddef.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"

enum {
    CHECK_LEN = 2,
    RAW_LEN = 1 + KITH_ID_LEN + CHECK_LEN,
    TEXT_LEN = KITH_SS58_MAX - 1, /* of every raw address that starts with the prefix */
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

void kith_ss58_encode(const struct kith_id *hotkey, char ret[static KITH_SS58_MAX])
{
    uint8_t raw[RAW_LEN] = {KITH_SS58_PREFIX};
    memcpy(raw + 1, hotkey->bytes, KITH_ID_LEN);
    checksum(raw, raw + 1 + KITH_ID_LEN);

    /* The last digit is the remainder of the whole number divided by 58, and so on upwards. */
    for (int at = TEXT_LEN - 1; at >= 0; at--) {
        uint32_t rest = 0;
        for (size_t i = 0; i < RAW_LEN; i++) {
            uint32_t value = rest << 8 | raw[i];
            raw[i] = (uint8_t)(value / 58);
            rest = value % 58;
        }
        ret[at] = alphabet[rest];
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
