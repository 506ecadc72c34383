#include "host/dht_wire.h"

#include "base/err.h"
#include "tests/test.h"

static uint8_t frame[KITH_DHT_FRAME_MAX];
static struct kith_dht_message back;

static const struct kith_addr loopback = {.family = 4, .ip = {127, 0, 0, 1}, .port = 8120};

static int there_and_back(const struct kith_dht_message *message)
{
    size_t len = kith_dht_wire_encode(message, frame);
    return kith_dht_wire_decode((struct kith_bytes){frame + 2, len - 2}, &back);
}

static void start_keeps_its_fields(void)
{
    struct kith_dht_message message = {.kind = KITH_DHT_START};
    message.start.net32 = 0xdeadbeef;
    message.start.port = 8120;
    message.start.flags = KITH_DHT_LOOPBACK_ONLY;
    message.start.seed_count = 32;
    for (int i = 0; i < 32; i++)
        message.start.seeds[i] = loopback;
    message.start.seeds[31] = (struct kith_addr){.family = 6, .ip = {0x20, 1}, .port = 1};
    check_int(there_and_back(&message), 0);
    check_int(back.start.net32, 0xdeadbeef);
    check_int(back.start.port, 8120);
    check_int(back.start.flags, KITH_DHT_LOOPBACK_ONLY);
    check_int(back.start.seed_count, 32);
    check(kith_addr_eq(&back.start.seeds[0], &loopback));
    check(kith_addr_eq(&back.start.seeds[31], &message.start.seeds[31]));
}

static void operations_keep_their_fields(void)
{
    static const uint8_t value[KITH_DHT_VALUE_MAX] = {1, 2, 3};
    struct kith_dht_message message = {.kind = KITH_DHT_PUT};
    message.put.number = 0x0123456789abcdef;
    memset(message.put.key, 0x5a, sizeof message.put.key);
    message.put.value = (struct kith_bytes){value, sizeof value};
    check_int(there_and_back(&message), 0);
    check(back.put.number == message.put.number);
    check(memcmp(back.put.key, message.put.key, KITH_DHT_KEY_LEN) == 0);
    check_int(back.put.value.len, sizeof value);
    check(memcmp(back.put.value.at, value, sizeof value) == 0);

    message = (struct kith_dht_message){.kind = KITH_DHT_GET};
    message.get.number = 3;
    message.get.values_max = 64;
    check_int(there_and_back(&message), 0);
    check_int(back.get.values_max, 64);

    message = (struct kith_dht_message){.kind = KITH_DHT_PING, .ping.addr = loopback};
    check_int(there_and_back(&message), 0);
    check(kith_addr_eq(&back.ping.addr, &loopback));
}

static void answers_keep_their_fields(void)
{
    struct kith_dht_message message = {.kind = KITH_DHT_DONE};
    message.done.number = 9;
    for (int err = 0; err > -KITH_ERR_COUNT; err--) {
        message.done.err = err;
        check_int(there_and_back(&message), 0);
        check_int(back.done.err, err);
    }
    message = (struct kith_dht_message){.kind = KITH_DHT_STATS};
    message.stats.traffic.datagrams = 1ull << 40;
    message.stats.traffic.dropped = 7;
    message.stats.traffic.bytes = 1ull << 41;
    message.stats.traffic.datagrams_out = 9;
    message.stats.traffic.bytes_out = 1ull << 42;
    message.stats.pings_answered = 8;
    message.stats.open = 256;
    check_int(there_and_back(&message), 0);
    check(back.stats.traffic.datagrams == 1ull << 40);
    check_int(back.stats.traffic.dropped, 7);
    check(back.stats.traffic.bytes == 1ull << 41);
    check_int(back.stats.traffic.datagrams_out, 9);
    check(back.stats.traffic.bytes_out == 1ull << 42);
    check_int(back.stats.pings_answered, 8);
    check_int(back.stats.open, 256);
}

