/* Channels: two ends joined in memory, by any cut of the stream, and what strangers get. */
#include "base/err.h"
#include "host/channel.h"
#include "tests/test.h"

enum { BUFFER = KITH_FRAME_MAX + 1000, WIRE = 8 * KITH_FRAME_MAX };

/* One end: its channel, what it has to say, and what it was told. */
struct end {
    struct kith_channel channel;
    struct kith_keypair keypair;
    bool is_listener;
    uint8_t buffer[BUFFER];
    uint8_t wire[WIRE]; /* on its way to the far end */
    size_t wire_len;
    int err;
    uint32_t ups, messages, byes;
    size_t taken; /* bytes it took from the stream */
    uint8_t last[KITH_MESSAGE_MAX];
    size_t last_len;
    uint8_t bye_code;
};

static struct end ends[2];
static uint8_t message[KITH_MESSAGE_MAX + 16];
static const struct kith_bytes nothing = {0};

static void end_init(struct end *end, bool is_listener, const struct kith_id *expect)
{
    uint8_t seed[KITH_SEED_LEN] = {is_listener}, static_secret[KITH_SEED_LEN] = {3, is_listener},
            ephemeral[KITH_SEED_LEN] = {9, is_listener};
    memset(end, 0, sizeof *end);
    kith_keypair_from_seed(&end->keypair, seed);
    end->is_listener = is_listener;
    struct kith_handshake_config config = {
        .role = is_listener ? KITH_HANDSHAKE_LISTENER : KITH_HANDSHAKE_DIALLER,
        .swarm = {{42}},
        .keypair = &end->keypair,
        .scheme = &kith_ed25519,
        .version_min = 1,
        .version_max = 1,
    };
    if (expect) config.expect = *expect;
    kith_channel_init(&end->channel, &config, static_secret, ephemeral);
}

static void say(struct end *end)
{
    size_t len = 0;
    end->err = kith_channel_write(&end->channel, end->wire + end->wire_len, &len);
    end->wire_len += len;
}

static void send(struct end *end, struct kith_bytes bytes)
{
    end->wire_len += kith_channel_seal(&end->channel, bytes, nothing, end->wire + end->wire_len);
}

static void take_up(struct end *end)
{
    end->ups++;
    kith_channel_open(&end->channel, end->buffer, sizeof end->buffer);
    if (end->is_listener)
        end->wire_len += kith_channel_welcome(&end->channel, end->wire + end->wire_len);
}

static void pump(struct end *end)
{
    enum kith_channel_event event;
    struct kith_bytes body;
    do {
        end->err = kith_channel_next(&end->channel, &event, &body);
        if (end->err != 0) return;
        if (event == KITH_CHANNEL_UP) take_up(end);
        end->messages += event == KITH_CHANNEL_MESSAGE;
        end->byes += event == KITH_CHANNEL_BYE;
        if (event == KITH_CHANNEL_BYE) end->bye_code = body.at[0];
        if (event == KITH_CHANNEL_MESSAGE) {
            memcpy(end->last, body.at, body.len);
            end->last_len = body.len;
        }
    } while (event != KITH_CHANNEL_NOTHING && event != KITH_CHANNEL_BYE);
    if (event == KITH_CHANNEL_NOTHING) say(end);
}

/* Give `len` bytes to an end, at most `step` at once; stops when it has ended. */
static void feed(struct end *end, const uint8_t *bytes, size_t len, size_t step)
{
    while (len > 0 && end->err == 0) {
        size_t room = 0;
        uint8_t *at = kith_channel_room(&end->channel, &room);
        if (!at) return;
        size_t count = room < step ? room : step;
        if (count > len) count = len;
        memcpy(at, bytes, count);
        kith_channel_received(&end->channel, count);
        end->taken += count;
        bytes += count;
        len -= count;
        pump(end);
    }
}

/* Carry what one end has said to the other. */
static void carry(int from, size_t step)
{
    static uint8_t bytes[WIRE];
    size_t len = ends[from].wire_len;
    memcpy(bytes, ends[from].wire, len);
    ends[from].wire_len = 0;
    feed(&ends[1 - from], bytes, len, step);
}

static void release(void)
{
    kith_channel_release(&ends[0].channel);
    kith_channel_release(&ends[1].channel);
}

/* A dialler, ends[0], and a listener, ends[1], up to the listener's welcome. */
static void join(size_t step)
{
    end_init(&ends[0], false, NULL);
    end_init(&ends[1], true, NULL);
    say(&ends[0]);
    carry(0, step);
    carry(1, step);
    carry(0, step);
}

