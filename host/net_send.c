/* A connection's sending: two queues, one write under way, frames sealed into its buffer. */
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/err.h"
#include "host/net_conn.h"

enum {
    NOTSENT_MAX = 128 * 1024, /* unsent bytes that the kernel may hold */
    BATCH_MIN = 4 * 1024,
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

/* The last write is on its way, not only in the kernel's buffer, which may be large. */
static bool has_left(const struct kith_conn *conn)
{
    int fd = -1, unsent = 0;
    if (uv_fileno((const uv_handle_t *)&conn->tcp, &fd) != 0) return false;
    if (ioctl(fd, SIOCOUTQNSD, &unsent) != 0) return true;
    return (size_t)unsent <= conn->out_len / 2;
}

/* What the network takes in BATCH_TIME_NS by the write that just ended, but at most twice the last
 * batch, and no more than that while most of it lies in the kernel: one write may be lucky. */
static size_t next_batch(const struct kith_conn *conn)
{
    uint64_t batch = conn->batch_max, wanted = batch;
    if (!conn->is_limited && conn->out_len >= batch) wanted = batch * 2;
    if (conn->is_limited && conn->out_len >= BATCH_MIN) {
        uint64_t elapsed_ns = uv_hrtime() - conn->write_began_ns + 1;
        wanted = (uint64_t)conn->out_len * BATCH_TIME_NS / elapsed_ns;
    }
    if (wanted > batch * 2) wanted = batch * 2;
    if (wanted > KITH_NET_BATCH_MAX) wanted = KITH_NET_BATCH_MAX;
    if (wanted > batch && !has_left(conn)) wanted = batch;
    return wanted < BATCH_MIN ? BATCH_MIN : (size_t)wanted;
}

/* Seal ahead, and let the kernel hold, so little that a control message never waits long behind
 * bulk ones. */
static void adapt(struct kith_conn *conn)
{
    size_t batch = next_batch(conn);
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

/* A frame of `len` bytes was sealed. */
static void sealed(struct kith_conn *conn, size_t len)
{
    if (len == 0) kith_conn_close(conn, KITH_ERR_CLOSED);
    conn->out_len += len;
}

static void seal(struct kith_conn *conn, struct kith_bytes head, struct kith_bytes body)
{
    sealed(conn, kith_channel_seal(&conn->channel, head, body, conn->out + conn->out_len));
    conn->net->counters.messages_out++;
}

static void drain_control(struct kith_conn *conn)
{
    struct kith_bytes head, body;
    while (conn->out_len < conn->batch_max && kith_send_queue_peek(&conn->control, &head, &body)) {
        seal(conn, head, body);
        kith_send_queue_pop(&conn->control);
    }
}

/* Bytes [from, from + most) of head and then body, or as many of them as there are. */
static void slice(struct kith_bytes *head, struct kith_bytes *body, size_t from, size_t most)
{
    size_t skipped = from < head->len ? from : head->len;
    *head = (struct kith_bytes){head->at + skipped, head->len - skipped};
    *body = (struct kith_bytes){body->at + (from - skipped), body->len - (from - skipped)};
    if (head->len > most) head->len = most;
    if (body->len > most - head->len) body->len = most - head->len;
}

/* On a slow link a bulk message goes in parts, between which control messages find their way. */
static bool goes_in_parts(const struct kith_conn *conn, size_t len)
{
    if (conn->bulk_sent > 0) return true;
    return conn->batch_max < KITH_NET_BATCH_WHOLE && len > conn->batch_max - conn->out_len;
}

static void seal_part(struct kith_conn *conn, struct kith_bytes head, struct kith_bytes body)
{
    size_t whole = head.len + body.len;
    slice(&head, &body, conn->bulk_sent, conn->batch_max - conn->out_len);
    conn->bulk_sent += head.len + body.len;
    bool is_last = conn->bulk_sent == whole;
    sealed(conn,
           kith_channel_seal_part(&conn->channel, head, body, is_last, conn->out + conn->out_len));
    if (!is_last) return;
    conn->bulk_sent = 0;
    conn->net->counters.messages_out++;
    kith_send_queue_pop(&conn->bulk);
}

static void drain_bulk(struct kith_conn *conn)
{
    struct kith_bytes head, body;
    while (conn->out_len < conn->batch_max && kith_send_queue_peek(&conn->bulk, &head, &body)) {
        if (goes_in_parts(conn, head.len + body.len)) {
            seal_part(conn, head, body);
            continue;
        }
        seal(conn, head, body);
        kith_send_queue_pop(&conn->bulk);
    }
}

static void fill(struct kith_conn *conn)
{
    drain_control(conn);
    if (conn->phase == KITH_CONN_OPEN) drain_bulk(conn);
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

/* No write is under way, no control message waits, and there is room. */
static bool has_room(const struct kith_conn *conn)
{
    if (conn->is_writing || conn->out_len >= conn->batch_max) return false;
    return kith_send_queue_is_empty(&conn->control);
}

static bool may_seal_now(const struct kith_conn *conn, enum kith_send_class send_class, size_t len)
{
    if (!has_room(conn)) return false;
    if (send_class == KITH_SEND_CONTROL) return true;
    return kith_send_queue_is_empty(&conn->bulk) && !goes_in_parts(conn, len);
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
    if (may_seal_now(conn, send_class, head.len + body.len) && hold_out(conn)) {
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
    if (conn->phase != KITH_CONN_OPEN || !has_room(conn)) return 0;
    if (!kith_send_queue_is_empty(&conn->bulk)) return 0;
    return conn->batch_max - conn->out_len;
}
