/* base: bytes, hash, rng, addr, pack, outbox, errors. */
#include "base/addr.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/outbox.h"
#include "base/pack.h"
#include "base/rng.h"
#include "tests/test.h"

static void reader_stops_at_the_end(void)
{
    uint8_t raw[] = {1, 2, 3, 4, 5};
    struct kith_reader reader = kith_reader_of((struct kith_bytes){raw, sizeof raw});
    check_int(kith_read_u32(&reader), 0x04030201);
    check_int(kith_read_u16(&reader), 0);
    check(reader.failed);
    check_int(kith_read_u8(&reader), 0);
    check(!kith_reader_done(&reader));
}

static void writer_refuses_past_its_size(void)
{
    uint8_t buffer[6];
    struct kith_writer writer = kith_writer_into(buffer, sizeof buffer);
    kith_write_u32(&writer, 0xaabbccdd);
    check_int(kith_written(&writer).len, 4);
    kith_write_u32(&writer, 1);
    check(writer.failed);
    check_int(kith_written(&writer).len, 0);
}

static void hash_is_blake2b_256(void)
{
    struct kith_hash hash;
    char hex[65];
    kith_hash_init(&hash);
    kith_hash_add(&hash, "abc", 3);
    struct kith_id id = kith_hash_end(&hash);
    kith_hex_encode(id.bytes, sizeof id.bytes, hex);
    check_str(hex, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void rng_repeats_and_splits_differ(void)
{
    uint8_t seed[KITH_SEED_LEN] = {7};
    struct kith_rng a, b, c;
    kith_rng_split(&a, seed, "x", 1);
    kith_rng_split(&b, seed, "x", 1);
    kith_rng_split(&c, seed, "x", 2);
    uint64_t first = kith_rng_u64(&a);
    check(first == kith_rng_u64(&b));
    check(first != kith_rng_u64(&c));
    for (int i = 0; i < 1000; i++)
        check(kith_rng_below(&a, 7) < 7);
    for (int i = 0; i < 1000; i++)
        check(kith_rng_unit(&a) < 1.0);
}

static void addr_text_round_trip(void)
{
    static const char *const good[] = {"127.0.0.1:8120", "[::1]:1", "10.1.2.3:65535"};
    static const char *const bad[] = {
        "127.0.0.1",   "127.0.0.1:0", "127.0.0.1:65536", "::1:80", "[::1:80", "host:80",
        "1.2.3.4:80x", ":80",         "127.0.0.1:-1",    ""};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct kith_addr addr;
        char text[KITH_ADDR_TEXT_MAX];
        check(kith_addr_parse(good[i], &addr));
        kith_addr_format(&addr, text);
        check_str(text, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kith_addr addr;
        check(!kith_addr_parse(bad[i], &addr));
    }
}

static void addr_kinds(void)
{
    static const struct {
        const char *text;
        enum kith_addr_kind kind;
    } rows[] = {
        {"127.0.0.1:1", KITH_ADDR_LOOPBACK}, {"0.0.0.0:1", KITH_ADDR_BAD},
        {"224.0.0.1:1", KITH_ADDR_BAD},      {"255.255.255.255:1", KITH_ADDR_BAD},
        {"10.0.0.1:1", KITH_ADDR_PRIVATE},   {"8.8.8.8:1", KITH_ADDR_PUBLIC},
        {"[::1]:1", KITH_ADDR_LOOPBACK},     {"[::]:1", KITH_ADDR_BAD},
        {"[ff02::1]:1", KITH_ADDR_BAD},      {"[::ffff:127.0.0.1]:1", KITH_ADDR_BAD},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kith_addr addr;
        check(kith_addr_parse(rows[i].text, &addr));
        check_int(kith_addr_kind(&addr), rows[i].kind);
    }
}

static void addr_v4_has_four_bytes(void)
{
    struct kith_addr addr = {.family = 4, .ip = {10, 0, 0, 1}, .port = 1};
    check_int(kith_addr_kind(&addr), KITH_ADDR_PRIVATE);
    for (size_t i = 4; i < sizeof addr.ip; i++) {
        addr.ip[i] = 1;
        check_int(kith_addr_kind(&addr), KITH_ADDR_BAD);
        addr.ip[i] = 0;
    }
}

static void names_with_ports(void)
{
    static const char *const good[] = {"host:80", "a_b:1", "3.example.org:65535", "x-1.:9"};
    static const char *const bad[] = {"",         "host",     "host:",  ":80",    "host:0",
                                      "h:000080", "h:65536",  "h:80x",  "h:-1",   "300.1.1.1:80",
                                      "1.2.3:80", "[::1]:80", "h h:80", "a:b:80", "h\x7f:80"};
    char name[KITH_HOST_NAME_MAX + 1];
    char text[KITH_HOST_NAME_MAX + 8];
    uint16_t port;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        check(kith_addr_split_name(good[i], name, &port));
        snprintf(text, sizeof text, "%s:%u", name, port);
        check_str(text, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check(!kith_addr_split_name(bad[i], name, &port));
    memset(text, 'a', sizeof text);
    memcpy(text + KITH_HOST_NAME_MAX, ":1", 3);
    check(kith_addr_split_name(text, name, &port));
    memcpy(text + KITH_HOST_NAME_MAX, "a:1", 4);
    check(!kith_addr_split_name(text, name, &port));
}

static void pack_round_trip(void)
{
    uint8_t buffer[128];
    struct kith_pack pack = kith_pack_into(buffer, sizeof buffer);
    kith_pack_array(&pack, 4);
    kith_pack_uint(&pack, UINT64_MAX);
    kith_pack_bin(&pack, (struct kith_bytes){(const uint8_t *)"\0\1\2", 3});
    kith_pack_str(&pack, "mlp:256,128");
    kith_pack_bool(&pack, true);

    struct kith_unpack unpack = kith_unpack_of(kith_packed(&pack));
    char text[16];
    check_int(kith_unpack_array(&unpack, 4, 4), 4);
    check(kith_unpack_uint(&unpack, UINT64_MAX) == UINT64_MAX);
    check_int(kith_unpack_bin(&unpack, 0, 3).len, 3);
    kith_unpack_str(&unpack, text, sizeof text);
    check_str(text, "mlp:256,128");
    check(kith_unpack_bool(&unpack));
    check_int(kith_unpack_end(&unpack), 0);
}

static void unpack_refuses(void)
{
    static const struct {
        const char *name;
        uint8_t raw[8];
        size_t len;
        int err;
    } rows[] = {
        {"array32 of 2^32-1", {0xdd, 0xff, 0xff, 0xff, 0xff}, 5, KITH_ERR_TRUNCATED},
        {"map", {0x81, 1, 1}, 3, KITH_ERR_TYPE},
        {"ext", {0xc7, 0, 0}, 3, KITH_ERR_TYPE},
        {"float", {0xca, 0, 0, 0, 0}, 5, KITH_ERR_TYPE},
        {"empty", {0}, 0, KITH_ERR_TRUNCATED},
        {"negative element", {0x91, 0xff}, 2, KITH_ERR_TYPE},
        {"bool for int", {0x91, 0xc3}, 2, KITH_ERR_TYPE},
        {"trailing byte", {0x91, 1, 1}, 3, KITH_ERR_TRAILING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kith_unpack unpack = kith_unpack_of((struct kith_bytes){rows[i].raw, rows[i].len});
        kith_unpack_array(&unpack, 1, 16);
        kith_unpack_uint(&unpack, 100);
        check_int(kith_unpack_end(&unpack), rows[i].err);
    }
}

static void outbox_drops_and_counts(void)
{
    struct kith_outbox outbox;
    check_int(kith_outbox_init(&outbox, 2, 64), 0);
    struct kith_bytes message = {(const uint8_t *)"hello", 5};
    for (int i = 0; i < 4; i++)
        kith_outbox_send(&outbox, 1, message);
    check_int(outbox.count, 2);
    check_int(outbox.dropped, 2);
    kith_outbox_reset(&outbox);
    kith_outbox_send(&outbox, 1, message);
    check_int(outbox.count, 1);
    kith_outbox_release(&outbox);
}

static void errors_have_names(void)
{
    check_str(kith_err_name(KITH_ERR_NOMEM), "NOMEM");
    check_str(kith_err_text(KITH_ERR_HASH), "content does not match its hash");
    check_str(kith_err_text(0), "no error");
    check_str(kith_err_text(-1000), "unknown error");
    check_str(kith_err_text(1), "unknown error");
}

int main(void)
{
    run(reader_stops_at_the_end);
    run(writer_refuses_past_its_size);
    run(hash_is_blake2b_256);
    run(rng_repeats_and_splits_differ);
    run(addr_text_round_trip);
    run(addr_kinds);
    run(addr_v4_has_four_bytes);
    run(names_with_ports);
    run(pack_round_trip);
    run(unpack_refuses);
    run(outbox_drops_and_counts);
    run(errors_have_names);
    return test_end();
}
