/* One end of a link and a far end that does what the input says. Byte 0: bit 0, whether the end
 * under test dials; the rest modulo 4, what the far end does with the bytes from the third on: 0
 * sends them in place of a handshake 1  shakes hands, then sends them 2  shakes hands, then seals
 * them: type u8, length u16, so much body, and again 3  shakes hands and sends three messages, but
 * on the way bytes are altered: position u16, mask u8, and again Byte 1: how many bytes arrive at
 * once, less one. */
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "host/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAM_MAX = 512 * 1024, BUFFER = 2 * KITH_FRAME_MAX };

struct end {
    struct kith_channel channel;
    struct kith_keypair keypair;
    bool dials;
    bool is_up;
    bool has_ended;
    uint32_t messages;
    size_t step;
    uint8_t buffer[BUFFER];
    uint8_t said[STREAM_MAX];
    size_t said_len;
    size_t carried; /* of what was said */
};

static struct end under_test, far_end;
static struct kith_reader script;
static bool is_altered; /* something was, before the end under test came up */

static void end_init(struct end *end, bool dials, size_t step)
{
    uint8_t seed[KITH_SEED_LEN] = {1, dials}, static_secret[KITH_SEED_LEN] = {2, dials},
            ephemeral[KITH_SEED_LEN] = {3, dials};
    end->dials = dials;
    end->is_up = false;
    end->has_ended = false;
    end->messages = 0;
    end->step = step;
    end->said_len = 0;
    end->carried = 0;
    kith_keypair_from_seed(&end->keypair, seed);
    struct kith_handshake_config config = {
        .role = dials ? KITH_HANDSHAKE_DIALLER : KITH_HANDSHAKE_LISTENER,
        .swarm = {{4}},
        .keypair = &end->keypair,
        .scheme = &kith_ed25519,
        .version_min = 1,
        .version_max = 1,
    };
    kith_channel_init(&end->channel, &config, static_secret, ephemeral);
}

static void say(struct end *end)
{
    size_t len = 0;
    if (kith_channel_write(&end->channel, end->said + end->said_len, &len) != 0)
        end->has_ended = true;
    end->said_len += len;
}

static void take_up(struct end *end)
{
    kith_assert(!end->is_up);
    end->is_up = true;
    kith_channel_open(&end->channel, end->buffer, sizeof end->buffer);
    if (!end->dials)
        end->said_len += kith_channel_welcome(&end->channel, end->said + end->said_len);
}

static void pump(struct end *end)
{
    for (;;) {
        enum kith_channel_event event;
        struct kith_bytes body;
        int err = kith_channel_next(&end->channel, &event, &body);
        if (err != 0) {
            kith_assert(err < 0);
            end->has_ended = true;
            return;
        }
        switch (event) {
        case KITH_CHANNEL_NOTHING:
            say(end);
            return;
        case KITH_CHANNEL_UP:
            take_up(end);
            break;
        case KITH_CHANNEL_MESSAGE:
            kith_assert(end->is_up);
            kith_assert(body.len >= 1);
            kith_assert(body.len <= KITH_MESSAGE_MAX);
            end->messages++;
            break;
        case KITH_CHANNEL_BYE:
            kith_assert(body.len == 1);
            end->has_ended = true;
            return;
        }
    }
}

static void feed(struct end *end, const uint8_t *bytes, size_t len)
{
    while (len > 0 && !end->has_ended) {
        size_t room = 0;
        uint8_t *at = kith_channel_room(&end->channel, &room);
        if (!at) return;
        kith_assert(room >= 1);
        kith_assert(end->is_up || room <= KITH_CHANNEL_WRITE_MAX);
        size_t count = room < end->step ? room : end->step;
        if (count > len) count = len;
        memcpy(at, bytes, count);
        kith_channel_received(&end->channel, count);
        bytes += count;
        len -= count;
        pump(end);
    }
}

/* Alter what the far end says from `start` of its stream on, where the script says so. */
static void alter(uint8_t *bytes, size_t start, size_t len)
{
    struct kith_reader reader = script;
    for (;;) {
        size_t position = kith_read_u16(&reader);
        uint8_t mask = kith_read_u8(&reader);
        if (reader.failed) return;
        if (position < start || position >= start + len) continue;
        bytes[position - start] ^= mask;
    }
}

static void carry(struct end *from, struct end *to, bool alters)
{
    static uint8_t bytes[STREAM_MAX];
    size_t start = from->carried, len = from->said_len - from->carried;
    from->carried = from->said_len;
    memcpy(bytes, from->said + start, len);
    if (alters) alter(bytes, start, len);
    if (!to->is_up && memcmp(bytes, from->said + start, len) != 0) is_altered = true;
    feed(to, bytes, len);
}

static void shake_hands(bool alters)
{
    say(&under_test);
    say(&far_end);
    for (int i = 0; i < 4; i++) {
        carry(&far_end, &under_test, alters);
        carry(&under_test, &far_end, false);
    }
}

static void send_sealed(void)
{
    while (!under_test.has_ended) {
        uint8_t type = kith_read_u8(&script);
        size_t len = kith_read_u16(&script);
        struct kith_bytes body = kith_read_view(&script, len);
        if (script.failed || len == 0) return;
        far_end.said_len = far_end.carried = 0;
        far_end.said_len = kith_frame_seal(&far_end.channel.seal, type, body,
                                           (struct kith_bytes){0}, far_end.said);
        carry(&far_end, &under_test, false);
    }
}

static void send_messages(void)
{
    static const uint8_t message[100];
    for (int i = 0; i < 3; i++)
        far_end.said_len +=
            kith_channel_seal(&far_end.channel, (struct kith_bytes){message, sizeof message},
                              (struct kith_bytes){0}, far_end.said + far_end.said_len);
    carry(&far_end, &under_test, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    script = kith_reader_of((struct kith_bytes){data, size});
    uint8_t mode = kith_read_u8(&script);
    size_t step = (size_t)kith_read_u8(&script) + 1;
    is_altered = false;
    end_init(&under_test, mode & 1, step);
    end_init(&far_end, !(mode & 1), 1000);
    if (mode / 2 % 4 == 0) {
        say(&under_test);
        feed(&under_test, script.at, script.left);
        kith_assert(!under_test.is_up);
        kith_assert(under_test.said_len <= KITH_CHANNEL_WRITE_MAX);
    } else {
        shake_hands(mode / 2 % 4 == 3);
        kith_assert(under_test.is_up == !is_altered);
    }
    if (under_test.is_up) {
        if (mode / 2 % 4 == 1) feed(&under_test, script.at, script.left);
        if (mode / 2 % 4 == 2) send_sealed();
        if (mode / 2 % 4 == 3 && far_end.is_up) send_messages();
        kith_assert(mode / 2 % 4 != 1 || under_test.messages == 0);
        kith_assert(mode / 2 % 4 != 3 || under_test.messages <= 3);
    }
    kith_channel_release(&under_test.channel);
    kith_channel_release(&far_end.channel);
    return 0;
}