static void both_come_up_with_the_right_hotkeys(void)
{
    static const size_t steps[] = {1, 2, 3, 7, 64, 100000};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        join(steps[i]);
        check_int(ends[1].ups, 1);
        check_int(ends[0].ups, 0);
        carry(1, steps[i]);
        check_int(ends[0].ups, 1);
        check_int(ends[0].err, 0);
        check_int(ends[1].err, 0);
        check(kith_id_eq(kith_channel_peer(&ends[0].channel), &ends[1].keypair.hotkey));
        check(kith_id_eq(kith_channel_peer(&ends[1].channel), &ends[0].keypair.hotkey));
        release();
    }
}

static void messages_pass_however_the_stream_is_cut(void)
{
    static const size_t steps[] = {1, 2, 5, 63, 1000, 65000, 1000000};
    static const size_t sizes[] = {1, 3, 100, 4096, KITH_MESSAGE_MAX, 17};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        join(steps[i]);
        carry(1, steps[i]);
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
            send(&ends[0], (struct kith_bytes){message + k, sizes[k]});
        carry(0, steps[i]);
        check_int(ends[1].err, 0);
        check_int(ends[1].messages, 6);
        check_int(ends[1].last_len, 17);
        check(memcmp(ends[1].last, message + 5, 17) == 0);
        check(!kith_channel_is_inside(&ends[1].channel));
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            send(&ends[1], (struct kith_bytes){message + k, sizes[k]});
            carry(1, steps[i]);
            check_int(ends[0].last_len, sizes[k]);
            check(memcmp(ends[0].last, message + k, sizes[k]) == 0);
        }
        release();
    }
}

static void send_part(bool is_last, size_t from, size_t len)
{
    struct kith_bytes part = {message + from, len};
    struct end *end = &ends[0];
    end->wire_len +=
        kith_channel_seal_part(&end->channel, part, nothing, is_last, end->wire + end->wire_len);
}

static void parts_make_a_message_with_others_between_them(void)
{
    static const size_t steps[] = {1, 63, 1000000};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        join(steps[i]);
        carry(1, steps[i]);
        send_part(false, 0, 1000);
        send(&ends[0], (struct kith_bytes){message + 5, 17});
        send_part(false, 1000, 1);
        carry(0, steps[i]);
        check_int(ends[1].messages, 1);
        check_int(ends[1].last_len, 17);
        send_part(true, 1001, KITH_MESSAGE_MAX - 1001);
        carry(0, steps[i]);
        check_int(ends[1].messages, 2);
        check_int(ends[1].last_len, KITH_MESSAGE_MAX);
        check(memcmp(ends[1].last, message, KITH_MESSAGE_MAX) == 0);
        /* The next one starts from nothing, and may be left unfinished. */
        send_part(false, 7, 10);
        send_part(true, 17, 10);
        send_part(false, 0, 3);
        carry(0, steps[i]);
        check_int(ends[1].messages, 3);
        check_int(ends[1].last_len, 20);
        check(memcmp(ends[1].last, message + 7, 20) == 0);
        check_int(ends[1].err, 0);
        release();
    }
}

static void parts_that_cannot_be(void)
{
    join(1000);
    carry(1, 1000);
    send_part(true, 0, 10);
    carry(0, 1000);
    check_int(ends[1].err, KITH_ERR_TYPE);
    release();
    join(1000);
    carry(1, 1000);
    send_part(false, 0, KITH_MESSAGE_MAX);
    send_part(true, 0, 1);
    carry(0, 1000);
    check_int(ends[1].err, KITH_ERR_RANGE);
    check_int(ends[1].messages, 0);
    release();
}

static void a_frame_under_way_is_seen(void)
{
    join(1000);
    carry(1, 1000);
    send(&ends[0], (struct kith_bytes){message, 100});
    feed(&ends[1], ends[0].wire, 50, 50);
    check(kith_channel_is_inside(&ends[1].channel));
    feed(&ends[1], ends[0].wire + 50, ends[0].wire_len - 50, 1000);
    check(!kith_channel_is_inside(&ends[1].channel));
    check_int(ends[1].messages, 1);
    release();
}

/* Strangers: the listener takes at most 64 bytes after the length and says nothing. */
static bool refuses(const void *bytes, size_t len)
{
    end_init(&ends[1], true, NULL);
    feed(&ends[1], bytes, len, 100000);
    bool is_refused = ends[1].err != 0 && ends[1].taken <= 66 && ends[1].wire_len == 0;
    kith_channel_release(&ends[1].channel);
    return is_refused;
}

