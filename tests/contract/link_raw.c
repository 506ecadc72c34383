#include "tests/contract/link_raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool link_raw_connect(struct link_raw *raw, struct link_world *world, uint32_t node,
                      int receive_size)
{
    memset(raw, 0, sizeof *raw);
    raw->world = world;
    raw->node = node;
    raw->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (raw->fd < 0) return false;
    if (receive_size > 0)
        setsockopt(raw->fd, SOL_SOCKET, SO_RCVBUF, &receive_size, sizeof receive_size);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(world->nodes[node].addr.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connect(raw->fd, (struct sockaddr *)&to, sizeof to) == 0;
}

struct sending {
    struct link_raw *raw;
    const uint8_t *at;
    size_t left;
};

static bool is_sent(void *context)
{
    struct sending *sending = context;
    ssize_t len = send(sending->raw->fd, sending->at, sending->left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (len > 0) {
        sending->at += len;
        sending->left -= (size_t)len;
    } else if (len < 0 && errno != EAGAIN) {
        sending->raw->is_closed = true;
    } else if (sending->left > 0) {
        link_raw_read(sending->raw, LINK_RAW_BUFFER);
    }
    return sending->left == 0 || sending->raw->is_closed;
}

bool link_raw_send(struct link_raw *raw, const void *bytes, size_t len)
{
    struct sending sending = {raw, bytes, len};
    return link_world_until(raw->world, is_sent, &sending) && sending.left == 0;
}

bool link_raw_send_message(struct link_raw *raw, const void *bytes, size_t len)
{
    static uint8_t frame[KITH_FRAME_MAX];
    size_t frame_len = kith_channel_seal(&raw->channel, (struct kith_bytes){bytes, len},
                                         (struct kith_bytes){0}, frame);
    return link_raw_send(raw, frame, frame_len);
}

static void say(struct link_raw *raw)
{
    size_t len = 0;
    raw->err = kith_channel_write(&raw->channel, raw->said + raw->said_len, &len);
    if (len > 0 && send(raw->fd, raw->said + raw->said_len, len, MSG_NOSIGNAL) != (ssize_t)len)
        raw->is_closed = true;
    raw->said_len += len;
}

static void pump(struct link_raw *raw)
{
    enum kith_channel_event event;
    struct kith_bytes body;
    do {
        raw->err = kith_channel_next(&raw->channel, &event, &body);
        if (raw->err != 0) return;
        raw->ups += event == KITH_CHANNEL_UP;
        raw->byes += event == KITH_CHANNEL_BYE;
        raw->messages += event == KITH_CHANNEL_MESSAGE;
        if (event == KITH_CHANNEL_UP)
            kith_channel_open(&raw->channel, raw->buffer, sizeof raw->buffer);
    } while (event != KITH_CHANNEL_NOTHING && event != KITH_CHANNEL_BYE);
    say(raw);
}

bool link_raw_read(struct link_raw *raw, size_t max)
{
    static uint8_t scratch[4096];
    while (max > 0 && !raw->is_closed) {
        size_t room = sizeof scratch;
        uint8_t *at = NULL;
        bool is_shaking = raw->channel.in != NULL && raw->err == 0;
        if (is_shaking) at = kith_channel_room(&raw->channel, &room);
        if (!at) room = sizeof scratch;
        ssize_t len = recv(raw->fd, at ? at : scratch, room < max ? room : max, MSG_DONTWAIT);
        if (len < 0 && errno == EAGAIN) break;
        if (len <= 0) {
            raw->is_closed = true;
            break;
        }
        raw->heard += (size_t)len;
        max -= (size_t)len;
        if (!at) continue;
        kith_channel_received(&raw->channel, (size_t)len);
        pump(raw);
    }
    return raw->is_closed;
}

static bool is_up(void *context)
{
    struct link_raw *raw = context;
    return link_raw_read(raw, LINK_RAW_BUFFER) || raw->ups > 0 || raw->err != 0;
}

bool link_raw_join(struct link_raw *raw, struct link_world *world, uint32_t node, int receive_size)
{
    uint8_t seed[KITH_SEED_LEN], static_secret[KITH_SEED_LEN], ephemeral[KITH_SEED_LEN];
    if (!link_raw_connect(raw, world, node, receive_size)) return false;
    randombytes_buf(seed, sizeof seed);
    randombytes_buf(static_secret, sizeof static_secret);
    randombytes_buf(ephemeral, sizeof ephemeral);
    kith_keypair_from_seed(&raw->keypair, seed);
    struct kith_handshake_config config = {
        .role = KITH_HANDSHAKE_DIALLER,
        .swarm = {{5}},
        .keypair = &raw->keypair,
        .scheme = &kith_ed25519,
        .version_min = 1,
        .version_max = 1,
    };
    kith_channel_init(&raw->channel, &config, static_secret, ephemeral);
    say(raw);
    return link_world_until(world, is_up, raw) && raw->ups == 1;
}

static bool is_dropped(void *context)
{
    return link_raw_read(context, LINK_RAW_BUFFER);
}

bool link_raw_is_dropped(struct link_raw *raw)
{
    return link_world_until(raw->world, is_dropped, raw);
}

void link_raw_close(struct link_raw *raw, bool reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (raw->fd < 0) return;
    if (reset) setsockopt(raw->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(raw->fd);
    raw->fd = -1;
    if (raw->channel.in) kith_channel_release(&raw->channel);
}
