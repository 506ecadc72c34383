/* A connection's life: handshake, reading, deadlines, end. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/err.h"
#include "host/net_conn.h"

static uint64_t conn_now(const struct kith_conn *conn)
{
    return uv_now(conn->net->config.loop);
}

static bool is_half_open(const struct kith_conn *conn)
{
    return !conn->dialed && conn->phase == KITH_CONN_SHAKING;
}

static bool is_dialing(const struct kith_conn *conn)
{
    if (!conn->dialed) return false;
    return conn->phase == KITH_CONN_CONNECTING || conn->phase == KITH_CONN_SHAKING;
}

/* All changes of phase pass here, so that the gauges are right. */
static void set_phase(struct kith_conn *conn, enum kith_conn_phase phase)
{
    struct kith_net *net = conn->net;
    net->counters.half_open -= is_half_open(conn);
    net->dialing -= is_dialing(conn);
    conn->phase = phase;
    conn->began_ms = conn_now(conn);
    net->counters.half_open += is_half_open(conn);
    net->dialing += is_dialing(conn);
}

static void conn_free(struct kith_conn *conn)
{
    kith_channel_release(&conn->channel);
    kith_send_queue_release(&conn->control);
    kith_send_queue_release(&conn->bulk);
    kith_net_give_back(&conn->net->receive, &conn->in);
    kith_net_give_back(&conn->net->send, &conn->out);
    free(conn);
}