static void strangers_get_no_answer(void)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
    static const uint8_t tls[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 1, 2, 3, 4};
    static const char ssh[] = "SSH-2.0-OpenSSH_9.2p1\r\n";
    static uint8_t big[2 + 65535] = {0xff, 0xff};
    uint8_t zeros[128] = {0};
    check(refuses(http, sizeof http - 1));
    check(refuses(tls, sizeof tls));
    check(refuses(ssh, sizeof ssh - 1));
    check(refuses(big, sizeof big));
    check(refuses(zeros, sizeof zeros));
    uint8_t small_order[66] = {0, 64};
    check(refuses(small_order, sizeof small_order));
    struct kith_rng rng;
    static const uint8_t seed[KITH_SEED_LEN] = {8};
    kith_rng_init(&rng, seed);
    for (int i = 0; i < 2000; i++) {
        uint8_t bytes[66];
        kith_rng_fill(&rng, bytes, sizeof bytes);
        if (i % 2) bytes[0] = 0, bytes[1] = (uint8_t)(1 + i % 64);
        check(refuses(bytes, sizeof bytes));
    }
}

static void a_stranger_is_read_no_further_than_needed(void)
{
    size_t room = 0;
    uint8_t first[] = {0, 40};
    end_init(&ends[1], true, NULL);
    kith_channel_room(&ends[1].channel, &room);
    check_int(room, 2);
    feed(&ends[1], first, 2, 2);
    kith_channel_room(&ends[1].channel, &room);
    check_int(room, 40);
    kith_channel_release(&ends[1].channel);
}

static void an_altered_handshake_ends_it(void)
{
    /* Each byte of each of the three messages, one bit flipped. */
    for (int which = 0; which < 3; which++)
        for (size_t at = 0;; at++) {
            end_init(&ends[0], false, NULL);
            end_init(&ends[1], true, NULL);
            say(&ends[0]);
            if (which > 0) carry(0, 1000);
            if (which > 1) carry(1, 1000);
            struct end *from = &ends[which % 2];
            if (at == from->wire_len) break;
            from->wire[at] ^= 0x10;
            carry(which % 2, 1000);
            /* An altered message 1 may be answered, since it is in the clear; never believed. */
            if (which == 0) carry(1, 1000);
            if (which == 0) carry(0, 1000);
            check(ends[1].ups == 0);
            check(ends[0].ups == 0);
            release();
        }
    release();
}

static void another_hotkey_than_expected(void)
{
    struct kith_id other = {{1, 2, 3}};
    end_init(&ends[0], false, &other);
    end_init(&ends[1], true, NULL);
    say(&ends[0]);
    carry(0, 1000);
    carry(1, 1000);
    check_int(ends[0].err, KITH_ERR_IDENTITY);
    check_int(ends[0].wire_len, 0);
    release();
}

static void a_bye_in_place_of_the_welcome(void)
{
    end_init(&ends[0], false, NULL);
    end_init(&ends[1], true, NULL);
    say(&ends[0]);
    carry(0, 1000);
    carry(1, 1000);
    carry(0, 1000);
    /* Rewind the listener to before its welcome. */
    ends[1].wire_len = 0;
    ends[1].channel.seal.count = 0;
    ends[1].wire_len += kith_channel_bye(&ends[1].channel, KITH_CHANNEL_BYE_FULL, ends[1].wire);
    carry(1, 1);
    check_int(ends[0].ups, 0);
    check_int(ends[0].byes, 1);
    check_int(ends[0].bye_code, KITH_CHANNEL_BYE_FULL);
    release();
}

static void a_bye_ends_it(void)
{
    join(1000);
    carry(1, 1000);
    send(&ends[0], (struct kith_bytes){message, 5});
    ends[0].wire_len +=
        kith_channel_bye(&ends[0].channel, KITH_HANG_UP_DUPLICATE, ends[0].wire + ends[0].wire_len);
    carry(0, 1000);
    check_int(ends[1].messages, 1);
    check_int(ends[1].byes, 1);
    check_int(ends[1].bye_code, KITH_HANG_UP_DUPLICATE);
    size_t room = 0;
    check(kith_channel_room(&ends[1].channel, &room) == NULL);
    pump(&ends[1]);
    check_int(ends[1].err, KITH_ERR_CLOSED);
    release();
}

/* What an open channel says to a frame of this type and body. */
static int answer_to(uint8_t type, size_t len)
{
    join(1000);
    carry(1, 1000);
    ends[0].wire_len = kith_frame_seal(&ends[0].channel.seal, type,
                                       (struct kith_bytes){message, len}, nothing, ends[0].wire);
    send(&ends[0], (struct kith_bytes){message, 9});
    carry(0, 1000);
    int err = ends[1].err;
    if (err == 0 && (ends[1].messages != 1 || ends[1].last_len != 9)) err = 1;
    release();
    return err;
}

static void unknown_types(void)
{
    check_int(answer_to(0, 4), KITH_ERR_TYPE);
    check_int(answer_to(KITH_FRAME_WELCOME, 1), KITH_ERR_TYPE);
    check_int(answer_to(KITH_FRAME_LAST + 1, 4), KITH_ERR_TYPE);
    check_int(answer_to(0x7f, 4), KITH_ERR_TYPE);
    check_int(answer_to(KITH_FRAME_OPTIONAL, 4), 0);
    check_int(answer_to(0xff, KITH_MESSAGE_MAX), 0);
    check_int(answer_to(KITH_FRAME_BYE, 2), KITH_ERR_RANGE);
}

