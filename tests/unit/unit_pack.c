/* base/pack: what the bounded reader refuses, and msgpack-c as the oracle for what it reads. */
#include "base/err.h"
#include "base/pack.h"
#include "base/rng.h"
#include "tests/pack_tokens.h"
#include "tests/test.h"

enum { BUFFER_MAX = 512 };

static int read_array_of_uint(const uint8_t *raw, size_t len, uint64_t max)
{
    struct kith_unpack unpack = kith_unpack_of((struct kith_bytes){raw, len});
    kith_unpack_array(&unpack, 1, 16);
    kith_unpack_uint(&unpack, max);
    return kith_unpack_end(&unpack);
}

static void nesting_is_never_followed(void)
{
    uint8_t deep[99];
    memset(deep, 0x91, sizeof deep);
    check_int(read_array_of_uint(deep, 33, 100), KITH_ERR_TYPE);
    for (size_t i = 0; i < sizeof deep; i += 3)
        memcpy(deep + i, "\xdc\x00\x10", 3);
    check_int(read_array_of_uint(deep, sizeof deep, 100), KITH_ERR_TYPE);
}

static void counts_are_never_believed(void)
{
    static const uint8_t map[20] = {0xde, 0x04, 0x00}, map32[20] = {0xdf, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t array16[3] = {0xdc, 0x00, 0x10}, array32[6] = {0xdd, 0, 0, 0, 2, 1};
    check_int(read_array_of_uint(map, sizeof map, 100), KITH_ERR_TYPE);
    check_int(read_array_of_uint(map32, sizeof map32, 100), KITH_ERR_TYPE);
    check_int(read_array_of_uint(array16, sizeof array16, 100), KITH_ERR_TRUNCATED);
    check_int(read_array_of_uint(array32, sizeof array32, 100), KITH_ERR_TRUNCATED);
    /* The bytes are there, but more elements than the message may have. */
    uint8_t full[1 + 2 + 17] = {0xdc, 0x00, 0x11};
    check_int(read_array_of_uint(full, sizeof full, 100), KITH_ERR_RANGE);
}

static void numbers_are_bounded(void)
{
    static const uint8_t largest[] = {0x91, 0xcf, 255, 255, 255, 255, 255, 255, 255, 255};
    static const uint8_t wide[] = {0x91, 0xcd, 0x00, 0x65}, wide_fit[] = {0x91, 0xcd, 0x00, 0x64};
    static const uint8_t negative[] = {0x91, 0xd3, 128, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t minus[] = {0x91, 0xd0, 0xff},
                         real[] = {0x91, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0};
    check_int(read_array_of_uint(largest, sizeof largest, 100), KITH_ERR_RANGE);
    check_int(read_array_of_uint(largest, sizeof largest, UINT64_MAX - 1), KITH_ERR_RANGE);
    check_int(read_array_of_uint(largest, sizeof largest, UINT64_MAX), 0);
    check_int(read_array_of_uint(wide, sizeof wide, 100), KITH_ERR_RANGE);
    check_int(read_array_of_uint(wide_fit, sizeof wide_fit, 100), 0);
    check_int(read_array_of_uint(negative, sizeof negative, UINT64_MAX), KITH_ERR_TYPE);
    check_int(read_array_of_uint(minus, sizeof minus, UINT64_MAX), KITH_ERR_TYPE);
    check_int(read_array_of_uint(real, sizeof real, UINT64_MAX), KITH_ERR_TYPE);
}

static void texts_are_printable(void)
{
    static const struct {
        const char *name;
        uint8_t raw[8];
        size_t len;
        int err;
    } rows[] = {
        {"plain", {0xa3, 'a', 'b', 'c'}, 4, 0},
        {"NUL inside", {0xa3, 'a', 0, 'c'}, 4, KITH_ERR_INVALID},
        {"NUL at the end", {0xa2, 'a', 0}, 3, KITH_ERR_INVALID},
        {"bad UTF-8", {0xa2, 0xc3, 0x28}, 3, KITH_ERR_INVALID},
        {"overlong UTF-8", {0xa2, 0xc0, 0xaf}, 3, KITH_ERR_INVALID},
        {"good UTF-8, not ours", {0xa2, 0xc3, 0xa4}, 3, KITH_ERR_INVALID},
        {"escape", {0xa1, 0x1b}, 2, KITH_ERR_INVALID},
        {"delete", {0xa1, 0x7f}, 2, KITH_ERR_INVALID},
        {"too long", {0xa4, 'a', 'b', 'c', 'd'}, 5, KITH_ERR_RANGE},
        {"str8", {0xd9, 2, 'a', 'b'}, 4, 0},
        {"str32 of 2^32-1", {0xdb, 255, 255, 255, 255, 'a'}, 6, KITH_ERR_RANGE},
        {"shorter than it says", {0xa3, 'a', 'b'}, 3, KITH_ERR_TRUNCATED},
        {"bytes for text", {0xc4, 1, 'a'}, 3, KITH_ERR_TYPE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kith_unpack unpack = kith_unpack_of((struct kith_bytes){rows[i].raw, rows[i].len});
        char text[4];
        kith_unpack_str(&unpack, text, sizeof text);
        if (kith_unpack_end(&unpack) != rows[i].err) printf("# %s\n", rows[i].name);
        check_int(kith_unpack_end(&unpack), rows[i].err);
        if (rows[i].err) check_str(text, "");
    }
}

static void byte_strings_are_bounded(void)
{
    static const struct {
        uint8_t raw[8];
        size_t len;
        int err;
    } rows[] = {
        {{0xc4, 2, 1, 2}, 4, 0},
        {{0xc4, 1, 1}, 3, KITH_ERR_RANGE},
        {{0xc4, 4, 1, 2, 3, 4}, 6, KITH_ERR_RANGE},
        {{0xc6, 255, 255, 255, 255}, 5, KITH_ERR_RANGE},
        {{0xc5, 0, 3, 1, 2}, 5, KITH_ERR_TRUNCATED},
        {{0xc5, 0}, 2, KITH_ERR_TRUNCATED},
        {{0xa2, 1, 2}, 3, KITH_ERR_TYPE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kith_unpack unpack = kith_unpack_of((struct kith_bytes){rows[i].raw, rows[i].len});
        struct kith_bytes bytes = kith_unpack_bin(&unpack, 2, 3);
        check_int(kith_unpack_end(&unpack), rows[i].err);
        check_int(bytes.len, rows[i].err ? 0 : 2);
    }
}

static void booleans_are_two_bytes(void)
{
    for (unsigned tag = 0; tag < 256; tag++) {
        uint8_t raw[10] = {(uint8_t)tag};
        struct kith_unpack unpack = kith_unpack_of((struct kith_bytes){raw, 1});
        check_int(kith_unpack_bool(&unpack), tag == 0xc3);
        check_int(kith_unpack_end(&unpack), tag == 0xc2 || tag == 0xc3 ? 0 : KITH_ERR_TYPE);
    }
}

/* The first error stays, whatever is read afterwards, and nothing more is taken. */
static void first_error_stays(void)
{
    static const uint8_t raw[] = {0xc3, 1, 0x91, 1, 0xc4, 1, 1, 0xa1, 'a'};
    struct kith_unpack unpack = kith_unpack_of((struct kith_bytes){raw, sizeof raw});
    char text[4] = "xyz";
    check_int(kith_unpack_uint(&unpack, 5), 0);
    size_t left = unpack.in.left;
    check_int(kith_unpack_uint(&unpack, 5), 0);
    check_int(kith_unpack_array(&unpack, 0, 5), 0);
    check_int(kith_unpack_bin(&unpack, 0, 5).len, 0);
    kith_unpack_str(&unpack, text, sizeof text);
    check_str(text, "");
    check(!kith_unpack_bool(&unpack));
    check_int(unpack.in.left, left);
    check_int(kith_unpack_end(&unpack), KITH_ERR_TYPE);
}

/* A random object of what kith speaks, at most `depth` arrays deep. */
static void pack_any(struct kith_pack *pack, struct kith_rng *rng, int depth)
{
    uint8_t bytes[40];
    char text[40] = "";
    uint32_t kind = kith_rng_below(rng, depth > 0 ? 5 : 4), count = kith_rng_below(rng, 20);
    switch (kind) {
    case 0:
        kith_pack_uint(pack, kith_rng_u64(rng) >> kith_rng_below(rng, 64));
        return;
    case 1:
        kith_pack_bool(pack, kith_rng_below(rng, 2));
        return;
    case 2:
        kith_rng_fill(rng, bytes, sizeof bytes);
        kith_pack_bin(pack, (struct kith_bytes){bytes, 2 * count});
        return;
    case 3:
        for (uint32_t i = 0; i < 2 * count; i++)
            text[i] = (char)(0x20 + kith_rng_below(rng, 0x5f));
        kith_pack_str(pack, text);
        return;
    default:
        kith_pack_array(pack, count);
        for (uint32_t i = 0; i < count; i++)
            pack_any(pack, rng, depth - 1);
    }
}

static size_t random_object(struct kith_rng *rng, uint8_t *buffer)
{
    for (;;) {
        struct kith_pack pack = kith_pack_into(buffer, BUFFER_MAX);
        pack_any(&pack, rng, 3);
        if (kith_packed(&pack).len) return kith_packed(&pack).len;
    }
}

static void oracle_reads_what_is_packed(void)
{
    struct kith_rng rng;
    kith_rng_init(&rng, (const uint8_t[KITH_SEED_LEN]){1});
    for (int i = 0; i < 5000; i++) {
        uint8_t buffer[BUFFER_MAX];
        size_t len = random_object(&rng, buffer);
        bool taken;
        check(readers_agree((struct kith_bytes){buffer, len}, &taken));
        check(taken);
    }
}

static void oracle_agrees_on_damaged_bytes(void)
{
    struct kith_rng rng;
    int took = 0;
    kith_rng_init(&rng, (const uint8_t[KITH_SEED_LEN]){2});
    for (int i = 0; i < 50000; i++) {
        uint8_t buffer[BUFFER_MAX];
        size_t len = random_object(&rng, buffer);
        for (uint32_t edits = 1 + kith_rng_below(&rng, 3); edits > 0; edits--)
            kith_rng_fill(&rng, buffer + kith_rng_below(&rng, (uint32_t)len), 1);
        if (kith_rng_below(&rng, 4) == 0) len = kith_rng_below(&rng, (uint32_t)len + 1);
        uint8_t *exact = malloc(len + 1);
        check(exact);
        memcpy(exact, buffer, len);
        bool taken, agree = readers_agree((struct kith_bytes){exact, len}, &taken);
        free(exact);
        check(agree);
        took += taken;
    }
    check(took > 5000 && took < 45000);
}

/* Every first byte there is, before bytes of every kind. */
static void oracle_agrees_on_every_tag(void)
{
    static const uint8_t tails[][10] = {{0},
                                        {1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
                                        {0, 0, 0, 1, 'a', 'b'},
                                        {0, 1, 0xc3},
                                        {'a', 'b', 'c', 'd'}};
    for (unsigned tag = 0; tag < 256; tag++)
        for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
            for (size_t len = 1; len <= 11; len++) {
                uint8_t raw[11] = {(uint8_t)tag};
                bool taken;
                memcpy(raw + 1, tails[i], 10);
                check(readers_agree((struct kith_bytes){raw, len}, &taken));
            }
}

int main(void)
{
    run(nesting_is_never_followed);
    run(counts_are_never_believed);
    run(numbers_are_bounded);
    run(texts_are_printable);
    run(byte_strings_are_bounded);
    run(booleans_are_two_bytes);
    run(first_error_stays);
    run(oracle_reads_what_is_packed);
    run(oracle_agrees_on_damaged_bytes);
    run(oracle_agrees_on_every_tag);
    return test_end();
}