static void conn_forget(struct kith_conn *conn)
{
    struct kith_net *net = conn->net;
    uint32_t last = --net->conn_count;
    net->conns[conn->index] = net->conns[last];
    net->links[conn->index] = net->links[last];
    net->conns[conn->index]->index = conn->index;
    for (struct kith_conn **at = &net->dirty; *at; at = &(*at)->dirty_next) {
        if (*at != conn) continue;
        *at = conn->dirty_next;
        return;
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct kith_conn *conn = handle->data;
    struct kith_net *net = conn->net;
    if (--conn->handles > 0) return;

    conn_forget(conn);
    kith_link link = conn->link;
    bool dialed = conn->dialed;
    uint64_t number = conn->number;
    int err = conn->err;
    conn_free(conn);
    net->counters.links -= link != 0;
    if (net->is_closing)
        kith_net_mark(net, NULL);
    else if (link != 0)
        net->config.on_link_down(net->config.context, link, err);
    else if (dialed)
        net->config.on_dial_failed(net->config.context, number, err);
}

struct kith_conn *kith_conn_new(struct kith_net *net, bool dialed, const struct kith_addr *addr)
{
    if (net->conn_count == net->conns_max) return NULL;
    struct kith_conn *conn = calloc(1, sizeof *conn);
    if (!conn) return NULL;
    if (uv_tcp_init(net->config.loop, &conn->tcp) != 0) {
        free(conn);
        return NULL;
    }
    int err = uv_timer_init(net->config.loop, &conn->timer);
    kith_assert(err == 0);
    conn->net = net;
    conn->dialed = dialed;
    conn->addr = *addr;
    conn->phase = KITH_CONN_CLOSING; /* counted nowhere */
    conn->batch_max = KITH_NET_BATCH_FIRST;
    kith_send_queue_init(&conn->control, net->config.limits.control_max);
    kith_send_queue_init(&conn->bulk, net->config.limits.bulk_max);
    conn->tcp.data = conn;
    conn->timer.data = conn;
    conn->handles = 2;
    conn->index = net->conn_count++;
    net->conns[conn->index] = conn;
    net->links[conn->index] = 0;
    set_phase(conn, KITH_CONN_CONNECTING);
    return conn;
}

void kith_conn_close(struct kith_conn *conn, int err)
{
    if (conn->phase == KITH_CONN_CLOSING) return;
    if (conn->err == 0) conn->err = err;
    set_phase(conn, KITH_CONN_CLOSING);
    uv_close((uv_handle_t *)&conn->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
}

void kith_conn_hang_up(struct kith_conn *conn, uint8_t code, int err)
{
    kith_assert(conn->phase < KITH_CONN_LINGERING);
    if (!kith_channel_may_seal(&conn->channel)) {
        kith_conn_close(conn, err);
        return;
    }
    conn->err = err;
    conn->bye_code = code;
    set_phase(conn, KITH_CONN_LINGERING);
    conn->is_full = false;
    conn->is_blocked = false;
    kith_conn_read_update(conn);
    kith_conn_watch(conn);
    kith_net_mark(conn->net, conn);
}

/* Deadlines. */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t shaking_deadline(const struct kith_conn *conn)
{
    const struct kith_net_limits *limits = &conn->net->config.limits;
    if (conn->dialed || conn->has_read) return conn->began_ms + limits->handshake_ms;
    return conn->began_ms + earlier(limits->first_byte_ms, limits->handshake_ms);
}

static uint64_t open_deadline(const struct kith_conn *conn)
{
    const struct kith_net_limits *limits = &conn->net->config.limits;
    uint64_t at = UINT64_MAX;
    if (conn->is_writing) at = conn->progress_ms + limits->stall_ms;
    if (conn->is_reading && kith_channel_is_inside(&conn->channel))
        at = earlier(at, conn->frame_ms + limits->frame_ms);
    return at;
}

static uint64_t deadline_of(const struct kith_conn *conn)
{
    const struct kith_net_limits *limits = &conn->net->config.limits;
    switch (conn->phase) {
    case KITH_CONN_CONNECTING:
        return conn->began_ms + limits->connect_ms;
    case KITH_CONN_SHAKING:
        return shaking_deadline(conn);
    case KITH_CONN_OPEN:
        return open_deadline(conn);
    case KITH_CONN_LINGERING:
        return conn->began_ms + limits->linger_ms;
    case KITH_CONN_CLOSING:
        break;
    }
    return UINT64_MAX;
}

static void expire(struct kith_conn *conn)
{
    struct kith_net_counters *counters = &conn->net->counters;
    counters->refused_silent += conn->phase == KITH_CONN_SHAKING;
    counters->stalled += conn->phase == KITH_CONN_OPEN;
    kith_conn_close(conn, KITH_ERR_TIMEOUT);
}

/* Bytes that the far end took count as progress, seen only when it matters. */
static void note_progress(struct kith_conn *conn)
{
    size_t waiting = uv_stream_get_write_queue_size((uv_stream_t *)&conn->tcp);
    if (conn->is_writing && waiting < conn->waiting) {
        conn->waiting = waiting;
        conn->progress_ms = conn_now(conn);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct kith_conn *conn = timer->data;
    conn->armed_ms = 0;
    if (conn->phase == KITH_CONN_CLOSING) return;
    note_progress(conn);
    if (conn_now(conn) < deadline_of(conn)) {
        conn->is_overdue = false;
        kith_conn_watch(conn);
    } else if (conn->is_overdue) {
        expire(conn);
    } else {
        /* Timers come before what the sockets hold: if it was us who slept, look there first. */
        conn->is_overdue = true;
        conn->armed_ms = conn_now(conn) + 1;
        uv_timer_start(&conn->timer, on_timer, 1, 0);
    }
}

void kith_conn_watch(struct kith_conn *conn)
{
    uint64_t deadline = deadline_of(conn), now = conn_now(conn);
    if (deadline == UINT64_MAX) return;
    /* While bytes wait, look four times as often, so that progress is seen near its time. */
    if (conn->phase == KITH_CONN_OPEN && conn->is_writing)
        deadline = earlier(deadline, now + conn->net->config.limits.stall_ms / 4 + 1);
    if (conn->armed_ms != 0 && conn->armed_ms <= deadline) return;
    conn->armed_ms = deadline;
    uv_timer_start(&conn->timer, on_timer, deadline > now ? deadline - now : 0, 0);
}

/* The handshake. */

static int dial_err(int err)
{
    if (err == KITH_ERR_IDENTITY) return KITH_ERR_SIGNATURE;
    if (err == KITH_ERR_SELF || err == KITH_ERR_VERSION || err == KITH_ERR_SIGNATURE) return err;
    if (err == KITH_ERR_NOMEM) return err;
    return KITH_ERR_CRYPTO;
}

static void refuse(struct kith_conn *conn, int err)
{
    struct kith_net_counters *counters = &conn->net->counters;
    char text[KITH_ADDR_TEXT_MAX];
    kith_addr_format(&conn->addr, text);
    if (err == KITH_ERR_VERSION) {
        counters->refused_version++;
        kith_net_log(conn->net, "%s speaks no protocol version that we speak", text);
    } else if (err == KITH_ERR_IDENTITY) {
        counters->refused_hotkey++;
    } else if (err == KITH_ERR_SELF) {
        counters->refused_self++;
    } else {
        counters->refused_garbage++;
    }
    kith_conn_close(conn, dial_err(err));
}

/* Write the handshake message that is due, if any. It is smaller than any socket's buffer, and the
 * one before it was answered: if it does not fit, something is wrong with the connection. */
static void say(struct kith_conn *conn)
{
    uint8_t bytes[KITH_CHANNEL_WRITE_MAX];
    size_t len = 0;
    int err = kith_channel_write(&conn->channel, bytes, &len);
    if (err != 0) {
        refuse(conn, err);
        return;
    }
    if (len == 0) return;
    uv_buf_t buffer = uv_buf_init((char *)bytes, (unsigned)len);
    int written = uv_try_write((uv_stream_t *)&conn->tcp, &buffer, 1);
    if (written != (int)len)
        kith_conn_close(conn, KITH_ERR_CLOSED);
    else
        conn->net->counters.raw_bytes_out += len;
}

static void set_options(struct kith_conn *conn)
{
    int fd = -1, timeout_ms = (int)conn->net->config.limits.stall_ms,
        notsent = KITH_NET_BATCH_FIRST;
    /* Without these links only notice less, or later: nothing depends on their success. */
    (void)uv_tcp_nodelay(&conn->tcp, 1);
    if (uv_fileno((uv_handle_t *)&conn->tcp, &fd) != 0) return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent, sizeof notsent);
}

void kith_conn_start(struct kith_conn *conn)
{
    const struct kith_net_config *config = &conn->net->config;
    struct kith_handshake_config handshake = {
        .role = conn->dialed ? KITH_HANDSHAKE_DIALLER : KITH_HANDSHAKE_LISTENER,
        .swarm = config->swarm,
        .keypair = config->keypair,
        .scheme = config->scheme,
        .expect = conn->expect,
        .version_min = config->version_min,
        .version_max = config->version_max,
    };
    uint8_t ephemeral[KITH_SEED_LEN];
    randombytes_buf(ephemeral, sizeof ephemeral);
    kith_channel_init(&conn->channel, &handshake, conn->net->static_secret, ephemeral);
    sodium_memzero(ephemeral, sizeof ephemeral);
    set_options(conn);
    set_phase(conn, KITH_CONN_SHAKING);
    kith_conn_read_update(conn);
    if (conn->dialed) say(conn);
    kith_conn_watch(conn);
}

/* Both ends are proven. */
static void conn_up(struct kith_conn *conn)
{
    struct kith_net *net = conn->net;
    kith_channel_open(&conn->channel, NULL, 0);
    if (net->counters.links >= net->config.links_max) {
        net->counters.refused_links++;
        kith_conn_hang_up(conn, KITH_CHANNEL_BYE_FULL, KITH_ERR_FULL);
        return;
    }
    if (!conn->dialed && !kith_conn_welcome(conn)) {
        kith_conn_close(conn, KITH_ERR_NOMEM);
        return;
    }
    set_phase(conn, KITH_CONN_OPEN);
    conn->link = ++net->last_link;
    net->links[conn->index] = conn->link;
    net->counters.handshakes++;
    net->counters.links++;
    net->config.on_link_up(net->config.context, conn->link, kith_channel_peer(&conn->channel),
                           &conn->addr, conn->dialed, conn->number);
}

/* Reading. */

void kith_conn_broken(struct kith_conn *conn, int uv_err)
{
    struct kith_net_counters *counters = &conn->net->counters;
    bool is_end = uv_err == UV_EOF || uv_err == UV_ECONNRESET || uv_err == UV_EPIPE;
    if (conn->phase == KITH_CONN_OPEN) {
        counters->cut += uv_err != UV_ETIMEDOUT;
        counters->stalled += uv_err == UV_ETIMEDOUT;
        kith_conn_close(conn, is_end ? KITH_ERR_TRUNCATED : kith_net_err(uv_err));
        return;
    }
    counters->refused_silent += is_half_open(conn);
    kith_conn_close(conn, is_end ? KITH_ERR_CLOSED : kith_net_err(uv_err));
}

static void take_error(struct kith_conn *conn, int err)
{
    if (conn->phase != KITH_CONN_OPEN) {
        refuse(conn, err);
        return;
    }
    conn->net->counters.bad_frames++;
    kith_conn_hang_up(conn, KITH_HANG_UP_PROTOCOL, err);
}

static void take_message(struct kith_conn *conn, struct kith_bytes message)
{
    struct kith_net *net = conn->net;
    net->counters.messages_in++;
    net->config.on_message(net->config.context, conn->link, message);
}

/* Take all that is there, unless our answers are not taken. Any callback may end the connection.
 * True if a message was among it. */
static bool pump(struct kith_conn *conn)
{
    bool has_message = false;
    conn->is_held = true;
    while (conn->phase == KITH_CONN_SHAKING || conn->phase == KITH_CONN_OPEN) {
        if (conn->is_blocked) break;
        enum kith_channel_event event;
        struct kith_bytes body;
        int err = kith_channel_next(&conn->channel, &event, &body);
        if (err != 0) {
            take_error(conn, err);
            break;
        }
        switch (event) {
        case KITH_CHANNEL_NOTHING:
            conn->is_held = false;
            say(conn);
            return has_message;
        case KITH_CHANNEL_UP:
            conn_up(conn);
            break;
        case KITH_CHANNEL_MESSAGE:
            has_message = true;
            take_message(conn, body);
            break;
        case KITH_CHANNEL_BYE:
            kith_conn_close(conn,
                            body.at[0] == KITH_CHANNEL_BYE_FULL ? KITH_ERR_FULL : KITH_ERR_CLOSED);
            break;
        }
    }
    return has_message;
}

/* Where an open link receives; NULL without memory. */
static uint8_t *open_room(struct kith_conn *conn)
{
    if (!conn->in) {
        conn->in = kith_net_borrow(&conn->net->receive);
        if (!conn->in) return NULL;
        kith_channel_open(&conn->channel, conn->in, KITH_NET_RECEIVE_SIZE);
    }
    return kith_channel_room(&conn->channel, &conn->offered);
}

/* Between frames a link needs no buffer. */
static void lend_room(struct kith_conn *conn)
{
    if (conn->phase != KITH_CONN_OPEN || !conn->in) return;
    if (kith_channel_is_inside(&conn->channel)) return;
    kith_channel_open(&conn->channel, NULL, 0);
    kith_net_give_back(&conn->net->receive, &conn->in);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct kith_conn *conn = handle->data;
    uint8_t *room = NULL;
    (void)suggested;
    conn->offered = 0;
    if (conn->phase == KITH_CONN_OPEN) {
        room = open_room(conn);
    } else if (conn->phase == KITH_CONN_SHAKING) {
        room = kith_channel_room(&conn->channel, &conn->offered);
    } else {
        room = conn->net->scratch;
        conn->offered = sizeof conn->net->scratch;
    }
    *ret_buffer = uv_buf_init((char *)room, (unsigned)conn->offered);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer)
{
    struct kith_conn *conn = stream->data;
    (void)buffer;
    if (conn->phase == KITH_CONN_CLOSING) return;
    if (len == 0) {
        lend_room(conn);
        return;
    }
    if (len < 0) {
        kith_conn_broken(conn, (int)len);
        return;
    }
    conn->net->counters.raw_bytes_in += (uint64_t)len;
    if (conn->phase == KITH_CONN_LINGERING) return;

    bool was_inside = kith_channel_is_inside(&conn->channel);
    conn->has_read = true;
    conn->is_full = conn->phase == KITH_CONN_OPEN && (size_t)len == conn->offered;
    kith_channel_received(&conn->channel, (size_t)len);
    bool has_message = pump(conn);
    if (has_message || !was_inside) conn->frame_ms = conn_now(conn);
    if (conn->phase == KITH_CONN_CLOSING || conn->phase == KITH_CONN_LINGERING) return;
    lend_room(conn);
    kith_conn_watch(conn);
    if (!conn->is_full) return;
    /* More may be there: it is read in the next turn, after the others had theirs. */
    kith_conn_read_update(conn);
    kith_net_mark(conn->net, conn);
}

void kith_conn_read_update(struct kith_conn *conn)
{
    bool may_read = !conn->is_full && !conn->is_blocked;
    if (may_read == conn->is_reading) return;
    conn->is_reading = may_read;
    if (!may_read) {
        uv_read_stop((uv_stream_t *)&conn->tcp);
        return;
    }
    int err = uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
    if (err != 0) kith_conn_broken(conn, err);
}

void kith_conn_turn(struct kith_conn *conn)
{
    if (conn->phase != KITH_CONN_OPEN && conn->phase != KITH_CONN_LINGERING) return;
    conn->is_full = false;
    if (conn->phase == KITH_CONN_OPEN && conn->is_held) pump(conn);
    if (conn->phase == KITH_CONN_CLOSING) return;
    lend_room(conn);
    kith_conn_read_update(conn);
    if (conn->phase != KITH_CONN_CLOSING) kith_conn_flush(conn);
}