static void messages_before_the_welcome(void)
{
    join(1000);
    ends[1].channel.seal.count = 0;
    ends[1].wire_len = 0;
    send(&ends[1], (struct kith_bytes){message, 1});
    carry(1, 1000);
    check_int(ends[0].err, KITH_ERR_TYPE);
    check_int(ends[0].ups, 0);
    release();
}

/* Three messages whose bytes `spoil` alters: how many arrive, and with which error it ends. */
static int spoiled(void (*spoil)(uint8_t *wire, size_t *len, size_t frame), uint32_t *ret_messages)
{
    join(1000);
    carry(1, 1000);
    for (int i = 0; i < 3; i++)
        send(&ends[0], (struct kith_bytes){message, 50});
    spoil(ends[0].wire, &ends[0].wire_len, 50 + KITH_FRAME_OVERHEAD);
    carry(0, 33);
    *ret_messages = ends[1].messages;
    int err = ends[1].err;
    size_t room = 0;
    pump(&ends[1]);
    if (ends[1].err != err) err = 1; /* it must stay ended */
    if (err != 0 && kith_channel_room(&ends[1].channel, &room)) err = 1;
    release();
    return err;
}

static void flip(uint8_t *wire, size_t *len, size_t frame)
{
    (void)len;
    wire[frame + 20] ^= 1;
}

static void swap(uint8_t *wire, size_t *len, size_t frame)
{
    uint8_t held[200];
    (void)len;
    memcpy(held, wire + frame, frame);
    memcpy(wire + frame, wire + 2 * frame, frame);
    memcpy(wire + 2 * frame, held, frame);
}

static void repeat(uint8_t *wire, size_t *len, size_t frame)
{
    (void)len;
    memcpy(wire + frame, wire, frame);
}

static void lose(uint8_t *wire, size_t *len, size_t frame)
{
    memmove(wire + frame, wire + 2 * frame, frame);
    *len -= frame;
}

static void lengthen(uint8_t *wire, size_t *len, size_t frame)
{
    (void)len;
    wire[frame + 3]++;
}

static void reflect(uint8_t *wire, size_t *len, size_t frame)
{
    /* What the far end itself would send now. */
    send(&ends[1], (struct kith_bytes){message, 50});
    memcpy(wire + frame, ends[1].wire, frame);
    ends[1].wire_len = 0;
    (void)len;
}

static void huge(uint8_t *wire, size_t *len, size_t frame)
{
    (void)len;
    memset(wire + frame, 0xff, 4);
}

static void none(uint8_t *wire, size_t *len, size_t frame)
{
    (void)wire, (void)len, (void)frame;
}

static void spoiled_frames_end_it(void)
{
    uint32_t messages = 0;
    check_int(spoiled(none, &messages), 0);
    check_int(messages, 3);
    static void (*const ways[])(uint8_t *, size_t *, size_t) = {flip,     swap,    repeat, lose,
                                                                lengthen, reflect, huge};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        check_int(spoiled(ways[i], &messages), ways[i] == huge ? KITH_ERR_RANGE : KITH_ERR_CRYPTO);
        check_int(messages, 1);
    }
}

static void secrets_are_gone_when_up(void)
{
    static const uint8_t zeros[KITH_LINK_KEY_LEN];
    join(1000);
    carry(1, 1000);
    for (int i = 0; i < 2; i++) {
        struct kith_handshake *handshake = &ends[i].channel.handshake;
        check(memcmp(handshake->send_key, zeros, sizeof zeros) == 0);
        check(memcmp(handshake->receive_key, zeros, sizeof zeros) == 0);
        check(memcmp(handshake->noise.static_secret, zeros, 32) == 0);
    }
    release();
    check(memcmp(ends[0].channel.seal.key, zeros, sizeof zeros) == 0);
}

int main(void)
{
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(i * 13 >> 2);
    run(both_come_up_with_the_right_hotkeys);
    run(messages_pass_however_the_stream_is_cut);
    run(parts_make_a_message_with_others_between_them);
    run(parts_that_cannot_be);
    run(a_frame_under_way_is_seen);
    run(strangers_get_no_answer);
    run(a_stranger_is_read_no_further_than_needed);
    run(an_altered_handshake_ends_it);
    run(another_hotkey_than_expected);
    run(a_bye_in_place_of_the_welcome);
    run(a_bye_ends_it);
    run(unknown_types);
    run(messages_before_the_welcome);
    run(spoiled_frames_end_it);
    run(secrets_are_gone_when_up);
    return test_end();
}
