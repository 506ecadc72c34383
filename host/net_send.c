/* A connection's sending: two queues, one write under way, frames sealed into its buffer. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/err.h"
#include "host/net_conn.h"

enum {
    NOTSENT_MAX = 128 * 1024, /* unsent bytes that the kernel may hold */
    NOTSENT_MIN = 16 * 1024,
    BATCH_TIME_NS = 10 * 1000 * 1000,
};

static void on_written(uv_write_t *write, int status);

static void set_batch(struct kith_conn *conn, size_t batch)
{
    int fd = -1, notsent = batch < NOTSENT_MAX ? (int)batch : NOTSENT_MAX;
    conn->batch_max = batch;
    if (uv_fileno((uv_handle_t *)&conn->tcp, &fd) != 0) return;
    /* A kernel without it queues more; nothing else depends on it. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent, sizeof notsent);
}

/* Seal ahead, and let the kernel hold, what the network takes in BATCH_TIME_NS, so that a control
 * message never waits long behind bulk ones. The write that just ended shows how much that is. */
static void adapt(struct kith_conn *conn)
{
    size_t batch = conn->batch_max;
    if (!conn->is_limited && conn->out_len >= batch) {
        batch = batch * 2 < KITH_NET_BATCH_MAX ? batch * 2 : KITH_NET_BATCH_MAX;
    } else if (conn->is_limited && conn->out_len >= NOTSENT_MIN) {
        uint64_t elapsed_ns = uv_hrtime() - conn->write_began_ns + 1;
        uint64_t wanted = (uint64_t)conn->out_len * BATCH_TIME_NS / elapsed_ns;
        batch = wanted < KITH_NET_BATCH_MAX ? (size_t)wanted : KITH_NET_BATCH_MAX;
        if (batch < NOTSENT_MIN) batch = NOTSENT_MIN;
    }
    bool is_news = batch >= conn->batch_max * 2 || batch * 2 <= conn->batch_max ||
                   (batch == KITH_NET_BATCH_MAX && batch != conn->batch_max);
    if (is_news) set_batch(conn, batch);
}

static bool hold_out(struct kith_conn *conn)
{
    if (!conn->out) conn->out = kith_net_borrow(&conn->net->send);
    return conn->out != NULL;
}

static void lend_out(struct kith_conn *conn)
{
    if (!conn->is_writing && conn->out_len == 0) kith_net_give_back(&conn->net->send, &conn->out);
}

bool kith_conn_welcome(struct kith_conn *conn)
{
    if (!hold_out(conn)) return false;
    conn->out_len = kith_channel_welcome(&conn->channel, conn->out);
    kith_net_mark(conn->net, conn);
    return true;
}

static void seal(struct kith_conn *conn, struct kith_bytes head, struct kith_bytes body)
{
    size_t len = kith_channel_seal(&conn->channel, head, body, conn->out + conn->out_len);
    if (len == 0) kith_conn_close(conn, KITH_ERR_CLOSED);
    conn->out_len += len;
    conn->net->counters.messages_out++;
}

static void drain_queue(struct kith_conn *conn, struct kith_send_queue *queue)
{
    struct kith_bytes head, body;
    while (conn->out_len < conn->batch_max && kith_send_queue_peek(queue, &head, &body)) {
        seal(conn, head, body);
        kith_send_queue_pop(queue);
    }
}

static void fill(struct kith_conn *conn)
{
    drain_queue(conn, &conn->control);
    if (conn->phase == KITH_CONN_OPEN) drain_queue(conn, &conn->bulk);
    if (conn->phase != KITH_CONN_LINGERING || conn->has_said_bye) return;
    if (!kith_send_queue_is_empty(&conn->control)) return;
    conn->out_len += kith_channel_bye(&conn->channel, conn->bye_code, conn->out + conn->out_len);
    conn->has_said_bye = true;
}

static bool has_work(const struct kith_conn *conn)
{
    if (conn->out_len > 0 || !kith_send_queue_is_empty(&conn->control)) return true;
    if (conn->phase == KITH_CONN_LINGERING) return !conn->has_said_bye;
    return !kith_send_queue_is_empty(&conn->bulk);
}

void kith_conn_flush(struct kith_conn *conn)
{
    if (conn->is_writing || !has_work(conn)) return;
    if (!hold_out(conn)) {
        kith_conn_close(conn, KITH_ERR_NOMEM);
        return;
    }
    fill(conn);
    if (conn->phase == KITH_CONN_CLOSING || conn->out_len == 0) return;
    uv_stream_t *stream = (uv_stream_t *)&conn->tcp;
    uv_buf_t buffer = uv_buf_init((char *)conn->out, (unsigned)conn->out_len);
    conn->write_began_ns = uv_hrtime();
    int err = uv_write(&conn->write, stream, &buffer, 1, on_written);
    if (err != 0) {
        kith_conn_broken(conn, err);
        return;
    }
    conn->net->counters.writes++;
    conn->is_writing = true;
    conn->waiting = uv_stream_get_write_queue_size(stream);
    conn->is_limited = conn->waiting > 0;
    conn->progress_ms = uv_now(conn->net->config.loop);
    if (conn->is_limited) kith_conn_watch(conn);
}

static void unblock(struct kith_conn *conn)
{
    if (!conn->is_blocked || conn->control.used > conn->control.size / 4) return;
    conn->is_blocked = false;
    conn->frame_ms = uv_now(conn->net->config.loop);
    kith_net_mark(conn->net, conn);
}

static void on_shut_down(uv_shutdown_t *shutdown, int status)
{
    (void)shutdown;
    (void)status; /* the far end closes now, or the linger time ends */
}

/* A write is done: what is next? */
static void go_on(struct kith_conn *conn)
{
    if (conn->phase == KITH_CONN_LINGERING && conn->has_said_bye) {
        int err = uv_shutdown(&conn->shutdown, (uv_stream_t *)&conn->tcp, on_shut_down);
        if (err != 0) kith_conn_close(conn, conn->err);
        return;
    }
    kith_conn_flush(conn);
    const struct kith_net_config *config = &conn->net->config;
    if (conn->is_writing || conn->phase != KITH_CONN_OPEN || !config->on_drained) return;
    config->on_drained(config->context, conn->link);
    if (conn->phase == KITH_CONN_OPEN) kith_conn_flush(conn);
}

static void on_written(uv_write_t *write, int status)
{
    struct kith_conn *conn = write->handle->data;
    conn->is_writing = false;
    if (conn->phase == KITH_CONN_CLOSING) return;
    if (status != 0) {
        kith_conn_broken(conn, status);
        return;
    }
    conn->net->counters.raw_bytes_out += conn->out_len;
    adapt(conn);
    conn->out_len = 0;
    unblock(conn);
    if (conn->phase != KITH_CONN_CLOSING) go_on(conn);
    lend_out(conn);
}

/* True if it may be sealed now: nothing that goes before it waits. */
static bool may_seal_now(const struct kith_conn *conn, enum kith_send_class send_class)
{
    if (conn->is_writing || conn->out_len >= conn->batch_max) return false;
    if (!kith_send_queue_is_empty(&conn->control)) return false;
    return send_class == KITH_SEND_CONTROL || kith_send_queue_is_empty(&conn->bulk);
}

static bool queue_control(struct kith_conn *conn, struct kith_bytes head, struct kith_bytes body)
{
    if (!kith_send_queue_push(&conn->control, head, body)) {
        conn->net->counters.overrun++;
        kith_conn_close(conn, KITH_ERR_FULL);
        return false;
    }
    /* Who does not take our answers gets to ask no more. */
    if (conn->control.used > conn->control.size / 2) {
        conn->is_blocked = true;
        kith_conn_read_update(conn);
    }
    return true;
}

bool kith_conn_send(struct kith_conn *conn, enum kith_send_class send_class, struct kith_bytes head,
                    struct kith_bytes body)
{
    if (conn->phase != KITH_CONN_OPEN) return false;
    if (!conn->is_writing) kith_net_mark(conn->net, conn);
    if (may_seal_now(conn, send_class) && hold_out(conn)) {
        seal(conn, head, body);
        return true;
    }
    if (send_class == KITH_SEND_CONTROL) return queue_control(conn, head, body);
    if (kith_send_queue_push(&conn->bulk, head, body)) return true;
    conn->net->counters.bulk_dropped++;
    return false;
}

size_t kith_conn_room(const struct kith_conn *conn)
{
    if (conn->phase != KITH_CONN_OPEN || !may_seal_now(conn, KITH_SEND_BULK)) return 0;
    return conn->batch_max - conn->out_len;
}