/* Every frame cut anywhere is refused, and so is one with a byte too many. */
static void no_frame_may_be_cut_or_longer(void)
{
    struct kith_dht_message message = {.kind = KITH_DHT_START};
    message.start.port = 1;
    message.start.seed_count = 2;
    message.start.seeds[0] = message.start.seeds[1] = loopback;
    size_t len = kith_dht_wire_encode(&message, frame) - 2;
    for (size_t cut = 0; cut < len; cut++)
        check_int(kith_dht_wire_decode((struct kith_bytes){frame + 2, cut}, &back),
                  KITH_ERR_TRUNCATED);
    frame[2 + len] = 0;
    check_int(kith_dht_wire_decode((struct kith_bytes){frame + 2, len + 1}, &back),
              KITH_ERR_TRAILING);
}

static int decode(const char *bytes, size_t len)
{
    return kith_dht_wire_decode((struct kith_bytes){(const uint8_t *)bytes, len}, &back);
}

#define DECODE(text) decode(text, sizeof text - 1)
#define NUMBER       "12345678"
#define KEY          "abcdefghijklmnopqrst"

static void fields_out_of_range_are_refused(void)
{
    check_int(DECODE("\x00"), KITH_ERR_TYPE);
    check_int(DECODE("\x40"), KITH_ERR_TYPE);
    check_int(DECODE("\x01"
                     "netn\0\0\0\0"),
              KITH_ERR_RANGE);
    check_int(DECODE("\x01"
                     "netn\1\0\4\0"),
              KITH_ERR_RANGE);
    check_int(DECODE("\x01"
                     "netn\1\0\0\41"),
              KITH_ERR_RANGE);
    check_int(DECODE("\x03" NUMBER KEY "\0"), KITH_ERR_RANGE);
    check_int(DECODE("\x03" NUMBER KEY "\101"), KITH_ERR_RANGE);
    check_int(DECODE("\x02" NUMBER KEY), KITH_ERR_TRUNCATED);
    check_int(DECODE("\x43" NUMBER "\377"), KITH_ERR_RANGE);
    /* Multicast; and what an IPv4 address leaves free must be zero. */
    check_int(DECODE("\x04\4\340\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\1\1"), KITH_ERR_INVALID);
    check_int(DECODE("\x04\4\177\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1\1\1"), KITH_ERR_INVALID);
}

static void a_stream_gives_whole_frames_only(void)
{
    static struct kith_dht_stream stream;
    struct kith_dht_message message = {.kind = KITH_DHT_PING, .ping.addr = loopback};
    size_t len = kith_dht_wire_encode(&message, frame);
    size_t room;
    uint32_t count = 0;
    for (size_t i = 0; i < 1000 * len; i++) {
        *kith_dht_stream_room(&stream, &room) = frame[i % len];
        check(room > 0);
        kith_dht_stream_filled(&stream, 1);
        int got = kith_dht_stream_next(&stream, &back);
        check_int(got, i % len == len - 1);
        count += (uint32_t)got;
    }
    check_int(count, 1000);
}

static void a_stream_stops_at_a_length_too_large(void)
{
    static struct kith_dht_stream stream;
    size_t room;
    uint8_t *at = kith_dht_stream_room(&stream, &room);
    at[0] = (KITH_DHT_FRAME_MAX - 1) & 0xff;
    at[1] = (KITH_DHT_FRAME_MAX - 1) >> 8;
    kith_dht_stream_filled(&stream, 2);
    check_int(kith_dht_stream_next(&stream, &back), KITH_ERR_RANGE);
}

int main(void)
{
    run(start_keeps_its_fields);
    run(operations_keep_their_fields);
    run(answers_keep_their_fields);
    run(no_frame_may_be_cut_or_longer);
    run(fields_out_of_range_are_refused);
    run(a_stream_gives_whole_frames_only);
    run(a_stream_stops_at_a_length_too_large);
    return test_end();
}
